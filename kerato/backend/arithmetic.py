"""Arithmetic of `K`: element-wise functions, reductions over axes, products of matrices, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerato import ops
from kerato.backend.pipes import lays_pipes, ndim, read
from kerato.config import floatx
from kerato.ops import OPS

Array = Any
Axis = int | Sequence[int] | None


def one_argument(name: str, text: str) -> Callable[..., Any]:
    """The operation `name` as a function of `K`, described by `text`."""

    def function(x: Any) -> Any:
        return OPS[name](x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return lays_pipes(function)


def _two(name: str, text: str) -> Callable[..., Any]:
    def function(x: Any, y: Any) -> Any:
        return OPS[name](x, y)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return lays_pipes(function)


def _reduction(name: str, text: str, dtype: Callable[[], str] | None = None, kinds: str = "") -> Callable[..., Any]:
    """A reduction; tensors whose dtype is among `kinds` (all where that is empty) are cast before."""

    def function(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        if dtype is not None and (not kinds or str(getattr(x, "dtype", "")) in kinds):
            x = ops.cast(x, dtype())
        return OPS[name](x, axis=axis, keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return lays_pipes(function)


abs = one_argument("abs", "`|x|`.")
cos = one_argument("cos", "The cosine.")
exp = one_argument("exp", "`e ** x`.")
log = one_argument("log", "The natural logarithm.")
round = one_argument("round", "The nearest whole number; halves go to the even one.")
sign = one_argument("sign", "-1, 0 or 1.")
sin = one_argument("sin", "The sine.")
square = one_argument("square", "`x * x`.")
transpose = one_argument("transpose", "The axes in reverse order.")

equal = _two("equal", "Whether `x == y`.")
greater = _two("greater", "Whether `x > y`.")
greater_equal = _two("greater_equal", "Whether `x >= y`.")
less = _two("less", "Whether `x < y`.")
less_equal = _two("less_equal", "Whether `x <= y`.")
maximum = _two("maximum", "The larger of two values.")
minimum = _two("minimum", "The smaller of two values.")
not_equal = _two("not_equal", "Whether `x != y`.")

all = _reduction("all", "Whether all values along `axis` are true.", lambda: "bool")
any = _reduction("any", "Whether some value along `axis` is true.", lambda: "bool")
logsumexp = _reduction("logsumexp", "`log(sum(exp(x)))` along `axis`, stable for large `x`.")
max = _reduction("max", "The largest value along `axis`.")
mean = _reduction("mean", "The mean along `axis`; of booleans, how often they are true.", floatx, "bool")
min = _reduction("min", "The smallest value along `axis`.")
prod = _reduction("prod", "The product along `axis`.")
std = _reduction("std", "The standard deviation along `axis`.", floatx, "bool")
sum = _reduction("sum", "The sum along `axis`.")
var = _reduction("var", "The variance along `axis`.", floatx, "bool")


@lays_pipes
def identity(x: Any) -> Any:
    """`x` as a tensor of its own."""
    return read(x)


@lays_pipes
def sqrt(x: Any) -> Any:
    """The square root; 0 where `x` is negative."""
    return ops.sqrt(ops.clip(x, 0.0, np.inf))


@lays_pipes
def pow(x: Any, a: Any) -> Any:
    """`x ** a`."""
    return ops.power(x, a)


@lays_pipes
def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """`x` limited to [min_value, max_value]; no limit above where that is None."""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)) and max_value < min_value:
        max_value = min_value
    return ops.clip(x, min_value, np.inf if max_value is None else max_value)


@lays_pipes
def cumsum(x: Any, axis: int = 0) -> Any:
    """The sums of the values up to each place along `axis`."""
    return ops.cumsum(x, axis=axis)


@lays_pipes
def cumprod(x: Any, axis: int = 0) -> Any:
    """The products of the values up to each place along `axis`."""
    return ops.cumprod(x, axis=axis)


@lays_pipes
def argmax(x: Any, axis: int = -1) -> Any:
    """The index of the largest value along `axis`."""
    return ops.argmax(x, axis=axis)


@lays_pipes
def argmin(x: Any, axis: int = -1) -> Any:
    """The index of the smallest value along `axis`."""
    return ops.argmin(x, axis=axis)


@lays_pipes
def cast(x: Any, dtype: str) -> Any:
    """`x` in another dtype."""
    return ops.cast(x, dtype)


@lays_pipes
def stop_gradient(variables: Any) -> Any:
    """A tensor, or each of a list, taken as constant by gradients."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(item) for item in variables]
    return ops.stop_gradient(variables)


@lays_pipes
def dot(x: Any, y: Any) -> Any:
    """The product over the last axis of `x` and the last but one of `y`: (2, 3) and (4, 3, 5) give (2, 4, 5)."""
    return ops.matmul(x, y) if ndim(y) <= 2 else ops.tensordot(x, y, ([-1], [-2]))


@lays_pipes
def batch_dot(x: Any, y: Any, axes: int | Sequence[int] | None = None) -> Any:
    """The product of each sample of `x` with that of `y`, over the axes given: one for both, or one for each.

    (b, n) and (b, n) over 1 give (b, 1); (b, n, m) and (b, m, k) give (b, n, k).
    """
    first, second = axes if isinstance(axes, (list, tuple)) else (axes, axes)
    ranks = ndim(x), ndim(y)
    if ranks == (2, 2):
        first, second = (1, 1) if first is None else (first, second)
        product = x * y if first == second else ops.transpose(x) * y
        out = ops.sum(product, axis=second)
    else:
        out = _matrices(x, y, first, second, ranks)
    return ops.expand_dims(out, 1) if ndim(out) == 1 else out


def _matrices(x: Any, y: Any, first: int | None, second: int | None, ranks: tuple[int, int]) -> Any:
    missing = ranks[0] - ranks[1]
    for _ in range(missing):
        y = ops.expand_dims(y, -1)
    for _ in range(-missing):
        x = ops.expand_dims(x, -1)
    rank = ndim(x)
    if first is not None and first % rank != rank - 1:
        x = ops.swapaxes(x, -1, -2)
    if second is not None and second % rank == rank - 1:
        y = ops.swapaxes(y, -1, -2)
    out = ops.matmul(x, y)
    if missing:
        start = ranks[0] + ranks[1] - 3 if missing > 0 else ranks[0] - 1
        out = ops.squeeze(out, axis=tuple(range(start, start + np.abs(missing))))
    return out
