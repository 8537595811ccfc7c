"""Mathematics beyond NumPy's: segments, Fourier transforms, special functions, distances."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kerato.errors import invalid
from kerato.ops.base import op

Array = Any


def _segments(name: str, text: str) -> Any:
    target = getattr(jax.ops, name)

    def function(data: Array, segment_ids: Array, num_segments: int | None = None, sorted: bool = False) -> Array:
        if num_segments is None:
            raise invalid(name, "num_segments", "an int", None, "It is the length of the result.")
        return target(jnp.asarray(data), jnp.asarray(segment_ids), num_segments, indices_are_sorted=sorted)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text} of the rows of each segment: (n, ...) and ids (n,) -> (num_segments, ...)."
    return op(function)


segment_max = _segments("segment_max", "The largest values")
segment_min = _segments("segment_min", "The smallest values")
segment_prod = _segments("segment_prod", "The products")
segment_sum = _segments("segment_sum", "The sums")


@op
def in_top_k(targets: Array, predictions: Array, k: int) -> Array:
    """Whether the target is among the `k` classes with the largest predictions: (batch,), (batch, classes)."""
    own = jnp.take_along_axis(jnp.asarray(predictions), jnp.asarray(targets)[:, None], axis=-1)
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    return jnp.sum(predictions > own, axis=-1) < k


@op
def erfc(x: Array) -> Array:
    """1 minus the error function."""
    return jax.lax.erfc(jnp.asarray(x, jnp.result_type(float, x)))


@op
def erfinv(x: Array) -> Array:
    """The inverse of the error function."""
    return jax.scipy.special.erfinv(x)


@op
def logdet(x: Array) -> Array:
    """The logarithm of the absolute determinants of (..., n, n)."""
    return jnp.linalg.slogdet(x)[1]


@op
def cdist(x: Array, y: Array) -> Array:
    """The distances of all rows of `x` (..., n, d) from all rows of `y` (..., m, d): (..., n, m)."""
    apart = jnp.asarray(x)[..., :, None, :] - jnp.asarray(y)[..., None, :, :]
    squares = jnp.sum(jnp.square(apart), axis=-1)
    return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)


# -- Fourier: complex numbers are pairs (real, imaginary) -----------------------------------------------------------


def _complex(x: Any) -> Array:
    return x[0] + 1j * x[1] if isinstance(x, (list, tuple)) else jnp.asarray(x)


def _pair(x: Array) -> tuple[Array, Array]:
    return jnp.real(x), jnp.imag(x)


@op
def fft(x: Any) -> tuple[Array, Array]:
    """The Fourier transform of (real, imaginary) along the last axis."""
    return _pair(jnp.fft.fft(_complex(x)))


@op
def fft2(x: Any) -> tuple[Array, Array]:
    """The Fourier transform of (real, imaginary) along the last two axes."""
    return _pair(jnp.fft.fft2(_complex(x)))


@op
def ifft2(x: Any) -> tuple[Array, Array]:
    """The way back of `fft2`."""
    return _pair(jnp.fft.ifft2(_complex(x)))


@op
def rfft(x: Array, fft_length: int | None = None) -> tuple[Array, Array]:
    """The Fourier transform of real numbers along the last axis: (..., n) -> two of (..., n // 2 + 1)."""
    return _pair(jnp.fft.rfft(x, fft_length))


@op
def irfft(x: Any, fft_length: int | None = None) -> Array:
    """The way back of `rfft`."""
    return jnp.fft.irfft(_complex(x), fft_length)


@op
def view_as_complex(x: Array) -> Array:
    """(..., 2) real and imaginary parts -> (...) complex numbers."""
    return jax.lax.complex(x[..., 0], x[..., 1])


@op
def view_as_real(x: Array) -> Array:
    """(...) complex numbers -> (..., 2) real and imaginary parts."""
    return jnp.stack(_pair(x), axis=-1)


@op
def extract_sequences(x: Array, sequence_length: int, sequence_stride: int) -> Array:
    """Windows along the last axis: (..., n) -> (..., windows, sequence_length)."""
    count = (x.shape[-1] - sequence_length) // sequence_stride + 1
    starts = jnp.arange(count) * sequence_stride
    return jnp.take(x, starts[:, None] + jnp.arange(sequence_length), axis=-1)
