"""Book 7.6: thresholds, edges, contours and what can be measured on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
import pytest

from kerato import image

Y, X = np.mgrid[:200, :260]
EIGHT = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)


def _rectangle() -> Any:
    mask = np.zeros((40, 60), bool)
    mask[12:22, 5:25] = True
    return mask


@pytest.mark.parametrize(
    ("points", "count"),
    [pytest.param("simple", 4, id="row_7_6_01-simple"), pytest.param("all", 56, id="row_7_6_01-all")],
)
def test_a_rectangle_is_one_contour(points: Literal["simple", "all"], count: int) -> None:
    found, hierarchy = image.contours(_rectangle(), points)
    assert len(found) == 1 and found[0].shape == (count, 2)
    assert hierarchy.tolist() == [[-1, -1, -1, -1]]
    twins, _ = cv2.findContours(
        _rectangle().astype(np.uint8),
        cv2.RETR_TREE,
        cv2.CHAIN_APPROX_SIMPLE if points == "simple" else cv2.CHAIN_APPROX_NONE,
    )[-2:]
    np.testing.assert_array_equal(found[0], np.asarray(twins[0])[:, 0])


def test_row_7_6_01_the_book_s_rectangle_has_its_numbers() -> None:
    (contour,), _ = image.contours(_rectangle())
    assert image.bounding_box(contour) == (5, 12, 20, 10)
    assert image.contour_area(contour) == 19 * 9
    assert image.centroid(contour).tolist() == [14.5, 16.5]


def test_row_7_6_01_nothing_inside_gives_no_contours() -> None:
    found, hierarchy = image.contours(np.zeros((5, 5)))
    assert found == [] and hierarchy.shape == (0, 4)


def test_row_7_6_02_a_ring_has_a_parent_and_a_child() -> None:
    distance = np.hypot(X - 130, Y - 100)
    ring = (distance < 80) & (distance > 40)
    found, hierarchy = image.contours(ring | (distance < 10))
    areas = [image.contour_area(contour) for contour in found]
    outer, hole, core = np.argsort(areas)[::-1].tolist()
    assert hierarchy[outer, 3] == -1 and hierarchy[hole, 3] == outer and hierarchy[core, 3] == hole
    assert hierarchy[outer, 2] == hole
    assert len(image.contours(ring, retrieve="external")[0]) == 1
    assert image.contours(ring, retrieve="list")[1][:, 3].tolist() == [-1, -1]
    assert sorted(image.contours(ring, retrieve="two_level")[1][:, 3].tolist()) == [-1, 0]


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param(lambda p: image.sobel(p, axis=1) > 200, id="row_7_6_03-sobel"),
        pytest.param(lambda p: image.prewitt(p) > 200, id="row_7_6_03-prewitt"),
        pytest.param(lambda p: image.canny(p, 50, 150), id="row_7_6_03-canny"),
        pytest.param(lambda p: image.canny(p, 5, 10, sigma=2.0), id="row_7_6_03-canny_smoothed"),
    ],
)
def test_edges_lie_at_the_step(edges: Callable[[Any], Any]) -> None:
    step = np.full((30, 40), 20, np.uint8)
    step[:, 20:] = 220
    columns = np.nonzero(edges(step))[1]
    assert len(columns) >= 28 and set(columns.tolist()) <= {18, 19, 20, 21}


def test_row_7_6_03_threshold_and_canny_are_opencvs() -> None:
    np.testing.assert_array_equal(image.canny(EIGHT, 100, 200), cv2.Canny(EIGHT, 100, 200) > 0)
    np.testing.assert_array_equal(image.canny(EIGHT, 100, 200, 5), cv2.Canny(EIGHT, 100, 200, apertureSize=5) > 0)
    np.testing.assert_array_equal(image.threshold(EIGHT, 127), cv2.threshold(EIGHT, 127, 255, 0)[1] > 0)
    np.testing.assert_array_equal(image.threshold(EIGHT, 127, dark=True), EIGHT <= 127)
    twin = cv2.adaptiveThreshold(EIGHT, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 7, 3)
    np.testing.assert_array_equal(image.adaptive_threshold(EIGHT, 7, 3, "mean"), twin > 0)
    np.testing.assert_array_equal(image.adaptive_threshold(EIGHT, 7, 3, "mean", dark=True), twin == 0)


@pytest.mark.parametrize("level", [20.0, 47.3, 80.0], ids=lambda level: f"row_7_6_04-{level:g}")
def test_level_lines_of_a_cone_are_circles(level: float) -> None:
    (line,) = image.level_lines(np.hypot(X - 130.0, Y - 100.0), level)
    assert np.hypot(line[:, 0] - 130, line[:, 1] - 100) == pytest.approx(level, rel=0.01)
    np.testing.assert_array_equal(line[0], line[-1])


SHAPES = {
    "rectangle": ((np.abs(X - 130) <= 90) & (np.abs(Y - 100) <= 50), 180 * 100, 2 * (180 + 100), 4),
    "circle": (np.hypot(X - 130, Y - 100) <= 80, np.pi * 80**2, None, None),
    "ellipse": (((X - 130) / 110) ** 2 + ((Y - 100) / 60) ** 2 <= 1, np.pi * 110 * 60, None, None),
    "diamond": (np.abs(X - 130) + np.abs(Y - 100) <= 80, 2 * 80**2, 4 * 80 * 2**0.5, 4),
}


@pytest.mark.parametrize("name", SHAPES, ids=lambda name: f"row_7_6_05-{name}")
def test_features_of_shapes_are_within_two_percent(name: str) -> None:
    mask, area, length, corners = SHAPES[name]
    (contour,), _ = image.contours(mask)
    described = image.describe(contour)
    assert described["area"] == pytest.approx(area, rel=0.02)
    assert described["centroid"] == pytest.approx([130, 100], abs=0.5)
    assert image.contour_area(image.rotated_box(contour)) >= area * 0.98
    assert described["solidity"] == pytest.approx(1, rel=0.02)
    if length is not None:
        assert described["perimeter"] == pytest.approx(length, rel=0.02)
        assert described["corners"] == corners
    moments = image.moments(contour)
    assert moments["m10"] / moments["m00"] == pytest.approx(130, abs=0.5)


def test_row_7_6_05_circle_ellipse_line_and_hull() -> None:
    (circle,), _ = image.contours(SHAPES["circle"][0])
    assert image.enclosing_circle(circle) == pytest.approx((130, 100, 80), rel=0.02)
    (ellipse,), _ = image.contours(SHAPES["ellipse"][0])
    x, y, *diameters, _ = image.fit_ellipse(ellipse)
    assert (x, y) == pytest.approx((130, 100), abs=0.5)
    assert sorted(diameters) == pytest.approx([120, 220], rel=0.02)
    assert image.perimeter(circle) == pytest.approx(2 * np.pi * 80, rel=0.06)  # a staircase is longer than its circle
    _, _, dx, dy = image.fit_line([[0, 0], [10, 10], [20, 20]])
    assert dx == pytest.approx(dy)
    star = np.array([[0, 0], [50, 20], [100, 0], [80, 50], [100, 100], [50, 80], [0, 100], [20, 50]])
    assert not image.is_convex(star) and image.is_convex(image.convex_hull(star))
    assert image.contour_area(image.convex_hull(star)) == 100 * 100
    assert len(image.approximate(circle, 5)) < len(circle) / 4


def test_row_7_6_05_contours_are_drawn_on_a_copy_and_filled() -> None:
    picture = np.zeros((200, 260, 3), np.uint8)
    mask = SHAPES["circle"][0]
    found, _ = image.contours(mask)
    drawn = image.draw_contours(picture, found, (0, 255, 0), 3)
    assert picture.sum() == 0 and (drawn[20:23, 130] == [0, 255, 0]).all() and not drawn[100, 130].any()
    np.testing.assert_array_equal(image.draw_contours(picture, found, (9, 9, 9), -1)[..., 0] == 9, mask)
    np.testing.assert_array_equal(image.contour_mask(found, (200, 260)), mask)


def test_row_7_6_05_a_point_has_a_description_too() -> None:
    assert image.describe([[3, 4]])["centroid"] == [3, 4]
    assert image.describe(np.array([[[3, 4]]]))["ellipse"] is None
