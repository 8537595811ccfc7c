"""Weights in HDF5 in the layout of Keras 1 and 2: a group for each layer under its name, with the arrays in order.

Layers are matched by their order, those without weights left out, or by their names. What the arrays of earlier
versions looked like is known to `kerato.legacy`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerato import config
from kerato.errors import BadFile, InvalidCall, plural
from kerato.saving.hdf5 import Stored
from kerato.saving.records import models
from kerato.saving.weights import own_variables, refuse_misfits
from kerato.variables import Variable

Array = Any

#: what HDF5 can hold in the header of an object, less what else is in it
LIMIT_HEADER_BYTES = 64_512

#: where a model keeps the weights that are its own, not a layer's
TOP = "top_level_model_weights"

#: what `kerato.legacy.kernels` and `kerato.legacy.files` know of earlier files; they come after this room
OLD: dict[str, Callable[..., Any]] = {}


def old(what: str) -> Callable[..., Any]:
    """A function of `OLD`, filled."""
    if what not in OLD:
        importlib.import_module("kerato.legacy.files")
    return OLD[what]


def in_order(layer: Any) -> list[Variable]:
    """The weights of a layer as Keras 1 and 2 list them: all that are trained, then the others."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# -- writing -----------------------------------------------------------------------------------------------------------


