"""Initializers: the first values of weights, drawn on the host.

`initializer(shape, dtype, path)` is a NumPy array. Its numbers follow from the process's seed and `path` alone, so
they do not depend on the order in which layers are made; with a `seed` of its own an initializer gives the same
numbers for the same shape everywhere. Drawing in NumPy spares the compiler one program per shape.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from kerato import config, random
from kerato.arguments import Configurable, Family, Rule, integer, number, one_of, optional, serialize
from kerato.errors import invalid

Array = Any
Shape = tuple[int, ...]
Axes = Sequence[int] | None

__all__ = ["FAMILY", "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "Initializer"]
__all__ += ["LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomInitializer", "RandomNormal", "RandomUniform"]
__all__ += ["Sparse", "TruncatedNormal", "VarianceScaling", "Zeros", "compute_fans", "deserialize", "get", "serialize"]

#: Standard deviation of a standard normal cut at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Configurable):
    """Base of initializers. A subclass may define `__call__(shape, dtype=None)` without a path, as in Keras."""

    checks: ClassVar[dict[str, Rule]] = {"seed": optional(integer(0)), "stddev": number(0), "gain": number()}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in cls.__dict__:
            cls.__call__ = _taking_path(cls.__call__)  # type: ignore[method-assign]

    def __call__(self, shape: Sequence[int], dtype: str | None = None, path: str = "") -> Any:
        """An array of `shape` and `dtype` for the variable at `path`."""
        raise NotImplementedError(f"{type(self).__name__}: define __call__(self, shape, dtype=None).")


def _taking_path(call: Callable[..., Any]) -> Callable[..., Any]:
    known = inspect.signature(call).parameters
    if "path" in known:
        return call

    @functools.wraps(call)
    def without_path(self: Any, shape: Any, dtype: Any = None, path: str = "") -> Any:
        return call(self, shape, dtype) if "dtype" in known else call(self, shape)

    return without_path


def _dtype(name: Any) -> np.dtype[Any]:
    return jnp.dtype(name or config.floatx())


class Constant(Initializer):
    """`value` everywhere; an array that broadcasts to the shape may be given too."""

    def __init__(self, value: Any = 0.0) -> None:
        pass

    def __call__(self, shape: Sequence[int], dtype: str | None = None, path: str = "") -> Array:
        """The filled array."""
        return np.full(shape, self.value, _dtype(dtype))


class Zeros(Initializer):
    """0 everywhere."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None, path: str = "") -> Array:
        """The filled array."""
        return np.zeros(shape, _dtype(dtype))


class Ones(Initializer):
    """1 everywhere."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None, path: str = "") -> Array:
        """The filled array."""
        return np.ones(shape, _dtype(dtype))


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere."""

    def __init__(self, gain: float = 1.0) -> None:
        pass

    def __call__(self, shape: Sequence[int], dtype: str | None = None, path: str = "") -> Array:
        """The matrix.

        Raises:
            InvalidValue: `shape` has not two sizes.
        """
        if len(shape) != 2:
            raise invalid("Identity", "shape", "that of a matrix (two sizes)", tuple(shape))
        return (self.gain * np.eye(shape[0], shape[1])).astype(_dtype(dtype))


