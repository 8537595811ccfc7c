"""Crossing to Keras 3 where there is no Keras 3: one line says so. The crossing itself is in test_keras.py."""

from __future__ import annotations

import sys
import types

import pytest

import kerato
from kerato import layers
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
