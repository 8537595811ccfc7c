"""Layers that join several tensors into one, and their functions: `Add()([a, b])` is `add([a, b])`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from kerato import ops
from kerato.arguments import Rule, flag, title
from kerato.errors import InvalidValue, invalid, show
from kerato.layers.base import Array, Layer

Sizes = tuple[int | None, ...]


class Merge(Layer):
    """Base of layers that join a list of tensors, entry by entry.

    The tensors are of one shape or broadcast to one; those with fewer axes get axes of size 1 after the samples.
    Where every tensor has a mask, an entry counts that counts in one of them; else all count.
    Differs: Keras 2 let an entry count where it counts in all.
    """

    supports_masking = True

    def build(self, input_shape: Any) -> None:
        """No weights; the shapes must fit."""
        self.check_list(input_shape)
        raised: list[Sizes | None] = [_raised(sizes, input_shape) for sizes in input_shape]
        found = functools.reduce(_broadcast, raised)
        if found is None:
            raise InvalidValue(f"{title(self)}: the inputs must be of shapes that broadcast. Got {input_shape}.")

    def check_list(self, input_shape: Any, count: int | None = None) -> None:
        """Refuse an input that is no list of (`count`) tensors."""
        if not isinstance(input_shape, list) or not input_shape or (count and len(input_shape) != count):
            wanted = f"{count} tensors" if count else "tensors"
            raise InvalidValue(f"{title(self)}: the input must be a list of {wanted}. Got {show(input_shape)}.")

    def call(self, xs: Sequence[Array], mask: Any = None) -> Array:
        """The formula of the class."""
        rank = max(x.ndim for x in xs)
        xs = [ops.reshape(x, (*x.shape[:1], *(1,) * (rank - x.ndim), *x.shape[1:])) for x in xs]
        if mask is None or not any(item is not None for item in mask):
            return self.merge(xs)
        return self.merge_masked(xs, [None if m is None else _along(m, x) for m, x in zip(mask, xs, strict=True)])

    def merge(self, xs: Sequence[Array]) -> Array:
        """The formula, for tensors of one rank."""
        raise NotImplementedError(f"{type(self).__name__}: define merge(self, xs).")

    def merge_masked(self, xs: Sequence[Array], masks: Sequence[Array | None]) -> Array:
        """The formula where tensors have masks, of their shapes; masked entries take part unless a layer says else."""
        return self.merge(xs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """An entry counts that counts in one of the inputs."""
        if mask is None or any(item is None for item in mask):
            return None
        return functools.reduce(ops.logical_or, mask)


def _raised(sizes: Sizes, among: Sequence[Sizes]) -> Sizes:
    return (*sizes[:1], *(1,) * (max(map(len, among)) - len(sizes)), *sizes[1:])


def _broadcast(first: Sizes | None, second: Sizes | None) -> Sizes | None:
    """The shape that two broadcast to, None where they do not."""
    if first is None or second is None:
        return None
    pairs = list(zip(first, second, strict=True))
    if any(None not in pair and 1 not in pair and pair[0] != pair[1] for pair in pairs):
        return None
    return tuple(b if a in (1, None) else a for a, b in pairs)


def _along(mask: Array, x: Array) -> Array:
    """A mask of samples (and steps) in the shape of `x`."""
    return ops.broadcast_to(ops.reshape(mask, (*mask.shape, *(1,) * (x.ndim - mask.ndim))), x.shape)


class Add(Merge):
    """The sum of the inputs."""

    def merge(self, xs: Sequence[Array]) -> Array:
        """The formula of the class."""
        return functools.reduce(ops.add, xs)


class Subtract(Merge):
    """The first of two inputs minus the second."""

    def build(self, input_shape: Any) -> None:
        """No weights; there must be two inputs, of shapes that fit."""
        self.check_list(input_shape, 2)
        super().build(input_shape)

    def merge(self, xs: Sequence[Array]) -> Array:
        """The formula of the class."""
        return xs[0] - xs[1]


class Multiply(Merge):
    """The product of the inputs, without the entries that are masked; 0 where all are."""

    def merge(self, xs: Sequence[Array]) -> Array:
        """The formula of the class."""
        return functools.reduce(ops.multiply, xs)

    def merge_masked(self, xs: Sequence[Array], masks: Sequence[Array | None]) -> Array:
        """The formula of the class."""
        product = self.merge([x if m is None else ops.where(m, x, 1) for x, m in zip(xs, masks, strict=True)])
        if any(mask is None for mask in masks):
            return product
        return ops.where(functools.reduce(ops.logical_or, masks), product, 0)


class Average(Merge):
    """The mean of the inputs."""

    def merge(self, xs: Sequence[Array]) -> Array:
        """The formula of the class."""
        return functools.reduce(ops.add, xs) / len(xs)


class _Extreme(Merge):
    """Base of maximum and minimum: a masked entry gives way to what the other inputs have there."""

    choose: Any

    def merge(self, xs: Sequence[Array]) -> Array:
        """The formula of the class."""
        return functools.reduce(self.choose, xs)

    def merge_masked(self, xs: Sequence[Array], masks: Sequence[Array | None]) -> Array:
        """The formula of the class."""
        result, counts = xs[0], masks[0]
        for x, mask in zip(xs[1:], masks[1:], strict=True):
            other = x if mask is None else ops.where(mask, x, result)
            result = self.choose(result if counts is None else ops.where(counts, result, other), other)
            counts = None if mask is None or counts is None else ops.logical_or(counts, mask)
        return result


class Maximum(_Extreme):
    """The largest of the inputs, entry by entry; masked entries do not take part."""

    choose: Any = staticmethod(ops.maximum)


class Minimum(_Extreme):
    """The smallest of the inputs, entry by entry; masked entries do not take part."""

    choose: Any = staticmethod(ops.minimum)


class Concatenate(Merge):
    """The inputs joined along `axis`; their other sizes must be equal. Their masks are joined too."""

    checks = {"axis": Rule("an int", lambda value, _: int(value))}

    def __init__(self, axis: int = -1, **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any) -> None:
        """No weights; the sizes must agree except along `axis`."""
        self.check_list(input_shape)
        ranks = {len(sizes) for sizes in input_shape}
        axis = self.axis % max(ranks)
        rest = [tuple(1 if i == axis else size for i, size in enumerate(sizes)) for sizes in input_shape]
        if len(ranks) > 1 or any(len({*column} - {None}) > 1 for column in zip(*rest, strict=True)):
            raise InvalidValue(f"{title(self)}: the inputs must agree in all axes but {self.axis}. Got {input_shape}.")

    def call(self, xs: Sequence[Array], mask: Any = None) -> Array:
        """The formula of the class."""
        return ops.concatenate(list(xs), axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Joined like the inputs, of which those without a mask count; then a step counts where one value does."""
        if mask is None or all(item is None for item in mask):
            return None
        pairs = zip(inputs, mask, strict=True)
        whole = [ops.ones_like(x, dtype=bool) if m is None else _along(m, x) for x, m in pairs]
        return ops.any(ops.concatenate(whole, axis=self.axis), axis=-1)


