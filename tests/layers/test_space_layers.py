"""What the laws do not say of the layers over space: other names, weights, messages, both orders of axes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kerato import layers, ops
from kerato.errors import KeratoError
from kerato.layers import Input


@pytest.mark.parametrize(
    ("other", "name"),
    [(f"Convolution{r}D{end}", f"Conv{r}D{end}") for r in (1, 2, 3) for end in ("", "Transpose")]
    + [(f"SeparableConvolution{r}D", f"SeparableConv{r}D") for r in (1, 2)]
    + [(f"{whole}{short}Pool{r}D", f"{whole}{kind}Pooling{r}D")
       for whole in ("", "Global") for short, kind in (("Max", "Max"), ("Avg", "Average")) for r in (1, 2, 3)],
)  # fmt: skip
def test_a_class_has_keras_s_other_names(other: str, name: str) -> None:
    assert getattr(layers, other) is getattr(layers, name)


@pytest.mark.parametrize(
    ("layer", "shape", "weights"),
    [
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 5), {"kernel": (3, 3, 5, 2), "bias": (10,)}),
        (
            layers.SeparableConv1D(4, 3, depth_multiplier=2),
            (8, 5),
            {"depthwise_kernel": (3, 5, 2), "pointwise_kernel": (1, 10, 4), "bias": (4,)},
        ),
        (layers.Conv3DTranspose(4, (1, 2, 3)), (2, 2, 2, 5), {"kernel": (1, 2, 3, 4, 5), "bias": (4,)}),
        (layers.LocallyConnected1D(4, 3), (10, 2), {"kernel": (8, 6, 4), "bias": (8, 4)}),
        (layers.LocallyConnected2D(4, (3, 2)), (8, 6, 2), {"kernel": (30, 12, 4), "bias": (6, 5, 4)}),
    ],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_weights_have_keras_s_names_order_and_shapes(layer: Any, shape: Any, weights: Any) -> None:
    layer(Input(shape))
    assert [(v.name, v.shape) for v in layer.weights] == list(weights.items())


def test_kernels_apart_take_their_own_initializers_and_penalties() -> None:
    layer = layers.SeparableConv2D(
        2, 2, depthwise_initializer="ones", pointwise_initializer="zeros", pointwise_regularizer="l2",
        depthwise_constraint="non_neg", bias_initializer="ones",
    )  # fmt: skip
    assert np.asarray(layer(np.ones((1, 3, 3, 1)))).tolist() == [[[[1, 1]] * 2] * 2]
    assert layer.depthwise_kernel.numpy().min() == 1
    assert layer.depthwise_kernel.constraint is not None and layer.depthwise_kernel.regularizer is None
    assert layer.pointwise_kernel.regularizer is not None and layer.pointwise_kernel.constraint is None


def test_conv3d_transpose_has_keras_s_order_of_arguments() -> None:
    layer = layers.Conv3DTranspose(1, 2, 2, "same", "channels_first", 1)
    assert (layer.data_format, layer.output_padding) == ("channels_first", (1, 1, 1))
    again = layers.Conv3DTranspose.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_padding_is_said_in_small_or_large_letters() -> None:
    assert layers.Conv2D(1, 3, padding="SAME").padding == "same"
    assert layers.MaxPooling1D(padding="Same").padding == "same"


def test_locally_connected_with_channels_first_takes_each_window_channels_first() -> None:
    """Keras 2.0.5's order: a kernel from its files fits as it is."""
    layer = layers.LocallyConnected2D(2, 2, data_format="channels_first")
    pictures = np.random.default_rng(0).normal(size=(1, 3, 3, 4)).astype("float32")
    layer(pictures)
    generator = np.random.default_rng(1)
    kernel, bias = (generator.normal(size=v.shape).astype("float32") for v in layer.weights)
    layer.set_weights([kernel, bias])
    found = np.asarray(layer(pictures))
    assert found.shape == (1, 2, 2, 3)
    for number, (i, j) in enumerate(np.ndindex(2, 3)):
        expected = pictures[0, :, i : i + 2, j : j + 2].ravel() @ kernel[number] + bias[i, j]
        np.testing.assert_allclose(found[0, :, i, j], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "given", "message"),
    [
        (lambda: layers.Conv3D(1, 4), (3, 5, 5, 1), r"a window of \(4, 4, 4\) does not fit into .* of \(3, 5, 5\)"),
        (lambda: layers.DepthwiseConv2D(3, dilation_rate=2), (4, 8, 1), r"a window of \(5, 5\) does not fit"),
        (lambda: layers.SeparableConv1D(1, 3), (2, 1), r"a window of \(3,\) does not fit .*smaller kernel_size"),
        (lambda: layers.LocallyConnected1D(1, 3), (2, 1), r"does not fit .*Use a smaller kernel_size, or larger"),
        (lambda: layers.LocallyConnected2D(1, 3), (None, 5, 1), r"the size of the input must be known, .*None, 5, 1"),
        (lambda: layers.DepthwiseConv1D(3), (5, None), r"the number of channels must be known"),
        (lambda: layers.AveragePooling3D(3), (3, 2, 3, 1), r"does not fit .*smaller pool_size"),
        (lambda: layers.Cropping1D(2), (4, 1), r"`cropping` must be less in all than the input's size \(4,\)\. Got"),
        (lambda: layers.Cropping2D(((1, 1), (0, 3))), (4, 3, 1), r"`cropping` must be .* size \(4, 3\)\. .*Nothing"),
        (lambda: layers.Conv2DTranspose(1, 2, strides=2, output_padding=2), (4, 4, 1),
         r"`output_padding` must be less than `strides` \(2, 2\) on every axis\. Got \(2, 2\)\."),
        (lambda: layers.Conv1DTranspose(1, 2, strides=2, dilation_rate=2), (4, 1), "cannot both be other than 1"),
        (lambda: layers.Conv1DTranspose(1, 2, padding="same", output_padding=0), (1, 1), r"`output_padding` must be"),
        (lambda: layers.MaxPooling3D(), (4, 4, 1), r"must have 5 axes \(samples, depth, height, width, channels\)"),
        (lambda: layers.AdaptiveMaxPooling1D(2), (4,), r"must have 3 axes \(samples, steps, channels\)"),
    ],
)  # fmt: skip
def test_what_cannot_fit_gets_one_sentence(make: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()(Input(given))
    assert isinstance(caught.value, KeratoError) and "\n" not in str(caught.value)


def test_a_locally_connected_layer_keeps_to_its_size() -> None:
    layer = layers.LocallyConnected1D(1, 2)
    layer(np.ones((1, 4, 1)))
    with pytest.raises(ValueError, match=r"5 values at axis 1"):
        layer(np.ones((1, 5, 1)))


def test_adaptive_windows_may_outnumber_the_cells() -> None:
    steps = np.float32([[1], [3]])[None]
    assert layers.AdaptiveAveragePooling1D(4)(steps)[0, :, 0].tolist() == [1, 1, 3, 3]
    assert layers.AdaptiveMaxPooling1D(3)(steps)[0, :, 0].tolist() == [1, 3, 3]


def test_ties_of_adaptive_max_pooling_share_their_gradient() -> None:
    slope = jax.grad(lambda x: jnp.sum(layers.AdaptiveMaxPooling1D(1)(x)))(jnp.ones((1, 4, 1)))
    assert slope[0, :, 0].tolist() == [0.25] * 4


def test_average_pooling_of_volumes_of_unknown_size_is_inferred_at_once() -> None:
    """The number of real cells per window was a constant of the size of the volume: gigabytes for a trial size."""
    free = Input((None, None, None, 1))
    assert layers.AveragePooling3D(3, padding="same")(free).shape == (None, None, None, None, 1)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_operations_over_space_in_both_data_formats(data_format: str) -> None:
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
    turned = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    apart, mixing = np.ones((2, 2, 2, 3), "float32"), np.ones((1, 1, 6, 5), "float32")
    for found, shape in (
        (ops.conv_transpose(turned, np.ones((3, 3, 5, 2), "float32"), 2, "same", data_format=data_format), (8, 8, 5)),
        (ops.depthwise_conv(turned, apart, 1, "same", data_format), (4, 4, 6)),
        (ops.separable_conv(turned, apart, mixing, 2, "valid", data_format), (2, 2, 5)),
        (ops.adaptive_average_pool(turned, 3, data_format), (3, 3, 2)),
        (ops.adaptive_max_pool(turned, (1, 2), data_format), (1, 2, 2)),
        (ops.local_conv(turned, np.ones((9, 8, 5), "float32"), 2, 1, data_format), (3, 3, 5)),
    ):
        assert tuple(found.shape[1:]) == (shape if data_format == "channels_last" else (shape[-1], *shape[:-1]))
