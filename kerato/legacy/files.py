"""Configurations in files of Keras 0, 1 and 2, and of Keras 3 in `.h5`: into today's records, and back to Keras 2's.

A record of theirs names no module: which family a part belongs to follows from the argument that holds it. Old keywords
are read by the old dialect when the object is made; only the form is changed here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from kerato import config
from kerato.errors import InvalidCall
from kerato.legacy import kernels
from kerato.legacy.modules import RENAMED_LAYERS
from kerato.legacy.tables import NAMES, translate
from kerato.saving.layered import OLD, Origin
from kerato.saving.records import FAMILIES, custom_objects, reading

Config = dict[str, Any]

#: `mode` of Keras 1's Merge -> today's layer
MERGES = {
    "ave": "Average",
    "concat": "Concatenate",
    "cos": "Dot",
    "dot": "Dot",
    "max": "Maximum",
    "mul": "Multiply",
    "sum": "Add",
}
#: end of an argument's name -> the family that a record in it belongs to
_PARTS = {
    "_initializer": "initializers",
    "_regularizer": "regularizers",
    "_constraint": "constraints",
    "learning_rate": "optimizers.schedules",
    "activation": "activations",
}
#: arguments that hold layers
_INNER = ("layer", "cell", "backward_layer", "forward_layer")
#: parts of configurations that say nothing about the numbers
_DROPPED = {
    "InputLayer": ("sparse", "ragged"),
    "Lambda": ("function_type", "module", "output_shape_type", "output_shape_module"),
}
_DROPPED_OF_OPTIMIZERS = ("jit_compile", "is_legacy_optimizer", "weight_decay_vars")
#: arguments that Keras 2 did not have in all its versions, with the values that may be left out
_YOUNG: dict[str, Any] = {"groups": 1, "keepdims": False, "synchronized": False}
_CONTAINERS = ("Model", "Functional", "Sequential")

# -- reading -----------------------------------------------------------------------------------------------------------


def dialect_of(origin: Origin) -> AbstractContextManager[None]:
    """The dialect in which a file's arguments are meant.

    Keras itself up to 2.3 speaks the old one; TensorFlow's Keras 2 differs from today in names of formulas only.
    """
    if origin.number >= (3,):
        return config.dialect(None)
    return config.dialect(_names_only if origin.number >= (2, 4) or "tf" in origin.version else _without_a_word)


def _without_a_word(owner: str, args: tuple[Any, ...], kwargs: Config) -> tuple[tuple[Any, ...], Config]:
    """The old dialect; an older word in a file is nothing that a warning could mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return translate(owner, args, kwargs)


def _names_only(owner: str, args: tuple[Any, ...], kwargs: Config) -> tuple[tuple[Any, ...], Config]:
    return translate(owner, args, kwargs) if owner in NAMES else (args, kwargs)


def is_old(found: Any) -> bool:
    """Whether a record is one of Keras 0, 1 or 2: no module is named in it."""
    return isinstance(found, dict) and "module" not in found and ("class_name" in found or "layers" in found)


def modern(found: Config, origin: Origin) -> Config:
    """A record of a layer or model as today's."""
    found = _normal(found)
    if "module" in found:
        return dict(found)
    if not isinstance(found.get("config"), (dict, list)):
        raise reading().damaged(f"the configuration of {found.get('class_name')!r} is missing")
    name, inner = str(found["class_name"]), found["config"]
    rest: Config = {key: found[key] for key in ("name", "inbound_nodes", "shared_object_id") if key in found}
    if name == "Merge":
        name, inner = _merge(inner)
    name = RENAMED_LAYERS.get(name, name)
    if name == "Sequential":
        return {**_record("models", name, _sequential(inner, origin)), **rest}
    if name in _CONTAINERS or (isinstance(inner, dict) and isinstance(inner.get("layers"), list)):
        kind = "Functional" if name == "Model" else name
        return {**_record("models", kind, _graph(inner, origin)), "registered_name": name, **rest}
    if not isinstance(inner, dict):
        raise reading().damaged(f"the configuration of {name!r} is a list")
    return {**_record("layers", name, _layer(name, inner, origin)), "registered_name": name, **rest}


def _normal(found: Any) -> Config:
    """A record with its class's name under `class_name`; Keras 0 had it under `name`, beside the arguments."""
    if not isinstance(found, dict):
        raise reading().damaged("a layer in it is no record")
    if "class_name" in found or "config" in found:
        return found
    rest = dict(found)
    class_name, own = rest.pop("name", None), rest.pop("custom_name", None)
    return {"class_name": class_name, "config": {**rest, "name": own} if own else rest}


