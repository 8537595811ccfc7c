"""Where a picture changes and where it is bright: thresholds and edge maps (book 7.6 and 7.8). Masks come out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from kerato.errors import InvalidValue, invalid
from kerato.image.arrays import (
    Mask,
    at_least,
    checked,
    checked_mask,
    checked_uint8,
    like,
    ndimage,
    one_of,
    opencv,
    to_grey,
    whole,
)


def threshold(picture: ArrayLike, value: float | None = None, *, dark: bool = False) -> Mask:
    """The pixels brighter than `value`: (h, w[, c]) -> mask (h, w); colours are made grey first.

    value: grey value, not included; by default the one that Otsu's method finds.
    dark: the pixels up to and including `value` instead, for dark things on a bright ground.

    Raises: InvalidValue when `picture` is none or has values that are not finite.
    Source: book 7.6; cv2.threshold.
    """
    grey = to_grey(checked("threshold", picture))
    bright: Mask = grey > (otsu(grey) if value is None else value)
    return ~bright if dark else bright


def otsu(picture: ArrayLike, mask: ArrayLike | None = None) -> float:
    """The grey value that best splits the picture into dark and bright: the variance between both is largest.

    uint8 pictures are split between whole values, others into 256 steps from their smallest to their largest value.

    mask: only pixels inside count.

    Raises: InvalidValue for values that are not finite or a mask with nothing inside.
    Source: N. Otsu 1979, IEEE Trans. SMC 9 (1), 62-66; book 7.8; for uint8 equal to cv2.threshold with THRESH_OTSU.
    """
    grey = to_grey(checked("otsu", picture))
    values = grey.ravel() if mask is None else grey[checked_mask("otsu", mask, grey)]
    if values.size == 0 or (values.dtype.kind == "f" and not np.isfinite(values).all()):
        raise InvalidValue("otsu: `picture` must have finite values, at least one inside the mask. Got none or NaN.")
    if values.dtype == np.uint8:
        return float(opencv().threshold(np.ascontiguousarray(values)[None], 0, 255, opencv().THRESH_OTSU)[0])
    counts, edges = np.histogram(values.astype(np.float64), 256)
    return float(edges[_best_split(counts) + 1])


def _best_split(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    """The last bin of the dark side."""
    steps = np.arange(counts.size)
    dark, moment = np.cumsum(counts)[:-1], np.cumsum(counts * steps)[:-1]
    bright = counts.sum() - dark
    mean_difference = moment / np.maximum(dark, 1) - ((counts * steps).sum() - moment) / np.maximum(bright, 1)
    return int(np.argmax(dark.astype(np.float64) * bright * mean_difference**2))


def adaptive_threshold(
    picture: ArrayLike,
    size: int = 11,
    offset: float = 2.0,
    method: Literal["mean", "gaussian"] = "gaussian",
    *,
    dark: bool = False,
) -> Mask:
    """The pixels brighter than their surroundings less `offset`: uint8 (h, w[, c]) -> mask (h, w).

    For pictures lit unevenly, where no single value splits.

    size: side of the surroundings in pixels, odd, >= 3.
    offset: how much darker than its surroundings a bright pixel may be.
    method: how the surroundings are averaged: mean or gaussian.
    dark: the other pixels instead.

    Raises: InvalidValue for an even size or a picture that is not uint8; UnknownName for another method.
    Source: book 7.6; cv2.adaptiveThreshold.
    """
    cv2, grey = opencv(), to_grey(checked_uint8("adaptive_threshold", picture))
    one_of("adaptive_threshold", "the method", method, ("mean", "gaussian"))
    side = whole("adaptive_threshold", "size", size, 3, odd=True)
    code = cv2.ADAPTIVE_THRESH_MEAN_C if method == "mean" else cv2.ADAPTIVE_THRESH_GAUSSIAN_C
    bright: Mask = np.asarray(cv2.adaptiveThreshold(grey, 255, code, cv2.THRESH_BINARY, side, offset)) > 0
    return ~bright if dark else bright


def canny(
    picture: ArrayLike, low: float = 100.0, high: float = 200.0, aperture: int = 3, *, sigma: float = 0.0
) -> Mask:
    """Edges one pixel wide by Canny's method: uint8 (h, w[, c]) -> mask (h, w); colours are made grey first.

    low: slope from which a pixel continues an edge.
    high: slope from which a pixel begins an edge.
    aperture: size of the Sobel window in pixels, 3, 5 or 7.
    sigma: standard deviation in pixels of a Gaussian filter that comes first; 0 for none.

    Raises: InvalidValue for low > high, another aperture, or a picture that is not uint8.
    Source: J. Canny 1986, IEEE Trans. PAMI 8 (6), 679-698; book 7.6; cv2.Canny.
    """
    grey = to_grey(checked_uint8("canny", picture))
    if aperture not in (3, 5, 7):
        raise invalid("canny", "aperture", "3, 5 or 7", aperture)
    if at_least("canny", "low", low, 0) > at_least("canny", "high", high, 0):
        raise invalid("canny", "low", f"<= high ({high:g})", low)
    if at_least("canny", "sigma", sigma, 0) > 0:
        grey = like(ndimage().gaussian_filter(grey.astype(np.float64), sigma), grey)
    return np.asarray(opencv().Canny(grey, low, high, apertureSize=aperture)) > 0
