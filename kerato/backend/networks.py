"""What networks are made of, in `K`: activations, crossentropies, normalisation, dropout, random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from kerato import activations, config, ops, random
from kerato.backend.arithmetic import one_argument
from kerato.backend.pipes import drawn, lays_pipes, ndim, stream
from kerato.ops import OPS, op

Array = Any

sigmoid = one_argument("sigmoid", "`1 / (1 + exp(-x))`.")
softplus = one_argument("softplus", "`log(1 + exp(x))`.")
tanh = one_argument("tanh", "The hyperbolic tangent.")


@lays_pipes
def relu(x: Any, alpha: float = 0.0, max_value: float | None = None) -> Any:
    """`x` above 0, `alpha * x` below, cut at `max_value`."""
    return ops.relu(x, negative_slope=alpha, max_value=max_value)


@lays_pipes
def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` above 0, `alpha * (exp(x) - 1)` below."""
    return ops.elu(x, alpha)


@lays_pipes
def softmax(x: Any, axis: int = -1) -> Any:
    """`exp(x) / sum(exp(x))` along `axis`."""
    return ops.softmax(x, axis)


@lays_pipes
def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`."""
    return activations.softsign(x)


@lays_pipes
def hard_sigmoid(x: Any) -> Any:
    """`0.2 * x + 0.5` limited to [0, 1]."""
    return activations.hard_sigmoid_02(x)


@lays_pipes
def l2_normalize(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """`x / sqrt(max(sum(x**2), 1e-12))` along `axis`."""
    return ops.l2_normalize(x, axis)


@op
def is_among_best(predictions: Array, targets: Array, k: int) -> Array:
    """Whether fewer than `k` classes are predicted above the target's: (batch, classes), (batch,) -> (batch,)."""
    own = jnp.take_along_axis(predictions, jnp.asarray(targets, jnp.int32)[:, None], axis=1)
    return jnp.isfinite(own[:, 0]) & (jnp.sum(predictions > own, axis=1) < k)


@lays_pipes
def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether the target is among the `k` classes with the largest predictions."""
    return OPS["is_among_best"](predictions, targets, k)


# -- losses: the prediction comes first, as in Keras 2.0 -----------------------------------------------------------


def _inside(output: Any) -> Any:
    return ops.clip(output, config.epsilon(), 1.0 - config.epsilon())


@lays_pipes
def categorical_crossentropy(output: Any, target: Any, from_logits: bool = False) -> Any:
    """`-sum(target * log(output))` over the last axis, of probabilities scaled to sum 1, or of logits."""
    if from_logits:
        logs = ops.log_softmax(output)
    else:
        logs = ops.log(_inside(output / ops.sum(output, axis=-1, keepdims=True)))
    return -ops.sum(target * logs, axis=-1)


@lays_pipes
def sparse_categorical_crossentropy(output: Any, target: Any, from_logits: bool = False) -> Any:
    """The same for whole-number targets; logits are what `log(output)` is taken for where they are not given."""
    logs = ops.log_softmax(output if from_logits else ops.log(_inside(output)))
    rank = ndim(output)
    target = ops.cast(target, "int32")
    if ndim(target) == rank:
        target = ops.squeeze(target, axis=-1)
    found = -ops.take_along_axis(logs, ops.expand_dims(target, -1), axis=-1)
    return ops.squeeze(found, axis=-1)


@lays_pipes
def binary_crossentropy(output: Any, target: Any, from_logits: bool = False) -> Any:
    """`-target * log(output) - (1 - target) * log(1 - output)`, for each value."""
    if not from_logits:
        output = _inside(output)
        output = ops.log(output / (1 - output))
    return ops.relu(output) - output * target + ops.softplus(-ops.abs(output))


# -- normalisation -------------------------------------------------------------------------------------------------


@op
def moments_over(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """(mean, variance) over `axes`, in float32 at least."""
    wide = jnp.asarray(x, jnp.promote_types(x.dtype, jnp.float32))
    mean, var = jnp.mean(wide, tuple(axes)), jnp.var(wide, tuple(axes))
    return mean.astype(x.dtype), var.astype(x.dtype)


@op
def beside_axes(statistic: Array, x: Array, axes: Sequence[int]) -> Array:
    """A statistic of `x` over `axes` with those axes again, of size 1."""
    return jnp.reshape(statistic, [1 if axis in axes else size for axis, size in enumerate(x.shape)])


@lays_pipes
def batch_normalization(x: Any, mean: Any, var: Any, beta: Any, gamma: Any, epsilon: float = 1e-3) -> Any:
    """`gamma * (x - mean) / sqrt(var + epsilon) + beta`; `beta` and `gamma` may be None."""
    y = (x - mean) * ops.rsqrt(var + epsilon)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


@lays_pipes
def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Any, Any, Any]:
    """(normalised batch, its mean, its variance) over `reduction_axes`."""
    axes = tuple(axis % ndim(x) for axis in reduction_axes)
    mean, var = OPS["moments_over"](x, axes)
    broad = [None if part is None else OPS["beside_axes"](part, x, axes) for part in (mean, var, beta, gamma)]
    return batch_normalization(x, *broad, epsilon=epsilon), mean, var


# -- chance: each evaluation draws other numbers -------------------------------------------------------------------


@lays_pipes
def dropout(x: Any, level: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None) -> Any:
    """Each value 0 with probability `level`, else divided by `1 - level`, in both phases."""
    return drawn(random.dropout, x, level, noise_shape, stream(seed))


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Any:
    """Normal numbers of `mean` and `stddev`."""
    return drawn(random.normal, shape, mean, stddev, dtype, stream(seed))


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Any:
    """Numbers between `minval` and `maxval`."""
    return drawn(random.uniform, shape, minval, maxval, dtype, stream(seed))


def random_binomial(shape: Any, p: float = 0.0, dtype: str | None = None, seed: int | None = None) -> Any:
    """1 with probability `p`, else 0."""
    uniform = drawn(random.uniform, shape, 0.0, 1.0, None, stream(seed))
    return ops.cast(uniform <= p, dtype or config.floatx())


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Any:
    """Normal numbers without those beyond two deviations."""
    return drawn(random.truncated_normal, shape, mean, stddev, dtype, stream(seed))