def _record(room: str, name: str, inner: Config) -> Config:
    return {"module": f"keras.{room}", "class_name": name, "config": inner, "registered_name": None}


def _layer(name: str, inner: Config, origin: Origin) -> Config:
    found = {key: _part(key, value, origin) for key, value in inner.items() if key not in _DROPPED.get(name, ())}
    if name == "InputLayer":
        found["batch_shape"] = found.pop("batch_input_shape", found.get("batch_shape"))
        found["dtype"] = found.pop("input_dtype", None) or found.get("dtype") or "float32"
    if name == "Lambda":
        found["function"] = _function(found)
    if isinstance(found.get("axis"), list) and len(found["axis"]) == 1:
        found["axis"] = found["axis"][0]
    if isinstance(found.get("dtype"), dict):
        found["dtype"] = (found["dtype"].get("config") or {}).get("name")
    return found


def _part(key: str, value: Any, origin: Origin) -> Any:
    if key in _INNER and isinstance(value, dict):
        return modern(value, origin)
    if key == "cells" and isinstance(value, list):
        return [modern(item, origin) for item in value]
    family = next((family for end, family in _PARTS.items() if key.endswith(end)), None)
    return value if family is None or not isinstance(value, dict) else _member(family, value)


def _member(family: str, value: Config) -> Any:
    """A record of a family's member; Keras 1 had the class's name beside the arguments."""
    if "module" in value:
        return value
    if "class_name" not in value:
        value = {"class_name": value.get("name"), "config": {k: v for k, v in value.items() if k != "name"}}
    name = str(value["class_name"])
    if family == "regularizers" and name.endswith("Regularizer"):
        name = "L1L2"
    return {**_record(family, name, value.get("config") or {}), "registered_name": name}


def _function(found: Config) -> Any:
    """A Lambda's function, by its name or, where the file has code, by the layer's."""
    function, name = found.get("function"), found.get("name")
    is_code = isinstance(function, list) or (isinstance(function, dict) and function.get("class_name") == "__lambda__")
    if is_code and name not in custom_objects():
        raise InvalidCall(
            f"{reading().owner}: the Lambda {name!r} holds Python code, and code from files is never run. Give its "
            f"function: custom_objects={{{name!r}: function}}."
        )
    known = name if is_code else function
    if not isinstance(known, str):
        return known
    return {"module": "builtins", "class_name": "function", "config": known, "registered_name": known}


def _merge(inner: Config) -> tuple[str, Config]:
    mode = inner.get("mode")
    if mode not in MERGES or inner.get("layers"):
        raise reading().damaged(
            f"the Merge {inner.get('name')!r} joins in a way that has no layer of its own ({mode!r})"
        )
    found: Config = {key: inner[key] for key in ("name", "trainable") if key in inner}
    if mode == "concat":
        found["axis"] = inner.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        found |= {"axes": inner.get("dot_axes", -1), "normalize": mode == "cos"}
    return MERGES[mode], found


def _sequential(inner: Any, origin: Origin) -> Config:
    found: Config = {"layers": inner} if isinstance(inner, list) else dict(inner)
    found["layers"] = [modern(item, origin) for item in _listed(found.get("layers"))]
    if isinstance(found.get("dtype"), dict):
        found["dtype"] = (found["dtype"].get("config") or {}).get("name")
    return found


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise reading().damaged("`layers` is no list of layers")
    return value


# -- the calls between layers ------------------------------------------------------------------------------------------


def _graph(inner: Any, origin: Origin) -> Config:
    if not isinstance(inner, dict):
        raise reading().damaged("the configuration of a graph is a list")
    layers = [modern(item, origin) for item in _listed(inner.get("layers"))]
    first = _first_calls(layers, inner.get("output_layers"))
    for layer in layers:
        layer["inbound_nodes"] = [_call(node, first) for node in layer.get("inbound_nodes") or []]
    found = {**inner, "layers": layers}
    ends = inner.get("output_layers") if origin.number >= (3,) else _outputs(inner.get("output_layers"), layers, first)
    found["input_layers"], found["output_layers"] = _single(inner.get("input_layers")), _single(ends)
    return found


