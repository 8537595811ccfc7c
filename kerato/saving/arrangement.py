"""In which order Keras lists the layers of a graph. Weights are stored by this order, so files of both fit.

A layer's depth is its distance from the outputs; deeper ones come first, and within a depth the order is that in
which a walk from the outputs meets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kerato.graph import Expansion, Node, Tensor, order, placeholders
from kerato.ops import leaves

#: an input of the graph, or a call of a layer or an operation in it
Vertex = Any


def in_key_order(tree: Any) -> Iterator[Any]:
    """The leaves of a structure as Keras counts them: dicts by sorted keys."""
    if isinstance(tree, dict):
        tree = [tree[key] for key in sorted(tree)]
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from in_key_order(item)
    else:
        yield tree


def is_closed(node: Expansion) -> bool:
    """Whether a Lambda's pipes hold operations on its own input only, so that its function says all about it."""
    given = {leaf for leaf in leaves(node.given) if isinstance(leaf, Tensor)}
    results = [leaf for leaf in leaves(node.args) if isinstance(leaf, Tensor)]
    pipes = order(results, given)
    return given.issuperset(placeholders(results, given)) and not any(pipe.is_layer for pipe in pipes)


def sources(node: Node) -> list[Tensor]:
    """The tensors that a call was given."""
    if isinstance(node, Expansion) and is_closed(node):
        return [leaf for leaf in leaves(node.given) if isinstance(leaf, Tensor)]
    return node.inputs


def owner_of(vertex: Vertex) -> Any:
    """The layer behind a vertex; an operation's call stands for itself, as does an input without a layer."""
    if isinstance(vertex, Tensor):
        return vertex.layer or vertex
    return vertex.owner if vertex.is_layer else vertex


class Walk:
    """A walk from the outputs of a graph to its inputs.

    `met` holds owners in the order of meeting them, `done` the vertices, each after those it needs.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.ends = set(inputs)
        self.met: dict[Any, None] = {}
        self.done: list[Vertex] = []
        self._started: set[Vertex] = set()
        for tensor in outputs:
            self._from(self.vertex(tensor))

    def vertex(self, tensor: Tensor) -> Vertex:
        """Where a tensor comes from."""
        return tensor if tensor in self.ends or tensor.node is None else tensor.node

    def before(self, vertex: Vertex) -> list[Vertex]:
        """The vertices that this one needs."""
        return [] if isinstance(vertex, Tensor) else [self.vertex(tensor) for tensor in sources(vertex)]

    def _enter(self, vertex: Vertex) -> tuple[Vertex, Iterator[Vertex]]:
        self._started.add(vertex)
        self.met.setdefault(owner_of(vertex))
        return vertex, iter(self.before(vertex))

    def _from(self, start: Vertex) -> None:
        path = [] if start in self._started else [self._enter(start)]
        while path:
            vertex, rest = path[-1]
            following = next((item for item in rest if item not in self._started), None)
            if following is None:
                self.done.append(vertex)
                path.pop()
            else:
                path.append(self._enter(following))

    def depths(self) -> dict[Any, int]:
        """Owner -> distance from the outputs; all calls of a shared layer are as deep as its deepest one."""
        depth: dict[Vertex, int] = {}
        found: dict[Any, int] = {}
        for vertex in reversed(self.done):
            owner = owner_of(vertex)
            depth[vertex] = found[owner] = max(depth.get(vertex, 0), found.get(owner, 0))
            for item in self.before(vertex):
                depth[item] = max(depth.get(item, 0), depth[vertex] + 1)
        return found


def arranged(inputs: Sequence[Tensor], outputs: Any) -> dict[Any, list[Node]]:
    """The owners of a graph in Keras's order, each with its calls; `outputs` is a structure of tensors."""
    walk = Walk(inputs, list(in_key_order(outputs)))
    depth = walk.depths()
    unused = [owner_of(tensor) for tensor in inputs if owner_of(tensor) not in depth]
    met = sorted([*unused, *walk.met], key=lambda owner: -depth.get(owner, 0))
    calls: dict[Any, list[Node]] = {owner: [] for owner in met}
    for vertex in walk.done:
        if isinstance(vertex, Node):
            calls[owner_of(vertex)].append(vertex)
    return {owner: sorted(nodes, key=lambda node: node.position) for owner, nodes in calls.items()}
