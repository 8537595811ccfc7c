"""Activations: element-wise functions by name, as layers take them (book section 3.2).

Each is a formula over `kerato.ops`, so it works on arrays, inside `jax.jit` and on symbolic tensors. Formulas and
defaults are today's; `hard_sigmoid_02` is the one that Keras 0 to 2 called `hard_sigmoid`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerato import ops
from kerato.arguments import Family, serialize

Array = Any

__all__ = ["FAMILY", "deserialize", "get", "serialize"]

#: Klambauer et al. 2017, arXiv:1706.02515: these two keep mean 0 and variance 1 fixed.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def linear(x: Array) -> Array:
    """`x`."""
    return x


def relu(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """`max(x, 0)`; with arguments: cut at `max_value`, `negative_slope * (x - threshold)` below `threshold`."""
    return ops.relu(x, negative_slope, max_value, threshold)


def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """`x` above 0, `negative_slope * x` below. Source: Maas et al. 2013."""
    return ops.relu(x, negative_slope)


def relu6(x: Array) -> Array:
    """`min(max(x, 0), 6)`. Source: Krizhevsky 2010."""
    return ops.relu(x, max_value=6.0)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """`x` above 0, `alpha * (exp(x) - 1)` below. Source: Clevert et al. 2015, arXiv:1511.07289."""
    return ops.elu(x, alpha)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """`max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`. Source: Barron 2017, arXiv:1704.07483."""
    return ops.relu(x) + alpha * ops.expm1(ops.minimum(x, 0.0) / alpha)


def selu(x: Array) -> Array:
    """`1.0507 * elu(x, 1.67326)`. Source: Klambauer et al. 2017, arXiv:1706.02515."""
    return _SELU_SCALE * ops.elu(x, _SELU_ALPHA)


def softplus(x: Array) -> Array:
    """`log(1 + exp(x))`."""
    return ops.softplus(x)


def softsign(x: Array) -> Array:
    """`x / (1 + |x|)`."""
    return ops.divide(x, 1.0 + ops.abs(x))


def tanh(x: Array) -> Array:
    """`(exp(x) - exp(-x)) / (exp(x) + exp(-x))`."""
    return ops.tanh(x)


def scaled_tanh(x: Array) -> Array:
    """`1.7159 * tanh(2 x / 3)`: about 1 at 1 and -1 at -1. Source: LeCun et al. 1998, LeNet-5."""
    return 1.7159 * ops.tanh(2 / 3 * x)


def hard_tanh(x: Array) -> Array:
    """`x` limited to [-1, 1]."""
    return ops.clip(x, -1.0, 1.0)


def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`."""
    return ops.sigmoid(x)


def log_sigmoid(x: Array) -> Array:
    """`-log(1 + exp(-x))`."""
    return ops.log_sigmoid(x)


def hard_sigmoid(x: Array) -> Array:
    """`x / 6 + 0.5` limited to [0, 1]. Differs: Keras 0 to 2 had slope 0.2, see `hard_sigmoid_02`."""
    return relu6(x + 3.0) / 6.0


def hard_sigmoid_02(x: Array) -> Array:
    """`0.2 * x + 0.5` limited to [0, 1]: the `hard_sigmoid` of Keras 0 to 2 and of the book."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def exponential(x: Array) -> Array:
    """`exp(x)`."""
    return ops.exp(x)


def softmax(x: Array, axis: int = -1) -> Array:
    """`exp(x) / sum(exp(x))` along `axis`: probabilities, stable for large `x`."""
    return ops.softmax(x, axis)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """`x - log(sum(exp(x)))` along `axis`."""
    return ops.log_softmax(x, axis)


def gelu(x: Array, approximate: bool = False) -> Array:
    """`x` times the normal distribution function of `x`. Source: Hendrycks & Gimpel 2016, arXiv:1606.08415."""
    return ops.gelu(x, approximate)


def silu(x: Array) -> Array:
    """`x * sigmoid(x)`, also called swish. Source: Ramachandran et al. 2017, arXiv:1710.05941."""
    return x * ops.sigmoid(x)


def hard_silu(x: Array) -> Array:
    """`x * hard_sigmoid(x)`, also called hard swish. Source: Howard et al. 2019, arXiv:1905.02244."""
    return x * hard_sigmoid(x)


def mish(x: Array) -> Array:
    """`x * tanh(softplus(x))`. Source: Misra 2019, arXiv:1908.08681."""
    return x * ops.tanh(ops.softplus(x))


def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """`x` where `|x| > threshold`, else 0."""
    return ops.where(ops.abs(x) > threshold, x, 0.0)


def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """`x` brought nearer to 0 by `threshold`, 0 where it is nearer already."""
    return x - ops.clip(x, -threshold, threshold)


def tanh_shrink(x: Array) -> Array:
    """`x - tanh(x)`."""
    return x - ops.tanh(x)


def sparse_plus(x: Array) -> Array:
    """0 up to -1, `x` from 1 on, `(x + 1)**2 / 4` between. Source: Martins & Astudillo 2016, arXiv:1602.02068."""
    return ops.where(x < 1.0, 0.25 * ops.square(ops.relu(x + 1.0)), x)


def sparse_sigmoid(x: Array) -> Array:
    """`(x + 1) / 2` limited to [0, 1]. Source: Martins & Astudillo 2016, arXiv:1602.02068."""
    return ops.clip(0.5 * (x + 1.0), 0.0, 1.0)


def squareplus(x: Array, b: float = 4.0) -> Array:
    """`(x + sqrt(x**2 + b)) / 2`. Source: Barron 2021, arXiv:2112.11687."""
    return 0.5 * (x + ops.sqrt(ops.square(x) + b))


swish, hard_swish = silu, hard_silu


class _Activations(Family):
    """The family in which None is a member: no activation is the linear one."""

    def get(self, identifier: Any) -> Any:
        """The function that a name, a configuration or a function stands for; None is `linear`.

        Raises:
            UnknownName: no activation has that name; the message lists the names and the nearest one.
        """
        return linear if identifier is None else super().get(identifier)


_FUNCTIONS: list[Callable[..., Array]] = [linear, relu, leaky_relu, relu6, elu, celu, selu, softplus, softsign, tanh]
_FUNCTIONS += [
    scaled_tanh,
    hard_tanh,
    sigmoid,
    log_sigmoid,
    hard_sigmoid,
    hard_sigmoid_02,
    exponential,
    softmax,
    log_softmax,
]
_FUNCTIONS += [gelu, silu, hard_silu, mish, hard_shrink, soft_shrink, tanh_shrink, sparse_plus, sparse_sigmoid]
_FUNCTIONS += [squareplus]

FAMILY = _Activations(
    "activations",
    "activation",
    {function.__name__: function for function in _FUNCTIONS},
    {"swish": "silu", "hard_swish": "hard_silu"},
)

__all__ += [*FAMILY.members, *FAMILY.aliases]

get = FAMILY.get
deserialize = FAMILY.get
