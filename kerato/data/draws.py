"""Random numbers by address: the draw for (seed, epoch, sample) is the same whoever asks, in whatever order.

Philox is a counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the seed is
its key, and epoch, sample and purpose are the high words of its counter, so that no two addresses share a number
before 2**64 of them are drawn. Only raw uniforms are used, because NumPy keeps those stable between its versions.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kerato import errors

AUGMENT: Final = 0
"""Purpose of the draws that transform a picture."""

SHUFFLE: Final = 1
"""Purpose of the draws that order an epoch."""

NAME: Final = 2
"""Purpose of the draws that name a saved picture."""


def uniforms(seed: int, epoch: int, index: int, count: int, purpose: int = AUGMENT) -> NDArray[np.float64]:
    """`count` uniform numbers in [0, 1) that belong to (seed, epoch, index, purpose); shape (count,)."""
    counter = np.array([0, index, epoch, purpose], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=seed, counter=counter)).random(count)


@functools.lru_cache(maxsize=8)
def permutation(seed: int, epoch: int, count: int) -> NDArray[np.intp]:
    """The order of `count` samples in one epoch, (count,), read-only: the ranks of keyed uniforms."""
    order = np.argsort(uniforms(seed, epoch, 0, count, SHUFFLE), kind="stable")
    order.flags.writeable = False
    return order


def fresh_seed() -> int:
    """A seed in [0, 2**31) from NumPy's global generator, so that scripts calling `np.random.seed` repeat."""
    return int(np.random.randint(2**31 - 1))


def seed_or_fresh(owner: str, seed: Any) -> int:
    """`seed` itself when it is an int in [0, 2**64), a fresh one when it is None.

    Raises:
        InvalidValue: `seed` is anything else.
    """
    if seed is None:
        return fresh_seed()
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise errors.invalid(owner, "seed", "an int in [0, 2**64) or None", seed)
    return int(seed)
