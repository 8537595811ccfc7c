"""Book 3.3: convolution layers. Their values against loops, and their gradients, are laws (tests/test_laws.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_reference import loops

from kerato import layers
from kerato.layers import Input
from kerato.models import Sequential


def test_row_3_3_06_conv1d_of_10_steps_of_128() -> None:
    assert layers.Conv1D(32, 3)(Input((10, 128))).shape == (None, 8, 32)


@pytest.mark.parametrize("kernel_size", [3, [3], (3,)])
def test_row_3_3_07_the_window_is_an_int_or_a_list_of_one(kernel_size: Any) -> None:
    layer = layers.Conv1D(4, kernel_size)
    layer(Input((10, 2)))
    assert layer.kernel.shape == (3, 2, 4)


def test_row_3_3_08_strides_and_their_conflict_with_dilation() -> None:
    assert layers.Conv1D(1, 3, strides=2)(Input((10, 1))).shape == (None, 4, 1)
    with pytest.raises(ValueError, match="cannot both be other than 1"):
        layers.Conv1D(1, 3, strides=2, dilation_rate=2)


def test_row_3_3_09_sequences_of_any_length() -> None:
    model = Sequential([layers.Conv1D(2, 3, input_shape=(None, 128))])
    assert model.output_shape == (None, None, 2)
    for steps in (5, 9):
        assert model.predict(np.ones((1, steps, 128))).shape == (1, steps - 2, 2)


@pytest.mark.parametrize(("padding", "length"), [("valid", 8), ("same", 10), ("causal", 10)])
def test_row_3_3_10_padding(padding: str, length: int) -> None:
    layer = layers.Conv1D(1, 3, padding=padding, kernel_initializer="ones", use_bias=False)
    found = np.asarray(layer(np.arange(10, dtype="float32").reshape(1, 10, 1)))[0, :, 0]
    assert len(found) == length
    assert found[:3].tolist() == {"valid": [3, 6, 9], "same": [1, 3, 6], "causal": [0, 1, 3]}[padding]


def test_row_3_3_11_dilation() -> None:
    assert layers.Conv1D(1, 3, dilation_rate=2)(Input((10, 1))).shape == (None, 6, 1)


@pytest.mark.parametrize("kind", [layers.Conv1D, layers.Conv2D])
def test_row_3_3_12_the_options_of_dense(kind: Any) -> None:
    options = {"activation": "relu", "kernel_initializer": "ones", "kernel_regularizer": "l2",
               "bias_initializer": "ones", "kernel_constraint": "non_neg"}  # fmt: skip
    layer = kind(2, 2, **options)
    found = np.asarray(layer(-np.ones((1,) + (3,) * layer.rank + (1,), "float32")))
    assert (found == 0).all()  # relu(1 - 2**rank)
    assert layer.bias.numpy().tolist() == [1, 1]
    assert layer.kernel.constraint is not None
    assert len(kind(2, 2, use_bias=False, weights=None)._weights) == 0


@pytest.mark.parametrize(
    ("size", "options", "length"),
    [(9, {}, 7), (28, {}, 26), (32, {"padding": "same"}, 32), (10, {"strides": 2}, 4),
     (10, {"strides": 2, "padding": "same"}, 5), (10, {"dilation_rate": 2}, 6)],
)  # fmt: skip
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_row_3_3_14_the_table_of_lengths(size: int, options: dict[str, Any], length: int, data_format: str) -> None:
    layer = layers.Conv2D(5, 3, data_format=data_format, **options)
    last = data_format == "channels_last"
    found = layer(Input((size, size, 2) if last else (2, size, size))).shape
    assert found == ((None, length, length, 5) if last else (None, 5, length, length))
    assert layer.kernel.shape == (3, 3, 2, 5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_row_3_3_13_conv2d_is_the_naive_loop(data_format: str) -> None:
    generator = np.random.default_rng(0)
    pictures, kernel = generator.normal(size=(2, 5, 4, 3)), generator.normal(size=(3, 2, 3, 2))
    expected = loops.convolution(pictures, kernel, (1, 2), [(0, 0), (0, 0)], (1, 1))
    layer = layers.Conv2D(2, (3, 2), strides=(1, 2), use_bias=False, data_format=data_format, weights=[kernel])
    given = pictures if data_format == "channels_last" else np.moveaxis(pictures, -1, 1)
    found = np.asarray(layer(given.astype("float32")))
    np.testing.assert_allclose(found if layer.channel_axis == -1 else np.moveaxis(found, 1, -1), expected, rtol=1e-4)


def test_row_3_3_16_a_convolution_with_numbers() -> None:
    picture = np.arange(81, dtype="float32").reshape(1, 9, 9, 1)
    edges = np.float32([[-1, 0, 1]] * 3).reshape(3, 3, 1, 1)
    layer = layers.Conv2D(1, (3, 3), use_bias=False, weights=[edges])
    found = np.asarray(layer(picture))
    assert found.shape == (1, 7, 7, 1)
    assert (found == 6).all()  # each row of the window rises by 2


@pytest.mark.parametrize(
    ("padding", "shape"),
    [((1, 1), (6, 7)), (2, (8, 9)), ((1, 0), (6, 5)), (((0, 1), (2, 0)), (5, 7))],
    ids=["pair", "int", "rows", "pair of pairs"],
)
def test_row_3_3_17_zero_padding(padding: Any, shape: tuple[int, int]) -> None:
    found = np.asarray(layers.ZeroPadding2D(padding)(np.ones((1, 4, 5, 1))))
    assert found.shape[1:3] == shape
    assert found.sum() == 20


def test_row_3_3_18_up_sampling_repeats_rows_and_columns() -> None:
    found = layers.UpSampling2D((2, 3))(np.float32([[1, 2], [3, 4]]).reshape(1, 2, 2, 1))
    assert found[0, :, :, 0].tolist() == [[1, 1, 1, 2, 2, 2]] * 2 + [[3, 3, 3, 4, 4, 4]] * 2


VOLUME = np.random.default_rng(1).normal(size=(1, 4, 5, 6, 2))


def test_row_3_3_19_conv3d_and_max_pooling3d_are_the_naive_loops() -> None:
    kernel = np.random.default_rng(2).normal(size=(2, 3, 1, 2, 3))
    valid = [(0, 0)] * 3
    conv = layers.Conv3D(3, (2, 3, 1), use_bias=False, weights=[kernel])
    expected = loops.convolution(VOLUME, kernel, (1, 1, 1), valid, (1, 1, 1))
    np.testing.assert_allclose(conv(VOLUME.astype("float32")), expected, rtol=1e-4, atol=1e-5)
    expected = loops.pool(VOLUME, (2, 2, 2), (2, 2, 2), valid, lambda cells: cells.max(0))
    np.testing.assert_allclose(layers.MaxPooling3D()(VOLUME.astype("float32")), expected, rtol=1e-6)


def test_row_3_3_20_a_separable_convolution_with_numbers() -> None:
    sums, mixing = np.ones((2, 2, 2, 1)), np.float32([1, 10]).reshape(1, 1, 2, 1)
    layer = layers.SeparableConv2D(1, 2, use_bias=False, weights=[sums, mixing])
    pictures = np.stack([np.ones((3, 3)), np.arange(9).reshape(3, 3)], -1)[None].astype("float32")
    assert layer(pictures)[0, :, :, 0].tolist() == [[4 + 80, 4 + 120], [4 + 200, 4 + 240]]


@pytest.mark.parametrize(("padding", "length"), [("valid", 11), ("same", 10)])
def test_row_3_3_20_a_transposed_convolution_of_5_cells(padding: str, length: int) -> None:
    layer = layers.Conv2DTranspose(2, 3, strides=2, padding=padding, use_bias=False, kernel_initializer="ones")
    found = np.asarray(layer(np.ones((1, 5, 5, 1), "float32")))
    assert found.shape == (1, length, length, 2)
    assert layer.kernel.shape == (3, 3, 2, 1)
    line = [1, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1][:length]  # windows of 3 laid down 2 apart overlap in every other cell
    np.testing.assert_array_equal(found[0, :, :, 0], np.outer(line, line))


@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        (layers.Cropping1D(), (5, 2), (3, 2)),
        (layers.Cropping1D((0, 2)), (5, 2), (3, 2)),
        (layers.Cropping2D(((2, 2), (4, 4))), (28, 28, 3), (24, 20, 3)),
        (layers.Cropping2D(), (4, 4, 1), (4, 4, 1)),
        (layers.Cropping2D((1, 0), data_format="channels_first"), (3, 4, 4), (3, 2, 4)),
        (layers.Cropping3D(), (4, 5, 6, 1), (2, 3, 4, 1)),
        (layers.ZeroPadding1D(), (5, 2), (7, 2)),
        (layers.ZeroPadding1D((0, 2)), (5, 2), (7, 2)),
        (layers.ZeroPadding3D(), (2, 3, 4, 1), (4, 5, 6, 1)),
        (layers.UpSampling1D(), (5, 2), (10, 2)),
        (layers.UpSampling3D((1, 2, 3)), (2, 3, 4, 1), (2, 6, 12, 1)),
        (layers.SeparableConv1D(4, 3, strides=2), (10, 2), (4, 4)),
        (layers.Conv1DTranspose(4, 3, strides=2), (5, 2), (11, 4)),
        (layers.Conv3DTranspose(4, 2, strides=3), (2, 3, 4, 1), (6, 9, 12, 4)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_row_3_3_20_shapes(layer: Any, given: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert layer(Input(given)).shape == (None, *expected)


def test_row_3_3_20_values_of_cropping_padding_and_repeating() -> None:
    steps = np.arange(1, 6, dtype="float32").reshape(1, 5, 1)
    line = lambda layer: np.asarray(layer(steps))[0, :, 0].tolist()  # noqa: E731
    assert line(layers.Cropping1D((1, 2))) == [2, 3]
    assert line(layers.ZeroPadding1D((2, 1))) == [0, 0, 1, 2, 3, 4, 5, 0]
    assert line(layers.UpSampling1D(2)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
