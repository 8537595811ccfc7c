"""Chapter 5: three updates of each optimizer on w**2 / 2 from w = 1, then the same data fitted by each.

    python examples/5_optimizers.py

The first table has the numbers of the book's Keras, 2.0.5; the second one the loss of a line fitted to ten points.
"""

import numpy as np

from kerato import layers, legacy, optimizers
from kerato.models import Sequential
from kerato.variables import Variable

SECTIONS = [
    ("5.2", "SGD", {}),
    ("5.2", "SGD", {"momentum": 0.9}),
    ("5.2", "SGD", {"momentum": 0.9, "nesterov": True}),
    ("5.1", "SGD", {"lr": 0.1, "decay": 0.5}),
    ("5.3", "RMSprop", {}),
    ("5.4", "Adagrad", {}),
    ("5.5", "Adadelta", {}),
    ("5.6", "Adam", {}),
    ("5.7", "Adamax", {}),
    ("5.8", "Nadam", {}),
]


def trajectory(optimizer: optimizers.Optimizer) -> list[float]:
    """w after one, two and three updates; the gradient of w**2 / 2 is w."""
    w, path = Variable(np.array([1.0]), name="w"), []
    for _ in range(3):
        optimizer.apply([w.value], [w])
        path.append(float(w.numpy()[0]))
    return path


def fitted(optimizer: optimizers.Optimizer) -> list[float]:
    """The losses of a line that is fitted to ten points."""
    x = np.linspace(-1, 1, 10)[:, None]
    model = Sequential([layers.Dense(1, input_shape=(1,), kernel_initializer="zeros")])
    model.compile(optimizer, "mse")
    return model.fit(x, 2 * x + 1, epochs=30, verbose=0, shuffle=False).history["loss"]


if __name__ == "__main__":
    with legacy.dialect():
        for section, name, options in SECTIONS:
            words = ", ".join(f"{key}={value}" for key, value in options.items())
            path = trajectory(getattr(optimizers, name)(**options))
            print(f"{section} {f'{name}({words})':34} " + "  ".join(f"{value:.9f}" for value in path))
    for name in ("SGD", "RMSprop", "Adam", "Nadam"):
        losses = fitted(getattr(optimizers, name)(learning_rate=0.1))
        print(f"{name:8} loss {losses[0]:.4f} -> {losses[-1]:.4f}")
