"""What a filter of a net looks for in a picture, as books of 2016 to 2019 write it: `symbolic.py [kerato | keras]`."""

import importlib
import sys

import numpy as np

keras = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "kerato")
K, layers = keras.backend, keras.layers
keras.utils.set_random_seed(0)

model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu", name="conv")])
activation = model.get_layer("conv").output[..., 0]
try:
    gradient = K.gradients(K.mean(activation), [model.input])[0]
    look = K.function([model.input, K.learning_phase()], [K.mean(activation), gradient])
except AttributeError as error:
    sys.exit(f"AttributeError: {error}")

picture = np.random.default_rng(0).random((1, 28, 28, 1))
first = look([picture, 0])[0]
for _ in range(20):
    slope = look([picture, 0])[1]
    picture += slope / (np.sqrt(np.mean(slope**2)) + 1e-5)
print(f"mean activation {first:.2f} -> {look([picture, 0])[0]:.2f}")
