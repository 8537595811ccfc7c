"""Keyed randomness: every draw is a pure function of a key, never of a hidden state.

A key is two 32-bit words. Inside a network it is folded from (seed, epoch, step, call path); initial weights
come from a host generator keyed by (seed, variable path). That is what makes runs repeat and resume exactly.

The device generator is a counter hash (two rounds of a 32-bit multiply-xorshift finaliser, constants from
C. Wellons' search for low-bias hashes): it fuses into the operation that uses it, where JAX's threefry costs a
fifth of a small network's training step. It is for dropout, noise and augmentation, not for cryptography.
"""

from __future__ import annotations

import contextlib
import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerato.errors import invalid

Array = Any
Shape = tuple[int, ...]

_seed: int | None = None
_occurrences: Counter[str] = Counter()
_eager_draws = itertools.count()


def seed() -> int:
    """The process's seed. Unless set, it is drawn once from `np.random` (so `np.random.seed(1337)` repeats a run)."""
    global _seed
    if _seed is None:
        _seed = int(np.random.randint(0, 2**31 - 1))
    return _seed


def set_seed(value: int | None) -> None:
    """Set the seed of initial weights, dropout and shuffling; None draws a new one at the next use.

    Raises:
        InvalidValue: `value` is no int from 0 to 2**32 - 1.
    """
    global _seed
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32):
        raise invalid("set_seed", "value", "an int from 0 to 4294967295, or None", value)
    _seed = value
    _occurrences.clear()
    _restart_draws()


def _restart_draws() -> None:
    global _eager_draws
    _eager_draws = itertools.count()


@contextlib.contextmanager
def seeded(value: int) -> Iterator[None]:
    """Within the block the process's seed is `value`."""
    global _seed
    before, _seed = _seed, value
    try:
        yield
    finally:
        _seed = before


def occurrence(path: str) -> str:
    """`path`, told apart from earlier variables of the same path since the seed was set: `a/kernel`, `a/kernel@1`."""
    number = _occurrences[path]
    _occurrences[path] += 1
    return f"{path}@{number}" if number else path


def word(text: str) -> int:
    """A 32-bit number for a name: the same in every process."""
    return zlib.crc32(text.encode())


def host_generator(path: str, number: int | None = None) -> np.random.Generator:
    """NumPy's Philox keyed by the seed (`number`, else the process's) and a path such as `dense_1/kernel`."""
    return np.random.Generator(np.random.Philox(key=[seed() if number is None else number, word(path)]))


def key(number: int) -> Array:
    """The root key of a seed: uint32 array of shape (2,)."""
    return np.array([number & 0xFFFFFFFF, (number >> 32) ^ 0x9E3779B9], np.uint32)


def _mix(h: Array) -> Array:
    h = (h ^ (h >> 16)) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * np.uint32(0x846CA68B)
    return h ^ (h >> 16)


def fold(parent: Array, *words: Any) -> Array:
    """A key for a part of what `parent` is for; `words` (names, ints or int arrays) say which part.

    On the host when everything is there, so that no tiny program is compiled for it.
    """
    concrete = not any(isinstance(item, jax.Array) for item in (parent, *words))
    lib: Any = np if concrete else jnp
    a, b = (lib.asarray(parent[i : i + 1], lib.uint32) for i in (0, 1))
    for item in words:
        number = word(item) if isinstance(item, str) else item
        number = np.uint32(number & 0xFFFFFFFF) if isinstance(number, int) else number
        w = lib.atleast_1d(lib.asarray(number)).astype(lib.uint32)
        a, b = _mix(a ^ _mix(w + np.uint32(0x9E3779B9))), _mix(b + _mix(w ^ a))
    return lib.concatenate([a, b])


def eager_key() -> Array:
    """A key for a draw outside any network: from the seed and the number of such draws since it was set."""
    return fold(key(seed()), next(_eager_draws))


def _no_evaluation() -> Array | None:
    return None


_source: Callable[[], Array | None] = _no_evaluation


def keys_come_from(source: Callable[[], Array | None]) -> None:
    """Say who gives the key of a draw inside an evaluation (None outside any); `kerato.variables` does so, once."""
    global _source
    _source = source


def running_key() -> Array | None:
    """The key for one draw here, from the running evaluation's key and call path; None outside any evaluation."""
    return _source()


def bits_from(key: Array, shape: Shape) -> Array:
    """uint32 array of `shape`, every bit equally often 0 and 1."""
    size = int(np.prod(shape, dtype=np.int64))
    index = lax.iota(jnp.uint32, size).reshape(shape)
    a, b = key[0], key[1]
    return _mix(_mix(index * jnp.uint32(0x9E3779B9) + a) ^ b)


def uniform_from(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Array:
    """Floats in the open interval (0, 1), on a grid of 2**-23."""
    return ((bits_from(key, shape) >> 9).astype(jnp.float32) + 0.5).astype(dtype) * jnp.asarray(2.0**-23, dtype)


def normal_from(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Array:
    """Standard normal floats, through the inverse of the distribution function."""
    u = uniform_from(key, shape)
    return (lax.erf_inv(2 * u - 1) * np.float32(np.sqrt(2))).astype(dtype)


def log_gamma_from(key: Array, shape: Shape, alpha: Any) -> Array:
    """Logarithms of numbers of the gamma distributions of shape `alpha`, which broadcasts to `shape`.

    Two of them make Beta numbers, `sigmoid(a - b)`; several a Dirichlet's, `softmax`. The first of eight proposals that
    is accepted; one in 10**10 has none, and takes the first. No loop, so nothing waits for the device.
    Source: Marsaglia & Tsang 2000; shapes below 1 as in its section 6.
    """
    alpha = jnp.asarray(alpha, jnp.float32)
    d = alpha + np.float32(2 / 3)
    z = normal_from(fold(key, "z"), (8, *shape))
    v = (1 + z / jnp.sqrt(9 * d)) ** 3
    log_v = jnp.log(jnp.maximum(v, 1e-30))
    accepted = (v > 0) & (jnp.log(uniform_from(fold(key, "u"), (8, *shape))) < 0.5 * z * z + d * (1 - v + log_v))
    first = jnp.take_along_axis(log_v, jnp.argmax(accepted, axis=0)[None], axis=0)[0]
    return jnp.log(d) + first + jnp.log(uniform_from(fold(key, "power"), shape)) / alpha


def bernoulli_from(key: Array, probability: float, shape: Shape) -> Array:
    """Booleans, True with `probability` (to 2**-32)."""
    limit = min(round(probability * 2**32), 2**32 - 1)
    return bits_from(key, shape) < jnp.uint32(limit)
