"""2.4 Noise that a net calls a digit, a digit that it calls another, and how little it takes. Saves 2_4_fooling.png.

python examples/2_4_fooling.py [FOLDER FOR THE RESULT]
"""

import sys
from pathlib import Path

import kerato
from kerato import datasets, image, layers, see

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
kerato.set_random_seed(0)

(x, y), (test, labels) = datasets.digits.load_data()
model = kerato.Sequential(
    [
        layers.Input((*x.shape[1:3], 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.optimizer.learning_rate = 0.004
x, test = (part.reshape(len(part), *x.shape[1:3], 1) / x.max() for part in (x, test))
model.fit(x, y, epochs=6, verbose=0)

shown = {}
for target in range(10):
    found = see.fool(model, target)
    shown[found.caption()] = found.picture
    print(f"noise is taken for {target} with {100 * found.probability:.1f} %")

# From a digit to another: the largest change is 0.2 of the range.
for target in range(10):
    found = see.fool(model, target, test[0], "pgd", 0.2)
    shown[f"a {labels[0]}? {found.caption()}"] = found.picture
print(
    "saved",
    image.write(out / "2_4_fooling.png", image.sheet(list(shown.values()), list(shown), columns=5, cell=(112, 128))),
)

curve = see.robustness(model, test[:200], labels[:200], (0.02, 0.05, 0.1, 0.2))
print(curve)
print(f"a change of {curve.halving():.3f} of the range halves the accuracy")
