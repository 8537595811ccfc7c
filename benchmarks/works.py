"""The works that are timed, written once against Keras's API: every side runs this same code.

A work is prepared by a function of the side's `keras` module and gives back a callable that does so many steps.
Data are seeded noise: the time of a step does not depend on what the pictures show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Run = Callable[[int], object]


@dataclass(frozen=True)
class Work:
    """One line of the table: what is prepared, the fewest and the most steps of a round, the arithmetic of one."""

    title: str
    prepare: Callable[[Any, int], Run]  # (keras module, most steps) -> do so many steps
    fewest: int
    most: int
    gflop: float


def noise(count: int, *shape: int) -> tuple[Any, Any]:
    """Pictures (count, *shape) float32 in [0, 1) and labels (count,) int32 of ten classes."""
    random = np.random.default_rng(0)
    return random.random((count, *shape), np.float32), random.integers(0, 10, count).astype(np.int32)


def compiled(keras: Any, layers: list[Any], optimizer: str = "adam") -> Any:
    """A Sequential of `layers`, compiled for ten classes."""
    return with_loss(keras.Sequential(layers), optimizer)


def with_loss(model: Any, optimizer: str) -> Any:
    """`model`, compiled for integer labels of ten classes."""
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def mnist_net(keras: Any) -> Any:
    """The book's network of section 8.1: 1,199,882 parameters."""
    kind = keras.layers
    return compiled(
        keras,
        [
            keras.Input((28, 28, 1)),
            kind.Conv2D(32, 3, activation="relu"),
            kind.Conv2D(64, 3, activation="relu"),
            kind.MaxPooling2D(2),
            kind.Dropout(0.25),
            kind.Flatten(),
            kind.Dense(128, activation="relu"),
            kind.Dropout(0.5),
            kind.Dense(10, activation="softmax"),
        ],
    )


def cifar_net(keras: Any) -> Any:
    """The book's network of section 8.2: 1,250,858 parameters."""
    kind = keras.layers
    blocks = [
        layer
        for filters in (32, 64)
        for layer in (
            kind.Conv2D(filters, 3, padding="same", activation="relu"),
            kind.Conv2D(filters, 3, activation="relu"),
            kind.MaxPooling2D(2),
            kind.Dropout(0.25),
        )
    ]
    head = [
        kind.Flatten(),
        kind.Dense(512, activation="relu"),
        kind.Dropout(0.5),
        kind.Dense(10, activation="softmax"),
    ]
    return compiled(keras, [keras.Input((32, 32, 3)), *blocks, *head], "rmsprop")


def resnet20(keras: Any) -> Any:
    """ResNet-20 for 32 x 32 pictures (He et al. 2015, arXiv:1512.03385, section 4.2), projections by 1 x 1."""
    kind = keras.layers

    def normed(x: Any, filters: int, size: int, strides: int, relu: bool = True) -> Any:
        x = kind.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        x = kind.BatchNormalization()(x)
        return kind.Activation("relu")(x) if relu else x

    entry = keras.Input((32, 32, 3))
    x = normed(entry, 16, 3, 1)
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            y = normed(normed(x, filters, 3, strides), filters, 3, 1, relu=False)
            shortcut = normed(x, filters, 1, strides, relu=False) if strides > 1 else x
            x = kind.Activation("relu")(kind.Add()([shortcut, y]))
    x = kind.GlobalAveragePooling2D()(x)
    return with_loss(keras.Model(entry, kind.Dense(10, activation="softmax")(x)), "adam")


def perceptron(keras: Any) -> Any:
    """784-32-10: so little arithmetic that the time is the framework's own."""
    dense = keras.layers.Dense
    return compiled(keras, [keras.Input((784,)), dense(32, activation="relu"), dense(10, activation="softmax")])


def vgg_conv5_1(keras: Any) -> Any:
    """VGG-16 up to its first layer of block five, for 128 x 128 pictures (Simonyan and Zisserman 2014)."""
    kind = keras.layers
    layers = [keras.Input((128, 128, 3))]
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3)):
        layers += [kind.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(count)]
        layers.append(kind.MaxPooling2D(2))
    return keras.Sequential([*layers, kind.Conv2D(512, 3, padding="same", activation="relu")])


def training(net: Callable[[Any], Any], batch: int, *shape: int) -> Callable[[Any, int], Run]:
    """One epoch of `fit` over arrays in memory."""

    def prepare(keras: Any, most: int) -> Run:
        model, (x, y) = net(keras), noise(most * batch, *shape)
        return lambda steps: model.fit(x[: steps * batch], y[: steps * batch], batch_size=batch, epochs=1, verbose=0)

    return prepare


def predicting(net: Callable[[Any], Any], batch: int, *shape: int) -> Callable[[Any, int], Run]:
    """One `predict` over an array in memory."""

    def prepare(keras: Any, most: int) -> Run:
        model, (x, _) = net(keras), noise(most * batch, *shape)
        return lambda steps: model.predict(x[: steps * batch], batch_size=batch, verbose=0)

    return prepare


def picture_gradient(keras: Any, most: int) -> Run:
    """Gradient of the mean of conv5_1 with respect to one picture, by each side's own means."""
    model, (x, _) = vgg_conv5_1(keras), noise(1, 128, 128, 3)
    side = "kerato" if keras.__name__ == "kerato" else keras.backend.backend()
    gradient = GRADIENTS[side](keras, model)
    return lambda steps: [gradient(x) for _ in range(steps)]


def _kerato_gradient(keras: Any, model: Any) -> Callable[[Any], Any]:
    k = keras.backend
    gradient = k.gradients(k.mean(model.output), [model.input])[0]
    function = k.function([model.input], [gradient])
    return lambda x: function([x])[0]


def _tensorflow_gradient(keras: Any, model: Any) -> Callable[[Any], Any]:
    import tensorflow as tf

    @tf.function
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            mean = tf.reduce_mean(model(x))
        return tape.gradient(mean, x)

    return lambda x: gradient(tf.constant(x)).numpy()


def _jax_gradient(keras: Any, model: Any) -> Callable[[Any], Any]:
    import jax

    weights = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
    gradient = jax.jit(jax.grad(lambda x, held: model.stateless_call(*held, x)[0].mean()))
    return lambda x: np.asarray(gradient(x, weights))


def _torch_gradient(keras: Any, model: Any) -> Callable[[Any], Any]:
    import torch

    def gradient(x: Any) -> Any:
        picture = torch.tensor(x, requires_grad=True)
        return torch.autograd.grad(model(picture).mean(), picture)[0].numpy()

    return gradient


GRADIENTS = {
    "kerato": _kerato_gradient,
    "tensorflow": _tensorflow_gradient,
    "jax": _jax_gradient,
    "torch": _torch_gradient,
}

WORKS = {
    "mnist": Work("MNIST net, train (128)", training(mnist_net, 128, 28, 28, 1), 4, 20, 9.1),
    "cifar": Work("CIFAR net, train (128)", training(cifar_net, 128, 32, 32, 3), 3, 16, 15.9),
    "resnet": Work("ResNet-20, train (128)", training(resnet20, 128, 32, 32, 3), 3, 12, 31),
    "perceptron": Work("784-32-10 perceptron, train (32)", training(perceptron, 32, 784), 200, 1875, 0.005),
    "predict": Work("MNIST net, predict (128)", predicting(mnist_net, 128, 28, 28, 1), 8, 80, 3.1),
    "gradient": Work("VGG-16 conv5_1, gradient of the picture (1)", picture_gradient, 3, 12, 19),
}
