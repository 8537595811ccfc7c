"""Layers, under Keras's names."""

from typing import Any

from kerato.layers.base import Layer
from kerato.layers.conv import (
    AveragePooling2D,
    Conv1D,
    Conv2D,
    GlobalAveragePooling2D,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)
from kerato.layers.core import (
    Activation,
    Add,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    Input,
    InputLayer,
    Lambda,
    Masking,
    Reshape,
    add,
    concatenate,
)
from kerato.layers.image import Rescaling, Resizing
from kerato.layers.norm import BatchNormalization

__all__ = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "Masking",
    "MaxPooling2D",
    "Rescaling",
    "Reshape",
    "Resizing",
    "UpSampling2D",
    "ZeroPadding2D",
    "add",
    "concatenate",
]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name[:1].islower():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kerato.errors import unknown

    raise unknown("kerato.layers", "the layer", name, __all__)
