"""Where pixels go: cutting, resizing, turning, mirroring (book 7.2 and 7.5). SciPy and OpenCV compute.

All take a picture (h, w) or (h, w, c), keep the dtype, and treat every channel alike. Integer pictures are rounded
and clipped to their range. The arguments that many share:

order: degree of the spline between pixels: 0 nearest, 1 linear, 3 cubic (overshoots at hard edges), at most 5.
mode: what is assumed beyond the border: reflect, constant, nearest, mirror or wrap.
cval: the value beyond the border for mode constant.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from kerato.errors import invalid
from kerato.image.arrays import (
    Border,
    Picture,
    Scale,
    border,
    checked,
    each_channel,
    ndimage,
    one_of,
    opencv,
    pair,
    whole,
)

METHODS = ("nearest", "bilinear", "bicubic", "area", "lanczos")


def crop(picture: ArrayLike, x: int = 0, y: int = 0, width: int | None = None, height: int | None = None) -> Picture:
    """The box (x, y, width, height) of the picture, as a copy: (h, w[, c]) -> (height, width[, c]).

    x: first column, from 0.
    y: first row, from 0.
    width: columns, >= 1; by default all that follow.
    height: rows, >= 1; by default all that follow.

    Raises: InvalidValue when the box does not lie inside the picture.
    Source: book 7.2.
    """
    array = checked("crop", picture)
    rows, columns = array.shape[:2]
    box = (x, y, columns - x if width is None else width, rows - y if height is None else height)
    if min(x, y) < 0 or min(box[2:]) < 1 or x + box[2] > columns or y + box[3] > rows:
        raise invalid("crop", "(x, y, width, height)", f"a box inside the picture of {columns} x {rows}", box)
    return array[y : y + box[3], x : x + box[2]].copy()


def resize(
    picture: ArrayLike,
    size: tuple[int, int],
    method: Literal["nearest", "bilinear", "bicubic", "area", "lanczos"] | None = None,
) -> Picture:
    """The whole picture at another size: (h, w[, c]) -> (height, width[, c]).

    size: the new height,width in pixels.
    method: nearest, bilinear, bicubic, area (the mean of what falls on a pixel) or lanczos; by default area when
        the picture shrinks and bilinear when it grows.

    Raises: InvalidValue for a size below 1 or a dtype that OpenCV does not resize; UnknownName for another method.
    Source: book 1.5; cv2.resize.
    """
    array, cv2 = checked("resize", picture), opencv()
    height, width = pair("resize", "size", size, 1, integer=True)
    shrinks = height <= array.shape[0] and width <= array.shape[1]
    name = one_of("resize", "the method", method or ("area" if shrinks else "bilinear"), METHODS)
    if array.dtype == np.bool_:
        return np.asarray(cv2.resize(array.astype(np.uint8) * 255, (width, height), interpolation=_code(name))) >= 128
    if array.dtype not in (np.uint8, np.uint16, np.int16, np.float32, np.float64):
        raise invalid("resize", "picture", "of dtype bool, uint8, uint16, int16, float32 or float64", array)
    resized = np.asarray(cv2.resize(array, (width, height), interpolation=_code(name)))
    return resized.reshape(height, width, *array.shape[2:])


def _code(method: str) -> Any:
    names = {"bilinear": "LINEAR", "bicubic": "CUBIC", "lanczos": "LANCZOS4"}
    return getattr(opencv(), f"INTER_{names.get(method, method.upper())}")


def flip(picture: ArrayLike, direction: Literal["horizontal", "vertical", "both"] = "horizontal") -> Picture:
    """The picture mirrored: same shape and dtype, as a copy.

    direction: horizontal swaps left and right, vertical top and bottom, both is half a turn.

    Raises: UnknownName for another direction.
    Source: book 7.5; numpy.fliplr, numpy.flipud, cv2.flip.
    """
    array = checked("flip", picture)
    one_of("flip", "the direction", direction, ("horizontal", "vertical", "both"))
    rows, columns = (1 if direction == "horizontal" else -1), (1 if direction == "vertical" else -1)
    return array[::rows, ::columns].copy()


def rotate90(picture: ArrayLike, turns: int = 1) -> Picture:
    """The picture turned counter-clockwise by `turns` quarter turns: (h, w[, c]) -> (w, h[, c]) for odd ones.

    turns: quarter turns, negative ones clockwise.

    Raises: InvalidValue for turns that are no int.
    Source: book 7.5; numpy.rot90.
    """
    if not isinstance(turns, int | np.integer) or isinstance(turns, bool):
        raise invalid("rotate90", "turns", "an int", turns)
    return np.rot90(checked("rotate90", picture), turns).copy()


def rotate(
    picture: ArrayLike,
    angle: float,
    *,
    reshape: bool = True,
    order: int = 3,
    mode: Border = "constant",
    cval: float = 0.0,
) -> Picture:
    """The picture turned counter-clockwise around its middle by any angle: (h, w[, c]) -> (h', w'[, c]).

    angle: degrees, negative ones clockwise.
    reshape: make the result large enough for all corners; otherwise it keeps the picture's size.

    Raises: InvalidValue for an angle that is not finite or an order out of range; UnknownName for another mode.
    Source: book 7.2 and 7.5; scipy.ndimage.rotate.
    """
    if not np.isfinite(angle):
        raise invalid("rotate", "angle", "a finite number of degrees", angle)
    return _moved("rotate", picture, order, mode, cval, angle=angle, reshape=reshape)


def shift(
    picture: ArrayLike, offset: Scale, *, order: int = 3, mode: Border = "constant", cval: float = 0.0
) -> Picture:
    """The picture moved within its frame, also by parts of a pixel: same shape and dtype.

    offset: pixels down,right; negative ones go up and left.

    Raises: InvalidValue for an offset that is not finite or an order out of range; UnknownName for another mode.
    Source: book 7.2; scipy.ndimage.shift.
    """
    return _moved("shift", picture, order, mode, cval, shift=pair("shift", "offset", offset, -np.inf))


def zoom(picture: ArrayLike, factor: Scale, *, order: int = 3, mode: Border = "constant", cval: float = 0.0) -> Picture:
    """The picture enlarged by spline interpolation: (h, w[, c]) -> (round(h * rows), round(w * columns)[, c]).

    Nothing is averaged when it shrinks; for that, use `resize`.

    factor: enlargement, > 0, one number or rows,columns.

    Raises: InvalidValue for a factor that leaves no pixel or an order out of range; UnknownName for another mode.
    Source: book 7.2; scipy.ndimage.zoom.
    """
    array = checked("zoom", picture)
    both = pair("zoom", "factor", factor)
    if any(round(side * times) < 1 for side, times in zip(array.shape[:2], both, strict=True)):
        raise invalid("zoom", "factor", f"large enough to leave a pixel of {array.shape[:2]}", factor)
    return _moved("zoom", array, order, mode, cval, zoom=both)


def affine(
    picture: ArrayLike,
    matrix: ArrayLike,
    offset: Scale = 0.0,
    shape: tuple[int, int] | None = None,
    *,
    order: int = 3,
    mode: Border = "constant",
    cval: float = 0.0,
) -> Picture:
    """The picture taken at `matrix @ (row, column) + offset` for every pixel: (h, w[, c]) -> (*shape[, c]).

    matrix (2, 2) and offset lead from pixels of the result to pixels of `picture`; shape is that of the result, by
    default the picture's.

    Raises: InvalidValue for a matrix that is not (2, 2) or an order out of range; UnknownName for another mode.
    Source: book 7.2; scipy.ndimage.affine_transform.
    """
    linear = np.asarray(matrix, np.float64)
    if linear.shape != (2, 2) or not np.isfinite(linear).all():
        raise invalid("affine", "matrix", "a finite array (2, 2)", linear)
    size = None if shape is None else pair("affine", "shape", shape, 1, integer=True)
    where = {"matrix": linear, "offset": pair("affine", "offset", offset, -np.inf), "output_shape": size}
    return _moved("affine_transform", picture, order, mode, cval, owner="affine", **where)


def map_coordinates(
    picture: ArrayLike, coordinates: ArrayLike, *, order: int = 3, mode: Border = "constant", cval: float = 0.0
) -> Picture:
    """The picture's values at any places: coordinates (2, ...), rows and columns, -> (...[, c]).

    Raises: InvalidValue for coordinates that are not (2, ...) or an order out of range; UnknownName for another mode.
    Source: book 7.2; scipy.ndimage.map_coordinates.
    """
    places = np.asarray(coordinates, np.float64)
    if places.ndim < 1 or places.shape[0] != 2:
        raise invalid("map_coordinates", "coordinates", "an array (2, ...) of rows and columns", places)
    return _moved("map_coordinates", picture, order, mode, cval, coordinates=places)


def _moved(
    function: str, picture: ArrayLike, order: int, mode: str, cval: float, *, owner: str = "", **settings: Any
) -> Picture:
    owner = owner or function
    array = checked(owner, picture)
    if whole(owner, "order", order, 0) > 5:
        raise invalid(owner, "order", "an int from 0 to 5", order)
    settings |= {"order": order, **border(owner, mode, cval)}
    call = getattr(ndimage(), function)
    if array.dtype == np.bool_:
        return np.asarray(each_channel(array.astype(np.float64), lambda plane: call(plane, **settings)) >= 0.5)
    return each_channel(array, lambda plane: call(plane, **settings))
