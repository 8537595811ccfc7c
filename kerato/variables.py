"""Variables, and the evaluation (`Run`) in which they are read and written.

A variable is a named array that training changes. Outside an evaluation it has its concrete value; inside one it
is worth what that evaluation says, and assignments become results of the evaluation, never side effects.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config, ops, random
from kerato.errors import invalid
from kerato.ops import leaves, tree_map

Array = Any
Hook = Callable[[str, Any], Any]

_unnamed = itertools.count()


class Slot:
    """Where values live: a list that a training step replaces as a whole, so that no old array stays reachable."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values


class Variable(ops.Operators):
    """A named array that training changes: weights, statistics, optimizer slots, counters.

    Args:
        initializer: the first value, or a function `(shape, dtype, path) -> array` that is called when the value is
            first needed.
        shape: ints; taken from the value when that is given.
        dtype: `config.floatx()` unless given or taken from an integer value.
        trainable: whether an optimizer changes it.
        name: the last part of its `path`.
    """

    op_priority = 1

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        if not callable(initializer):
            initializer = np.asarray(initializer)
            shape = initializer.shape
            dtype = dtype or (config.floatx() if initializer.dtype.kind == "f" else str(initializer.dtype))
        self.shape = tuple(int(size) for size in shape or ())
        self.dtype = str(jnp.dtype(dtype or config.floatx()))
        self.initializer, self.trainable = initializer, trainable
        self.name = name or f"variable_{next(_unnamed)}"
        self.path = self.key = self.name  # the key is what the first value is drawn by
        self.seed = random.seed() if callable(initializer) else 0
        self.regularizer: Any = None
        self.constraint: Any = None
        self.autocast = False
        self.saved = True  # whether it is one of its layer's weights, not only what one batch tells the next
        self._slot, self._index = Slot([None]), 0

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def value(self) -> Array:
        """The array: of the running evaluation, else the concrete one."""
        run = running()
        return self.concrete() if run is None else run.read(self)

    def concrete(self) -> Array:
        """The array outside any evaluation, initialised if nobody has asked before."""
        if self._slot.values[self._index] is None:
            with jax.ensure_compile_time_eval():
                self._slot.values[self._index] = jnp.array(self._first(), self.dtype)
        return self._slot.values[self._index]

    def _first(self) -> Array:
        if not callable(self.initializer):
            return self.initializer
        # A user's initializer may be written with operations and draws; in an evaluation they compute.
        with random.seeded(self.seed), Run(key=random.fold(random.key(self.seed), self.key)):
            return self.initializer(self.shape, self.dtype, self.key)

    def bind(self, slot: Slot, index: int) -> None:
        """Live in `slot` from now on; what stands there is the value."""
        self._slot, self._index = slot, index

    def assign(self, value: Any) -> Any:
        """Take a new value of the same shape.

        Raises:
            InvalidValue: the shape differs.
        """
        value = value.value if isinstance(value, Variable) else value
        if tuple(np.shape(value)) != self.shape:
            raise invalid(self.path, "value", f"an array of shape {self.shape}", value)
        run = running()
        if run is not None:
            run.write(self, jnp.asarray(value, self.dtype))
        else:
            # A device array can alias NumPy memory: data enters by copy.
            self._slot.values[self._index] = jnp.array(value, self.dtype, copy=True)
        return value

    def assign_add(self, value: Any) -> Any:
        """`assign(self + value)`."""
        return self.assign(self.value + jnp.asarray(value))

    def assign_sub(self, value: Any) -> Any:
        """`assign(self - value)`."""
        return self.assign(self.value - jnp.asarray(value))

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy as a NumPy array."""
        return np.array(self.value)

    def take_op(self, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute `operation` with the values of the variables among its arguments."""
        args, kwargs = tree_map(lambda leaf: leaf.value if isinstance(leaf, Variable) else leaf, (args, kwargs))
        return operation(*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.value, dtype=dtype)

    def __jax_array__(self) -> Array:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __repr__(self) -> str:
        return f"<Variable {self.path} shape={self.shape} dtype={self.dtype}>"


