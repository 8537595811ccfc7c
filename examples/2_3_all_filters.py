"""2.3 All filters of every layer on a sheet each, and which of them are turned copies. Saves 2_3_conv1.png and others.

python examples/2_3_all_filters.py [FOLDER FOR THE RESULT]
"""

import sys
from pathlib import Path

import numpy as np

import kerato
from kerato import datasets, image, layers, see

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
kerato.set_random_seed(0)

(x, y), _ = datasets.digits.load_data()
model = kerato.Sequential(
    [
        layers.Input((None, None, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1"),
        layers.Conv2D(25, 3, padding="same", activation="relu", name="conv2"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.optimizer.learning_rate = 0.004
x = x.reshape(len(x), *x.shape[1:3], 1) / x.max()
model.fit(x, y, epochs=6, verbose=0)

for layer in ("conv1", "conv2"):
    # A net without a Dense on its places takes pictures of any size: patterns repeat over 24 x 24.
    sheet = see.filters(model, layer, size=24, steps=40, step=4.0)
    grid = sheet.grid(margin=1)
    path = image.write(out / f"2_3_{layer}.png", np.repeat(np.repeat(grid, 4, 0), 4, 1))
    print(f"{layer}: {len(sheet)} filters, {len(sheet.dead)} never answer, saved {path}")
    for pair in see.rotations(model, layer, least=0.7)[:3]:
        print(f"  {pair.second} turned by {pair.degrees} degrees is like {pair.first}: {pair.likeness:.2f}")
