"""The calls of a layer, as book section 3.2 shows them: `input`, `output_shape`, `get_output_at(1)`, ..."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from kerato.arguments import title
from kerato.errors import InvalidCall, invalid
from kerato.graph import Node


def shapes(tree: Any) -> Any:
    """The shapes of the arrays in a structure of lists and dicts."""
    if isinstance(tree, (list, tuple)):
        return [shapes(item) for item in tree]
    if isinstance(tree, dict):
        return {key: shapes(item) for key, item in tree.items()}
    return tuple(tree.shape) if hasattr(tree, "shape") else tuple(np.shape(tree))


def first_in_place(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, with the first one by position where it was given by name."""
    name = _names(call)[0] if _names(call) else None
    if args or name not in kwargs:
        return args, kwargs
    return (kwargs[name],), {key: value for key, value in kwargs.items() if key != name}


def further_arguments(call: Callable[..., Any], args: Any, kwargs: dict[str, Any], ending: str) -> dict[str, Any]:
    """The given arguments of `call` for which it has a parameter `<name><ending>` that is not given."""
    names = _names(call)
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    pairs = [(name, f"{name}{ending}") for name in names]
    return {a: given[a] for a, b in pairs if b in names and given.get(a) is not None and given.get(b) is None}


@functools.cache
def _names(function: Callable[..., Any]) -> list[str]:
    """The parameters of a method that can be given by name, without `self`."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, p in inspect.signature(function).parameters.items() if p.kind not in kinds][1:]


class Calls:
    """What a layer knows of the graph nodes it made."""

    _nodes: list[Node]

    def _single(self, what: str) -> Node:
        if len(self._nodes) > 1:
            raise AttributeError(
                f"{title(self)}: has {len(self._nodes)} inbound nodes, so `{what}` is ambiguous. "
                f"Use `get_{what.replace('_shape', '')}{'_shape' if 'shape' in what else ''}_at(node_index)`."
            )
        if not self._nodes:
            raise AttributeError(f"{title(self)}: has never been called, so it has no `{what}`. Call it on a tensor.")
        return self._nodes[0]

    def _at(self, index: int, what: str) -> Node:
        if not self._nodes:
            raise InvalidCall(f"{title(self)}: has never been called, so it has no {what}. Call it on a tensor.")
        if not -len(self._nodes) <= index < len(self._nodes):
            raise invalid(title(self), "node_index", f"an int below {len(self._nodes)}", index)
        return self._nodes[index]

    @property
    def input(self) -> Any:
        """The input tensor, or the list of them, of a layer that was called once."""
        return self._single("input").given

    @property
    def output(self) -> Any:
        """The output tensor, or the list of them, of a layer that was called once."""
        return self._single("output").result

    @property
    def input_shape(self) -> Any:
        """The input's shape, None for unknown sizes."""
        return shapes(self._single("input_shape").given)

    @property
    def output_shape(self) -> Any:
        """The output's shape, None for unknown sizes."""
        return shapes(self._single("output_shape").result)

    def get_input_at(self, node_index: int) -> Any:
        """The input of the call number `node_index` of a shared layer."""
        return self._at(node_index, "input").given

    def get_output_at(self, node_index: int) -> Any:
        """The output of the call number `node_index` of a shared layer."""
        return self._at(node_index, "output").result

    def get_input_shape_at(self, node_index: int) -> Any:
        """The shape of `get_input_at(node_index)`."""
        return shapes(self.get_input_at(node_index))

    def get_output_shape_at(self, node_index: int) -> Any:
        """The shape of `get_output_at(node_index)`."""
        return shapes(self.get_output_at(node_index))
