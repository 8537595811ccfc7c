"""Contours: the outlines of a mask, the level lines of a picture, and what can be measured on them (book 7.6).

A contour is an array (n, 2) of points (x, y), closed: the last point is joined to the first. Level lines are float
points and closed only if their first point is repeated at the end. OpenCV and contourpy compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid, require
from kerato.image.arrays import (
    Colour,
    Mask,
    Points,
    at_least,
    checked,
    checked_mask,
    one_of,
    opencv,
    pair,
    to_grey,
    to_rgb,
)

RETRIEVE = {"tree": "RETR_TREE", "external": "RETR_EXTERNAL", "list": "RETR_LIST", "two_level": "RETR_CCOMP"}


def contours(
    mask: ArrayLike,
    points: Literal["simple", "all"] = "simple",
    retrieve: Literal["tree", "external", "list", "two_level"] = "tree",
) -> tuple[list[Points], NDArray[np.int32]]:
    """The outlines of what is inside a mask: (h, w) -> contours, and their hierarchy (n, 4).

    A contour runs along the pixels of its object. Row i of the hierarchy holds the next and the previous contour at
    the same level, the first child and the parent, -1 for none: a hole is the child of the object around it.

    points: simple keeps the ends of straight runs (a rectangle has 4 points), all keeps every pixel.
    retrieve: tree: all contours, nested; external: outermost only; list: all, not nested; two_level: objects, holes.

    Raises: InvalidValue when `mask` is none; UnknownName for other words.
    Source: Suzuki and Abe 1985, CVGIP 30 (1), 32-46; book 7.6; cv2.findContours.
    """
    cv2, inside = opencv(), checked_mask("contours", mask)
    one_of("contours", "points", points, ("simple", "all"))
    how = getattr(cv2, RETRIEVE[one_of("contours", "retrieve", retrieve, RETRIEVE)])
    keep = cv2.CHAIN_APPROX_SIMPLE if points == "simple" else cv2.CHAIN_APPROX_NONE
    # OpenCV 3 puts the picture in front of these two.
    found, hierarchy = cv2.findContours(inside.astype(np.uint8), how, keep)[-2:]
    rows = np.empty((0, 4), np.int32) if hierarchy is None else np.asarray(hierarchy[0], np.int32)
    return [np.asarray(contour).reshape(-1, 2) for contour in found], rows


def level_lines(picture: ArrayLike, level: float) -> list[Points]:
    """Lines along which a picture has one value, interpolated: (h, w[, c]) -> arrays (n, 2) of (x, y), float64.

    level: the grey value; colours are made grey first.

    Raises: InvalidValue for a level that is not finite or a picture smaller than 2 x 2.
    Source: book 7.6 (iso-intensity contours); contourpy, as matplotlib's contour draws them.
    """
    grey = to_grey(checked("level_lines", picture)).astype(np.float64)
    if min(grey.shape) < 2:
        raise invalid("level_lines", "picture", "at least 2 x 2", grey)
    if not np.isfinite(level):
        raise invalid("level_lines", "level", "a finite number", level)
    generator = require("contourpy", "image", "kerato.image.level_lines").contour_generator(z=grey)
    return [np.asarray(line, np.float64) for line in generator.lines(level)]


def draw_contours(
    picture: ArrayLike,
    contours: Sequence[ArrayLike],
    colour: Colour = (0, 255, 0),
    thickness: int = 2,
    *,
    closed: bool = True,
) -> NDArray[np.uint8]:
    """A copy of the picture with contours or level lines drawn on it: -> uint8 RGB (h, w, 3).

    colour: RGB, 0..255.
    thickness: width of the line in pixels, >= 1; -1 fills the contours.

    Raises: InvalidValue for a contour that is no array (n, 2) or another thickness.
    Source: book 7.6; cv2.drawContours, cv2.polylines.
    """
    if thickness != -1 and (not isinstance(thickness, int | np.integer) or thickness < 1):
        raise invalid("draw_contours", "thickness", "an int >= 1, or -1 to fill", thickness)
    cv2, canvas = opencv(), to_rgb(picture).copy()
    lines = [np.rint(_contour("draw_contours", contour)).astype(np.int32) for contour in contours]
    if thickness == -1:
        cv2.drawContours(canvas, lines, -1, colour, cv2.FILLED)
    else:
        cv2.polylines(canvas, lines, closed, colour, int(thickness))
    return canvas


def contour_mask(contours: Sequence[ArrayLike], size: tuple[int, int]) -> Mask:
    """The mask (height, width) of everything inside the contours, their own pixels included; holes stay open.

    Raises: InvalidValue for a contour that is no array (n, 2) or a size below 1.
    Source: book 7.6; cv2.drawContours.
    """
    canvas = np.zeros(pair("contour_mask", "size", size, 1, integer=True), np.uint8)
    lines = [np.rint(_contour("contour_mask", contour)).astype(np.int32) for contour in contours]
    opencv().drawContours(canvas, lines, -1, 1, opencv().FILLED)
    return canvas > 0


def contour_area(contour: ArrayLike) -> float:
    """Area of the polygon in square pixels; of a w x h rectangle of pixels it is (w - 1) * (h - 1).

    Raises: InvalidValue for a contour that is no array (n, 2).
    Source: book 7.6; cv2.contourArea.
    """
    return float(opencv().contourArea(_contour("contour_area", contour)))


def perimeter(contour: ArrayLike, closed: bool = True) -> float:
    """Length of the contour in pixels. Raises: InvalidValue for a contour that is no array (n, 2).

    Source: book 7.6; cv2.arcLength.
    """
    return float(opencv().arcLength(_contour("perimeter", contour), closed))


def moments(contour: ArrayLike) -> dict[str, float]:
    """The polygon's moments up to order 3: spatial m00..., central mu20..., normalised nu20....

    Raises: InvalidValue for a contour that is no array (n, 2).
    Source: book 7.6; cv2.moments.
    """
    return {name: float(value) for name, value in opencv().moments(_contour("moments", contour)).items()}


def centroid(contour: ArrayLike) -> Points:
    """The polygon's centre of mass (x, y): (m10 / m00, m01 / m00); of a line or a point the mean of its points.

    Raises: InvalidValue for a contour that is no array (n, 2).
    Source: book 7.6.
    """
    m = moments(contour)
    if m["m00"] == 0:
        return np.asarray(_contour("centroid", contour).mean(axis=0), np.float64)
    return np.array([m["m10"] / m["m00"], m["m01"] / m["m00"]])


def bounding_box(contour: ArrayLike) -> tuple[int, int, int, int]:
    """The smallest upright box (x, y, width, height) that holds the contour's pixels.

    Raises: InvalidValue for a contour that is no array (n, 2).
    Source: book 7.6; cv2.boundingRect.
    """
    x, y, width, height = opencv().boundingRect(_contour("bounding_box", contour))
    return int(x), int(y), int(width), int(height)


def rotated_box(contour: ArrayLike) -> Points:
    """The four corners (4, 2) of the smallest box, turned any way, that holds the contour.

    Raises: InvalidValue for a contour that is no array (n, 2).
    Source: book 7.6; cv2.minAreaRect, cv2.boxPoints.
    """
    return np.asarray(opencv().boxPoints(opencv().minAreaRect(_contour("rotated_box", contour))))


def enclosing_circle(contour: ArrayLike) -> tuple[float, float, float]:
    """Centre x, y and radius, in pixels, of the smallest circle that holds the contour.

    Raises: InvalidValue for a contour that is no array (n, 2).
    Source: book 7.6; cv2.minEnclosingCircle.
    """
    (x, y), radius = opencv().minEnclosingCircle(_contour("enclosing_circle", contour))
    return float(x), float(y), float(radius)


def fit_ellipse(contour: ArrayLike) -> tuple[float, float, float, float, float]:
    """Centre x, y, the two diameters in pixels, and the turn in degrees of the ellipse nearest to the points.

    Raises: InvalidValue for fewer than 5 points.
    Source: book 7.6; cv2.fitEllipse.
    """
    points = _contour("fit_ellipse", contour)
    if len(points) < 5:
        raise invalid("fit_ellipse", "contour", "at least 5 points", points)
    (x, y), (first, second), angle = opencv().fitEllipse(points)
    return float(x), float(y), float(first), float(second), float(angle)


def fit_line(contour: ArrayLike) -> tuple[float, float, float, float]:
    """A point x, y and the direction dx, dy (length 1) of the line nearest to the points.

    Raises: InvalidValue for fewer than 2 points.
    Source: book 7.6; cv2.fitLine.
    """
    points = _contour("fit_line", contour)
    if len(points) < 2:
        raise invalid("fit_line", "contour", "at least 2 points", points)
    dx, dy, x, y = opencv().fitLine(points, opencv().DIST_L2, 0, 0.01, 0.01).ravel().tolist()
    return x, y, dx, dy


def convex_hull(contour: ArrayLike) -> Points:
    """The points (m, 2) of the convex outline around the contour.

    Raises: InvalidValue for a contour that is no array (n, 2).
    Source: book 7.6; cv2.convexHull.
    """
    return np.asarray(opencv().convexHull(_contour("convex_hull", contour))).reshape(-1, 2)


def is_convex(contour: ArrayLike) -> bool:
    """Whether the contour bulges outward everywhere. Raises: InvalidValue for a contour that is no array (n, 2).

    Source: book 7.6; cv2.isContourConvex.
    """
    return bool(opencv().isContourConvex(_contour("is_convex", contour)))


def approximate(contour: ArrayLike, tolerance: float) -> Points:
    """Fewer points (m, 2) that stay within `tolerance` pixels of the contour; 0.02 * perimeter is a good start.

    Raises: InvalidValue for a negative tolerance or a contour that is no array (n, 2).
    Source: Douglas and Peucker 1973; book 7.6; cv2.approxPolyDP.
    """
    distance = at_least("approximate", "tolerance", tolerance, 0)
    return np.asarray(opencv().approxPolyDP(_contour("approximate", contour), distance, True)).reshape(-1, 2)


def describe(contour: ArrayLike) -> dict[str, Any]:
    """Everything above about one contour, as plain numbers that JSON can hold; None where it is not defined.

    Raises: InvalidValue for a contour that is no array (n, 2).
    """
    points = _contour("describe", contour)
    length, area = perimeter(points), contour_area(points)
    hull_area = contour_area(convex_hull(points))
    return {
        "points": len(points),
        "area": area,
        "perimeter": length,
        "centroid": centroid(points).tolist(),
        "bounding_box": list(bounding_box(points)),
        "rotated_box": rotated_box(points).tolist(),
        "enclosing_circle": list(enclosing_circle(points)),
        "ellipse": list(fit_ellipse(points)) if len(points) >= 5 and area > 0 else None,
        "convex": is_convex(points),
        "solidity": area / hull_area if hull_area else None,
        "circularity": 4 * np.pi * area / length**2 if length else None,
        "corners": len(approximate(points, 0.02 * length)),
    }


def _contour(owner: str, contour: ArrayLike) -> Points:
    """`contour` as OpenCV takes it: int32 or float32 (n, 2)."""
    points = np.asarray(contour)
    if points.ndim == 3 and points.shape[1] == 1:
        points = points[:, 0]
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0 or points.dtype.kind not in "iuf":
        raise invalid(owner, "contour", "an array (n, 2) of points (x, y), not empty", points)
    return points.astype(np.float32 if points.dtype.kind == "f" else np.int32)
