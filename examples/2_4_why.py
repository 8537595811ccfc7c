"""2.4 Why did it answer so? Maps of two methods, and how far to believe each. Saves 2_4_why_layer_cam.png and another.

python examples/2_4_why.py [FOLDER FOR THE RESULT]
"""

import sys
from pathlib import Path

import kerato
from kerato import datasets, layers, see

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
kerato.set_random_seed(0)

(x, y), (test, labels) = datasets.digits.load_data()
model = kerato.Sequential(
    [
        layers.Input((*x.shape[1:3], 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.optimizer.learning_rate = 0.004
x, test = (part.reshape(len(part), *x.shape[1:3], 1) / x.max() for part in (x, test))
model.fit(x, y, epochs=6, verbose=0)

for method in ("layer_cam", "integrated_gradients"):
    found = see.explain(model, test[:4], method=method)
    print(method, "at", found.layer or "the picture", "-", found.why_layer or "no layer is needed")
    for number in range(4):
        print(f"  a {labels[number]} taken for {found.name_of(number)}: {found.trust[number].sentence}")
    print("saved", found.save(out / f"2_4_why_{method}.png"))
