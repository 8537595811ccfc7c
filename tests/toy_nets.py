"""Small nets that have learned: digits of 8 x 8, and pictures with one object whose place is known."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import kerato
from kerato import datasets, layers

SIDE, KINDS = 20, 3


@functools.cache
def digits() -> tuple[Any, Any]:
    """The small digits, 8 x 8, from 0 to 1, and which they are."""
    (x, y), _ = datasets.digits.load_data()
    return (x.reshape(-1, *x.shape[1:3], 1) / np.max(x)).astype("float32"), y


def digit_net() -> Any:
    """A net that has learned the digits."""
    kerato.set_random_seed(0)
    kerato.clear_session()  # initial weights follow from names too
    x, y = digits()
    net = kerato.Sequential(
        [
            layers.Input(x.shape[1:]),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.optimizer.learning_rate = 0.005
    net.fit(x, y, epochs=8, batch_size=64, verbose=0)
    return net


def scenes(n: int, seed: int) -> tuple[Any, Any, Any]:
    """Pictures with one object (a bright square, a cross or a ring) on noise, their classes, and where it lies."""
    draws = np.random.default_rng(seed)
    x = draws.random((n, SIDE, SIDE, 1)) * 0.25
    shapes = np.zeros((KINDS, 7, 7))
    shapes[0, 1:6, 1:6] = 1
    shapes[1, 3] = shapes[1, :, 3] = 1
    shapes[2] = 1
    shapes[2, 1:-1, 1:-1] = 0
    y = draws.integers(0, KINDS, n)
    corners = draws.integers(0, SIDE - 7, (n, 2))
    for picture, kind, (top, left) in zip(x, y, corners, strict=True):
        picture[top : top + 7, left : left + 7, 0] += 0.7 * shapes[kind]
    return x.astype("float32"), y, corners


def scene_net() -> Any:
    """A net that has learned to tell the objects."""
    kerato.set_random_seed(0)
    kerato.clear_session()
    net = kerato.Sequential(
        [
            layers.Input((SIDE, SIDE, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="last"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(KINDS, activation="softmax"),
        ]
    )
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.optimizer.learning_rate = 0.01
    x, y, _ = scenes(1024, 1)
    net.fit(x, y, epochs=8, batch_size=64, verbose=0)
    return net
