"""Core layers: inputs, Dense, EinsumDense, Identity, Lambda, Masking, ActivityRegularization (book section 3.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from kerato import config, initializers, ops, regularizers
from kerato.arguments import Rule, number, optional, positive_int, shape, title
from kerato.errors import InvalidType, InvalidValue, invalid, show
from kerato.graph import Expansion, Tensor, closed_over, wants_numbers
from kerato.layers.base import Array, Layer, policy_name
from kerato.layers.calls import shapes
from kerato.ops import leaves
from kerato.shapes import Spec


class InputLayer(Layer):
    """Where data enters a graph: holds the placeholder."""

    checks = {"batch_shape": optional(shape), "shape": optional(shape)}

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        input_tensor: Tensor | None = None,
        sparse: bool = False,
        optional: bool = False,
        ragged: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(name=name, dtype="float32", **common)
        if input_tensor is None:
            sizes = self._arguments["batch_shape"]
            if sizes is None and self._arguments["shape"] is None:
                raise invalid(title(self), "shape", "the shape of one sample, e.g. (28, 28, 1)", None)
            sizes = (batch_size, *self._arguments["shape"]) if sizes is None else sizes
            input_tensor = Tensor(sizes, policy_name(dtype or config.floatx()), name=self.name)
        self.tensor = input_tensor
        self.batch_shape: tuple[int | None, ...] = input_tensor.shape
        self.tensor.layer = self
        self.built = True

    input = output = property(lambda self: self.tensor)
    input_shape = output_shape = property(lambda self: self.batch_shape)

    def get_config(self) -> dict[str, Any]:
        """Shape, dtype and name."""
        common = {"sparse": False, "ragged": False, "optional": False}
        return {"batch_shape": self.batch_shape, "dtype": self.tensor.dtype, "name": self.name, **common}


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Tensor | None = None,
) -> Tensor:
    """A placeholder for data: `shape` is that of one sample, `batch_shape` that of a batch; None is unknown."""
    if isinstance(shape, int):
        shape = (shape,)
    layer = InputLayer(
        shape=shape, batch_size=batch_size, dtype=dtype, batch_shape=batch_shape, name=name, input_tensor=tensor
    )
    return layer.tensor


class Dense(Layer):
    """`activation(x @ kernel + bias)` over the last axis: (..., n) -> (..., units)."""

    checks = {"units": positive_int}
    supports_masking = True
    least_rank = 2

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel (n, units), bias (units,)."""
        self.weight("kernel", (input_shape[-1], self.units))
        if self.use_bias:
            self.weight("bias", (self.units,))
        self.expect({-1: input_shape[-1]})

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        y = ops.matmul(x, self.kernel)
        if self.use_bias:
            y = y + self.bias
        return self.activate(y)


_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


def _equation(value: Any, _: Any) -> str:
    found = _EQUATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if found is None or found[1] != found[5] or found[3] != found[7] or (found[1] and found[3]):
        raise ValueError
    if not set(found[6]) <= {*found[2], *found[4]} or not set(found[4]) <= {*found[2], *found[6]}:
        raise ValueError
    return str(value)