class RandomInitializer(Initializer):
    """Base of random initializers: a subclass draws from a generator in `draw`.

    Args:
        seed: None draws by the process's seed and the variable's path; an int gives the same numbers everywhere.
    """

    def __init__(self, seed: int | None = None) -> None:
        pass

    def __call__(self, shape: Sequence[int], dtype: str | None = None, path: str = "") -> Array:
        """An array of `shape` and `dtype` for the variable at `path`."""
        wanted = _dtype(dtype)
        drawn = np.dtype("float64" if wanted == "float64" else "float32")
        generator = random.host_generator(path) if self.seed is None else random.host_generator("", self.seed)
        return np.asarray(self.draw(generator, tuple(shape), drawn)).astype(wanted, copy=False)

    def draw(self, generator: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """An array of `shape` in `dtype`, float32 or float64."""
        raise NotImplementedError(f"{type(self).__name__}: define draw(self, generator, shape, dtype).")


class RandomNormal(RandomInitializer):
    """Normal numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        pass

    def draw(self, generator: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """`mean + stddev * z`."""
        return self.mean + self.stddev * generator.standard_normal(shape, dtype)


class TruncatedNormal(RandomInitializer):
    """Normal numbers, drawn again where they are more than two `stddev` from `mean` (so that they spread less)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        pass

    def draw(self, generator: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """`mean + stddev * z`, |z| <= 2."""
        return self.mean + self.stddev * _truncated(generator, shape, dtype)


def _truncated(generator: np.random.Generator, shape: Shape, dtype: Any) -> Array:
    z = generator.standard_normal(math.prod(shape), dtype)
    outside = np.flatnonzero(np.abs(z) > 2)
    while outside.size:
        z[outside] = generator.standard_normal(outside.size, dtype)
        outside = outside[np.abs(z[outside]) > 2]
    return z.reshape(shape)


class RandomUniform(RandomInitializer):
    """Numbers of [minval, maxval), all equally likely."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        pass

    def draw(self, generator: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """`minval + (maxval - minval) * u`."""
        return self.minval + (self.maxval - self.minval) * generator.random(shape, dtype)


class VarianceScaling(RandomInitializer):
    """Numbers of variance `scale / n`, so that signals keep their size from layer to layer.

    Args:
        scale: the variance times n, > 0.
        mode: n is the number of inputs of a unit (`'fan_in'`), of outputs (`'fan_out'`) or their mean (`'fan_avg'`).
        distribution: `'truncated_normal'` (or `'normal'`), `'untruncated_normal'` or `'uniform'`.
        seed: see `RandomInitializer`.
        input_axes: the axes of the shape whose product is `fan_in`, where it is no kernel of a usual layer.
        output_axes: the same for `fan_out`.

    Differs: Keras 2.0 did not widen the truncated normal, so that its variance was 0.77 times as large.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "scale": Rule("a number > 0", lambda value, _: _positive(value)),
        "mode": one_of("fan_in", "fan_out", "fan_avg"),
        "distribution": one_of("normal", "truncated_normal", "untruncated_normal", "uniform"),
    }

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        pass

    def draw(self, generator: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Numbers of variance `scale / n` in the chosen distribution."""
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, n))
        if self.distribution == "uniform":
            return (2 * generator.random(shape, dtype) - 1) * (math.sqrt(3) * stddev)
        if self.distribution == "untruncated_normal":
            return generator.standard_normal(shape, dtype) * stddev
        return _truncated(generator, shape, dtype) * (stddev / _TRUNCATED_STDDEV)


def _positive(value: Any) -> float:
    if isinstance(value, (bool, str)) or not value > 0:
        raise ValueError
    return float(value)


def compute_fans(shape: Sequence[int], input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """Inputs and outputs of a unit: (in, out) of a matrix, times the window of a kernel (*window, in, out)."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class _Named(VarianceScaling):
    """A `VarianceScaling` under a name of its own."""

    def __init__(self, seed: int | None = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        pass


class GlorotUniform(_Named):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)). Source: Glorot & Bengio 2010, equation 16."""

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


class GlorotNormal(_Named):
    """Truncated normal of variance 2 / (fan_in + fan_out). Source: Glorot & Bengio 2010, equation 12."""

    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"


class HeUniform(_Named):
    """Uniform in ±sqrt(6 / fan_in). Source: He et al. 2015, arXiv:1502.01852."""

    scale, mode, distribution = 2.0, "fan_in", "uniform"


class HeNormal(_Named):
    """Truncated normal of variance 2 / fan_in. Source: He et al. 2015, arXiv:1502.01852, equation 10."""

    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"


class LecunUniform(_Named):
    """Uniform in ±sqrt(3 / fan_in). Source: LeCun et al. 1998, Efficient BackProp, section 4.6."""

    scale, mode, distribution = 1.0, "fan_in", "uniform"


class LecunNormal(_Named):
    """Truncated normal of variance 1 / fan_in. Source: LeCun et al. 1998, Efficient BackProp, section 4.6."""

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"


class Orthogonal(RandomInitializer):
    """`gain` times a matrix with orthonormal rows or columns, the last axis against all others.

    Source: Saxe et al. 2013, arXiv:1312.6120.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        pass

    def draw(self, generator: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """The Q of a random matrix, its signs made unique.

        Raises:
            InvalidValue: `shape` has fewer than two sizes.
        """
        if len(shape) < 2:
            raise invalid("Orthogonal", "shape", "at least two sizes", shape)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns)), dtype))
        q = q * np.sign(np.diagonal(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


class Sparse(RandomInitializer):
    """Normal numbers for `connections` inputs of each unit, chosen at random, 0 for the others.

    A unit then gets signals of one size from few inputs, however many there are; units differ in what they see.

    Args:
        connections: inputs that a unit is connected to; all where there are fewer.
        stddev: of the weights that are not 0.
        seed: see `RandomInitializer`.

    Source: Martens 2010, Deep learning via Hessian-free optimization, section 5.
    """

    checks: ClassVar[dict[str, Rule]] = {"connections": integer(1)}

    def __init__(self, connections: int = 10, stddev: float = 0.05, seed: int | None = None) -> None:
        pass

    def draw(self, generator: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """(..., units): `connections` entries per unit that are not 0."""
        weights = self.stddev * generator.standard_normal(shape, dtype)
        flat = weights.reshape(-1, shape[-1] if shape else 1)
        order = generator.random(flat.shape, np.float32).argsort(0).argsort(0)
        return np.where(order < self.connections, flat, 0).reshape(shape)


_KINDS = (
    Zeros,
    Ones,
    Constant,
    Identity,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Orthogonal,
    Sparse,
)
_NAMED = (GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal)

FAMILY = Family(
    "initializers",
    "initializer",
    {kind.__name__: kind for kind in (*_KINDS, *_NAMED)},
    {
        "zero": "Zeros",
        "one": "Ones",
        "uniform": "RandomUniform",
        "normal": "RandomNormal",
        "random_uniform": "RandomUniform",
        "random_normal": "RandomNormal",
        "truncated_normal": "TruncatedNormal",
        "variance_scaling": "VarianceScaling",
        "glorot_uniform": "GlorotUniform",
        "glorot_normal": "GlorotNormal",
        "he_uniform": "HeUniform",
        "he_normal": "HeNormal",
        "lecun_uniform": "LecunUniform",
        "lecun_normal": "LecunNormal",
        "sparse": "Sparse",
        "IdentityInitializer": "Identity",
        "OrthogonalInitializer": "Orthogonal",
    },
)

zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
random_normal, random_uniform, truncated_normal, variance_scaling = (
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
glorot_uniform, glorot_normal, he_uniform, he_normal = GlorotUniform, GlorotNormal, HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal

get = FAMILY.get
deserialize = FAMILY.get
