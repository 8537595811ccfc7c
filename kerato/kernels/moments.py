"""Mean and variance per channel over all other axes, and channels times numbers: the passes of batch normalisation.

Three primitives on arrays (..., channels). scale: times (channels,). product: of two arrays, summed to (channels,);
these are linear in both operands, and each other's transposes. moments: mean and variance, each (channels,); its
tangent is made of sums and products, so the way back is elementwise. Results are float32, float64 for float64.
XLA's CPU backend sums columns one by one, across the rows; native passes read every number once (docs/kernels.md).
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jax.sharding import PartitionSpec

from kerato.kernels import channels, native
from kerato.kernels.bilinear import same_variation
from kerato.kernels.lowering import front, register, register_bilinear

MOMENTS, SCALE, PRODUCT = Primitive("channel_moments"), Primitive("scale_channels"), Primitive("channel_products")
MOMENTS.multiple_results = True


def channel_moments(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and variance, each (channels,), of x (..., channels)."""
    mean, variance = MOMENTS.bind(x)
    return mean, variance


def channel_affine(x: jax.Array, factor: jax.Array, shift: jax.Array) -> jax.Array:
    """x (..., channels) times factor (channels,) plus shift (channels,), both of the wide type."""
    x, factor = same_variation((x, factor))
    scaled: jax.Array = SCALE.bind(x, factor)
    return channels.add_bias(scaled, shift)


def wide(dtype: Any) -> Any:
    """The type of sums of such numbers."""
    return jnp.promote_types(dtype, jnp.float32)


def _rows(x: Any) -> int:
    return prod(x.shape[:-1])


def _moments(platform: str | None, x: jax.Array) -> list[jax.Array]:
    x = x.astype(wide(x.dtype))
    mean = channels.over_rows(platform, x) / _rows(x)
    return [mean, channels.over_rows(platform, jnp.square(x - mean)) / _rows(x)]


def _moments_alone(x: jax.Array) -> list[jax.Array]:
    if _rows(x) > channels.FEW and native.passes(x.dtype):
        return native.channel_moments(x)
    return _moments("cpu", x)


def _product(platform: str | None, a: jax.Array, b: jax.Array) -> jax.Array:
    return channels.over_rows(platform, a.astype(b.dtype) * b)


def _product_alone(a: jax.Array, b: jax.Array) -> jax.Array:
    if _rows(a) > channels.FEW and native.passes(a.dtype) and b.dtype == jnp.float32:
        return native.channel_products(a, b)
    return _product("cpu", a, b)


def _scale(_: str | None, x: jax.Array, factor: jax.Array) -> jax.Array:
    return x.astype(factor.dtype) * factor


def _per_channel(x: Any, dtype: Any) -> Any:
    sharding = x.sharding.update(spec=PartitionSpec())
    return x.update(shape=x.shape[-1:], dtype=dtype, weak_type=False, sharding=sharding)


def _moments_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    [x], [moved] = primals, tangents
    mean, variance = MOMENTS.bind(x)
    if type(moved) is ad.Zero:
        return [mean, variance], [ad.Zero(jax.typeof(one).to_tangent_aval()) for one in (mean, variance)]
    moved, off = moved.astype(mean.dtype), channels.add_bias(x.astype(mean.dtype), -mean)
    return [mean, variance], [channels.total(moved) / _rows(x), 2 * PRODUCT.bind(off, moved) / _rows(x)]


def _scale_transposed(cotangent: Any, x: Any, factor: Any) -> list[Any]:
    if ad.is_undefined_primal(x):
        return [SCALE.bind(cotangent, factor).astype(x.aval.dtype), None]
    return [None, PRODUCT.bind(x, cotangent)]


def _product_transposed(cotangent: Any, a: Any, b: Any) -> list[Any]:
    if ad.is_undefined_primal(a):
        return [SCALE.bind(b, cotangent).astype(a.aval.dtype), None]
    return [None, SCALE.bind(a, cotangent)]


def _batch_moments(values: Sequence[Any], axes: Sequence[Any]) -> tuple[list[jax.Array], list[int]]:
    [x] = front(values, axes)
    over, x = tuple(range(1, x.ndim - 1)), x.astype(wide(x.dtype))
    return [jnp.mean(x, over), jnp.var(x, over)], [0, 0]


def _batch_scale(values: Sequence[Any], axes: Sequence[Any]) -> tuple[jax.Array, int]:
    x, factor = front(values, axes)
    return x.astype(factor.dtype) * factor.reshape(len(factor), *(1,) * (x.ndim - 2), -1), 0


def _batch_product(values: Sequence[Any], axes: Sequence[Any]) -> tuple[jax.Array, int]:
    a, b = front(values, axes)
    return jnp.sum(a.astype(b.dtype) * b, range(1, b.ndim - 1)), 0


MOMENTS.def_abstract_eval(lambda x: [_per_channel(x, wide(x.dtype))] * 2)
SCALE.def_abstract_eval(lambda x, factor: x.update(dtype=factor.dtype, weak_type=False))
PRODUCT.def_abstract_eval(lambda a, b: _per_channel(b, b.dtype))
MOMENTS.def_impl(jax.jit(MOMENTS.bind))
ad.primitive_jvps[MOMENTS] = _moments_jvp
batching.primitive_batchers[MOMENTS] = _batch_moments
register(MOMENTS, _moments, _moments_alone)
register_bilinear(SCALE, _scale, _scale_transposed, _batch_scale)
register_bilinear(PRODUCT, _product, _product_transposed, _batch_product, _product_alone)
