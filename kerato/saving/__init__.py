"""Saving and loading, chosen by the ending of the file's name; one strict reader behind all.

`.keras` archives and `.weights.h5` files are in Keras 3's layout, `.h5` files in that of Keras 1 and 2; `.safetensors`
files have the weights under the paths of Keras 3's layout.
"""

from __future__ import annotations

import os
from typing import Any

from kerato import __version__, config
from kerato.errors import InvalidCall, InvalidType, invalid
from kerato.saving import archive, hdf5_models, layered, tensors, weights
from kerato.saving.archive import CONFIG, EXTRA, METADATA, WEIGHTS, PathLike
from kerato.saving.configuration import (
    graph_config,
    graph_from_config,
    model_from_config,
    model_from_json,
    model_from_record,
    model_from_yaml,
    model_record,
    to_json,
)
from kerato.saving.exchange import from_keras, to_keras
from kerato.saving.hdf5 import Stored
from kerato.saving.records import REGISTERED, custom_object_scope, one_sentence, reads, register_keras_serializable

__all__ = [
    "Saveable",
    "custom_object_scope",
    "from_keras",
    "get_custom_objects",
    "load_model",
    "load_weights",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "read_extra",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "to_json",
    "to_keras",
]

#: the version of Keras whose layout is written
LAYOUT = "3.15.1"

#: endings of files in the layout of Keras 1 and 2
HDF5 = (".h5", ".hdf5")
TENSORS = ".safetensors"


def save_model(
    model: Any,
    filepath: PathLike,
    overwrite: bool = True,
    extra: dict[str, Any] | None = None,
    include_optimizer: bool = True,
) -> None:
    """Write a model with its weights, how it was compiled and its optimizer's state to a `.keras` or `.h5` file.

    Keras 3 loads both too. The same model gives the same bytes.

    Args:
        model: any model; Lambdas are saved by the name of their function.
        filepath: ends in `.keras`, or in `.h5` or `.hdf5` for the layout of Keras 2.
        overwrite: whether an existing file is replaced; it stays whole until the new one is complete.
        extra: facts for `read_extra` and for `load_model(filepath).extra`, such as class names; plain data. What a
            loaded model has as `extra` is saved again unless given.
        include_optimizer: whether how it was compiled and the optimizer's state are written.

    Raises:
        InvalidValue: `filepath` ends otherwise, or the model holds something that cannot be written.
        BadFile: the file exists and `overwrite` is False, or it cannot be written.
    """
    facts = _extra_bytes(model.extra if extra is None else extra)
    ending = _ending("save", filepath, (".keras", *HDF5))
    if ending in HDF5:
        data = hdf5_models.model_bytes(model, LAYOUT, None if facts == b"{}" else facts, include_optimizer)
        archive.write_beside(filepath, lambda file: file.write(data), overwrite)
        return
    record = model_record(model)
    if not include_optimizer:
        record.pop("compile_config", None)
    members = {
        METADATA: archive.json_bytes({"keras_version": LAYOUT, "kerato_version": __version__}),
        CONFIG: archive.json_bytes(record),
        WEIGHTS: weights.weights_bytes(model, include_optimizer),
        EXTRA: facts,
    }
    archive.write_archive(filepath, members, overwrite)


def _ending(owner: str, path: PathLike, known: tuple[str, ...]) -> str:
    found = next((ending for ending in known if os.fspath(path).endswith(ending)), None)
    if found is None:
        raise invalid(owner, "filepath", f"a file name that ends in {', '.join(known[:-1])} or {known[-1]}", path)
    return found


def _extra_bytes(extra: Any) -> bytes:
    if not isinstance(extra, dict):
        raise invalid("save", "extra", "a dict", extra)
    try:
        return archive.json_bytes(extra)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"save: `extra` must be plain data (numbers, texts, lists, dicts). {error}.") from None


