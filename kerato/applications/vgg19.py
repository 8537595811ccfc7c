"""VGG-19: see `kerato.applications.vgg`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato.applications import vgg
from kerato.applications.imagenet_utils import decode_predictions, prepares
from kerato.applications.pretrained import assemble
from kerato.models import Model

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

ROW = vgg.row("vgg19", (2, 2, 4, 4, 4), mark="block5_conv4")

preprocess_input = prepares(ROW.mode)


def VGG19(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg19",
) -> Model:
    """VGG-19: 143,667,240 weights, 20,024,384 without the top; arguments as of `pretrained.assemble`.

    `get_layer` knows its layers by the names of the paper's authors too: `conv5_1` is `block5_conv1`.
    """
    return assemble(ROW, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
