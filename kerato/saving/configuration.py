"""Models as plain data and back, in Keras 3's form: layers, the calls between them, and how a model was compiled.

A call is stored with its arguments; a tensor among them is `[name of its layer, which call of it, which output]`.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from kerato import config
from kerato.arguments import Configurable, parameters, snake_case, title
from kerato.errors import InvalidCall, InvalidType, InvalidValue, KeratoError, show
from kerato.graph import Expansion, Node, Tensor
from kerato.layers.base import Layer
from kerato.layers.core import Input, InputLayer
from kerato.ops import tree_map
from kerato.saving.arrangement import arranged, in_key_order, is_closed
from kerato.saving.layered import Origin, old
from kerato.saving.operations import known_operation, stored_form
from kerato.saving.records import (
    custom_objects,
    described,
    from_record,
    made,
    models,
    one_sentence,
    plain,
    reading,
    reads,
    record,
    revived,
)
from kerato.saving.wiring import Maker, Wiring, is_nested_graph

_NONE: dict[int | None, int] = {}

# -- writing -----------------------------------------------------------------------------------------------------------


def graph_config(model: Any) -> dict[str, Any]:
    """What rebuilds a model: its layers and calls, or the arguments of a subclass that has a constructor of its own.

    Raises:
        InvalidValue: a call cannot be written down: a gradient, a variable, a Lambda that uses more than its input.
    """
    if isinstance(model, models()["Sequential"]):
        return _stack_config(model)
    accepted = parameters(type(model))
    if not model.is_graph or "outputs" not in accepted:
        found = Layer.get_config(model).items()
        return {name: value for name, value in found if name in accepted and name not in ("inputs", "outputs")}
    return Writer(model).config()


def _stack_config(model: Any) -> dict[str, Any]:
    stack = model.sublayers
    if model.outputs and not isinstance(stack[0], InputLayer):
        stack = [_entry(model.inputs[0]), *stack]
    config = {"name": model.name, "trainable": model.trainable, "dtype": model.dtype_policy}
    config["layers"] = [model_record(layer) for layer in stack]
    return {**config, "build_input_shape": list(model.inputs[0].shape)} if model.outputs else config


def _entry(tensor: Tensor, name: str | None = None) -> InputLayer:
    """The layer that holds an input; a new one for a tensor from the middle of another graph."""
    entered: Any = (
        tensor if tensor.layer else Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name or tensor.name)
    )
    layer: InputLayer = entered.layer
    return layer


class Writer:
    """The configuration of a graph."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.owners = arranged(model.inputs, model.__dict__["_output_structure"])
        self.entries = {tensor: _entry(tensor, f"{model.name}_input_{i}") for i, tensor in enumerate(model.inputs)}
        self.names: dict[Any, str] = {}
        layers = [owner for owner in self.owners if isinstance(owner, Layer)]
        self._taken = Counter(layer.name for layer in dict.fromkeys([*layers, *self.entries.values()]))
        for owner in self.owners:
            self.names[owner] = self._name(owner)

    def _name(self, owner: Any) -> str:
        if isinstance(owner, Tensor):
            return self.entries[owner].name
        if isinstance(owner, Layer):
            return owner.name
        base = snake_case(str(self._operation(owner)["class_name"]))
        name, number = base, 0
        while self._taken[name]:
            number += 1
            name = f"{base}_{number}"
        self._taken[name] += 1
        return name

    def _operation(self, node: Node) -> dict[str, Any]:
        return stored_form(node.name, node.args, node.kwargs)[0]

    def config(self) -> dict[str, Any]:
        """The whole graph."""
        described = [self._owner(owner) for owner in self.owners]
        ends = {"inputs": "_input_structure", "outputs": "_output_structure"}
        structures = {what: self.model.__dict__[attribute] for what, attribute in ends.items()}
        return {
            "name": self.model.name,
            "trainable": self.model.trainable,
            "layers": described,
            "input_layers": tree_map(lambda t: [self.names[t.layer or t], 0, 0], structures["inputs"]),
            "output_layers": tree_map(lambda t: self._place(t, 1), structures["outputs"]),
        }

    def _owner(self, owner: Any) -> dict[str, Any]:
        calls = [self._call(node) for node in self.owners[owner]]
        name = self.names[owner]
        if isinstance(owner, Node):
            found = plain(self._operation(owner))
            return {**found, "config": {"name": name, **found["config"]}, "name": name, "inbound_nodes": calls}
        layer = self.entries[owner] if isinstance(owner, Tensor) else owner
        return {**model_record(layer), "name": name, "inbound_nodes": [] if isinstance(layer, InputLayer) else calls}

    def _call(self, node: Node) -> dict[str, Any]:
        self._check(node)
        if isinstance(node, Expansion):
            return {"args": [self._part(node.given)], "kwargs": {}}
        args: Any = list(node.args)
        kwargs = node.kwargs
        if not node.is_layer:
            _, args, kwargs = stored_form(node.name, node.args, node.kwargs)
        return {"args": [self._part(item) for item in args], "kwargs": self._part(kwargs)}

    def _check(self, node: Node) -> None:
        if isinstance(node, Expansion) and not is_closed(node):
            raise InvalidValue(
                f"{title(node.owner)}: the function uses other tensors or layers than its input, so its name does not "
                "say what it computes. Give all tensors as inputs, Lambda(f)([x, y]), and call layers outside."
            )
        if not node.is_layer and known_operation("kerato.ops", node.name, {}) is None:
            raise InvalidValue(
                f"{title(self.model)}: {node.name.strip('_')} between the layers cannot be written to a file. Compute "
                "them with a Model on the saved outputs, or outside."
            )

    def _part(self, value: Any) -> Any:
        """An argument of a call: tensors by their place, the rest as data."""
        if isinstance(value, Tensor):
            spec = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": self._place(value)}
            return {"class_name": "__keras_tensor__", "config": spec}
        if isinstance(value, (list, tuple)):
            return [self._part(item) for item in value]
        if isinstance(value, dict):
            return {name: self._part(item) for name, item in value.items()}
        return plain(value)

    def _place(self, tensor: Tensor, first: int = 0) -> list[Any]:
        """[owner's name, call, output]; Keras counts the calls of a nested graph from 1 in the list of outputs."""
        if tensor in self.entries or tensor.node is None:
            return [self.names[tensor.layer or tensor], 0, 0]
        node = tensor.node
        owner = node.owner if node.is_layer else node
        index = list(in_key_order(node.result)).index(tensor)
        return [self.names[owner], self.owners[owner].index(node) + first * is_nested_graph(owner), index]


