"""Operations that give a picture and what was measured on it: the drawn side of contours, corners, objects, histograms.

Each takes a picture (or a mask, and the picture to draw on), and gives (picture, dictionary of plain numbers).
The command `kerato image` and the examples use them.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid
from kerato.image import contour as outlines
from kerato.image import corners, edges, filters, geometry, heat, histograms, measuring, morphology, window
from kerato.image.arrays import Border, Picture, Size, checked_uint8, convert_colour, like, to_rgb
from kerato.image.draw import draw_boxes, mark


def measure(picture: ArrayLike) -> tuple[Picture, dict[str, Any]]:
    """Minimum, maximum, mean, standard deviation and median of all pixels and of each channel.

    Raises: InvalidValue when `picture` is none.
    Source: book 7.2.
    """
    return np.asarray(picture), measuring.statistics(picture)


def recolour(
    picture: ArrayLike,
    to: Literal["bgr", "grey", "hsv", "hls", "lab", "luv", "ycrcb", "xyz", "yuv"] = "hsv",
) -> Picture:
    """The picture in another colour space, its channels written as red, green and blue.

    to: colour space of the result; hue is 0..179, everything else 0..255.

    Raises: InvalidValue when `picture` is none.
    Source: book 1.5.
    """
    return convert_colour(to_rgb(picture), to)


def find_contours(
    mask: ArrayLike,
    points: Literal["simple", "all"] = "simple",
    retrieve: Literal["tree", "external", "list", "two_level"] = "tree",
    min_area: float = 0.0,
    thickness: int = 2,
    picture: ArrayLike | None = None,
) -> tuple[Picture, dict[str, Any]]:
    """Contours of the bright (or dark) things, with their area, perimeter, centroid, boxes, hull and hierarchy.

    points: simple keeps the ends of straight runs, all keeps every pixel.
    retrieve: tree: all contours, nested; external: outermost only; list: all, not nested; two_level: objects, holes.
    min_area: contours with a smaller area, in square pixels, are left out.
    thickness: width of the drawn lines in pixels.

    Raises: InvalidValue when `mask` is none; UnknownName for other words.
    Source: book 7.6.
    """
    found, hierarchy = outlines.contours(mask, points, retrieve)
    kept = [i for i, contour in enumerate(found) if outlines.contour_area(contour) >= min_area]
    described = [outlines.describe(found[i]) | {"parent": _kept(kept, int(hierarchy[i, 3]))} for i in kept]
    drawn = outlines.draw_contours(_ground(mask, picture), [found[i] for i in kept], (0, 255, 0), thickness)
    return drawn, {"count": len(kept), "contours": described}


def _kept(kept: list[int], number: int) -> int | None:
    return kept.index(number) if number in kept else None


def _ground(mask: ArrayLike, picture: ArrayLike | None) -> ArrayLike:
    return mask if picture is None else picture


def find_level_lines(picture: ArrayLike, level: float = 127.5, thickness: int = 1) -> tuple[Picture, dict[str, Any]]:
    """Lines along which the picture has one grey value.

    level: the grey value.
    thickness: width of the drawn lines in pixels.

    Raises: InvalidValue for a level that is not finite.
    Source: book 7.6.
    """
    lines = outlines.level_lines(picture, level)
    drawn = outlines.draw_contours(picture, lines, (255, 0, 0), thickness, closed=False)
    closed = [bool((line[0] == line[-1]).all()) for line in lines]
    lengths = [outlines.perimeter(line, False) for line in lines]
    return drawn, {"count": len(lines), "closed": sum(closed), "length": sum(lengths)}


def find_harris(
    picture: ArrayLike,
    block: int = 2,
    aperture: int = 3,
    k: float = 0.04,
    quality: float = 0.01,
    min_distance: int = 10,
    count: int = 0,
) -> tuple[Picture, dict[str, Any]]:
    """Corners by Harris, moved to where they are between pixels, strongest first.

    block: side of the block in pixels, over which slopes are summed.
    aperture: size of the Sobel window in pixels, 3, 5 or 7.
    k: how much edges count against a corner, 0.04 to 0.06.
    quality: corners weaker than this share of the strongest are left out.
    min_distance: pixels, along x or y, between any two corners.
    count: how many at most; 0 for all.

    Raises: InvalidValue for numbers out of range.
    Source: book 7.7.
    """
    found = corners.peaks(corners.harris(picture, block, aperture, k), quality, min_distance, count)
    return _corners(picture, found)


def find_shi_tomasi(
    picture: ArrayLike, count: int = 25, quality: float = 0.01, min_distance: float = 10.0, block: int = 3
) -> tuple[Picture, dict[str, Any]]:
    """The strongest corners by Shi and Tomasi, moved to where they are between pixels.

    count: how many at most; 0 for all.
    quality: corners weaker than this share of the strongest are left out, above 0 to 1.
    min_distance: pixels between any two corners.
    block: side of the block over which slopes are summed, in pixels.

    Raises: InvalidValue for numbers out of range.
    Source: book 7.7.
    """
    return _corners(picture, corners.shi_tomasi(picture, count, quality, min_distance, block=block))


def _corners(picture: ArrayLike, found: NDArray[Any]) -> tuple[Picture, dict[str, Any]]:
    placed = corners.refine(picture, found)
    return mark(picture, placed), {"count": len(placed), "corners": np.round(placed.astype(float), 3).tolist()}


def corner_density(
    picture: ArrayLike, sigma: float = 20.0, alpha: float = 0.5, name: str = "jet"
) -> tuple[Picture, dict[str, Any]]:
    """Heat map of where the picture has its corners, laid over it.

    sigma: how far a corner spreads, in pixels.
    alpha: 0 shows the picture only, 1 the heat only.
    name: the colour map.

    Raises: InvalidValue for numbers out of range; UnknownName for an unknown map.
    Source: book 7.3.
    """
    array = to_rgb(picture)
    found = corners.shi_tomasi(array, 0, 0.01, 3)
    dense = heat.density(found + 0.5, array.shape[:2], sigma)
    return heat.overlay(array, dense, alpha, name), {"points": len(found), "sum": float(dense.sum())}


def measure_histogram(
    picture: ArrayLike, bins: int = 256, logarithmic: bool = False, cumulative: bool = False
) -> tuple[Picture, dict[str, Any]]:
    """Histogram of each channel, drawn and counted.

    bins: how many, >= 1.
    logarithmic: counts on a logarithmic axis.
    cumulative: add the share of pixels up to each value.

    Raises: InvalidValue for bins below 1.
    Source: book 7.8.
    """
    counts, borders = histograms.histogram(picture, bins)
    drawn = histograms.draw_histogram(picture, bins, logarithmic=logarithmic, cumulative=cumulative)
    return drawn, {"counts": counts.tolist(), "edges": borders.tolist()}


def threshold_at(picture: ArrayLike, value: float | None = None, dark: bool = False) -> tuple[Picture, dict[str, Any]]:
    """The pixels brighter than a grey value, white; the others black.

    value: grey value, not included; by default the one that Otsu's method finds.
    dark: the other pixels instead.

    Raises: InvalidValue when `picture` is none.
    Source: book 7.6 and 7.8.
    """
    level = edges.otsu(picture) if value is None else value
    mask = edges.threshold(picture, level, dark=dark)
    return mask, {"value": level, "inside": int(mask.sum()), "share": float(mask.mean())}


def count_objects(
    mask: ArrayLike, connectivity: Literal[4, 8] = 4, min_area: int = 0, picture: ArrayLike | None = None
) -> tuple[Picture, dict[str, Any]]:
    """The connected things, boxed, counted and measured.

    connectivity: 4: pixels touch at their sides; 8: corners count too.
    min_area: smaller ones, in pixels, are left out.

    Raises: InvalidValue when `mask` is none; UnknownName for another connectivity.
    Source: book 7.2 and 7.9.
    """
    labels, _ = measuring.label(mask, connectivity)
    return _objects(labels, min_area, _ground(mask, picture))


def separate_objects(
    mask: ArrayLike,
    prominence: float = 1.0,
    smoothing: float = 1.0,
    min_area: int = 0,
    picture: ArrayLike | None = None,
) -> tuple[Picture, dict[str, Any]]:
    """Touching things told apart, boxed, counted and measured.

    prominence: pixels by which the half width of a thing must exceed that of its neck; more joins, less splits.
    smoothing: sigma in pixels of a Gaussian filter on the distances, against ragged outlines.
    min_area: smaller ones, in pixels, are left out.

    Raises: InvalidValue when `mask` is none or a number is out of range.
    Source: book 7.9.
    """
    labels, _ = morphology.separate(mask, prominence, smoothing)
    return _objects(labels, min_area, _ground(mask, picture))


def _objects(labels: NDArray[np.int32], min_area: int, picture: ArrayLike) -> tuple[Picture, dict[str, Any]]:
    areas, boxes = measuring.areas(labels), measuring.find_objects(labels)
    centers = measuring.center_of_mass(labels > 0, labels).reshape(-1, 2) if len(areas) else np.empty((0, 2))
    kept = np.flatnonzero(areas >= min_area)
    rows = [{"area": int(areas[i]), "box": boxes[i].tolist(), "center": np.round(centers[i], 3).tolist()} for i in kept]
    shown = np.where(np.isin(labels, kept + 1), labels, 0)
    drawn = draw_boxes(_tinted(picture, shown), boxes[kept], thickness=1)
    return drawn, {"count": len(kept), "objects": rows}


def _tinted(picture: ArrayLike, labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The picture with every object in a colour of its own, half transparent."""
    # steps of the golden angle give neighbouring numbers different hues
    hues = (np.arange(labels.max() + 1) * 111 % 180).astype(np.uint8)
    hsv = np.stack([hues, np.full_like(hues, 200), np.full_like(hues, 255)], axis=-1)[None]
    colours = convert_colour(hsv, "rgb", "hsv")[0][labels]
    return np.where((labels > 0)[..., None], colours // 2 + to_rgb(picture) // 2, to_rgb(picture))


def blur_windows(
    picture: ArrayLike, size: Size = 3, strides: Size = 1, how: Literal["mean", "max", "min", "sum"] = "mean"
) -> Picture:
    """One number per window: the mean, maximum, minimum or sum of what it shows.

    size: height and width of the window in pixels, one number or rows,columns.
    strides: step from window to window in pixels, >= 1, one number or rows,columns.
    how: mean, max, min or sum.

    Raises: InvalidValue when the window does not fit.
    Source: book 3.3.
    """
    shown = window.windows(picture, size, strides, how)
    return shown if how == "sum" else like(shown, checked_uint8("windows", picture))


def find_pattern(mask: ArrayLike, pattern: str = "000/.1./111") -> tuple[Picture, dict[str, Any]]:
    """Places where a pattern lies (hit-or-miss), white.

    pattern: rows from the top, separated by /: 1 inside, 0 outside, . either.

    Raises: InvalidValue for a pattern of other characters or with rows of different length.
    Source: book 7.9.
    """
    rows = pattern.split("/")
    if not pattern.strip("/") or set(pattern) - set("01./") or len({len(row) for row in rows}) != 1:
        raise invalid("hit-or-miss", "pattern", "rows of 1, 0 and . of equal length, separated by /", pattern)
    letters = np.array([list(row) for row in rows])
    found = morphology.hit_or_miss(mask, letters == "1", letters == "0")
    return found, {"count": int(found.sum())}


def convolve_with(picture: ArrayLike, weights: str = "0,-1,0/-1,5,-1/0,-1,0", mode: Border = "reflect") -> Picture:
    """Convolution with any weights, rounded and clipped to 0..255.

    weights: rows from the top, separated by /, numbers by commas.
    mode: what is assumed beyond the border: reflect, constant, nearest, mirror or wrap.

    Raises: InvalidValue for weights that are no rows of numbers; UnknownName for an unknown mode.
    Source: book 7.2.
    """
    array = checked_uint8("convolve", picture)
    return like(filters.convolve(array, _rows("convolve", "weights", weights), mode=mode), array)


def transform(picture: ArrayLike, matrix: str = "1,0.2/0,1", order: int = 3, mode: Border = "constant") -> Picture:
    """Affine transformation around the middle of the picture.

    matrix: rows separated by /, numbers by commas; leads from (row, column) of the result to that of the picture.
    order: degree of the spline between pixels: 0 nearest, 1 linear, 3 cubic.
    mode: what is assumed beyond the border: reflect, constant, nearest, mirror or wrap.

    Raises: InvalidValue for a matrix that is not 2 x 2; UnknownName for an unknown mode.
    Source: book 7.2.
    """
    array, linear = np.asarray(picture), _rows("affine", "matrix", matrix)
    if linear.shape != (2, 2):
        raise invalid("affine", "matrix", "2 rows of 2 numbers, as in 1,0.2/0,1", matrix)
    middle = (np.array(array.shape[:2]) - 1) / 2
    down, across = (middle - linear @ middle).tolist()
    return geometry.affine(array, linear, (down, across), order=order, mode=mode)


def _rows(owner: str, name: str, text: str) -> NDArray[np.float64]:
    try:
        return np.array([[float(number) for number in row.split(",")] for row in text.split("/")])
    except ValueError:
        raise invalid(owner, name, "rows of numbers of equal length, as in 1,0,1/0,1,0", text) from None
