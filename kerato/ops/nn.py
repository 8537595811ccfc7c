"""What networks are made of: activations' formulas, normalisation, crossentropies, attention, rearranged pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerato import config
from kerato.errors import invalid
from kerato.ops.base import OPS, op

Array = Any
Axis = int | Sequence[int]


@op
def relu(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """`x` above `threshold` (cut at `max_value`), `negative_slope * (x - threshold)` below."""
    if negative_slope == 0 and max_value is None and threshold == 0:
        return jax.nn.relu(x)  # derivative 0 at 0, where jnp.maximum's is 1/2
    y = jnp.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else jnp.where(x >= max_value, jnp.asarray(max_value, y.dtype), y)


@op
def softmax(x: Array, axis: int | Sequence[int] = -1) -> Array:
    """`exp(x) / sum(exp(x))` along `axis`, stable for large `x`."""
    return jax.nn.softmax(x, axis=axis)


@op
def log_softmax(x: Array, axis: int = -1) -> Array:
    """`x - log(sum(exp(x)))` along `axis`."""
    return jax.nn.log_softmax(x, axis=axis)


@op
def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`."""
    return jax.nn.sigmoid(x)


@op
def softplus(x: Array) -> Array:
    """`log(1 + exp(x))`."""
    return jax.nn.softplus(x)


@op
def log_sigmoid(x: Array) -> Array:
    """`log(sigmoid(x))`."""
    return jax.nn.log_sigmoid(x)


@op
def elu(x: Array, alpha: float = 1.0) -> Array:
    """`x` above 0, `alpha * (exp(x) - 1)` below."""
    return jax.nn.elu(x, alpha)


@op
def gelu(x: Array, approximate: bool = True) -> Array:
    """`x * Phi(x)` with the normal distribution function, or its tanh approximation."""
    return jax.nn.gelu(x, approximate=approximate)


def _of_jax(name: str, text: str, target: Callable[..., Array]) -> Callable[..., Any]:
    def function(x: Array, *args: Any, **kwargs: Any) -> Array:
        return target(jnp.asarray(x), *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return op(function)


celu = _of_jax("celu", "`max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`; `alpha` is 1.", jax.nn.celu)
glu = _of_jax("glu", "The first half along `axis` times the sigmoid of the second.", jax.nn.glu)
hard_sigmoid = _of_jax("hard_sigmoid", "`x / 6 + 0.5` limited to [0, 1].", jax.nn.hard_sigmoid)
hard_silu = _of_jax("hard_silu", "`x * hard_sigmoid(x)`.", jax.nn.hard_silu)
hard_swish = _of_jax("hard_swish", "`x * hard_sigmoid(x)`.", jax.nn.hard_silu)
hard_tanh = _of_jax("hard_tanh", "`x` limited to [-1, 1].", jax.nn.hard_tanh)
relu6 = _of_jax("relu6", "`min(max(x, 0), 6)`.", jax.nn.relu6)
selu = _of_jax("selu", "`1.0507 * elu(x, 1.67326)`.", jax.nn.selu)
silu = _of_jax("silu", "`x * sigmoid(x)`.", jax.nn.silu)
softsign = _of_jax("softsign", "`x / (1 + |x|)`.", jax.nn.soft_sign)
sparse_plus = _of_jax("sparse_plus", "0 below -1, `x` above 1, a parabola between.", jax.nn.sparse_plus)
sparse_sigmoid = _of_jax("sparse_sigmoid", "`(x + 1) / 2` limited to [0, 1].", jax.nn.sparse_sigmoid)
squareplus = _of_jax("squareplus", "`(x + sqrt(x**2 + b)) / 2`; `b` is 4.", jax.nn.squareplus)
swish = _of_jax("swish", "`x * sigmoid(x)`.", jax.nn.silu)
tanh_shrink = _of_jax("tanh_shrink", "`x - tanh(x)`.", lambda x: x - jnp.tanh(x))


@op
def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """`x` above 0, `negative_slope * x` below."""
    return jax.nn.leaky_relu(x, negative_slope)


@op
def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """`x` beyond `threshold` from 0, else 0."""
    return jnp.where(jnp.abs(x) > threshold, x, 0)


@op
def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """`x` moved by `threshold` towards 0, no further."""
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0)


@op
def threshold(x: Array, threshold: float, default_value: float) -> Array:
    """`x` above `threshold`, else `default_value`."""
    return jnp.where(x > threshold, x, default_value)