def _first_calls(layers: list[Config], outputs: Any) -> dict[str, int]:
    """Name -> the number of its first call: 1 for models that hold a call of their own, which Keras 2 counts as 0."""
    highest: dict[str, int] = {}
    nodes = [layer.get("inbound_nodes") or [] for layer in layers]
    for name, index in [*_places([node for node in nodes if not _is_todays(node)]), *_places(outputs)]:
        highest[name] = max(index, highest.get(name, 0))
    counts = {_name(layer): len(calls) for layer, calls in zip(layers, nodes, strict=True)}
    inner = [_name(layer) for layer in layers if layer["class_name"] in _CONTAINERS]
    return {name: int(highest.get(name, 0) >= max(1, counts[name])) for name in inner}


def _is_todays(nodes: Any) -> bool:
    return any(isinstance(node, dict) and "args" in node for node in nodes)


def _name(layer: Config) -> str:
    return str(layer.get("name") or layer["config"].get("name"))


def _is_place(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and type(value[1]) is int


def _places(value: Any) -> Iterator[tuple[str, int]]:
    """(name, call) of all places in a structure."""
    if _is_place(value):
        yield value[0], value[1]
        value = value[3:]
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _places(item)


def _call(node: Any, first: dict[str, int]) -> Config:
    """A call with its arguments: a list of places, of which the last may carry further arguments."""
    if isinstance(node, dict) and "args" in node:
        return node
    places = [node] if _is_place(node) else node
    if not isinstance(places, (list, dict)) or not places:
        raise reading().damaged("a call in it is no list of places")
    listed = list(places.values()) if isinstance(places, dict) else places
    if not all(_is_place(place) for place in listed):
        raise reading().damaged("a call in it is no list of places")
    tensors: Any = [_tensor(place, first) for place in listed]
    if isinstance(places, dict):
        tensors = dict(zip(places, tensors, strict=True))
    options: Config = next((place[3] for place in listed if len(place) == 4 and place[3]), {})
    kwargs = {key: _option(value, first) for key, value in options.items() if value is not None}
    return {"args": [tensors[0] if isinstance(tensors, list) and len(tensors) == 1 else tensors], "kwargs": kwargs}


def _option(value: Any, first: dict[str, int]) -> Any:
    if _is_place(value):
        return _tensor(value, first)
    return [_option(item, first) for item in value] if isinstance(value, list) else value


def _tensor(place: list[Any], first: dict[str, int]) -> Config:
    name, call, output = place[:3]
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call - first.get(name, 0), output]}}


def _outputs(places: Any, layers: list[Config], first: dict[str, int]) -> Any:
    """Outputs with calls counted as today: from 1 for graphs in the graph, from 0 for all others."""
    if _is_place(places):
        name, call, output = places
        graphs = {_name(layer) for layer in layers if layer["class_name"] == "Functional"}
        return [name, call - first.get(name, 0) + (name in graphs), output]
    if isinstance(places, dict):
        return {key: _outputs(item, layers, first) for key, item in places.items()}
    return [_outputs(item, layers, first) for item in places] if isinstance(places, list) else places


def _single(places: Any) -> Any:
    return places[0] if isinstance(places, list) and len(places) == 1 and _is_place(places[0]) else places


# -- how a model was compiled ------------------------------------------------------------------------------------------


def compiled(found: Config) -> Config:
    """`training_config` as today's `compile_config`."""
    optimizer = dict(found.get("optimizer_config") or {})
    inner = {key: _part(key, value, Origin()) for key, value in (optimizer.get("config") or {}).items()}
    inner = {key: value for key, value in inner.items() if key not in _DROPPED_OF_OPTIMIZERS}
    if "learning_rate" in inner and "decay" in inner:
        inner["learning_rate"] = _decayed(inner["learning_rate"], inner.pop("decay"))
    return {
        "optimizer": _record("optimizers", str(optimizer.get("class_name")).rpartition(">")[2], inner),
        "loss": _members("losses", found.get("loss")),
        "metrics": _flat(_members("metrics", found.get("metrics"))),
        "weighted_metrics": _members("metrics", found.get("weighted_metrics")),
        "loss_weights": found.get("loss_weights"),
    }


def _decayed(rate: Any, decay: Any) -> Any:
    if not decay:
        return rate
    arguments = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
    return _record("optimizers.schedules", "InverseTimeDecay", arguments)


def _members(family: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_members(family, item) for item in value]
    if isinstance(value, dict) and "class_name" in value:
        inner = value.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("fn"), str):  # a wrapper around a function
            return inner["fn"]
        return inner if value["class_name"] == "function" else _member(family, value)
    return {key: _members(family, item) for key, item in value.items()} if isinstance(value, dict) else value


