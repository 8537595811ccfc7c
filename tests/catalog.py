"""The table of public layers: how to build each, what to give it, and an independent value to compare with.

`tests/test_laws.py` runs its laws over it; a layer that is not in it fails a test there. Small networks that
several test files train are at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from layer_reference import (
    activated,
    added,
    batch_normalized,
    convolved,
    dense,
    flattened,
    interpolated,
    joined,
    masked_steps,
    padded,
    pooled,
    repeated,
    rescaled,
    resized_nearest,
    same,
    squared,
)

from kerato import layers, ops
from kerato.layers import Input
from kerato.models import Sequential

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A layer and what the laws need to know of it.

    `make` builds it, with further arguments; `shapes` are those of its inputs for a batch of 3; `reference` computes
    its value from the inputs and the weights in float64; `bad` maps arguments to values that must be refused.
    """

    id: str
    kind: type[layers.Layer]
    arguments: dict[str, Any]
    shapes: tuple[Shape, ...]
    reference: Callable[..., Any]
    bad: tuple[tuple[str, Any], ...] = ()
    random: bool = False  # draws numbers in training
    smooth: bool = True  # has derivatives at the sampled points
    spatial: bool = False  # takes `data_format`
    unbatched: bool = False  # its config holds something that depends on the function, not on plain data
    sequential: bool = True  # takes one input

    def make(self, **more: Any) -> Any:
        """The layer."""
        return self.kind(**{**self.arguments, **more})

    def inputs(self, batch: int = 3, dtype: str = "float32") -> list[np.ndarray[Any, Any]]:
        """Values for the inputs, the same in every call, none near a kink of the formulas."""
        generator = np.random.default_rng(7)
        return [_apart(generator, (batch, *shape[1:])).astype(dtype) for shape in self.shapes]

    def given(self, batch: int = 3, dtype: str = "float32") -> Any:
        """The inputs as the layer is called with them: one array, or a list."""
        found = self.inputs(batch, dtype)
        return found[0] if self.sequential else found


def _apart(generator: np.random.Generator, shape: Shape) -> np.ndarray[Any, Any]:
    """Distinct numbers from -1 to 1, all at least 2e-4 apart from each other and from 0."""
    size = int(np.prod(shape))
    ladder = (np.arange(size) + 0.5) / size * 2 - 1 + 0.1 / max(size, 50)
    return generator.permutation(ladder).reshape(shape)


def _powers(x: Any) -> Any:
    return ops.square(x) + 1.0


PICTURES = ((3, 6, 5, 2),)
VECTORS = ((3, 4),)
STEPS = ((3, 7, 2),)

TABLE = [
    Row("activation", layers.Activation, {"activation": "tanh"}, VECTORS, activated, (("activation", "tahn"),)),
    Row("activation-softmax", layers.Activation, {"activation": "softmax"}, ((3, 2, 4),), activated),
    Row("add", layers.Add, {}, ((3, 4), (3, 4), (3, 4)), added, sequential=False),
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
        "batch_normalization",
        layers.BatchNormalization,
        {"momentum": 0.9, "epsilon": 0.01},
        VECTORS,
        batch_normalized,
        (("momentum", 2), ("epsilon", -1), ("axis", "channels"), ("center", "yes"), ("scale", 3)),
    ),
    Row("batch_normalization-axis", layers.BatchNormalization, {"axis": 1}, PICTURES, batch_normalized),
    Row("batch_normalization-plain", layers.BatchNormalization, {"center": False, "scale": False}, VECTORS,
        batch_normalized),
    Row("concatenate", layers.Concatenate, {}, ((3, 4), (3, 2)), joined, (("axis", "last"),), sequential=False),
    Row("concatenate-axis", layers.Concatenate, {"axis": 1}, ((3, 2, 2), (3, 4, 2)), joined, sequential=False),
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
    Row(
        "dense",
        layers.Dense,
        {"units": 3, "activation": "tanh"},
        VECTORS,
        dense,
        (
            ("units", 0),
            ("units", "3"),
            ("units", True),
            ("activation", "rleu"),
            ("use_bias", "no"),
            ("kernel_initializer", "glorot"),
            ("kernel_regularizer", "l3"),
            ("bias_constraint", "positive"),
        ),
    ),
    Row("dense-last_axis", layers.Dense, {"units": 2, "use_bias": False}, ((3, 2, 4),), dense),
    Row("dropout", layers.Dropout, {"rate": 0.5}, VECTORS, same, (("rate", 1.5), ("rate", "half"), ("seed", "a")),
        random=True),
    Row("dropout-noise_shape", layers.Dropout, {"rate": 0.5, "noise_shape": (None, 1, 16)}, ((3, 5, 16),), same,
        random=True),
    Row("flatten", layers.Flatten, {}, PICTURES, flattened, (("data_format", "th"),), spatial=True),
    Row("global_average_pooling", layers.GlobalAveragePooling2D, {}, PICTURES, pooled,
        (("data_format", "channel_last"),), spatial=True),
    Row("global_average_pooling-keepdims", layers.GlobalAveragePooling2D, {"keepdims": True}, PICTURES, pooled,
        spatial=True),
    Row("lambda", layers.Lambda, {"function": _powers}, VECTORS, squared, unbatched=True),
    Row("masking", layers.Masking, {"mask_value": 0.25}, STEPS, masked_steps),
    Row("max_pooling", layers.MaxPooling2D, {"pool_size": 2, "strides": (1, 2)}, PICTURES, pooled,
        (("pool_size", 1.5), ("strides", 0), ("padding", "causal")), spatial=True),
    Row("max_pooling-same", layers.MaxPooling2D, {"pool_size": 3, "padding": "same"}, PICTURES, pooled, spatial=True),
    Row("rescaling", layers.Rescaling, {"scale": 0.5, "offset": 1.0}, PICTURES, rescaled, (("scale", "1/255"),)),
    Row("reshape", layers.Reshape, {"target_shape": (2, -1)}, VECTORS, flattened, (("target_shape", "2x2"),)),
    Row("resizing", layers.Resizing, {"height": 3, "width": 10, "interpolation": "nearest"}, PICTURES,
        resized_nearest, (("height", 0), ("width", None), ("interpolation", "area")), spatial=True),
    Row("up_sampling", layers.UpSampling2D, {"size": (2, 3)}, PICTURES, repeated,
        (("size", 0), ("interpolation", "cubic")), spatial=True),
    Row("up_sampling-bilinear", layers.UpSampling2D, {"size": 2, "interpolation": "bilinear"}, PICTURES,
        interpolated, spatial=True),
    Row("zero_padding", layers.ZeroPadding2D, {"padding": ((1, 0), (2, 3))}, PICTURES, padded,
        (("padding", -1), ("padding", (1, 2, 3)), ("padding", "same")), spatial=True),
]  # fmt: skip

#: public names that are no layers to be called on values: bases and functions, each tested by name elsewhere
NO_ROW = {"Layer", "InputLayer", "Input", "add", "concatenate"}

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 20)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]


def perceptron(loss: Any = "sparse_categorical_crossentropy", optimizer: Any = "sgd", **options: Any) -> Sequential:
    """4 inputs, 5 hidden values, softmax over 3 classes; compiled, always with the same weights."""
    hidden = layers.Dense(5, activation="relu", name="hidden")
    model = Sequential([Input((4,)), hidden, layers.Dense(3, activation="softmax", name="classes")])
    generator = np.random.default_rng(3)
    model.set_weights([generator.normal(0, 0.4, v.shape) for v in model.weights])
    model.compile(optimizer, loss, **options)
    return model
