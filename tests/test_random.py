"""Keyed randomness: pure functions of a key, with the distributions that they claim."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from strategies import paths, seeds

from kerato import random
from kerato.errors import InvalidValue
from kerato.graph import Tensor, evaluate

N = 40_000


@given(seeds, paths)
def test_a_key_is_the_same_on_the_host_and_on_the_device(seed: int, path: str) -> None:
    host = random.fold(random.key(seed), path, 3)
    device = random.fold(jnp.asarray(random.key(seed)), path, 3)
    np.testing.assert_array_equal(host, device)
    assert host.dtype == np.uint32
    assert host.shape == (2,)


def test_keys_of_different_words_differ() -> None:
    root = random.key(0)
    keys = [random.fold(root, *words) for words in [("a",), ("b",), (0,), (1,), ("a", "b"), ("b", "a"), ("a", 0)]]
    keys += [random.fold(random.key(number), "a") for number in (1, 2**32 - 1)]
    assert len({tuple(key.tolist()) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda key: random.uniform_from(key, (N,)), 0.5, 12**-0.5),
        (lambda key: random.normal_from(key, (N,)), 0, 1),
        (lambda key: random.bernoulli_from(key, 0.3, (N,)), 0.3, 0.21**0.5),
    ],
    ids=["uniform", "normal", "bernoulli"],
)
def test_draws_have_their_distribution(draw: Any, mean: float, deviation: float) -> None:
    values = np.asarray(draw(random.fold(random.key(1), "x")), "float64")
    assert values.mean() == pytest.approx(mean, abs=4 * deviation / N**0.5)
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / N**0.5


def test_every_bit_is_as_often_1_as_0() -> None:
    bits = np.asarray(random.bits_from(random.key(5), (N,)))
    shares = [(bits >> np.uint32(i) & 1).mean() for i in range(32)]
    assert np.abs(np.array(shares) - 0.5).max() < 5 * 0.5 / N**0.5


def test_neighbouring_keys_draw_unrelated_numbers() -> None:
    rows = [np.asarray(random.uniform_from(random.fold(random.key(0), i), (4000,))) for i in range(6)]
    off = np.corrcoef(rows) - np.eye(6)
    assert np.abs(off).max() < 5 / 4000**0.5


def test_uniform_is_open_and_probabilities_0_and_1_are_certain() -> None:
    u = np.asarray(random.uniform_from(random.key(2), (N,)))
    assert u.min() > 0
    assert u.max() < 1
    assert not np.asarray(random.bernoulli_from(random.key(2), 0.0, (N,))).any()
    assert np.asarray(random.bernoulli_from(random.key(2), 1.0, (N,))).all()


def test_draws_are_the_same_inside_a_program() -> None:
    key = random.fold(random.key(3), "here")
    inside = jax.jit(lambda k: random.uniform_from(k, (5,)))(key)
    np.testing.assert_array_equal(inside, random.uniform_from(key, (5,)))


def test_the_seed_comes_from_numpy_once_unless_it_is_set() -> None:
    random.set_seed(None)
    np.random.seed(1337)
    first = random.seed()
    assert random.seed() == first
    random.set_seed(None)
    np.random.seed(1337)
    assert random.seed() == first
    random.set_seed(5)
    assert random.seed() == 5
    with random.seeded(9):
        assert random.seed() == 9
    assert random.seed() == 5


@pytest.mark.parametrize("bad", [-1, 2**32, 1.5, "1", True])
def test_a_seed_is_an_int_of_32_bits(bad: Any) -> None:
    with pytest.raises(InvalidValue, match="set_seed: `value` must be an int from 0 to 4294967295, or None"):
        random.set_seed(bad)


def test_variables_of_one_path_are_told_apart_until_the_seed_is_set() -> None:
    random.set_seed(1)
    assert [random.occurrence("a"), random.occurrence("a"), random.occurrence("b")] == ["a", "a@1", "b"]
    random.set_seed(1)
    assert random.occurrence("a") == "a"


def test_host_generators_repeat_by_seed_and_path() -> None:
    one, same, other = (random.host_generator(path, 4).random(3) for path in ("a", "a", "b"))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda: random.normal((N,), 2.0, 3.0), 2, 3),
        (lambda: random.uniform((N,), 1.0, 3.0), 2, 2 / 12**0.5),
        (lambda: random.randint((N,), 2, 6), 3.5, 1.25**0.5),
        (lambda: random.truncated_normal((N,), 1.0, 2.0), 1, 2 * 0.8796),
        pytest.param(lambda: random.gamma((N,), 4.0), 4, 2, marks=pytest.mark.slow),
        pytest.param(lambda: random.beta((N,), 2.0, 2.0), 0.5, 0.05**0.5, marks=pytest.mark.slow),
        pytest.param(lambda: random.binomial((N,), 10, 0.3), 3, 2.1**0.5, marks=pytest.mark.slow),
        (lambda: random.categorical(np.log([[0.25, 0.75]]), N), 0.75, 0.1875**0.5),
        (lambda: random.dropout(np.ones(N, "float32"), 0.5), 1, 1),
    ],
    ids=["normal", "uniform", "randint", "truncated", "gamma", "beta", "binomial", "categorical", "dropout"],
)
def test_today_s_draws_have_their_distribution(draw: Any, mean: float, deviation: float) -> None:
    random.set_seed(3)
    values = np.asarray(draw(), "float64")
    assert values.mean() == pytest.approx(mean, abs=5 * deviation / N**0.5)
    assert values.std() == pytest.approx(deviation, rel=0.03)
    assert (np.asarray(draw()) != values).any()
    random.set_seed(3)
    np.testing.assert_array_equal(draw(), values)


def test_a_shuffle_is_a_permutation_and_seeds_repeat() -> None:
    assert sorted(random.shuffle(np.arange(50)).tolist()) == list(range(50))
    np.testing.assert_array_equal(random.normal((3,), seed=4), random.normal((3,), seed=4))
    stream, again = random.SeedGenerator(7), random.SeedGenerator.from_config(random.SeedGenerator(7).get_config())
    first = random.normal((3,), seed=stream)
    np.testing.assert_array_equal(first, random.normal((3,), seed=again))
    assert (random.normal((3,), seed=stream) != first).any()
    with pytest.raises(InvalidValue, match=r"SeedGenerator: `seed` must be an int or None\. Got 'a'"):
        random.SeedGenerator("a")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match=r"dropout: `rate` must be a number from 0 up to, not including, 1"):
        random.dropout(np.ones(3), 1.0)


def test_draws_inside_an_evaluation_follow_its_key() -> None:
    x = Tensor((4,), "float32")
    noisy = random.dropout(x, 0.5)
    one, same, other = (
        np.asarray(evaluate([noisy], {x: jnp.ones(4)}, key=random.key(k)).outputs[0]) for k in (1, 1, 2**31)
    )
    np.testing.assert_array_equal(one, same)
    assert set(one.tolist()) | set(other.tolist()) <= {0, 2}
