"""Whole models as `.h5` files in the layout of Keras 1 and 2, which Keras 3 writes and reads too.

The configuration and how the model was compiled are JSON in attributes of the file, the weights lie in
`model_weights`, the optimizer's state in `optimizer_weights`.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

from kerato import losses
from kerato.arguments import title
from kerato.errors import BadFile, InvalidValue, KeratoError
from kerato.ops import tree_map
from kerato.saving import layered
from kerato.saving.archive import PathLike, json_bytes
from kerato.saving.configuration import compile_from_record, model_from_record, model_record
from kerato.saving.hdf5 import Stored
from kerato.saving.records import one_sentence, reads

#: the attribute with Kerato's own facts
EXTRA = "kerato"


def model_bytes(model: Any, version: str, extra: bytes | None = None, include_optimizer: bool = True) -> bytes:
    """The HDF5 file of a model; `version` is that of Keras whose layout is written, `extra` JSON of one's own.

    Raises:
        InvalidValue: the model is a subclass with a constructor of its own, for which this layout has no place.
    """
    import h5py

    found = model_record(model)
    if "layers" not in found["config"]:
        raise InvalidValue(
            f"{title(model)}: an .h5 file holds Sequential models and graphs only. Save it as a .keras file."
        )
    compiled = found.pop("compile_config", None)
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version.encode(), b"tensorflow"
        file.attrs["model_config"] = json_bytes(layered.old("written")(found))
        if extra is not None:
            file.attrs[EXTRA] = extra
        layered.write_layers(file.create_group("model_weights"), model, version)
        if compiled and include_optimizer:
            file.attrs["training_config"] = json_bytes(_training(compiled))
            layered.write_variables(file.create_group("optimizer_weights"), model.optimizer.variables)
    return memory.getvalue()


def _training(compiled: dict[str, Any]) -> dict[str, Any]:
    parts = {name: layered.old("simple")(value) for name, value in compiled.items()}
    for name in ("loss", "metrics", "weighted_metrics"):
        parts[name] = tree_map(_whole_name, parts[name])
    return {**parts, "optimizer_config": parts.pop("optimizer")}


def _whole_name(value: Any) -> Any:
    """'mean_squared_error' for 'mse': with the short one Keras 3 cannot load even its own `.h5` files."""
    return losses.FAMILY.aliases.get(value, value) if isinstance(value, str) else value


def load(path: PathLike, custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Any:
    """The model in an `.h5` file of Keras 1, 2 or 3, or of Kerato.

    Raises:
        BadFile: the file is damaged, hostile, or holds weights only.
        UnknownName: it names a class or function that is neither Kerato's nor in `custom_objects`.
    """
    with Stored(path, str(path)) as stored, one_sentence(path), reads(str(path), custom_objects):
        config, origin = stored.json("", "model_config"), layered.origin_of(stored, "")
        if config is None:
            raise BadFile(
                f"{path}: holds weights, not a whole model. Make the model and call model.load_weights(path)."
            )
        if "model_weights" not in stored.groups:
            raise BadFile(f"{path}: has no group model_weights. Copy or save it again.")
        with layered.old("dialect")(origin):
            model = model_from_record(layered.old("record")(config, origin), compiled=False)
            model.extra = _extra(stored)
            layered.load_layers(model, stored, "model_weights")
            if compile:
                _compile(model, stored)
    return model


def _extra(stored: Stored) -> dict[str, Any]:
    found = stored.json("", EXTRA)
    if not isinstance(found, dict | None):
        raise BadFile(f"{stored.owner}: {EXTRA} in it is no dict. Save the model again.")
    return found or {}


def _compile(model: Any, stored: Stored) -> None:
    """Compile the model as it was; what cannot be made again leaves it uncompiled, with a warning as in Keras."""
    training = stored.json("", "training_config")
    if not isinstance(training, dict):
        return
    try:
        compile_from_record(model, {"compile_config": layered.old("compiled")(training)})
    except KeratoError as error:
        reason, remedy = str(error).removeprefix(f"{stored.owner}: "), "Compile it, or pass yours as custom_objects."
        warnings.warn(f"{stored.owner}: {reason} The model is not compiled. {remedy}", stacklevel=5)
        return
    if "optimizer_weights" in stored.groups:
        places = layered.listed(stored, "optimizer_weights")
        arrays = [stored.read(place) for place in places if place in stored.found]
        for variable, array in layered.old("state")(model.optimizer, arrays, model.trainable_weights):
            variable.assign(array)


def read_extra(path: PathLike) -> dict[str, Any]:
    """The facts that came with a model into an `.h5` file.

    Raises:
        BadFile: the file is damaged.
    """
    with Stored(path, str(path)) as stored:
        return _extra(stored)


def layers_bytes(model: Any, version: str) -> bytes:
    """The HDF5 file of a model's weights alone in this layout."""
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        layered.write_layers(file, model, version)
    return memory.getvalue()
