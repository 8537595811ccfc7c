"""Corners: places where a picture changes in two directions (book 7.7). Points are (x, y), strongest first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid
from kerato.image.arrays import Points, at_least, checked, checked_mask, ndimage, opencv, pair, signed, to_grey, whole
from kerato.image.filters import gaussian, gaussian_derivative


def harris(picture: ArrayLike, block: int = 2, aperture: int = 3, k: float = 0.04) -> NDArray[np.float32]:
    """Harris response det M - k * trace(M)^2: (h, w[, c]) -> (h, w) float32; large at corners, below 0 at edges.

    M sums the products of the slopes over a block. Colours are made grey first.

    block: side of the block in pixels, >= 1.
    aperture: size of the Sobel window in pixels, 3, 5 or 7.
    k: how much edges count against a corner, 0.04 to 0.06.

    Raises: InvalidValue for a block below 1 or another aperture.
    Source: Harris and Stephens 1988; book 7.7; cv2.cornerHarris.
    """
    grey = _grey("harris", picture)
    _check_aperture("harris", aperture)
    return np.asarray(opencv().cornerHarris(grey, whole("harris", "block", block), aperture, k), np.float32)


def harris_gaussian(picture: ArrayLike, sigma: float = 3.0) -> NDArray[np.float64]:
    """Harris response without k, det M / trace M, by Gaussian derivatives: (h, w[, c]) -> (h, w) float64, >= 0.

    sigma: standard deviation in pixels of the derivatives and of the summing window, > 0.

    Raises: InvalidValue for a sigma that is not above 0.
    Source: book 7.7 (the SciPy form).
    """
    if at_least("harris_gaussian", "sigma", sigma, 0) == 0:
        raise invalid("harris_gaussian", "sigma", "a number > 0", sigma)
    grey = signed(to_grey(checked("harris_gaussian", picture))).astype(np.float64)
    down, across = (gaussian_derivative(grey, sigma, axis) for axis in (0, 1))
    xx, xy, yy = (gaussian(product, sigma) for product in (across * across, across * down, down * down))
    trace = xx + yy
    determinant = np.maximum(xx * yy - xy * xy, 0)
    return np.where(trace > 0, determinant / np.where(trace > 0, trace, 1), 0.0)


def shi_tomasi_response(picture: ArrayLike, block: int = 3, aperture: int = 3) -> NDArray[np.float32]:
    """The smaller eigenvalue of M for every pixel: (h, w[, c]) -> (h, w) float32; arguments as for `harris`.

    Raises: InvalidValue for a block below 1 or another aperture.
    Source: Shi and Tomasi 1994; book 7.7; cv2.cornerMinEigenVal.
    """
    _check_aperture("shi_tomasi_response", aperture)
    size = whole("shi_tomasi_response", "block", block)
    return np.asarray(opencv().cornerMinEigenVal(_grey("shi_tomasi_response", picture), size, ksize=aperture))


def shi_tomasi(
    picture: ArrayLike,
    count: int = 25,
    quality: float = 0.01,
    min_distance: float = 10.0,
    mask: ArrayLike | None = None,
    block: int = 3,
) -> Points:
    """The `count` strongest corners by Shi and Tomasi: (h, w[, c]) -> (n, 2) float32, strongest first.

    count: how many at most; 0 for all.
    quality: corners weaker than this share of the strongest are left out, above 0 to 1.
    min_distance: pixels between any two corners.
    mask: corners only inside.
    block: side of the block over which slopes are summed, in pixels.

    Raises: InvalidValue for numbers out of range or a mask of another size.
    Source: Shi and Tomasi 1994; book 7.7; cv2.goodFeaturesToTrack.
    """
    grey = _grey("shi_tomasi", picture)
    if not 0 < quality <= 1:
        raise invalid("shi_tomasi", "quality", "a number above 0, at most 1", quality)
    inside = None if mask is None else checked_mask("shi_tomasi", mask, grey).astype(np.uint8)
    limits = (whole("shi_tomasi", "count", count, 0), quality, at_least("shi_tomasi", "min_distance", min_distance, 0))
    found = opencv().goodFeaturesToTrack(grey, *limits, mask=inside, blockSize=whole("shi_tomasi", "block", block))
    return np.empty((0, 2), np.float32) if found is None else np.asarray(found).reshape(-1, 2)


def peaks(
    response: ArrayLike, quality: float = 0.01, min_distance: int = 10, count: int = 0, border: int = 0
) -> Points:
    """The peaks of a response (h, w): -> (n, 2) float32 of (x, y), strongest first.

    quality: peaks up to this share of the largest response are left out, 0 to 1.
    min_distance: pixels, along x or y, that separate any two peaks, >= 1.
    count: how many at most; 0 for all.
    border: pixels along the picture's border in which no peak counts.

    Raises: InvalidValue for numbers out of range.
    Source: book 7.7.
    """
    values = signed(to_grey(checked("peaks", response)))
    if not 0 <= quality <= 1:
        raise invalid("peaks", "quality", "a number from 0 to 1", quality)
    distance, edge = whole("peaks", "min_distance", min_distance), whole("peaks", "border", border, 0)
    inner = np.zeros(values.shape, bool)
    inner[edge : values.shape[0] - edge, edge : values.shape[1] - edge] = True
    inner &= values >= ndimage().maximum_filter(values, 3)
    rows, columns = np.nonzero(inner & (values > max(quality * float(values.max()), 0.0)))
    order = np.argsort(-values[rows, columns], kind="stable")
    chosen = _apart(rows[order], columns[order], values.shape, distance, whole("peaks", "count", count, 0))
    return np.array(chosen, np.float32).reshape(-1, 2)


def _apart(
    rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, ...], distance: int, count: int
) -> list[tuple[int, int]]:
    """Of places ordered by strength, those that no stronger one already taken is near to."""
    free, chosen = np.ones(shape, bool), []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if not free[row, column]:
            continue
        chosen.append((column, row))
        if len(chosen) == count:
            break
        free[max(row - distance, 0) : row + distance + 1, max(column - distance, 0) : column + distance + 1] = False
    return chosen


def refine(picture: ArrayLike, points: ArrayLike, window: int = 5) -> Points:
    """The corners moved to where they are between pixels: points (n, 2) -> (n, 2) float32.

    window: how far around each point is looked at, pixels to each side, >= 1. Near flat ground or the border of
        the picture a point stays where it is.

    Raises: InvalidValue for points that are no finite array (n, 2) inside the picture, or a window below 1.
    Source: book 7.7; cv2.cornerSubPix.
    """
    cv2, grey = opencv(), _grey("refine", picture)
    places = np.asarray(points, np.float32).reshape(-1, 2)
    limits = np.array(grey.shape[::-1]) - 1
    if not ((places >= 0) & (places <= limits)).all():
        raise invalid(
            "refine", "points", f"points (x, y) inside the picture of {grey.shape[1]} x {grey.shape[0]}", places
        )
    side = whole("refine", "window", window)
    if not len(places) or min(grey.shape) < 2 * side + 5:
        return places.copy()
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 40, 0.001)
    moved = cv2.cornerSubPix(grey, places[:, None].copy(), pair("refine", "window", side), (-1, -1), stop)
    return np.asarray(moved).reshape(-1, 2)


def _grey(owner: str, picture: ArrayLike) -> NDArray[np.float32]:
    return to_grey(checked(owner, picture)).astype(np.float32)


def _check_aperture(owner: str, aperture: int) -> None:
    if aperture not in (3, 5, 7):
        raise invalid(owner, "aperture", "3, 5 or 7", aperture)
