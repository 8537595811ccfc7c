"""`import keras` means Kerato: the same classes under every path, one sentence for what is not there."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kerato
from kerato import config, layers, legacy
from kerato.errors import InvalidCall, UnknownModule, UnknownName
from kerato.legacy.imports import PACKAGES
from kerato.legacy.modules import GONE, MODULES, OTHERWISE, RENAMED, SUPPLIED


def execute(source: str, **names: Any) -> dict[str, Any]:
    """The names that a file with this text leaves."""
    space = {"__name__": "script", **names}
    exec(source, space)
    return space


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("path", MODULES)
def test_every_module_is_found_under_every_name(package: str, path: str) -> None:
    legacy.install()
    module = importlib.import_module(f"{package}.{path}".rstrip("."))
    assert isinstance(module, ModuleType) and module.__name__.startswith(package)
    assert isinstance(dir(module), list)


SAME = [
    ("keras.layers.core", "Dense"),
    ("keras.layers", "Dense"),
    ("keras.engine.topology", "Dense"),
    ("tensorflow.keras.layers", "Dense"),
    ("tensorflow.python.keras.layers", "Dense"),
    ("kerato.keras.layers", "Dense"),
    ("keras.layers.convolutional", "Conv2D"),
    ("keras.engine.training", "Model"),
    ("keras.legacy.layers", "Layer"),
]


@pytest.mark.parametrize(("path", "name"), SAME)
def test_there_is_one_class_of_each_name(path: str, name: str) -> None:
    legacy.install()
    today = getattr(kerato, name, None) or getattr(layers, name)
    assert getattr(importlib.import_module(path), name) is today


def renamed() -> list[Any]:
    return [
        pytest.param(room, old, today, id=f"{room}.{old}")
        for room, names in RENAMED.items()
        for old, today in names.items()
        if f"{room}.{old}" not in {**SUPPLIED, **OTHERWISE}  # then the table says only what a file's class is today
    ]


@pytest.mark.parametrize(("room", "old", "today"), renamed())
def test_old_names_are_today_s_objects_or_say_what_is_missing(room: str, old: str, today: str) -> None:
    legacy.install()
    module = importlib.import_module(f"keras.{room}")
    try:
        found = getattr(module, today)
    except UnknownName:
        with pytest.raises(UnknownName, match=rf"^keras\.{room}: Kerato does not have '{old}' \(today's {today}\)\.$"):
            getattr(module, old)
    else:
        assert getattr(module, old) is found


@pytest.mark.parametrize("place", [*SUPPLIED, *OTHERWISE])
def test_what_only_old_scripts_need_is_there(place: str) -> None:
    legacy.install()
    path, _, name = place.removesuffix(".()").rpartition(".")
    assert callable(getattr(importlib.import_module(f"keras.{path}"), name))


@pytest.mark.parametrize("place", GONE)
def test_what_is_gone_says_so(place: str) -> None:
    legacy.install()
    path, _, name = place.rpartition(".")
    with pytest.raises(ImportError, match=rf"^keras\.{path}: Kerato does not have '{name}' \("):
        execute(f"from keras.{path} import {name}")


def test_a_missing_name_is_one_sentence_for_imports_and_for_attributes() -> None:
    legacy.install()
    with pytest.raises(UnknownModule, match=r"^keras\.layers: Kerato does not have 'Dens'\. Did you mean 'Dense'\?$"):
        execute("from keras.layers import Dens")
    with pytest.raises(UnknownName, match=r"^keras\.layers: Kerato does not have 'Dens'\. Did you mean 'Dense'\?$"):
        execute("import keras; keras.layers.Dens")
    with pytest.raises(UnknownModule, match=r"^keras: Kerato does not have 'layer'\."):
        execute("import keras.layer")
    with pytest.raises(UnknownModule, match=r"^keras: Kerato does not have 'a'\."):
        execute("import keras.a.b")
    found = execute("try:\n    from keras.layers import Dens\nexcept ImportError:\n    from keras.layers import Dense")
    assert found["Dense"] is layers.Dense


def test_stars_and_attributes() -> None:
    legacy.install()
    found = execute("from keras.layers import *\nimport keras\nfound = keras.layers.core.Dense")
    assert found["Dense"] is found["found"] is layers.Dense
    assert found["Convolution2D"] is layers.Conv2D
    assert "np" not in found and "annotations" not in found


def test_the_name_imported_picks_the_dialect_of_the_file() -> None:
    legacy.install()
    old = execute("from keras.optimizers import Adam\nmade = Adam(lr=0.1)")["made"]
    two = execute("import tensorflow as tf\nmade = tf.keras.optimizers.Adam(lr=0.1, decay=0.5)")["made"]
    now = execute("from kerato.optimizers import Adam\nmade = Adam(0.1)")["made"]
    again = execute("from kerato.keras.optimizers import Adam\nmade = Adam(0.1)")["made"]
    assert [made.epsilon for made in (old, two, now, again)] == [1e-8, 1e-7, 1e-7, 1e-8]
    assert type(two.get_config()["learning_rate"]) is dict, "decay is a schedule"
    with pytest.raises(TypeError, match="'lr' is not known"):
        execute("from kerato.optimizers import Adam\nmade = Adam(lr=0.1)")
    both = execute("import keras\nfrom kerato.optimizers import Adam\nkeras.layers\nmade = Adam()")["made"]
    assert both.epsilon == 1e-8, "the file speaks, not the class"


def test_words_of_old_files_hold_inside_functions_called_from_kerato() -> None:
    legacy.install()
    source = """
