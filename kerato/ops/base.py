"""The operations, under today's names (`kerato.ops.relu`, `ops.mean`, ...).

Each is its formula on arrays, registered in `OPS` by name. The decorator makes the same function work on three
kinds of arguments: concrete arrays compute at once, traced arrays inside `jax.jit`, and symbolic tensors record
a node of the graph. This module knows nothing of the graph: an argument that wants to take over an operation
has a method `take_op(operation, args, kwargs)` and an `op_priority`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerato import config, kernels, spatial

Array = Any
Axis = int | Sequence[int] | None

#: name -> operation; what a saved graph may contain
OPS: dict[str, Callable[..., Any]] = {}


def leaves(tree: Any) -> Iterator[Any]:
    """All values inside nested lists, tuples, dicts and slices."""
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from leaves(item)
    elif isinstance(tree, dict):
        for item in tree.values():
            yield from leaves(item)
    elif isinstance(tree, slice):
        yield from (tree.start, tree.stop, tree.step)
    else:
        yield tree


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same nested structure with `function` applied to every leaf; named tuples and slices keep their kind."""
    if isinstance(tree, (list, tuple)):
        items = [tree_map(function, item) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, dict):
        return {key: tree_map(function, item) for key, item in tree.items()}
    if isinstance(tree, slice):
        return slice(function(tree.start), function(tree.stop), function(tree.step))
    return function(tree)


def op(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a formula as an operation that also takes variables and symbolic tensors."""

    @functools.wraps(function)
    def operation(*args: Any, **kwargs: Any) -> Any:
        taker = None
        for leaf in leaves((args, kwargs)):
            if hasattr(leaf, "take_op") and (taker is None or leaf.op_priority > taker.op_priority):
                taker = leaf
        return function(*args, **kwargs) if taker is None else taker.take_op(operation, args, kwargs)

    operation.compute = function  # type: ignore[attr-defined]
    OPS[function.__name__] = operation
    return operation


class Operators:
    """Python's operators, slicing, and NumPy's own functions as operations, for whatever can take part in one."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or ufunc.__name__ not in OPS:
            return NotImplemented
        return OPS[ufunc.__name__](*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return OPS[function.__name__](*args, **kwargs) if function.__name__ in OPS else NotImplemented

    def __getitem__(self, key: Any) -> Any:
        return getitem(self, key)

    def __abs__(self) -> Any:
        return OPS["abs"](self)

    def __neg__(self) -> Any:
        return OPS["negative"](self)

    def __invert__(self) -> Any:
        return OPS["logical_not"](self)


def _install_operators() -> None:
    both = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "matmul": "matmul"}
    both |= {"floordiv": "floor_divide", "mod": "mod", "pow": "power", "and": "logical_and", "or": "logical_or"}
    for method, name in both.items():
        setattr(Operators, f"__{method}__", lambda a, b, f=OPS[name]: f(a, b))
        setattr(Operators, f"__r{method}__", lambda a, b, f=OPS[name]: f(b, a))
    for method, name in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}.items():
        setattr(Operators, f"__{method}__", lambda a, b, f=OPS[name]: f(a, b))


# -- NumPy's functions: the formula is NumPy's own ---------------------------------------------------------------

_NUMPY = """abs absolute add all any arccos arccosh arcsin arcsinh arctan arctan2 arctanh argsort average bitwise_and
bitwise_or bitwise_xor ceil cos cosh cross cumprod cumsum diag diagonal divide einsum equal exp expm1
floor floor_divide full_like greater greater_equal hstack isclose isfinite isinf isnan less less_equal
linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or maximum median meshgrid minimum
mod moveaxis multiply nan_to_num negative not_equal ones_like outer power reciprocal repeat roll round sign sin
sinh sort sqrt square squeeze stack subtract swapaxes take take_along_axis tan tanh tensordot tile trace transpose
tril triu true_divide vdot vstack where zeros_like"""


#: those whose first argument is a list of arrays
_OF_LISTS = ["block", "concatenate", "dstack", "hstack", "meshgrid", "select", "stack", "vstack"]


