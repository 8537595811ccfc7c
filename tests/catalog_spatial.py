"""The table's rows of layers over space: convolution, pooling, padding, enlarging."""

from __future__ import annotations

from typing import Any

from catalog_row import PICTURES, STEPS, Row
from layer_reference import convolved
from lenet_reference import partly_connected, subsampled
from space_reference import (
    apart,
    cropped,
    interpolated,
    padded,
    pooled,
    pooled_to_size,
    pooled_whole,
    repeated,
    transposed,
    unshared,
)

from kerato import layers

VOLUMES = ((3, 3, 4, 3, 2),)


def _row(name: str, kind: type[layers.Layer], reference: Any, bad: Any = (), **arguments: Any) -> Row:
    """A row with data formats, of the inputs that the class's rank asks for."""
    return Row(name, kind, arguments, (STEPS, PICTURES, VOLUMES)[kind.rank - 1], reference, tuple(bad), spatial=True)


def _steps_last(name: str, kind: type[layers.Layer], reference: Any, bad: Any = (), **arguments: Any) -> Row:
    """A row of a class over time that knows one order of axes only, or of one with a kernel in the data's order."""
    return Row(name, kind, arguments, STEPS if kind.rank == 1 else PICTURES, reference, tuple(bad))


CONVOLUTIONS = [
    _row("conv1d", layers.Conv1D, convolved,
         [("filters", 0), ("kernel_size", -1), ("padding", "full"), ("kernel_size", (2, 2))],
         filters=3, kernel_size=3, padding="causal", dilation_rate=2, activation="tanh"),
    _row("conv1d-strides", layers.Conv1D, convolved, filters=2, kernel_size=[3], strides=2),
    _row("conv2d", layers.Conv2D, convolved,
         [("filters", 1.5), ("strides", 0), ("padding", "causal"), ("groups", 0), ("dilation_rate", "2")],
         filters=3, kernel_size=(3, 2), activation="sigmoid"),
    _row("conv2d-same", layers.Conv2D, convolved, filters=2, kernel_size=3, strides=2, padding="same"),
    _row("conv2d-groups", layers.Conv2D, convolved, filters=4, kernel_size=2, groups=2, use_bias=False),
    _row("conv2d-dilated", layers.Conv2D, convolved, filters=2, kernel_size=2, dilation_rate=(2, 1)),
    _row("conv3d", layers.Conv3D, convolved, [("kernel_size", (2, 2)), ("padding", "causal")],
         filters=2, kernel_size=(2, 3, 1), strides=(1, 2, 1), padding="same", activation="tanh"),
    _row("conv3d-dilated", layers.Conv3D, convolved, filters=2, kernel_size=2, dilation_rate=(1, 2, 1), groups=2),
    _row("conv1d_transpose", layers.Conv1DTranspose, transposed,
         [("filters", 0), ("padding", "causal"), ("output_padding", -1)],
         filters=3, kernel_size=2, strides=3, activation="tanh"),
    _row("conv1d_transpose-dilated", layers.Conv1DTranspose, transposed,
         filters=1, kernel_size=3, dilation_rate=2, padding="same"),
    _row("conv2d_transpose", layers.Conv2DTranspose, transposed,
         [("strides", 0), ("output_padding", (1, 1, 1)), ("kernel_size", None)],
         filters=3, kernel_size=(3, 2), strides=2, padding="same"),
    _row("conv2d_transpose-output_padding", layers.Conv2DTranspose, transposed,
         filters=2, kernel_size=(3, 2), strides=2, output_padding=(1, 0), use_bias=False),
    _row("conv2d_transpose-same_output_padding", layers.Conv2DTranspose, transposed,
         filters=1, kernel_size=(3, 5), strides=(2, 3), padding="same", output_padding=1),
    _row("conv3d_transpose", layers.Conv3DTranspose, transposed, [("output_padding", "1")],
         filters=1, kernel_size=(2, 1, 3), strides=(1, 2, 1)),
    _row("depthwise_conv1d", layers.DepthwiseConv1D, apart, [("depth_multiplier", 0), ("padding", "causal")],
         kernel_size=3, depth_multiplier=2, padding="same", activation="tanh"),
    _row("depthwise_conv2d", layers.DepthwiseConv2D, apart, [("depthwise_initializer", "glorot"), ("strides", (1,))],
         kernel_size=(3, 2), strides=2, depth_multiplier=2, padding="same"),
    _row("depthwise_conv2d-dilated", layers.DepthwiseConv2D, apart,
         kernel_size=2, dilation_rate=(2, 1), use_bias=False),
    _row("separable_conv1d", layers.SeparableConv1D, apart, [("filters", 0), ("pointwise_regularizer", "l3")],
         filters=3, kernel_size=2, dilation_rate=2, activation="tanh"),
    _row("separable_conv2d", layers.SeparableConv2D, apart, [("depth_multiplier", 1.5)],
         filters=3, kernel_size=3, strides=(2, 1), padding="same", depth_multiplier=2),
    _steps_last("locally_connected1d", layers.LocallyConnected1D, unshared,
                [("padding", "same"), ("filters", 0), ("kernel_size", (1, 2))],
                filters=2, kernel_size=3, strides=2, activation="tanh"),
    _steps_last("locally_connected2d", layers.LocallyConnected2D, unshared, [("strides", 0), ("padding", "causal")],
                filters=2, kernel_size=(3, 2), strides=(2, 1)),
    _row("partial_conv2d", layers.PartialConv2D, partly_connected,
         [("connections", [[0, 0]]), ("connections", "all"), ("connections", [[]]), ("padding", "causal")],
         connections=((0,), (1,), (0, 1)), kernel_size=(3, 2), activation="tanh"),
    _row("partial_conv2d-same", layers.PartialConv2D, partly_connected,
         connections=((1, 0), (1,)), kernel_size=3, strides=2, padding="same", use_bias=False),
]  # fmt: skip

