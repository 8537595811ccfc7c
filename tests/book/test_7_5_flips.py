"""Book 7.5: flipped and turned pictures."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest

from kerato import image

SQUARE = np.array([[1, 2], [3, 4]])
PICTURE = np.random.default_rng(0).integers(0, 256, (15, 22, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("direction", "expected", "code"),
    [
        pytest.param("horizontal", [[2, 1], [4, 3]], 1, id="row_7_5_01-horizontal"),
        pytest.param("vertical", [[3, 4], [1, 2]], 0, id="row_7_5_01-vertical"),
        pytest.param("both", [[4, 3], [2, 1]], -1, id="row_7_5_01-both"),
    ],
)
def test_flips(direction: Literal["horizontal", "vertical", "both"], expected: list[list[int]], code: int) -> None:
    assert image.flip(SQUARE, direction).tolist() == expected
    np.testing.assert_array_equal(image.flip(image.flip(PICTURE, direction), direction), PICTURE)
    np.testing.assert_array_equal(image.flip(PICTURE, direction), cv2.flip(PICTURE, code))


def test_row_7_5_01_a_flip_is_a_copy() -> None:
    flipped = image.flip(PICTURE)
    flipped[:] = 0
    assert PICTURE.any()


def test_row_7_5_02_four_quarter_turns_are_none_and_one_is_counter_clockwise() -> None:
    assert image.rotate90(SQUARE).tolist() == [[2, 4], [1, 3]]
    np.testing.assert_array_equal(image.rotate90(PICTURE, 4), PICTURE)
    np.testing.assert_array_equal(image.rotate90(image.rotate90(PICTURE), -1), PICTURE)
    np.testing.assert_array_equal(image.rotate90(PICTURE, 2), image.flip(PICTURE, "both"))


def test_row_7_5_02_the_free_angle_agrees_with_quarter_turns_and_reshape_holds_the_corners() -> None:
    np.testing.assert_array_equal(image.rotate(PICTURE, 90), image.rotate90(PICTURE))
    assert image.rotate(PICTURE, 90, reshape=False).shape == PICTURE.shape
    whole = image.rotate(PICTURE, 45, order=1)
    assert whole.shape[0] == pytest.approx((15 + 22) / 2**0.5, abs=1.5)
    assert (image.rotate(np.full((9, 9), 9, np.uint8), 45, cval=77)[0, 0]) == 77
