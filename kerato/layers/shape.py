"""Layers that move values without changing them: Flatten, Reshape, Permute, RepeatVector (book section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kerato import ops
from kerato.arguments import Rule, integer, positive_int, shape, title
from kerato.errors import InvalidValue
from kerato.layers.base import Array, Layer


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
        sizes: list[Any] = list(given)
        have, want = math.prod(sizes), math.prod(size for size in wanted if size != -1)
        fits = have % want == 0 if -1 in wanted else have == want
        if list(wanted).count(-1) > 1 or not fits:
            raise InvalidValue(
                f"{title(self)}: `target_shape` must hold the {have} values of the input {tuple(given)}. Got {wanted}."
            )

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.reshape(x, (x.shape[0], *self.target_shape))


def _permutation(value: Any, _: Any) -> tuple[int, ...]:
    dims = tuple(integer(1).convert(item, None) for item in value)
    if not dims or sorted(dims) != list(range(1, len(dims) + 1)):
        raise ValueError
    return dims


class Permute(Layer):
    """The axes of a sample in another order: `Permute((2, 1))` makes (batch, a, b) to (batch, b, a).

    Args:
        dims: which axis of the input comes at each place, counted from 1; the samples stay first.
    """

    checks = {"dims": Rule("a permutation of 1, 2, ... for the axes of a sample", _permutation)}

    def __init__(self, dims: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        self.input_rank = len(self.dims) + 1

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.transpose(x, (0, *self.dims))


class RepeatVector(Layer):
    """The same vector at `n` timesteps: (batch, features) -> (batch, n, features)."""

    checks = {"n": positive_int}
    input_rank = 2

    def __init__(self, n: int, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.repeat(ops.expand_dims(x, 1), self.n, 1)