class EinsumDense(Layer):
    """`activation(einsum(equation, x, kernel) + bias)`: a Dense layer over any axes.

    `EinsumDense("abc,cd->abd", (None, 64), bias_axes="d")` is `Dense(64)` over steps; `"...x,xy->...y"` the same over
    any number of axes.

    Args:
        equation: `input,kernel->output` in letters, `...` on the left or right for axes that stay as they are.
        output_shape: sizes of the output without the samples and without `...`; None where they are the input's.
        activation: a name or function.
        bias_axes: letters of the output along which there is a bias; None for no bias.
        kernel_initializer, bias_initializer, kernel_regularizer, ...: of the weights.
    """

    checks = {"equation": Rule("an equation such as 'abc,cd->abd' or '...x,xy->...y'", _equation)}
    least_rank = 1

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """kernel: the sizes of its letters; bias: those of `bias_axes`, 1 along the axes after the first of them."""
        found = _EQUATION.fullmatch(self.equation.replace(" ", ""))
        stated = self._arguments["output_shape"]
        if found is None or len(found[2]) > len(input_shape):
            raise InvalidValue(f"{title(self)}: the input must have the axes of {self.equation!r}. Got {input_shape}.")
        x, kernel, y = found[2], found[4], found[6]
        elided = len(input_shape) - len(x)
        inputs = dict(zip(x, input_shape[elided:] if found[1] else input_shape, strict=False))
        whole = (stated,) if isinstance(stated, int) else tuple(stated)
        outputs = dict(zip(y, whole if found[1] and elided else (input_shape[0], *whole), strict=False))
        self._check_sizes_of(x, y, inputs, outputs)
        sizes = [outputs[letter] if letter in outputs else inputs[letter] for letter in kernel]
        self._make_kernel(sizes, kernel, y)
        self.bias = None
        if self.bias_axes:
            rest = y[min(y.find(letter) for letter in self.bias_axes) :]
            ones = (1,) * (elided if found[3] else 0)
            self.weight("bias", (*(outputs[letter] if letter in self.bias_axes else 1 for letter in rest), *ones))

    def _check_sizes_of(self, x: str, y: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        if len(outputs) != len(y) or not set(self.bias_axes or "") <= set(y):
            raise InvalidValue(
                f"{title(self)}: `output_shape` and `bias_axes` must fit {self.equation!r}. "
                f"Got {self._arguments['output_shape']} and {self.bias_axes!r}."
            )
        for letter in set(x) & set(y):
            if None not in (inputs[letter], outputs[letter]) and inputs[letter] != outputs[letter]:
                raise InvalidValue(
                    f"{title(self)}: the axis {letter!r} of the output must have the input's size {inputs[letter]}. "
                    f"Got {outputs[letter]}."
                )

    def _make_kernel(self, sizes: Sequence[int | None], letters: str, y: str) -> None:
        # Which axes of the kernel are inputs of a unit follows from the equation, not from their order.
        made = self.kernel_initializer
        if isinstance(made, initializers.VarianceScaling) and made.input_axes is None:
            axes: dict[str, list[int]] = {"input_axes": [], "output_axes": []}
            for axis, letter in enumerate(letters):
                axes["output_axes" if letter in y else "input_axes"].append(axis)
            made = type(made).from_config({**made.get_config(), **axes})
        options = {"regularizer": self.kernel_regularizer, "constraint": self.kernel_constraint}
        self.kernel = self.add_weight(name="kernel", shape=sizes, initializer=made, **options)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        y = ops.einsum(self.equation, x, self.kernel)
        return self.activate(y if self.bias is None else y + self.bias)


class Identity(Layer):
    """The input, as it is."""

    supports_masking = True

    def call(self, x: Any) -> Any:
        """The formula of the class."""
        return x


class ActivityRegularization(Layer):
    """The input; `l1 * sum|x| + l2 * sum x**2` per sample is added to the loss."""

    checks = {"l1": number(0), "l2": number(0)}
    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **common: Any) -> None:
        super().__init__(**{"activity_regularizer": regularizers.L1L2(l1=self.l1, l2=self.l2), **common})

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return x

    def get_config(self) -> dict[str, Any]:
        """The arguments; the penalty follows from them, unless another one was given."""
        found = super().get_config()
        if isinstance(self.activity_regularizer, regularizers.L1L2):
            found.pop("activity_regularizer", None)
        return found


class Lambda(Layer):
    """Any expression as a layer: `Lambda(lambda x: x ** 2)`.

    An expression made of Kerato's operations becomes part of the graph, so that gradients flow to whatever it
    mentions; one that calls NumPy's or JAX's functions is computed as it stands.

    Args:
        function: called with the input and `arguments`.
        output_shape: of one sample, or a function of the input's shape; usually found without.
        mask: the output's mask, or a function `(inputs, mask)` that gives it.
        arguments: further keyword arguments of `function`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **common: Any,
    ) -> None:
        if not callable(function):
            raise InvalidType(f"Lambda: `function` must be a function of the input. Got {show(function)}.")
        super().__init__(**common)
        self.arguments = dict(arguments or {})

    output_shape = property(lambda self: shapes(self._single("output_shape").result), lambda self, value: None)

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """The function's value."""
        return self.function(inputs, **self._options(training, mask))

    def _options(self, training: Any, mask: Any = None) -> dict[str, Any]:
        code = getattr(self.function, "__code__", None)
        names = code.co_varnames[: code.co_argcount] if code else ()
        found = {"training": training, "mask": mask}
        return {**{k: v for k, v in found.items() if k in names and v is not None}, **self.arguments}

    def lay(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The pipes that the function lays; a node of its own where it needs numbers."""
        self._prepare(args)
        try:
            result = self.function(args[0], **self._options(None))
        except (TypeError, ValueError) as error:
            if not wants_numbers(error):
                raise
            result = super().lay(args, kwargs)
            known = self._nodes[-1].inputs
            known += [t for t in closed_over(self.function) if isinstance(t, Tensor) and t not in known]
            return result
        if isinstance(result, (list, tuple)):
            result = list(result)
        if not all(isinstance(leaf, Tensor) for leaf in leaves(result)):
            raise InvalidType(f"{title(self)}: the function must return a tensor. Got {show(result)}.")
        return self.remember(Expansion(self, args, result))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """What `mask` says; the output has none unless it is given."""
        stated = self._arguments.get("mask")
        return stated(inputs, mask) if callable(stated) else stated

    def _stated_shape(self, args: Any) -> Any:
        stated = self._arguments.get("output_shape")
        if stated is None:
            return None
        given = shapes(args[0])
        whole = stated(given) if callable(stated) else ((given[0] if isinstance(given, list) else given)[0], *stated)
        return Spec(tuple(whole), self.compute_dtype)


class Masking(Layer):
    """Timesteps whose values all equal `mask_value` do not count: (batch, time, ...) -> the same, with a mask."""

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The masked steps as zeros."""
        return x * ops.cast(self._counts(x, keepdims=True), str(x.dtype))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where any value of the timestep differs."""
        return self._counts(inputs)

    def _counts(self, x: Array, keepdims: bool = False) -> Array:
        return ops.any(ops.not_equal(x, self.mask_value), axis=-1, keepdims=keepdims)
