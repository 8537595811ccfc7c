"""Geometry of augmentation: affine maps about a picture's centre, and the one pass that resamples it.

A map is a 3 x 3 matrix that takes a pixel (row, column, 1) of the result to the place in the picture that it is read
from. Everything here works on plain NumPy arrays, in threads that do not hold each other up, and needs no image library
for interpolation orders 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kerato import errors

Array = NDArray[Any]

BAND_PIXELS: Final = 12288
"""Pixels of a band; a picture is resampled in bands whose intermediate arrays stay in the processor's cache."""

SHEAR_UNITS: Final = ("degrees", "radians")


def affine_matrix(
    theta: float = 0.0,
    tx: float = 0.0,
    ty: float = 0.0,
    shear: float = 0.0,
    zx: float = 1.0,
    zy: float = 1.0,
    *,
    shear_unit: str = "degrees",
) -> Array:
    """`rotation @ shift @ shear @ zoom`, (3, 3), on (row, column, 1).

    `theta` is in degrees clockwise; `tx` and `ty` are in pixels, and the scene moves up by `tx` and left by `ty`; `zx`
    and `zy` are factors along rows and columns (above 1 shows more of the scene); `shear` is an angle in `shear_unit`.

    Source: Keras 2.0.5, `ImageDataGenerator.random_transform`.
    Differs: Keras 3 swaps rows and columns of the product but not its arguments, so that its height shift moves a
    picture sideways; 2.0.5 took `shear` in radians, Keras 3 takes degrees.
    """
    turn = math.radians(theta)
    slant = math.radians(shear) if shear_unit == "degrees" else shear
    rotation = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    shearing = np.array([[1, -math.sin(slant), 0], [0, math.cos(slant), 0], [0, 0, 1]])
    zoom = np.array([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    product: Array = rotation @ shift @ shearing @ zoom
    return product


def transform_matrix_offset_center(matrix: Array, x: int, y: int) -> Array:
    """`matrix` (3, 3) made to act about the centre of a picture of `x` rows and `y` columns.

    Differs: the centre is ((x - 1) / 2, (y - 1) / 2), as in Keras 3; 2.0.5 took (x + 1) / 2, one pixel off.
    """
    rows, columns = (x - 1) / 2, (y - 1) / 2
    to_centre = np.array([[1, 0, rows], [0, 1, columns], [0, 0, 1]])
    from_centre = np.array([[1, 0, -rows], [0, 1, -columns], [0, 0, 1]])
    centred: Array = to_centre @ matrix @ from_centre
    return centred


def _clamp(places: Array, size: int) -> Array:
    return np.asarray(np.clip(places, 0, size - 1, out=places))


def _reflect(places: Array, size: int) -> Array:
    """d c b a | a b c d | d c b a: mirrored at the pixels' outer edges."""
    beyond = (places < 0) | (places > size - 1)
    folded = np.mod(places[beyond] + 0.5, 2 * size)
    places[beyond] = np.minimum(folded, 2 * size - folded) - 0.5
    return _clamp(places, size)


def _wrap(places: Array, size: int) -> Array:
    """Period size - 1, as ndimage's `wrap` has it: the last pixel and the first are the same place."""
    period = max(size - 1, 1)
    before, after = places < 0, places > size - 1
    places[before] = period - np.mod(-places[before], period)
    places[after] = np.mod(places[after], period)
    return _clamp(places, size)


FILL_MODES: Final[dict[str, Callable[[Array, int], Array]]] = {
    "constant": _clamp,
    "nearest": _clamp,
    "reflect": _reflect,
    "wrap": _wrap,
}
"""What each mode does with places outside the picture, in place where it can."""


def warp(planes: Array, matrix: Array, order: int = 1, fill_mode: str = "nearest", cval: float = 0.0) -> Array:
    """`result[c, i, j] = planes[c, matrix @ (i, j, 1)]`: (channels, height, width) float32 -> the same shape.

    `order` 0 reads the nearest pixel, 1 interpolates between four, 2 to 5 are SciPy's splines. Outside the picture
    `fill_mode` decides, as in `scipy.ndimage.affine_transform`: `constant` (`cval`), `nearest`, `reflect`, `wrap`.

    Source: SciPy, ndimage; equal to it to 1e-3 of 255 grey levels for order 1 (it computes in float64) and exactly for
    order 0, except where a place lies within rounding of a tie. A place less than 1e-9 outside counts as inside.
    """
    if order > 1:
        return _spline(planes, matrix, order, fill_mode, cval)
    _, height, width = planes.shape
    warped = np.empty(planes.shape, dtype=np.float32)
    step = max(1, BAND_PIXELS // width)
    for top in range(0, height, step):
        rows, columns = _places(matrix, range(top, min(top + step, height)), width)
        outside = _outside(rows, columns, height, width) if fill_mode == "constant" else None
        band = warped[:, top : top + step]
        _read(planes, rows, columns, order, fill_mode, out=band)
        if outside is not None:
            band[:, outside] = cval
    return warped


def _places(matrix: Array, lines: range, width: int) -> tuple[Array, Array]:
    """Where the pixels of some lines of the result are read: rows and columns, each (lines, width)."""
    i, j = np.arange(lines.start, lines.stop)[:, None], np.arange(width)
    (a, b, c), (d, e, f) = matrix[:2].tolist()
    return (a * i + c) + b * j, (d * i + f) + e * j


def _outside(rows: Array, columns: Array, height: int, width: int) -> Array:
    slack = 1e-9
    beyond = (rows < -slack) | (rows > height - 1 + slack) | (columns < -slack) | (columns > width - 1 + slack)
    return np.asarray(beyond)


def _read(planes: Array, rows: Array, columns: Array, order: int, fill_mode: str, out: Array) -> None:
    """The values of `planes` at (rows, columns), written into `out`."""
    fold = FILL_MODES[fill_mode]
    rows, columns = fold(rows, planes.shape[1]), fold(columns, planes.shape[2])
    flat = planes.reshape(len(planes), -1)
    values = (_linear if order else _nearest)(flat, planes.shape[2], rows.ravel(), columns.ravel())
    out[...] = values.reshape(out.shape)


def _nearest(flat: Array, width: int, rows: Array, columns: Array) -> Array:
    at = np.floor(rows + 0.5) * width + np.floor(columns + 0.5)
    return np.asarray(flat.take(at.astype(np.intp), axis=1, mode="clip"))


def _linear(flat: Array, width: int, rows: Array, columns: Array) -> Array:
    """Interpolates along columns, then along rows; `a + (b - a) * f` keeps a flat picture exactly flat."""
    above, left = np.floor(rows), np.floor(columns)
    down, right = (rows - above).astype(np.float32), (columns - left).astype(np.float32)
    at = (above * width + left).astype(np.intp)
    # A neighbour beyond the last pixel has weight 0: clipping its index only keeps the read inside.
    upper = _mix(flat.take(at, 1, mode="clip"), flat.take(at + 1, 1, mode="clip"), right)
    at += width
    lower = _mix(flat.take(at, 1, mode="clip"), flat.take(at + 1, 1, mode="clip"), right)
    return _mix(upper, lower, down)


def _mix(first: Array, second: Array, share: Array) -> Array:
    second -= first
    second *= share
    second += first
    return second


def _spline(planes: Array, matrix: Array, order: int, fill_mode: str, cval: float) -> Array:
    ndimage = errors.require("scipy.ndimage", "image", "interpolation of order 2 and above")
    parts = [
        ndimage.affine_transform(plane, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval)
        for plane in planes
    ]
    return np.stack(parts)


def apply_transform(
    x: Array,
    transform_matrix: Array,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    *,
    interpolation_order: int = 1,
) -> Array:
    """`x` (rank 3) resampled through `transform_matrix` (3, 3) in one pass -> float32 of the same shape.

    Raises:
        UnknownName: `fill_mode` is not one of the four.
        InvalidValue: `x` is not of rank 3, or `interpolation_order` is not 0 to 5.

    Source: Keras 2.0.5, `keras/preprocessing/image.py`.
    """
    check_resampling("apply_transform", fill_mode, interpolation_order)
    warped = warp(as_planes(x, channel_axis), transform_matrix, interpolation_order, fill_mode, cval)
    return np.ascontiguousarray(np.moveaxis(warped, 0, channel_axis))


def apply_affine_transform(
    x: Array,
    theta: float = 0.0,
    tx: float = 0.0,
    ty: float = 0.0,
    shear: float = 0.0,
    zx: float = 1.0,
    zy: float = 1.0,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
    *,
    shear_unit: str = "degrees",
) -> Array:
    """`x` (rank 3) turned, shifted, sheared and zoomed about its centre -> float32 of the same shape.

    The arguments are those of `affine_matrix` and `apply_transform`.

    Raises:
        UnknownName: `fill_mode` or `shear_unit` is not known.
        InvalidValue: `x` is not of rank 3, or `order` is not 0 to 5.
    """
    if shear_unit not in SHEAR_UNITS:
        raise errors.unknown("apply_affine_transform", "shear_unit", shear_unit, SHEAR_UNITS)
    matrix = affine_matrix(theta, tx, ty, shear, zx, zy, shear_unit=shear_unit)
    centred = transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    return apply_transform(x, centred, channel_axis, fill_mode, cval, interpolation_order=order)


def as_planes(x: Any, channel_axis: int) -> Array:
    """A picture of rank 3 as contiguous float32 planes (channels, height, width), channels from `channel_axis`.

    Raises:
        InvalidValue: `x` is not of rank 3.
    """
    picture = np.asarray(x)
    if picture.ndim != 3:
        raise errors.invalid("a picture", "x", "an array of rank 3", picture)
    return np.ascontiguousarray(np.moveaxis(picture, channel_axis, 0), dtype=np.float32)


def check_resampling(owner: str, fill_mode: str, order: int) -> None:
    """See that `warp` can be called with these.

    Raises:
        UnknownName: `fill_mode` is not one of the four.
        InvalidValue: `order` is not an int from 0 to 5.
    """
    if fill_mode not in FILL_MODES:
        raise errors.unknown(owner, "fill_mode", fill_mode, FILL_MODES)
    if isinstance(order, bool) or order not in range(6):
        raise errors.invalid(owner, "interpolation_order", "an int from 0 (nearest pixel) to 5", order)
