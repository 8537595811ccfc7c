"""NumPy's functions as operations, beyond those of `kerato.ops.base`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kerato import config
from kerato.ops.base import OPS, numpy_operation, op

Array = Any

_NAMES = """allclose amax amin angle append arange argpartition array_split bartlett bincount bitwise_left_shift
bitwise_not bitwise_right_shift blackman cbrt conj conjugate copy corrcoef correlate count_nonzero deg2rad diagflat
diff digitize dot dsplit dstack empty_like exp2 fabs fliplr flipud fmax fmin fmod gcd geomspace hamming hanning
heaviside histogram hsplit hypot i0 imag inner isin isneginf isposinf isreal kaiser kron lcm ldexp left_shift
logaddexp2 logical_xor logspace nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin
nanpercentile nanprod nanquantile nanstd nansum nanvar nextafter nonzero percentile ptp quantile rad2deg ravel real
right_shift rot90 searchsorted select signbit sinc split trapezoid trunc unique unravel_index vander vsplit"""

globals().update({name: numpy_operation(name) for name in _NAMES.split()})


@op
def zeros(shape: Any, dtype: str | None = None) -> Array:
    """Zeros, of `config.floatx()` unless a dtype is given."""
    return jnp.zeros(shape, dtype or config.floatx())


@op
def ones(shape: Any, dtype: str | None = None) -> Array:
    """Ones, of `config.floatx()` unless a dtype is given."""
    return jnp.ones(shape, dtype or config.floatx())


@op
def empty(shape: Any, dtype: str | None = None) -> Array:
    """An array whose values do not matter; they are zeros."""
    return jnp.zeros(shape, dtype or config.floatx())


@op
def full(shape: Any, fill_value: Any, dtype: str | None = None) -> Array:
    """One value in every cell."""
    return jnp.full(shape, fill_value, dtype)


@op
def eye(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Array:
    """Ones on the k-th diagonal of (N, M), else zeros."""
    return jnp.eye(N, M, k, dtype or config.floatx())


@op
def identity(n: int, dtype: str | None = None) -> Array:
    """The identity matrix (n, n)."""
    return jnp.eye(n, dtype=dtype or config.floatx())


@op
def tri(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Array:
    """Ones at and below the k-th diagonal of (N, M), else zeros."""
    return jnp.tri(N, M, k, dtype or config.floatx())


@op
def array(x: Any, dtype: str | None = None) -> Array:
    """`x` as an array of its own."""
    return jnp.array(x, dtype)


@op
def bitwise_invert(x: Array) -> Array:
    """Every bit turned."""
    return jnp.invert(x)


@op
def divide_no_nan(x1: Array, x2: Array) -> Array:
    """`x1 / x2`, 0 where `x2` is 0."""
    x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
    return jnp.where(x2 == 0, 0, x1 / jnp.where(x2 == 0, jnp.ones((), x2.dtype), x2))


@op
def get_item(x: Array, key: Any) -> Array:
    """`x[key]`."""
    return x[key]


@op
def size(x: Array) -> int:
    """How many values `x` has."""
    return int(jnp.size(x))


@op
def slogdet(x: Array) -> tuple[Array, Array]:
    """(sign, log of the absolute value) of the determinants of (..., n, n)."""
    sign, log = jnp.linalg.slogdet(x)
    return sign, log


@op
def view(x: Array, dtype: str | None = None) -> Array:
    """The same bytes read as another dtype."""
    return jnp.asarray(x).view(dtype)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape) if hasattr(x, "shape") else int(jnp.ndim(x))


def vectorize(pyfunc: Any, *, excluded: Any = None, signature: str | None = None) -> Any:
    """`pyfunc` of numbers as a function of arrays."""
    return jnp.vectorize(pyfunc, excluded=excluded or frozenset(), signature=signature)


def __getattr__(name: str) -> Any:
    if name in OPS:
        return OPS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
