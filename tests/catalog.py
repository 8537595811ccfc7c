"""The table of public layers: how to build each, what to give it, and an independent value to compare with.

`tests/test_laws.py` runs its laws over it; a layer that is not in it fails a test there. Families with many rows have
files of their own. Small networks that several test files train are at the end.
"""

from __future__ import annotations

from typing import Any

import catalog_augmentation
import catalog_pictures
import catalog_sequence
import catalog_spatial
import numpy as np
from catalog_row import PICTURES, STEPS, VECTORS, Row
from layer_reference import (
    activated,
    added,
    batch_normalized,
    dense,
    flattened,
    joined,
    masked_steps,
    rescaled,
    resized_nearest,
    same,
    squared,
)
from lenet_reference import distances

from kerato import layers, ops
from kerato.layers import Input
from kerato.models import Sequential


def _powers(x: Any) -> Any:
    return ops.square(x) + 1.0


TABLE = [
    Row("activation", layers.Activation, {"activation": "tanh"}, VECTORS, activated, (("activation", "tahn"),)),
    Row("activation-softmax", layers.Activation, {"activation": "softmax"}, ((3, 2, 4),), activated),
    Row("add", layers.Add, {}, ((3, 4), (3, 4), (3, 4)), added, sequential=False),
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
    Row("lambda", layers.Lambda, {"function": _powers}, VECTORS, squared, unbatched=True),
    Row("masking", layers.Masking, {"mask_value": 0.25}, STEPS, masked_steps),
    Row("rbf", layers.RBF, {"units": 3}, VECTORS, distances, (("units", 0), ("centres_initializer", "codes"))),
    Row("rescaling", layers.Rescaling, {"scale": 0.5, "offset": 1.0}, PICTURES, rescaled, (("scale", "1/255"),)),
    Row("reshape", layers.Reshape, {"target_shape": (2, -1)}, VECTORS, flattened, (("target_shape", "2x2"),)),
    Row("resizing", layers.Resizing, {"height": 3, "width": 10, "interpolation": "nearest"}, PICTURES,
        resized_nearest, (("height", 0), ("width", None), ("interpolation", "area")), spatial=True),
    *catalog_spatial.ROWS,
    *catalog_sequence.ROWS,
    *catalog_pictures.ROWS,
    *catalog_augmentation.ROWS,
]  # fmt: skip

#: public names that are no layers to be called on values: bases and functions, each tested by name elsewhere
NO_ROW = {
    "Layer",
    "InputLayer",
    "InputSpec",
    "Input",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
}
NO_ROW |= {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "Wrapper", "MultiHeadAttention", "Pipeline"}

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
