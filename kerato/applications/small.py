"""The small nets of the book, by name: rows of a table and one builder.

Each takes pictures of any size as they come, uint8 in 0..255: scaling and resizing are its first layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerato import layers
from kerato.arguments import snake_case
from kerato.errors import unknown
from kerato.models import Sequential


@dataclass(frozen=True)
class Net:
    """A row: what the net is for, and its layers between the scaled picture and the last Dense.

    In `body` a number is a convolution of that many 3x3 filters with ReLU (a leading `=` keeps the size), `norm 32` one
    that keeps the size and is normalized over the batch, `max` a 2x2 pooling, `drop 0.25` a dropout, `dense 128` a
    Dense with ReLU; `flat` goes from pictures to vectors, and so does `mean`, by the average of each channel.
    """

    purpose: str
    body: str
    smallest: int = 1
    rate: float = 1e-3
    """The learning rate that Adam starts with."""
    typical: tuple[int, int, int] = (28, 28, 1)
    """The (height, width, channels) of the pictures that it is for."""


NETS = {
    "digits_cnn": Net(
        "tiny pictures, from 6 pixels a side",
        "=32 64 max drop 0.25 flat dense 128 drop 0.5",
        6,
        typical=(8, 8, 1),
    ),
    "mnist_cnn": Net(
        "book 8.1: small grey pictures such as 28 x 28",
        "32 64 max drop 0.25 flat dense 128 drop 0.5",
        16,
        rate=2e-3,
    ),
    "cifar_cnn": Net(
        "book 8.2: small colour pictures such as 32 x 32",
        "=32 32 max drop 0.25 =64 64 max drop 0.25 flat dense 512 drop 0.5",
        24,
        typical=(32, 32, 3),
    ),
    "photo_cnn": Net(
        "photographs from 48 pixels a side, also when there are few",
        "norm 16 max norm 32 max norm 64 max norm 128 max mean drop 0.3",
        48,
        typical=(96, 96, 3),
    ),
    "blog_cnn": Net(
        "book 7.1: photographs, 150 x 150",
        "32 max 32 max 64 max flat dense 64 drop 0.5",
        64,
        typical=(150, 150, 3),
    ),
    "mlp": Net("book 8.1: no convolution", "flat dense 512 drop 0.2 dense 512 drop 0.2"),
}


def net_for(height: int, width: int, channels: int) -> str:
    """The name of a sensible convolutional net for pictures of that size."""
    smaller = min(height, width)
    if smaller >= NETS["photo_cnn"].smallest:
        return "photo_cnn"
    if channels == 3 and smaller >= NETS["cifar_cnn"].smallest:
        return "cifar_cnn"
    return "mnist_cnn" if smaller >= NETS["mnist_cnn"].smallest else "digits_cnn"


def build(name: str, picture_shape: Sequence[int], classes: int) -> Sequential:
    """The net called `name` for pictures of `picture_shape` (height, width, channels), with softmax over `classes`.

    Raises:
        UnknownName: there is no net of that name.
    """
    if name not in NETS:
        raise unknown("models", "the net", name, NETS)
    height, width, channels = picture_shape
    stack: list[Any] = [
        layers.Input((None, None, channels), dtype="uint8", name="picture"),
        # Scaled first: Keras rounds what it resizes back to whole grey levels where the pixels are integers.
        layers.Rescaling(1 / 255),
        layers.Resizing(height, width, antialias=True, data_format="channels_last"),
        *_body(NETS[name].body.split()),
        layers.Dense(classes, activation="softmax", name="classes"),
    ]
    _number(stack[1:-1])
    return Sequential(stack, name=name)


def _number(stack: Sequence[Any]) -> None:
    """Name layers as in a process that made no others: initial weights follow from names."""
    names: Counter[str] = Counter()
    for layer in stack:
        kind = snake_case(type(layer).__name__)
        layer.name = f"{kind}_{names[kind]}" if names[kind] else kind
        names[kind] += 1


def parameters(name: str, classes: int = 10) -> int:
    """How many weights the net called `name` has for pictures of the size that it is for."""
    return int(build(name, NETS[name].typical, classes).count_params())


def _body(words: list[str]) -> list[Any]:
    made: list[Any] = []
    rest = iter(words)
    for word in rest:
        if word == "max":
            made.append(layers.MaxPooling2D(2, data_format="channels_last"))
        elif word == "flat":
            made.append(layers.Flatten())
        elif word == "mean":
            made.append(layers.GlobalAveragePooling2D(data_format="channels_last"))
        elif word == "norm":
            made += _normalized(int(next(rest)))
        elif word == "drop":
            made.append(layers.Dropout(float(next(rest))))
        elif word == "dense":
            made.append(layers.Dense(int(next(rest)), activation="relu"))
        else:
            padding = "same" if word.startswith("=") else "valid"
            made.append(
                layers.Conv2D(int(word.strip("=")), 3, padding=padding, activation="relu", data_format="channels_last")
            )
    return made


def _normalized(filters: int) -> list[Any]:
    # After a few hundred updates, statistics with Keras's momentum of 0.99 would still be those of the beginning.
    return [
        layers.Conv2D(filters, 3, padding="same", use_bias=False, data_format="channels_last"),
        layers.BatchNormalization(momentum=0.9),
        layers.Activation("relu"),
    ]
