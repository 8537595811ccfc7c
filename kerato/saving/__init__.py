"""Saving and loading: `.keras` archives and `.weights.h5` files in Keras 3's layout, one strict reader behind all."""

from __future__ import annotations

import os
from typing import Any

from kerato import __version__
from kerato.errors import InvalidCall, InvalidType, invalid
from kerato.saving import archive, weights
from kerato.saving.archive import CONFIG, EXTRA, METADATA, WEIGHTS, PathLike
from kerato.saving.configuration import (
    graph_config,
    graph_from_config,
    model_from_json,
    model_from_record,
    model_record,
    to_json,
)
from kerato.saving.exchange import from_keras, to_keras
from kerato.saving.records import REGISTERED, custom_object_scope, one_sentence, reads, register_keras_serializable

__all__ = [
    "Saveable",
    "custom_object_scope",
    "from_keras",
    "get_custom_objects",
    "load_model",
    "load_weights",
    "model_from_json",
    "read_extra",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "to_json",
    "to_keras",
]

#: the version of Keras whose layout is written
LAYOUT = "3.15.1"


def save_model(model: Any, path: PathLike, overwrite: bool = True, extra: dict[str, Any] | None = None) -> None:
    """Write a model with its weights, how it was compiled and its optimizer's state to a `.keras` file.

    Keras 3 loads it too. The same model gives the same bytes.

    Args:
        model: any model; Lambdas are saved by the name of their function.
        path: ends in `.keras`.
        overwrite: whether an existing file is replaced; it stays whole until the new one is complete.
        extra: facts for `read_extra` and for `load_model(path).extra`, such as class names; plain data. What a
            loaded model has as `extra` is saved again unless given.

    Raises:
        InvalidValue: `path` ends otherwise, or the model holds something that cannot be written.
        BadFile: the file exists and `overwrite` is False, or it cannot be written.
    """
    if not os.fspath(path).endswith(".keras"):
        raise invalid("save", "path", "a file name that ends in .keras", path)
    facts = model.extra if extra is None else extra
    members = {
        METADATA: archive.json_bytes({"keras_version": LAYOUT, "kerato_version": __version__}),
        CONFIG: archive.json_bytes(model_record(model)),
        WEIGHTS: weights.weights_bytes(model),
        EXTRA: _extra_bytes(facts),
    }
    archive.write_archive(path, members, overwrite)


def _extra_bytes(extra: Any) -> bytes:
    if not isinstance(extra, dict):
        raise invalid("save", "extra", "a dict", extra)
    try:
        return archive.json_bytes(extra)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"save: `extra` must be plain data (numbers, texts, lists, dicts). {error}.") from None


def load_model(
    path: PathLike, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a `.keras` file that Kerato or Keras 3 wrote, ready to predict or to go on training.

    No code is read from the file: a Lambda is known by its function's name, which the program gives in
    `custom_objects`.

    Args:
        path: of the file.
        custom_objects: name -> class or function that is not Kerato's.
        compile: whether the model is compiled as it was when saved.
        safe_mode: for Keras's signature; there is no unsafe mode.

    Raises:
        BadFile: the file is missing, cut, damaged, hostile, no model, or its weights do not fit.
        UnknownName: it names a class or function that is neither Kerato's nor in `custom_objects`.
        InvalidValue: `safe_mode` is False.
    """
    if not safe_mode:
        raise invalid("load_model", "safe_mode", "True: code in files is never run", safe_mode)
    with archive.opened(path) as file, one_sentence(path), reads(str(path), custom_objects):
        model = model_from_record(file.json(CONFIG), compile)
        model.extra = _extra(file)
        weights.load(model, file.weights(), str(path))
    return model


def _extra(file: archive.Archive) -> dict[str, Any]:
    found = file.json(EXTRA) if EXTRA in file else {}
    if not isinstance(found, dict):
        raise file.bad(f"{EXTRA} in it is no dict. Save the model again")
    return found


def read_extra(path: PathLike) -> dict[str, Any]:
    """The facts that `save_model(..., extra=...)` put into a `.keras` file; empty for a file of Keras.

    Raises:
        BadFile: the file is missing, damaged or no `.keras` file.
    """
    with archive.opened(path) as file:
        return _extra(file)


def save_weights(model: Any, path: PathLike, overwrite: bool = True) -> None:
    """Write the weights of a model, and its optimizer's state, to a `.weights.h5` file, which Keras 3 loads too.

    Raises:
        InvalidValue: `path` ends otherwise.
        InvalidCall: the model has no weights yet.
        BadFile: the file exists and `overwrite` is False, or it cannot be written.
    """
    if not os.fspath(path).endswith(".weights.h5"):
        raise invalid("save_weights", "path", "a file name that ends in .weights.h5", path)
    if not model.built:
        raise InvalidCall(f"{model.name}: the weights do not exist yet. Call the model, or build it, first.")
    data = weights.weights_bytes(model)
    archive.write_beside(path, lambda file: file.write(data), overwrite)


def load_weights(model: Any, path: PathLike, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a `.weights.h5` or `.keras` file. Nothing is changed unless all of them fit.

    Args:
        model: with its weights made.
        path: of the file.
        skip_mismatch: take what fits, and leave the other weights as they are.

    Raises:
        BadFile: the file is missing, damaged, hostile, or its weights do not fit; every one that does not is named.
        InvalidCall: the model has no weights yet.
    """
    if archive.begins(path, "a file with weights").startswith(b"PK"):
        with archive.opened(path) as file:
            weights.load(model, file.weights(), str(path), skip_mismatch)
    else:
        weights.load(model, os.fspath(path), str(path), skip_mismatch)


def get_custom_objects() -> dict[str, Any]:
    """What `register_keras_serializable` has registered: name -> class or function. Changing it registers too."""
    return REGISTERED


class Saveable:
    """What a model can do with files."""

    #: the shapes of the inputs that a model without a graph was last called with
    built_for: Any = None
    #: facts that come with the model's file: class names, preprocessing
    extra: dict[str, Any] = {}

    def get_config(self) -> dict[str, Any]:
        """The layers, how they are connected, and the names of inputs and outputs."""
        return graph_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The model that `get_config` described, with new weights; `custom_objects` are classes of the user's."""
        with custom_object_scope(custom_objects or {}):
            return graph_from_config(cls, config)

    def to_json(self, **options: Any) -> str:
        """The layers and how they are connected as JSON, for `model_from_json`."""
        return to_json(self, **options)

    def save(self, path: Any, overwrite: bool = True) -> None:
        """Write the whole model to a `.keras` file that Keras 3 loads too, see `kerato.saving.save_model`.

        Raises:
            BadFile: the file exists and `overwrite` is False, or it cannot be written; an old file stays whole.
        """
        save_model(self, path, overwrite=overwrite)

    def to_keras(self, custom_objects: dict[str, Any] | None = None) -> Any:
        """The same model as an object of Keras 3, see `kerato.saving.to_keras`.

        Raises:
            MissingExtra: Keras 3 is not installed.
            InvalidValue: parts of the model have no counterpart there; all of them are named at once.
        """
        return to_keras(self, custom_objects)

    def save_weights(self, path: Any, overwrite: bool = True) -> None:
        """Write the weights to a `.weights.h5` file, see `kerato.saving.save_weights`."""
        save_weights(self, path, overwrite)

    def load_weights(self, path: Any, skip_mismatch: bool = False) -> None:
        """Take the weights of a `.weights.h5` or `.keras` file, see `kerato.saving.load_weights`.

        Raises:
            BadFile: they do not fit; each that does not is named, and nothing is changed.
        """
        load_weights(self, path, skip_mismatch)
