"""Convolution as JAX primitives: three roles, x, kernel and y, of which any two give the third.

With T(x, kernel, y) = sum(y * convolution(x, kernel)), a number linear in each role, the derivative of T by y is the
convolution, by x its input gradient, by kernel its kernel gradient. So each of the three operations is bilinear, its
derivatives are the other two, and forward mode, reverse mode, second order and batching follow from that one fact.

`choice.py` says how each is computed on each platform.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jax.sharding import PartitionSpec

from kerato.kernels.choice import compute, lower
from kerato.kernels.lowering import register
from kerato.kernels.roles import ROLES, operands, shapes_of
from kerato.kernels.windows import Windows

PRIMITIVES = {role: Primitive(f"convolution_{role}") for role in ROLES}


def output(x: jax.Array, kernel: jax.Array, geometry: Windows) -> jax.Array:
    """y (batch, *output, out) of x (batch, *lengths, in) and kernel (*window, in / groups, out)."""
    return _bind("y", (x, kernel), geometry)


def input_gradient(y: jax.Array, kernel: jax.Array, geometry: Windows) -> jax.Array:
    """The derivative of sum(y * output(x, kernel)) by x."""
    return _bind("x", (kernel, y), geometry)


def kernel_gradient(x: jax.Array, y: jax.Array, geometry: Windows) -> jax.Array:
    """The derivative of sum(y * output(x, kernel)) by kernel."""
    return _bind("kernel", (x, y), geometry)


def _bind(role: str, values: Sequence[jax.Array], geometry: Windows) -> jax.Array:
    result: jax.Array = PRIMITIVES[role].bind(*same_variation(values), geometry=geometry)
    return result


def same_variation(values: Sequence[jax.Array]) -> Sequence[jax.Array]:
    """Inside `shard_map`, say of a replicated operand that it may vary: its gradient is then summed over devices."""
    varying = [_varying(value) for value in values]
    together = frozenset().union(*varying)
    return [
        lax.pcast(value, tuple(together - own), to="varying") if together - own else value
        for value, own in zip(values, varying, strict=True)
    ]


def _varying(value: Any) -> frozenset[Any]:
    return frozenset(jax.typeof(value).manual_axis_type.varying)


def abstract(role: str, *avals: Any, geometry: Windows) -> Any:
    """What `role` is when the other two are `avals`."""
    spec = PartitionSpec() if role == "kernel" else PartitionSpec(avals[-1 if role == "x" else 0].sharding.spec[0])
    sharding = avals[0].sharding.update(spec=spec)
    return avals[0].update(
        shape=shapes_of(role, avals[0], avals[1], geometry)[role], weak_type=False, sharding=sharding
    )


def _transpose(role: str, cotangent: Any, *values: Any, geometry: Windows) -> list[Any]:
    """The cotangent of the one operand that is unknown: the same form, solved for that operand's role."""
    names = operands(role)
    known = {role: cotangent} | {n: v for n, v in zip(names, values, strict=True) if not ad.is_undefined_primal(v)}

    def solve(wanted: str, value: Any) -> Any:
        if not ad.is_undefined_primal(value):
            return None
        if type(cotangent) is ad.Zero:
            return ad.Zero(value.aval)
        return _bind(wanted, [known[name] for name in operands(wanted)], geometry)

    return [solve(name, value) for name, value in zip(names, values, strict=True)]


def _tangent(role: str, position: int, tangent: Any, *values: Any, geometry: Windows) -> jax.Array:
    return _bind(role, [tangent if i == position else value for i, value in enumerate(values)], geometry)


def _batch(role: str, values: Sequence[Any], axes: Sequence[int | None], *, geometry: Windows) -> tuple[Any, int]:
    """`vmap`: fold the new axis into the batch, the channels or the groups, whichever the roles that have it share."""
    named = dict(zip(operands(role), zip(values, axes, strict=True), strict=True))
    front = {name: jnp.moveaxis(v, axis, 0) for name, (v, axis) in named.items() if axis is not None}
    size = next(iter(front.values())).shape[0]
    places = _places({role, *front}, geometry.groups)
    grouped = len(places) == 3
    wider = replace(geometry, groups=geometry.groups * size) if grouped else geometry
    folded = [_fold(front[name], *places[name]) if name in front else v for name, (v, _) in named.items()]
    return _unfold(_bind(role, folded, wider), size, *places[role]), 0


def _places(having: set[str], groups: int) -> dict[str, tuple[int, int]]:
    """Where each role that has the new axis takes it: (axis, number of parts that stay outside it)."""
    if having == {"x", "y"}:
        return {"x": (0, 1), "y": (0, 1)}
    if having == {"kernel", "y"}:
        return {"kernel": (-1, groups), "y": (-1, groups)}
    if having == {"x", "kernel"}:
        return {"x": (-1, groups), "kernel": (-2, 1)}
    return dict.fromkeys(ROLES, (-1, 1))


def _fold(value: jax.Array, axis: int, parts: int) -> jax.Array:
    """(size, ..., parts * c, ...) -> (..., parts * size * c, ...)."""
    size, *shape = value.shape
    axis %= len(shape)
    before, after = shape[:axis], shape[axis + 1 :]
    split = value.reshape(size, *before, parts, shape[axis] // parts, *after)
    return jnp.moveaxis(split, 0, axis + 1).reshape(*before, shape[axis] * size, *after)


def _unfold(value: jax.Array, size: int, axis: int, parts: int) -> jax.Array:
    """(..., parts * size * c, ...) -> (size, ..., parts * c, ...)."""
    shape = value.shape
    axis %= len(shape)
    before, after = shape[:axis], shape[axis + 1 :]
    split = value.reshape(*before, parts, size, shape[axis] // parts // size, *after)
    return jnp.moveaxis(split, axis + 1, 0).reshape(size, *before, shape[axis] // size, *after)


def _register(role: str, primitive: Primitive) -> None:
    primitive.def_abstract_eval(partial(abstract, role))
    primitive.def_impl(jax.jit(primitive.bind, static_argnames="geometry"))
    ad.defjvp(primitive, *(partial(_tangent, role, position) for position in (0, 1)))
    ad.primitive_transposes[primitive] = partial(_transpose, role)
    batching.primitive_batchers[primitive] = partial(_batch, role)
    register(primitive, partial(compute, role), partial(lower, role))


for _role, _primitive in PRIMITIVES.items():
    _register(_role, _primitive)
