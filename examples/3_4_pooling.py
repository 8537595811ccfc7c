"""3.4 Pooling: fewer cells, one for each window, by maximum or mean; with every number printed.

python examples/3_4_pooling.py
"""

import jax
import numpy as np

from kerato import layers, ops
from kerato.layers import Input

steps = np.float32([3, 1, 4, 1, 5, 9]).reshape(1, 6, 1)
print("steps            ", steps.ravel().tolist())
print("MaxPooling1D     ", layers.MaxPooling1D()(steps).ravel().tolist())
print("AveragePooling1D ", layers.AveragePooling1D()(steps).ravel().tolist())

picture = np.float32([[1, 2, 0, 1], [3, 4, 1, 0], [0, 0, 8, 2], [5, 1, 6, 4]]).reshape(1, 4, 4, 1)
print("picture\n", picture[0, :, :, 0])
for layer in (layers.MaxPooling2D((2, 2)), layers.AveragePooling2D((2, 2))):
    print(type(layer).__name__, "of 2 x 2\n", np.asarray(layer(picture))[0, :, :, 0])
for layer in (layers.GlobalMaxPooling2D(), layers.GlobalAveragePooling2D()):
    print(type(layer).__name__, np.asarray(layer(picture)).tolist())

# A maximum passes its gradient to the cell that it was taken from, a mean to all of the window alike.
for layer in (layers.MaxPooling2D(), layers.AveragePooling2D()):
    slope = jax.grad(lambda x, layer=layer: ops.sum(layer(x)))(picture)
    print(f"gradient of {type(layer).__name__}\n", np.asarray(slope)[0, :, :, 0])

# Strides are the window's size unless they are given; padding keeps what would be cut off at the end.
for options in ({}, {"strides": 1}, {"padding": "same"}):
    print(f"7 cells, windows of 2, {options}: {layers.MaxPooling1D(2, **options)(Input((7, 1))).shape[1]}")
padded = layers.AveragePooling1D(4, padding="same")(steps)
print("means of 4 with padding count real cells only:", np.round(np.float64(padded.ravel()), 3).tolist())

# Three axes: a film of 8 pictures of 6 x 4 pixels in 3 colours is half as long, as high and as wide.
print("MaxPooling3D of (8, 6, 4, 3):", layers.MaxPooling3D()(Input((8, 6, 4, 3))).shape)
