"""Filters: every pixel becomes something computed from its surroundings (book 7.2 and 7.4). SciPy and OpenCV compute.

All take a picture (h, w) or (h, w, c) and give the same shape; colours are filtered channel by channel, never
across. Filters that average or choose keep the dtype, as SciPy does; filters whose results can be negative
(derivatives, `convolve`, `correlate`) give float64 for every dtype that is not a float, because in uint8 a fall of
3 would read 253. The arguments that many share:

size: height and width of the window in pixels, >= 1, one number or rows,columns.
footprint: a mask that marks the pixels of the window, instead of `size`.
sigma: standard deviation of the bell curve in pixels, >= 0, one number or rows,columns.
mode: what is assumed beyond the border: reflect, constant, nearest, mirror or wrap.
cval: the value beyond the border for mode constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerato.errors import invalid
from kerato.image.arrays import (
    Border,
    Picture,
    Scale,
    Size,
    at_least,
    border,
    checked,
    checked_mask,
    each_channel,
    like,
    ndimage,
    opencv,
    pair,
    signed,
    whole,
)


def uniform(picture: ArrayLike, size: Size = 3, *, mode: Border = "reflect", cval: float = 0.0) -> Picture:
    """Mean of the `size` window around every pixel: (h, w[, c]) -> same shape and dtype.

    Raises: InvalidValue for a size below 1; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.uniform_filter.
    """
    return _filtered("uniform", "uniform_filter", picture, mode, cval, size=_window("uniform", size))


def median(
    picture: ArrayLike,
    size: Size = 3,
    *,
    footprint: ArrayLike | None = None,
    mode: Border = "reflect",
    cval: float = 0.0,
) -> Picture:
    """Median of the window around every pixel; removes specks and keeps edges: same shape and dtype.

    Raises: InvalidValue for a size below 1; UnknownName for an unknown mode.
    Source: book 7.2 and 7.4; scipy.ndimage.median_filter.
    """
    return _ranked("median", "median_filter", picture, size, footprint, mode, cval)


def maximum(
    picture: ArrayLike,
    size: Size = 3,
    *,
    footprint: ArrayLike | None = None,
    mode: Border = "reflect",
    cval: float = 0.0,
) -> Picture:
    """Largest value in the window around every pixel: same shape and dtype.

    Raises: InvalidValue for a size below 1; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.maximum_filter.
    """
    return _ranked("maximum", "maximum_filter", picture, size, footprint, mode, cval)


def minimum(
    picture: ArrayLike,
    size: Size = 3,
    *,
    footprint: ArrayLike | None = None,
    mode: Border = "reflect",
    cval: float = 0.0,
) -> Picture:
    """Smallest value in the window around every pixel: same shape and dtype.

    Raises: InvalidValue for a size below 1; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.minimum_filter.
    """
    return _ranked("minimum", "minimum_filter", picture, size, footprint, mode, cval)


def percentile(
    picture: ArrayLike,
    percent: float = 50.0,
    size: Size = 3,
    *,
    footprint: ArrayLike | None = None,
    mode: Border = "reflect",
    cval: float = 0.0,
) -> Picture:
    """Value below which `percent` % of the window lie: same shape and dtype.

    percent: 0 (the minimum) to 100 (the maximum); negative ones count from 100.

    Raises: InvalidValue for a percent or a size out of range; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.percentile_filter.
    """
    if not -100 <= percent <= 100:
        raise invalid("percentile", "percent", "a number from -100 to 100", percent)
    return _ranked("percentile", "percentile_filter", picture, size, footprint, mode, cval, percentile=percent)


def rank(
    picture: ArrayLike,
    place: int = 0,
    size: Size = 3,
    *,
    footprint: ArrayLike | None = None,
    mode: Border = "reflect",
    cval: float = 0.0,
) -> Picture:
    """The value at `place` when the window is sorted: same shape and dtype.

    place: 0 is the smallest value of the window, -1 the largest.

    Raises: InvalidValue for a place outside the window; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.rank_filter.
    """
    count = int(np.prod(_window("rank", size))) if footprint is None else int(np.count_nonzero(footprint))
    if not -count <= place < count:
        raise invalid("rank", "place", f"an int from {-count} to {count - 1} for a window of {count}", place)
    return _ranked("rank", "rank_filter", picture, size, footprint, mode, cval, rank=place)


def correlate(picture: ArrayLike, weights: ArrayLike, *, mode: Border = "reflect", cval: float = 0.0) -> Picture:
    """Sum of the window times `weights` (kh, kw), as a convolution layer computes it: same shape, float.

    Raises: InvalidValue for weights that are not two-dimensional; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.correlate.
    """
    return _filtered(
        "correlate", "correlate", picture, mode, cval, negative=True, weights=_weights("correlate", weights)
    )


def convolve(picture: ArrayLike, weights: ArrayLike, *, mode: Border = "reflect", cval: float = 0.0) -> Picture:
    """Sum of the window times `weights` (kh, kw) turned by 180 degrees: same shape, float.

    Raises: InvalidValue for weights that are not two-dimensional; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.convolve.
    """
    return _filtered("convolve", "convolve", picture, mode, cval, negative=True, weights=_weights("convolve", weights))


def laplace(picture: ArrayLike, *, mode: Border = "reflect", cval: float = 0.0) -> Picture:
    """Sum of the second differences along rows and columns: same shape, float.

    Raises: UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.laplace.
    """
    return _filtered("laplace", "laplace", picture, mode, cval, negative=True)


def sobel(picture: ArrayLike, axis: int | None = None, *, mode: Border = "reflect", cval: float = 0.0) -> Picture:
    """Slope by Sobel's 3 x 3 weights, positive where values grow: same shape, float.

    axis: 0 from row to row (finds horizontal edges), 1 from column to column (finds vertical ones); without it the
        length of both together, sqrt(rows^2 + columns^2).

    Raises: InvalidValue for another axis; UnknownName for an unknown mode.
    Source: book 7.2 and 7.6; scipy.ndimage.sobel.
    """
    return _slope("sobel", picture, axis, mode, cval)


def prewitt(picture: ArrayLike, axis: int | None = None, *, mode: Border = "reflect", cval: float = 0.0) -> Picture:
    """Slope by Prewitt's 3 x 3 weights: same shape, float.

    axis: 0 from row to row, 1 from column to column; without it the length of both together.

    Raises: InvalidValue for another axis; UnknownName for an unknown mode.
    Source: book 7.2 and 7.6; scipy.ndimage.prewitt.
    """
    return _slope("prewitt", picture, axis, mode, cval)


def gaussian(
    picture: ArrayLike,
    sigma: Scale = 1.0,
    *,
    order: Size = 0,
    mode: Border = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
) -> Picture:
    """Gaussian filter: the mean of the surroundings weighted by a bell curve: same shape and dtype.

    With an `order` above 0 the derivative of the smoothed picture, which is float.

    order: how often to differentiate, >= 0, one number or rows,columns.
    truncate: the bell is cut off at int(truncate * sigma + 0.5) pixels from its middle.

    Raises: InvalidValue for a negative sigma, order or truncate; UnknownName for an unknown mode.
    Source: book 7.4; scipy.ndimage.gaussian_filter.
    """
    orders = pair("gaussian", "order", order, 0, integer=True)
    settings = {"sigma": pair("gaussian", "sigma", sigma), "truncate": at_least("gaussian", "truncate", truncate, 0)}
    return _filtered("gaussian", "gaussian_filter", picture, mode, cval, negative=any(orders), order=orders, **settings)


def gaussian_blur(picture: ArrayLike, size: Size = 5, sigma: float = 0.0) -> Picture:
    """Gaussian filter by window size, as OpenCV has it; the border is mirrored: same shape and dtype.

    size: height and width of the window in pixels, odd, one number or rows,columns.
    sigma: standard deviation in pixels; 0 takes 0.3 * ((size - 1) * 0.5 - 1) + 0.8.

    Raises: InvalidValue for an even size, a negative sigma, or a dtype that OpenCV does not filter.
    Source: book 7.4; cv2.GaussianBlur.
    """
    rows, columns = (whole("gaussian_blur", "size", side, odd=True) for side in _window("gaussian_blur", size))
    array = checked("gaussian_blur", picture)
    if array.dtype not in (np.uint8, np.uint16, np.int16, np.float32, np.float64):
        raise invalid("gaussian_blur", "picture", "of dtype uint8, uint16, int16, float32 or float64", array)
    cv2, spread = opencv(), at_least("gaussian_blur", "sigma", sigma, 0)
    # OpenCV filters channels by themselves too, but drops the axis of a single one.
    return each_channel(array, lambda plane: np.asarray(cv2.GaussianBlur(plane, (columns, rows), spread)))


def gaussian_derivative(picture: ArrayLike, sigma: Scale = 1.0, axis: int = 1, *, mode: Border = "reflect") -> Picture:
    """Slope of the picture smoothed by `gaussian`, positive where values grow: same shape, float.

    axis: 0 from row to row, 1 from column to column.

    Raises: InvalidValue for a negative sigma or another axis; UnknownName for an unknown mode.
    Source: book 7.4; scipy.ndimage.gaussian_filter with order 1.
    """
    if axis not in (0, 1):
        raise invalid("gaussian_derivative", "axis", "0 or 1", axis)
    return gaussian(picture, sigma, order=(1, 0) if axis == 0 else (0, 1), mode=mode)


def gaussian_laplace(picture: ArrayLike, sigma: Scale = 1.0, *, mode: Border = "reflect", cval: float = 0.0) -> Picture:
    """Laplace of the smoothed picture; crosses 0 at edges, large on blobs of radius sigma * sqrt(2): float.

    Raises: InvalidValue for a negative sigma; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.gaussian_laplace.
    """
    bell = pair("gaussian_laplace", "sigma", sigma)
    return _filtered("gaussian_laplace", "gaussian_laplace", picture, mode, cval, negative=True, sigma=bell)


def gaussian_gradient(
    picture: ArrayLike, sigma: Scale = 1.0, *, mode: Border = "reflect", cval: float = 0.0
) -> Picture:
    """Length of the slope of the smoothed picture, sqrt(rows^2 + columns^2): same shape, float.

    Raises: InvalidValue for a negative sigma; UnknownName for an unknown mode.
    Source: book 7.2; scipy.ndimage.gaussian_gradient_magnitude.
    """
    bell = pair("gaussian_gradient", "sigma", sigma)
    return _filtered("gaussian_gradient", "gaussian_gradient_magnitude", picture, mode, cval, negative=True, sigma=bell)


def unsharp(picture: ArrayLike, sigma: Scale = 2.0, amount: float = 1.0) -> Picture:
    """Unsharp mask: picture + amount * (picture - gaussian(picture)), clipped to the dtype: same shape and dtype.

    amount: strength, >= 0; 0 changes nothing.

    Raises: InvalidValue for a negative sigma or amount.
    Source: book 7.4.
    """
    array = checked("unsharp", picture)
    sharp = signed(array)
    blurred = gaussian(sharp, pair("unsharp", "sigma", sigma))
    return like(sharp + at_least("unsharp", "amount", amount, 0) * (sharp - blurred), array)


def _window(owner: str, size: Size) -> tuple[int, int]:
    return pair(owner, "size", size, 1, integer=True)


def _weights(owner: str, weights: ArrayLike) -> Picture:
    array = np.asarray(weights, np.float64)
    if array.ndim != 2 or array.size == 0:
        raise invalid(owner, "weights", "an array (rows, columns), not empty", array)
    return array


def _filtered(
    owner: str, function: str, picture: ArrayLike, mode: str, cval: float, *, negative: bool = False, **settings: Any
) -> Picture:
    array = checked(owner, picture)
    array = signed(array) if negative or array.dtype == np.bool_ else array
    settings |= border(owner, mode, cval)
    call = getattr(ndimage(), function)
    return each_channel(array, lambda plane: call(plane, **settings))


def _ranked(
    owner: str,
    function: str,
    picture: ArrayLike,
    size: Size,
    footprint: ArrayLike | None,
    mode: str,
    cval: float,
    **settings: Any,
) -> Picture:
    where = {"size": _window(owner, size)} if footprint is None else {"footprint": checked_mask(owner, footprint)}
    return _filtered(owner, function, picture, mode, cval, **where, **settings)


def _slope(owner: str, picture: ArrayLike, axis: int | None, mode: str, cval: float) -> Picture:
    if axis not in (None, 0, 1):
        raise invalid(owner, "axis", "0, 1 or None", axis)
    if axis is not None:
        return _filtered(owner, owner, picture, mode, cval, negative=True, axis=axis)
    return np.hypot(_slope(owner, picture, 0, mode, cval), _slope(owner, picture, 1, mode, cval))
