"""ResNet-50: blocks of three convolutions that are added to what goes into them.

Source: He, Zhang, Ren and Sun 2015, arXiv:1512.03385, table 1; as in Keras the stride is in a block's first 1x1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import layers
from kerato.applications.imagenet_utils import decode_predictions, prepares
from kerato.applications.pretrained import Pretrained, assemble, axis_of_channels
from kerato.models import Model

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

#: per stack: filters of its narrow convolutions, and how many blocks
STACKS = ((64, 3), (128, 4), (256, 6), (512, 3))


def _body(x: Any) -> Any:
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _normalized(layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x), "conv1")
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stack, (filters, blocks) in enumerate(STACKS, 2):
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stack > 2 else 1
            x = _block(x, filters, stride, f"conv{stack}_block{block}", widens=block == 1)
    return x


def _block(x: Any, filters: int, stride: int, name: str, widens: bool) -> Any:
    shortcut = x
    if widens:
        shortcut = _normalized(layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x), f"{name}_0")
    x = _normalized(layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x), f"{name}_1")
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = _normalized(layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x), f"{name}_2")
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = _normalized(layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x), f"{name}_3")
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _normalized(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=axis_of_channels(), epsilon=1.001e-5, name=f"{name}_bn")(x)


def _head(x: Any, classes: int, activation: Any) -> Any:
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


ROW = Pretrained(
    "resnet50",
    "ImageNet in 50 layers: good features",
    side=224,
    least=32,
    mode="caffe",
    body=_body,
    head=_head,
    mark=("conv5_block3_3_bn",),
    top="predictions",
    last=("conv5_block3",),
    pool="{}_pool",
)

preprocess_input = prepares(ROW.mode)


def ResNet50(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50",
) -> Model:
    """ResNet-50: 25,636,712 weights, 23,587,712 without the top; arguments as of `pretrained.assemble`."""
    return assemble(ROW, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
