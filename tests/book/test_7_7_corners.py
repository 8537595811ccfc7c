"""Book 7.7: corners by Harris and Shi-Tomasi, between pixels, marked."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from kerato import image

EIGHT = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
CORNERS = [[30, 20], [69, 20], [30, 59], [69, 59]]


def _square() -> Any:
    picture = np.zeros((80, 100), np.uint8)
    picture[20:60, 30:70] = 255
    return picture


def _distances(found: Any, expected: Any) -> Any:
    return np.linalg.norm(np.asarray(found)[:, None] - np.asarray(expected, float), axis=2).min(axis=1)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(image.harris, id="row_7_7_01-harris"),
        pytest.param(lambda p: image.harris_gaussian(p, 1.5), id="row_7_7_01-gaussian"),
        pytest.param(image.shi_tomasi_response, id="row_7_7_01-eigenvalue"),
    ],
)
def test_a_square_has_four_corners_and_an_edge_none(response: Any) -> None:
    found = image.peaks(response(_square()), 0.1, 8)
    assert len(found) == 4 and (_distances(found, CORNERS) <= 2).all()
    edge = np.zeros((80, 100), np.uint8)
    edge[:, 50:] = 255
    assert len(image.peaks(np.where(response(edge) < response(_square()).max() * 0.01, 0, 1), 0.5)) == 0


def test_row_7_7_01_harris_is_opencvs_and_turns_with_the_picture() -> None:
    np.testing.assert_allclose(image.harris(EIGHT, 3, 5, 0.05), cv2.cornerHarris(EIGHT.astype(np.float32), 3, 5, 0.05))
    found = image.peaks(image.harris(_square(), 3), 0.1, 8)
    turned = image.peaks(image.harris(image.rotate90(_square()), 3), 0.1, 8)
    back = np.stack([99 - turned[:, 1], turned[:, 0]], axis=1)
    assert (_distances(back, found) <= 1).all() and len(back) == len(found)


def test_row_7_7_01_edges_have_negative_and_flat_ground_no_response() -> None:
    response = image.harris(_square())
    assert response[40, 30] < 0 and response[5, 5] == 0 and response.max() == response[19:22, 29:32].max()


def test_row_7_7_02_shi_tomasi_gives_the_strongest_apart_from_each_other() -> None:
    found = image.shi_tomasi(EIGHT, 12, 0.01, 7)
    twin = np.asarray(cv2.goodFeaturesToTrack(EIGHT, 12, 0.01, 7)).reshape(-1, 2)
    np.testing.assert_array_equal(found, twin)
    gaps = np.linalg.norm(found[:, None] - found, axis=2) + np.eye(len(found)) * 99
    assert len(found) == 12 and gaps.min() >= 7
    strength = image.shi_tomasi_response(EIGHT)[tuple(found.astype(int)[:, ::-1].T)]
    assert (np.diff(strength) <= 0).all()
    assert (_distances(image.shi_tomasi(_square(), 4), CORNERS) <= 1.5).all()


def test_row_7_7_02_the_mask_is_respected_and_a_flat_picture_has_none() -> None:
    mask = np.zeros(EIGHT.shape, bool)
    mask[:, :20] = True
    assert (image.shi_tomasi(EIGHT, 0, mask=mask)[:, 0] < 20).all()
    assert image.shi_tomasi(np.zeros((20, 20), np.uint8)).shape == (0, 2)


def test_row_7_7_02_peaks_keep_their_distance_count_and_border() -> None:
    response = np.random.default_rng(3).random((60, 60))
    found = image.peaks(response, 0.0, 5, border=6)
    gaps = np.abs(found[:, None] - found).max(axis=2) + np.eye(len(found)) * 99
    assert gaps.min() > 5 and found.min() >= 6 and found.max() <= 53
    np.testing.assert_array_equal(image.peaks(response, 0.0, 5, 3, 6), found[:3])
    assert image.peaks(np.zeros((5, 5))).shape == (0, 2)


def test_row_7_7_03_corners_between_pixels_are_found_to_a_fifth_of_one() -> None:
    # An area 8 times finer, averaged: the corner lies at (10.125, 12.625) in the coarse picture's pixel middles.
    fine = np.zeros((320, 320))
    fine[105:233, 85:245] = 255
    coarse = image.to_uint8(image.windows(fine, 8, 8), 0, 255)
    expected = (np.array([[85, 105], [245, 105], [85, 233], [245, 233]]) - 0.5) / 8 - 0.4375
    rough = image.peaks(image.harris(coarse), 0.1, 5)
    refined = image.refine(coarse, rough)
    assert len(refined) == 4 and (_distances(refined, expected) < 0.2).all()
    assert _distances(refined, expected).mean() < _distances(rough, expected).mean()


def test_row_7_7_03_marks_are_rings_around_the_points() -> None:
    marked = image.mark(_square(), CORNERS, (255, 0, 0), radius=3)
    assert marked.shape == (80, 100, 3)
    red = (marked[..., 0] > 200) & (marked[..., 1] < 50)
    assert red[20, 33] and red[59, 66] and not red[40, 50]
    np.testing.assert_array_equal(image.mark(_square(), []), image.to_rgb(_square()))
    assert image.refine(_square(), np.empty((0, 2))).shape == (0, 2)
