"""MobileNet: convolutions of single channels, then of single pixels, so that there is little to compute.

Source: Howard et al. 2017, arXiv:1704.04861, table 1.
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

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

#: per block: filters, and the stride of the convolution before them
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
#: widths and sides of pictures that there are trained weights for; width -> how file names write it
WIDTHS = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}
SIDES = (128, 160, 192, 224)


def _body(x: Any, alpha: float = 1.0, multiplier: int = 1) -> Any:
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
    x = _activated(x, "conv1")
    for number, (filters, stride) in enumerate(BLOCKS, 1):
        padding = "same"
        if stride == 2:
            x, padding = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x), "valid"
        x = layers.DepthwiseConv2D(
            3, stride, padding, depth_multiplier=multiplier, use_bias=False, name=f"conv_dw_{number}"
        )(x)
        x = _activated(x, f"conv_dw_{number}")
        x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
        x = _activated(x, f"conv_pw_{number}")
    return x


def _activated(x: Any, name: str) -> Any:
    x = layers.BatchNormalization(axis=axis_of_channels(), name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _head(x: Any, classes: int, activation: Any, dropout: float = 1e-3) -> Any:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((classes,), name="reshape_2")(x)
    return layers.Activation(activation, name="predictions")(x)


ROW = Pretrained(
    "mobilenet",
    "ImageNet in 4.3 million weights: made for telephones",
    side=224,
    least=32,
    mode="tf",
    body=_body,
    head=_head,
    mark=("conv_dw_13",),
    top="conv_preds",
    last=("conv_dw_13", "conv_pw_13"),
    files="mobilenet_1_0_224",
)

preprocess_input = prepares(ROW.mode)


def MobileNet(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNet: 4,253,864 weights, 3,228,864 without the top; arguments as of `pretrained.assemble`, and these.

    Args:
        alpha: the share of the filters that every layer has; trained weights are there for 0.25, 0.5, 0.75 and 1.
        depth_multiplier: filters per channel of the convolutions of single channels; 1 with trained weights.
        dropout: the rate before the answer.
    """
    side = usual_side(input_shape, SIDES, ROW.side)
    if weights == "imagenet" and alpha not in WIDTHS:
        raise invalid(ROW.name, "alpha", "0.25, 0.5, 0.75 or 1 with weights='imagenet'", alpha)
    if weights == "imagenet" and depth_multiplier != 1:
        raise invalid(ROW.name, "depth_multiplier", "1 with weights='imagenet'", depth_multiplier)
    row = replace(
        ROW,
        side=side,
        body=partial(_body, alpha=alpha, multiplier=depth_multiplier),
        head=partial(_head, dropout=dropout),
        files=f"mobilenet_{WIDTHS.get(alpha)}_{side}",
    )
    rows = side if weights == "imagenet" else sides_of(input_shape, include_top, side)[0]
    called = name or f"mobilenet_{alpha:0.2f}_{rows}"
    return assemble(
        row, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, called
    )
