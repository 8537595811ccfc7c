"""Normalisation layers."""

from __future__ import annotations

from typing import Any

from kerato import ops
from kerato.arguments import Rule, flag, fraction, number
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
        if training and self.trainable:
            mean, variance = self._moments(wide, mask)
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
