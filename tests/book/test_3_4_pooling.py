"""Book 3.4: pooling layers. Their values against loops, and their gradients, are laws (tests/test_laws.py)."""

from __future__ import annotations

import numpy as np
import pytest

from kerato import layers
from kerato.layers import Input

PICTURE = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)


@pytest.mark.parametrize(
    ("data_format", "given", "expected"),
    [("channels_last", (8, 6, 3), (None, 4, 3, 3)), ("channels_first", (3, 8, 6), (None, 3, 4, 3))],
)
def test_row_3_4_02_max_pooling_halves_rows_and_columns(
    data_format: str, given: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert layers.MaxPooling2D((2, 2), data_format=data_format)(Input(given)).shape == expected


def test_row_3_4_02_max_pooling_takes_the_largest() -> None:
    assert layers.MaxPooling2D()(PICTURE)[0, :, :, 0].tolist() == [[5, 7], [13, 15]]


def test_row_3_4_05_average_pooling_counts_real_cells() -> None:
    assert layers.AveragePooling2D()(PICTURE)[0, :, :, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    found = layers.AveragePooling2D(2, padding="same")(PICTURE[:, :3, :3])
    assert found[0, :, :, 0].tolist() == [[2.5, 4], [8.5, 10]]  # of four, two, two and one cells


def test_row_3_4_08_global_average_pooling_is_one_number_per_channel() -> None:
    pictures = np.stack([PICTURE[0], PICTURE[0] + 100])
    assert layers.GlobalAveragePooling2D()(pictures).tolist() == [[7.5], [107.5]]


@pytest.mark.parametrize(
    ("size", "options", "length"),
    [(7, {"padding": "same"}, 4), (7, {}, 3), (7, {"strides": 1}, 6), (8, {"strides": 3}, 3)],
    ids=["7,p2,s2,same", "7,p2,s2", "7,p2,s1", "8,p2,s3"],
)
def test_row_3_4_09_lengths_round_up_with_padding(size: int, options: dict[str, object], length: int) -> None:
    assert layers.MaxPooling2D(2, **options)(Input((size, size, 1))).shape == (None, length, length, 1)
