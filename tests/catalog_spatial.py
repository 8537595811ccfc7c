"""The table's rows of layers over space: convolution, pooling, padding, enlarging."""

from __future__ import annotations

from catalog_row import PICTURES, STEPS, Row
from layer_reference import convolved, interpolated, padded, pooled, repeated

from kerato import layers

ROWS = [
    Row(
        "average_pooling",
        layers.AveragePooling2D,
        {"pool_size": (2, 3), "strides": 2, "padding": "same"},
        PICTURES,
        pooled,
        (("pool_size", 0), ("strides", (1, 2, 3)), ("padding", "full"), ("data_format", "last")),
        spatial=True,
    ),
    Row("average_pooling-valid", layers.AveragePooling2D, {}, PICTURES, pooled, spatial=True),
    Row(
        "conv1d",
        layers.Conv1D,
        {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "activation": "tanh"},
        STEPS,
        convolved,
        (("filters", 0), ("kernel_size", -1), ("padding", "full"), ("kernel_size", (2, 2))),
    ),
    Row("conv1d-strides", layers.Conv1D, {"filters": 2, "kernel_size": [3], "strides": 2}, STEPS, convolved),
    Row(
        "conv2d",
        layers.Conv2D,
        {"filters": 3, "kernel_size": (3, 2), "activation": "sigmoid"},
        PICTURES,
        convolved,
        (("filters", 1.5), ("strides", 0), ("padding", "causal"), ("groups", 0), ("dilation_rate", "2")),
        spatial=True,
    ),
    Row("conv2d-same", layers.Conv2D, {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}, PICTURES,
        convolved, spatial=True),
    Row("conv2d-groups", layers.Conv2D, {"filters": 4, "kernel_size": 2, "groups": 2, "use_bias": False}, PICTURES,
        convolved, spatial=True),
    Row("conv2d-dilated", layers.Conv2D, {"filters": 2, "kernel_size": 2, "dilation_rate": (2, 1)}, PICTURES,
        convolved, spatial=True),
    Row("global_average_pooling", layers.GlobalAveragePooling2D, {}, PICTURES, pooled,
        (("data_format", "channel_last"),), spatial=True),
    Row("global_average_pooling-keepdims", layers.GlobalAveragePooling2D, {"keepdims": True}, PICTURES, pooled,
        spatial=True),
    Row("max_pooling", layers.MaxPooling2D, {"pool_size": 2, "strides": (1, 2)}, PICTURES, pooled,
        (("pool_size", 1.5), ("strides", 0), ("padding", "causal")), spatial=True),
    Row("max_pooling-same", layers.MaxPooling2D, {"pool_size": 3, "padding": "same"}, PICTURES, pooled, spatial=True),
    Row("up_sampling", layers.UpSampling2D, {"size": (2, 3)}, PICTURES, repeated,
        (("size", 0), ("interpolation", "cubic")), spatial=True),
    Row("up_sampling-bilinear", layers.UpSampling2D, {"size": 2, "interpolation": "bilinear"}, PICTURES,
        interpolated, spatial=True),
    Row("zero_padding", layers.ZeroPadding2D, {"padding": ((1, 0), (2, 3))}, PICTURES, padded,
        (("padding", -1), ("padding", (1, 2, 3)), ("padding", "same")), spatial=True),
]  # fmt: skip
