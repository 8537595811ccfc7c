"""Random numbers under today's names, as operations: eager, inside a network, or a node of the graph.

A draw that names no seed takes its key where it happens: from the running evaluation's key and call path, so that
runs repeat and resume exactly, else from the process's seed and a count. An int as `seed` gives the same numbers at
every call; a `SeedGenerator` gives others each time, apart from those of other seeds.

Sizes in `shape` may be symbolic (`ops.shape(x)[0]`). `dtype` is `config.floatx()` unless given.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config
from kerato.errors import invalid
from kerato.ops import op
from kerato.random import keys

Array = Any

#: The normal distribution within two deviations; its own deviation is 0.8796.
_TRUNCATED_LOW, _TRUNCATED_HIGH = 0.022750131948179195, 0.9772498680518208


class SeedGenerator:
    """A stream of draws of its own.

    Args:
        seed: tells the stream apart from others; drawn from the process's seed unless given.
        name: for the reader only.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **ignored: Any) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise invalid("SeedGenerator", "seed", "an int or None", seed)
        self.seed = int(keys.eager_key()[0] if seed is None else seed)
        self.name = name or "seed_generator"
        self._drawn = itertools.count()

    def next(self, ordered: bool = True) -> Array:
        """The next key; inside an evaluation it depends on the evaluation's key and the call path instead."""
        running = keys.running_key()
        if running is not None:
            return keys.fold(running, self.seed)
        return keys.fold(keys.key(self.seed), next(self._drawn))

    def get_config(self) -> dict[str, Any]:
        """The seed and the name."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """The stream that `get_config` describes, from its beginning."""
        return cls(**config)


def _key(seed: Any) -> Array:
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is not None:
        return keys.fold(keys.key(int(seed)), "draw")
    running = keys.running_key()
    return keys.eager_key() if running is None else running


def _jax_key(seed: Any) -> Any:
    """A key for JAX's own samplers, which draw by rejection."""
    return jax.random.wrap_key_data(jnp.asarray(_key(seed)), impl="threefry2x32")


def _float(dtype: str | None) -> Any:
    return jnp.dtype(dtype or config.floatx())


@op
def random_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: Any = None
) -> Array:
    """Normal numbers of `mean` and `stddev`."""
    return keys.normal_from(_key(seed), tuple(shape), _float(dtype)) * stddev + mean


@op
def random_uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: str | None = None, seed: Any = None
) -> Array:
    """Numbers between `minval` and `maxval`, all as likely; whole ones below `maxval` where `dtype` is an int's."""
    kind = _float(dtype)
    if jnp.issubdtype(kind, jnp.integer):
        return random_randint.compute(shape, minval, maxval, str(kind), seed)  # type: ignore[attr-defined]
    return keys.uniform_from(_key(seed), tuple(shape), kind) * (maxval - minval) + minval


@op
def random_randint(shape: Sequence[int], minval: int, maxval: int, dtype: str = "int32", seed: Any = None) -> Array:
    """Whole numbers from `minval` to `maxval - 1`, all as likely."""
    span = jnp.asarray(maxval, jnp.int32) - jnp.asarray(minval, jnp.int32)
    # The remainder of 32 even bits: a number is at most span / 2**32 more likely than another.
    bits = keys.bits_from(_key(seed), tuple(shape)) % span.astype(jnp.uint32)
    return (bits.astype(jnp.int32) + jnp.asarray(minval, jnp.int32)).astype(dtype)


@op
def random_truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: Any = None
) -> Array:
    """Normal numbers of `mean` and `stddev` before those beyond two deviations are left out."""
    u = keys.uniform_from(_key(seed), tuple(shape))
    u = _TRUNCATED_LOW + u * (_TRUNCATED_HIGH - _TRUNCATED_LOW)
    normal = jax.lax.erf_inv(2 * u - 1) * np.float32(np.sqrt(2))
    return normal.astype(_float(dtype)) * stddev + mean


@op
def random_gamma(shape: Sequence[int], alpha: Any, dtype: str | None = None, seed: Any = None) -> Array:
    """Numbers of the gamma distribution of shape `alpha` and scale 1."""
    return jax.random.gamma(_jax_key(seed), alpha, tuple(shape), _float(dtype))


@op
def random_beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: str | None = None, seed: Any = None) -> Array:
    """Numbers of the beta distribution, between 0 and 1."""
    return jax.random.beta(_jax_key(seed), alpha, beta, tuple(shape), _float(dtype))


@op
def random_binomial(
    shape: Sequence[int], counts: Any, probabilities: Any, dtype: str | None = None, seed: Any = None
) -> Array:
    """How many of `counts` trials succeed, each with its probability."""
    counts, probabilities = (jnp.asarray(x, jnp.float32) for x in (counts, probabilities))
    return jax.random.binomial(_jax_key(seed), counts, probabilities, tuple(shape)).astype(_float(dtype))


@op
def random_categorical(logits: Array, num_samples: int, dtype: str = "int32", seed: Any = None) -> Array:
    """(batch, classes) -> (batch, num_samples): classes, as likely as `softmax(logits)` says."""
    logits = jnp.asarray(logits)
    shape = (logits.shape[0], num_samples, logits.shape[-1])
    gumbel = -jnp.log(-jnp.log(keys.uniform_from(_key(seed), shape)))
    return jnp.argmax(logits[:, None, :] + gumbel.astype(logits.dtype), axis=-1).astype(dtype)


@op
def random_shuffle(x: Array, axis: int = 0, seed: Any = None) -> Array:
    """The slices of `x` along `axis` in another order."""
    x = jnp.asarray(x)
    order = jnp.argsort(keys.bits_from(_key(seed), (x.shape[axis],)))
    return jnp.take(x, order, axis=axis)


@op
def random_dropout(
    inputs: Array, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None
) -> Array:
    """Each value 0 with probability `rate`, else divided by `1 - rate`; size 1 of `noise_shape` shares along an axis.

    Raises:
        InvalidValue: `rate` is not in [0, 1).
    """
    x = jnp.asarray(inputs)
    if not 0 <= rate < 1:
        raise invalid("dropout", "rate", "a number from 0 up to, not including, 1", rate)
    if rate == 0:
        return x
    sizes = x.shape if noise_shape is None else noise_shape
    shape = tuple(found if size is None else size for size, found in zip(sizes, x.shape, strict=True))
    kept = keys.bernoulli_from(_key(seed), 1 - rate, shape)
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


normal, uniform, randint = random_normal, random_uniform, random_randint
truncated_normal, dropout, shuffle = random_truncated_normal, random_dropout, random_shuffle
gamma, beta, binomial, categorical = random_gamma, random_beta, random_binomial, random_categorical
