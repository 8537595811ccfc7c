"""Pictures read at other places, each through a matrix of its own: a primitive, since XLA's CPU gather reads numbers
one by one (docs/kernels.md). Its tangent is that of the portable form, by the pictures and by the places."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jax.sharding import PartitionSpec

from kerato.kernels import native
from kerato.kernels.bilinear import same_variation
from kerato.kernels.lowering import front, register

RESAMPLE = Primitive("resample")
STYLE = ("interpolation", "fill_mode", "fill_value")


def resample(
    x: jax.Array,
    matrix: jax.Array,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    shift: jax.Array | None = None,
) -> jax.Array:
    """`y[n, i, j] = x[n, matrix[n] @ (i, j, 1)]` for pictures (batch, height, width, channels), in one pass.

    Places are homogeneous: (a, b, c) is row a / c, column b / c. `shift` (batch, height, width, 2) is added to (i, j).

    Source: `scipy.ndimage.affine_transform` of order 0 or 1, modes `reflect`, `nearest`, `grid-wrap` and
    `grid-constant`; `jax.scipy.ndimage.map_coordinates`.
    """
    kind = x.dtype if x.dtype in ("float32", "float64") else jnp.float32
    places = [matrix.astype(kind)] if shift is None else [matrix.astype(kind), shift.astype(kind)]
    values, style = same_variation([x, *places]), dict(zip(STYLE, (interpolation, fill_mode, fill_value), strict=True))
    result: jax.Array = RESAMPLE.bind(*values, **style)
    return result


def _portable(
    _: str | None,
    x: jax.Array,
    matrix: jax.Array,
    *shift: jax.Array,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> jax.Array:
    count, height, width, channels = x.shape
    kind, m = matrix.dtype, matrix[:, :, :, None, None]
    i, j = jnp.arange(height, dtype=kind)[:, None], jnp.arange(width, dtype=kind)
    for moved in shift:
        i, j = i + moved[..., 0], j + moved[..., 1]
    rows, columns, depths = (m[:, k, 0] * i + m[:, k, 1] * j + m[:, k, 2] for k in range(3))
    rows, columns = rows / depths, columns / depths  # by exactly 1 where no perspective is among the maps
    flat = x.reshape(count, height * width, channels)

    def read(r: jax.Array, c: jax.Array) -> jax.Array:
        r, c = r.astype(jnp.int32), c.astype(jnp.int32)
        at = _fold(r, height, fill_mode) * width + _fold(c, width, fill_mode)
        found = jax.vmap(lambda cells, index: cells.at[index].get(mode="promise_in_bounds"))(flat, at)
        if fill_mode != "constant":
            return found.astype(kind)
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        return jnp.where(inside[..., None], found.astype(kind), fill_value)

    if interpolation == "nearest":
        return read(jax.lax.round(rows), jax.lax.round(columns)).astype(x.dtype)
    above, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - above)[..., None], (columns - left)[..., None]
    upper = read(above, left) * (1 - right) + read(above, left + 1) * right
    lower = read(above + 1, left) * (1 - right) + read(above + 1, left + 1) * right
    return (upper * (1 - down) + lower * down).astype(x.dtype)


def _fold(place: jax.Array, size: int, mode: str) -> jax.Array:
    """The pixel of the picture that stands at a whole place, which may be outside of it."""
    if mode == "wrap":
        return place % size
    if mode == "reflect":
        return jnp.minimum(place % (2 * size), 2 * size - 1 - place % (2 * size))
    return jnp.clip(place, 0, size - 1)


def _alone(x: jax.Array, *places: jax.Array, interpolation: str, **fill: Any) -> jax.Array:
    """The nearest cell is the portable form's: places of other digits would now and then have another."""
    if interpolation == "bilinear" and native.resamples(x.shape, x.dtype):
        return native.resample(x, places, **fill)
    return _portable("cpu", x, *places, interpolation=interpolation, **fill)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **style: Any) -> tuple[Any, Any]:
    """The place of a cell has no tangent, only the way between cells has."""
    moving = [k for k, tangent in enumerate(tangents) if type(tangent) is not ad.Zero]

    def of(*values: jax.Array) -> jax.Array:
        given = dict(enumerate(primals)) | dict(zip(moving, values, strict=True))
        return _portable(None, *given.values(), **style)

    tangent = jax.jvp(of, [primals[k] for k in moving], [tangents[k] for k in moving])[1]
    return RESAMPLE.bind(*primals, **style), tangent


def _batch(values: Sequence[Any], axes: Sequence[Any], **style: Any) -> tuple[jax.Array, int]:
    fronted = front(values, axes)
    size = max(map(len, fronted))
    whole = [jnp.broadcast_to(value, (size, *value.shape[1:])) for value in fronted]
    y = RESAMPLE.bind(*(value.reshape(-1, *value.shape[2:]) for value in whole), **style)
    return y.reshape(whole[0].shape), 0


def _abstract(x: Any, *places: Any, **style: Any) -> Any:
    spec = PartitionSpec(*x.sharding.spec[:1])
    return x.update(weak_type=False, sharding=x.sharding.update(spec=spec))


RESAMPLE.def_abstract_eval(_abstract)
RESAMPLE.def_impl(jax.jit(RESAMPLE.bind, static_argnames=STYLE))
ad.primitive_jvps[RESAMPLE] = _jvp
batching.primitive_batchers[RESAMPLE] = _batch
register(RESAMPLE, _portable, _alone)