def load_model(
    filepath: PathLike, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a `.keras` or `.h5` file that Kerato or Keras wrote, ready to predict or to go on training.

    No code is read from the file: a Lambda is known by its function's name, which the program gives in
    `custom_objects`.

    Args:
        filepath: of the file.
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
    if archive.is_hdf5(archive.begins(filepath)):
        return hdf5_models.load(filepath, custom_objects, compile)
    with (
        archive.opened(filepath) as file,
        one_sentence(filepath),
        reads(str(filepath), custom_objects),
        config.dialect(None),
    ):
        model = model_from_record(file.json(CONFIG), compile)
        model.extra = _extra(file)
        weights.load(model, file.weights(), str(filepath))
    return model


def _extra(file: archive.Archive) -> dict[str, Any]:
    found = file.json(EXTRA) if EXTRA in file else {}
    if not isinstance(found, dict):
        raise file.bad(f"{EXTRA} in it is no dict. Save the model again")
    return found


def read_extra(path: PathLike) -> dict[str, Any]:
    """The facts that `save_model(..., extra=...)` put into a `.keras` or `.h5` file; empty for a file of Keras.

    Raises:
        BadFile: the file is missing, damaged or none of these.
    """
    if archive.is_hdf5(archive.begins(path)):
        return hdf5_models.read_extra(path)
    with archive.opened(path) as file:
        return _extra(file)


def save_weights(model: Any, filepath: PathLike, overwrite: bool = True) -> None:
    """Write the weights of a model to a file; Keras 3 loads those in HDF5 too.

    Args:
        model: with its weights made.
        filepath: ends in `.weights.h5` for Keras 3's layout, in `.safetensors` (with the optimizer's state), or in
            `.h5` or `.hdf5` for Keras 2's layout.
        overwrite: whether an existing file is replaced; it stays whole until the new one is complete.

    Raises:
        InvalidValue: `filepath` ends otherwise.
        InvalidCall: the model has no weights yet.
        BadFile: the file exists and `overwrite` is False, or it cannot be written.
        MissingExtra: `filepath` ends in `.safetensors`, and safetensors is not installed.
    """
    ending = _ending("save_weights", filepath, (".weights.h5", TENSORS, *HDF5))
    if not model.built:
        raise InvalidCall(f"{model.name}: the weights do not exist yet. Call the model, or build it, first.")
    if ending == TENSORS:
        data = tensors.tensors_bytes(model)
    else:
        data = hdf5_models.layers_bytes(model, LAYOUT) if ending in HDF5 else weights.weights_bytes(model)
    archive.write_beside(filepath, lambda file: file.write(data), overwrite)


def load_weights(
    model: Any,
    filepath: PathLike,
    skip_mismatch: bool = False,
    by_name: bool = False,
    original_backend: str | None = None,
) -> None:
    """Give a model the weights of a file. Nothing is changed unless all of them fit.

    Args:
        model: with its weights made.
        filepath: of a `.weights.h5`, `.keras`, `.safetensors` or `.h5` file; weights of Keras 0, 1 and 2 are read too.
        skip_mismatch: take what fits, and leave the other weights as they are.
        by_name: match layers by their names, and leave those that the file has not as they are; for `.h5` files.
        original_backend: `'theano'` for a file of Keras 0 or 1 that Theano trained: its kernels are flipped.

    Raises:
        BadFile: the file is missing, damaged, hostile, or its weights do not fit; every one that does not is named.
        InvalidCall: the model has no weights yet, or `by_name` is asked of a file without names.
        MissingExtra: `filepath` ends in `.safetensors`, and safetensors is not installed.
    """
    if os.fspath(filepath).endswith(TENSORS):
        archive.begins(filepath, "a file with weights")
        _refuse_by_name(by_name, filepath)
        with tensors.Tensors(filepath) as stored:
            weights.load_stored(model, stored, skip_mismatch)
        return
    if archive.begins(filepath, "a file with weights").startswith(b"PK"):
        _refuse_by_name(by_name, filepath)
        with archive.opened(filepath) as file:
            weights.load(model, file.weights(), str(filepath), skip_mismatch)
        return
    with Stored(os.fspath(filepath), str(filepath)) as file:
        root = layered.root_of(file)
        if root is None:
            _refuse_by_name(by_name, filepath)
            weights.load_stored(model, file, skip_mismatch)
        else:
            layered.load_layers(model, file, root, by_name, skip_mismatch, original_backend)


def _refuse_by_name(by_name: bool, path: PathLike) -> None:
    if by_name:
        raise InvalidCall(f"{path}: weights in Keras 3's layout have no names of layers. Load them without by_name.")


def get_custom_objects() -> dict[str, Any]:
    """What `register_keras_serializable` has registered: name -> class or function. Changing it registers too."""
    return REGISTERED


class Saveable:
    """What a model can do with files."""

    #: the shapes of the inputs that a model without a graph was last called with
    built_for: Any = None

    @property
    def extra(self) -> dict[str, Any]:
        """Facts that come with the model's file: class names, preprocessing."""
        found: dict[str, Any] = self.__dict__.setdefault("_extra", {})
        return found

    @extra.setter
    def extra(self, facts: dict[str, Any]) -> None:
        self.__dict__["_extra"] = facts

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

    def to_yaml(self, **options: Any) -> str:
        """Not available, as in Keras since 2.6.

        Raises:
            InvalidCall: always, with what to use.
        """
        raise InvalidCall(f"{self.name}: YAML is not written, since reading it can run code. Use to_json.")  # type: ignore[attr-defined]

    def save(self, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
        """Write the whole model to a `.keras` or `.h5` file that Keras 3 loads too, see `kerato.saving.save_model`.

        Raises:
            BadFile: the file exists and `overwrite` is False, or it cannot be written; an old file stays whole.
        """
        save_model(self, filepath, overwrite=overwrite, include_optimizer=include_optimizer)

    def to_keras(self, custom_objects: dict[str, Any] | None = None) -> Any:
        """The same model as an object of Keras 3, see `kerato.saving.to_keras`.

        Raises:
            MissingExtra: Keras 3 is not installed.
            InvalidValue: parts of the model have no counterpart there; all of them are named at once.
        """
        return to_keras(self, custom_objects)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights to a file, see `kerato.saving.save_weights`."""
        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, **options: Any) -> None:
        """Take the weights of a file, see `kerato.saving.load_weights`.

        Raises:
            BadFile: they do not fit; each that does not is named, and nothing is changed.
        """
        load_weights(self, filepath, skip_mismatch, by_name, **options)
