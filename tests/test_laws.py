"""Laws that hold for every public layer, checked over the table in `catalog.py`."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from catalog import NO_ROW, TABLE, Row

from kerato import layers, random
from kerato.errors import KeratoError
from kerato.graph import evaluate
from kerato.layers import Input
from kerato.layers.augmentation import Augmenting
from kerato.models import Model, Sequential
from kerato.variables import Run

Array = Any

ALL = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
#: the ids of the first row of each class; the other rows obey the laws that compile most in the slow lane
FIRST = {row.kind: row.id for row in reversed(TABLE)}.values()


def lane(row: Row, *more: Any, id: str = "", training: bool = False) -> Any:
    """`row` and `more` as parameters of a law that compiles much."""
    normal = row.id in FIRST and not (training and row.heavy)
    return pytest.param(row, *more, id=id or row.id, marks=() if normal else pytest.mark.slow)


COSTLY = pytest.mark.parametrize("row", [lane(row) for row in TABLE])
SPATIAL = pytest.mark.parametrize("row", [lane(row) for row in TABLE if row.spatial])
KEY = random.key(11)
STEP = 1e-5


def plainly(layer: Any, given: Any) -> Any:
    """The value in the test phase; called alone, layers that change pictures do so unless told not to."""
    return layer(given, training=False) if isinstance(layer, Augmenting) else layer(given)


@dataclass
class Bundle:
    """A layer in float64 and its one compiled program: value, a number made of it, and that number's gradients."""

    row: Row
    layer: Any = field(init=False)
    weights: list[Array] = field(init=False)

    def __post_init__(self) -> None:
        shapes = [x.shape for x in self.inputs]
        with jax.enable_x64(True):
            self.layer = self.row.make(dtype="float64", name="it")
            self.layer.compute_output_shape(shapes[0] if self.row.sequential else shapes)
            generator = np.random.default_rng(5)
            for v in self.layer.variables:
                v.assign(v.numpy() + generator.uniform(0.1, 0.5, v.shape))
        self.weights = [v.numpy() for v in self.layer.variables]
        self.toward = np.random.default_rng(6).normal(size=self.expected.shape)
        self._programs = {training: jax.jit(functools.partial(self._all, training)) for training in (False, True)}
        self._forward = jax.jit(functools.partial(self._value, False))

    def _value(self, training: bool, weights: list[Array], inputs: list[Array]) -> Array:
        given = inputs[0] if self.row.sequential else inputs
        with Run(dict(zip(self.layer.variables, weights, strict=True)), training, KEY):
            return self.layer(given)

    def _all(self, training: bool, weights: list[Array], inputs: list[Array]) -> Any:
        def number(weights: list[Array], inputs: list[Array]) -> Any:
            value = self._value(training, weights, inputs)
            return jnp.sum(value * self.toward), value

        (total, value), gradients = jax.value_and_grad(number, (0, 1), has_aux=True)(weights, inputs)
        return value, total, gradients

    def __call__(self, weights: list[Array], inputs: list[Array], training: bool = False) -> Any:
        with jax.enable_x64(True):
            return jax.device_get(self._programs[training](weights, inputs))

    def value(self, weights: list[Array], inputs: list[Array]) -> np.ndarray[Any, Any]:
        """The compiled value alone."""
        with jax.enable_x64(True):
            return np.asarray(self._forward(weights, inputs))

    @functools.cached_property
    def inputs(self) -> list[np.ndarray[Any, Any]]:
        """The table's inputs in float64."""
        return self.row.inputs(dtype="float64")

    @functools.cached_property
    def expected(self) -> np.ndarray[Any, Any]:
        """The independent value."""
        by_name = {v.name: value for v, value in zip(self.layer.variables, self.weights, strict=True)}
        return np.asarray(self.row.reference(self.row, self.inputs, {**by_name, "all": self.weights}))


