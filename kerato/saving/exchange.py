"""Models as objects of Keras 3 and back, without a file: the same configuration and the same weights.

Keras is imported only when a model goes out; a model that comes in brings its own.
"""

from __future__ import annotations

import copy
import importlib
import json
import re
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from kerato import config
from kerato.arguments import title
from kerato.errors import InvalidCall, InvalidType, InvalidValue, KeratoError, MissingExtra, plural, show
from kerato.saving.configuration import compile_from_record, model_from_record, model_record
from kerato.saving.operations import OURS, known_operation
from kerato.saving.records import from_record, one_sentence, reads

#: what a model is compiled with, in its record
_COMPILED = "compile_config"

# -- in ----------------------------------------------------------------------------------------------------------------


def from_keras(model: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The same model in Kerato: architecture, weights, how it was compiled and its optimizer's state.

    Args:
        model: a model of Keras 3, on any backend.
        custom_objects: Kerato's classes and functions for those of the user's in the model: name -> object.

    Returns:
        A model of Kerato with copies of the weights. What it was compiled with and cannot cross is named in a warning,
        and the model is not compiled then.

    Raises:
        InvalidType: `model` is no model of Keras 3.
        InvalidCall: the model has no weights yet.
        InvalidValue: parts of it have no counterpart; all of them are named at once.
    """
    if not _is_keras_model(model):
        raise InvalidType(f"from_keras: `model` must be a model of Keras 3. Got {show(model)}.")
    if not model.built:
        raise InvalidCall(f"from_keras: {model.name} has no weights yet. Call the model, or build it, first.")
    room = sys.modules[type(model).__mro__[-2].__module__.partition(".")[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Keras says about code in files: there is no file
        found = json.loads(json.dumps(room.saving.serialize_keras_object(model)))
    compiled = found.pop(_COMPILED, None)
    with one_sentence("from_keras"), reads("from_keras", custom_objects), config.dialect(None):
        _refuse(_strangers(found), "from_keras", model.name, "Kerato", "custom_objects={'name': counterpart}")
        ours = model_from_record(found, compiled=False)
        ours.set_weights(model.get_weights())
        if compiled:
            _compile_ours(ours, {**found, _COMPILED: compiled}, model)
    return ours


def _is_keras_model(model: Any) -> bool:
    kinds = type(model).__mro__
    return any(kind.__name__ == "Model" and kind.__module__.startswith("keras.src.") for kind in kinds)


def _compile_ours(ours: Any, found: dict[str, Any], theirs: Any) -> None:
    try:
        compile_from_record(ours, found)
    except KeratoError as error:
        warnings.warn(f"{error} The model is not compiled.", stacklevel=4)
        return
    values = [variable.numpy() for variable in theirs.optimizer.variables] if theirs.optimizer.built else []
    mine = list(ours.optimizer.variables)
    if [tuple(value.shape) for value in values] == [variable.shape for variable in mine]:
        for variable, value in zip(mine, values, strict=True):
            variable.assign(value)


def _strangers(found: Any) -> Iterator[str]:
    """The layers, operations and parts of layers that a record names and Kerato has not."""
    for name, item in _layers(found):
        if known_operation(item.get("module"), item["class_name"], item["config"]) is None:
            try:
                from_record(item)
            except (KeratoError, TypeError, ValueError) as error:
                yield f"{name} ({item['class_name']}: {_reason(error)})"


def _layers(found: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, record) of each layer or operation of a model's record; models inside are gone through."""
    inner = found.get("config") if isinstance(found, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        for item in inner["layers"]:
            yield from _layers(item)
    elif isinstance(inner, dict):
        yield str(found.get("name") or inner.get("name") or name), {**found, "config": inner}


def _reason(error: Exception) -> str:
    """What an error says, less the owner and the remedies, which come once; Keras says the reason last."""
    text = str(error).strip().partition("Exception encountered:")[2] or str(error)
    text = text.strip().partition("\n")[0].removeprefix("from_keras: ")
    return re.split(r"\. (?:Files hold|Write it|Please ensure)", text)[0].rstrip(".") or type(error).__name__


def _refuse(parts: Iterator[str], owner: str, name: str, where: str, remedy: str) -> None:
    listed = list(parts)
    if listed:
        raise InvalidValue(
            f"{owner}: {plural(len(listed), 'part')} of the model {name!r} cannot cross to {where}: "
            f"{'; '.join(listed)}. Replace them, or give counterparts with {remedy}."
        )


# -- out ---------------------------------------------------------------------------------------------------------------


def to_keras(model: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The same model in Keras 3: architecture, weights, how it was compiled and its optimizer's state.

    Args:
        model: any model of Kerato with weights.
        custom_objects: Keras's classes and functions for those of the user's in the model: name -> object.

    Raises:
        MissingExtra: Keras 3 is not installed.
        InvalidCall: the model has no weights yet.
        InvalidValue: parts of it have no counterpart in Keras 3; all of them are named at once.
    """
    if not model.built:
        raise InvalidCall(f"{title(model)}: the weights do not exist yet. Call the model, or build it, first.")
    keras, found = _keras(), model_record(model)
    compiled = found.pop(_COMPILED, None)
    known = custom_objects or {}
    _refuse(_foreign(keras, found, known), "to_keras", model.name, "Keras 3", "custom_objects={'name': counterpart}")
    theirs = keras.saving.deserialize_keras_object(found, custom_objects=known)
    theirs.set_weights(model.get_weights())
    if compiled:
        _compile_theirs(theirs, compiled, model, known)
    return theirs


def _keras() -> ModuleType:
    try:
        keras = importlib.import_module("keras")
    except ModuleNotFoundError as error:
        if error.name == "keras":
            raise MissingExtra("to_keras needs the package keras. Install it with: pip install keras") from None
        raise InvalidCall(f"to_keras: Keras cannot start ({error}). Set KERAS_BACKEND=jax before.") from None
    version = str(getattr(keras, "__version__", "of an unknown version"))
    if not version.startswith("3.") or "kerato" in str(getattr(keras, "__file__", "kerato")):
        raise InvalidCall(f"to_keras: needs Keras 3, and `import keras` gives Keras {version} here.")
    return keras


def _foreign(keras: ModuleType, found: Any, known: dict[str, Any]) -> Iterator[str]:
    """The layers and operations that Keras cannot make from their records, with the reason."""
    for name, item in _layers(found):
        ours = item.get("module") == OURS
        reason = "an operation of Kerato's" if ours else _failure(keras, item, known)
        if reason:
            yield f"{name} ({item['class_name']}: {reason})"


def _failure(keras: ModuleType, item: dict[str, Any], known: dict[str, Any]) -> str:
    if item["class_name"] == "Lambda" and item["config"]["function"]["config"] not in known:
        return "its function is code of this program"
    plain = {key: item.get(key) for key in ("module", "class_name", "config", "registered_name")}
    try:
        # Keras takes parts out of what it reads.
        keras.saving.deserialize_keras_object(copy.deepcopy(plain), custom_objects=known)
    except Exception as error:  # whatever Keras raises, the layer cannot cross
        return _reason(error)
    return ""


def _compile_theirs(theirs: Any, compiled: dict[str, Any], model: Any, known: dict[str, Any]) -> None:
    keras = _keras()
    try:
        with keras.saving.custom_object_scope(known):
            theirs.compile_from_config(compiled)
    except Exception as error:  # a loss of the user's, an optimizer with an old formula
        warnings.warn(f"to_keras: {_reason(error)}. The model is not compiled.", stacklevel=3)
        return
    mine = list(model.optimizer.variables)
    if mine and theirs.optimizer is not None:
        theirs.optimizer.build(theirs.trainable_variables)
        for variable, value in zip(theirs.optimizer.variables, mine, strict=True):
            variable.assign(value.numpy())
