"""Normalisation of each sample by itself: layers, groups of channels, lengths of vectors."""

from __future__ import annotations

from typing import Any

from kerato import ops
from kerato.arguments import Rule, flag, number, positive_int, title
from kerato.errors import invalid
from kerato.layers.base import Array, Layer


def _over(axis: Any, shape: Any) -> tuple[list[int], tuple[int, ...]]:
    """The axes counted from the first, and the shape of a weight for them: Keras sorts -1 before 1."""
    given = sorted([axis] if isinstance(axis, int) else axis)
    return sorted(item % len(shape) for item in given), tuple(shape[item] for item in given)


def _axes(value: Any, _: Any) -> Any:
    return [int(axis) for axis in value] if isinstance(value, (list, tuple)) else int(value)


_AXES = Rule("an int or a list of them", _axes)


class LayerNormalization(Layer):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, the mean and variance over `axis` of each sample.

    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """

    checks = {"axis": _AXES, "epsilon": number(0), "center": flag, "scale": flag}
    supports_masking = True
    least_rank = 2

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any) -> None:
        """gamma and beta, of the sizes at `axis`."""
        self._over, sizes = _over(self.axis, input_shape)
        if self.scale:
            self.weight("gamma", sizes)
        if self.center:
            self.weight("beta", sizes)
        self.expect({axis: input_shape[axis] for axis in self._over})

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        dtype = str(x.dtype)
        wide = ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x
        mean, variance = (f(wide, self._over, keepdims=True) for f in (ops.mean, ops.var))
        y = (wide - mean) * ops.rsqrt(variance + self.epsilon)
        along = [size if axis in self._over else 1 for axis, size in enumerate(x.shape)]
        y = y * ops.reshape(self.gamma, along) if self.scale else y
        y = y + ops.reshape(self.beta, along) if self.center else y
        return ops.cast(y, dtype)


class GroupNormalization(Layer):
    """As LayerNormalization, over groups of channels and all other axes of each sample; gamma, beta per channel.

    Args:
        groups: how many; -1 for one per channel.
        axis: the channel axis.

    Source: Wu & He 2018, arXiv:1803.08494.
    """

    checks = {
        "groups": Rule("an int >= 1, or -1", lambda value, _: value if value == -1 else positive_int.convert(value, _)),
        "axis": Rule("an int", lambda value, _: int(value)),
        "epsilon": number(0),
        "center": flag,
        "scale": flag,
    }
    supports_masking = True
    least_rank = 2

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any) -> None:
        """gamma and beta (channels,)."""
        channels = input_shape[self.axis]
        if channels is not None and self.groups != -1 and channels % self.groups:
            raise invalid(title(self), "groups", f"a divisor of the {channels} channels", self.groups)
        if self.scale:
            self.weight("gamma", (channels,))
        if self.center:
            self.weight("beta", (channels,))
        self.expect({self.axis: channels})

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        dtype = str(x.dtype)
        wide = ops.moveaxis(ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x, self.axis, -1)
        groups = wide.shape[-1] if self.groups == -1 else self.groups
        cells = ops.reshape(wide, (*wide.shape[:-1], groups, -1))
        over = [axis for axis in range(1, cells.ndim) if axis != cells.ndim - 2]
        mean, variance = (f(cells, over, keepdims=True) for f in (ops.mean, ops.var))
        y = ops.reshape((cells - mean) * ops.rsqrt(variance + self.epsilon), wide.shape)
        y = y * self.gamma if self.scale else y
        y = y + self.beta if self.center else y
        return ops.cast(ops.moveaxis(y, -1, self.axis), dtype)


class UnitNormalization(Layer):
    """`x / norm(x)` over `axis`: vectors of length 1."""

    checks = {"axis": _AXES}
    supports_masking = True

    def __init__(self, axis: Any = -1, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.l2_normalize(x, axis=self.axis if isinstance(self.axis, int) else tuple(self.axis), epsilon=1e-12)


class RMSNormalization(Layer):
    """`scale * x / sqrt(mean(x**2) + epsilon)` over `axis`. Source: Zhang & Sennrich 2019, arXiv:1910.07467."""

    checks = {"axis": _AXES, "epsilon": number(0)}
    supports_masking = True
    least_rank = 2

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any) -> None:
        """scale, of the sizes at `axis`."""
        self._over, sizes = _over(self.axis, input_shape)
        self.scale = self.add_weight("scale", sizes, initializer="ones")

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        dtype = str(x.dtype)
        wide = ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x
        y = wide * ops.rsqrt(ops.mean(ops.square(wide), self._over, keepdims=True) + self.epsilon)
        along = [size if axis in self._over else 1 for axis, size in enumerate(x.shape)]
        return ops.cast(y * ops.reshape(self.scale, along), dtype)
