"""Activations as layers: `Activation`, and those with arguments or weights of their own (book section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerato import activations, ops, random
from kerato.arguments import Rule, integer, number, optional
from kerato.errors import invalid
from kerato.layers.base import Array, Layer
from kerato.layers.noise import Drawing


class Activation(Layer):
    """`activation(x)`: any shape -> the same shape."""

    supports_masking = True

    def __init__(self, activation: Any, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return self.activate(x)


class ReLU(Layer):
    """`max(x, 0)`; cut at `max_value`, `negative_slope * (x - threshold)` below `threshold`."""

    checks = {"max_value": optional(number(0)), "negative_slope": number(0), "threshold": number(0)}
    supports_masking = True

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **common: Any
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        value = activations.relu(x, self.negative_slope, self.max_value, self.threshold)
        return value if self.negative_slope else self.made_from(x, "relu", value)


class LeakyReLU(Layer):
    """`x` above 0, `negative_slope * x` below, so that no unit dies. Source: Maas et al. 2013."""

    checks = {"negative_slope": number(0)}
    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return activations.leaky_relu(x, self.negative_slope)


def _axes(value: Any, _: Any) -> tuple[int, ...]:
    items = (value,) if isinstance(value, int) else tuple(value)
    return tuple(integer(1).convert(item, None) for item in items)


class PReLU(Layer):
    """`x` above 0, `alpha * x` below, where `alpha` is learned.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the slopes, one for each value of a sample.
        shared_axes: axes along which they are shared, counted from 1; `[1, 2]` for one per channel of a picture.

    Source: He et al. 2015, arXiv:1502.01852, equation 1.
    """

    checks = {"shared_axes": optional(Rule("axes of a sample, counted from 1,", _axes))}
    supports_masking = True
    least_rank = 2

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """alpha: the shape of a sample, 1 along shared axes."""
        shared = self.shared_axes or ()
        if any(axis >= len(input_shape) for axis in shared):
            raise invalid("PReLU", "shared_axes", f"below {len(input_shape)} for an input {input_shape}", shared)
        own = {axis: size for axis, size in enumerate(input_shape) if axis and axis not in shared}
        self.weight("alpha", [own.get(axis, 1) for axis in range(1, len(input_shape))])
        self.expect(own)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.relu(x) - self.alpha * ops.relu(-x)


class ELU(Layer):
    """`x` above 0, `alpha * (exp(x) - 1)` below. Source: Clevert et al. 2015, arXiv:1511.07289."""

    checks = {"alpha": number()}
    supports_masking = True

    def __init__(self, alpha: float = 1.0, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return activations.elu(x, self.alpha)


class ThresholdedReLU(Layer):
    """`x` above `theta`, else 0: Keras 2's layer, gone from Keras 3. Source: Konda et al. 2014, arXiv:1402.3337."""

    checks = {"theta": number(0)}
    supports_masking = True

    def __init__(self, theta: float = 1.0, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.where(x > self.theta, x, 0)


class RReLU(Drawing):
    """`x` above 0, `a * x` below: in training `a` is uniform in [lower, upper] for each value, afterwards their mean.

    The book's RandomizedReLU (section 3.2); no version of Keras has it.

    Args:
        lower, upper: the interval of slopes.
        seed: fixes the slopes apart from the process's seed.

    Source: Xu et al. 2015, arXiv:1505.00853, section 2.4.
    """

    checks = {"lower": number(), "upper": number()}

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, seed: int | None = None, **common: Any) -> None:
        super().__init__(**common)
        if self.lower > self.upper:
            raise invalid("RReLU", "upper", f"at least `lower` ({self.lower:g})", self.upper)

    def call(self, x: Array, training: bool = False) -> Array:
        """The formula of the class."""
        slope: Any = (self.lower + self.upper) / 2
        if training:
            u = random.uniform_from(self.fresh_key(), tuple(x.shape), x.dtype)
            slope = self.lower + (self.upper - self.lower) * u
        return ops.where(x >= 0, x, slope * x)


class Softmax(Layer):
    """`exp(x) / sum(exp(x))` along `axis`, over the entries that count.

    Args:
        axis: an axis or several.

    `mask`, in a call or from layers before, is True where an entry counts. It broadcasts to the input; one of fewer
    axes, such as that of timesteps, belongs to the input's first axes. Where nothing counts the result is 0.
    """

    checks = {"axis": Rule("an axis or several", lambda value, _: _some_axes(value))}
    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array, mask: Array | None = None) -> Array:
        """The formula of the class."""
        if mask is None:
            value = activations.softmax(x, self.axis)
            return self.made_from(x, "softmax" if self.axis in (-1, x.ndim - 1) else "", value)
        counts = mask if str(mask.dtype) == "bool" else mask > 0.5
        if mask.ndim < x.ndim and tuple(mask.shape) == tuple(x.shape[: mask.ndim]):
            counts = ops.reshape(counts, (*mask.shape, *(1,) * (x.ndim - mask.ndim)))
        lowest = -3e4 if str(x.dtype) == "float16" else -1e9
        return activations.softmax(ops.where(counts, x, lowest), self.axis) * ops.cast(counts, str(x.dtype))


def _some_axes(value: Any) -> int | tuple[int, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(int(item) for item in value)
    return int(value)
