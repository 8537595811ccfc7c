"""VGG: blocks of 3x3 convolutions, each followed by a pooling, and three Dense layers.

Source: Simonyan and Zisserman 2014, arXiv:1409.1556, table 1: columns D (16 layers with weights) and E (19).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import layers
from kerato.applications.pretrained import Pretrained

#: filters of the convolutions of each block; of its three last blocks VGG-19 has a fourth convolution
FILTERS = (64, 128, 256, 512, 512)
#: units of the Dense layers before the answer
WIDTH = 4096


def row(name: str, convolutions: Sequence[int], mark: str) -> Pretrained:
    """The net with that many convolutions in each block, known by the layer `mark`."""

    def body(x: Any) -> Any:
        for block, (count, filters) in enumerate(zip(convolutions, FILTERS, strict=True), 1):
            for number in range(1, count + 1):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{number}")(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x

    layers_with_weights = sum(convolutions) + 3
    return Pretrained(
        name,
        f"ImageNet in {layers_with_weights} layers, the book's net of section 2.2: large and slow",
        side=224,
        least=32,
        mode="caffe",
        body=body,
        head=_head,
        mark=(mark,),
        top="predictions",
        last=("block5",),
    )


def _head(x: Any, classes: int, activation: Any) -> Any:
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(WIDTH, activation="relu", name=name)(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)