from keras.layers import Layer, Dense
from keras.models import Sequential
class Mine(Layer):
    def build(self, shape):
        self.inner = Dense(output_dim=2, init='zero')
    def call(self, x):
        return self.inner(x)
model = Sequential([Mine(input_shape=(3,))])
"""
    with pytest.warns(UserWarning, match=r"`output_dim` is `units`"):
        assert execute(source)["model"].output_shape == (None, 2)


@pytest.mark.parametrize(("dialect", "epsilon"), [("keras2", 1e-8), ("keras3", 1e-7)])
def test_a_dialect_may_be_asked_for(dialect: str, epsilon: float) -> None:
    legacy.install(dialect)
    for package in ("keras", "tensorflow.keras"):
        assert execute(f"from {package}.optimizers import Adam\nmade = Adam()")["made"].epsilon == epsilon
    with pytest.raises(UnknownName, match="the dialect 'keras4' is not known"):
        legacy.install("keras4")


def test_the_real_keras_is_not_mixed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", ModuleType("keras"))
    with pytest.raises(InvalidCall, match=r"^legacy\.install: keras was imported already and is the real one\."):
        legacy.install()


def test_uninstalled_keras_is_what_it_was() -> None:
    legacy.install()
    importlib.import_module("keras.layers")
    legacy.uninstall()
    assert not [name for name in sys.modules if name.partition(".")[0] == "keras"]
    assert importlib.import_module("kerato.keras.layers").Dense is layers.Dense


def test_row_1_1_03_keras_json_is_made_by_importing_keras_and_by_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "new"))
    importlib.import_module("kerato.keras.layers")
    legacy.install()
    assert not (tmp_path / "new").exists()
    config.set_image_data_format("channels_first")  # for this process, not for the next
    importlib.import_module("keras")
    assert json.loads((tmp_path / "new/keras.json").read_text()) == {
        "floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last",
    }  # fmt: skip
    assert capsys.readouterr().err == "Using TensorFlow backend.\n"


def test_tensorflow_has_what_scripts_set_and_nothing_else() -> None:
    legacy.install()
    found = execute(
        "import tensorflow as tf\nfrom keras.backend.tensorflow_backend import set_session\n"
        "config = tf.ConfigProto()\nconfig.gpu_options.allow_growth = True\nset_session(tf.Session(config=config))\n"
        "tf.set_random_seed(3)\ntf.logging.set_verbosity(tf.logging.ERROR)\n"
        "devices = list(tf.config.list_physical_devices('GPU'))"
    )
    assert (found["devices"], kerato.random.seed()) == ([], 3)
    kerato.set_random_seed(None)
    with pytest.raises(UnknownName, match=r"^tensorflow: Kerato does not have 'constant', only tensorflow\.keras\.$"):
        execute("import tensorflow as tf\ntf.constant(1)")


@pytest.mark.slow
def test_worker_processes_of_an_installing_program_know_keras(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import multiprocessing\nimport kerato\nkerato.legacy.install()\nfrom keras.utils import to_categorical\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(to_categorical, [[0, 1]])[0].tolist())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(kerato.__file__).parent.parent)}
    found = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout == "[[1.0, 0.0], [0.0, 1.0]]\n"


def test_theano_s_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_backend("theano")
    assert (config.backend(), config.image_data_format()) == ("theano", "channels_first")
    legacy.install()
    conv = execute("from keras.layers import Conv2D\nconv = Conv2D(2, 3, input_shape=(1, 5, 5))")["conv"]
    conv(layers.Input((1, 5, 5)))
    kernel = np.arange(18, dtype="float32").reshape(2, 1, 3, 3)
    execute("import keras.layers as l\nl.Dense\nconv.set_weights([kernel, zeros])", conv=conv, kernel=kernel,
            zeros=np.zeros(2))  # fmt: skip
    np.testing.assert_array_equal(conv.get_weights()[0], kernel.transpose(2, 3, 1, 0)[::-1, ::-1])
