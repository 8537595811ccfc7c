"""Book 3.4: pooling layers. Their values against loops, and their gradients, are laws (tests/test_laws.py)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kerato import layers
from kerato.layers import Input
from kerato.models import Sequential

PICTURE = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)


STEPS = np.float32([3, 1, 4, 1, 5, 9]).reshape(1, 6, 1)
VOLUME = np.arange(64, dtype="float32").reshape(1, 4, 4, 4, 1)


def test_row_3_4_01_max_pooling_halves_the_steps_and_its_gradient_goes_to_the_largest() -> None:
    layer = layers.MaxPooling1D()
    assert layer(Input((10, 2))).shape == (None, 5, 2)
    assert layer(STEPS)[0, :, 0].tolist() == [3, 4, 9]
    slope = jax.grad(lambda x: jnp.sum(layer(x)))(jnp.asarray(STEPS))
    assert slope[0, :, 0].tolist() == [1, 0, 1, 0, 0, 1]


def test_row_3_4_03_max_pooling_halves_three_axes() -> None:
    assert layers.MaxPooling3D()(Input((8, 6, 4, 3))).shape == (None, 4, 3, 2, 3)
    assert layers.MaxPooling3D()(VOLUME)[0, ..., 0].tolist() == [[[21, 23], [29, 31]], [[53, 55], [61, 63]]]


def test_row_3_4_04_average_pooling_takes_the_means_of_the_steps() -> None:
    assert layers.AveragePooling1D()(STEPS)[0, :, 0].tolist() == [2, 2.5, 7]
    assert layers.AveragePooling1D(4, padding="same")(STEPS)[0, :, 0].tolist() == [pytest.approx(8 / 3), 5]


def test_row_3_4_06_average_pooling_takes_the_means_of_cubes() -> None:
    assert layers.AveragePooling3D()(VOLUME)[0, ..., 0].tolist() == [
        [[10.5, 12.5], [18.5, 20.5]],
        [[42.5, 44.5], [50.5, 52.5]],
    ]


def test_row_3_4_07_global_max_pooling_is_one_number_per_channel() -> None:
    assert layers.GlobalMaxPooling1D()(np.concatenate([STEPS, -STEPS], -1)).tolist() == [[9, -1]]
    assert layers.GlobalMaxPooling2D()(np.concatenate([PICTURE, -PICTURE], -1)).tolist() == [[15, 0]]
    assert layers.GlobalMaxPooling2D(keepdims=True)(PICTURE).shape == (1, 1, 1, 1)


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


def test_row_3_4_08_global_average_pooling_over_time_leaves_masked_steps_out() -> None:
    assert layers.GlobalAveragePooling1D()(STEPS).tolist() == [[pytest.approx(23 / 6)]]
    model = Sequential([Input((6, 1)), layers.Masking(1.0), layers.GlobalAveragePooling1D()])
    assert model.predict(STEPS).tolist() == [[5.25]]
    assert model.predict(np.ones((1, 6, 1))).tolist() == [[0]]


@pytest.mark.parametrize(
    ("size", "options", "length"),
    [(7, {"padding": "same"}, 4), (7, {}, 3), (7, {"strides": 1}, 6), (8, {"strides": 3}, 3)],
    ids=["7,p2,s2,same", "7,p2,s2", "7,p2,s1", "8,p2,s3"],
)
def test_row_3_4_09_lengths_round_up_with_padding(size: int, options: dict[str, object], length: int) -> None:
    assert layers.MaxPooling2D(2, **options)(Input((size, size, 1))).shape == (None, length, length, 1)