def _two_axes(value: Any, _: Any) -> int | tuple[int, ...]:
    items = (value, value) if isinstance(value, int) and not isinstance(value, bool) else tuple(value)
    if len(items) != 2 or not all(isinstance(item, int) for item in items) or 0 in items:
        raise ValueError
    return value if isinstance(value, int) else items


class Dot(Merge):
    """The products of two inputs summed along an axis of each: (batch, a, n), (batch, b, n) -> (batch, a, b).

    Args:
        axes: the axis, or one for each input; not 0, which is that of the samples.
        normalize: whether vectors along the axis have length 1 first; the result is then their cosine.
    """

    checks = {"axes": Rule("an int other than 0, or two", _two_axes), "normalize": flag}

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any) -> None:
        """No weights; two inputs whose sizes agree along `axes`."""
        self.check_list(input_shape, 2)
        axes = self._both()
        if any(not -len(sizes) < axis < len(sizes) or not sizes for axis, sizes in zip(axes, input_shape, strict=True)):
            raise invalid(title(self), "axes", f"axes of the inputs {input_shape}", self.axes)
        first, second = (sizes[axis] for axis, sizes in zip(axes, input_shape, strict=True))
        if None not in (first, second) and first != second:
            raise InvalidValue(
                f"{title(self)}: the inputs must have equal sizes along their axes {axes}. Got {input_shape}."
            )

    def call(self, xs: Sequence[Array], mask: Any = None) -> Array:
        """The formula of the class."""
        (x, y), axes = xs, self._both()
        if self.normalize:
            x, y = ops.l2_normalize(x, axes[0]), ops.l2_normalize(y, axes[1])
        letters = iter("cdefghijklmnopqrstuvw")
        names = [["a", *(next(letters) for _ in range(item.ndim - 1))] for item in (x, y)]
        for name, axis in zip(names, axes, strict=True):
            name[axis] = "b"
        rest = [letter for letter in (*names[0], *names[1][1:]) if letter != "b"]
        product = ops.einsum(f"{''.join(names[0])},{''.join(names[1])}->{''.join(rest)}", x, y)
        return product if product.ndim > 1 else ops.expand_dims(product, 1)

    def _both(self) -> tuple[int, int]:
        return (self.axes, self.axes) if isinstance(self.axes, int) else self.axes

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """A product has no mask."""


def add(inputs: Sequence[Any], **common: Any) -> Any:
    """`Add(**common)(inputs)`."""
    return Add(**common)(inputs)


def subtract(inputs: Sequence[Any], **common: Any) -> Any:
    """`Subtract(**common)(inputs)`."""
    return Subtract(**common)(inputs)


def multiply(inputs: Sequence[Any], **common: Any) -> Any:
    """`Multiply(**common)(inputs)`."""
    return Multiply(**common)(inputs)


def average(inputs: Sequence[Any], **common: Any) -> Any:
    """`Average(**common)(inputs)`."""
    return Average(**common)(inputs)


def maximum(inputs: Sequence[Any], **common: Any) -> Any:
    """`Maximum(**common)(inputs)`."""
    return Maximum(**common)(inputs)


def minimum(inputs: Sequence[Any], **common: Any) -> Any:
    """`Minimum(**common)(inputs)`."""
    return Minimum(**common)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **common: Any) -> Any:
    """`Concatenate(axis, **common)(inputs)`."""
    return Concatenate(axis, **common)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **common: Any) -> Any:
    """`Dot(axes, **common)(inputs)`."""
    return Dot(axes, **common)(inputs)
