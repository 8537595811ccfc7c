"""Objects as plain data and back: what a file may name, and nothing else.

A record is `{"module", "class_name", "config", "registered_name"}`, as in Keras 3. Names are looked up in Kerato's own
families and in what the loading program has registered or passed as `custom_objects`; no module is ever imported
because a file says so, and no code is read from one.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerato import (
    activations,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from kerato.arguments import Configurable, parameters
from kerato.errors import BadFile, InvalidCall, InvalidType, KeratoError, UnknownName, sentence, show, suggest
from kerato.layers.base import Layer
from kerato.saving import counterparts

#: where Keras users find a family -> its members by name
FAMILIES: dict[str, dict[str, Any]] = {
    "layers": {
        name: kind
        for name in layers.__all__
        if isinstance(kind := getattr(layers, name), type) and issubclass(kind, Layer) and kind is not Layer
    },
    "optimizers.schedules": schedules.FAMILY.members,
    **counterparts.FAMILIES,
    **{
        room.__name__.rpartition(".")[2]: room.FAMILY.members
        for room in (activations, constraints, initializers, losses, metrics, optimizers, regularizers)
    },
}

#: classes of models, which `kerato.models` enters here: it comes after this room
MODELS: dict[str, type[Any]] = {}

#: what this program has registered: name -> class or function
REGISTERED: dict[str, Any] = {}

#: arguments of Keras's classes that Kerato's have not, with values that ask for nothing
_IDLE: dict[str, tuple[Any, ...]] = {
    "synchronized": (False,),
    "renorm": (False,),
    "renorm_momentum": (0.99,),
    "rms_scaling": (False,),
    "use_gate": (False,),
}

#: modules in which versions of Keras keep `Model` and `Sequential`, less the first part
_MODEL_ROOMS = ("", "models", "src.models.functional", "src.models.model", "src.models.sequential")

_NUMBERS = (*config.FLOAT_TYPES, "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "bool")


@dataclass(frozen=True)
class Reading:
    """What is being read: how messages call it, the classes and functions that the program added, shared layers."""

    owner: str = "from_config"
    custom: dict[str, Any] = field(default_factory=dict)
    shared: dict[Any, Any] = field(default_factory=dict)

    def damaged(self, what: str) -> BadFile:
        """A configuration that no program wrote, as an exception to raise."""
        return BadFile(f"{self.owner}: the configuration is damaged: {what}. Save the model again.")


_NOTHING = Reading()
_reading: ContextVar[Reading] = ContextVar("reading", default=_NOTHING)


def reading() -> Reading:
    """What is being read now."""
    return _reading.get()


@contextlib.contextmanager
def reads(owner: str | None = None, custom: dict[str, Any] | None = None) -> Iterator[Reading]:
    """Within the block, messages begin with `owner`, and the objects of `custom` are known too."""
    outer = _reading.get()
    shared = outer.shared if owner is None and outer is not _NOTHING else {}
    token = _reading.set(Reading(owner or outer.owner, {**outer.custom, **(custom or {})}, shared))
    try:
        yield _reading.get()
    finally:
        _reading.reset(token)


@contextlib.contextmanager
def one_sentence(owner: Any) -> Iterator[None]:
    """Whatever goes wrong while a configuration is read becomes an error that names `owner`."""
    try:
        yield
    except KeratoError as error:
        raise error if str(error).startswith(str(owner)) else type(error)(f"{owner}: {error}") from None
    except (RecursionError, MemoryError, OverflowError) as error:
        raise BadFile(f"{owner}: the model is nested too deeply or too large ({type(error).__name__}).") from None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise BadFile(f"{owner}: the configuration is damaged ({reason}). Save the model again.") from error


def custom_object_scope(objects: dict[str, Any]) -> contextlib.AbstractContextManager[Reading]:
    """Within the block, these classes and functions may be named by configurations: name -> object."""
    return reads(None, objects)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """A decorator: files may name the class or function that it stands above, as `package>name`."""

    def register(item: Any) -> Any:
        REGISTERED[f"{package}>{name or item.__name__}"] = item
        return item

    return register


# -- writing -----------------------------------------------------------------------------------------------------------


def home(kind: type[Any]) -> tuple[str, str | None]:
    """(module, registered name) of a class: a family of Keras, or the user's own module."""
    for family, members in FAMILIES.items():
        if members.get(kind.__name__) is kind:
            return f"keras.{family}", kind.__name__ if family in counterparts.FAMILIES else None
    if kind is models().get(kind.__name__):
        return ("keras", None) if kind.__name__ == "Sequential" else ("keras.src.models.functional", "Functional")
    return kind.__module__, registered_name(kind)


