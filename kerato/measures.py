"""The base of metrics, and means over an epoch. `kerato.metrics` has the named ones.

A metric's state are `Variable`s, so that inside an evaluation an update is a result like any other: a training
step counts on the device, and the sums of its batches make the value of the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from kerato import config, initializers, ops
from kerato.arguments import Configurable, Rule, number, one_of, optional, snake_case
from kerato.objectives import cast, same_rank
from kerato.variables import Variable

Array = Any


class Metric(Configurable):
    """Base of metrics: `update_state` for every batch, `result` at the end, `reset_state` before the next epoch.

    A subclass makes its state with `add_variable` in `__init__`, or in `build` where it needs the shapes.
    """

    keras_module = "keras.metrics"
    checks: ClassVar[dict[str, Rule]] = {
        "dtype": optional(one_of(*config.FLOAT_TYPES, "int32", "int64")),
        "threshold": optional(number()),
    }

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype or config.floatx()
        self._added: list[Variable] = []

    def build(self, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> None:
        """Make state whose size the shapes say; may be called again, and then does nothing."""

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: str | None = None, name: str | None = None
    ) -> Variable:
        """A new variable of this metric's state."""
        variable = Variable(initializers.get(initializer or "zeros"), tuple(shape), dtype, False, name)
        variable.path = f"{self.name}/{variable.name}"
        self._added.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: str | None = None, name: str | None = None
    ) -> Variable:
        """`add_variable` with a shape of () unless given."""
        return self.add_variable(shape, initializer, dtype, name)

    @property
    def variables(self) -> list[Variable]:
        """The state, that of metrics inside this one included."""
        found = [*self._added, *(value for value in self.__dict__.values() if isinstance(value, Variable))]
        for value in self.__dict__.values():
            found += value.variables if isinstance(value, Metric) else ()
        return list(dict.fromkeys(found))

    def array(self, x: Array) -> Array:
        """`x` as an array of this metric's dtype."""
        return cast(ops.convert_to_tensor(x), self.dtype)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in one batch, usually `(y_true, y_pred, sample_weight=None)`."""
        raise NotImplementedError(f"{type(self).__name__}: define update_state(self, y_true, y_pred, sample_weight).")

    def result(self) -> Any:
        """The value for all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__}: define result(self).")

    def reset_state(self) -> None:
        """Forget all batches: the state becomes 0."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()


def ratio(a: Array, b: Array) -> Array:
    """`a / b`, and 0 where b is 0."""
    empty = ops.equal(b, 0)
    return ops.where(empty, 0.0, a / ops.where(empty, 1.0, b))


def _from_axis(reduction: Callable[..., Array], x: Array, first: int) -> Array:
    axes = tuple(range(first, len(x.shape)))
    return reduction(x, axis=axes) if axes else x


def samplewise(values: Array, weight: Array, reduction: Callable[..., Array], dtype: str) -> tuple[Array, Array]:
    """`values` times `weight`, reduced to one number per sample, and the weight of each sample (or None)."""
    values = cast(ops.convert_to_tensor(values), dtype)
    if weight is not None:
        values, weight = same_rank(values, cast(ops.convert_to_tensor(weight), dtype))
        axes = len(weight.shape)
        values = _from_axis(reduction, values, axes)
        weight = ops.broadcast_to(weight, values.shape)
        values, weight = values * weight, _from_axis(reduction, weight, 1) if axes > 1 else weight
    return _from_axis(reduction, values, 1), weight


class Sum(Metric):
    """The weighted sum of all values."""

    def __init__(self, name: str | None = "sum", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), dtype=self.dtype, name="total")

    def update_state(self, values: Array, sample_weight: Array = None) -> None:
        """Add `values` of any shape."""
        self.total.assign_add(ops.sum(samplewise(values, sample_weight, ops.sum, self.dtype)[0]))

    def result(self) -> Array:
        """The sum."""
        return self.total.value


class Mean(Metric):
    """The weighted mean of all values: (sum of values, sum of weights) over the samples of all batches."""

    def __init__(self, name: str | None = "mean", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), dtype=self.dtype, name="total")
        self.count = self.add_variable((), dtype=self.dtype, name="count")

    def update_state(self, values: Array, sample_weight: Array = None) -> None:
        """Take in `values` (samples, ...): a sample counts as the mean of its values."""
        values, weight = samplewise(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values))
        if weight is None:
            self.count.assign_add(float(values.shape[0]) if values.shape else 1.0)
        else:
            self.count.assign_add(ops.sum(weight))

    def result(self) -> Array:
        """The mean, 0 before the first batch."""
        return ratio(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)` of one value per sample."""

    def __init__(
        self, fn: Callable[..., Array], name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None) or snake_case(type(fn).__name__), dtype)
        self.options = kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Array, y_pred: Array, sample_weight: Array = None
    ) -> None:
        """Take in one batch."""
        super().update_state(self.fn(y_true, y_pred, **self.options), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this object, those for `fn` among them."""
        return {**super().get_config(), **self.options}


class NamedMean(Mean):
    """A mean of a formula of its own name; its further arguments are those of the formula."""

    formula: ClassVar[Callable[..., Array]]

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name or snake_case(type(self).__name__), dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Array, y_pred: Array, sample_weight: Array = None
    ) -> None:
        """Take in one batch."""
        options = {key: getattr(self, key) for key in self._arguments if key not in ("name", "dtype")}
        super().update_state(type(self).formula(y_true, y_pred, **options), sample_weight)