@pytest.fixture(autouse=True, scope="module")
def compiled_fast() -> Iterator[None]:
    """Tiny programs that run once or twice: what XLA would do to make them fast costs more than it gains."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@functools.lru_cache(maxsize=2)  # conftest.py sorts the tests by row
def bundle(name: str) -> Bundle:
    return Bundle(next(row for row in TABLE if row.id == name))


def test_every_public_layer_is_in_the_table() -> None:
    named = {getattr(layers, name).__name__ for name in layers.__all__}  # other names of a class count once
    assert {row.kind.__name__ for row in TABLE} | NO_ROW == named


@COSTLY
def test_the_value_is_the_reference_s(row: Row) -> None:
    it = bundle(row.id)
    np.testing.assert_allclose(it.value(it.weights, it.inputs), it.expected, rtol=1e-10, atol=1e-12)


@COSTLY
def test_eager_is_compiled(row: Row) -> None:
    it = bundle(row.id)
    with jax.enable_x64(True):
        eager = np.asarray(plainly(it.layer, row.given(dtype="float64")))
    np.testing.assert_allclose(eager, it.value(it.weights, it.inputs), rtol=1e-12, atol=1e-14)


def slopes(it: Bundle, tree: list[Any], gradients: list[Any], arguments: Any, training: bool) -> Iterator[Any]:
    """Each array's slopes in three drawn directions: the gradient's, and the central differences of the bundle's
    number. A gradient that is wrong in any cell is wrong in almost every direction."""
    generator = np.random.default_rng(7)
    for i, gradient in enumerate(gradients):
        for _ in range(3 if tree[i].size else 0):
            direction = generator.normal(size=tree[i].shape)
            sides = []
            for step in (STEP, -STEP):
                moved = [*tree[:i], tree[i] + step * direction, *tree[i + 1 :]]
                sides.append(it(*arguments(moved), training=training)[1])
            yield np.sum(gradient * direction), (sides[0] - sides[1]) / (2 * STEP), np.abs(gradient).max()


PHASES = [
    lane(row, training, id=f"{row.id}-{'training' if training else 'test'}", training=training)
    for row in TABLE
    for training in (False, True)
    if not training or row.random or row.kind is layers.BatchNormalization
]


@pytest.mark.parametrize(("row", "training"), PHASES)
def test_gradients_are_central_differences(row: Row, training: bool) -> None:
    it = bundle(row.id)
    of_weights, of_inputs = it(it.weights, it.inputs, training)[2]
    by_inputs = slopes(it, it.inputs, of_inputs, lambda moved: (it.weights, moved), training)
    by_weights = slopes(it, it.weights, of_weights, lambda moved: (moved, it.inputs), training)
    for exact, difference, steepest in (*by_inputs, *by_weights):
        assert abs(exact - difference) <= 1e-5 * max(steepest, 1e-4)


@COSTLY
def test_a_sample_does_not_depend_on_the_others(row: Row) -> None:
    it = bundle(row.id)
    others = [x.copy() for x in it.inputs]
    for x in others:
        x[1] = np.flip(x[1])
    before, after = it.value(it.weights, it.inputs), it.value(it.weights, others)
    np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
    assert not np.array_equal(before[1], after[1]) or row.kind is layers.GlobalAveragePooling2D


@COSTLY
def test_inferred_shapes_are_real_ones(row: Row) -> None:
    it = bundle(row.id)
    real = it.value(it.weights, it.inputs).shape
    known = [Input(batch_shape=shape) for shape in row.shapes]
    assert tuple(row.make()(known[0] if row.sequential else known).shape) == real


@ALL
def test_unknown_sizes_stay_unknown_or_are_right(row: Row) -> None:
    real = bundle(row.id).expected.shape
    batch_only = [Input(shape[1:]) for shape in row.shapes]
    assert tuple(row.make()(batch_only[0] if row.sequential else batch_only).shape) == (None, *real[1:])
    if row.spatial:
        free = Input((*(None for _ in row.shapes[0][1:-1]), row.shapes[0][-1]))
        inferred = row.make()(free).shape
        assert len(inferred) == len(real)
        assert all(a in (None, b) for a, b in zip(inferred, real, strict=True))


@ALL
def test_compute_output_shape_agrees(row: Row) -> None:
    given = [(None, *shape[1:]) for shape in row.shapes]
    found = row.make().compute_output_shape(given[0] if row.sequential else given)
    assert tuple(found) == (None, *bundle(row.id).expected.shape[1:])


@ALL
def test_a_configuration_makes_the_same_layer(row: Row) -> None:
    layer = row.make(name="it", trainable=False)
    config = layer.get_config()
    if row.unbatched:
        config["function"] = row.arguments["function"]
        again = row.kind.from_config(config).get_config()
        assert {**again, "function": None} == {**config, "function": None}
    else:
        again = row.kind.from_config(json.loads(json.dumps(config))).get_config()
        assert json.dumps(again) == json.dumps(config)
    assert (again["name"], again["trainable"], again["dtype"]) == ("it", False, "float32")


@SPATIAL
def test_channels_first_is_channels_last_transposed(row: Row) -> None:
    last, first = row.make(data_format="channels_last"), row.make(data_format="channels_first")
    x = row.inputs()[0]
    turned = np.moveaxis(x, -1, 1)
    for layer, shape in ((last, x.shape), (first, turned.shape)):
        layer.build(shape)
        layer.built = True
    first.set_weights(last.get_weights())
    expected, value = (np.asarray(jax.jit(plainly, static_argnums=0)(*pair)) for pair in ((last, x), (first, turned)))
    back = value if value.ndim == 2 else np.moveaxis(value, 1, -1)
    np.testing.assert_allclose(back, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@ALL
def test_narrow_floats_stay_finite_and_near(row: Row) -> None:
    it = bundle(row.id)
    for policy in ("bfloat16", "mixed_float16"):
        assert_narrow(it, policy)


def assert_narrow(it: Bundle, policy: str) -> None:
    row, layer = it.row, it.row.make(dtype=policy)
    x = [jnp.asarray(item, "float32") for item in it.inputs]
    layer.compute_output_shape([item.shape for item in x] if len(x) > 1 else x[0].shape)
    layer.set_weights(it.weights)
    value = jax.jit(functools.partial(plainly, layer))(x[0] if row.sequential else x)
    assert str(value.dtype) == policy.removeprefix("mixed_")
    assert {v.dtype for v in layer.variables} <= {"float32" if policy.startswith("mixed") else policy}
    np.testing.assert_allclose(np.asarray(value, "float64"), it.expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("row", [lane(row, training=row.heavy) for row in TABLE if row.random])
def test_the_same_key_draws_the_same_numbers(row: Row) -> None:
    layer, xs = row.make(), [Input(shape[1:]) for shape in row.shapes]
    y = layer(xs[0] if row.sequential else xs)

    @jax.jit
    def drawn(key: Array) -> Array:
        return evaluate([y], dict(zip(xs, row.inputs(), strict=True)), training=True, key=key).outputs[0]

    np.testing.assert_array_equal(drawn(random.key(1)), drawn(random.key(1)))
    assert not np.array_equal(drawn(random.key(1)), drawn(random.key(2)))


def wired(row: Row) -> tuple[Model, list[Any]]:
    """A model that holds the layer nested, called twice, and in a Sequential; and the layers in it."""
    given = [Input(shape[1:]) for shape in row.shapes]
    layer = row.make(name="it")
    once = layer(given[0] if row.sequential else given)
    inner = Model(given, once, name="inner")
    outer_given = [Input(shape[1:]) for shape in row.shapes]
    nested = inner(outer_given)
    again = layer(outer_given[0] if row.sequential else outer_given)
    if not row.sequential:
        return Model(outer_given, [nested, again]), [layer]
    stack = Sequential([Input(row.shapes[0][1:]), other := row.make(name="it")], name="stack")
    return Model(outer_given, [nested, again, stack(outer_given[0])]), [layer, other]


@pytest.mark.slow
@ALL
def test_a_layer_works_nested_shared_and_in_sequence_without_a_second_trace(
    row: Row, caplog: pytest.LogCaptureFixture
) -> None:
    it = bundle(row.id)
    values = it.row.inputs()
    model, made = wired(row)
    for layer in made:
        layer.set_weights(it.weights)
    with caplog.at_level(logging.INFO, "kerato"):
        found = [*model.predict(values), *model.predict(values)]
    assert len([line for line in caplog.messages if "compiling prediction" in line]) == 1
    assert len(found) == (6 if row.sequential else 4)
    for output in found:
        np.testing.assert_allclose(output, it.expected, rtol=2e-5, atol=2e-5)


@COSTLY
def test_a_shared_layer_has_its_weights_once(row: Row) -> None:
    model, made = wired(row)
    assert len(model.variables) == len(made) * len(bundle(row.id).weights)


BAD = [pytest.param(row, name, value, id=f"{row.id}-{name}-{value}") for row in TABLE for name, value in row.bad]


@pytest.mark.parametrize(("row", "name", "value"), BAD)
def test_bad_arguments_are_refused_in_one_sentence(row: Row, name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        row.make(**{name: value})
    assert_message(caught.value, row.kind, name, value)


def rules() -> list[Any]:
    """(class, parameter) for every parameter of a public layer that a rule was declared for."""
    kinds = dict.fromkeys(row.kind for row in TABLE)
    found = []
    for kind in kinds:
        for name in inspect.signature(kind.__init__).parameters:
            if kind._rule(name) is not None:
                found.append(pytest.param(kind, name, id=f"{kind.__name__}-{name}"))
    return found


@pytest.mark.parametrize(("kind", "name"), rules())
def test_no_rule_lets_a_stranger_in(kind: type[Any], name: str) -> None:
    arguments = next(row.arguments for row in TABLE if row.kind is kind)
    stranger = object()
    with pytest.raises((ValueError, TypeError)) as caught:
        kind(**{**arguments, name: stranger})
    assert_message(caught.value, kind, name, stranger)


def assert_message(error: Exception, kind: type[Any], name: str, value: Any) -> None:
    """The message has one of the two forms: the rule that was broken, or the names that are known."""
    text = str(error)
    assert isinstance(error, KeratoError)
    assert "\n" not in text
    form = rf"(\w+ \()?{kind.__name__}\)?: `{name}` must be .+\. Got .+\."
    known = r"\w+: \w+ .+ is not known \(.+\)\.( Did you mean '\w+'\?)?"
    assert re.fullmatch(f"({form}|{known})", text), text
    assert repr(value)[:20] in text


@pytest.mark.parametrize("kind", dict.fromkeys(row.kind for row in TABLE), ids=lambda kind: kind.__name__)
def test_misspelt_arguments_are_named(kind: type[Any]) -> None:
    arguments = next(row.arguments for row in TABLE if row.kind is kind)
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: the argument 'trainabel' is not known .*'trainable'\?$"):
        kind(**arguments, trainabel=True)
