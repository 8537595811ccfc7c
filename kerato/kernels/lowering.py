"""How a primitive becomes part of a program: per platform, and on a CPU also by who computes."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

PLATFORMS = (None, "cpu")


def register(primitive: Primitive, form: Callable[..., Any], alone: Callable[..., Any]) -> None:
    """`form(platform, *values, **parameters)` anywhere, `alone(*values, **parameters)` on a CPU that computes alone.

    A device computes alone in a program of one device, and inside `shard_map`. Elsewhere XLA would gather on every
    device whatever a foreign call reads.
    """
    for platform in PLATFORMS:
        rule = partial(_lower, platform, form, alone, primitive.multiple_results)
        mlir.register_lowering(primitive, rule, platform=platform)


def register_bilinear(
    primitive: Primitive, form: Callable[..., Any], transposed: Any, batch: Any, alone: Callable[..., Any] | None = None
) -> None:
    """The same, `alone` as `form` unless given, and all that a primitive needs that is linear in each of two operands:
    `transposed(cotangent, a, b)` for the one that is unknown, and `batch(values, axes)` for `vmap`."""

    def transpose(cotangent: Any, a: Any, b: Any) -> Any:
        if type(cotangent) is not ad.Zero:
            return transposed(cotangent, a, b)
        return [ad.Zero(value.aval) if ad.is_undefined_primal(value) else None for value in (a, b)]

    primitive.def_impl(jax.jit(primitive.bind))
    ad.defjvp(primitive, lambda t, a, b: primitive.bind(t, b), lambda t, a, b: primitive.bind(a, t))
    ad.primitive_transposes[primitive] = transpose
    batching.primitive_batchers[primitive] = batch
    register(primitive, form, alone or partial(form, "cpu"))


def front(values: Sequence[Any], axes: Sequence[Any]) -> list[Any]:
    """Every value with its mapped axis in front, of size 1 where it has none."""
    moved = zip(values, axes, strict=True)
    return [value[None] if axis is None else jnp.moveaxis(value, axis, 0) for value, axis in moved]


def _lower(
    platform: str | None, form: Any, alone: Any, several: bool, context: Any, *values: Any, **parameters: Any
) -> Any:
    native = platform == "cpu" and _alone(context.module_context.axis_context)
    rule = mlir.lower_fun(alone if native else partial(form, platform), multiple_results=several)
    return rule(context, *values, **parameters)


def _alone(axes: Any) -> bool:
    manual = getattr(axes, "manual_axes", None)
    return getattr(axes, "num_devices", None) == 1 if manual is None else set(manual) == set(axes.mesh.axis_names)
