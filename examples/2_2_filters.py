"""2.2 What one filter looks for: gradient ascent from grey noise, and the same filter as waves. Saves 2_2_filters.png.

python examples/2_2_filters.py [FOLDER FOR THE RESULT]
"""

import sys
from pathlib import Path

import kerato
from kerato import datasets, image, layers, see

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
kerato.set_random_seed(0)

(x, y), _ = datasets.digits.load_data()
model = kerato.Sequential(
    [
        layers.Input((*x.shape[1:3], 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1"),
        layers.Conv2D(16, 3, padding="same", activation="relu", name="conv2"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.optimizer.learning_rate = 0.004
x = x.reshape(len(x), *x.shape[1:3], 1) / x.max()
print(f"accuracy {model.fit(x, y, epochs=6, verbose=0).history['accuracy'][-1]:.3f}")

# The book's recipe: 20 steps from grey noise. The filters are ranked by how strongly they answer.
plain = see.filters(model, "conv2", steps=20)
print(f"filter {plain.numbers[0]}: response {plain.trace[0, 0]:.3f} -> {plain.losses[0]:.3f}; {len(plain.dead)} dead")

# The same filters as sums of waves, moved a little at every step, so that no pixel-exact trick helps.
waves = see.filters(model, "conv2", plain.numbers[:8], recipe="fourier", steps=64)
pictures = [*plain.pictures[:8], *waves.pictures]
shown = image.sheet(pictures, [*plain.names[:8], *waves.names], columns=8, cell=(96, 112))
print("saved", image.write(out / "2_2_filters.png", shown))