@op
def sparsemax(x: Array, axis: int = -1) -> Array:
    """The probabilities nearest to `x`. Source: Martins & Astudillo 2016, arXiv:1602.02068."""
    z = jnp.moveaxis(jnp.asarray(x), axis, -1)
    ordered = -jnp.sort(-z, axis=-1)
    sums = jnp.cumsum(ordered, axis=-1) - 1
    k = jnp.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    support = jnp.sum(ordered * k > sums, axis=-1, keepdims=True)
    tau = jnp.take_along_axis(sums, support - 1, axis=-1) / support.astype(z.dtype)
    return jnp.moveaxis(jnp.maximum(z - tau, 0), -1, axis)


@op
def polar(abs_: Array, angle: Array) -> Array:
    """Complex numbers of absolute value `abs_` and `angle`."""
    return jax.lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle))


# -- normalisation -------------------------------------------------------------------------------------------------


@op
def normalize(x: Array, axis: Axis = -1, order: int = 2, epsilon: float | None = None) -> Array:
    """`x` divided by its norm along `axis`, or by `epsilon` where that is larger."""
    x = jnp.asarray(x)
    size = jnp.sum(jnp.abs(x) ** order, axis=axis, keepdims=True)
    least = config.epsilon() if epsilon is None else epsilon
    # Before the root, whose slope at 0 is infinite.
    return x * jnp.maximum(size, least**order) ** (-1.0 / order)


