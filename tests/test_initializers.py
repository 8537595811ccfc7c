"""Initializers: spread, limits, what the numbers depend on, names and configurations."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from kerato import initializers, random
from kerato.errors import InvalidType, InvalidValue, UnknownName
from kerato.variables import Variable

#: name, shape, standard deviation, largest possible value
SPREADS: list[tuple[Any, tuple[int, ...], float, float]] = [
    ("random_normal", (200, 200), 0.05, math.inf),
    ("random_uniform", (200, 200), 0.05 / math.sqrt(3), 0.05),
    ("truncated_normal", (200, 200), 0.05 * 0.8796256610, 0.1),
    ("glorot_uniform", (100, 300), math.sqrt(2 / 400), math.sqrt(6 / 400)),
    ("glorot_normal", (100, 300), math.sqrt(2 / 400), 2 * math.sqrt(2 / 400) / 0.8796),
    ("he_uniform", (100, 300), math.sqrt(2 / 100), math.sqrt(6 / 100)),
    ("he_normal", (100, 300), math.sqrt(2 / 100), 2 * math.sqrt(2 / 100) / 0.8796),
    ("lecun_uniform", (3, 3, 16, 64), math.sqrt(1 / 144), math.sqrt(3 / 144)),
    ("lecun_normal", (3, 3, 16, 64), math.sqrt(1 / 144), 2 * math.sqrt(1 / 144) / 0.8796),
    (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal"), (5, 16, 64), math.sqrt(3 / 320), math.inf),
    (initializers.VarianceScaling(3.0, "fan_avg", "normal"), (5, 16, 64), math.sqrt(3 / 200), 1.0),
    (initializers.VarianceScaling(2.0, "fan_in", "uniform", None, [1], [0]), (300, 100), math.sqrt(0.02), 0.25),
]


@pytest.mark.parametrize(("identifier", "shape", "stddev", "limit"), SPREADS)
def test_spread_and_limits(identifier: Any, shape: tuple[int, ...], stddev: float, limit: float) -> None:
    drawn = initializers.get(identifier)(shape, "float32", "dense/kernel")
    assert drawn.shape == shape and drawn.dtype == "float32"
    assert drawn.std() == pytest.approx(stddev, rel=0.03) and abs(drawn.mean()) < 0.05 * stddev
    assert np.abs(drawn).max() <= limit


def test_constants() -> None:
    assert initializers.Zeros()((2,)).tolist() == [0, 0] and initializers.Ones()((2,), "int32").dtype == "int32"
    assert initializers.Constant(0.5)((1, 2)).tolist() == [[0.5, 0.5]]
    assert initializers.Constant(np.array([1.0, 2.0]))((2, 2)).tolist() == [[1, 2], [1, 2]]
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(InvalidValue, match=r"Identity: `shape` must be that of a matrix"):
        initializers.Identity()((2, 2, 2))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 5)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    matrix = initializers.Orthogonal(2.0)(shape, "float64").reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    assert product == pytest.approx(4 * np.eye(len(product)), abs=1e-9)


def test_orthogonal_needs_a_matrix() -> None:
    with pytest.raises(InvalidValue, match=r"Orthogonal: `shape` must be at least two sizes\. Got \(3,\)\."):
        initializers.Orthogonal()((3,))


def test_numbers_depend_on_seed_and_path_only() -> None:
    initializer = initializers.GlorotUniform()
    with random.seeded(7):
        first, other = initializer((3, 4), "float32", "a/kernel"), initializer((3, 4), "float32", "b/kernel")
        assert (initializer((3, 4), "float32", "a/kernel") == first).all() and (first != other).all()
    with random.seeded(8):
        assert (initializer((3, 4), "float32", "a/kernel") != first).all()


def test_an_own_seed_gives_the_same_numbers_everywhere() -> None:
    with random.seeded(7):
        first = initializers.HeNormal(seed=3)((3, 4), "float32", "a/kernel")
    with random.seeded(8):
        assert (initializers.HeNormal(seed=3)((3, 4), "float32", "b/kernel") == first).all()
        assert (initializers.HeNormal(seed=4)((3, 4), "float32", "b/kernel") != first).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_types(dtype: str) -> None:
    drawn = initializers.RandomNormal()((1000,), dtype)
    assert str(drawn.dtype) == dtype and drawn.astype("float64").std() == pytest.approx(0.05, rel=0.1)


def test_fans() -> None:
    shapes: list[tuple[int, ...]] = [(), (5,), (2, 3), (3, 3, 4, 8)]
    assert [initializers.compute_fans(shape) for shape in shapes] == [(1, 1), (5, 5), (2, 3), (36, 72)]
    assert initializers.GlorotUniform()(()).shape == ()


class Halves(initializers.Initializer):
    """A user's initializer, without a path."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Any:  # type: ignore[override]
        return np.full(shape, 0.5 * self.gain, dtype)


class Bare(initializers.Initializer):
    """A user's initializer that takes a shape alone."""

    def __call__(self, shape: Any) -> Any:  # type: ignore[override]
        return np.ones(shape)


def test_a_users_initializer_needs_no_path() -> None:
    assert Variable(Halves(2.0), (2,), name="w").numpy().tolist() == [1, 1]
    assert Variable(Bare(), (2,), name="w").numpy().tolist() == [1, 1]
    assert Halves.from_config(Halves(2.0).get_config()).gain == 2
    with pytest.raises(NotImplementedError, match="define __call__"):
        initializers.Initializer()((2,))
    with pytest.raises(NotImplementedError, match="define draw"):
        initializers.RandomInitializer()((2,))


@pytest.mark.parametrize("kind", initializers.FAMILY.members.values())
def test_configurations_rebuild(kind: Any) -> None:
    written = initializers.serialize(kind())
    assert json.loads(json.dumps(written)) == written and written["module"] == "keras.initializers"
    again = initializers.deserialize(written)
    assert type(again) is kind and again.get_config() == kind().get_config()


def test_names() -> None:
    for name in [*initializers.FAMILY.members, *initializers.FAMILY.aliases, "zeros", "ones", "constant", "orthogonal"]:
        assert isinstance(initializers.get(name), initializers.Initializer)
    assert initializers.get(None) is None and initializers.get(np.zeros) is np.zeros
    with pytest.raises(UnknownName, match=r"^initializers: initializer 'glorot_unifrom' .* mean 'glorot_uniform'\?"):
        initializers.get("glorot_unifrom")


VIOLATIONS = [
    (initializers.VarianceScaling, {"scale": 0}, "VarianceScaling: `scale` must be a number > 0. Got 0."),
    (initializers.VarianceScaling, {"scale": "big"}, "VarianceScaling: `scale` must be a number > 0. Got 'big'."),
    (initializers.VarianceScaling, {"mode": "fan"}, "`mode` must be one of 'fan_in', 'fan_out', 'fan_avg'. Got 'fan'."),
    (initializers.RandomNormal, {"stddev": -1}, "RandomNormal: `stddev` must be a number >= 0. Got -1."),
    (initializers.HeNormal, {"seed": -1}, "HeNormal: `seed` must be an int >= 0 or None. Got -1."),
]


@pytest.mark.parametrize(("kind", "options", "message"), VIOLATIONS)
def test_violations_say_what_is_allowed(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue) as error:
        kind(**options)
    assert message in str(error.value)


def test_named_ones_have_no_scale() -> None:
    with pytest.raises(InvalidType, match=r"^HeNormal: the argument 'scale' is not known \(seed, input_axes"):
        initializers.HeNormal(scale=3)  # type: ignore[call-arg]
