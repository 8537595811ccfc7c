"""How functions of `K` treat their arguments, and what makes variables and placeholders."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerato import random
from kerato.config import floatx, image_data_format, set_image_data_format
from kerato.errors import InvalidCall, InvalidType, invalid, show
from kerato.graph import Node, Tensor, evaluate
from kerato.ops import op, tree_map
from kerato.variables import Variable, running

Array = Any
Shape = Sequence[int]


class SymbolicVariable(Variable):
    """A variable made by `K.variable`: operations on it lay pipes instead of computing."""

    def take_op(self, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record the operation; inside an evaluation compute it."""
        return Node(operation, args, kwargs).result if running() is None else super().take_op(operation, args, kwargs)

    def get_shape(self) -> tuple[int, ...]:
        """`shape`, as TensorFlow's variables call it."""
        return self.shape


@op
def read(x: Any) -> Array:
    """The value of `x` as it stands when this is computed."""
    return jnp.asarray(x)


def lays_pipes(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with a tensor to be computed later in the place of every variable; arrays compute at once."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if running() is None:
            args, kwargs = tree_map(_pipe, (args, kwargs))
        return function(*args, **kwargs)

    return call


def _pipe(leaf: Any) -> Any:
    return Node(read, (leaf,), {}).result if isinstance(leaf, Variable) else leaf


def drawn(operation: Callable[..., Any], *args: Any) -> Any:
    """A draw: numbers inside an evaluation, else a node that draws anew each time it is computed."""
    return Node(operation, args, {}).result if running() is None else operation(*args)


def stream(seed: int | None) -> random.SeedGenerator | None:
    """The draws of one call of a function of `K` with a `seed`: other numbers at each evaluation."""
    return None if seed is None else random.SeedGenerator(seed)


# -- what can be fed and changed -----------------------------------------------------------------------------------


def variable(value: Any, dtype: str | None = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable with a first value: numbers, or a symbolic tensor of no placeholder (`K.random_normal(...)`)."""
    if isinstance(value, Tensor):
        value = evaluate([value], {}, key=random.eager_key()).outputs[0]
    if hasattr(value, "tocoo"):
        raise InvalidType(f"K.variable: `value` must be dense. Got {show(value)}. Give value.toarray().")
    made = SymbolicVariable(np.asarray(value), dtype=dtype or floatx(), name=name)
    made.constraint = constraint
    return made


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: str | None = None,
    sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """A tensor to be fed; `ndim` stands for a shape of unknown sizes.

    Raises:
        InvalidValue: `sparse` is asked for.
    """
    if sparse:
        raise invalid("K.placeholder", "sparse", "False", sparse, "Feed dense arrays.")
    sizes = tuple(shape) if shape is not None else (None,) * (ndim or 0)
    return Tensor(sizes, dtype or floatx(), name=name)


def constant(
    value: Any, dtype: str | None = None, shape: Sequence[int] | None = None, name: str | None = None
) -> Array:
    """An array of fixed numbers."""
    array = jnp.asarray(value, dtype or floatx())
    return array if shape is None else jnp.broadcast_to(array, tuple(shape))


def zeros(shape: Shape, dtype: str | None = None, name: str | None = None) -> Variable:
    """A variable of zeros."""
    return variable(np.zeros(tuple(map(int, shape))), dtype, name)


def ones(shape: Shape, dtype: str | None = None, name: str | None = None) -> Variable:
    """A variable of ones."""
    return variable(np.ones(tuple(map(int, shape))), dtype, name)


def eye(size: int, dtype: str | None = None, name: str | None = None) -> Variable:
    """A variable with the identity matrix."""
    return variable(np.eye(size), dtype, name)


def _generator(seed: int | None) -> np.random.Generator:
    return np.random.default_rng(np.random.randint(10**9) if seed is None else seed)


def random_uniform_variable(
    shape: Shape, low: float, high: float, dtype: str | None = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable whose first values lie between `low` and `high`."""
    return variable(_generator(seed).uniform(low, high, tuple(shape)), dtype, name)


def random_normal_variable(
    shape: Shape, mean: float, scale: float, dtype: str | None = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable whose first values are normal with `mean` and deviation `scale`."""
    return variable(_generator(seed).normal(mean, scale, tuple(shape)), dtype, name)


# -- what things are -----------------------------------------------------------------------------------------------


def is_sparse(tensor: Any) -> bool:
    """False: all tensors are dense."""
    return False


def to_dense(tensor: Any) -> Any:
    """The tensor itself, which is dense."""
    return tensor


def is_placeholder(x: Any) -> bool:
    """Whether `x` is a tensor to be fed."""
    return isinstance(x, Tensor) and x.node is None


def is_keras_tensor(x: Any) -> bool:
    """Whether a tensor comes from `Input` or from a layer.

    Raises:
        InvalidType: `x` is neither a symbolic tensor nor a variable.
    """
    if not isinstance(x, (Tensor, Variable)):
        raise InvalidType(f"K.is_keras_tensor: `x` must be a symbolic tensor or a variable. Got {show(x)}.")
    if isinstance(x, Variable):
        return False
    return x.layer is not None if x.node is None else x.node.is_layer


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape as a tuple, None for unknown sizes."""
    return tuple(x.shape)


def get_variable_shape(x: Any) -> tuple[int | None, ...]:
    """The shape of a variable as a tuple."""
    return int_shape(x)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape)


def dtype(x: Any) -> str:
    """The dtype's name."""
    return str(x.dtype)


def count_params(x: Any) -> int:
    """How many numbers a variable holds."""
    return int(np.prod([int(size) for size in x.shape], dtype=np.int64))


def cast_to_floatx(x: Any) -> np.ndarray[Any, Any]:
    """A NumPy array of `floatx()`."""
    return np.asarray(x, dtype=floatx())


# -- numbers for names, and what belonged to other engines ---------------------------------------------------------

_uids: Counter[str] = Counter()


def get_uid(prefix: str = "") -> int:
    """How often this has been asked for with `prefix`, from 1."""
    _uids[prefix] += 1
    return _uids[prefix]


def reset_uids() -> None:
    """Let `get_uid` count from 1 again."""
    _uids.clear()


def manual_variable_initialization(value: bool) -> None:
    """Accepted: variables here take their first values by themselves, when they are first needed."""


class name_scope:
    """A `with` block that prefixed names in Theano and TensorFlow; here it changes none.

    Args:
        name: for the reader.
    """

    def __init__(self, name: str, *ignored: Any) -> None:
        self.name = name

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: Any) -> None:
        return None


def pattern_broadcast(x: Any, broatcastable: Any) -> Any:
    """The tensor itself: axes of size 1 always broadcast. From the Theano backend."""
    return x


def get_session() -> Any:
    """TensorFlow's session, which is not there.

    Raises:
        InvalidCall: always.
    """
    raise InvalidCall("K.get_session: there is no TensorFlow session here. Use K.function, K.eval and K.get_value.")


def set_session(session: Any) -> None:
    """TensorFlow's session: taken and left alone, since nothing here runs in one."""


_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}


def image_dim_ordering() -> str:
    """Keras 1's name of the data format: `'tf'` for channels_last, `'th'` for channels_first."""
    return next(old for old, name in _ORDERINGS.items() if name == image_data_format())


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the data format by Keras 1's name, `'tf'` or `'th'`.

    Raises:
        InvalidValue: it is neither.
    """
    if dim_ordering not in _ORDERINGS:
        raise invalid("K.set_image_dim_ordering", "dim_ordering", "'tf' or 'th'", dim_ordering)
    set_image_data_format(_ORDERINGS[dim_ordering])
