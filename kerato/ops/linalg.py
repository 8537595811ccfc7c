"""Linear algebra on (..., n, m) matrices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kerato.ops.base import op

Array = Any


@op
def cholesky(x: Array, upper: bool = False) -> Array:
    """The triangular L with `L @ L.T == x`, or its transpose where `upper`."""
    return jnp.linalg.cholesky(x, upper=upper)


@op
def cholesky_inverse(x: Array, upper: bool = False) -> Array:
    """The inverse of the matrix whose Cholesky factor is `x`."""
    y = jax.scipy.linalg.solve_triangular(x, jnp.eye(x.shape[-1], dtype=x.dtype), lower=not upper)
    turned = jnp.swapaxes(y, -1, -2)
    return y @ turned if upper else turned @ y


@op
def det(x: Array) -> Array:
    """The determinants."""
    return jnp.linalg.det(x)


@op
def eig(x: Array) -> tuple[Array, Array]:
    """(eigenvalues, eigenvectors), complex."""
    values, vectors = jnp.linalg.eig(x)
    return values, vectors


@op
def eigh(x: Array) -> tuple[Array, Array]:
    """(eigenvalues, eigenvectors) of symmetric matrices, the smallest first."""
    values, vectors = jnp.linalg.eigh(x)
    return values, vectors


@op
def inv(x: Array) -> Array:
    """The inverses."""
    return jnp.linalg.inv(x)


def jvp(fun: Any, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """(value, derivative along `tangents`) of a function of arrays."""
    return jax.jvp(fun, tuple(primals), tuple(tangents), has_aux=has_aux)


@op
def lstsq(a: Array, b: Array, rcond: float | None = None) -> Array:
    """The x of least squares in `a @ x == b`."""
    return jnp.linalg.lstsq(a, b, rcond)[0]


@op
def lu_factor(x: Array) -> tuple[Array, Array]:
    """(both triangular factors in one matrix, row swaps)."""
    factors, swaps = jax.scipy.linalg.lu_factor(x)
    return factors, swaps


@op
def matrix_rank(x: Array, tol: float | None = None) -> Array:
    """How many singular values are above `tol`."""
    return jnp.linalg.matrix_rank(x, tol)


@op
def norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """The norm of vectors or matrices, as NumPy's."""
    return jnp.linalg.norm(jnp.asarray(x, jnp.result_type(float, x)), ord, axis, keepdims)


@op
def pinv(x: Array, rcond: float | None = None) -> Array:
    """The pseudo-inverses."""
    return jnp.linalg.pinv(x, rcond)


@op
def qr(x: Array, mode: str = "reduced") -> tuple[Array, Array]:
    """(Q with orthonormal columns, upper triangular R)."""
    q, r = jnp.linalg.qr(x, mode)
    return q, r


@op
def solve(a: Array, b: Array) -> Array:
    """The x of `a @ x == b`."""
    a, b = jnp.asarray(a), jnp.asarray(b)
    return jnp.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else jnp.linalg.solve(a, b)


@op
def solve_triangular(a: Array, b: Array, lower: bool = False) -> Array:
    """The x of `a @ x == b` with a triangular `a`."""
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@op
def svd(x: Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(U, singular values, V transposed), or the values alone."""
    found = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found
