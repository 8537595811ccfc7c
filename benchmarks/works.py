"""The lines of the table: what is prepared for each, how many steps a round has, the arithmetic of one.

A work is prepared by a function of the side's `keras` module and gives back a callable that does so many steps.
Data are seeded noise: the time of a step does not depend on what the pictures show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import folder
import idioms
import nets
import numpy as np

Run = Callable[[int], object]
Prepare = Callable[[Any, int], Run]  # (keras module, most steps) -> do so many steps


class NotWritten(LookupError):
    """Nobody wrote this work by hand for this side."""

    def __init__(self) -> None:
        super().__init__("not written by hand")


@dataclass(frozen=True)
class Work:
    """What is prepared, the fewest and the most steps of a round, and the arithmetic of a step: multiplications and
    additions, once forward and twice back in training, though no gradient of the pictures is needed."""

    title: str
    prepare: Prepare
    fewest: int
    most: int
    gflop: float
    unit: str = "ms"
    scale: float = 1.0  # from the milliseconds of a step to the unit


class Line(NamedTuple):
    """What the table says of a row."""

    title: str
    unit: str


def noise(count: int, *shape: int) -> tuple[Any, Any]:
    """Pictures (count, *shape) float32 in [0, 1) and labels (count,) int32 of ten classes."""
    random = np.random.default_rng(0)
    return random.random((count, *shape), np.float32), random.integers(0, 10, count).astype(np.int32)


def training(net: Callable[[Any], Any], batch: int, *shape: int) -> Prepare:
    """One epoch of `fit` over arrays in memory; a step is a batch."""

    def prepare(keras: Any, most: int) -> Run:
        model, (x, y) = net(keras), noise(most * batch, *shape)
        return lambda steps: model.fit(x[: steps * batch], y[: steps * batch], batch_size=batch, epochs=1, verbose=0)

    return prepare


def epochs(net: Callable[[Any], Any], batch: int, pictures: int, *shape: int) -> Prepare:
    """A step is a `fit` of one epoch over so many pictures."""

    def prepare(keras: Any, most: int) -> Run:
        model, (x, y) = net(keras), noise(pictures, *shape)
        return lambda steps: [model.fit(x, y, batch_size=batch, epochs=1, verbose=0) for _ in range(steps)]

    return prepare


def predicting(net: Callable[[Any], Any], batch: int, *shape: int) -> Prepare:
    """One `predict` over an array in memory; a step is a batch."""

    def prepare(keras: Any, most: int) -> Run:
        model, (x, _) = net(keras), noise(most * batch, *shape)
        return lambda steps: model.predict(x[: steps * batch], batch_size=batch, verbose=0)

    return prepare


def picture_gradient(keras: Any, most: int) -> Run:
    """Gradient of the mean of conv5_1 with respect to one picture, by each side's own means."""
    model, (x, _) = nets.vgg_conv5_1(keras), noise(1, 128, 128, 3)
    gradient = idioms.GRADIENTS[idioms.side(keras)](keras, model)
    return lambda steps: [gradient(x) for _ in range(steps)]


def augmenting(keras: Any, most: int) -> Run:
    """A batch of pictures through the layers that change them, by each side's own means."""
    model, (x, _) = keras.Sequential(nets.augmentation(keras, 224)), noise(64, 224, 224, 3)
    augmented = idioms.AUGMENTATIONS[idioms.side(keras)](keras, model)
    return lambda steps: [augmented(x) for _ in range(steps)]


def training_from_folder(keras: Any, most: int) -> Run:
    """An epoch of JPEG files: read, decoded, resized, changed on the device, learned."""
    source, model = folder.SOURCES[idioms.side(keras)](keras, most), nets.cats_net(keras)
    return lambda steps: model.fit(source, epochs=1, verbose=0)


def mnist_by(batch: int, fewest: int, most: int) -> Work:
    """The MNIST net's training with this batch size, in the unit of the work `mnist`."""
    scale = 128 / batch
    prepare = training(nets.mnist_net, batch, 28, 28, 1)
    return Work(f"MNIST net, train ({batch})", prepare, fewest, most, 9.1 / scale, "ms / 128 pictures", scale)


def perceptron_over(pictures: int) -> Work:
    """An epoch of the perceptron over so many pictures, which would take the same for each without any overhead."""
    prepare = epochs(nets.perceptron, 128, pictures, 784)
    title = f"784-32-10 perceptron, epoch of {pictures:,} pictures (128)"
    return Work(title, prepare, 1, 50, pictures * 1.03e-4, "us / picture", 1000 / pictures)


WORKS = {
    "mnist": Work("MNIST net, train (128)", training(nets.mnist_net, 128, 28, 28, 1), 4, 20, 9.1),
    "mnist 32": mnist_by(32, 8, 64),
    "mnist 512": mnist_by(512, 1, 5),
    "cifar": Work("CIFAR net, train (128)", training(nets.cifar_net, 128, 32, 32, 3), 3, 16, 15.7),
    "resnet": Work("ResNet-20, train (128)", training(nets.resnet20, 128, 32, 32, 3), 3, 12, 31),
    "resnet augmented": Work(
        "ResNet-20 with augmentation layers, train (128)",
        training(partial(nets.resnet20, augmented=True), 128, 32, 32, 3),
        *(3, 12, 31),
    ),
    "resnet50": Work("ResNet-50 at 224 x 224, train (16)", training(nets.resnet50, 16, 224, 224, 3), 1, 1, 366),
    "mobilenet": Work("MobileNet at 128 x 128, train (32)", training(nets.mobilenet, 32, 128, 128, 3), 1, 6, 35.4),
    "perceptron": Work("784-32-10 perceptron, train (32)", training(nets.perceptron, 32, 784), 200, 1875, 0.0033),
    **{f"perceptron {count}": perceptron_over(count) for count in (1000, 10000, 60000)},
    "predict": Work("MNIST net, predict (128)", predicting(nets.mnist_net, 128, 28, 28, 1), 8, 80, 3.1),
    "gradient": Work("VGG-16 conv5_1, gradient of the picture (1)", picture_gradient, 3, 12, 19),
    # The floor is one bilinear reading: four products and sums a number.
    "augment": Work("augmentation of 224 x 224 pictures (64)", augmenting, 1, 12, 0.08),
    "folder": Work("folder of JPEG files, cats and dogs net, train (32)", training_from_folder, 12, 12, 15.9),
}

STARTS = {
    "import warm": Line("import", "s"),
    "first step cold": Line("first start of a script, import to first step", "s"),
    "whole cold": Line("first start of a script, all of it", "s"),
    "first step warm": Line("second start of a script, import to first step", "s"),
    "whole warm": Line("second start of a script, all of it", "s"),
}
MEMORY = {
    f"{work} {kind}": Line(f"{WORKS[work].title}: most memory{of}", "MiB")
    for work in ("mnist", "cifar", "resnet")
    for kind, of in (("memory", ""), ("memory of its own", ", above that of the imports"))
}
LINES = {**{name: Line(work.title, work.unit) for name, work in WORKS.items()}, **STARTS, **MEMORY}
