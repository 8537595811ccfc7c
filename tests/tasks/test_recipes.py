"""`--recipe fast`: what its net begins with, what a run leaves, what goes with it and what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_pictures import night_and_day

from kerato import __main__ as command_line
from kerato import config
from kerato.errors import InvalidValue, UnknownName
from kerato.layers import Conv2D
from kerato.saving import load_model
from kerato.tasks import recipes
from kerato.tasks.classify import classify
from kerato.tasks.recipes import Lookahead, Recipe


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return night_and_day(tmp_path_factory.mktemp("data") / "night and day", 20, 16)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that compiles in no time."""
    monkeypatch.setitem(recipes.RECIPES, "fast", Recipe(widths=(8, 8), epochs=3, batch_size=16))


def test_patches_come_out_white_and_in_both_signs() -> None:
    draws = np.random.default_rng(0)
    pictures = draws.random((200, 12, 12, 3), "float32") / 4 + draws.random((200, 1, 1, 3), "float32")
    layer = Conv2D(24, 2)
    layer.build((None, 12, 12, 3))
    recipes.whiten(layer, pictures)
    seen = np.asarray(layer(pictures), "float64").reshape(-1, 24)
    np.testing.assert_allclose(seen[:, :12], -seen[:, 12:], atol=1e-5)
    patches = np.stack([pictures[:, i : 11 + i, j : 11 + j] for i in (0, 1) for j in (0, 1)], 3).reshape(-1, 12)
    spread = np.linalg.eigvalsh(np.cov(patches.T, bias=True))
    # Along each direction the variance v becomes v / (v + 3e-5); all directions are uncorrelated.
    np.testing.assert_allclose(np.cov(seen[:, :12].T, bias=True), np.diag(spread / (spread + 3e-5)), atol=2e-2)
    assert not layer.trainable


def test_the_first_filters_pass_their_inputs_on() -> None:
    layer = Conv2D(6, 3, padding="same", use_bias=False)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    layer.build(x.shape)
    before = layer.kernel.numpy()
    recipes.pass_on(layer)
    np.testing.assert_array_equal(np.asarray(layer(x))[..., :4], x)
    np.testing.assert_array_equal(layer.kernel.numpy()[..., 4:], before[..., 4:])


@pytest.mark.slow
def test_a_run_learns_leaves_its_files_and_repeats(photos: Path, tmp_path: Path) -> None:
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        runs.append(classify(photos, tmp_path / name, recipe="fast", epochs=8, verbose=0))
    run = runs[0]
    kept = json.loads((tmp_path / "one" / "run.json").read_text())
    assert (kept["recipe"], kept["epochs"], kept["batch_size"]) == ("fast", 8, 16)
    assert "--recipe fast --epochs 8" in kept["command"]
    assert (tmp_path / "one" / "report.html").stat().st_size > 10_000
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert run.history == runs[1].history
    raw = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), "uint8")
    loaded = load_model(tmp_path / "one" / "model.keras")
    np.testing.assert_array_equal(loaded.predict(raw, verbose=0), run.model.predict(raw, verbose=0))
    with pytest.raises(InvalidValue, match=r"began by a recipe\. Run it anew with --recipe\."):
        classify(photos, tmp_path / "one", resume=True)


def test_slow_weights_follow_and_take_the_place_of_the_fast_ones() -> None:
    class Model:
        weights = [np.zeros(2)]

        def get_weights(self) -> Any:
            return self.weights

        def set_weights(self, weights: Any) -> None:
            self.weights = weights

    lookahead, model = Lookahead(2, 5), Model()
    lookahead.set_model(model)
    seen = []
    for _ in range(5):
        model.weights = [model.weights[0] + 1]
        lookahead.on_train_batch_end(0)
        seen.append(model.weights[0][0])
    fourth = 2 + 2 * (1 - 0.95**2 * 0.8**3)  # of the way of two updates; then of that of one
    np.testing.assert_allclose(seen, [1, 2, 3, fourth, fourth + 1 - 0.95**2])


def test_six_views_are_a_picture_moved_and_mirrored() -> None:
    class Model:
        def predict(self, x: Any, **_: Any) -> Any:
            return x[:, 1, 1, :].astype(float)

    picture = np.arange(27).reshape(1, 3, 3, 3)
    answers = np.float64(picture[:, 1, 1])
    # The middle, twice; and for both moved views what comes to the middle, which mirroring leaves there.
    corners = 2 * (np.float64(picture[:, 0, 0]) + picture[:, 2, 2])
    views = recipes.answers_to_views(Model(), picture, answers)
    np.testing.assert_allclose(views, (4 * answers + corners) / 8)


def test_every_picture_is_mirrored_in_every_second_epoch(monkeypatch: pytest.MonkeyPatch, photos: Path) -> None:
    given = []

    class Model:
        def fit(self, x: Any, *_: Any, **__: Any) -> Any:
            given.append(np.array(x))
            return type("History", (), {"history": {}})()

    found = recipes.material(photos, None, 0)
    run = recipes.Run(out=photos, data="", net="", seed=0, model=Model(), class_names=["day", "night"])
    run.wanted_epochs = 4
    x, y = found.train.arrays()
    recipes.fit(run, found, x, y, Lookahead(5, 8), lambda line: None)
    np.testing.assert_array_equal(given[0][:, :, ::-1], given[1])
    np.testing.assert_array_equal(given[0], given[2])
    straight = (given[0] == x).all((1, 2, 3))
    assert 0 < straight.sum() < len(x)
    np.testing.assert_array_equal(given[0][~straight], x[~straight][:, :, ::-1])


def test_an_interrupted_run_is_saved_and_named_as_one_to_repeat(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(run: Any, *_: Any) -> None:
        run.interrupted = True

    monkeypatch.setattr(recipes, "fit", interrupted)
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        command_line.main(["train", str(photos), "--recipe", "fast", "--out", str(out)])
    told = capsys.readouterr().err
    assert end.value.code == 1 and (out / "model.keras").exists()
    assert "anew: kerato train" in told and "--recipe fast" in told and "--resume" not in told


def test_the_net_takes_channels_last_whatever_is_set() -> None:
    pictures = np.zeros((2, 16, 16, 3), "uint8")
    config.set_image_data_format("channels_first")
    try:
        made = recipes.net(recipes.RECIPES["fast"], pictures, 2, (16, 16, 3))
    finally:
        config.set_image_data_format("channels_last")
    assert made.predict(pictures, verbose=0).shape == (2, 2)


def test_what_does_not_go_with_it_is_said(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownName, match=r"the recipe 'fats'.*fast"):
        classify(photos, tmp_path, recipe="fats")
    with pytest.raises(InvalidValue, match="pictures must have 16 pixels a side"):
        classify("digits", tmp_path, recipe="fast")
    wishes = {"model": {"net": "mnist_cnn"}, "weights": {"weights": "imagenet"}, "resume": {"resume": True}}
    for option, wish in {**wishes, "augment": {"augment": "light"}}.items():
        with pytest.raises(InvalidValue, match=f"leave --{option} out"):
            classify(photos, tmp_path, recipe="fast", **wish)  # type: ignore[arg-type]
    for options in (["--model", "mnist_cnn"], ["--weights", "imagenet"], ["--augment", "light"], ["--fine-tune", "2"]):
        with pytest.raises(SystemExit) as end:
            command_line.main(["train", str(photos), "--recipe", "fast", *options])
        assert end.value.code == 2
        assert f"leave {options[0]} out" in capsys.readouterr().err
