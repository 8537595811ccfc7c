"""Keyed draws: pinned, uniform, independent of each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato.data import draws
from kerato.errors import InvalidValue

PINNED = [0.6348769736616358, 0.32622347479422265, 0.36167741075176507]
PINNED_ORDER = [1, 4, 7, 3, 2, 6, 0, 5]


def test_the_stream_is_pinned() -> None:
    # Whoever changes these numbers changes the pictures of every run that is resumed.
    np.testing.assert_array_equal(draws.uniforms(1337, 2, 5, 3), PINNED)
    assert draws.permutation(1337, 1, 8).tolist() == PINNED_ORDER


def test_addresses_do_not_share_numbers() -> None:
    seen = [
        draws.uniforms(seed, epoch, index, 4, purpose)
        for seed in (0, 1, 2**64 - 1)
        for epoch in range(3)
        for index in range(3)
        for purpose in range(2)
    ]
    assert len(np.unique(np.concatenate(seen))) == 4 * len(seen)


def test_draws_are_uniform() -> None:
    first = np.concatenate([draws.uniforms(3, 0, index, 2) for index in range(2000)])
    counts = np.histogram(first, 10, (0, 1))[0]
    assert ((counts - 400) ** 2 / 400).sum() < 27.9  # chi-square, 9 degrees of freedom, p = 0.001


def test_permutations() -> None:
    orders = [draws.permutation(5, epoch, 50).tolist() for epoch in range(20)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(map(tuple, orders))) == 20


def test_without_a_seed_numpy_gives_one() -> None:
    np.random.seed(1337)
    first = draws.seed_or_fresh("x", None)
    np.random.seed(1337)
    assert draws.seed_or_fresh("x", None) == first


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "7", 2**64])
def test_wrong_seeds(wrong: Any) -> None:
    with pytest.raises(InvalidValue, match="flow: `seed` must be an int in"):
        draws.seed_or_fresh("flow", wrong)