POOLINGS = [
    _row("adaptive_average_pooling1d", layers.AdaptiveAveragePooling1D, pooled_to_size, [("output_size", 0)],
         output_size=3),
    _row("adaptive_average_pooling2d", layers.AdaptiveAveragePooling2D, pooled_to_size, [("output_size", (1, 2, 3))],
         output_size=(4, 2)),
    _row("adaptive_average_pooling3d", layers.AdaptiveAveragePooling3D, pooled_to_size, output_size=2),
    _row("adaptive_max_pooling1d", layers.AdaptiveMaxPooling1D, pooled_to_size, output_size=[4]),
    _row("adaptive_max_pooling2d", layers.AdaptiveMaxPooling2D, pooled_to_size, [("output_size", "2")],
         output_size=(3, 2)),
    _row("adaptive_max_pooling3d", layers.AdaptiveMaxPooling3D, pooled_to_size, output_size=(1, 2, 5)),
    _row("average_pooling1d", layers.AveragePooling1D, pooled, pool_size=3, strides=2, padding="same"),
    _row("average_pooling", layers.AveragePooling2D, pooled,
         [("pool_size", 0), ("strides", (1, 2, 3)), ("padding", "full"), ("data_format", "last")],
         pool_size=(2, 3), strides=2, padding="same"),
    _row("average_pooling-valid", layers.AveragePooling2D, pooled),
    _row("average_pooling3d", layers.AveragePooling3D, pooled, pool_size=2, padding="same"),
    _row("global_average_pooling1d", layers.GlobalAveragePooling1D, pooled_whole, keepdims=True),
    _row("global_average_pooling", layers.GlobalAveragePooling2D, pooled_whole, [("data_format", "channel_last")]),
    _row("global_average_pooling-keepdims", layers.GlobalAveragePooling2D, pooled_whole, keepdims=True),
    _row("global_average_pooling3d", layers.GlobalAveragePooling3D, pooled_whole),
    _row("global_max_pooling1d", layers.GlobalMaxPooling1D, pooled_whole, [("keepdims", "yes")]),
    _row("global_max_pooling2d", layers.GlobalMaxPooling2D, pooled_whole, keepdims=True),
    _row("global_max_pooling3d", layers.GlobalMaxPooling3D, pooled_whole),
    _row("max_pooling1d", layers.MaxPooling1D, pooled, [("pool_size", (2, 2))], pool_size=3, strides=1),
    _row("max_pooling", layers.MaxPooling2D, pooled, [("pool_size", 1.5), ("strides", 0), ("padding", "causal")],
         pool_size=2, strides=(1, 2)),
    _row("max_pooling-same", layers.MaxPooling2D, pooled, pool_size=3, padding="same"),
    _row("max_pooling3d", layers.MaxPooling3D, pooled, pool_size=(2, 2, 3), strides=(1, 2, 1)),
    _row("subsampling2d", layers.Subsampling2D, subsampled, [("pool_size", 0), ("coefficient_initializer", "unit")]),
    _row("subsampling2d-strides", layers.Subsampling2D, subsampled,
         pool_size=(3, 2), strides=1, activation="tanh", use_bias=False),
]  # fmt: skip

EXTENTS = [
    _steps_last("cropping1d", layers.Cropping1D, cropped, [("cropping", (1, 2, 3)), ("cropping", -1)],
                cropping=(2, 1)),
    _row("cropping2d", layers.Cropping2D, cropped, [("cropping", (1, 2, 3)), ("cropping", "same")],
         cropping=((1, 0), (0, 2))),
    _row("cropping3d", layers.Cropping3D, cropped, [("cropping", ((1, 1), (1, -1), (0, 0)))], cropping=(1, (0, 2), 0)),
    _steps_last("up_sampling1d", layers.UpSampling1D, repeated, [("size", (2,)), ("size", 0)], size=3),
    _row("up_sampling", layers.UpSampling2D, repeated, [("size", 0), ("interpolation", "cubic")], size=(2, 3)),
    _row("up_sampling-bilinear", layers.UpSampling2D, interpolated, size=2, interpolation="bilinear"),
    _row("up_sampling-bicubic", layers.UpSampling2D, interpolated, size=(2, 3), interpolation="bicubic"),
    _row("up_sampling-lanczos3", layers.UpSampling2D, interpolated, size=(3, 1), interpolation="lanczos3"),
    _row("up_sampling-lanczos5", layers.UpSampling2D, interpolated, size=2, interpolation="lanczos5"),
    _row("up_sampling3d", layers.UpSampling3D, repeated, [("size", (1, 2))], size=(2, 1, 3)),
    _row("zero_padding1d", layers.ZeroPadding1D, padded, [("padding", -1), ("padding", (1, 2, 3))], padding=(1, 2)),
    _row("zero_padding", layers.ZeroPadding2D, padded, [("padding", -1), ("padding", (1, 2, 3)), ("padding", "same")],
         padding=((1, 0), (2, 3))),
    _row("zero_padding3d", layers.ZeroPadding3D, padded, [("padding", (1, 1))], padding=(1, (0, 2), 0)),
]  # fmt: skip

ROWS = [*CONVOLUTIONS, *POOLINGS, *EXTENTS]