def _flat(metrics: Any) -> Any:
    """TensorFlow's Keras lists the metrics of a single output as a list in a list."""
    return metrics[0] if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list) else metrics


def state(optimizer: Any, arrays: list[Any], weights: list[Any]) -> list[tuple[Any, Any]]:
    """(variable, value) for an optimizer's state in a file: all of one slot after the other, or in today's order.

    Empty where the numbers or shapes do not fit: another optimizer's state is none of its own.
    """
    mine = list(optimizer.variables)
    if [tuple(array.shape) for array in arrays] == [variable.shape for variable in mine]:
        return list(zip(mine, arrays, strict=True))
    slots = [slot for group in optimizer.slot_groups() for slot in group]
    counted = bool(arrays) and arrays[0].shape == ()
    rest = arrays[counted:]
    if len(rest) < len(slots) * len(weights):
        return []
    wanted = [optimizer._of[weight][slot] for slot in slots for weight in weights]
    pairs = [*([(optimizer.iterations, arrays[0])] if counted else []), *zip(wanted, rest, strict=False)]
    return pairs if all(variable.shape == tuple(array.shape) for variable, array in pairs) else []


# -- writing -----------------------------------------------------------------------------------------------------------


def written(found: Any) -> Config:
    """A record of a model or layer in Keras 2's form, which Keras 3 reads in `.h5` files too.

    Calls that Keras 2 has no form for, and operations, stay in today's.
    """
    name, inner = found["class_name"], dict(found["config"])
    if str(found.get("module")).startswith(("keras.src.ops", "kerato.ops")):
        return dict(found)
    if isinstance(inner.get("layers"), list):
        graphs = {_name(layer) for layer in inner["layers"] if layer["class_name"] in _CONTAINERS}
        inner["layers"] = [
            {
                **written(layer),
                **{key: _written(key, layer[key], graphs) for key in ("name", "inbound_nodes") if key in layer},
            }
            for layer in inner["layers"]
        ]
        for ends in ("input_layers", "output_layers"):
            if ends in inner:
                inner[ends] = [inner[ends]] if _is_place(inner[ends]) else inner[ends]
    else:
        inner = {key: _simple(value) for key, value in inner.items() if key not in _YOUNG or value != _YOUNG[key]}
    if name == "InputLayer":
        inner = {
            "batch_input_shape": inner["batch_shape"],
            "dtype": inner["dtype"],
            "sparse": False,
            "name": inner["name"],
        }
    own = found.get("registered_name")
    return {"class_name": "Model" if name == "Functional" else own if own and ">" in own else name, "config": inner}


def _simple(value: Any) -> Any:
    """A part of a configuration without modules; layers in it are written as such, functions by their names."""
    if isinstance(value, list):
        return [_simple(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value or "config" not in value:
        return {key: _simple(item) for key, item in value.items()}
    if value["class_name"] == "function":
        return value["config"]
    if value.get("module") in ("keras.layers", "keras"):
        return written(value)
    family = str(value.get("module")).partition(".")[2]
    own = value.get("registered_name") if value["class_name"] not in FAMILIES.get(family, {}) else None
    return {"class_name": own or value["class_name"], "config": _simple(value["config"])}


def _written(key: str, value: Any, graphs: set[str]) -> Any:
    return value if key == "name" else [_listed_call(node, graphs) for node in value]


def _listed_call(node: Config, graphs: set[str]) -> Any:
    """A call as a list of places, if it can be one: of one argument that holds tensors, none of them a model's."""
    kwargs = {key: value for key, value in node["kwargs"].items() if value is not None}
    args = node["args"][0] if len(node["args"]) == 1 else []
    tensors = args if isinstance(args, list) else [args]
    places = [item["config"]["keras_history"] for item in tensors if _is_tensor(item)]
    plain = places and len(places) == len(tensors) and not {name for name, *_ in places} & graphs
    if not plain or any(_is_tensor(value) or isinstance(value, (list, dict)) for value in kwargs.values()):
        return node
    return [[*place, kwargs] for place in places]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


_KNOWN: dict[str, Callable[..., Any]] = {
    "compiled": compiled,
    "dialect": dialect_of,
    "is_old": is_old,
    "record": modern,
    "simple": _simple,
    "state": state,
    "written": written,
}
OLD.update(_KNOWN, arrays=kernels.todays)
