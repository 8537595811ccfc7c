"""Book 2.1: the worked example of a convolution, weight sharing, and LeNet-5's first layer."""

from __future__ import annotations

import numpy as np
import pytest

from kerato import layers
from kerato.image import windows
from kerato.layers import Input
from kerato.models import Sequential

MATRIX = np.array([[1, 2, 3], [4, 5, 6]], "float32")
WEIGHT = np.full((2, 2), 0.2)


def test_row_2_1_02_the_worked_example_averages() -> None:
    found = windows(MATRIX, 2, 1, lambda window: (window * WEIGHT).mean())
    np.testing.assert_allclose(found, [[0.6, 0.8]])


def test_row_2_1_02_a_convolution_sums() -> None:
    np.testing.assert_allclose(windows(MATRIX, 2, 1, WEIGHT), [[2.4, 3.2]])
    conv = layers.Conv2D(
        1, 2, bias_initializer="zeros", kernel_initializer=lambda shape, dtype=None: np.full(shape, 0.2)
    )
    np.testing.assert_allclose(conv(MATRIX[None, ..., None])[0, :, :, 0], [[2.4, 3.2]], rtol=1e-6)


def c1(size: int) -> Sequential:
    """LeNet-5's first layer over a square picture."""
    return Sequential([Input((size, size, 1)), layers.Conv2D(6, 5, name="C1")])


@pytest.mark.parametrize("size", [32, 64])
def test_row_2_1_04_parameters_do_not_depend_on_the_number_of_neurons(size: int) -> None:
    model = c1(size)
    neurons = int(np.prod(model.output_shape[1:]))
    assert neurons == (size - 4) ** 2 * 6
    assert model.count_params() == (5 * 5 + 1) * 6 == 156


def test_row_2_1_06_c1_of_lenet_5_has_6_maps_of_28_by_28_and_156_parameters() -> None:
    model = c1(32)
    assert model.output_shape == (None, 28, 28, 6)
    assert model.count_params() == 156
    assert 156 * 28 * 28 == 122_304
    first = Sequential([Input((1, 32, 32)), layers.Conv2D(6, 5, data_format="channels_first")])
    assert first.output_shape == (None, 6, 28, 28)