def write_layers(group: Any, model: Any, version: str) -> None:
    """Write the weights of all layers into a group of an HDF5 file."""
    write_names(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", version.encode()
    own = own_variables(model) if not isinstance(model, models()["Sequential"]) else []
    parts = {layer.name: in_order(layer) for layer in model.layers} | ({TOP: own} if own else {})
    for name in sorted(parts):
        write_variables(group.create_group(name), parts[name])


def write_variables(group: Any, variables: Sequence[Variable]) -> None:
    """Write variables under their paths, which are listed in order."""
    names: dict[str, Variable] = {}
    for variable in variables:
        name, number = variable.path, 0
        while name in names:
            number += 1
            name = f"{variable.path}_{number}"
        names[name] = variable
    write_names(group, "weight_names", list(names))
    for name, variable in names.items():
        value = np.asarray(variable.concrete())
        made = group.create_dataset(name, data=value.view("V2") if variable.dtype == "bfloat16" else value)
        if variable.dtype == "bfloat16":
            made.attrs["dtype"] = "bfloat16"


def write_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    """Write a list of names as an attribute, cut into `attribute0`, `attribute1`, ... where it is too long for one."""
    texts = np.array([name.encode() for name in names]) if names else np.zeros(0, "S1")
    count = 1
    while any(piece.nbytes > LIMIT_HEADER_BYTES for piece in np.array_split(texts, count)):
        count += 1
    if count == 1:
        group.attrs[attribute] = texts
    else:
        for number, piece in enumerate(np.array_split(texts, count)):
            group.attrs[f"{attribute}{number}"] = piece


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Origin:
    """Which program wrote a file: a version of Keras (`1` where it does not say) and its backend."""

    version: str = "1"
    backend: str | None = None

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers, (2, 2, 4)."""
        parts = self.version.replace("-", ".").split(".")
        return tuple(int(part) for part in parts if part.isdigit()) or (1,)


def root_of(stored: Stored) -> str | None:
    """The group that holds the layers of a file in this layout; None where the file has another."""
    for root in ("", "model_weights"):
        if root in stored.groups and (stored.listed(root, "layer_names") or _count(stored, root) is not None):
            return root
    return None


def _count(stored: Stored, root: str) -> int | None:
    found = stored.attribute(root, "nb_layers")
    return found if isinstance(found, int) else None


def origin_of(stored: Stored, root: str, backend: str | None = None) -> Origin:
    """Which program wrote the file; `backend` where the file does not say, else the one that is set now."""
    version, said = (stored.attribute(root, name) for name in ("keras_version", "backend"))
    given = backend or (said if isinstance(said, str) else None)
    return Origin(version if isinstance(version, str) else "1", given or config.backend())


def groups_of(stored: Stored, root: str) -> dict[str, list[str]]:
    """Name of each layer in the file, in order -> the places of its arrays; the layout of Keras 0 numbers them.

    Raises:
        BadFile: a layer or an array that the file lists is not there.
    """
    count = _count(stored, root)
    if count is not None:
        found = {f"layer_{k}": _numbered(stored, _under(root, f"layer_{k}")) for k in range(min(count, 10**5))}
    else:
        found = {name: listed(stored, _under(root, name)) for name in stored.listed(root, "layer_names")}
    lost = [place for places in found.values() for place in places if place not in stored.found]
    if lost:
        raise BadFile(f"{stored.owner}: lists {', '.join(lost)}, which it does not hold. Copy or save it again.")
    return found


def listed(stored: Stored, place: str) -> list[str]:
    """The places of the arrays that a group lists.

    Raises:
        BadFile: there is no such group.
    """
    if place not in stored.groups:
        raise BadFile(f"{stored.owner}: lists the layer {place}, which it does not hold. Copy or save it again.")
    return [_under(place, name.strip("/")) for name in stored.listed(place, "weight_names")]


def _numbered(stored: Stored, place: str) -> list[str]:
    count = stored.attribute(place, "nb_params") if place in stored.groups else None
    if not isinstance(count, int):
        raise BadFile(f"{stored.owner}: {place} has no count of its arrays (nb_params). Copy or save it again.")
    return [_under(place, f"param_{p}") for p in range(min(count, 10**5))]


def _under(place: str, name: str) -> str:
    return f"{place}/{name}".lstrip("/")


def load_layers(
    model: Any,
    stored: Stored,
    root: str,
    by_name: bool = False,
    skip_mismatch: bool = False,
    original_backend: str | None = None,
) -> None:
    """Give a model the weights of an open file in this layout. Nothing is changed unless everything fits.

    Args:
        model: with its weights made.
        stored: the file.
        root: the group in it that holds the layers.
        by_name: match layers by their names, and leave those that the file has not as they are.
        skip_mismatch: take what fits, and leave the other weights as they are.
        original_backend: `'theano'` where the file does not say that Theano trained it: kernels are flipped then.

    Raises:
        BadFile: the weights do not fit; all that do not are named.
        InvalidCall: the model has no weights yet, or the layers of the file have no names to match by.
    """
    if not model.built:
        raise InvalidCall(f"{model.name}: the weights do not exist yet. Call the model, or build it, first.")
    if by_name and _count(stored, root) is not None:
        raise InvalidCall(f"{stored.owner}: its layers are numbered and have no names. Load it without by_name.")
    match = Match(stored, origin_of(stored, root, original_backend))
    groups = {name: places for name, places in groups_of(stored, root).items() if places}
    layers = [layer for layer in model.layers if in_order(layer)]
    if by_name:
        known = {layer.name: layer for layer in layers}
        for name in groups.keys() & known.keys():
            match.layer(known[name], groups[name])
    else:
        match.all(layers, groups)
    top = _under(root, TOP)
    if top in stored.groups and listed(stored, top):
        match.arrays("the model's own", own_variables(model), [stored.read(place) for place in listed(stored, top)])
    match.assign(model.name, skip_mismatch)


class Match:
    """Which weight gets which array, and what fits nowhere."""

    def __init__(self, stored: Stored, origin: Origin) -> None:
        self.stored, self.origin = stored, origin
        self.pairs: list[tuple[Variable, Array]] = []
        self.missing: list[str] = []
        self.extra: list[str] = []
        self.wrong: list[str] = []

    def all(self, layers: Sequence[Any], groups: dict[str, list[str]]) -> None:
        """Match layers and groups by their order; what is left over has no counterpart."""
        for layer, places in zip(layers, groups.values(), strict=False):
            self.layer(layer, places)
        for layer in layers[len(groups) :]:
            self.missing += [f"{variable.path} {variable.shape}" for variable in in_order(layer)]
        for places in list(groups.values())[len(layers) :]:
            self.extra += [f"{place} {tuple(self.stored.found[place].shape)}" for place in places]

    def layer(self, layer: Any, places: Sequence[str]) -> None:
        """Match the weights of a layer and the arrays of a group."""
        arrays = [self.stored.read(place) for place in places]
        self.arrays(layer.name, in_order(layer), old("arrays")(layer, arrays, self.origin))

    def arrays(self, name: str, variables: Sequence[Variable], arrays: Sequence[Array]) -> None:
        """Match weights and arrays by their order."""
        if len(variables) != len(arrays):
            self.wrong.append(f"{name} {plural(len(arrays), 'array')} instead of {len(variables)}")
            return
        for variable, array in zip(variables, arrays, strict=True):
            if tuple(array.shape) == variable.shape:
                self.pairs.append((variable, array))
            else:
                self.wrong.append(f"{variable.path} {tuple(array.shape)} instead of {variable.shape}")

    def assign(self, model: str, skip_mismatch: bool) -> None:
        """Set what fits.

        Raises:
            BadFile: something does not fit, and `skip_mismatch` is False.
        """
        if not skip_mismatch:
            refuse_misfits(self.stored.owner, model, self.missing, self.extra, self.wrong)
        for variable, array in self.pairs:
            variable.assign(array)
