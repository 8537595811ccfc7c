"""SqueezeNet v1.1: ImageNet in 1.2 million weights.

Source: Iandola et al. 2016, arXiv:1602.07360; v1.1 is forresti/SqueezeNet's, with 2.4 times less to compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import layers
from kerato.applications.imagenet_utils import decode_predictions, prepares
from kerato.applications.pretrained import Pretrained, assemble, axis_of_channels
from kerato.models import Model

__all__ = ["SqueezeNet", "decode_predictions", "preprocess_input"]

#: per fire module: filters that squeeze, filters of each of the two that expand; 0 is a pooling
FIRES = ((16, 64), (16, 64), 0, (32, 128), (32, 128), 0, (48, 192), (48, 192), (64, 256), (64, 256))


def _body(x: Any) -> Any:
    x = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    number = 2
    for fire in FIRES:
        if isinstance(fire, int):
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{number - 1}")(x)
        else:
            x, number = _fire(x, f"fire{number}", *fire), number + 1
    return x


def _fire(x: Any, name: str, squeezed: int, expanded: int) -> Any:
    x = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    small = layers.Conv2D(expanded, 1, activation="relu", name=f"{name}_expand1x1")(x)
    large = layers.Conv2D(expanded, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(x)
    return layers.Concatenate(axis=axis_of_channels(), name=f"{name}_concat")([small, large])


def _head(x: Any, classes: int, activation: Any) -> Any:
    x = layers.Dropout(0.5, name="drop9")(x)
    x = layers.Conv2D(classes, 1, activation="relu", name="conv10")(x)
    x = layers.GlobalAveragePooling2D(name="pool10")(x)
    return layers.Activation(activation, name="predictions")(x)


ROW = Pretrained(
    "squeezenet",
    "ImageNet in 1.2 million weights: small and quick",
    side=227,
    least=31,
    mode="caffe",
    body=_body,
    head=_head,
    mark=("fire9/squeeze1x1", "fire9_squeeze1x1"),
    top="conv10",
    last=("fire9",),
)

preprocess_input = prepares(ROW.mode)


def SqueezeNet(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "squeezenet",
) -> Model:
    """SqueezeNet v1.1: 1,235,496 weights, 722,496 without the top; arguments as of `pretrained.assemble`."""
    return assemble(ROW, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