def model_record(model: Any) -> dict[str, Any]:
    """A layer or model as a record, with how it was compiled and, without a graph, for which input it was built."""
    outermost = not _shared.get()
    token = _shared.set(_shared.get() or {None: 0, **_twice(model)})
    try:
        found = record(model)
    finally:
        _shared.reset(token)
    if not outermost and id(model) in _shared.get():
        found["shared_object_id"] = _shared.get()[id(model)]
    if not isinstance(model, models()["Model"]):
        return found
    if not model.is_graph and model.built_for:
        found["build_config"] = {"input_shape": _any_batch(model.built_for)}
    compiled = compile_config(model)
    return {**found, "compile_config": compiled} if compiled else found


#: while a model is written: id of each layer that is in it twice -> its number; not empty
_shared: ContextVar[dict[int | None, int]] = ContextVar("shared", default=_NONE)


def _twice(model: Any) -> dict[int | None, int]:
    """The layers that a model and the models in it hold more than once, numbered."""
    counts: Counter[int] = Counter()
    todo = [model]
    while todo:
        inner = list(dict.fromkeys(todo.pop().sublayers))
        counts.update(id(layer) for layer in inner)
        todo.extend(layer for layer in inner if counts[id(layer)] == 1)
    return {key: number for number, (key, count) in enumerate(counts.items(), 1) if count > 1}


def _any_batch(shape: Any) -> Any:
    """The shapes of inputs with batches of any size."""
    if isinstance(shape, dict):
        return {name: _any_batch(item) for name, item in shape.items()}
    return [None, *shape[1:]] if isinstance(shape, tuple) else [_any_batch(item) for item in shape]


def compile_config(model: Any) -> dict[str, Any] | None:
    """The arguments of `compile` as data, None for a model that is not compiled."""
    if model.optimizer is None:
        return None
    try:
        optimizer = record(model.optimizer)
    except InvalidCall as error:
        warnings.warn(f"save: {error}", stacklevel=2)
        return None
    rest = {name: plain(value) for name, value in model._compiled.items()}
    return {"optimizer": optimizer, **rest, "run_eagerly": False, "steps_per_execution": 1, "jit_compile": True}


def to_json(model: Any, **options: Any) -> str:
    """The model without its weights as JSON text; `options` are those of `json.dumps`."""
    return json.dumps(model_record(model), **options)


# -- reading -----------------------------------------------------------------------------------------------------------


