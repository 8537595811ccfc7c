"""6.1 Initial weights: why not zeros, why not small noise, and what the calibrated ones keep.

python examples/6_1_initialisation.py
"""

import numpy as np

from kerato import backend as K
from kerato import initializers, layers
from kerato.layers import Input
from kerato.models import Sequential

generator = np.random.default_rng(0)

# All zeros: every hidden unit computes the same and gets the same gradient, so they stay copies of one another.
x, y = generator.normal(size=(256, 4)), generator.integers(0, 2, 256)
for name in ("zeros", "glorot_uniform"):
    hidden = layers.Dense(5, activation="sigmoid", kernel_initializer=name)
    model = Sequential([Input((4,)), hidden, layers.Dense(1, activation="sigmoid", kernel_initializer=name)])
    model.compile("adam", "binary_crossentropy")
    model.fit(x, y, epochs=5, verbose=0)
    print(f"{name}: after training, hidden units differ by up to {np.ptp(hidden.kernel.numpy(), axis=1).max():.3f}")

# The size of the signal through ten layers of 400 units.
chosen = {
    "tanh, normal * 0.01": ("tanh", initializers.RandomNormal(stddev=0.01)),
    "tanh, Glorot (Xavier)": ("tanh", "glorot_normal"),
    "ReLU, Glorot (Xavier)": ("relu", "glorot_normal"),
    "ReLU, He": ("relu", "he_normal"),
    "ReLU, 10 connections": ("relu", initializers.Sparse(10, stddev=(2 / 10) ** 0.5)),
    "ReLU, normal * 0.01, BatchNormalization": ("relu", initializers.RandomNormal(stddev=0.01)),
}
signal = generator.normal(size=(200, 400))
for name, (activation, initializer) in chosen.items():
    start = value = Input((400,))
    squares = []
    for _ in range(10):
        value = layers.Dense(400, kernel_initializer=initializer)(value)
        if "Batch" in name:
            value = layers.BatchNormalization()(value, training=True)
        value = layers.Activation(activation)(value)
        squares.append(K.mean(K.square(value)))
    found = K.function([start], squares)([signal])
    print(f"{name}: mean square after layer 1, 5, 10: " + ", ".join(f"{float(found[i]):.3g}" for i in (0, 4, 9)))
