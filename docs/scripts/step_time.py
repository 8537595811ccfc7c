"""Milliseconds per training step of the book's MNIST net (batch 128), on kerato or on Keras: `step_time.py [keras]`."""

import importlib
import sys
import time

import numpy as np

keras = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "kerato")
layers, steps = keras.layers, int(sys.argv[2]) if len(sys.argv) > 2 else 20
x = np.random.default_rng(0).random((128 * steps, 28, 28, 1), np.float32)
y = np.arange(len(x)) % 10

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adadelta", loss="sparse_categorical_crossentropy")
model.fit(x, y, batch_size=128, verbose=0)  # compiles
start = time.perf_counter()
model.fit(x, y, batch_size=128, verbose=0)
print(f"{keras.__name__} {keras.__version__}: {1000 * (time.perf_counter() - start) / steps:.0f} ms per step")
