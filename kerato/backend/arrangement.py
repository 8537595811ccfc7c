"""How `K` arranges values: shapes, joining, repeating, padding, enlarging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerato import config, ops
from kerato.backend.pipes import int_shape, lays_pipes, ndim
from kerato.errors import InvalidValue, invalid
from kerato.ops import op

Array = Any
Pair = Sequence[int]


@lays_pipes
def shape(x: Any) -> Any:
    """The sizes; of a symbolic tensor, sizes that become ints when it is computed."""
    return ops.shape(x)


@lays_pipes
def reshape(x: Any, shape: Any) -> Any:
    """The same values in another shape; one size may be -1, sizes of other tensors may stand in it."""
    return ops.reshape(x, shape if hasattr(shape, "take_op") else tuple(shape))


@lays_pipes
def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """The axes in another order."""
    return ops.transpose(x, tuple(pattern))


@lays_pipes
def flatten(x: Any) -> Any:
    """All values along one axis."""
    return ops.reshape(x, (-1,))


@lays_pipes
def batch_flatten(x: Any) -> Any:
    """(batch, ...) -> (batch, product of the rest)."""
    return ops.reshape(x, (ops.shape(x)[0], -1))


@lays_pipes
def expand_dims(x: Any, axis: int = -1) -> Any:
    """A new axis of size 1."""
    return ops.expand_dims(x, axis)


@lays_pipes
def squeeze(x: Any, axis: int) -> Any:
    """Without an axis of size 1."""
    return ops.squeeze(x, axis=axis)


@lays_pipes
def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Joined along an axis."""
    return ops.concatenate(list(tensors), axis=axis)


@lays_pipes
def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Joined along a new axis."""
    return ops.stack(list(x), axis=axis)


@lays_pipes
def gather(reference: Any, indices: Any, axis: int = 0) -> Any:
    """The slices of `reference` at whole `indices`: (n, ...) and (a, b) -> (a, b, ...)."""
    return ops.take(reference, ops.cast(indices, "int32"), axis=axis)


@lays_pipes
def one_hot(indices: Any, num_classes: int) -> Any:
    """Whole numbers as vectors with a single 1: (...) -> (..., num_classes)."""
    return ops.one_hot(indices, num_classes)


@lays_pipes
def reverse(x: Any, axes: int | Sequence[int]) -> Any:
    """Backwards along one or several axes."""
    return ops.flip(x, axes if isinstance(axes, int) else tuple(axes))


@lays_pipes
def zeros_like(x: Any, dtype: str | None = None, name: str | None = None) -> Any:
    """Zeros of the shape of `x`."""
    return ops.zeros_like(x, dtype=dtype)


@lays_pipes
def ones_like(x: Any, dtype: str | None = None, name: str | None = None) -> Any:
    """Ones of the shape of `x`."""
    return ops.ones_like(x, dtype=dtype)


@op
def count_up(start: Any, stop: Any, step: Any, dtype: str) -> Array:
    """`start`, `start + step`, ... before `stop`."""
    return jnp.arange(start, stop, step).astype(dtype)


@lays_pipes
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int32") -> Any:
    """`start`, `start + step`, ... before `stop`; from 0 up to `start` where there is no `stop`."""
    if stop is None:
        start, stop = 0, start
    return count_up(start, stop, step, dtype)


# -- repeating and enlarging ---------------------------------------------------------------------------------------


@lays_pipes
def tile(x: Any, n: Any) -> Any:
    """The whole repeated `n` times along each axis."""
    return ops.tile(x, (n,) if isinstance(n, int) else n)


@lays_pipes
def repeat(x: Any, n: int) -> Any:
    """(batch, values) -> (batch, n, values).

    Raises:
        InvalidValue: `x` has other than 2 axes.
    """
    if ndim(x) != 2:
        raise invalid("K.repeat", "x", "of shape (batch, values)", x)
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


@lays_pipes
def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each cell `rep` times along `axis`."""
    return ops.repeat(x, rep, axis=axis)


def _spatial(x: Any, data_format: str | None, rank: int, owner: str) -> list[int]:
    """The spatial axes of a picture or volume."""
    name = data_format or config.image_data_format()
    if name not in config.DATA_FORMATS:
        raise invalid(owner, "data_format", "'channels_last' or 'channels_first'", data_format)
    if ndim(x) != rank + 2:
        raise invalid(owner, "x", f"of {rank + 2} axes", x)
    first = 2 if name == "channels_first" else 1
    return list(range(first, first + rank))


@lays_pipes
def resize_images(x: Any, height_factor: int, width_factor: int, data_format: str | None = None) -> Any:
    """Pictures enlarged by whole factors, each cell repeated."""
    return ops.repeat_axes(x, (height_factor, width_factor), _spatial(x, data_format, 2, "K.resize_images"))


@lays_pipes
def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None = None
) -> Any:
    """Volumes enlarged by whole factors, each cell repeated."""
    factors = depth_factor, height_factor, width_factor
    return ops.repeat_axes(x, factors, _spatial(x, data_format, 3, "K.resize_volumes"))


# -- padding -------------------------------------------------------------------------------------------------------


def _padded(x: Any, padding: Sequence[Pair], axes: Sequence[int], owner: str) -> Any:
    if np.shape(padding) != (len(axes), 2):
        raise invalid(owner, "padding", f"{len(axes)} pairs (before, after)", padding)
    amounts = [(0, 0)] * ndim(x)
    for axis, (before, after) in zip(axes, padding, strict=True):
        amounts[axis] = (int(before), int(after))
    return ops.pad(x, amounts)


@lays_pipes
def temporal_padding(x: Any, padding: Pair = (1, 1)) -> Any:
    """Zeros before and after the steps of (batch, steps, features)."""
    return _padded(x, [padding], [1], "K.temporal_padding")


@lays_pipes
def spatial_2d_padding(x: Any, padding: Sequence[Pair] = ((1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Zeros around pictures: `padding` is (above, below), (left, right)."""
    return _padded(x, padding, _spatial(x, data_format, 2, "K.spatial_2d_padding"), "K.spatial_2d_padding")


@lays_pipes
def spatial_3d_padding(
    x: Any, padding: Sequence[Pair] = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None
) -> Any:
    """Zeros around volumes: `padding` is a pair for each of the three axes."""
    return _padded(x, padding, _spatial(x, data_format, 3, "K.spatial_3d_padding"), "K.spatial_3d_padding")


@lays_pipes
def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """`x + bias`: one number per channel, or one per cell of a sample, channels last.

    Raises:
        InvalidValue: the ranks do not fit.
    """
    name, shape, rank = data_format or config.image_data_format(), int_shape(bias), ndim(x)
    if len(shape) not in (1, rank - 1):
        raise InvalidValue(f"K.bias_add: `bias` must have 1 or {rank - 1} axes. Got {len(shape)}.")
    if name == "channels_first" and rank > 2:
        # A bias per cell is renumbered, not transposed, as Keras did: weights of its files depend on that.
        sizes = (-1, *[1] * (rank - 2)) if len(shape) == 1 else (shape[-1], *shape[:-1])
        return x + ops.reshape(bias, sizes)
    return x + bias
