"""7.1 Few pictures, three ways: a net of one's own, features of a trained net, fine-tuning. Saves 7_1_small_data.png.

Without a download: the trained net has learned other shapes here. `kerato train FOLDER --weights imagenet` does the
same with SqueezeNet and your pictures.

python examples/7_1_small_data.py [FOLDER FOR THE RESULT]
"""

import sys
import time
from pathlib import Path

import numpy as np

import kerato
from kerato import image, layers, optimizers, see
from kerato.preprocessing.image import ImageDataGenerator

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
kerato.set_random_seed(0)
SIDE = 48

SHAPES = {
    "disc": lambda u, v: u**2 + v**2 < 0.8,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) < 0.8,
    "triangle": lambda u, v: (v > -0.6) & (v < 1 - 1.8 * abs(u)),
    "cross": lambda u, v: (np.minimum(abs(u), abs(v)) < 0.28) & (np.maximum(abs(u), abs(v)) < 1),
    "moon": lambda u, v: (u**2 + v**2 < 1) & ((u - 0.55) ** 2 + v**2 > 0.7),
    "star": lambda u, v: np.hypot(u, v) < 0.45 + 0.5 * np.cos(2.5 * np.arctan2(v, u)) ** 4,
}


def pictures(kinds, count, seed):
    """`count` pictures of a shape of any size, turn and colour on a noisy ground, and which shape each shows."""
    draws = np.random.default_rng(seed)
    y, x = draws.integers(0, len(kinds), count), []
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for kind in y:
        size, turn = draws.uniform(8, 15), draws.uniform(0, 2 * np.pi)
        down, right = rows - draws.uniform(16, 32), columns - draws.uniform(16, 32)
        u, v = (np.cos(turn) * right + np.sin(turn) * down) / size, (np.cos(turn) * down - np.sin(turn) * right) / size
        ground, colour = draws.uniform(0, 0.6, 3), draws.uniform(0.4, 1, 3)
        inside = SHAPES[kinds[kind]](u, v)[..., None]
        x.append(np.where(inside, colour, ground) + draws.normal(0, 0.08, (SIDE, SIDE, 3)))
    return np.clip(x, 0, 1).astype("float32"), y


def base():
    """Convolutions that give 64 features of each picture."""
    stack = [layers.Input((SIDE, SIDE, 3))]
    for block, filters in enumerate((16, 32, 64), 1):
        stack += [
            layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"block{block}_conv"),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
        ]
    return kerato.Sequential([*stack, layers.GlobalAveragePooling2D()], name="base")


def with_top(convolutions, classes):
    return kerato.Sequential([convolutions, layers.Dense(classes, activation="softmax", name="classes")])


def learned(model, x, y, epochs, optimizer=None, augmented=False):
    """Train, and return the seconds it took."""
    model.compile(optimizer or optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    if augmented:
        turns = ImageDataGenerator(rotation_range=40, zoom_range=0.2, horizontal_flip=True, vertical_flip=True)
        model.fit(turns.flow(x, y, batch_size=16, seed=1), epochs=epochs, verbose=0)
    else:
        model.fit(x, y, batch_size=16, epochs=epochs, verbose=0)
    return time.perf_counter() - start


KINDS = ("moon", "star")
x, y = pictures(KINDS, 160, seed=1)
test, truth = pictures(KINDS, 400, seed=2)

# Somebody has trained a net on many pictures of other things.
many, which = pictures(("disc", "square", "triangle", "cross"), 1000, seed=3)
trained = base()
learned(with_top(trained, 4), many, which, epochs=8)

# 1. A net of one's own, from 160 pictures and what augmentation makes of them.
own = with_top(base(), 2)
seconds = learned(own, x, y, epochs=25, augmented=True)
accuracy = own.evaluate(test, truth, verbose=0)[1]
print(f"{len(x)} pictures, a net of its own with augmentation: {accuracy:.3f} of {len(test)} right, {seconds:.1f} s")

# 2. The trained net's features, computed once and kept in a file, and a classifier on them.
np.save(out / "features.npy", trained.predict(x, verbose=0))
features = np.load(out / "features.npy")
classifier = kerato.Sequential([layers.Input((64,)), layers.Dense(2, activation="softmax", name="classes")])
seconds = learned(classifier, features, y, epochs=60, optimizer=optimizers.Adam(1e-2))
model = with_top(trained, 2)
model.layers[-1].set_weights(classifier.get_weights())
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
print(f"features of a trained net: {model.evaluate(test, truth, verbose=0)[1]:.3f} right, {seconds:.1f} s")

# 3. Fine-tuning: the last block learns too, slowly; all before it stays as it is.
for layer in trained.layers:
    layer.trainable = layer.name == "block3_conv"
frozen = trained.get_layer("block2_conv").get_weights()[0]
seconds = learned(model, x, y, epochs=15, optimizer=optimizers.SGD(2e-3, momentum=0.9))
print(f"block 2 is bit for bit as it was: {np.array_equal(frozen, trained.get_layer('block2_conv').get_weights()[0])}")
print(f"and fine-tuned: {model.evaluate(test, truth, verbose=0)[1]:.3f} right, {seconds:.1f} s")

# Where it looks.
model.extra["class_names"] = list(KINDS)
found = see.explain(model, test[:6], trust=False)
plain = [np.uint8(255 * picture) for picture in test[:6]]
plain = [image.resize(picture, found.overlay(0).shape[:2], "nearest") for picture in plain]
captions = [KINDS[kind] for kind in truth[:6]] + [found.name_of(i) for i in range(6)]
sheet = image.sheet([*plain, *(found.overlay(i) for i in range(6))], captions, columns=6, cell=(192, 192))
print("saved", image.write(out / "7_1_small_data.png", sheet))
