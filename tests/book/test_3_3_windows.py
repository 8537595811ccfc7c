"""Book 3.3: the rules of a window that moves over a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kerato.image import windows

MATRIX = np.random.default_rng(0).integers(0, 100, (9, 9))


def _by_hand(rule: Callable[[Any], Any], stride: int) -> list[list[Any]]:
    starts = range(0, 7, stride)
    return [[rule(MATRIX[row : row + 3, column : column + 3]) for column in starts] for row in starts]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("how", "rule"),
    [
        pytest.param("mean", np.mean, id="row_3_3_01"),
        pytest.param("max", np.max, id="row_3_3_02"),
        pytest.param("min", np.min, id="row_3_3_03"),
        pytest.param(np.arange(9).reshape(3, 3), lambda w: (w * np.arange(9).reshape(3, 3)).sum(), id="row_3_3_04-sum"),
        pytest.param(np.median, np.median, id="row_3_3_04-function"),
        pytest.param("sum", np.sum, id="row_3_3_04-plain_sum"),
    ],
)
def test_the_rule_makes_one_number_of_nine(how: Any, rule: Callable[[Any], Any], stride: int) -> None:
    np.testing.assert_allclose(windows(MATRIX, 3, stride, how), _by_hand(rule, stride), rtol=1e-12)


@pytest.mark.parametrize(
    ("strides", "shape"),
    [(1, (7, 7)), (2, (4, 4)), ((1, 3), (7, 3))],
    ids=["row_3_3_05-1", "row_3_3_05-2", "row_3_3_05-pair"],
)
def test_strides_give_the_size(strides: Any, shape: tuple[int, int]) -> None:
    assert windows(MATRIX, (3, 3), strides).shape == shape


def test_row_3_3_05_the_next_window_at_stride_1_begins_one_pixel_further() -> None:
    corners = windows(MATRIX, 3, 1, lambda window: window[0, 0])
    assert corners[0, 1] == MATRIX[0, 1]


def test_row_3_3_01_colours_are_averaged_channel_by_channel() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    averaged = windows(picture, 3, 3)
    assert averaged.shape == (3, 4, 3)
    np.testing.assert_allclose(averaged[1, 2], picture[3:6, 6:9].mean(axis=(0, 1)))
