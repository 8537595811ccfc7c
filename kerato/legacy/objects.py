"""What only old scripts need: functions and layers of Keras 0.3, 1 and 2 that have no successor of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerato import activations, backend, initializers, layers, ops
from kerato.arguments import flag, positive_int
from kerato.data.labels import to_categorical as categorical
from kerato.errors import unknown
from kerato.layers.base import Layer
from kerato.legacy.arguments import warn_of
from kerato.legacy.layers import of_series
from kerato.legacy.modules import RENAMED
from kerato.models import Model
from kerato.saving.records import from_record, models, reads, record

Array = Any

# -- layers --------------------------------------------------------------------------------------------------------

#: mode of Keras 1's `merge` -> today's layer and its arguments
MODES: dict[str, tuple[str, dict[str, Any]]] = {
    "ave": ("Average", {}),
    "concat": ("Concatenate", {}),
    "cos": ("Dot", {"normalize": True}),
    "dot": ("Dot", {}),
    "max": ("Maximum", {}),
    "mul": ("Multiply", {}),
    "sum": ("Add", {}),
}


def _merging(mode: Any, concat_axis: int, dot_axes: Any, output_shape: Any, name: str | None) -> Any:
    if callable(mode):
        return layers.Lambda(mode, output_shape, name=name)
    if mode not in MODES:
        raise unknown("merge", "the mode", mode, MODES)
    kind, options = MODES[mode]
    if kind == "Concatenate":
        options = {"axis": concat_axis}
    if kind == "Dot":
        options = {**options, "axes": dot_axes}
    return getattr(layers, kind)(name=name, **options)


def merge(
    inputs: Sequence[Any],
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: dict[str, Any] | None = None,
    name: str | None = None,
) -> Any:
    """Several tensors made one, as in Keras 1: sum, mul, ave, max, concat, dot, cos, or a function of the list.

    Raises:
        UnknownName: there is no such mode.
    """
    return _merging(mode, concat_axis, dot_axes, output_shape, name)(list(inputs))


def Merge(
    layers: Sequence[Any] | None = None,
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    name: str | None = None,
    **ignored: Any,
) -> Any:
    """Branches, each a model or a layer with an input, made one: the first layer of a Sequential in Keras 1.

    Without `layers` it is the layer that merges a list of tensors.
    """
    merging = _merging(mode, concat_axis, dot_axes, output_shape, None)
    if layers is None:
        return merging
    return Model([layer.input for layer in layers], merging([layer.output for layer in layers]), name=name)


class MaxoutDense(Layer):
    """The largest of `nb_feature` dense layers: (batch, n) -> (batch, output_dim). Goodfellow et al. 2013."""

    checks = {
        "output_dim": positive_int,
        "nb_feature": positive_int,
        "init": initializers.FAMILY.rule,
        "bias": flag,
    }
    input_rank = 2

    def __init__(
        self, output_dim: int, nb_feature: int = 4, init: Any = "glorot_uniform", bias: bool = True, **common: Any
    ) -> None:
        super().__init__(**common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """W (nb_feature, n, output_dim), b (nb_feature, output_dim)."""
        sizes = (self.nb_feature, input_shape[-1], self.output_dim)
        self.kernel = self.add_weight(name="W", shape=sizes, initializer=self.init)
        if self.__dict__["_arguments"]["bias"]:
            self.offset = self.add_weight(name="b", shape=(self.nb_feature, self.output_dim), initializer="zeros")

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        y = ops.einsum("bn,fnu->bfu", x, self.kernel)
        return ops.max(y + self.offset if self.__dict__["_arguments"]["bias"] else y, axis=1)


class Highway(Layer):
    """`t f(x W + b) + (1 - t) x` with `t = sigmoid(x W_carry + b_carry)`: (batch, n) -> (batch, n).

    Source: Srivastava et al. 2015, arXiv:1505.00387; the carry bias begins at -2.
    """

    checks = {"init": initializers.FAMILY.rule, "activation": activations.FAMILY.rule}
    input_rank = 2

    def __init__(self, init: Any = "glorot_uniform", activation: Any = None, **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """W and W_carry (n, n), b and b_carry (n,)."""
        size = input_shape[-1]
        self.kernel = self.add_weight(name="W", shape=(size, size), initializer=self.init)
        self.carry = self.add_weight(name="W_carry", shape=(size, size), initializer=self.init)
        self.offset = self.add_weight(name="b", shape=(size,), initializer="zeros")
        begin = initializers.Constant(-2.0)
        self.carry_offset = self.add_weight(name="b_carry", shape=(size,), initializer=begin)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        t = ops.sigmoid(x @ self.carry + self.carry_offset)
        return t * self.activate(x @ self.kernel + self.offset) + (1 - t) * x


def TimeDistributedDense(*args: Any, **kwargs: Any) -> Any:
    """`Dense` on every step of a series, as today; `input_dim` and `input_length` were its shape."""
    return layers.Dense(*args, **of_series(kwargs))


class InputSpec:
    """What a layer of the user's says of its inputs; Kerato finds that out by itself and does not ask."""

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int] | None = None,
    ) -> None:
        self.dtype, self.shape, self.axes = dtype, shape, axes or {}
        self.ndim = len(shape) if shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim


def serialize(layer: Any) -> dict[str, Any]:
    """A layer as plain data: its class's name and its configuration."""
    return record(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer of `{'class_name': ..., 'config': ...}`, as `serialize` or `layer.get_config()` gave it.

    Raises:
        UnknownName: the class is neither Kerato's nor registered nor among `custom_objects`.
    """
    name = RENAMED["layers"].get(config["class_name"], config["class_name"])
    home = "keras" if name in models() else "keras.layers"
    with reads("deserialize", custom_objects):
        return from_record({"module": home, **config, "class_name": name})


# -- functions -----------------------------------------------------------------------------------------------------


def initialization(identifier: Any, dim_ordering: Any = None) -> Callable[..., Any]:
    """`initializations.get`: a function that gives a variable of a shape, as layers of Keras 1 made their weights."""
    made = initializers.get(identifier)

    def begun(shape: Sequence[int], scale: float | None = None, name: str | None = None, **ignored: Any) -> Any:
        return backend.variable(made(tuple(shape)), name=name)

    return begun


def to_categorical(y: Any, num_classes: int | None = None, nb_classes: int | None = None) -> Array:
    """Classes 0, 1, ... as rows of zeros with a one; Keras 1 called the number of classes `nb_classes`."""
    if nb_classes is not None:
        warn_of("to_categorical", [("nb_classes", "num_classes")])
    return categorical(y, nb_classes if num_classes is None else num_classes)


def probas_to_classes(y_pred: Any) -> Array:
    """The most likely class per row; 0 or 1 for a single column."""
    p = np.asarray(y_pred)
    return p.argmax(axis=-1) if p.ndim > 1 and p.shape[-1] > 1 else (p > 0.5).astype("int32")
