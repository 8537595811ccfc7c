"""Book section 7.1, rows 7.1-01 to 7.1-04: two classes in folders, and three ways to learn from few pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_pictures import scene
from PIL import Image

import kerato
from kerato import layers, optimizers
from kerato.applications import VGG16, vgg
from kerato.models import Sequential
from kerato.preprocessing.image import ImageDataGenerator
from kerato.tasks.material import material

SIDE, BATCH = 48, 8
COUNTS = {"train": 24, "validation": 8}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` and `validation` with a folder per class: bright cats, dark dogs."""
    root = tmp_path_factory.mktemp("data")
    for part, count in COUNTS.items():
        for kind in ("cats", "dogs"):
            (root / part / kind).mkdir(parents=True)
            for number in range(count // 2):
                picture = scene(number + 100 * len(part), kind == "cats", SIDE)
                Image.fromarray(picture).save(root / part / kind / f"{number}.png")
    return root


def flow(data: Path, part: str, generator: ImageDataGenerator, **options: Any) -> Any:
    options = {"target_size": (SIDE, SIDE), "batch_size": BATCH, "class_mode": "binary", **options}
    return generator.flow_from_directory(data / part, **options)


def from_scratch(side: int) -> Sequential:
    """The book's small net, on pictures of `side` x `side`."""
    stack: list[Any] = [layers.Input((side, side, 3))]
    for filters in (32, 32, 64):
        stack += [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D(2)]
    stack += [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.5)]
    return Sequential([*stack, layers.Dense(1, activation="sigmoid")])


def top(shape: tuple[int, ...]) -> Sequential:
    """The book's classifier on features of `shape`."""
    stack = [layers.Input(shape), layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dropout(0.5)]
    return Sequential([*stack, layers.Dense(1, activation="sigmoid")])


def narrow_base(monkeypatch: pytest.MonkeyPatch, side: int = SIDE) -> Any:
    monkeypatch.setattr(vgg, "FILTERS", (8, 8, 16, 16, 16))
    return VGG16(weights=None, include_top=False, input_shape=(side, side, 3))


def test_row_7_1_01_folders_of_classes_in_train_and_validation(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, held = (flow(data, part, ImageDataGenerator()) for part in COUNTS)
    assert "Found 24 images belonging to 2 classes." in capsys.readouterr().out
    assert (train.n, held.n) == (24, 8)
    assert train.class_indices == held.class_indices == {"cats": 0, "dogs": 1}
    parts = material(data, SIDE, 0).parts
    assert {name: len(part.labels) for name, part in parts.items() if name in COUNTS} == COUNTS


@pytest.mark.slow
def test_row_7_1_02_a_small_net_from_scratch_learns_from_augmented_pictures(data: Path) -> None:
    assert from_scratch(150).count_params() == 1_212_513
    kerato.set_random_seed(3)
    augmented = ImageDataGenerator(rescale=1 / 255, shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
    model = from_scratch(SIDE)
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    model.fit(flow(data, "train", augmented, seed=3), epochs=6, verbose=0)
    accuracy = model.evaluate(flow(data, "validation", ImageDataGenerator(rescale=1 / 255)), verbose=0)[1]
    assert accuracy >= 0.85, "8 pictures of two classes; chance is one half"


@pytest.mark.slow
def test_row_7_1_03_features_are_computed_once_saved_and_learned_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert VGG16(weights=None, include_top=False, input_shape=(150, 150, 3)).output_shape == (None, 4, 4, 512)
    assert top((4, 4, 512)).count_params() == 2_097_665
    kerato.set_random_seed(3)
    base = narrow_base(monkeypatch, 64)
    plain = ImageDataGenerator(rescale=1 / 255)
    still = {"class_mode": None, "shuffle": False, "target_size": (64, 64)}
    for part in COUNTS:
        np.save(tmp_path / f"{part}.npy", base.predict(flow(data, part, plain, **still), verbose=0))
    x, held = (np.load(tmp_path / f"{part}.npy") for part in COUNTS)
    y, truth = (np.repeat([0, 1], count // 2) for count in COUNTS.values())
    assert x.shape == (24, 2, 2, 16)
    x, held = x / x.std(), held / x.std()  # random filters answer weakly
    model = top((2, 2, 16))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=30, verbose=0)
    assert model.evaluate(held, truth, verbose=0)[1] >= 0.85

    full = Sequential([base, top((2, 2, 16))])
    full.compile("rmsprop", "binary_crossentropy")
    pictures = np.random.default_rng(0).random((24, 64, 64, 3), "float32")
    assert epoch_s(model, x, y) < epoch_s(full, pictures, y), "the convolutions are not computed again"


def epoch_s(model: Any, x: Any, y: Any) -> float:
    """The seconds of the quickest of three epochs, compiled before."""
    spent = []
    for _ in range(4):
        start = time.perf_counter()
        model.fit(x, y, epochs=1, verbose=0)
        spent.append(time.perf_counter() - start)
    return min(spent[1:])


def test_row_7_1_04_frozen_layers_stay_bit_identical(monkeypatch: pytest.MonkeyPatch) -> None:
    base = narrow_base(monkeypatch)
    model = Sequential([base, layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    for layer in base.layers:
        layer.trainable = layer.name.startswith("block5")
    before = {layer.name: layer.get_weights() for layer in base.layers}
    model.compile(optimizers.SGD(1e-2, momentum=0.9), "binary_crossentropy")
    x = np.random.default_rng(0).random((8, SIDE, SIDE, 3), "float32")
    model.fit(x, np.arange(8) % 2, epochs=2, verbose=0)
    for layer in base.layers:
        for old, new in zip(before[layer.name], layer.get_weights(), strict=True):
            assert np.array_equal(old, new) != layer.name.startswith("block5"), layer.name
