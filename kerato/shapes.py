"""Shapes of what a call gives, found by abstract evaluation instead of hand-written rules.

A size that is not known yet is stood for by two different numbers; an output size that differs between the two
evaluations is unknown too. Sizes that a graph computes with (`shape(x)[0] * 2`) stay Python ints throughout, so
that they can be shapes again. A symbolic tensor is, here, whatever has a `node`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from kerato import ops
from kerato.ops import leaves, tree_map
from kerato.variables import Run

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Spec:
    """Shape and dtype of a tensor that does not exist yet."""

    shape: Shape
    dtype: str


#: Two stand-ins for an unknown size at axis i: even and far apart, so that halving and doubling networks work and
#: a size that differs between the two is an unknown one.
_TRIALS = tuple(tuple(base * (7 + 2 * axis) for axis in range(8)) for base in (64, 192))


def trial_shape(shape: Shape, trial: int) -> tuple[int, ...]:
    """`shape` with its unknown sizes filled in for one of the two evaluations."""
    return tuple(_TRIALS[trial][axis] if size is None else size for axis, size in enumerate(shape))


def is_symbolic(leaf: Any) -> bool:
    """Whether a value is a symbolic tensor."""
    return hasattr(leaf, "node")


def infer(node: Any) -> Any:
    """Specs of what a node gives, from one abstract evaluation, or two where sizes are unknown."""
    static = _static_specs(node)
    if static is not None:
        return static
    return infer_call(lambda *a, **k: node.owner(*a, **k), node.args, node.kwargs)


def infer_call(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Specs of `call(*args, **kwargs)`, whose tensors may have unknown sizes."""
    tensors = [leaf for leaf in leaves((args, kwargs)) if is_symbolic(leaf)]
    unknown = any(size is None for tensor in tensors for size in tensor.shape) or any(map(is_static, tensors))
    found = [_abstract(call, args, kwargs, trial) for trial in range(2 if unknown else 1)]
    if not unknown:
        return tree_map(_spec, found[0])
    pairs = zip(leaves(found[0]), leaves(found[1]), strict=True)
    merged = iter([_merged(first, second) for first, second in pairs])
    return tree_map(lambda _: next(merged), found[0])


def _spec(value: Any) -> Any:
    return Spec(tuple(value.shape), str(value.dtype)) if hasattr(value, "shape") else value


def _merged(first: Any, second: Any) -> Any:
    if not hasattr(first, "shape"):
        return first
    sizes = tuple(a if a == b else None for a, b in zip(first.shape, second.shape, strict=True))
    return Spec(sizes, str(first.dtype))


def _abstract(call: Callable[..., Any], args: Any, kwargs: Any, trial: int) -> Any:
    tensors = [leaf for leaf in leaves((args, kwargs)) if is_symbolic(leaf)]
    flowing = list(dict.fromkeys(t for t in tensors if not is_static(t)))
    known: dict[Any, Any] = {t: _static_value(t.node, trial) for t in tensors if is_static(t)}

    def run(*values: Any) -> Any:
        table = {**known, **dict(zip(flowing, values, strict=True))}
        substituted = tree_map(lambda leaf: table[leaf] if is_symbolic(leaf) else leaf, (args, kwargs))
        with Run(abstract=True, trial=trial):
            return call(*substituted[0], **substituted[1])

    return jax.eval_shape(run, *(jax.ShapeDtypeStruct(trial_shape(t.shape, trial), t.dtype) for t in flowing))


def is_static(tensor: Any) -> bool:
    """Whether a tensor is made of sizes only (`shape(x)[0] * 2`): a plain int at computing time, never an array."""
    return tensor.node is not None and tensor.node.static


def is_static_node(node: Any) -> bool:
    """Whether a node gives sizes only; asked once, when it is made."""
    if node.is_layer:
        return False
    if node.owner is ops.OPS["shape"]:
        return True
    return bool(node.inputs) and node.owner.__name__ in _SIZE_ARITHMETIC and all(map(is_static, node.inputs))


#: what sizes may be computed with, as Python does it on ints and tuples
_SIZE_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "getitem": operator.getitem,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": operator.floordiv,
    "mod": operator.mod,
}


def size_arithmetic(node: Any, args: Any, kwargs: Any) -> Any:
    """The value of a static node: sizes of an array, or arithmetic on ints."""
    rule = _SIZE_ARITHMETIC.get(node.owner.__name__, node.owner.compute)
    return rule(*args, **kwargs)


def _static_value(node: Any, trial: int) -> Any:
    if node.owner is ops.OPS["shape"]:
        return trial_shape(node.inputs[0].shape, trial)
    args, kwargs = tree_map(
        lambda leaf: _static_value(leaf.node, trial) if is_symbolic(leaf) else leaf, (node.args, node.kwargs)
    )
    return size_arithmetic(node, args, kwargs)


def _static_specs(node: Any) -> Any:
    if node.is_layer or not node.inputs:
        return None
    if node.owner is ops.OPS["shape"]:
        return Spec((node.inputs[0].ndim,), "int32")
    if node.owner.__name__ in _SIZE_ARITHMETIC and all(map(is_static, node.inputs)):
        value = _static_value(node, 0)
        return Spec((len(value),) if isinstance(value, tuple) else (), "int32")
    return None
