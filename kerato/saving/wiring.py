"""The reading half of a graph's configuration: calls are made again, each when what it needs is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kerato.errors import show
from kerato.graph import Tensor
from kerato.layers.augmentation import Augmenting
from kerato.layers.core import InputLayer
from kerato.ops import leaves
from kerato.saving.arrangement import in_key_order
from kerato.saving.operations import known_operation
from kerato.saving.records import models, reading, revived

#: gives the layer for its record
Maker = Callable[[dict[str, Any]], Any]


def is_nested_graph(owner: Any) -> bool:
    """Whether Keras counts the calls of a layer from 1 in the list of outputs: its own graph is call 0."""
    return isinstance(owner, models()["Model"]) and not isinstance(owner, models()["Sequential"]) and owner.is_graph


class Wiring:
    """A graph being laid from its description: every call is made when what it needs is there."""

    def __init__(self, layers: Sequence[dict[str, Any]], make: Maker) -> None:
        self.owners: dict[str, Any] = {}
        self.calls: dict[str, list[Any]] = {}
        self.results: dict[str, list[list[Any]]] = {}
        for item in layers:
            self._add(item, make)
        for name, calls in self.calls.items():
            for index in range(len(calls)):
                self._lay(name, index)

    def _add(self, item: dict[str, Any], make: Maker) -> None:
        inner = item.get("config")
        name = item.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
        calls = item.get("inbound_nodes", [])
        if not isinstance(name, str) or name in self.owners or not isinstance(calls, list):
            raise reading().damaged(f"the layer {show(name)} has no name of its own, or no list of calls")
        owner = known_operation(item.get("module"), item.get("class_name"), inner if isinstance(inner, dict) else {})
        self.owners[name] = owner = owner or make(item)
        self.calls[name] = [] if isinstance(owner, InputLayer) else calls
        self.results[name] = [[owner.tensor]] if isinstance(owner, InputLayer) else []

    def _lay(self, name: str, index: int) -> None:
        """Make a call, after those it needs: the earlier ones of the same layer, and those that give its arguments."""
        path = {(name, index): None}
        while path:
            name, index = next(reversed(path))
            needed = next((place for place in self._needs(name, index) if not self._is_there(*place)), None)
            if self._is_there(name, index):
                path.popitem()
            elif needed is None:
                self._call(name, self.calls[name][index])
            elif needed in path:
                raise reading().damaged(f"the layer {needed[0]!r} takes its own output as input")
            else:
                path[needed] = None

    def _is_there(self, name: str, index: int) -> bool:
        return index < len(self.results[name])

    def _needs(self, name: str, index: int) -> Iterator[tuple[str, int]]:
        if index and not self._is_there(name, index - 1):
            yield name, index - 1
        for place in _places(self.calls[name][index]):
            yield self._checked(place)[:2]

    def _checked(self, place: Any) -> tuple[str, int, int]:
        if not isinstance(place, list) or len(place) != 3:
            raise reading().damaged(f"{show(place)} is no place in the graph")
        name, call, output = place
        if not isinstance(name, str) or name not in self.owners:
            raise reading().damaged(f"a call takes the output of {show(name)}, which is not there")
        count = max(len(self.calls[name]), len(self.results[name]))
        if not (type(call) is int and type(output) is int and 0 <= call < count and output >= 0):
            raise reading().damaged(f"a call takes the output {show(place)}, which is not there")
        return name, call, output

    def _call(self, name: str, call: Any) -> None:
        args, kwargs = self._filled(call.get("args", [])), self._filled(call.get("kwargs", {}))
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        if isinstance(self.owners[name], Augmenting):
            kwargs.pop("training", None)  # Keras writes its default, True, and does not let it count: predict says
        if not any(isinstance(leaf, Tensor) for leaf in leaves((args, kwargs))):
            raise reading().damaged(f"the call of {name!r} takes no tensor")
        self.results[name].append(list(in_key_order(self.owners[name](*args, **kwargs))))

    def _filled(self, value: Any) -> Any:
        """Arguments with tensors in the place of their descriptions; lists without any are tuples, as in an index."""
        if isinstance(value, list):
            items = [self._filled(item) for item in value]
            return items if any(isinstance(leaf, Tensor) for leaf in leaves(items)) else tuple(items)
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return self._tensor(value["config"]["keras_history"])
        if isinstance(value, dict) and "class_name" not in value:
            return {name: self._filled(item) for name, item in value.items()}
        return revived(value)

    def _tensor(self, place: Any) -> Any:
        name, call, output = self._checked(place)
        if output >= len(self.results[name][call]):
            raise reading().damaged(f"the layer {name!r} has no output {output}")
        return self.results[name][call][output]

    def tensors(self, places: Any, first: int = 0) -> Any:
        """The tensors at a structure of places; `first` is 1 where the calls of nested graphs count from 1."""
        if isinstance(places, dict):
            return {name: self.tensors(item, first) for name, item in places.items()}
        if isinstance(places, list) and len(places) == 3 and isinstance(places[0], str):
            name, call, output = places
            if first and isinstance(call, int) and is_nested_graph(self.owners.get(name)):
                call -= first
            return self._tensor([name, call, output])
        if isinstance(places, list):
            return [self.tensors(item, first) for item in places]
        raise reading().damaged(f"{show(places)} is no place in the graph")


def _places(value: Any) -> Iterator[Any]:
    """The places of all tensors in a described call."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        inner = value.get("config")
        yield inner.get("keras_history") if isinstance(inner, dict) else None
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _places(item)
