"""Weights in HDF5, in Keras 3's layout: `layers/dense_1/vars/0` is the first variable of the second Dense layer.

A path is made of attribute names, and inside lists of snake-case class names with a counter, never of layer names.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kerato.arguments import snake_case
from kerato.errors import BadFile, InvalidCall, plural
from kerato.layers.base import Layer
from kerato.saving.hdf5 import Stored
from kerato.saving.records import models
from kerato.variables import Variable

if TYPE_CHECKING:
    from kerato.saving.tensors import Tensors

#: where an optimizer's state lies
OPTIMIZER = "optimizer/vars"


# -- where variables lie -----------------------------------------------------------------------------------------------


def places(owner: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """(path, layer) of a model or layer and of all layers inside it, each once."""
    seen = set() if seen is None else seen
    if id(owner) in seen:
        return
    seen.add(id(owner))
    yield path, owner
    for name, child in _children(owner):
        yield from _inside(child, f"{path}/{name}".lstrip("/"), seen)


def _inside(child: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if isinstance(child, Layer):
        yield from places(child, path, seen)
    elif isinstance(child, (list, tuple, dict)):
        for name, item in _counted(child.values() if isinstance(child, dict) else child):
            yield from _inside(item, f"{path}/{name}", seen)


def _counted(items: Any) -> Iterator[tuple[str, Any]]:
    used: dict[str, int] = {}
    for item in items:
        if isinstance(item, (Layer, list, tuple, dict)):
            base = _kind(item)
            yield f"{base}_{used[base]}" if base in used else base, item
            used[base] = used.get(base, 0) + 1


def _kind(item: Any) -> str:
    if not isinstance(item, Layer):
        return "container"
    return "functional" if type(item) is models()["Functional"] else snake_case(type(item).__name__)


def _children(owner: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(owner, models()["Model"]) and (owner.is_graph or isinstance(owner, models()["Sequential"])):
        yield "layers", owner.layers
    for name in sorted(owner.__dict__, key=lambda name: f"~{name}" if name.startswith("_") else name):
        if name not in _OWN.split():
            yield name, owner.__dict__[name]


#: attributes of the base classes, in which no layer of the user's lies
_OWN = """_added_losses _added_metrics _arguments _compiled _engine _expected _input_structure _layers _nodes _objective
    _optimizer _output_structure _prediction _stack _weights built_for extra history inputs outputs"""


def own_variables(layer: Any) -> list[Variable]:
    """The variables of a layer itself, trainable ones first."""
    found = [v for v in layer._own() if v.saved]
    return [v for v in found if v.trainable] + [v for v in found if not v.trainable]


@dataclass(frozen=True)
class Plan:
    """The variables of a model by their paths, the groups that Keras makes, and the optimizer's variables."""

    groups: dict[str, str]
    variables: dict[str, Variable]
    optimizer: list[Variable]


def plan(model: Any) -> Plan:
    """Where the variables of a model lie in a file."""
    groups: dict[str, str] = {}
    variables: dict[str, Variable] = {}
    for path, layer in places(model):
        group = f"{path}/vars".lstrip("/")
        groups[group] = layer.name
        variables |= {f"{group}/{index}": variable for index, variable in enumerate(own_variables(layer))}
    optimizer = model.optimizer
    if optimizer is not None:
        groups[OPTIMIZER] = optimizer.name
    return Plan(groups, variables, [] if optimizer is None else list(optimizer.variables))


# -- writing -----------------------------------------------------------------------------------------------------------


def weights_bytes(model: Any, include_optimizer: bool = True) -> bytes:
    """The HDF5 file of a model's weights and of its optimizer's state."""
    import h5py

    found = plan(model)
    if not include_optimizer:
        found.groups.pop(OPTIMIZER, None)
        found.optimizer.clear()
    optimizer = {f"{OPTIMIZER}/{i}": variable for i, variable in enumerate(found.optimizer)}
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for group, name in found.groups.items():
            file.create_group(group).attrs["name"] = name
        for path, variable in {**found.variables, **optimizer}.items():
            made = file.create_dataset(path, data=np.asarray(variable.concrete()))
            if variable.dtype == "bfloat16":
                made.attrs["dtype"] = "bfloat16"
    return memory.getvalue()


# -- reading -----------------------------------------------------------------------------------------------------------


