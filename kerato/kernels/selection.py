"""Two linear primitives for pooling, each the other's transpose: gather from windows, scatter back to their cells.

gather: y[o] = sum over the cells k of window o of x[o * strides + k - low], and scatter its transpose; with `index`,
only for the one cell k == index[o], counted in row-major order. Plain elementwise work, so fast in loops everywhere.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from kerato.kernels.taps import by_phases, cells, pad, tap
from kerato.kernels.windows import Pair, Windows

GATHER, SCATTER = Primitive("gather_from_windows"), Primitive("scatter_to_windows")


def gather(x: jax.Array, geometry: Windows, *index: jax.Array) -> jax.Array:
    """(batch, *lengths, channels) -> (batch, *output, channels)."""
    result: jax.Array = GATHER.bind(x, *index, geometry=geometry)
    return result


def _gather(x: jax.Array, *index: jax.Array, geometry: Windows) -> jax.Array:
    padded = pad(x, geometry.padding)
    parts = ((k, tap(padded, cell, geometry)) for k, cell in enumerate(cells(geometry.window)))
    return _total(_only(k, part, *index) for k, part in parts)


def _scatter(y: jax.Array, *index: jax.Array, geometry: Windows) -> jax.Array:
    tiled = geometry.window == geometry.strides and set(geometry.dilation) == {1}
    return (_scatter_tiles if tiled else _scatter_phases)(y, *index, geometry=geometry)


def _scatter_tiles(y: jax.Array, *index: jax.Array, geometry: Windows) -> jax.Array:
    """Windows side by side: each value, repeated over its window, kept where the index says so."""
    window = geometry.window
    between = tuple(range(2, 2 * len(window) + 1, 2))
    number = np.arange(prod(window)).reshape(1, *(n for k in window for n in (1, k)), 1)
    spread = _only(number, jnp.expand_dims(y, between), *(jnp.expand_dims(i, between) for i in index))
    shape = tuple(n for pair in zip(geometry.output, window, strict=True) for n in pair)
    lengths = tuple(o * k for o, k in zip(geometry.output, window, strict=True))
    covered = jnp.broadcast_to(spread, (y.shape[0], *shape, y.shape[-1])).reshape(y.shape[0], *lengths, y.shape[-1])
    axes = zip(geometry.lengths, lengths, geometry.padding, strict=True)
    return pad(covered, [(-low, n - m + low) for n, m, (low, _) in axes])


def _scatter_phases(y: jax.Array, *index: jax.Array, geometry: Windows) -> jax.Array:
    """Overlapping windows: a sum over the windows that meet a cell, for all cells a stride apart at once."""
    numbers = np.arange(prod(geometry.window)).reshape(geometry.window)

    def one(taken: tuple[slice, ...], apart: tuple[int, ...], padding: tuple[Pair, ...]) -> jax.Array:
        met = np.flip(numbers[taken])
        small = Windows(y.shape[1:-1], met.shape, (1,) * met.ndim, padding, apart)
        wide = [pad(value, padding) for value in (y, *index)]
        parts = ((met[cell], [tap(value, cell, small) for value in wide]) for cell in cells(met.shape))
        return _total(_only(number, *part) for number, part in parts)

    return by_phases(one, geometry, y, y.shape[-1])


def _only(number: Any, value: jax.Array, *index: jax.Array) -> jax.Array:
    """The value, or zero where there is an index and it is another number."""
    for which in index:
        value = jnp.where(which == jnp.asarray(number, which.dtype), value, jnp.zeros((), value.dtype))
    return value


def _total(parts: Iterable[jax.Array]) -> jax.Array:
    return reduce(lax.add, parts)


def _jvp(primitive: Primitive, primals: Sequence[Any], tangents: Sequence[Any], *, geometry: Windows) -> Any:
    tangent = tangents[0]
    if type(tangent) is not ad.Zero:
        tangent = primitive.bind(tangent, *primals[1:], geometry=geometry)
    result = primitive.bind(*primals, geometry=geometry)
    return result, ad.Zero(jax.typeof(result).to_tangent_aval()) if type(tangent) is ad.Zero else tangent


def _transpose(other: Primitive, cotangent: Any, value: Any, *index: Any, geometry: Windows) -> list[Any]:
    zero = type(cotangent) is ad.Zero
    back = ad.Zero(value.aval) if zero else other.bind(cotangent, *index, geometry=geometry)
    return [back, *(None for _ in index)]


def _batch(
    primitive: Primitive, values: Sequence[Any], axes: Sequence[int | None], *, geometry: Windows
) -> tuple[jax.Array, int]:
    size = next(v.shape[a] for v, a in zip(values, axes, strict=True) if a is not None)
    front = [
        jnp.broadcast_to(v, (size, *v.shape)) if a is None else jnp.moveaxis(v, a, 0)
        for v, a in zip(values, axes, strict=True)
    ]
    result = primitive.bind(*(v.reshape(-1, *v.shape[2:]) for v in front), geometry=geometry)
    return result.reshape(size, -1, *result.shape[1:]), 0


def _abstract(lengths: str, value: Any, *index: Any, geometry: Windows) -> Any:
    return value.update(shape=(value.shape[0], *getattr(geometry, lengths), value.shape[-1]), weak_type=False)


def _register(primitive: Primitive, other: Primitive, form: Callable[..., jax.Array], lengths: str) -> None:
    primitive.def_abstract_eval(partial(_abstract, lengths))
    primitive.def_impl(jax.jit(primitive.bind, static_argnames="geometry"))
    ad.primitive_jvps[primitive] = partial(_jvp, primitive)
    ad.primitive_transposes[primitive] = partial(_transpose, other)
    batching.primitive_batchers[primitive] = partial(_batch, primitive)
    mlir.register_lowering(primitive, mlir.lower_fun(form, multiple_results=False))


_register(GATHER, SCATTER, _gather, "output")
_register(SCATTER, GATHER, _scatter, "lengths")
