"""Training from a pretrained net: features once, a linear classifier, fine-tuning, a whole model (book 7.1)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_pictures import night_and_day
from PIL import Image

from kerato.applications import SqueezeNet, trained
from kerato.errors import BadFile, InvalidValue
from kerato.saving import load_model
from kerato.tasks import answers
from kerato.tasks.classify import classify


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return night_and_day(tmp_path_factory.mktemp("data") / "photos", 12, 60)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights, untrained ones, in the layout of Keras 2."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"
    SqueezeNet(include_top=False, weights=None).save_weights(path)
    return path


def train(data: Any, out: Path, **wishes: Any) -> Any:
    out.mkdir(exist_ok=True)
    return classify(data, out, **{"verbose": 0, "size": 64, **wishes})


@pytest.fixture(scope="module")
def run(photos: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return train(photos, tmp_path_factory.mktemp("runs") / "one", weights=str(weights), fine_tune=2)


@pytest.mark.slow
def test_row_7_1_04_frozen_weights_are_bit_identical_and_the_last_block_has_learned(run: Any, weights: Path) -> None:
    before = SqueezeNet(include_top=False, weights=weights)
    base = run.model.get_layer("squeezenet")
    for layer in [layer for layer in before.layers if layer.weights]:
        for old, new in zip(layer.get_weights(), base.get_layer(layer.name).get_weights(), strict=True):
            assert np.array_equal(old, new) != layer.name.startswith("fire9"), layer.name


@pytest.mark.slow
def test_the_saved_model_is_whole_and_knows_its_classes(run: Any, photos: Path) -> None:
    classifier = answers.load(run.out)
    assert classifier.class_names == ("day", "night")
    found, failed = answers.predict(classifier, [str(photos / "day" / "0.png")])
    assert failed == [] and found[0].classes[0][1] >= 0.5
    pixels = np.asarray(Image.open(photos / "day" / "0.png").resize((90, 70)))[None]
    assert load_model(run.out / "model.keras").predict(pixels, verbose=0).shape == (1, 2)


@pytest.mark.slow
def test_the_record_says_how_it_began(run: Any, weights: Path) -> None:
    kept = json.loads((run.out / "run.json").read_text())
    assert (kept["net"], kept["weights"], kept["fine_tune"], kept["epochs"]) == ("squeezenet", str(weights), 2, 3)
    assert "--fine-tune 2" in kept["command"] and f"--weights {weights}" in kept["command"]
    assert len(run.history["loss"]) == len(run.history["val_loss"]) == 3


def test_weights_on_this_machine_are_taken_for_photographs(
    photos: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerato.tasks import transfer

    monkeypatch.setenv("KERATO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert transfer.start(str(photos), None, None, True) is None
    (tmp_path / "keras" / "models").mkdir(parents=True)
    there = Path(shutil.copy(weights, tmp_path / "keras" / "models"))
    assert transfer.start(str(photos), None, None, True) == there
    assert transfer.start(str(photos), "none", None, True) is None
    assert transfer.start(str(photos), None, None, False) is None
    assert transfer.start("digits", None, None, True) is None


def test_faults_are_one_sentence(photos: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"^nowhere.h5: expected a file of weights, 'imagenet' or 'none'"):
        train(photos, tmp_path, weights="nowhere.h5")
    with pytest.raises(InvalidValue, match=r"^train: `epochs` must be None with `weights`"):
        train(photos, tmp_path, weights=str(weights), epochs=3)
    with pytest.raises(InvalidValue, match=r"squeezenet takes pictures from 31 pixels a side"):
        train(photos, tmp_path, weights=str(weights), size=16)
    with pytest.raises(InvalidValue, match=r"squeezenet starts from trained weights only"):
        train(photos, tmp_path, weights="none", net="squeezenet")
    other = tmp_path / "other.h5"
    from kerato import layers
    from kerato.models import Sequential

    Sequential([layers.Input((4,)), layers.Dense(2)]).save_weights(other)
    with pytest.raises(BadFile, match=r"other.h5: expected trained weights of one of the nets squeezenet"):
        train(photos, tmp_path, weights=str(other))


@pytest.mark.slow
def test_row_7_1_03_cats_and_dogs_by_features(tmp_path: Path) -> None:
    data = next((folder / "cats-dogs" for folder in trained.folders() if (folder / "cats-dogs").is_dir()), None)
    here = trained.found(trained.FILES["squeezenet"][1])
    if data is None or here is None:
        pytest.skip("needs cats-dogs and SqueezeNet's weights in KERATO_DATA")
    run = train(data, tmp_path, weights=str(here), size=None)
    assert run.accuracy is not None and run.accuracy >= 0.95