@op
def moments(x: Array, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple[Array, Array]:
    """(mean, variance) over `axes`, computed in float32 at least."""
    x = jnp.asarray(x)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = axes if isinstance(axes, int) else tuple(axes)
    mean, var = jnp.mean(wide, axes, keepdims=keepdims), jnp.var(wide, axes, keepdims=keepdims)
    return mean.astype(x.dtype), var.astype(x.dtype)


@op
def batch_normalization(
    x: Array,
    mean: Array,
    variance: Array,
    axis: int,
    offset: Array | None = None,
    scale: Array | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """`scale * (x - mean) / sqrt(variance + epsilon) + offset`, one number of each per channel of `axis`."""
    shape = [1] * x.ndim
    shape[axis] = -1
    factor = jax.lax.rsqrt(jnp.reshape(variance, shape) + epsilon)
    factor = factor if scale is None else factor * jnp.reshape(scale, shape)
    y = (x - jnp.reshape(mean, shape)) * factor
    return y if offset is None else y + jnp.reshape(offset, shape)


def _beside(weight: Array, shape: tuple[int, ...], axes: list[int]) -> Array:
    return jnp.reshape(weight, [size if axis in axes else 1 for axis, size in enumerate(shape)])


@op
def layer_normalization(
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    axis: Axis = -1,
    epsilon: float | None = None,
) -> Array:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` with the statistics of each sample over `axis`."""
    x = jnp.asarray(x)
    axes = sorted(a % x.ndim for a in ([axis] if isinstance(axis, int) else axis))
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    apart = wide - jnp.mean(wide, tuple(axes), keepdims=True)
    least = config.epsilon() if epsilon is None else epsilon
    y = apart * jax.lax.rsqrt(jnp.mean(jnp.square(apart), tuple(axes), keepdims=True) + least)
    y = y if gamma is None else y * _beside(gamma, x.shape, axes)
    return (y if beta is None else y + _beside(beta, x.shape, axes)).astype(x.dtype)


@op
def rms_normalization(x: Array, scale: Array | None = None, axis: Axis = -1, epsilon: float | None = None) -> Array:
    """`scale * x / sqrt(mean(x**2) + epsilon)` over `axis`."""
    x = jnp.asarray(x)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = axis if isinstance(axis, int) else tuple(axis)
    least = config.epsilon() if epsilon is None else epsilon
    y = wide * jax.lax.rsqrt(jnp.mean(jnp.square(wide), axes, keepdims=True) + least)
    return (y if scale is None else y * scale).astype(x.dtype)


# -- classes and losses: the target comes first ----------------------------------------------------------------------


@op
def multi_hot(inputs: Array, num_classes: int, axis: int = -1, dtype: str | None = None) -> Array:
    """Which whole numbers stand in each row: (batch, n) -> (batch, num_classes) of 0 and 1."""
    x = jnp.asarray(inputs).astype(jnp.int32)
    ones = jax.nn.one_hot(x, num_classes, axis=axis, dtype=dtype or config.floatx())
    return jnp.max(ones, axis=1 if x.ndim > 1 else 0)


def _same(owner: str, target: Any, output: Any) -> tuple[Array, Array]:
    target, output = jnp.asarray(target), jnp.asarray(output)
    if target.shape != output.shape:
        raise invalid(owner, "target", f"of the output's shape {output.shape}", target)
    return target.astype(output.dtype), output


def _inside(output: Array) -> Array:
    return jnp.clip(output, config.epsilon(), 1.0 - config.epsilon())


@op
def binary_crossentropy(target: Array, output: Array, from_logits: bool = False) -> Array:
    """`-target * log(output) - (1 - target) * log(1 - output)`, for each value."""
    target, output = _same("binary_crossentropy", target, output)
    if from_logits:
        return jax.nn.softplus(output) - target * output
    output = _inside(output)
    return -target * jnp.log(output) - (1 - target) * jnp.log(1 - output)


def _logs(output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return jax.nn.log_softmax(output, axis=axis)
    return jnp.log(_inside(output / jnp.sum(output, axis, keepdims=True)))


@op
def categorical_crossentropy(target: Array, output: Array, from_logits: bool = False, axis: int = -1) -> Array:
    """`-sum(target * log(output))` along `axis`, of probabilities scaled to sum 1, or of logits."""
    target, output = _same("categorical_crossentropy", target, output)
    return -jnp.sum(target * _logs(output, from_logits, axis), axis=axis)


@op
def sparse_categorical_crossentropy(target: Array, output: Array, from_logits: bool = False, axis: int = -1) -> Array:
    """The same for targets that are whole numbers: (batch,) or (batch, 1)."""
    target, output = jnp.asarray(target).astype(jnp.int32), jnp.asarray(output)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = target[..., 0]
    if target.ndim != output.ndim - 1:
        raise invalid("sparse_categorical_crossentropy", "target", f"of {output.ndim - 1} axes", target)
    logs = _logs(output, from_logits, axis)
    return -jnp.squeeze(jnp.take_along_axis(logs, jnp.expand_dims(target, axis), axis=axis), axis=axis)


@op
def psnr(x1: Array, x2: Array, max_val: float) -> Array:
    """The peak signal-to-noise ratio in decibels: `10 * log10(max_val**2 / mean((x1 - x2)**2))`."""
    x1, x2 = _same("psnr", x1, x2)
    return 20 * jnp.log10(jnp.asarray(max_val, x2.dtype)) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))


@op
def dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Array:
    """`softmax(scale * query @ key.T + bias) @ value` per head: all are (batch, steps, heads, depth).

    Args:
        bias: added to the logits (batch, heads, steps of the query, steps of the key).
        mask: True where a step of the query may look at one of the key.
        scale: 1 / sqrt(depth) unless given.
        is_causal: no step looks at later ones.
        flash_attention: chosen by XLA; accepted for Keras's sake.
        attn_logits_soft_cap: logits are `cap * tanh(logits / cap)`.
    """
    depth = query.shape[-1]
    logits = jnp.einsum("btnh,bsnh->bnts", query, key) * (depth**-0.5 if scale is None else scale)
    if bias is not None:
        logits = logits + bias
    if attn_logits_soft_cap is not None:
        logits = jnp.tanh(logits / attn_logits_soft_cap) * attn_logits_soft_cap
    if is_causal:
        causal = jnp.tril(jnp.ones(logits.shape[-2:], bool))
        mask = causal if mask is None else causal & mask
    if mask is not None:
        logits = jnp.where(mask, logits, jnp.finfo(logits.dtype).min / 2)
    return jnp.einsum("bnts,bsnh->btnh", jax.nn.softmax(logits), value)


# -- pictures rearranged -------------------------------------------------------------------------------------------


@op
def depth_to_space(x: Array, block_size: int, data_format: str = "channels_last") -> Array:
    """Blocks of channels as blocks of cells: (n, h, w, c) -> (n, h * b, w * b, c / b**2)."""
    b = block_size
    if data_format == "channels_first":
        n, c, h, w = x.shape
        parts = jnp.reshape(x, (n, c // b**2, b, b, h, w)).transpose(0, 1, 4, 2, 5, 3)
        return parts.reshape(n, c // b**2, h * b, w * b)
    n, h, w, c = x.shape
    return jnp.reshape(x, (n, h, w, b, b, c // b**2)).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // b**2)


@op
def space_to_depth(x: Array, block_size: int, data_format: str = "channels_last") -> Array:
    """Blocks of cells as blocks of channels: (n, h, w, c) -> (n, h / b, w / b, c * b**2)."""
    b = block_size
    if data_format == "channels_first":
        n, c, h, w = x.shape
        parts = jnp.reshape(x, (n, c, h // b, b, w // b, b)).transpose(0, 1, 3, 5, 2, 4)
        return parts.reshape(n, c * b**2, h // b, w // b)
    n, h, w, c = x.shape
    return jnp.reshape(x, (n, h // b, b, w // b, b, c)).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, c * b**2)


def __getattr__(name: str) -> Any:
    if name in OPS:
        return OPS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
