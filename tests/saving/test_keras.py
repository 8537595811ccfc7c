"""Files go both ways with Keras 3. Needs a Python with Keras 3.15 and JAX: `KERATO_KERAS_PYTHON=/path/to/python`."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import saving_nets as nets

import kerato

PYTHON = os.environ.get("KERATO_KERAS_PYTHON", "")

pytestmark = pytest.mark.skipif(not PYTHON, reason="KERATO_KERAS_PYTHON names no Python with Keras 3")

TOLERANCE = 1e-6


def distance(first: list[Any], second: list[Any]) -> float:
    """The largest difference, relative where numbers are above 1."""
    pairs = zip(first, second, strict=True)
    return max(float(np.max(np.abs(a - b)) / max(1.0, float(np.max(np.abs(a))))) for a, b in pairs)


def stored(path: Path) -> list[Any]:
    found = np.load(path)
    return [found[name] for name in found.files]


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Any]]]:
    """A folder with our files and Keras's answers to them, and our own outputs."""
    folder, outputs = tmp_path_factory.mktemp("exchange"), {}
    for name, build in nets.NETS.items():
        model = build(kerato)
        nets.fill(model)
        model.save(folder / f"{name}.mine.keras")
        model.save(folder / f"{name}.mine.h5")
        outputs[name] = nets.outputs_of(model)
    for name in nets.TRAINED:
        layers = kerato.layers
        model = kerato.Sequential(
            [layers.Input((5,)), layers.Dense(4, activation="tanh"), layers.Dense(3, activation="softmax")]
        )
        nets.fill(model)
        model.compile(name, "categorical_crossentropy", metrics=["accuracy"])
        nets.train(model, 3)
        model.save(folder / f"trained_{name}.mine.keras")
        model.save(folder / f"trained_{name}.mine.h5")
        outputs[f"trained_{name}_at_3"] = nets.outputs_of(model)
        nets.train(model, 2)
        outputs[f"trained_{name}"] = nets.outputs_of(model)
    program = [PYTHON, "-W", "error:Skipping variable:UserWarning", nets.__file__, str(folder)]
    run = subprocess.run(program, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    return folder, outputs


@pytest.mark.parametrize("name", [*nets.NETS, *(f"trained_{name}" for name in nets.TRAINED)])
def test_keras_computes_the_same_from_our_files(name: str, mine: tuple[Path, dict[str, list[Any]]]) -> None:
    folder, outputs = mine
    assert distance(outputs[name], stored(folder / f"{name}.again.npz")) <= TOLERANCE


@pytest.mark.parametrize("name", nets.NETS)
def test_we_compute_the_same_from_files_of_keras(name: str, mine: tuple[Path, dict[str, list[Any]]]) -> None:
    theirs = stored(mine[0] / f"{name}.theirs.npz")
    assert distance(theirs, nets.outputs_of(kerato.load_model(mine[0] / f"{name}.theirs.keras"))) <= TOLERANCE
    model = nets.NETS[name](kerato)
    model.load_weights(mine[0] / f"{name}.theirs.weights.h5")
    assert distance(theirs, nets.outputs_of(model)) <= TOLERANCE


@pytest.mark.parametrize("name", nets.TRAINED)
def test_we_go_on_training_what_keras_saved(name: str, mine: tuple[Path, dict[str, list[Any]]]) -> None:
    model = kerato.load_model(mine[0] / f"trained_{name}.theirs.keras")
    nets.train(model, 2)
    assert distance(stored(mine[0] / f"trained_{name}.theirs.npz"), nets.outputs_of(model)) <= TOLERANCE


H5 = [name for name in nets.NETS if name not in nets.UNKNOWN_TO_H5]


@pytest.mark.parametrize("name", [*H5, *(f"trained_{name}" for name in nets.TRAINED)])
def test_keras_computes_the_same_from_our_h5_files(name: str, mine: tuple[Path, dict[str, list[Any]]]) -> None:
    """Trained ones are not trained further: from `.h5` files, its own too, Keras 3.15 builds optimizers for nothing."""
    folder, outputs = mine
    wanted = outputs.get(f"{name}_at_3", outputs[name])
    assert distance(wanted, stored(folder / f"{name}.h5.npz")) <= TOLERANCE


@pytest.mark.parametrize("name", H5)
def test_we_compute_the_same_from_h5_files_of_keras(name: str, mine: tuple[Path, dict[str, list[Any]]]) -> None:
    theirs = stored(mine[0] / f"{name}.theirs.npz")
    assert distance(theirs, nets.outputs_of(kerato.load_model(mine[0] / f"{name}.theirs.h5"))) <= TOLERANCE
    model = nets.NETS[name](kerato)
    model.load_weights(mine[0] / f"{name}.theirs.h5")
    assert distance(theirs, nets.outputs_of(model)) <= TOLERANCE


@pytest.mark.parametrize("name", nets.TRAINED)
def test_we_go_on_training_h5_files_of_keras(name: str, mine: tuple[Path, dict[str, list[Any]]]) -> None:
    model = kerato.load_model(mine[0] / f"trained_{name}.theirs.h5")
    nets.train(model, 2)
    assert distance(stored(mine[0] / f"trained_{name}.theirs.npz"), nets.outputs_of(model)) <= TOLERANCE


# -- objects in one process --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exchanged() -> dict[str, Any]:
    """What `exchange_nets.py` found: distances of outputs after each crossing, and what was said."""
    roots = (Path(kerato.__file__).parent.parent, Path(nets.__file__).parent)
    env = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(map(str, roots))}
    program = [PYTHON, str(Path(nets.__file__).with_name("exchange_nets.py"))]
    run = subprocess.run(program, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", [*nets.NETS, *(f"trained_{name}" for name in nets.TRAINED), "counterparts"])
def test_objects_cross_both_ways(name: str, exchanged: dict[str, Any]) -> None:
    assert max(exchanged["distances"][name]) <= TOLERANCE


SAID = {
    "in": r"InvalidValue: from_keras: 2 parts of the model 'sequential\w*' cannot cross to Kerato: twice \(Lambda: .*\)"
    r"; doubled \(Doubled: the class 'Doubled' .*\)\. Replace them, or give counterparts with custom_objects=",
    "out": r"InvalidValue: to_keras: 2 parts of the model 'sequential\w*' cannot cross to Keras 3: twice \(Lambda: its "
    r"function is code of this program\); old \(Dense: .*hard_sigmoid_02.*\)\. Replace them",
    "unbuilt": r"InvalidCall: from_keras: sequential\w* has no weights yet",
    "compiled in": r"from_keras: the function 'mean_difference' is not known.* The model is not compiled\.",
    "compiled out": r"to_keras: .*The model is not compiled\.",
}


@pytest.mark.parametrize("case", SAID)
def test_what_cannot_cross_is_named_at_once(case: str, exchanged: dict[str, Any]) -> None:
    assert re.search(SAID[case], exchanged["messages"][case]), exchanged["messages"][case]