@dataclass
class Run:
    """One evaluation: what variables are worth in it, whether it trains, its key, its hook, and what it wrote.

    Used as a context; runs nest, the innermost one answers. In an `abstract` run there are shapes only.
    """

    values: dict[Variable, Array] = field(default_factory=dict)
    training: bool = False
    key: Any = None
    hook: Hook | None = None
    path: tuple[str, ...] = ()
    abstract: bool = False
    trial: int = 0
    compute_dtype: str | None = None
    updates: dict[Variable, Array] = field(default_factory=dict)
    losses: list[Array] = field(default_factory=list)
    calls: dict[tuple[str, ...], int] = field(default_factory=dict)
    frames: list[Any] = field(default_factory=list)
    masks: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    logits: dict[int, tuple[Any, str, Any]] = field(default_factory=dict)
    sources: dict[int, tuple[Any, Any, Any, Any]] = field(default_factory=dict)

    def __enter__(self) -> Run:
        _runs().append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _runs().pop()

    def read(self, variable: Variable) -> Array:
        """The value of a variable in this run, in the dtype that the running layer computes in."""
        if variable in self.values:
            value = self.values[variable]
        elif self.abstract:
            value = jnp.zeros(variable.shape, variable.dtype)
        else:
            value = variable.concrete()
        return value.astype(self.compute_dtype) if variable.autocast and self.compute_dtype else value

    def write(self, variable: Variable, value: Array) -> None:
        """A new value, valid from here on in this run and one of its results."""
        self.values[variable] = value
        self.updates[variable] = value

    @contextlib.contextmanager
    def inside(self, name: str, position: int | None = None) -> Iterator[str]:
        """Within the block, `name` is a step of the call path, which is what randomness and hooks go by.

        `position` tells calls of the same name apart; without it they are counted.
        """
        place = (*self.path, name)
        if position is None:
            position = self.calls.get(place, 0)
            self.calls[place] = position + 1
        before, self.path = self.path, place if position == 0 else (*self.path, f"{name}@{position}")
        try:
            yield "/".join(self.path)
        finally:
            self.path = before

    @contextlib.contextmanager
    def layer(self, compute_dtype: str, training: bool | None) -> Iterator[None]:
        """Within the block a layer computes: in its dtype, and in the phase it was called with."""
        before = self.compute_dtype, self.training
        self.compute_dtype = compute_dtype
        self.training = self.training if training is None else bool(training)
        try:
            yield
        finally:
            self.compute_dtype, self.training = before

    def mask_of(self, value: Any) -> Any:
        """The mask that a layer set on `value`, or None."""
        return self.masks.get(id(value), (None, None))[1]

    def set_mask(self, value: Any, mask: Any) -> None:
        """Say which entries of `value` count, or of each of several values, None where all do.

        The array is kept, so that its identity stays its own.
        """
        for array, counts in zip(leaves(value), leaves(mask), strict=False):
            if counts is not None:
                self.masks[id(array)] = (array, counts)

    def shown(self, path: str, value: Any) -> Any:
        """`value`, or what the hook gives in its place, which keeps its mask."""
        found = value if self.hook is None else self.hook(path, value)
        for old, new in zip(leaves(value), leaves(found), strict=False):
            mask = self.mask_of(old)
            if new is not old and mask is not None:
                self.set_mask(new, mask)
        return found

    def logits_of(self, value: Any, activation: str) -> Any:
        """What a layer's `activation` made `value` from, or None: for losses that are exact on logits."""
        _, name, logits = self.logits.get(id(value), (None, "", None))
        return logits if name == activation else None

    def fresh_key(self) -> Array:
        """The key for one random draw at this point of the call path."""
        with self.inside("draw") as path:
            return random.fold(random.eager_key() if self.key is None else self.key, path)


_threads = threading.local()


def _runs() -> list[Run | None]:
    if not hasattr(_threads, "runs"):
        _threads.runs = []
    stack: list[Run | None] = _threads.runs
    return stack


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """Within the block nothing is being evaluated: operations on symbolic tensors lay pipes."""
    _runs().append(None)
    try:
        yield
    finally:
        _runs().pop()


def running() -> Run | None:
    """The innermost evaluation of this thread, if there is one."""
    stack = _runs()
    return stack[-1] if stack else None


def _running_key() -> Array | None:
    run = running()
    return None if run is None else run.fresh_key()


random.keys_come_from(_running_key)


@contextlib.contextmanager
def evaluation() -> Iterator[Run]:
    """The running evaluation, or a new eager one whose updates become the variables' values at its end."""
    run = running()
    if run is not None:
        yield run
        return
    with Run() as run:
        yield run
    for variable, value in run.updates.items():
        variable.assign(value)