def registered_name(item: Any) -> str:
    """The name that files give to a class or function of the user's."""
    return next((name for name, known in REGISTERED.items() if known is item), str(item.__name__))


def models() -> dict[str, type[Any]]:
    """`MODELS`, filled."""
    if not MODELS:
        importlib.import_module("kerato.models")
    return MODELS


def record(value: Configurable) -> dict[str, Any]:
    """An object as a record."""
    kind = type(value)
    module, registered = home(kind)
    name = "Functional" if registered == "Functional" else kind.__name__
    return {"module": module, "class_name": name, "config": described(value), "registered_name": registered}


def described(value: Configurable) -> dict[str, Any]:
    """`value.get_config()` with every part in a form that Keras reads too."""
    found = value.get_config()
    for name in found:
        part = value.__dict__.get(name, value.__dict__.get("_arguments", {}).get(name))
        if callable(part) and not isinstance(part, type):
            found[name] = _function(part, value, by_name=not isinstance(value, layers.Lambda))
    return {name: plain(part) for name, part in found.items()}


def _function(part: Any, owner: Any, by_name: bool = True) -> Any:
    """A function as its family's name for it where `by_name`, else as a record of its name; no code."""
    if isinstance(part, Configurable):
        return part
    name = getattr(part, "__name__", type(part).__name__)
    if by_name and any(members.get(name) is part for members in FAMILIES.values()):
        return name
    known = registered_name(part) if name.isidentifier() else getattr(owner, "name", name)
    return {"module": "builtins", "class_name": "function", "config": known, "registered_name": known}


def plain(value: Any) -> Any:
    """Any part of a configuration as data that JSON can hold.

    Raises:
        InvalidType: it is of a kind that no file can hold.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Configurable):
        return record(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, slice):
        parts = {name: plain(getattr(value, name)) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if hasattr(value, "dtype") and hasattr(value, "tolist") and not hasattr(value, "take_op"):
        return _array(value)
    if callable(value) and hasattr(value, "__name__") and not isinstance(value, type):
        return _function(value, None)
    raise InvalidType(f"save: {show(value)} cannot be written to a file. Use numbers, names and arrays of numbers.")


def _array(value: Any) -> Any:
    dtype = str(value.dtype)
    numbers = np.asarray(value).astype("float32" if dtype == "bfloat16" else dtype).tolist()
    return numbers if np.ndim(value) == 0 else {"class_name": "__numpy__", "config": {"value": numbers, "dtype": dtype}}


# -- reading -----------------------------------------------------------------------------------------------------------


def revived(value: Any) -> Any:
    """A part of a configuration with every record in it made into the object that it describes."""
    if isinstance(value, list):
        return [revived(item) for item in value]
    if isinstance(value, dict) and "class_name" in value and "config" in value:
        return from_record(value)
    return {name: revived(item) for name, item in value.items()} if isinstance(value, dict) else value


def from_record(found: Any) -> Any:
    """The object that a record describes.

    Raises:
        UnknownName: its class is neither Kerato's nor registered.
        BadFile: it is no record.
    """
    if not isinstance(found, dict) or not isinstance(found.get("class_name"), str):
        raise reading().damaged(f"{show(found)} is no record of an object")
    name, inner = found["class_name"], found.get("config")
    if name in _SPECIAL:
        return _SPECIAL[name](inner)
    if name == "function":
        return _known_function(found)
    if not isinstance(inner, dict):
        raise reading().damaged(f"the configuration of {show(name)} is {show(inner)}")
    shared, number = reading().shared, found.get("shared_object_id")
    if isinstance(number, int) and number in shared:
        return shared[number]
    kind = _known_class(found)
    # Outside of a file, whose reader says what its words mean, a record with its module is one of today's.
    today = found.get("module") and reading().owner == Reading.owner
    with config.dialect(None) if today else contextlib.nullcontext():
        result = made(kind, inner) if isinstance(kind, type) else kind
    if isinstance(number, int):
        shared[number] = result
    return result


def made(kind: type[Any], inner: dict[str, Any]) -> Any:
    """An object of `kind` from its configuration; a class of the user's with a `from_config` of its own gets it raw."""
    if kind in models().values() or _reads_itself(kind):
        return kind.from_config(dict(inner))
    if kind is layers.Lambda and isinstance(inner.get("function"), list):
        _code(inner)
    accepted = parameters(kind)
    options = {name: value for name, value in inner.items() if name in accepted or not _is_idle(name, value)}
    parts = {name: revived(value) for name, value in options.items()}
    custom = custom_objects()
    for name, value in parts.items():
        if name != "name" and isinstance(value, str) and callable(custom.get(value)):
            parts[name] = custom[value]
    return kind.from_config(parts)


