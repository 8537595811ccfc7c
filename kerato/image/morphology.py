"""Morphology: shapes grown, shrunk, cleaned, thinned and told apart (book 7.9). SciPy and OpenCV compute.

Masks (dtype bool) and pictures share the functions: on a mask they are the binary operations, in which everything
beyond the border is outside; on a picture of numbers they take the smallest or largest value, and the border is
reflected. Colours are treated channel by channel. The arguments that many share:

structure: the structuring element: cross, square or ellipse, or in Python a mask of one's own.
size: its height and width in pixels, odd, one number or rows,columns; a mask of one's own has its own size.
iterations: how many times, >= 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid
from kerato.image.arrays import (
    Mask,
    Picture,
    Size,
    at_least,
    checked,
    checked_mask,
    each_channel,
    like,
    ndimage,
    one_of,
    opencv,
    pair,
    signed,
    whole,
)
from kerato.image.measuring import label

Shape: TypeAlias = Literal["cross", "square", "ellipse"]
Structure: TypeAlias = Shape | NDArray[Any]


def structuring_element(shape: Shape = "cross", size: Size = 3) -> Mask:
    """A cross, square (rectangle) or ellipse as a mask (height, width).

    shape: cross, square or ellipse.
    size: height and width in pixels, odd, one number or rows,columns.

    Raises: InvalidValue for an even size; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.generate_binary_structure, cv2.getStructuringElement.
    """
    one_of("structuring_element", "the shape", shape, ("cross", "square", "ellipse"))
    rows, columns = (whole("structuring_element", "size", side, odd=True) for side in _sides(size))
    code = {"cross": "MORPH_CROSS", "square": "MORPH_RECT", "ellipse": "MORPH_ELLIPSE"}[shape]
    return np.asarray(opencv().getStructuringElement(getattr(opencv(), code), (columns, rows))) > 0


def erode(picture: ArrayLike, structure: Structure = "cross", size: Size = 3, iterations: int = 1) -> Picture:
    """Erosion, bright things shrink: the smallest value under the structuring element: same shape and dtype.

    Raises: InvalidValue for an even size or iterations below 1; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.binary_erosion and grey_erosion, cv2.erode.
    """
    return _morph("erode", "erosion", picture, structure, size, iterations)


def dilate(picture: ArrayLike, structure: Structure = "cross", size: Size = 3, iterations: int = 1) -> Picture:
    """Dilation, bright things grow: the largest value under the structuring element: same shape and dtype.

    Raises: InvalidValue for an even size or iterations below 1; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.binary_dilation and grey_dilation, cv2.dilate.
    """
    return _morph("dilate", "dilation", picture, structure, size, iterations)


def opening(picture: ArrayLike, structure: Structure = "cross", size: Size = 3, iterations: int = 1) -> Picture:
    """Opening, erosions and then as many dilations: bright specks and bridges go: same shape and dtype.

    Raises: InvalidValue for an even size or iterations below 1; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.binary_opening and grey_opening.
    """
    return dilate(erode(picture, structure, size, iterations), structure, size, iterations)


def closing(picture: ArrayLike, structure: Structure = "cross", size: Size = 3, iterations: int = 1) -> Picture:
    """Closing, dilations and then as many erosions: dark holes and gaps fill: same shape and dtype.

    Raises: InvalidValue for an even size or iterations below 1; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.binary_closing and grey_closing.
    """
    return erode(dilate(picture, structure, size, iterations), structure, size, iterations)


def gradient(picture: ArrayLike, structure: Structure = "cross", size: Size = 3) -> Picture:
    """Morphological gradient, dilation minus erosion: the outlines: same shape and dtype.

    Raises: InvalidValue for an even size; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.morphological_gradient, cv2.MORPH_GRADIENT.
    """
    return _difference(dilate(picture, structure, size), erode(picture, structure, size))


def top_hat(picture: ArrayLike, structure: Structure = "square", size: Size = 9) -> Picture:
    """White top-hat, picture minus opening: bright things smaller than the element: same shape and dtype.

    Raises: InvalidValue for an even size; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.white_tophat, cv2.MORPH_TOPHAT.
    """
    return _difference(checked("top_hat", picture), opening(picture, structure, size))


def black_hat(picture: ArrayLike, structure: Structure = "square", size: Size = 9) -> Picture:
    """Black-hat, closing minus picture: dark things smaller than the element: same shape and dtype.

    Raises: InvalidValue for an even size; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.black_tophat, cv2.MORPH_BLACKHAT.
    """
    return _difference(closing(picture, structure, size), checked("black_hat", picture))


def hit_or_miss(mask: ArrayLike, hit: ArrayLike, miss: ArrayLike | None = None) -> Mask:
    """Where a pattern lies: all of `hit` inside the mask and all of `miss` outside: (h, w) -> mask (h, w).

    hit: mask (kh, kw) of what must be inside; the pixel marked is the one under its middle.
    miss: mask (kh, kw) of what must be outside; by default everything that is not `hit`.

    Raises: InvalidValue for a pattern that is no mask, or two of different shapes.
    Source: book 7.9; scipy.ndimage.binary_hit_or_miss.
    """
    inside = checked_mask("hit_or_miss", mask)
    pattern = checked_mask("hit_or_miss", hit, name="hit")
    ground = ~pattern if miss is None else checked_mask("hit_or_miss", miss, name="miss")
    if ground.shape != pattern.shape:
        raise invalid("hit_or_miss", "miss", f"of hit's shape {pattern.shape}", ground)
    return np.asarray(ndimage().binary_hit_or_miss(inside, pattern, ground))


def skeleton(mask: ArrayLike, iterations: int | None = None) -> Mask:
    """Thinning by hit-or-miss until lines of one pixel are left: mask (h, w) -> mask (h, w), parts stay connected.

    iterations: how many layers to take off; by default all.

    Raises: InvalidValue when `mask` is none or iterations are below 1.
    Source: book 7.9; the eight L patterns of M. Golay 1969, IEEE Trans. Computers 18 (8), 733-740.
    """
    thin = np.pad(checked_mask("skeleton", mask), 1)
    left = thin.size if iterations is None else whole("skeleton", "iterations", iterations)
    tables = [_matches(np.rot90(pattern, turn)) for turn in range(4) for pattern in (_FLAT, _BENT)]
    while left > 0 and _peel(thin, tables):
        left -= 1
    if left > 0:
        _tidy(thin)
    return thin[1:-1, 1:-1].copy()


def _peel(thin: Mask, tables: list[Mask]) -> bool:
    """Take one layer off, in place: what matches one pattern after another. False when nothing matched."""
    inner = opencv().erode(thin.astype(np.uint8), np.ones((3, 3), np.uint8))
    outer = np.flatnonzero(thin & (inner == 0))
    flat = thin.ravel()
    offsets = [row * thin.shape[1] + column for row in (-1, 0, 1) for column in (-1, 0, 1)]
    before = outer.size
    for table in tables:
        codes = sum(flat[outer + offset].astype(np.int64) << bit for bit, offset in enumerate(offsets))
        flat[outer[table[codes]]] = False
        outer = outer[flat[outer]]
    return outer.size < before


def _tidy(thin: Mask) -> None:
    """Take away, in place and one by one, what the patterns leave at crossings: pixels of 2 x 2 that none needs."""
    for row, column in np.argwhere(ndimage().binary_opening(thin, np.ones((2, 2)))):
        around = thin[row + _AROUND[0], column + _AROUND[1]]
        quarters = [(around[k], around[k + 1], around[k + 2]) for k in (0, 2, 4, 6)]
        # Yokoi's number for 8-connectivity: 1 where the neighbours hold together without the pixel.
        number = sum(not side and (corner or following) for side, corner, following in quarters)
        if number == 1 and any(map(all, quarters)):
            thin[row, column] = False


#: 1 inside, 0 outside, -1 either
_FLAT = np.array([[0, 0, 0], [-1, 1, -1], [1, 1, 1]])
_BENT = np.array([[-1, 0, 0], [1, 1, 0], [-1, 1, -1]])
#: rows and columns of a pixel's neighbours, once around and back: right, upper right, up, ... lower right, right
_AROUND = np.array([[0, -1, -1, -1, 0, 1, 1, 1, 0], [1, 1, 0, -1, -1, -1, 0, 1, 1]])


def _matches(pattern: NDArray[np.int64]) -> Mask:
    """Which of the 512 surroundings, numbered by the bits of their nine pixels, show the pattern."""
    bits = (np.arange(512)[:, None] >> np.arange(9)) & 1
    matched: Mask = ((pattern.ravel() == -1) | (bits == pattern.ravel())).all(axis=1)
    return matched


def fill_holes(mask: ArrayLike) -> Mask:
    """The mask with everything filled that is not connected to the border: (h, w) -> mask (h, w).

    Raises: InvalidValue when `mask` is none.
    Source: book 7.9; scipy.ndimage.binary_fill_holes.
    """
    return np.asarray(ndimage().binary_fill_holes(checked_mask("fill_holes", mask)))


def reconstruct(seed: ArrayLike, mask: ArrayLike, structure: Structure = "cross", size: Size = 3) -> Mask:
    """The parts of `mask` that the seed reaches, grown step by step inside it: (h, w), (h, w) -> mask (h, w).

    Raises: InvalidValue for masks of different size or an even size; UnknownName for another shape.
    Source: book 7.9; scipy.ndimage.binary_propagation.
    """
    limits = checked_mask("reconstruct", mask)
    start = checked_mask("reconstruct", seed, limits, name="seed")
    element = _element("reconstruct", structure, size)
    return np.asarray(ndimage().binary_propagation(start & limits, element, limits))


def distance(mask: ArrayLike) -> NDArray[np.float64]:
    """Distance in pixels from every pixel inside to the nearest one outside: (h, w) -> (h, w) float64, 0 outside.

    Raises: InvalidValue when `mask` is none.
    Source: book 7.9; scipy.ndimage.distance_transform_edt.
    """
    return np.asarray(ndimage().distance_transform_edt(checked_mask("distance", mask)), np.float64)


def separate(mask: ArrayLike, prominence: float = 1.0, smoothing: float = 1.0) -> tuple[NDArray[np.int32], int]:
    """Touching objects told apart at their necks: mask (h, w) -> labels (h, w) int32 and how many there are.

    Every pixel goes to the peak of the smoothed distance transform that is reached from it by steepest ascent, which
    is the watershed of the distances turned upside down; peaks that rise too little are joined to a higher one.

    prominence: pixels by which the half width of an object must exceed that of its neck; more joins, less splits.
    smoothing: sigma in pixels of a Gaussian filter on the distances, against ragged outlines.

    Raises: InvalidValue when `mask` is none or a number is negative.
    Source: book 7.9; F. Meyer 1994, Signal Processing 38 (1), 113-125 (catchment basins by steepest slope).
    """
    inside = checked_mask("separate", mask)
    rise = at_least("separate", "prominence", prominence, 0)
    sigma = at_least("separate", "smoothing", smoothing, 0)
    heights = ndimage().gaussian_filter(distance(np.pad(inside, 1))[1:-1, 1:-1], sigma) * inside
    joined = _joined(heights, _summits(heights, label(inside)[0]), inside, rise)
    kept, numbers = np.unique(joined, return_inverse=True)
    labels = np.zeros(inside.shape, np.int32)
    labels[inside] = numbers + 1
    return labels, len(kept)


def _summits(heights: NDArray[np.float64], parts: NDArray[np.int32]) -> NDArray[np.intp]:
    """For every pixel the number row * width + column of the pixel where steepest ascent within its part ends."""
    rows, columns = heights.shape
    high, part = np.pad(heights, 1, constant_values=-1.0), np.pad(parts, 1)
    # A neighbour must be strictly higher, so that a pixel as high as its neighbours is a summit itself.
    best, above = heights.copy(), np.arange(heights.size).reshape(heights.shape)
    here = above.copy()
    for down, across in [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]:
        view = np.s_[1 + down : 1 + down + rows, 1 + across : 1 + across + columns]
        higher = (high[view] > best) & (part[view] == parts)
        best[higher] = high[view][higher]
        above[higher] = here[higher] + (down * columns + across)
    flat = above.ravel()
    while not np.array_equal(further := flat[flat], flat):
        flat = further
    return flat.reshape(heights.shape)


def _joined(heights: NDArray[np.float64], summits: NDArray[np.intp], inside: Mask, rise: float) -> NDArray[np.intp]:
    """The summit of every pixel inside (n,), those that rise less than `rise` above a pass joined to higher ones."""
    peaks, owner = heights.ravel(), np.arange(heights.size)

    def top(summit: int) -> int:
        while owner[summit] != summit:
            owner[summit] = owner[owner[summit]]
            summit = int(owner[summit])
        return summit

    for first, second, height in _passes(heights, summits, inside):
        low, high = sorted((top(first), top(second)), key=lambda summit: (peaks[summit], summit))
        if low != high and peaks[low] - height < rise:
            owner[low] = high
    own, which = np.unique(summits[inside], return_inverse=True)
    return np.array([top(summit) for summit in own.tolist()], np.intp)[which]


def _passes(heights: NDArray[np.float64], summits: NDArray[np.intp], inside: Mask) -> list[tuple[int, int, float]]:
    """Pairs of summits whose basins touch at a side, with the height of the pass between them, highest first."""
    found = []
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        touch = (summits[one] != summits[other]) & inside[one] & inside[other]
        height = np.minimum(heights[one], heights[other])[touch]
        found.append(np.stack([summits[one][touch], summits[other][touch], height]))
    first, second, height = np.concatenate(found, axis=1)
    order = np.argsort(-height, kind="stable")
    pairs = np.stack([first, second], axis=1).astype(int)[order].tolist()
    return [(one, other, pass_height) for (one, other), pass_height in zip(pairs, height[order].tolist(), strict=True)]


def _sides(size: Size) -> tuple[int, int]:
    return pair("structuring_element", "size", size, 1, integer=True)


def _element(owner: str, structure: Structure, size: Size) -> Mask:
    if isinstance(structure, str):
        return structuring_element(structure, size)
    return checked_mask(owner, structure, name="structure")


def _morph(
    owner: str, operation: str, picture: ArrayLike, structure: Structure, size: Size, iterations: int
) -> Picture:
    array, element = checked(owner, picture), _element(owner, structure, size)
    whole(owner, "iterations", iterations)
    if array.dtype == np.bool_:
        binary = getattr(ndimage(), f"binary_{operation}")
        return each_channel(array, lambda plane: binary(plane, element, iterations))
    grey = getattr(ndimage(), f"grey_{operation}")
    step = _by_opencv(operation, element) if array.dtype in _FAST else (lambda plane: grey(plane, footprint=element))
    for _ in range(iterations):
        array = each_channel(array, step)
    return array


#: what OpenCV erodes and dilates, with the same bits as SciPy and about a hundred times faster
_FAST = (np.uint8, np.uint16, np.int16, np.float32)


def _by_opencv(operation: str, element: Mask) -> Callable[[Picture], Picture]:
    """One step on a plane. A dilation looks from the pixel backwards, which shows when the element is not symmetric."""
    cv2, (rows, columns) = opencv(), element.shape
    if operation == "erosion":
        kernel, anchor = element.astype(np.uint8), (columns // 2, rows // 2)
    else:
        kernel, anchor = element[::-1, ::-1].astype(np.uint8), ((columns - 1) // 2, (rows - 1) // 2)
    step = {"erosion": cv2.erode, "dilation": cv2.dilate}[operation]
    return lambda plane: np.asarray(step(plane, kernel, anchor=anchor, borderType=cv2.BORDER_REFLECT))


def _difference(larger: Picture, smaller: Picture) -> Picture:
    if larger.dtype == np.bool_:
        return larger & ~smaller
    return like(signed(larger) - signed(smaller), larger)
