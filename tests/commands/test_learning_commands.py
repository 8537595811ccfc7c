"""`train`, `evaluate`, `predict`, `compare`, `models`, `doctor`: answers, JSON, exit codes, faults in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_pictures import night_and_day, odd_folder, scene
from PIL import Image

from kerato.__main__ import main
from kerato.applications import NETS, Net


@pytest.fixture(autouse=True, scope="module")
def tiny() -> Any:
    """A net that compiles in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETS, "tiny", Net("for tests", "mean", rate=0.3))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return night_and_day(tmp_path_factory.mktemp("data") / "photos", 20, 10)


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "photos-1"
    with pytest.raises(SystemExit) as left:
        main(["train", str(photos), "--model", "tiny", "--epochs", "8", "--out", str(out), "--quiet"])
    assert left.value.code == 0
    return out


def call(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def from_json(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Any:
    assert call(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def sentence(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 1) -> str:
    """The one line that a command leaves when it cannot do its work."""
    assert call(*arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.strip().splitlines()[-1]
    assert "Traceback" not in captured.err
    return line


@pytest.mark.slow
def test_training_answers_in_json(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        found = from_json(
            capsys, "train", photos, "--model", "tiny", "--epochs", 1, "--seed", number, "--augment", "light"
        )
        assert found["out"] == str(Path("runs", f"photos-{number}"))
        assert found["epochs"] == 1
        assert 0 <= found["test_accuracy"] <= 1
        assert found["seconds"] > 0
        assert json.loads((tmp_path / found["out"] / "run.json").read_text())["seed"] == number
    compared = from_json(capsys, "compare", "runs/photos-1", "runs/photos-2")
    assert "seed" in compared["differing"] and "net" not in compared["differing"]
    assert call("compare", "runs/photos-1", "runs/photos-2") == 0
    assert "settings that differ" in capsys.readouterr().out
    assert call("compare", "runs/photos-1") == 2


@pytest.mark.slow
def test_odd_files_are_named_and_the_others_learned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = odd_folder(tmp_path / "照片", 28)
    out = tmp_path / "out"
    assert call("train", tmp_path / "照片", "--model", "tiny", "--epochs", 1, "--out", out) == 0
    captured = capsys.readouterr()
    assert f"skipped {bad} files" in captured.err
    assert "empty.jpg: it is empty" in captured.err
    kept = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert sum(kept["samples"].values()) == good
    assert len(kept["skipped"]) == bad
    assert "图片" in kept["class_names"]


def test_evaluating_measures_what_training_kept(
    trained: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = json.loads((trained / "run.json").read_text())
    found = from_json(capsys, "evaluate", trained, photos)
    assert (found["part"], found["accuracy"]) == ("test", kept["test_accuracy"])
    assert found["confusion"] == kept["test_confusion"]
    assert "is the folder that the model learned from" in found["remark"]
    whole = from_json(capsys, "evaluate", trained / "model.keras", photos, "--part", "all")
    assert whole["samples"] == 40
    assert "has seen these pictures" in whole["remark"]
    assert call("evaluate", trained, photos) == 0
    assert "% found" in capsys.readouterr().out


def test_evaluating_takes_a_folder_of_others_as_a_whole(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new" / "night").mkdir(parents=True)
    Image.fromarray(scene(5, False, 33)).save(tmp_path / "new" / "night" / "only.png")
    found = from_json(capsys, "evaluate", trained, tmp_path / "new")
    assert (found["part"], found["samples"], found["remark"]) == ("all", 1, "")
    (tmp_path / "new" / "night").rename(tmp_path / "new" / "dusk")
    assert "the model knows the classes day, night, and the pictures have dusk too" in sentence(
        capsys, "evaluate", trained, tmp_path / "new"
    )


def test_predicting_names_the_classes(
    trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = from_json(capsys, "predict", trained, photos / "day" / "3.png", photos / "night")
    assert len(found["pictures"]) == 21
    first = found["pictures"][0]
    assert {row["name"] for row in first["classes"]} == {"day", "night"}
    assert sum(row["probability"] for row in first["classes"]) == pytest.approx(1, abs=1e-5)
    right = [row["classes"][0]["name"] == "night" for row in found["pictures"][1:]]
    assert np.mean(right) > 0.8
    assert call("predict", trained, photos / "day", "--csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "file,class,day,night"
    assert len(lines) == 21
    assert call("predict", trained, photos / "day" / "3.png", "--top", 1) == 0
    assert capsys.readouterr().out.count("%") == 1


def test_predicting_names_what_it_cannot_read(
    trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    assert call("predict", trained, tmp_path / "bad.png", photos / "day" / "3.png", "--json") == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert len(found["pictures"]) == 1
    assert "it is text" in found["failed"][0]["reason"]
    assert "1 file of 2 could not be read" in captured.err
    (tmp_path / "empty").mkdir()
    assert "there is no picture" in sentence(capsys, "predict", trained, tmp_path / "empty")
    assert call("predict", trained, photos, "--csv", "--json") == 2


def test_what_is_no_model_is_one_sentence(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.txt").write_text("no model")
    picture = photos / "day" / "1.png"
    assert "is no .keras file" in sentence(capsys, "predict", tmp_path / "model.txt", picture)
    assert "there is no such file" in sentence(capsys, "predict", tmp_path / "none.keras", picture)
    assert "is a folder" in sentence(capsys, "evaluate", photos, photos)


def test_a_model_without_class_names_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import kerato

    kerato.Sequential([kerato.Input((3,)), kerato.layers.Dense(2)]).save(tmp_path / "plain.keras")
    assert "expected a classifier with class names" in sentence(capsys, "predict", tmp_path / "plain.keras", "x.png")


def test_bad_data_is_one_sentence(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    (tmp_path / "one" / "cats").mkdir(parents=True)
    Image.fromarray(scene(0, True)).save(tmp_path / "one" / "cats" / "a.png")
    assert "there is no readable picture" in sentence(capsys, "train", tmp_path / "empty", "--out", out)
    assert "has one class only (cats)" in sentence(capsys, "train", tmp_path / "one", "--out", out)
    (tmp_path / "one" / "dogs").mkdir()
    Image.fromarray(scene(1, True)).save(tmp_path / "one" / "dogs" / "a.png")
    assert "the class 'cats'" in sentence(capsys, "train", tmp_path / "one", "--out", out)
    assert "Did you mean 'mnist'?" in sentence(capsys, "train", "mnitst", "--out", out, code=2)
    assert "Did you mean 'photo_cnn'?" in sentence(capsys, "train", photos, "--model", "photo", "--out", out, code=2)
    assert not out.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    assert "must be empty or new" in sentence(capsys, "train", photos, "--out", tmp_path / "full")
    assert "cannot be written" in sentence(capsys, "train", photos, "--out", tmp_path / "full" / "x" / "y")
    assert "must be the folder of an earlier run" in sentence(
        capsys, "train", photos, "--resume", "--out", tmp_path / "empty"
    )
    assert call("train", photos, "--resume") == 2


def test_the_nets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in from_json(capsys, "models")["models"]}
    assert set(rows) == set(NETS)
    assert rows["mnist_cnn"]["parameters"] == 1_199_882
    assert "photographs" in rows["photo_cnn"]["purpose"]


def test_the_doctor_knows_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    found = from_json(capsys, "doctor")
    assert list(found) == ["versions", "devices", "kernels", "settings", "cache", "data"]
    assert found["versions"]["jax"].startswith("0.")
    assert found["data"]["digits"] == "comes with scikit-learn"
    assert call("doctor") == 0
    assert "compiled programs" in capsys.readouterr().out


def test_help_is_quick_and_imports_no_jax() -> None:
    code = (
        "import sys, contextlib\nfrom kerato.__main__ import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "print(sorted({'jax', 'numpy', 'PIL', 'rich'} & set(sys.modules)))"
    )
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
        assert shown.stdout.splitlines()[-1] == "[]"
    assert min(seconds) <= 0.4  # 0.2 s asked on an idle machine; tests share theirs
