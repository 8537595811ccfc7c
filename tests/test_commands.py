"""`kerato demo`, `train` and `doctor`: what they print, what they write, how they fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import kerato
from kerato import __main__ as command_line
from kerato import datasets


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(command_line.kerato, [str(item) for item in arguments])


def process(*arguments: Any, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kerato", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A short run on the digits, and its answer."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    result = run("train", "digits", "--model", "mlp", "--epochs", 1, "--out", out, "--json", "--quiet")
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def test_train_answers_with_one_json_object(finished: tuple[Path, dict[str, Any]]) -> None:
    out, answer = finished
    assert answer["out"] == str(out)
    assert answer["epochs"] == 1
    assert answer["seconds"] > 0
    assert 0.5 < answer["test_accuracy"] <= 1


def test_train_writes_a_model_a_history_and_a_record(finished: tuple[Path, dict[str, Any]]) -> None:
    out, answer = finished
    assert {"model.keras", "history.csv", "run.json"} <= {path.name for path in out.iterdir()}
    assert (out / "history.csv").read_text().splitlines()[0].startswith("epoch,loss,accuracy")
    assert json.loads((out / "run.json").read_text())["test_accuracy"] == answer["test_accuracy"]
    (_, _), (x, y) = datasets.digits.load_data()
    model = kerato.load_model(out / "model.keras")
    pictures = x if x.ndim == 4 else x[..., None]
    found = (model.predict(pictures).argmax(1) == np.ravel(y)).mean()
    assert found == pytest.approx(answer["test_accuracy"], abs=1e-6)


def test_a_folder_with_files_is_not_written_to(finished: tuple[Path, dict[str, Any]]) -> None:
    out = finished[0]
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    result = run("train", "digits", "--epochs", 1, "--out", out, "--quiet")
    assert result.exit_code == 1
    assert "must be empty or new" in str(result.exception)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "digts"], 2, "Did you mean 'digits'"),
        (["train", "digits", "--epochs", "0"], 2, "--epochs"),
        (["train", "digits", "--batch-size", "x"], 2, "--batch-size"),
        (["train", "digits", "--resume"], 2, "--resume needs the folder of the run: --out DIR"),
        (["train"], 2, "Missing argument"),
        (["trian", "digits"], 2, "kerato has no command 'trian'. Did you mean 'train'?"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_made(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = process(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_net_is_named(tmp_path: Path) -> None:
    result = run("train", "digits", "--model", "mnist_cn", "--out", tmp_path / "new", "--quiet")
    assert result.exit_code != 0
    assert "mnist_cnn" in str(result.exception) + result.output


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("train", "digits", "--out", tmp_path / "file" / "run", "--quiet")
    assert result.exit_code == 1
    assert "cannot be written" in str(result.exception)


def test_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kerato.commands import new_folder

    monkeypatch.chdir(tmp_path)
    assert [new_folder(None, "digits") for _ in range(2)] == [Path("runs/digits-1"), Path("runs/digits-2")]


def test_doctor_says_what_is_there() -> None:
    found = json.loads(run("doctor", "--json").stdout)
    assert found["versions"]["kerato"] == kerato.__version__
    assert {"devices", "kernels", "settings", "data"} <= found.keys()
    text = run("doctor").stdout
    assert kerato.__version__ in text
    assert "digits" in text


def test_help_lists_the_verbs_and_loads_no_jax(tmp_path: Path) -> None:
    result = run("--help")
    for verb in command_line.VERBS:
        assert verb in result.stdout
    code = "import sys, kerato.__main__ as m\n"
    code += "try: m.main(['--help'])\nexcept SystemExit: sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_the_version_is_told() -> None:
    assert kerato.__version__ in run("--version").stdout


@pytest.mark.parametrize("verb", list(command_line.VERBS))
def test_every_verb_has_help(verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


@pytest.mark.slow
def test_ctrl_c_saves_what_there_is_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "kerato",
        "train",
        "digits",
        "--model",
        "mlp",
        "--epochs",
        "500",
        "--out",
        str(out),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        for line in started.stderr:
            if line.startswith("Epoch 2/"):
                break
        time.sleep(0.1)
        started.send_signal(signal.SIGINT)
        rest = started.stderr.read()
        started.wait(60)
    assert started.returncode == 1
    assert "what there is was saved. Go on with: kerato train digits --resume" in rest
    assert "Traceback" not in rest
    assert {"model.keras", "history.csv", "run.json"} <= {path.name for path in out.iterdir()}
    epochs = len((out / "history.csv").read_text().splitlines()) - 1
    assert epochs >= 2
    again = run("train", "digits", "--resume", "--out", out, "--epochs", epochs + 1, "--json", "--quiet")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["epochs"] == epochs + 1


@pytest.mark.slow
def test_the_demo_reads_digits(tmp_path: Path) -> None:
    scores = []
    for seed in range(3):
        result = run("demo", "--seed", seed, "--out", tmp_path / str(seed), "--json", "--quiet")
        assert result.exit_code == 0, result.output
        scores.append(json.loads(result.stdout)["test_accuracy"])
    assert np.mean(scores) >= 0.975
