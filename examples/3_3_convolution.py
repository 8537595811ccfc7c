"""3.3 Convolution: the window that moves over a picture, by rule and by weights, with every number printed.

python examples/3_3_convolution.py
"""

import numpy as np

from kerato import image, layers
from kerato.layers import Input
from kerato.models import Sequential

# Nine numbers become one: by mean, maximum or minimum, as filters of pictures do it.
matrix = np.arange(81).reshape(9, 9)
print("the first window, rows 0 to 2 and columns 0 to 2:\n", matrix[:3, :3])
for rule in ("mean", "max", "min"):
    found = image.windows(matrix, 3, how=rule)
    print(f"{rule:4}: {matrix.shape} -> {found.shape}, first window {found[0, 0]:g}, next {found[0, 1]:g}")
for strides in (1, 2, 3):
    print(f"strides {strides}: {image.windows(matrix, 3, strides).shape}")

# A convolution layer weighs the nine numbers and adds them up; training finds the weights. These see upright edges.
picture = np.zeros((5, 6), "float32")
picture[:, 3:] = 10
edges = np.float32([[-1, 0, 1]] * 3)
layer = layers.Conv2D(1, (3, 3), use_bias=False, weights=[edges.reshape(3, 3, 1, 1)])
response = layer(picture.reshape(1, 5, 6, 1))
print("the picture:\n", picture.astype(int))
print("its convolution with", edges.astype(int).tolist(), "\n", np.asarray(response[0, :, :, 0]).astype(int))
by_hand = (picture[0:3, 1:4] * edges).sum()
print(f"by hand, the window of rows 0 to 2 and columns 1 to 3: {by_hand:g}; by the layer: {response[0, 0, 1, 0]:g}")

# How many windows fit: n - k + 1 without padding, n with it, divided by the stride and rounded up.
for size, options in (
    (28, {}),
    (32, {"padding": "same"}),
    (10, {"strides": 2}),
    (10, {"strides": 2, "padding": "same"}),
    (10, {"dilation_rate": 2}),
):
    print(f"{size} cells, windows of 3, {options}: {layers.Conv2D(1, 3, **options)(Input((size, size, 1))).shape[1]}")

# The layer in a network; pictures of 128 x 128 pixels in three colours.
model = Sequential([layers.Conv2D(64, (3, 3), activation="relu", input_shape=(128, 128, 3))])
print("Conv2D(64, (3, 3)) of", model.input_shape, "gives", model.output_shape, "with", model.count_params(), "weights")
