"""2.1 LeNet-5 as published: the worked convolution, the table of weights, digits learned. Saves 2_1_lenet5.png.

python examples/2_1_lenet5.py [FOLDER FOR THE RESULT]
"""

import sys
from pathlib import Path

import numpy as np

import kerato
from kerato import datasets, image, optimizers
from kerato.applications import LeNet5
from kerato.counting import counts, total

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
kerato.set_random_seed(0)

# The book's example: it divides by the size of the window, a convolution does not.
matrix = np.array([[1.0, 2, 3], [4, 5, 6]])
print("worked example:", image.windows(0.2 * matrix, 2).ravel().round(3))

# The book's table: weights are shared, so that a map of any size has few of them, and many connections.
model = LeNet5(probabilities=True)
for row in counts(model):
    if row.trainable:
        print(f"{row.layer}: {row.output:<14} {row.parameters:>6,} parameters {row.connections:>9,} connections")
print(f"together {total(counts(model))['trainable']:,}")


def prepared(pictures):
    """8 x 8 digits as 32 x 32 ones, scaled as in the paper: paper -0.1, ink 1.175."""
    return np.kron(pictures.reshape(-1, 8, 8) / 255, np.ones((4, 4)))[..., None] * 1.275 - 0.1


(x, y), (test, labels) = datasets.digits.load_data()
x, test = prepared(x), prepared(test)
model.compile(optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=32, epochs=8, verbose=0)
print(f"accuracy on {len(test)} digits it has never seen: {model.evaluate(test, labels, verbose=0)[1]:.3f}")

# What a digit becomes on its way: six maps, halved, sixteen maps, halved.
names = ["C1", "S2", "C3", "S4"]
maps = kerato.Model(model.input, [model.get_layer(name).output for name in names]).predict(test[:1], verbose=0)
shown = {"a digit": test[0]}
for name, found in zip(names, maps, strict=True):
    low, high = found.min(), found.max()
    shown |= {f"{name} {i + 1}": (found[0, ..., i] - low) / (high - low) for i in range(6)}
pictures = [np.uint8(255 * np.clip(picture, 0, 1)) for picture in shown.values()]
pictures = [image.resize(picture, (112, 112), "nearest") for picture in pictures]
blank = np.full((112, 112), 255, np.uint8)
pictures[1:1], captions = [blank] * 5, list(shown)
captions[1:1] = [""] * 5
print("saved", image.write(out / "2_1_lenet5.png", image.sheet(pictures, captions, columns=6, cell=(128, 112))))
