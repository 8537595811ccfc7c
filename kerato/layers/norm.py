"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerato import kernels, ops
from kerato.arguments import Rule, flag, fraction, number, title
from kerato.errors import InvalidCall, InvalidValue, invalid
from kerato.layers.base import Array, Layer


class BatchNormalization(Layer):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, per channel.

    In training the mean and variance are those of the batch, and the moving ones follow them:
    `moving = momentum * moving + (1 - momentum) * batch`. Otherwise, and when `trainable` is False, the moving ones
    are used. Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.

    Args:
        axis: the channel axis; 1 with channels_first.
        momentum: how slowly the moving statistics change, 0 to 1.
        epsilon: added to the variance.
        center: whether there is a `beta`.
        scale: whether there is a `gamma`.
    """

    checks = {
        "axis": Rule("an int", lambda value, _: int(value[0] if isinstance(value, (list, tuple)) else value)),
        "momentum": fraction,
        "epsilon": number(0),
        "center": flag,
        "scale": flag,
    }
    supports_masking = True
    least_rank = 2

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """gamma, beta, moving_mean, moving_variance, each (channels,)."""
        size = (input_shape[self.axis],)
        if self.scale:
            self.weight("gamma", size)
        if self.center:
            self.weight("beta", size)
        self.weight("moving_mean", size, trainable=False)
        self.weight("moving_variance", size, trainable=False)
        for variable in (self.moving_mean, self.moving_variance):
            variable.autocast = False
        self.expect({self.axis: input_shape[self.axis]})

    def call(self, x: Array, training: bool = False, mask: Array | None = None) -> Array:
        """The formula of the class."""
        dtype = str(x.dtype)
        wide = ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x
        last = self.axis % x.ndim == x.ndim - 1
        if training and self.trainable:
            plain = last and mask is None
            mean, variance = kernels.channel_moments(x) if plain else self._moments(wide, mask)
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        scale = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            scale = scale * self.gamma
        shift = -mean * scale
        if self.center:
            shift = shift + self.beta
        if last:
            return ops.cast(kernels.channel_affine(x, scale, shift), dtype)
        return ops.cast(wide * self._along(scale, x) + self._along(shift, x), dtype)

    def _moments(self, x: Array, mask: Array | None) -> tuple[Array, Array]:
        axes = [axis for axis in range(x.ndim) if axis != self.axis % x.ndim]
        if mask is None:
            return ops.mean(x, axes), ops.var(x, axes)
        w = ops.cast(ops.reshape(mask, (*mask.shape, *(1,) * (x.ndim - mask.ndim))), str(x.dtype))
        w = ops.broadcast_to(w, x.shape)
        total = ops.sum(w, axes) + 1e-7
        mean = ops.sum(w * x, axes) / total
        return mean, ops.sum(w * ops.square(x - self._along(mean, x)), axes) / total

    def _follow(self, moving: Any, batch: Array) -> None:
        moving.assign(moving.value * self.momentum + batch * (1 - self.momentum))

    def _along(self, vector: Array, x: Array) -> Array:
        shape = [1] * x.ndim
        shape[self.axis] = -1
        return ops.reshape(vector, shape)


def _some_axes(value: Any, _: Any) -> tuple[int, ...]:
    items = () if value is None else (value,) if isinstance(value, int) else tuple(value)
    return tuple(int(item) for item in items)


class Normalization(Layer):
    """`(x - mean) / sqrt(variance)` with statistics of the training set: given, or taken by `adapt(x_train)`.

    Args:
        axis: axes that have statistics of their own, -1 for one per feature or channel; None for one number for all.
        mean, variance: given together, numbers or arrays along `axis`.
        invert: whether to turn normalised values back.
    """

    checks = {"axis": Rule("an axis, several, or None", _some_axes), "invert": flag}
    supports_masking = True
    mean: Any
    variance: Any

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if (mean is None) != (variance is None):
            raise invalid(title(self), "variance", "given where `mean` is, and only there", variance)
        self._given = None if mean is None else (np.asarray(mean, float), np.asarray(variance, float))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """mean and variance along `axis`, weights that training leaves alone, unless they were given."""
        rank = len(input_shape)
        kept = sorted(axis % rank for axis in self.axis)
        if 0 in kept or any(input_shape[axis] is None for axis in kept):
            raise InvalidValue(f"{title(self)}: `axis` must name axes of known size, not that of samples. Got {kept}.")
        self._over = tuple(axis for axis in range(rank) if axis not in kept)
        self._along = [input_shape[axis] if axis in kept else 1 for axis in range(rank)]
        sizes = [input_shape[axis] for axis in kept]
        if self._given is None:
            self.mean = self.add_weight("mean", sizes, initializer="zeros", trainable=False)
            self.variance = self.add_weight("variance", sizes, initializer="ones", trainable=False)
            self.count = self.add_weight("count", (), initializer="zeros", dtype="int32", trainable=False)
        else:
            self.mean, self.variance = (np.broadcast_to(item, sizes) for item in self._given)
        self.expect({axis: input_shape[axis] for axis in kept})

    def adapt(self, data: Any) -> None:
        """Take mean and variance of the training set: an array, or an iterable of batches.

        Raises:
            InvalidCall: they were given to the constructor.
            InvalidValue: there are no data.
        """
        if self._given is not None:
            raise InvalidCall(f"{title(self)}: mean and variance were given. Leave them out to adapt to data.")
        total, first, second = 0, np.zeros(()), np.zeros(())
        for batch in [data] if hasattr(data, "shape") else data:
            values = np.asarray(batch[0] if isinstance(batch, tuple) else batch, np.float64)
            if not self.built:
                self._build((None, *values.shape[1:]))
            self._check_sizes(tuple(values.shape))
            count = values.size // max(
                1, int(np.prod([values.shape[a] for a in range(values.ndim) if a not in self._over]))
            )
            mean, spread = values.mean(self._over), values.var(self._over)
            share = count / (total + count)
            second = (1 - share) * second + share * spread + share * (1 - share) * (mean - first) ** 2
            first, total = first + share * (mean - first), total + count
        if not total:
            raise invalid(title(self), "data", "an array, or batches, with at least one sample", data)
        self.mean.assign(first)
        self.variance.assign(second)

    def call(self, x: Array) -> Array:
        """The formula of the class; a standard deviation counts as at least 1e-7."""
        kind = self.compute_dtype
        mean, variance = (ops.reshape(ops.cast(item, kind), self._along) for item in (self.mean, self.variance))
        deviation = ops.maximum(ops.sqrt(variance), 1e-7)
        x = ops.cast(x, kind)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def get_config(self) -> dict[str, Any]:
        """The arguments, arrays as lists."""
        given = (None, None) if self._given is None else (item.tolist() for item in self._given)
        return {**super().get_config(), **dict(zip(("mean", "variance"), given, strict=True))}
