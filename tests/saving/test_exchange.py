"""Crossing to Keras 3 where there is no Keras 3: one line says so. The crossing itself is in test_keras.py."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerato
from kerato import layers, legacy
from kerato.errors import InvalidCall, InvalidType, MissingExtra


def small() -> kerato.Model:
    return kerato.Sequential([layers.Input((3,)), layers.Dense(2)], name="small")


def test_a_missing_keras_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtra, match=r"^to_keras needs the package keras\. Install it with: pip install keras$"):
        small().to_keras()


@pytest.mark.parametrize("version", ["2.15.0", "3.15.1"])
def test_a_keras_that_is_not_keras_3_is_said_to_be_one(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = types.ModuleType("keras")
    other.__dict__.update(__version__=version, __file__=f"{kerato.__file__}")
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(InvalidCall, match=f"needs Keras 3, and `import keras` gives Keras {version} here"):
        small().to_keras()


def test_a_backend_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    (folder := tmp_path / "keras").mkdir()  # type: ignore[operator]
    (folder / "__init__.py").write_text("import no_such_backend")
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InvalidCall, match=r"Keras cannot start \(No module named 'no_such_backend'\)\. Set KERAS_BACK"):
        small().to_keras()


def test_only_built_models_of_keras_cross() -> None:
    with pytest.raises(InvalidType, match=r"from_keras: `model` must be a model of Keras 3\. Got <Sequential"):
        kerato.from_keras(small())
    with pytest.raises(InvalidCall, match="the weights do not exist yet"):
        kerato.Sequential([layers.Dense(3)]).to_keras()


def of_keras(layer: dict[str, Any], shape: list[int], **kwargs: Any) -> str:
    """The JSON that Keras 3 gives for a graph of one layer."""
    entry = {"class_name": "InputLayer", "module": "keras.layers", "config": {"batch_shape": shape, "name": "i"}}
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": shape, "keras_history": ["i", 0, 0]}}
    call = {"args": [tensor], "kwargs": kwargs}
    found = [{**entry, "name": "i", "inbound_nodes": []}, {**layer, "name": "one", "inbound_nodes": [call]}]
    config = {"name": "m", "layers": found, "input_layers": ["i", 0, 0], "output_layers": ["one", 0, 0]}
    record = {"class_name": "Functional", "module": "keras.src.models.functional", "config": config}
    return json.dumps({**record, "registered_name": "Functional"})


def test_a_net_of_keras_that_augments_does_not_when_it_predicts() -> None:
    """Keras writes `training=True`, its layers' default, into the call, and predicts without it."""
    options = {"name": "one", "factor": [1.0, 1.0], "value_range": [0, 255]}
    layer = {"class_name": "RandomInvert", "module": "keras.layers", "config": options}
    model = kerato.saving.model_from_json(of_keras(layer, [None, 2, 2, 3], training=True))
    x = np.ones((1, 2, 2, 3), "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    np.testing.assert_array_equal(model(x, training=True), 255 - x)


@pytest.mark.parametrize(
    ("room", "name", "options", "scale"),
    [
        ("convnext", "LayerScale", {"init_values": 0.5, "projection_dim": 3}, 0.5),
        ("convnext", "StochasticDepth", {"drop_path_rate": 0.5}, 1),
        ("inception_resnet_v2", "CustomScaleLayer", {"scale": 0.25}, None),
    ],
)
def test_layers_of_keras_applications_are_known(room: str, name: str, options: Any, scale: float | None) -> None:
    record = {"module": f"keras.src.applications.{room}", "class_name": name, "config": options}
    layer = kerato.saving.records.from_record({**record, "registered_name": name})
    x = np.ones((2, 3), "float32")
    np.testing.assert_allclose(layer(x) if scale else layer([x, 2 * x]), (scale or 1.5) * x)
    again = kerato.saving.records.record(layer)
    assert (again["module"], again["class_name"], again["registered_name"]) == (record["module"], name, name)
    with pytest.raises(ValueError, match="must be"):
        type(layer)(**{**options, next(iter(options)): "much"})


def test_paths_are_dropped_for_whole_samples() -> None:
    layer = kerato.saving.counterparts.StochasticDepth(0.25)
    found = np.asarray(layer(np.ones((400, 2, 3), "float32"), training=True))
    assert set(np.unique(found)) == {0, np.float32(4 / 3)}
    assert (found == found[:, :1, :1]).all()
    assert found.mean() == pytest.approx(1, abs=0.1)


def test_names_in_todays_files_mean_todays_formulas_in_the_old_dialect(tmp_path: Path) -> None:
    model = kerato.Sequential([layers.Input((4,)), layers.Activation("hard_sigmoid")])
    x = np.float32([[-2, -1, 1, 2]])
    for ending in ("keras", "h5"):
        model.save(tmp_path / f"m.{ending}")
    text, config = model.to_json(), model.get_config()
    with legacy.dialect():
        loaded = [kerato.load_model(tmp_path / f"m.{ending}") for ending in ("keras", "h5")]
        loaded += [kerato.saving.model_from_json(text), kerato.Sequential.from_config(config)]
        loaded += [kerato.models.clone_model(model)]
    for other in loaded:
        np.testing.assert_allclose(other.predict(x, verbose=0), x / 6 + 0.5, rtol=1e-6)


def test_files_are_given_as_keras_names_them(tmp_path: Path) -> None:
    model = small()
    model.save(filepath=tmp_path / "m.keras")
    model.save_weights(filepath=tmp_path / "m.weights.h5")
    model.load_weights(filepath=tmp_path / "m.weights.h5")
    kerato.saving.save_model(model, filepath=tmp_path / "n.keras")
    assert kerato.load_model(filepath=tmp_path / "n.keras").name == "small"
