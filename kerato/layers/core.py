"""Core layers: inputs, Dense, activations, dropout, shapes, merging, Lambda (book section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kerato import config, ops, random
from kerato.arguments import Rule, fraction, optional, positive_int, shape, title
from kerato.errors import InvalidType, InvalidValue, invalid, show
from kerato.graph import Expansion, Tensor, closed_over, wants_numbers
from kerato.layers.base import Array, Layer, policy_name
from kerato.layers.calls import shapes
from kerato.ops import leaves
from kerato.shapes import Spec
from kerato.variables import evaluation


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


class Activation(Layer):
    """`activation(x)`: any shape -> the same shape."""

    supports_masking = True

    def __init__(self, activation: Any, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return self.activate(x)


class Dropout(Layer):
    """In training, each value is 0 with probability `rate`, else divided by `1 - rate`; afterwards the identity.

    Args:
        rate: a number from 0 to 1.
        noise_shape: the shape of the mask; size 1 shares it along an axis, None takes the input's size.
        seed: fixes the masks apart from the process's seed.

    Source: Srivastava et al. 2014, JMLR 15, section 4.
    """

    checks = {"rate": fraction, "seed": optional(Rule("an int", lambda value, _: int(value)))}
    supports_masking = True

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **common: Any
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array, training: bool = False) -> Array:
        """The formula of the class."""
        if not training or self.rate == 0:
            return x
        if self.rate == 1:
            return ops.zeros_like(x)
        kept = random.bernoulli_from(self._key(), 1 - self.rate, self._mask_shape(x.shape))
        return ops.where(kept, x / (1 - self.rate), 0)

    def _key(self) -> Array:
        with evaluation() as run:
            key = run.fresh_key()
        return key if self.seed is None else random.fold(key, self.seed)

    def _mask_shape(self, found: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return tuple(found)
        return tuple(size if noise is None else noise for noise, size in zip(self.noise_shape, found, strict=True))


class Flatten(Layer):
    """(batch, ...) -> (batch, product of the rest). With channels_first the channels are moved last before."""

    least_rank = 1

    def __init__(self, data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        if self.data_format == "channels_first" and len(x.shape) > 2:
            x = ops.moveaxis(x, 1, -1)
        return ops.reshape(x, (x.shape[0], -1)) if x.ndim > 1 else ops.expand_dims(x, -1)


class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape); one entry may be -1."""

    checks = {"target_shape": shape}

    def __init__(self, target_shape: Sequence[int], **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """No weights; the sizes must agree."""
        given, wanted = input_shape[1:], self.target_shape
        if None in given:
            return
        have, want = _product(given), _product(size for size in wanted if size != -1)
        fits = have % want == 0 if -1 in wanted else have == want
        if list(wanted).count(-1) > 1 or not fits:
            raise InvalidValue(
                f"{title(self)}: `target_shape` must hold the {have} values of the input {tuple(given)}. Got {wanted}."
            )

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.reshape(x, (x.shape[0], *self.target_shape))


def _product(sizes: Any) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


class Merge(Layer):
    """Base of layers that join several inputs of one shape into one."""

    supports_masking = True

    def build(self, input_shape: Any) -> None:
        """No weights; there must be at least two inputs."""
        if not isinstance(input_shape, list) or len(input_shape) < 2:
            raise InvalidValue(
                f"{title(self)}: the input must be a list of at least 2 tensors. Got {show(input_shape)}."
            )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """An entry counts where it counts in all inputs."""
        given = [item for item in mask or () if item is not None]
        if not given:
            return None
        result = given[0]
        for item in given[1:]:
            result = ops.logical_and(result, item)
        return result


class Add(Merge):
    """The sum of the inputs, which are of one shape or broadcast to one."""

    def call(self, xs: Sequence[Array]) -> Array:
        """The formula of the class."""
        result = xs[0]
        for x in xs[1:]:
            result = result + x
        return result


class Concatenate(Merge):
    """The inputs joined along `axis`; their other sizes must be equal."""

    checks = {"axis": Rule("an int", lambda value, _: int(value))}

    def __init__(self, axis: int = -1, **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any) -> None:
        """No weights; the sizes must agree except along `axis`."""
        super().build(input_shape)
        rest = {tuple(s for i, s in enumerate(item) if i != self.axis % len(item)) for item in input_shape}
        if len(rest) > 1 and not any(None in item for item in rest):
            raise InvalidValue(f"{title(self)}: the inputs must agree in all axes but {self.axis}. Got {input_shape}.")

    def call(self, xs: Sequence[Array]) -> Array:
        """The formula of the class."""
        return ops.concatenate(list(xs), axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks joined, where the joined axis is the masked one."""
        if not mask or any(item is None for item in mask) or self.axis % len(inputs[0].shape) != 1:
            return super().compute_mask(inputs, mask)
        return ops.concatenate(mask, axis=1)


def add(inputs: Sequence[Any], **common: Any) -> Any:
    """`Add(**common)(inputs)`."""
    return Add(**common)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **common: Any) -> Any:
    """`Concatenate(axis, **common)(inputs)`."""
    return Concatenate(axis, **common)(inputs)


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
            self._nodes[-1].inputs += [t for t in closed_over(self.function) if t not in self._nodes[-1].inputs]
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
