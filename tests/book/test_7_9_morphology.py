"""Book 7.9: shapes grown, shrunk, cleaned, thinned, counted and told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from scipy import ndimage

from kerato import image

DRAW = np.random.default_rng(0)
NOISE = DRAW.random((30, 40)) < 0.6
GREY = DRAW.integers(0, 256, (30, 40), dtype=np.uint8)
COLOURS = DRAW.integers(0, 256, (30, 40, 3), dtype=np.uint8)
BLOCK = np.zeros((7, 7), bool)
BLOCK[1:6, 2:5] = True
CROSS = ndimage.generate_binary_structure(2, 1)
SQUARE = np.ones((3, 3), bool)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(image.erode, ndimage.binary_erosion, id="row_7_9_01"),
        pytest.param(image.dilate, ndimage.binary_dilation, id="row_7_9_02"),
        pytest.param(image.opening, ndimage.binary_opening, id="row_7_9_03"),
        pytest.param(image.closing, ndimage.binary_closing, id="row_7_9_04"),
    ],
)
def test_masks_are_treated_as_scipy_does(ours: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    for element in (CROSS, SQUARE, DRAW.random((3, 5)) < 0.7):
        for iterations in (1, 3):
            result = ours(NOISE, element, iterations=iterations)
            np.testing.assert_array_equal(result, theirs(NOISE, element, iterations))
            assert result.dtype == np.bool_


def test_row_7_9_01_erosion_leaves_three_pixels_of_the_book_s_block() -> None:
    assert image.erode(BLOCK).sum() == 3
    inner = np.s_[3:-3, 3:-3]
    np.testing.assert_array_equal(image.erode(~NOISE)[inner], ~image.dilate(NOISE)[inner])


def test_row_7_9_02_dilation_makes_thirty_one_and_a_plus() -> None:
    assert image.dilate(BLOCK).sum() == 31
    point = np.zeros((5, 5), bool)
    point[2, 2] = True
    np.testing.assert_array_equal(image.dilate(point)[1:4, 1:4], CROSS)


def test_row_7_9_03_opening_twice_is_opening_once_and_specks_go() -> None:
    opened = image.opening(NOISE, "square")
    np.testing.assert_array_equal(image.opening(opened, "square"), opened)
    speck = BLOCK.copy()
    speck[0, 0] = True
    np.testing.assert_array_equal(image.opening(speck, "square"), BLOCK)


def test_row_7_9_04_closing_fills_a_hole_of_one_pixel() -> None:
    holed = np.pad(BLOCK, 2)
    holed[5, 5] = False
    np.testing.assert_array_equal(image.closing(holed), np.pad(BLOCK, 2))


def test_row_7_9_05_hit_or_miss_finds_the_pattern_given() -> None:
    mask = np.zeros((9, 9), bool)
    mask[1:3, 1:3] = mask[5:8, 4:7] = True
    corner = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]])
    nothing = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 0]])
    found = image.hit_or_miss(mask, corner, nothing)
    assert np.argwhere(found).tolist() == [[1, 1], [5, 4]]
    np.testing.assert_array_equal(
        image.hit_or_miss(NOISE, corner, nothing), ndimage.binary_hit_or_miss(NOISE, corner, nothing)
    )
    np.testing.assert_array_equal(image.hit_or_miss(NOISE, CROSS), ndimage.binary_hit_or_miss(NOISE, CROSS))


def _blobs(seed: int) -> Any:
    rough = image.gaussian(np.random.default_rng(seed).random((60, 80)), 2.5)
    return rough > np.median(rough)


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"row_7_9_06-{seed}")
def test_a_skeleton_is_thin_inside_and_keeps_parts_and_holes(seed: int) -> None:
    blobs = _blobs(seed)
    thin = image.skeleton(blobs)
    assert (thin <= blobs).all() and thin.any()
    assert image.label(thin, connectivity=8)[1] == image.label(blobs, connectivity=8)[1]
    holes = [image.label(np.pad(~mask, 1, constant_values=True))[1] for mask in (thin, blobs)]
    assert holes[0] == holes[1]
    for row, column in np.argwhere(ndimage.binary_opening(np.pad(thin, 1), np.ones((2, 2)))):
        around = np.pad(thin, 1)[row - 1 : row + 2, column - 1 : column + 2].copy()
        around[1, 1] = False  # what is 2 wide is a crossing: without the pixel its neighbours would fall apart
        assert image.label(around, connectivity=8)[1] != 1 or around[CROSS].sum() == 4
    np.testing.assert_array_equal(image.skeleton(thin), thin)


def test_row_7_9_06_the_skeleton_of_a_bar_is_a_line_and_iterations_stop_early() -> None:
    bar = np.zeros((15, 60), bool)
    bar[4:11, 5:55] = True
    thin = image.skeleton(bar)
    assert thin[:, 15:45].sum(axis=0).tolist() == [1] * 30
    assert thin.sum() < image.skeleton(bar, iterations=1).sum() < bar.sum()


@pytest.mark.parametrize(
    ("ours", "theirs", "code"),
    [
        pytest.param(image.erode, ndimage.grey_erosion, "MORPH_ERODE", id="row_7_9_07-erode"),
        pytest.param(image.dilate, ndimage.grey_dilation, "MORPH_DILATE", id="row_7_9_07-dilate"),
        pytest.param(image.opening, ndimage.grey_opening, "MORPH_OPEN", id="row_7_9_07-opening"),
        pytest.param(image.closing, ndimage.grey_closing, "MORPH_CLOSE", id="row_7_9_07-closing"),
        pytest.param(image.gradient, ndimage.morphological_gradient, "MORPH_GRADIENT", id="row_7_9_08-gradient"),
        pytest.param(image.top_hat, ndimage.white_tophat, "MORPH_TOPHAT", id="row_7_9_08-top_hat"),
        pytest.param(image.black_hat, ndimage.black_tophat, "MORPH_BLACKHAT", id="row_7_9_08-black_hat"),
    ],
)
def test_grey_pictures_are_treated_as_scipy_and_opencv_do(
    ours: Callable[..., Any], theirs: Callable[..., Any], code: str
) -> None:
    for element in (CROSS, SQUARE):
        np.testing.assert_array_equal(ours(GREY, element), theirs(GREY, footprint=element))
        twin = cv2.morphologyEx(GREY, getattr(cv2, code), element.astype(np.uint8))
        np.testing.assert_array_equal(ours(GREY, element)[3:-3, 3:-3], twin[3:-3, 3:-3])
        floats = GREY / 7.0
        np.testing.assert_allclose(ours(floats, element), theirs(floats, footprint=element), atol=1e-12)
    np.testing.assert_array_equal(ours(COLOURS, SQUARE)[..., 1], ours(COLOURS[..., 1], SQUARE))


@pytest.mark.parametrize("shape", [(3, 5), (4, 4), (2, 5), (1, 6), (9, 9)], ids=lambda shape: f"row_7_9_07-{shape}")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64, np.int64])
def test_any_element_has_scipys_bits_in_every_dtype(shape: tuple[int, int], dtype: Any) -> None:
    element = DRAW.random(shape) < 0.6
    element[shape[0] // 2, shape[1] // 2] = True
    picture = (GREY.astype(np.float64) * 3 - 50 * (dtype not in (np.uint8, np.uint16))).astype(dtype)
    for small in (picture, picture[:5, :7]):
        np.testing.assert_array_equal(image.erode(small, element), ndimage.grey_erosion(small, footprint=element))
        np.testing.assert_array_equal(image.dilate(small, element), ndimage.grey_dilation(small, footprint=element))


def test_row_7_9_07_grey_erosion_and_dilation_are_minimum_and_maximum() -> None:
    np.testing.assert_array_equal(image.erode(GREY, "square", 5), image.minimum(GREY, 5))
    np.testing.assert_array_equal(image.dilate(GREY, "square", 5), image.maximum(GREY, 5))


def test_row_7_9_08_the_differences_are_what_they_are_called_on_masks_too() -> None:
    np.testing.assert_array_equal(image.gradient(NOISE), image.dilate(NOISE) & ~image.erode(NOISE))
    np.testing.assert_array_equal(image.top_hat(NOISE, "square", 3), NOISE & ~image.opening(NOISE, "square", 3))
    np.testing.assert_array_equal(image.black_hat(NOISE, "square", 3), image.closing(NOISE, "square", 3) & ~NOISE)
    assert image.top_hat(GREY).dtype == np.uint8


def test_row_7_9_09_holes_are_filled_and_seeds_grow_as_in_scipy() -> None:
    np.testing.assert_array_equal(image.fill_holes(NOISE), ndimage.binary_fill_holes(NOISE))
    seed = np.zeros_like(NOISE)
    seed[10:12, 10:12] = True
    grown = image.reconstruct(seed, NOISE)
    np.testing.assert_array_equal(grown, ndimage.binary_propagation(seed & NOISE, mask=NOISE))
    labels, _ = image.label(NOISE)
    np.testing.assert_array_equal(grown, np.isin(labels, np.unique(labels[seed & NOISE])) & NOISE)


def _dumbbells() -> Any:
    y, x = np.mgrid[:60, :150]
    mask = np.zeros((60, 150), bool)
    for middle in (25, 70, 120):
        mask |= (x - middle) ** 2 + (y - 30) ** 2 < 18**2
    mask[28:32, 25:120] = True
    return mask


def test_row_7_9_10_objects_joined_by_bridges_are_counted_before_and_after_opening() -> None:
    joined = _dumbbells()
    joined[3, 3] = True
    assert image.label(joined)[1] == 2
    assert image.label(image.opening(joined, np.ones((9, 5)), iterations=2))[1] == 3


@pytest.mark.parametrize("distance", [24, 28, 32, 34], ids=lambda distance: f"row_7_9_11-{distance}")
def test_two_touching_discs_are_told_apart_at_their_neck(distance: int) -> None:
    y, x = np.mgrid[:60, :100]
    left, right = ((x - middle) ** 2 + (y - 30) ** 2 < 18**2 for middle in (50 - distance // 2, 50 + distance // 2))
    labels, count = image.separate(left | right)
    assert image.label(left | right)[1] == 1 and count == 2
    np.testing.assert_array_equal(labels > 0, left | right)
    first, second = image.areas(labels).tolist()
    assert first == pytest.approx(second, rel=0.1)
    assert len(np.unique(labels[:, :48][left[:, :48]])) == 1


def test_row_7_9_11_distance_is_scipys_and_every_part_keeps_a_label() -> None:
    np.testing.assert_allclose(image.distance(NOISE), ndimage.distance_transform_edt(NOISE))
    small = np.zeros((20, 40), bool)
    small[3:6, 3:6] = small[3:12, 7:16] = True
    assert image.separate(small, prominence=15)[1] == image.label(small)[1] == 2
    labels, count = image.separate(np.zeros((5, 5)))
    assert count == 0 and not labels.any()
    assert image.separate(np.ones((6, 6)))[1] == 1
    assert image.separate(_dumbbells())[1] == 3
    assert image.separate(_dumbbells(), prominence=99)[1] == 1


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        pytest.param("cross", "MORPH_CROSS", id="row_7_9_12-cross"),
        pytest.param("square", "MORPH_RECT", id="row_7_9_12-square"),
        pytest.param("ellipse", "MORPH_ELLIPSE", id="row_7_9_12-ellipse"),
    ],
)
def test_structuring_elements_and_iterations(shape: Literal["cross", "square", "ellipse"], code: str) -> None:
    element = image.structuring_element(shape, (5, 9))
    np.testing.assert_array_equal(element, cv2.getStructuringElement(getattr(cv2, code), (9, 5)) > 0)
    for picture in (NOISE, GREY):
        twice = image.dilate(image.dilate(picture, shape), shape)
        np.testing.assert_array_equal(image.dilate(picture, shape, iterations=2), twice)


def test_row_7_9_12_the_default_is_scipys_cross() -> None:
    np.testing.assert_array_equal(image.structuring_element(), CROSS)
