"""The single steps of augmentation on one picture, and Keras's helpers that take such a step at random.

The helpers draw from NumPy's global generator, as they always did; `ImageDataGenerator` draws by sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerato import errors
from kerato.data.affine import apply_affine_transform

Array = NDArray[Any]


def flip_axis(x: Any, axis: int) -> Array:
    """`x` mirrored along `axis`, as a view of the same shape. Source: Keras 2.0.5."""
    return np.flip(np.asarray(x), axis)


def apply_channel_shift(x: Any, intensity: Any, channel_axis: int = 0) -> Array:
    """`x + intensity`, clipped to the smallest and largest value of `x`; the shape stays, the result is float32.

    `intensity` is one number, or one for each channel.
    """
    picture = np.asarray(x, dtype=np.float32)
    shape = [1] * picture.ndim
    shape[channel_axis] = -1
    offsets = np.reshape(np.asarray(intensity, dtype=np.float32), shape)
    return np.asarray(np.clip(picture + offsets, picture.min(), picture.max()))


def apply_brightness_shift(x: Any, brightness: float, scale: bool = False) -> Array:
    """`x * brightness` cut to 0..255 -> float32 of the same shape.

    A picture with values outside 0..255 is stretched to that range first and back afterwards; with `scale` every
    picture is stretched and stays so.

    Differs: Keras rounds to whole grey levels on the way.
    """
    picture = np.asarray(x, dtype=np.float32)
    low, high = float(picture.min()), float(picture.max())
    beyond = low < 0 or high > 255
    if not (scale or beyond):
        return np.asarray(np.clip(picture * np.float32(brightness), 0, 255))
    span = (high - low) or 1.0
    bright: Array = np.clip((picture - low) * np.float32(255 / span * brightness), 0, 255)
    return bright if scale else bright * np.float32(span / 255) + np.float32(low)


def random_rotation(
    x: Any,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """`x` (rank 3) turned by an angle from [-rg, rg] degrees -> float32 of the same shape. Source: Keras 2.0.5."""
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(
        x, np.random.uniform(-rg, rg), 0, 0, 0, 1, 1, *axes, fill_mode, cval, interpolation_order
    )


def random_shift(
    x: Any,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """`x` (rank 3) moved by up to `wrg` of its width and `hrg` of its height -> float32 of the same shape.

    Source: Keras 2.0.5.
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *axes, fill_mode, cval, interpolation_order)


def random_shear(
    x: Any,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
    *,
    shear_unit: str = "degrees",
) -> Array:
    """`x` (rank 3) sheared by an angle from [-intensity, intensity] in `shear_unit` -> float32 of the same shape.

    Raises:
        UnknownName: `shear_unit` is neither degrees nor radians.

    Source: Keras 2.0.5, where the angle is in radians.
    """
    shear = np.random.uniform(-intensity, intensity)
    how = row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    return apply_affine_transform(x, 0, 0, 0, shear, 1, 1, *how, shear_unit=shear_unit)


def random_zoom(
    x: Any,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """`x` (rank 3) scaled by two factors from `zoom_range` (lowest, highest) -> float32 of the same shape.

    Raises:
        InvalidValue: `zoom_range` has not two numbers.

    Source: Keras 2.0.5.
    """
    low, high = _two("random_zoom", "zoom_range", zoom_range)
    zx, zy = np.random.uniform(low, high, 2)
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *axes, fill_mode, cval, interpolation_order)


def random_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> Array:
    """`x` with an offset from [-intensity, intensity] added to each channel, clipped to the extremes of `x`.

    Source: Keras 2.0.5.
    """
    offsets = np.random.uniform(-intensity, intensity, np.asarray(x).shape[channel_axis])
    return apply_channel_shift(x, offsets, channel_axis)


def random_brightness(x: Any, brightness_range: Sequence[float], scale: bool = False) -> Array:
    """`x` made brighter or darker by a factor from `brightness_range` (lowest, highest).

    Raises:
        InvalidValue: `brightness_range` has not two numbers.
    """
    low, high = _two("random_brightness", "brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(low, high), scale)


def _two(owner: str, name: str, value: Sequence[float]) -> tuple[float, float]:
    if np.shape(value) != (2,):
        raise errors.invalid(owner, name, "a pair (lowest, highest)", value)
    return float(value[0]), float(value[1])
