"""How many parameters and connections the layers of a model have (book section 2.1).

A connection is one use of a weight for one output: weights are shared, so that a map has as many of them as before
where the picture is larger, and more connections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from kerato.graph import order
from kerato.ops import leaves


@dataclass(frozen=True)
class Count:
    """A layer's row: its path in the model, its class, the shapes it gives, and the two numbers.

    `connections` is None where a size of the output is not known, or the class has no rule.
    """

    layer: str
    kind: str
    output: str
    parameters: int
    trainable: int
    connections: int | None
    formula: str

    def as_json(self) -> dict[str, Any]:
        """The row as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Call:
    """One use of a layer: the shapes of a sample that goes in and comes out, and where its channels are."""

    layer: Any
    taken: tuple[int, ...]
    given: tuple[int, ...]

    def size(self, name: str) -> int:
        """The number of values of the weight of that name; 0 when the layer has none."""
        variable: Any = getattr(self.layer, name, None)
        return 0 if variable is None else prod(variable.shape)

    def _cells(self, shape: tuple[int, ...]) -> int:
        first = getattr(self.layer, "data_format", "") == "channels_first"
        return prod(shape[1:] if first else shape[:-1])

    @property
    def cells(self) -> int:
        """The positions of the output, over all its axes but the channels."""
        return self._cells(self.given)

    @property
    def cells_taken(self) -> int:
        """The positions of the input."""
        return self._cells(self.taken)


Rule = Callable[[Call], int]


def _everywhere(call: Call) -> int:
    return sum(prod(v.shape) for v in call.layer.variables) * call.cells


def _subsampled(call: Call) -> int:
    window = prod(call.layer.pool_size)
    return call.cells * call.size("coefficient") * (window + bool(call.size("bias")))


def _transposed(call: Call) -> int:
    return call.size("kernel") * call.cells_taken + call.size("bias") * call.cells


def _own(call: Call) -> int:
    return sum(prod(v.shape) for v in call.layer.variables)


#: class -> what it counts, in words, and the rule; a class that is not here counts as its bases do
RULES: dict[str, tuple[str, Rule]] = {
    "Conv": ("(kernel + bias) x cells of the output", _everywhere),
    "PartialConv2D": ("(kernel of the linked maps + bias) x cells of the output", _everywhere),
    "DepthwiseConv": ("(kernel + bias) x cells of the output", _everywhere),
    "SeparableConv": ("(both kernels + bias) x cells of the output", _everywhere),
    "ConvTranspose": ("kernel x cells of the input + bias x cells of the output", _transposed),
    "LocallyConnected": ("kernel + bias, nothing is shared", _own),
    "Subsampling2D": ("(window + 1) x values of the output", _subsampled),
    "Dense": ("(kernel + bias) x positions", _everywhere),
    "RBF": ("centres x positions", _everywhere),
    "BatchNormalization": ("weights of a channel x values of the output", _everywhere),
}


def counts(model: Any) -> list[Count]:
    """A row for each layer of a model that has weights or calls, those of models inside included."""
    return [row for layer, path, calls in _layers(model) if (row := _count(layer, path, calls)).kind != "InputLayer"]


def total(rows: list[Count]) -> dict[str, int | None]:
    """The sums over the rows; no sum of connections where one is not known."""
    connections = [row.connections for row in rows]
    return {
        "parameters": sum(row.parameters for row in rows),
        "trainable": sum(row.trainable for row in rows),
        "connections": None if None in connections else sum(n or 0 for n in connections),
    }


def _layers(model: Any, before: str = "") -> list[tuple[Any, str, list[Any]]]:
    nodes = order(model.outputs, set(model.inputs)) if model.outputs else []
    found = []
    for layer in model.layers:
        path = f"{before}{layer.name}"
        if getattr(layer, "layers", None) and hasattr(layer, "outputs"):
            found += _layers(layer, f"{path}/")
        else:
            found.append((layer, path, [node for node in nodes if node.owner is layer]))
    return found


def _count(layer: Any, path: str, nodes: list[Any]) -> Count:
    parameters = sum(prod(v.shape) for v in layer.variables)
    trainable = sum(prod(v.shape) for v in layer.trainable_weights)
    words, rule = next((RULES[kind.__name__] for kind in type(layer).__mro__ if kind.__name__ in RULES), ("", None))
    outputs = [leaf.shape for node in nodes for leaf in leaves(node.result)]
    connections: int | None = 0 if not parameters else None
    if rule is not None and parameters and nodes:
        connections = 0
        for node in nodes:
            taken, given = node.inputs[0].shape[1:], node.result.shape[1:]
            if connections is None or None in (*taken, *given):
                connections = None
            else:
                connections += rule(Call(layer, taken, given))
    output = " or ".join(dict.fromkeys(str(shape) for shape in outputs))
    return Count(path, type(layer).__name__, output, parameters, trainable, connections, words)