def numpy_operation(name: str) -> Callable[..., Any]:
    """JAX's function of NumPy's name as an operation; the first argument may be a list of numbers."""
    target = getattr(jnp, name)

    def function(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], (list, tuple)) and name not in _OF_LISTS:
            args = (jnp.asarray(args[0]), *args[1:])
        if isinstance(kwargs.get("axis"), list):  # jax.numpy takes tuples only
            kwargs = {**kwargs, "axis": tuple(kwargs["axis"])}
        return target(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"NumPy's `{name}` on arrays, variables and symbolic tensors."
    return op(function)


globals().update({name: numpy_operation(name) for name in _NUMPY.split()})


@op
def matmul(x1: Array, x2: Array) -> Array:
    """NumPy's `matmul` on arrays, variables and symbolic tensors."""
    return kernels.dense(jnp.asarray(x1), jnp.asarray(x2))


_install_operators()


def _reduction(name: str) -> Callable[..., Any]:
    target = getattr(jnp, name)

    def function(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
        return target(jnp.asarray(x), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The {name} over `axis` (an int, several, or None for all), as NumPy's."
    return op(function)


sum, mean, max, min, prod, std, var = (_reduction(name) for name in ("sum", "mean", "max", "min", "prod", "std", "var"))


@op
def argmax(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the largest value along `axis`, int32."""
    return jnp.argmax(x, axis=axis, keepdims=keepdims).astype(jnp.int32)


@op
def argmin(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the smallest value along `axis`, int32."""
    return jnp.argmin(x, axis=axis, keepdims=keepdims).astype(jnp.int32)


@op
def getitem(x: Array, key: Any) -> Array:
    """`x[key]`: ints, slices, `...`, None and index arrays."""
    return x[key]


@op
def cast(x: Array, dtype: str) -> Array:
    """`x` in another dtype."""
    return jnp.asarray(x).astype(dtype)


@op
def shape(x: Array) -> tuple[int, ...]:
    """The sizes of `x` as ints; of a symbolic tensor, sizes that become ints when it is computed."""
    return tuple(jnp.shape(x))


@op
def reshape(x: Array, newshape: Sequence[int]) -> Array:
    """`x` with another shape of equal size; one entry may be -1."""
    return jnp.reshape(x, tuple(newshape))


@op
def expand_dims(x: Array, axis: int | Sequence[int]) -> Array:
    """`x` with axes of size 1 inserted at `axis`."""
    return jnp.expand_dims(x, axis)


@op
def concatenate(xs: Sequence[Array], axis: int = 0) -> Array:
    """Join along an existing axis."""
    return jnp.concatenate(list(xs), axis=axis)


@op
def clip(x: Array, x_min: Any, x_max: Any) -> Array:
    """`x` limited to [x_min, x_max]."""
    return jnp.clip(x, x_min, x_max)


@op
def pad(x: Array, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Array:
    """`x` enlarged by `pad_width` = ((before, after), ...) cells per axis."""
    options = {"constant_values": constant_values} if mode == "constant" else {}
    return jnp.pad(x, pad_width, mode=mode, **options)


@op
def flip(x: Array, axis: Axis = None) -> Array:
    """`x` reversed along `axis`."""
    return jnp.flip(x, axis)


@op
def broadcast_to(x: Array, shape: Sequence[int]) -> Array:
    """`x` repeated to `shape` by NumPy's broadcasting rules."""
    return jnp.broadcast_to(x, tuple(shape))


@op
def one_hot(x: Array, num_classes: int, axis: int = -1, dtype: str | None = None) -> Array:
    """Integers as vectors of zeros with a single 1."""
    return jax.nn.one_hot(x, num_classes, axis=axis, dtype=dtype or config.floatx())


@op
def rsqrt(x: Array) -> Array:
    """`1 / sqrt(x)`."""
    return jax.lax.rsqrt(x)


@op
def erf(x: Array) -> Array:
    """The error function."""
    return jax.lax.erf(jnp.asarray(x, jnp.result_type(float, x)))


@op
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """`log(sum(exp(x)))`, stable for large `x`."""
    return jax.scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


@op
def stop_gradient(x: Array) -> Array:
    """`x`, taken as a constant by differentiation."""
    return jax.lax.stop_gradient(x)


@op
def top_k(x: Array, k: int, sorted: bool = True) -> Any:
    """The `k` largest values along the last axis and their indices."""
    return tuple(jax.lax.top_k(x, k))


@op
def l2_normalize(x: Array, axis: Axis = -1, epsilon: float = 1e-12) -> Array:
    """`x / sqrt(max(sum(x**2), epsilon))` along `axis`."""
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=axis, keepdims=True), epsilon))


# -- space: the formulas are in `kerato.spatial` -------------------------------------------------------------------

adaptive_average_pool = op(spatial.adaptive_average_pool)
adaptive_max_pool = op(spatial.adaptive_max_pool)
average_pool = op(spatial.average_pool)
conv = op(spatial.conv)
conv_transpose = op(spatial.conv_transpose)
depthwise_conv = op(spatial.depthwise_conv)
local_conv = op(spatial.local_conv)
max_pool = op(spatial.max_pool)
repeat_axes = op(spatial.repeat_axes)
scale_axes = op(spatial.scale_axes)
separable_conv = op(spatial.separable_conv)
