"""MobileNetV2: blocks that widen, look at single channels, and narrow again; what goes in is added.

Source: Sandler et al. 2018, arXiv:1801.04381, table 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kerato import layers
from kerato.applications.imagenet_utils import decode_predictions, prepares
from kerato.applications.pretrained import Pretrained, assemble, axis_of_channels, sides_of, usual_side
from kerato.errors import invalid
from kerato.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

#: filters, the stride of the first block, how many blocks
STACKS = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))
#: how many times wider a block is inside than what goes in; the first is not
EXPANSION = 6
#: widths and sides of pictures that there are trained weights for
WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
SIDES = (96, 128, 160, 192, 224)


def rounded(filters: float) -> int:
    """The nearest multiple of 8, at most a tenth below."""
    near = max(8, int(filters + 4) // 8 * 8)
    return near + 8 if near < 0.9 * filters else near


def _body(x: Any, alpha: float = 1.0) -> Any:
    x = layers.Conv2D(rounded(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
    x = _activated(_normalized(x, "bn_Conv1"), "Conv1_relu")
    number = 0
    for filters, first_stride, count in STACKS:
        for block in range(count):
            x = _block(x, number, rounded(int(filters * alpha)), first_stride if block == 0 else 1)
            number += 1
    last = rounded(1280 * alpha) if alpha > 1 else 1280
    x = _normalized(layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x), "Conv_1_bn")
    return _activated(x, "out_relu")


def _block(x: Any, number: int, filters: int, stride: int) -> Any:
    name, entered = f"block_{number}" if number else "expanded_conv", x
    channels = x.shape[axis_of_channels()]
    if number:
        x = layers.Conv2D(EXPANSION * channels, 1, padding="same", use_bias=False, name=f"{name}_expand")(x)
        x = _activated(_normalized(x, f"{name}_expand_BN"), f"{name}_expand_relu")
    if stride == 2:
        x = layers.ZeroPadding2D(_margins(x), name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{name}_depthwise")(x)
    x = _activated(_normalized(x, f"{name}_depthwise_BN"), f"{name}_depthwise_relu")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_project")(x)
    x = _normalized(x, f"{name}_project_BN")
    return layers.Add(name=f"{name}_add")([entered, x]) if stride == 1 and channels == filters else x


def _margins(x: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros before and after each side: one before where it is odd, none where it is even or free."""
    height, width = x.shape[2:] if axis_of_channels() == 1 else x.shape[1:3]
    if height is None or width is None:
        return (0, 1), (0, 1)
    return (height % 2, 1), (width % 2, 1)


def _normalized(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=axis_of_channels(), epsilon=1e-3, momentum=0.999, name=name)(x)


def _activated(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=name)(x)


def _head(x: Any, classes: int, activation: Any) -> Any:
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


ROW = Pretrained(
    "mobilenetv2",
    "ImageNet in 3.5 million weights: small and good",
    side=224,
    least=32,
    mode="tf",
    body=_body,
    head=_head,
    mark=("block_16_project",),
    top="predictions",
    last=("block_16", "Conv_1"),
    files="mobilenetv2_1.0_224",
)

preprocess_input = prepares(ROW.mode)


def MobileNetV2(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNetV2: 3,538,984 weights, 2,257,984 without the top; arguments as of `pretrained.assemble`, and this.

    Args:
        alpha: the share of the filters that every layer has; trained weights are there for 0.35, 0.5, 0.75, 1, 1.3
            and 1.4.
    """
    side = usual_side(input_shape, SIDES, ROW.side)
    if weights == "imagenet" and alpha not in WIDTHS:
        raise invalid(ROW.name, "alpha", "0.35, 0.5, 0.75, 1, 1.3 or 1.4 with weights='imagenet'", alpha)
    row = replace(ROW, side=side, body=partial(_body, alpha=alpha), files=f"mobilenetv2_{float(alpha)}_{side}")
    rows = side if weights == "imagenet" else sides_of(input_shape, include_top, side)[0]
    called = name or f"mobilenetv2_{alpha:0.2f}_{rows}"
    return assemble(
        row, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, called
    )
