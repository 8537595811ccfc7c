"""Sums over all axes but the channels, as the gradients of biases need them, and a bias added to every row.

Two linear primitives, each the other's transpose: total, (..., channels) -> (channels,), and spread, its way back.
XLA's CPU backend sums columns one by one, across the rows: 26 ms for 128 x 24 x 24 x 64 float32, where products with
ones take 1 to 4 ms and the native pass 1 ms. Several products, added up, keep digits that one long sum loses.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jax.sharding import PartitionSpec

from kerato.kernels import native
from kerato.kernels.bilinear import same_variation
from kerato.kernels.lowering import register

TOTAL, SPREAD = Primitive("channel_totals"), Primitive("spread_channels")
FEW = 1024  # rows up to which XLA's own sum costs nothing
PARTS = 64  # of the rows, at most, that are summed by themselves


def add_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """x (..., channels) + bias (channels,)."""
    x, bias = same_variation((x, bias))
    spread: jax.Array = SPREAD.bind(bias, shape=x.shape)
    return x + spread


def total(x: jax.Array) -> jax.Array:
    """(..., channels) -> (channels,)."""
    result: jax.Array = TOTAL.bind(x)
    return result


def over_rows(platform: str | None, x: jax.Array) -> jax.Array:
    """(..., channels) -> (channels,), in the form that XLA makes fast on the platform."""
    rows = prod(x.shape[:-1])
    if platform != "cpu" or rows <= FEW or not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.sum(x, range(x.ndim - 1), dtype=x.dtype)
    wide = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
    parts = next(n for n in range(PARTS, 0, -1) if rows % n == 0)
    ones = jnp.ones((parts, 1, rows // parts), x.dtype)
    split = x.reshape(parts, rows // parts, -1)
    totals = lax.dot_general(ones, split, (((2,), (1,)), ((0,), (0,))), preferred_element_type=wide)
    return jnp.sum(totals, (0, 1)).astype(x.dtype)


def _total_alone(x: jax.Array) -> jax.Array:
    if prod(x.shape[:-1]) > FEW and native.passes(x.dtype):
        return native.channel_totals(x)
    return over_rows("cpu", x)


def _spread(_: str | None, bias: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.broadcast_to(bias, shape)


def _abstract_total(x: Any) -> Any:
    return x.update(shape=x.shape[-1:], weak_type=False, sharding=x.sharding.update(spec=PartitionSpec()))


def _abstract_spread(bias: Any, *, shape: tuple[int, ...]) -> Any:
    return bias.update(shape=shape, weak_type=False, sharding=bias.sharding.update(spec=PartitionSpec()))


def _batch_total(values: Sequence[Any], axes: Sequence[int]) -> tuple[jax.Array, int]:
    x = jnp.moveaxis(values[0], axes[0], 0)
    return jnp.sum(x, range(1, x.ndim - 1), dtype=x.dtype), 0


def _batch_spread(values: Sequence[Any], axes: Sequence[int], *, shape: tuple[int, ...]) -> tuple[jax.Array, int]:
    bias = jnp.moveaxis(values[0], axes[0], 0)
    ones = (1,) * (len(shape) - 1)
    return jnp.broadcast_to(bias.reshape(len(bias), *ones, shape[-1]), (len(bias), *shape)), 0


ad.deflinear2(TOTAL, lambda cotangent, x: [SPREAD.bind(cotangent, shape=x.aval.shape)])
ad.deflinear2(SPREAD, lambda cotangent, bias, shape: [TOTAL.bind(cotangent)])
TOTAL.def_abstract_eval(_abstract_total)
SPREAD.def_abstract_eval(_abstract_spread)
TOTAL.def_impl(jax.jit(TOTAL.bind))
SPREAD.def_impl(jax.jit(SPREAD.bind, static_argnames="shape"))
batching.primitive_batchers[TOTAL] = _batch_total
batching.primitive_batchers[SPREAD] = _batch_spread
register(TOTAL, over_rows, _total_alone)
register(SPREAD, _spread, lambda bias, shape: _spread("cpu", bias, shape))