def model_from_json(text: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that `to_json` described, in this or any version of Keras, with new weights.

    Raises:
        BadFile: `text` is no JSON, or describes no model.
        UnknownName: it names a class or function that is neither Kerato's nor in `custom_objects`.
    """
    with one_sentence("model_from_json"), reads("model_from_json", custom_objects) as now:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise now.damaged(f"it is no JSON ({error})") from None
        return _of_any_version(found)


def model_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that a record with its class and configuration describes, with new weights.

    Raises:
        InvalidType: `config` is a list, as Keras 2's Sequential gave it.
        BadFile: it describes no model.
        UnknownName: it names a class or function that is neither Kerato's nor in `custom_objects`.
    """
    if not isinstance(config, dict):
        raise InvalidType(
            f"model_from_config: `config` must be a dict with class_name and config. Got {show(config)}. "
            "What get_config() gave goes into Sequential.from_config or Model.from_config."
        )
    with one_sentence("model_from_config"), reads("model_from_config", custom_objects):
        return _of_any_version(config)


def model_from_yaml(text: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Not available, as in Keras since 2.6: YAML of others can run code.

    Raises:
        InvalidCall: always, with what to use.
    """
    raise InvalidCall("model_from_yaml: YAML is not read, since it can run code. Use to_json and model_from_json.")


def _of_any_version(found: Any) -> Any:
    if not old("is_old")(found):
        with config.dialect(None):
            return model_from_record(found)
    origin = Origin(str(found.get("keras_version", "1")))
    with old("dialect")(origin):
        return model_from_record(old("record")(found, origin))


def model_from_record(found: Any, compiled: bool = True) -> Any:
    """The model that a record describes, compiled as it was.

    Raises:
        BadFile: the record describes no model.
    """
    model = from_record(found)
    if not isinstance(model, models()["Model"]):
        raise reading().damaged(f"it describes a {type(model).__name__}, not a model")
    shape = (found.get("build_config") or {}).get("input_shape")
    if shape and not model.is_graph:
        model.compute_output_shape(_sizes(shape))
    if compiled:
        compile_from_record(model, found)
    return model


def compile_from_record(model: Any, found: dict[str, Any]) -> None:
    """Compile a model as its record says, if it says; a model that cannot be is not compiled at all."""
    if not found.get("compile_config"):
        return
    try:
        _compile(model, found["compile_config"])
    except KeratoError:
        model._optimizer = None
        raise


def _sizes(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: _sizes(item) for name, item in shape.items()}
    return [_sizes(item) for item in shape] if any(isinstance(item, (list, dict)) for item in shape) else tuple(shape)


def _compile(model: Any, found: dict[str, Any]) -> None:
    known = custom_objects()
    names = ("optimizer", "loss", "metrics", "loss_weights", "weighted_metrics")
    given = {name: revived(found.get(name)) for name in names}
    model.compile(**tree_map(lambda leaf: known.get(leaf, leaf) if isinstance(leaf, str) else leaf, given))
    if model.built:
        model.optimizer.build(list(model.trainable_variables))


def graph_from_config(kind: type[Any], config: dict[str, Any], make: Maker = from_record) -> Any:
    """The model of class `kind` that `graph_config` described, with new weights; `make` gives a layer for its record.

    Raises:
        BadFile: the configuration is damaged.
        UnknownName: it names a class that is neither Kerato's nor registered.
    """
    if "layers" not in config:
        return kind(**{name: revived(value) for name, value in config.items()})
    if issubclass(kind, models()["Sequential"]):
        return _stack(kind, config, make)
    rest = dict(config)
    wiring = Wiring(_listed(rest.pop("layers")), make)
    inputs, outputs = rest.pop("input_layers", None), rest.pop("output_layers", None)
    trainable = rest.pop("trainable", True)
    model = kind(inputs=wiring.tensors(inputs), outputs=wiring.tensors(outputs, 1), **rest)
    model.__dict__["_trainable"] = bool(trainable)  # the layers' own flags are theirs
    return model


def _listed(found: Any) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise reading().damaged("`layers` is no list of layers")
    return found


def _stack(kind: type[Any], config: dict[str, Any], make: Maker) -> Any:
    model = kind(name=config.get("name"), dtype=revived(config.get("dtype")))
    for item in _listed(config["layers"]):
        model.add(make(item))
    if config.get("build_input_shape") and model.sublayers:
        model.build(tuple(config["build_input_shape"]))
    model.__dict__["_trainable"] = bool(config.get("trainable", True))
    return model


# -- copies ------------------------------------------------------------------------------------------------------------


def clone(model: Any, clone_function: Callable[[Any], Any] | None = None) -> Any:
    """A model of the same layers and calls with new weights; `clone_function(layer)` gives each layer's copy.

    Raises:
        InvalidValue: the model is a subclass with a constructor of its own.
    """
    config = graph_config(model)
    if "layers" not in config:
        raise InvalidValue(f"{title(model)}: only Sequential models and graphs can be cloned. Make a new one.")
    known = {layer.name: layer for layer in [*model.layers, *model.sublayers]}
    copy = clone_function or again

    def make(item: dict[str, Any]) -> Any:
        layer = known.get(item["config"]["name"])
        return from_record(item) if layer is None or isinstance(layer, InputLayer) else copy(layer)

    return graph_from_config(type(model), config, make)


def again(layer: Any) -> Any:
    """A layer of the same configuration, with the same functions and new weights."""
    if isinstance(layer, models()["Model"]) and layer.is_graph:
        return clone(layer)
    given = layer.__dict__.get("_arguments", {}).items()
    functions = {name: value for name, value in given if callable(value) and not isinstance(value, Configurable)}
    return made(type(layer), {**described(layer), **functions})
