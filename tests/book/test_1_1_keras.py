"""Book 1.1: what Keras is: a library with a configuration file, installed offline and checked by a command."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import kerato
from kerato import __main__ as command_line
from kerato import config, legacy

ROOT = Path(kerato.__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, settings read anew in it; afterwards `keras` is what it was."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(config, "_settings", {})
    yield tmp_path
    legacy.uninstall()
    config.set_dialect(None)


def test_row_1_1_01_a_modular_library_without_network_or_compiler() -> None:
    """Tests have no network (conftest.py)."""
    legacy.install()
    for name in [
        "models",
        "layers",
        "backend",
        "losses",
        "objectives",
        "optimizers",
        "preprocessing.image",
        "metrics",
        "callbacks",
    ]:
        assert importlib.import_module(f"keras.{name}").__name__ == f"keras.{name}"
    code = "import kerato; kerato.legacy.install(); from keras.models import Sequential; print(Sequential.__module__)"
    environment = {**os.environ, "PATH": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "kerato.models\n"


@pytest.mark.parametrize(("backend", "data_format"), [("tensorflow", "channels_last"), ("theano", "channels_first")])
def test_row_1_1_02_the_backend_is_chosen_by_name(home: Path, backend: str, data_format: str) -> None:
    (home / "keras.json").write_text(json.dumps({"backend": backend}))
    legacy.install()
    K: Any = importlib.import_module("keras.backend")
    assert (K.backend(), K.image_data_format()) == (backend, data_format)


def test_row_1_1_02_an_unknown_backend_is_named(home: Path) -> None:
    (home / "keras.json").write_text(json.dumps({"backend": "theanno"}))
    with pytest.raises(ValueError, match=r"config: `backend` 'theanno' is not known .* Did you mean 'theano'\?"):
        config.backend()


def test_row_1_1_02_the_environment_is_asked_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "keras.json").write_text(json.dumps({"backend": "tensorflow", "image_data_format": "channels_last"}))
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert (config.backend(), config.image_data_format()) == ("theano", "channels_first")


def test_row_1_1_03_the_file_is_made_with_four_keys_and_read_the_next_time(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    legacy.install()
    importlib.import_module("keras")
    path = home / "keras.json"
    settings = json.loads(path.read_text())
    assert settings == {
        "floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last",
    }  # fmt: skip
    assert capsys.readouterr().err == "Using TensorFlow backend.\n"
    path.write_text(json.dumps({**settings, "image_data_format": "channels_first", "epsilon": 1e-5}))
    legacy.uninstall()
    monkeypatch.setattr(config, "_settings", {})
    legacy.install()
    K: Any = importlib.import_module("keras.backend")
    assert (K.image_data_format(), K.epsilon()) == ("channels_first", 1e-5)


def test_row_1_1_03_a_file_that_is_no_json_counts_as_empty(home: Path) -> None:
    (home / "keras.json").write_text("{'backend': ")
    assert (config.backend(), config.floatx()) == ("tensorflow", "float32")


def test_row_1_1_04_the_device_is_reported() -> None:
    found = CliRunner().invoke(command_line.kerato, ["doctor", "--json"])
    assert found.exit_code == 0, found.output
    import jax

    assert json.dumps(json.loads(found.stdout)).lower().count(jax.devices()[0].platform) >= 1


def test_row_1_1_04_a_gpu_computes_the_same() -> None:
    import jax

    try:
        gpu = jax.devices("gpu")[0]
    except RuntimeError:
        pytest.skip("there is no GPU here")
    x = np.random.default_rng(0).normal(size=(2, 9, 9, 3)).astype("float32")
    layer = kerato.layers.Conv2D(4, 3)
    with jax.default_device(jax.devices("cpu")[0]):
        expected = np.asarray(layer(x))
    with jax.default_device(gpu):
        np.testing.assert_allclose(layer(x), expected, atol=1e-4)


@pytest.mark.slow
def test_row_1_1_05_pip_installs_it_offline(tmp_path: Path) -> None:
    """A wheel built here goes into an environment of its own, which borrows what Kerato needs from this one."""
    pytest.importorskip("setuptools", minversion="77")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps"]
    subprocess.run(
        [*pip, "wheel", *offline, "--no-build-isolation", "-w", str(tmp_path / "wheels"), str(ROOT)], check=True
    )
    (wheel,) = (tmp_path / "wheels").glob("kerato-*.whl")
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env").rglob("site-packages")
    subprocess.run([*pip, "install", *offline, "--target", str(site), str(wheel)], check=True)
    borrowed = Path(np.__file__).parent.parent
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    python = next((tmp_path / "env").glob("*/python*"))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    code = "import kerato, sys; print(kerato.__file__); from kerato.__main__ import main; main(['doctor'])"
    done = subprocess.run([str(python), "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))


def test_row_1_1_06_one_command_checks_the_installation(tmp_path: Path) -> None:
    """`kerato demo` is the command that the README names; here with one epoch of a small net on the same digits."""
    assert "kerato demo" in (ROOT / "README.md").read_text(encoding="utf-8")
    arguments = [
        "train",
        "digits",
        "--model",
        "mlp",
        "--epochs",
        "1",
        "--quiet",
        "--json",
        "--out",
        str(tmp_path / "run"),
    ]
    found = CliRunner().invoke(command_line.kerato, arguments)
    assert found.exit_code == 0, found.output