def _reads_itself(kind: type[Any]) -> bool:
    own = next((base for base in kind.__mro__ if "from_config" in base.__dict__), Configurable)
    return own.__module__.partition(".")[0] != "kerato"


def _is_idle(name: str, value: Any) -> bool:
    return value is None or (name in _IDLE and value in _IDLE[name])


def custom_objects() -> dict[str, Any]:
    """What the program has registered, and what is passed for this file."""
    return {**REGISTERED, **reading().custom}


def _custom(found: dict[str, Any]) -> Any:
    known = custom_objects()
    for name in (found.get("registered_name"), found["class_name"]):
        if isinstance(name, str) and name in known:
            return known[name]
    return None


def _known_class(found: dict[str, Any]) -> Any:
    custom = _custom(found)
    if custom is not None:
        return custom
    name, module = found["class_name"], found.get("module")
    members = _members(module)
    if name in members:
        return members[name]
    if members:
        raise _unknown("class", name, members)
    raise _unknown("class", name, custom_objects(), f" of the module {show(module)}" if module else "")


def _members(module: Any) -> dict[str, Any]:
    """The classes that a file may name with this module; none where the module is not Keras's."""
    if not isinstance(module, str) or module.partition(".")[0] not in ("keras", "kerato"):
        return {}
    inner = module.partition(".")[2]
    return {**models(), **FAMILIES["layers"]} if inner in _MODEL_ROOMS else FAMILIES.get(inner, {})


def _known_function(found: dict[str, Any]) -> Any:
    name, module = found.get("config"), found.get("module")
    custom = _custom({**found, "class_name": name})
    if custom is not None:
        return custom
    members: dict[str, Any] = {}
    for room in ("metrics", "losses", "activations"):
        if module in ("builtins", f"keras.{room}", None):
            members |= {key: item for key, item in FAMILIES[room].items() if not isinstance(item, type)}
    if isinstance(name, str) and name in members:
        return members[name]
    raise _unknown("function", name, {**members, **custom_objects()})


def _unknown(kind: str, name: Any, known: dict[str, Any], where: str = "") -> UnknownName:
    remedy = f"Files hold no code: pass what is yours as custom_objects={{{show(name)}: ...}}."
    return UnknownName(
        sentence(f"{reading().owner}: the {kind} {show(name)}{where} is not known.", suggest(name, known), remedy)
    )


def _numbers(inner: Any) -> Any:
    if not isinstance(inner, dict) or inner.get("dtype") not in _NUMBERS or "value" not in inner:
        raise reading().damaged(f"{show(inner)} is no array of numbers")
    return np.array(inner["value"], dtype="float32" if inner["dtype"] == "bfloat16" else inner["dtype"])


def _slice(inner: Any) -> slice:
    return slice(*(revived(inner.get(name)) for name in ("start", "stop", "step")))


def _policy(inner: Any) -> Any:
    return inner.get("name")


def _code(inner: Any) -> Any:
    raise InvalidCall(
        f"{reading().owner}: a Lambda holds Python code, and code from files is never run. Write it as a named "
        "function, save by that name, and pass custom_objects={'name': function}."
    )


_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "__numpy__": _numbers,
    "__tensor__": _numbers,
    "__slice__": _slice,
    "__ellipsis__": lambda _: Ellipsis,
    "__lambda__": _code,
    "DTypePolicy": _policy,
}
