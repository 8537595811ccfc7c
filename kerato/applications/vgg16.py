"""VGG-16: see `kerato.applications.vgg`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato.applications import vgg
from kerato.applications.imagenet_utils import decode_predictions, prepares
from kerato.applications.pretrained import assemble
from kerato.models import Model

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

ROW = vgg.row("vgg16", (2, 2, 3, 3, 3), mark="block5_conv3")

preprocess_input = prepares(ROW.mode)


def VGG16(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg16",
) -> Model:
    """VGG-16: 138,357,544 weights, 14,714,688 without the top; arguments as of `pretrained.assemble`.

    `get_layer` knows its layers by the names of the paper's authors too: `conv5_1` is `block5_conv1`.
    """
    return assemble(ROW, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
