"""relu(convolution(x, kernel) + bias), with or without the relu, as one primitive: natively it is one call.

Its tangent is made of other primitives, (output(dx, kernel) + output(x, dkernel) + dbias) where y > 0, so derivatives
of every order follow; `vmap` maps the portable form.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching

from kerato.kernels import native
from kerato.kernels.bilinear import abstract, output, same_variation
from kerato.kernels.channels import add_bias
from kerato.kernels.lowering import register
from kerato.kernels.roles import shape_of
from kerato.kernels.windows import Windows

BIASED = Primitive("convolution_with_bias")


def biased_output(x: jax.Array, kernel: jax.Array, bias: jax.Array, geometry: Windows, relu: bool) -> jax.Array:
    """y (batch, *output, out) of x (batch, *lengths, in), kernel (*window, in / groups, out) and bias (out,)."""
    result: jax.Array = BIASED.bind(*same_variation((x, kernel, bias)), geometry=geometry, relu=relu)
    return result


def _portable(
    _: str | None, x: jax.Array, kernel: jax.Array, bias: jax.Array, geometry: Windows, relu: bool
) -> jax.Array:
    y = add_bias(output(x, kernel, geometry), bias)
    return jax.nn.relu(y) if relu else y


def _alone(x: jax.Array, kernel: jax.Array, bias: jax.Array, geometry: Windows, relu: bool) -> jax.Array:
    shapes = {"x": x.shape, "kernel": kernel.shape}
    shapes["y"] = shape_of("y", shapes, geometry)
    if native.serves("y", shapes, geometry, x.dtype):
        return native.solve_biased(shapes, x, kernel, bias, geometry, relu)
    return _portable("cpu", x, kernel, bias, geometry, relu)


def _abstract(x: Any, kernel: Any, bias: Any, *, geometry: Windows, relu: bool) -> Any:
    return abstract("y", x, kernel, geometry=geometry)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, geometry: Windows, relu: bool) -> Any:
    x, kernel, bias = primals
    y = BIASED.bind(x, kernel, bias, geometry=geometry, relu=relu)
    dx, dkernel, dbias = tangents
    forms = (
        (dx, lambda: output(dx, kernel, geometry)),
        (dkernel, lambda: output(x, dkernel, geometry)),
    )
    parts = [form() for tangent, form in forms if type(tangent) is not ad.Zero]
    tangent = reduce(lax.add, parts) if parts else None
    if type(dbias) is not ad.Zero:
        tangent = add_bias(jnp.zeros_like(y) if tangent is None else tangent, dbias)
    if tangent is None:
        return y, ad.Zero(jax.typeof(y).to_tangent_aval())
    return y, jnp.where(y > 0, tangent, jnp.zeros((), y.dtype)) if relu else tangent


def _batch(values: Sequence[Any], axes: Sequence[int | None], **parameters: Any) -> tuple[Any, int]:
    return jax.vmap(lambda *values: _portable(None, *values, **parameters), axes)(*values), 0


BIASED.def_abstract_eval(_abstract)
BIASED.def_impl(jax.jit(BIASED.bind, static_argnames=("geometry", "relu")))
ad.primitive_jvps[BIASED] = _jvp
batching.primitive_batchers[BIASED] = _batch
register(BIASED, _portable, _alone)
