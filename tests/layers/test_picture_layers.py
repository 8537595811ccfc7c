"""What the laws do not say of convolution, pooling, normalisation and picture layers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kerato import layers
from kerato.graph import evaluate
from kerato.layers import Input
from kerato.models import Sequential

SQUARE = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)


@pytest.mark.parametrize(
    ("size", "options", "length"),
    [
        (9, {"kernel_size": 3}, 7),
        (28, {"kernel_size": 3}, 26),
        (32, {"kernel_size": 3, "padding": "same"}, 32),
        (10, {"kernel_size": 3, "strides": 2}, 4),
        (10, {"kernel_size": 3, "strides": 2, "padding": "same"}, 5),
        (10, {"kernel_size": 3, "dilation_rate": 2}, 6),
        (10, {"kernel_size": 3, "padding": "causal"}, 10),
        (10, {"kernel_size": 3, "padding": "causal", "strides": 3}, 4),
    ],
)
def test_lengths_are_those_of_the_formula(size: int, options: dict[str, Any], length: int) -> None:
    assert layers.Conv1D(2, **options)(Input((size, 1))).shape == (None, length, 2)


def test_convolution_is_correlation() -> None:
    conv = layers.Conv2D(1, 2, use_bias=False)
    conv.build((None, 4, 4, 1))
    conv.built = True
    conv.set_weights([np.float32([[1, 10], [100, 1000]]).reshape(2, 2, 1, 1)])
    assert float(conv(SQUARE)[0, 0, 0, 0]) == 0 * 1 + 1 * 10 + 4 * 100 + 5 * 1000


def test_same_pads_after_where_the_border_is_odd() -> None:
    conv = layers.Conv1D(1, 2, padding="same", use_bias=False, kernel_initializer="ones")
    assert conv(np.float32([[[1], [2], [4]]]))[0, :, 0].tolist() == [3, 6, 4]


def test_a_causal_convolution_sees_no_later_step() -> None:
    conv = layers.Conv1D(1, 3, padding="causal", dilation_rate=2)
    x = np.random.default_rng(0).normal(size=(1, 9, 1)).astype("float32")
    changed = x.copy()
    changed[0, 5:] += 1
    before, after = np.asarray(conv(x)), np.asarray(conv(changed))
    np.testing.assert_array_equal(before[0, :5], after[0, :5])
    assert (before[0, 5:] != after[0, 5:]).all()


def test_ties_of_max_pooling_send_their_gradient_to_the_first_cell() -> None:
    slope = jax.grad(lambda x: jnp.sum(layers.MaxPooling2D()(x)))(jnp.ones((1, 2, 2, 1)))
    assert slope[0, :, :, 0].tolist() == [[1, 0], [0, 0]]


def test_average_pooling_counts_real_cells_only() -> None:
    found = layers.AveragePooling2D(2, padding="same")(np.ones((1, 3, 3, 1)))
    assert (np.asarray(found) == 1).all()


def test_pooling_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"p \(MaxPooling2D\): a window of \(5, 5\) does not fit .*smaller pool_size"):
        layers.MaxPooling2D(5, name="p")(Input((3, 3, 1)))
    assert layers.MaxPooling2D(5, padding="same")(Input((3, 3, 1))).shape == (None, 1, 1, 1)


def test_upsampling_bilinearly_is_tensorflow_s() -> None:
    found = layers.UpSampling2D(2, interpolation="bilinear")(np.float32([[0, 4]]).reshape(1, 1, 2, 1))
    assert found[0, 0, :, 0].tolist() == [0, 1, 3, 4]


def test_borders_of_zeros_are_said_in_three_ways() -> None:
    assert layers.ZeroPadding2D(2)(SQUARE).shape == (1, 8, 8, 1)
    assert layers.ZeroPadding2D((1, 0))(SQUARE).shape == (1, 6, 4, 1)
    assert layers.ZeroPadding2D(((0, 1), (2, 3)))(SQUARE).shape == (1, 5, 9, 1)


def train(layer: Any, x: Any, steps: int = 1) -> Any:
    symbolic = Input(batch_shape=x.shape)
    y = layer(symbolic)
    for _ in range(steps):
        result = evaluate([y], {symbolic: jnp.asarray(x)}, training=True)
        for variable, value in result.updates.items():
            variable.assign(value)
    return np.asarray(result.outputs[0])


def test_batch_normalization_gives_mean_0_and_variance_1_in_training() -> None:
    x = np.random.default_rng(0).normal(5, 3, (50, 4, 2)).astype("float32")
    found = train(layers.BatchNormalization(), x)
    np.testing.assert_allclose(found.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(found.var((0, 1)), 1, atol=1e-3)


def test_moving_statistics_follow_with_the_momentum() -> None:
    layer = layers.BatchNormalization(momentum=0.75)
    train(layer, np.float32([[0], [4]]), steps=2)
    # mean 2, variance 4: 0 -> 0.5 -> 0.875; 1 -> 1.75 -> 2.3125
    assert layer.moving_mean.numpy().tolist() == [0.875]
    assert layer.moving_variance.numpy().tolist() == [2.3125]


def test_frozen_batch_normalization_is_the_test_phase() -> None:
    layer = layers.BatchNormalization(trainable=False)
    x = np.float32([[0], [4]])
    np.testing.assert_allclose(train(layer, x), x / np.sqrt(1.001), rtol=1e-6)
    assert layer.moving_mean.numpy().tolist() == [0]
    assert layer.trainable_weights == []
    assert len(layer.weights) == 4


def test_masked_steps_do_not_count_in_the_statistics() -> None:
    layer = layers.BatchNormalization(momentum=0.0)
    model = Sequential([Input((3, 1)), layers.Masking(), layer])
    model.compile("sgd", "mse")
    x = np.float32([[[2], [4], [0]]])
    model.fit(x, x, verbose=0)
    assert layer.moving_mean.numpy() == pytest.approx([3], rel=1e-5)
    assert layer.moving_variance.numpy() == pytest.approx([1], rel=1e-5)


def test_narrow_batch_normalization_keeps_wide_statistics() -> None:
    layer = layers.BatchNormalization(dtype="mixed_float16")
    found = train(layer, np.float32([[1000], [1002]]))
    assert str(found.dtype) == "float16"
    assert layer.moving_mean.dtype == "float32"
    assert layer.moving_mean.numpy() == pytest.approx([10.01])


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
def test_resizing_takes_bytes_of_any_size_and_keeps_a_constant(interpolation: str) -> None:
    layer = layers.Resizing(5, 7, interpolation)
    for size in ((3, 4), (11, 9), (5, 7)):
        found = np.asarray(layer(np.full((2, *size, 3), 200, "uint8")))
        assert found.shape == (2, 5, 7, 3)
        np.testing.assert_allclose(found, 200, rtol=1e-5)


def test_rescaling_makes_floats_of_bytes() -> None:
    found = layers.Rescaling(1 / 255)(np.uint8([[0, 51, 255]]))
    np.testing.assert_allclose(found, [[0, 0.2, 1]], rtol=1e-6)
    assert found.dtype == "float32"


def test_a_network_takes_pictures_of_any_size() -> None:
    model = Sequential([Input((None, None, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)])
    assert model.output_shape == (None, 2)
    assert model.layers[0].output_shape == (None, None, None, 4)
    for size in (5, 8):
        assert model.predict(np.ones((2, size, size + 1, 3))).shape == (2, 2)
