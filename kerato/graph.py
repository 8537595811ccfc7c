"""The centre: symbolic tensors, nodes, and `evaluate`.

Building a model only lays pipes (book section 1.2): a `Tensor` is a shape, a dtype and the `Node` it comes from,
and a node is a named operation or a layer applied to a tree of arguments. `evaluate` lets the water through. It
is pure, so `jax.jit`, `jax.grad` and `jax.vmap` go over it, and everything else in Kerato is this one function
with something around it: `K.function` is evaluate under jit, `K.gradients` is a node whose value is the gradient
of evaluate, a model is a graph with names, a training step is evaluate with a loss and an optimizer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from kerato import ops
from kerato.errors import InvalidCall, InvalidType, KeratoError
from kerato.ops import leaves, tree_map
from kerato.shapes import Shape, Spec, infer, is_static_node, size_arithmetic, trial_shape
from kerato.variables import Array, Hook, Run, Variable, running

_serials = itertools.count()


class NeedsArray(InvalidType):
    """A symbolic tensor met a function that computes on numbers (NumPy's or JAX's own)."""


def wants_numbers(error: Exception) -> bool:
    """Whether a function may have failed on symbolic tensors only because it computes on numbers.

    NumPy's and JAX's functions say so each in their own words, as a TypeError or a ValueError.
    """
    return isinstance(error, NeedsArray) or not isinstance(error, KeratoError)


class Tensor(ops.Operators):
    """A symbolic array: what will be there when the graph is evaluated.

    `shape` has None for sizes that are not known yet; `node` is None for a placeholder. Python's operators and
    slicing record new nodes; nothing ever changes a tensor.
    """

    op_priority = 2  # there is no `__jax_array__`, so that JAX's arrays leave `array * tensor` to us

    def __init__(
        self, shape: Shape, dtype: str, node: Node | None = None, index: int = 0, name: str | None = None
    ) -> None:
        self.shape, self.dtype, self.node, self.index = tuple(shape), str(dtype), node, index
        self.name = name or (f"{node.name}:{index}" if node else f"placeholder_{next(_serials)}")
        self.layer: Any = None  # the InputLayer of a placeholder made by Input

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def get_shape(self) -> Shape:
        """`shape`, as TensorFlow's tensors call it."""
        return self.shape

    def take_op(self, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record `operation` as a node, or compute it where the tensors it names are being evaluated."""
        run = running()
        if run is not None:
            args, kwargs = tree_map(lambda leaf: worth(leaf, run), (args, kwargs))
            if not any(isinstance(leaf, Tensor) for leaf in leaves((args, kwargs))):
                return operation(*args, **kwargs)
        return Node(operation, args, kwargs).result

    def __repr__(self) -> str:
        return f"<Tensor {self.name} shape={self.shape} dtype={self.dtype}>"

    def _no_numbers(self, *_: Any, **__: Any) -> Any:
        raise NeedsArray(
            f"{self!r} is symbolic and holds no numbers yet. Use kerato.ops or K functions on it, "
            "or evaluate it with K.function([inputs], [outputs])."
        )

    __array__ = __float__ = __int__ = __bool__ = __index__ = _no_numbers

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            self._no_numbers()
        return int(self.shape[0] or 0)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))


class Node:
    """An operation of the table, or a layer, applied to a tree of arguments in which tensors may stand anywhere.

    `result` is the tree of tensors it gives, `outputs` the same as a list. `position` tells the calls of a layer
    apart.
    """

    def __init__(self, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any], specs: Any = None) -> None:
        self.owner, self.args, self.kwargs = owner, args, kwargs
        self.name = str(getattr(owner, "name", None) or getattr(owner, "__name__", type(owner).__name__))
        self.serial, self.position = next(_serials), 0
        self.inputs = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        for function in filter(callable, leaves((args, kwargs))):
            used = closed_over(function)
            self.inputs += [leaf for leaf in used if isinstance(leaf, Tensor) and leaf not in self.inputs]
        self.static = is_static_node(self)
        numbers = itertools.count()
        specs = infer(self) if specs is None else specs
        self.result = tree_map(lambda spec: Tensor(spec.shape, spec.dtype, self, next(numbers)), specs)
        self.outputs: list[Tensor] = list(leaves(self.result))

    @property
    def given(self) -> Any:
        """The input as the layer was called with it: a tensor or a structure of them."""
        return self.args[0] if self.args else self.kwargs

    @property
    def is_layer(self) -> bool:
        """Whether a layer, not an operation, computes this node."""
        return not hasattr(self.owner, "compute")

    def compute(self, run: Run, args: Any, kwargs: Any) -> Any:
        """The value of `result`, for values of the arguments."""
        if self.static:
            return size_arithmetic(self, args, kwargs)
        if self.is_layer:
            return self.owner.compute_values(args, kwargs, position=self.position)
        with run.inside(f"{self.name}#{self.serial}", 0):
            return self.owner(*args, **kwargs)


class Expansion(Node):
    """A layer that laid its own pipes (a Lambda made of operations): its value is the value of those."""

    def __init__(self, owner: Any, args: tuple[Any, ...], result: Any) -> None:
        self._given = args[0] if args else None
        super().__init__(owner, (result,), {}, tree_map(lambda t: Spec(t.shape, t.dtype), result))

    @property
    def given(self) -> Any:
        """The input of the layer, which the operations between may have used or not."""
        return self._given

    def compute(self, run: Run, args: Any, kwargs: Any) -> Any:
        """The value of the pipes, shown to the hook."""
        with run.inside(self.name, self.position) as path:
            return args[0] if run.hook is None else run.shown(path, args[0])


class Frame:
    """The values of one graph's tensors while it is being evaluated."""

    def __init__(self, run: Run, feeds: Mapping[Tensor, Any]) -> None:
        self.run, self.known = run, dict(feeds)

    def can_give(self, tensor: Tensor) -> bool:
        """Whether the value is there or follows from what is there."""
        return all(end in self.known for end in placeholders([tensor], self.known))

    def values(self, tensors: Sequence[Tensor]) -> list[Any]:
        """The values of `tensors`, each node computed once."""
        for node in order(tensors, self.known):
            args, kwargs = tree_map(self._value, (node.args, node.kwargs))
            value = node.compute(self.run, args, kwargs)
            found = [value] if isinstance(node.result, Tensor) else leaves(value)
            self.known.update(zip(node.outputs, found, strict=True))
        return [self._value(tensor) for tensor in tensors]

    def _value(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        if leaf not in self.known:
            raise InvalidCall(f"evaluate: the value of {leaf!r} must be given. Feed it as one of the inputs.")
        return self.known[leaf]


def order(tensors: Iterable[Tensor], known: Iterable[Tensor] = ()) -> list[Node]:
    """The nodes behind `tensors`, each after those it needs, stopping at `known` tensors."""
    stop = known if isinstance(known, (dict, set)) else set(known)
    done: dict[Node, None] = {}
    todo = [(t.node, False) for t in reversed(list(tensors)) if t.node and t not in stop]
    while todo:
        node, ready = todo.pop()
        if ready:
            done[node] = None
        elif node not in done:
            todo.append((node, True))
            todo.extend((t.node, False) for t in reversed(node.inputs) if t.node and t not in stop)
    return list(done)


def placeholders(tensors: Sequence[Tensor], stop: Iterable[Tensor] = ()) -> list[Tensor]:
    """The tensors without a node, and those of `stop`, that `tensors` are computed from."""
    ends = stop if isinstance(stop, (dict, set)) else set(stop)
    needed = [*tensors, *(t for node in order(tensors, ends) for t in node.inputs)]
    return list(dict.fromkeys(t for t in needed if t.node is None or t in ends))


def depends(tensor: Tensor, on: set[Tensor]) -> bool:
    """Whether `tensor` is computed from one of `on`."""
    return tensor in on or any(not on.isdisjoint(node.inputs) for node in order([tensor], on))


def closed_over(function: Any) -> list[Tensor | Variable]:
    """The symbolic tensors and variables that a function mentions without being given them."""
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    named = getattr(function, "__globals__", {})
    used = [named[name] for name in getattr(getattr(function, "__code__", None), "co_names", ()) if name in named]
    return list(dict.fromkeys(leaf for leaf in leaves([*cells, *used]) if isinstance(leaf, (Tensor, Variable))))


def worth(leaf: Any, run: Run) -> Any:
    """What a tensor is worth in the graphs that `run` is evaluating: for a loss or a layer that closes over it."""
    if not isinstance(leaf, Tensor):
        return leaf
    for frame in reversed(run.frames):
        if frame.can_give(leaf):
            return frame.values([leaf])[0]
    return jnp.zeros(trial_shape(leaf.shape, run.trial), leaf.dtype) if run.abstract else leaf


@dataclass(frozen=True)
class Evaluation:
    """What evaluating a graph gives: values, new values of variables, losses that layers added."""

    outputs: list[Any]
    updates: dict[Variable, Array]
    losses: list[Array]


def evaluate(
    outputs: Sequence[Tensor],
    feeds: Mapping[Tensor, Any],
    values: Mapping[Variable, Array] | None = None,
    *,
    training: bool = False,
    key: Any = None,
    hook: Hook | None = None,
) -> Evaluation:
    """Compute `outputs` from `feeds`. Pure: variables are read from `values` and never written.

    Args:
        outputs: symbolic tensors.
        feeds: values of placeholders, or of any other tensor, at which the graph is then cut.
        values: what variables are worth; the rest have their concrete values.
        training: the learning phase.
        key: root of all randomness, uint32 of shape (2,).
        hook: `(call path, value) -> value`, called with what every layer gives.

    Raises:
        InvalidCall: an output needs a placeholder that is not fed.
    """
    with Run(dict(values or {}), training, key, hook) as run:
        found = run_graph(run, outputs, feeds)
    return Evaluation(found, run.updates, run.losses)


def run_graph(run: Run, outputs: Sequence[Tensor], feeds: Mapping[Tensor, Any]) -> list[Any]:
    """Compute `outputs` inside an evaluation that is already there (a model inside a model)."""
    frame = Frame(run, feeds)
    run.frames.append(frame)
    try:
        return frame.values(outputs)
    finally:
        run.frames.pop()


class Gradients(Node):
    """The gradients of the sum of `loss` with respect to tensors and variables; the graph is cut at the tensors.

    A node like any other, so that gradients of gradients, and gradients inside a Lambda, are graphs too.
    """

    def __init__(self, loss: Tensor, targets: Sequence[Tensor | Variable]) -> None:
        self.loss, self.targets = loss, list(targets)
        super().__init__(_gradients, (), {}, [Spec(target.shape, target.dtype) for target in targets])
        ends = {t for t in self.targets if isinstance(t, Tensor)}
        self.inputs = list(dict.fromkeys([*ends, *placeholders([loss], ends)]))

    def compute(self, run: Run, args: Any, kwargs: Any) -> Any:
        """`jax.grad` of evaluating the loss from the targets on."""
        known = run.frames[-1].known
        upstream = {t: known[t] for t in self.inputs if t not in self.targets}

        def loss(targets: list[Any]) -> Array:
            given = dict(zip(self.targets, targets, strict=True))
            feeds = {t: value for t, value in given.items() if isinstance(t, Tensor)}
            changed = {v: value for v, value in given.items() if isinstance(v, Variable)}
            with Run({**run.values, **changed}, run.training, run.key, path=run.path) as inner:
                return jnp.sum(run_graph(inner, [self.loss], {**upstream, **feeds})[0])

        return jax.grad(loss)([known[t] if isinstance(t, Tensor) else run.read(t) for t in self.targets])


def _gradients() -> None:
    """The owner of gradient nodes."""


_gradients.compute = _gradients  # type: ignore[attr-defined]


def gradients(loss: Tensor, targets: Sequence[Tensor | Variable]) -> list[Tensor | None]:
    """Symbolic gradients of the sum of `loss`, None where `loss` does not depend on the target."""
    reached = [target for target in targets if reaches(loss, target)]
    # A target computed from another one would be cut off from it in a common node.
    apart = any(isinstance(t, Tensor) and depends(t, {*reached} - {t}) for t in reached)  # type: ignore[arg-type]
    groups = [[target] for target in reached] if apart else [reached] if reached else []
    found = {t: g for group in groups for t, g in zip(group, Gradients(loss, group).outputs, strict=True)}
    return [found.get(target) for target in targets]


def reaches(loss: Tensor, target: Tensor | Variable) -> bool:
    """Whether `loss` is computed from `target`."""
    if isinstance(target, Tensor):
        return depends(loss, {target})
    return target in variables_of([loss])


def variables_of(tensors: Sequence[Tensor]) -> list[Variable]:
    """The variables that tensors are computed from."""
    return list(dict.fromkeys(variable for node in order(tensors) for variable in _variables(node)))


def _variables(node: Node) -> list[Variable]:
    if isinstance(node, Gradients):
        targets = [target for target in node.targets if isinstance(target, Variable)]
        return [*targets, *variables_of([node.loss])]
    found = [leaf for leaf in leaves((node.args, node.kwargs)) if isinstance(leaf, Variable)]
    for function in filter(callable, leaves((node.args, node.kwargs))):
        found += [leaf for leaf in closed_over(function) if isinstance(leaf, Variable)]
    return [*found, *(node.owner.variables if node.is_layer else ())]


def get_source_inputs(tensor: Tensor) -> list[Tensor]:
    """The placeholders that `tensor` is computed from."""
    return placeholders([tensor])
