"""Control flow, scattering and slicing: `cond`, `scan`, `while_loop`, `scatter`, `slice`, ...

Functions given to them compute on arrays. `cond` and `switch` on symbolic tensors lay the pipes of all branches and
choose by value; loops are nodes, and what their functions mention besides their arguments belongs to their inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato.errors import invalid
from kerato.ops.base import OPS, leaves, op

Array = Any


@op
def scatter(indices: Array, values: Array, shape: Sequence[int]) -> Array:
    """Zeros of `shape` with `values` (n, ...) added at `indices` (n, axes)."""
    values = jnp.asarray(values)
    return jnp.zeros(tuple(shape), values.dtype).at[_key(indices)].add(values)


def _key(indices: Any) -> tuple[Array, ...]:
    return tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))


@op
def scatter_update(inputs: Array, indices: Array, updates: Array, reduction: str | None = None) -> Array:
    """`inputs` with `updates` (n, ...) at `indices` (n, axes): put, or by `reduction` add, max, min, mul."""
    place = jnp.asarray(inputs).at[_key(indices)]
    rules = {None: place.set, "add": place.add, "max": place.max, "min": place.min, "mul": place.multiply}
    if reduction not in rules:
        raise invalid("scatter_update", "reduction", "None, 'add', 'max', 'min' or 'mul'", reduction)
    return rules[reduction](updates)


@op
def slice(inputs: Array, start_indices: Any, shape: Sequence[int]) -> Array:
    """The block of `shape` that begins at `start_indices`; size -1 reaches to the end."""
    whole = zip(inputs.shape, start_indices, shape, strict=True)
    sizes = [length - int(start) if size == -1 else size for length, start, size in whole]
    return jax.lax.dynamic_slice(inputs, tuple(start_indices), sizes)


@op
def slice_update(inputs: Array, start_indices: Any, updates: Array) -> Array:
    """`inputs` with the block of `updates` put at `start_indices`."""
    return jax.lax.dynamic_update_slice(inputs, updates, tuple(start_indices))


@op
def unstack(x: Array, num: int | None = None, axis: int = 0) -> list[Array]:
    """The slices of `x` along `axis`, as a list."""
    return [jnp.take(x, i, axis=axis) for i in range(x.shape[axis])]


@op
def saturate_cast(x: Array, dtype: str) -> Array:
    """`x` in another dtype, limited to what that can hold."""
    x, kind = jnp.asarray(x), jnp.dtype(dtype)
    if jnp.issubdtype(kind, jnp.integer):
        x = jnp.clip(x, jnp.iinfo(kind).min, jnp.iinfo(kind).max)
    return x.astype(kind)


@op
def choose(index: Any, branches: Sequence[Any]) -> Any:
    """The tree of `branches` whose number `index` is; the nearest one where there is none of that number."""
    index = jnp.clip(jnp.asarray(index, jnp.int32), 0, len(branches) - 1)
    return jax.tree.map(lambda *parts: jax.lax.select_n(index, *[jnp.asarray(x) for x in parts]), *branches)


def _is_symbolic(*trees: Any) -> bool:
    return any(getattr(leaf, "op_priority", 0) > 1 for leaf in leaves(trees))


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """`true_fn()` if `pred` else `false_fn()`."""
    if _is_symbolic(pred):
        return OPS["choose"](OPS["cast"](pred, "int32"), [false_fn(), true_fn()])
    return jax.lax.cond(jnp.asarray(_value(pred)).astype(bool), true_fn, false_fn)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`."""
    if _is_symbolic(index, operands):
        return OPS["choose"](index, [branch(*operands) for branch in branches])
    return jax.lax.switch(jnp.asarray(_value(index), jnp.int32), branches, *[_value(x) for x in operands])


def _value(leaf: Any) -> Any:
    """The array of a variable."""
    return leaf.value if hasattr(leaf, "take_op") else leaf


@op
def while_loop(cond: Any, body: Any, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """`loop_vars = body(*loop_vars)` while `cond(*loop_vars)`; their shapes and dtypes stay."""
    many = isinstance(loop_vars, (list, tuple))
    first = jax.tree.map(jnp.asarray, tuple(loop_vars) if many else (loop_vars,))

    def goes_on(state: Any) -> Array:
        count, values = state
        more = jnp.asarray(cond(*values)).reshape(())
        return more if maximum_iterations is None else more & (count < maximum_iterations)

    def step(state: Any) -> Any:
        found = body(*state[1])
        found = tuple(found) if many else (found,)
        return state[0] + 1, jax.tree.map(lambda x, old: jnp.asarray(x, old.dtype), found, state[1])

    result = jax.lax.while_loop(goes_on, step, (jnp.int32(0), first))[1]
    return result if many else result[0]


@op
def fori_loop(lower: int, upper: int, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """`value = body_fun(i, value)` for i from `lower` to `upper - 1`."""
    return jax.lax.fori_loop(lower, upper, body_fun, jax.tree.map(jnp.asarray, init_val))


@op
def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> Any:
    """`carry, y = f(carry, x)` along the first axis of `xs`: (last carry, all y stacked)."""
    return jax.lax.scan(f, jax.tree.map(jnp.asarray, init), xs, length, reverse, unroll)


@op
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All results of combining the first 1, 2, ... slices by an associative `f`."""
    return jax.lax.associative_scan(f, elems, reverse, axis)


@op
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of each slice along the first axis, one after the other, stacked."""
    return jax.lax.map(f, xs)


@op
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`function` of each slice along the first axis, all at once, stacked."""
    return jax.vmap(function)(elements)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f(*args)` gives (value, function from upstream gradients to those of `args`)."""
    return jax.custom_gradient(lambda *args: f(*args))


def dtype(x: Any) -> str:
    """The dtype's name."""
    return str(x.dtype) if hasattr(x, "dtype") else str(jnp.asarray(x).dtype)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a device array or a symbolic tensor."""
    return isinstance(x, jax.Array) or _is_symbolic(x)


def convert_to_tensor(x: Any, dtype: str | None = None) -> Array:
    """A device array from anything array-like; symbolic tensors pass."""
    return x if hasattr(x, "take_op") else jnp.asarray(x, dtype=dtype)


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """A NumPy copy of an array or variable.

    Raises:
        InvalidValue: `x` is symbolic and holds no numbers.
    """
    if getattr(x, "op_priority", 0) > 1:
        raise invalid("convert_to_numpy", "x", "an array", x, "Evaluate it with K.function or Model.predict first.")
    return np.array(x)