def load(model: Any, data: Any, owner: str, skip_mismatch: bool = False) -> None:
    """Give a model the weights of an HDF5 file, and its optimizer the state, if the file has it.

    Nothing is changed unless everything fits.

    Args:
        model: with its weights made.
        data: a path or a binary file.
        owner: how messages call the file.
        skip_mismatch: take what fits, and leave the other weights as they are.

    Raises:
        BadFile: the file is no HDF5, is damaged, or its weights do not fit; every one that does not is named.
        InvalidCall: the model has no weights yet.
    """
    with Stored(data, owner) as stored:
        load_stored(model, stored, skip_mismatch)


def load_stored(model: Any, stored: Stored | Tensors, skip_mismatch: bool = False) -> None:
    """`load` from an open file, whose `found` has the shapes and dtypes before `read` gives any values."""
    wanted = plan(model)
    if not model.built and not wanted.variables and not all(map(_is_aside, stored.found)):
        raise InvalidCall(
            f"{model.name}: the weights do not exist yet. Call the model, or build it with an input shape, first."
        )
    fitting = _fitting(wanted.variables, stored, model.name, skip_mismatch)
    pairs = [(variable, stored.read(path)) for path, variable in fitting.items()]
    pairs += _optimizer_state(wanted, stored)
    for variable, array in pairs:
        variable.assign(array)


def refuse_misfits(owner: str, model: str, missing: list[str], extra: list[str], wrong: list[str]) -> None:
    """Name all weights of a file or a model that have no counterpart, or one of another shape.

    Raises:
        BadFile: there are any.
    """
    parts = [("not in the file", missing), ("not in the model", extra), ("of another shape or dtype", wrong)]
    listed = "; ".join(f"{what}: {', '.join(items)}" for what, items in parts if items)
    if listed:
        count = plural(len(missing) + len(extra) + len(wrong), "place")
        raise BadFile(f"{owner}: the weights do not fit the model {model!r} in {count}; {listed}. Nothing was loaded.")


def _fitting(
    wanted: dict[str, Variable], stored: Stored | Tensors, name: str, skip_mismatch: bool
) -> dict[str, Variable]:
    items = {path: item for path, item in stored.found.items() if not _is_aside(path)}
    shapes = {path: tuple(item.shape) for path, item in items.items()}
    missing = [f"{path} {variable.shape}" for path, variable in wanted.items() if path not in shapes]
    extra = [f"{path} {shape}" for path, shape in shapes.items() if path not in wanted]
    both = {path: variable for path, variable in wanted.items() if path in shapes}
    wrong = [f"{p} {shapes[p]} instead of {v.shape}" for p, v in both.items() if shapes[p] != v.shape]
    wrong += [f"{p} {items[p].dtype} instead of {v.dtype}" for p, v in both.items() if _is_other(items[p].dtype, v)]
    if not skip_mismatch:
        refuse_misfits(stored.owner, name, missing, extra, wrong)
    fit = {path: variable for path, variable in both.items() if shapes[path] == variable.shape}
    return {path: variable for path, variable in fit.items() if not _is_other(items[path].dtype, variable)}


def _is_other(dtype: Any, variable: Variable) -> bool:
    """Whether one is whole numbers and the other is not; a float of any width takes the place of another."""
    return (dtype.kind in "iub") is ("float" in variable.dtype)


def _is_aside(path: str) -> bool:
    """Whether a variable is none of a layer's weights: the optimizer's state, or where Keras's random numbers stand."""
    return path.startswith("optimizer/") or "/seed_generator/" in path


def _optimizer_state(wanted: Plan, stored: Stored | Tensors) -> list[tuple[Variable, Any]]:
    """An optimizer's variables with their values: all of them, or the first ones of an optimizer not yet used.

    Another optimizer's state is none of its own.
    """
    paths = [path for path in stored.found if path.startswith(f"{OPTIMIZER}/")]
    pairs = [(variable, f"{OPTIMIZER}/{index}") for index, variable in enumerate(wanted.optimizer[: len(paths)])]
    same = stored.names.get(OPTIMIZER) in (None, wanted.groups.get(OPTIMIZER))
    fits = all(path in paths and tuple(stored.found[path].shape) == variable.shape for variable, path in pairs)
    whole = len(paths) in (1, 2, len(wanted.optimizer)) and len(pairs) == len(paths)
    return [(variable, stored.read(path)) for variable, path in pairs] if same and fits and whole else []
