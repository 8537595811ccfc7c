"""Layers that turn whole numbers, or numbers put into bins, into rows of zeros, ones and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import ops
from kerato.arguments import Rule, number, one_of, optional, positive_int, title
from kerato.errors import InvalidCall, InvalidValue, invalid
from kerato.layers.base import Array, Layer

#: sparse results need a backend that has them
_DENSE = one_of(False)


def _encoded(x: Array, mode: str, depth: int, weights: Any = None, dtype: str = "float32") -> Array:
    """(..., n) whole numbers -> (..., depth), or for `'one_hot'` (..., n, depth), where n = 1 takes its axis along."""
    if mode == "one_hot" and x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    found = jax.nn.one_hot(x, depth, dtype=dtype)
    if mode == "one_hot":
        return found
    if mode == "multi_hot":
        return jnp.max(found, axis=-2)
    return jnp.sum(found if weights is None else found * weights[..., None], axis=-2)


class CategoryEncoding(Layer):
    """Whole numbers below `num_tokens` as rows of that length: (batch, n) -> (batch, num_tokens).

    Args:
        num_tokens: how many there are.
        output_mode: `'multi_hot'`: 1 for those that a sample has; `'count'`: how often; `'one_hot'`: a row for each
            number, (batch, n, num_tokens), or (batch, num_tokens) for (batch, 1).
        sparse: False.

    A call may have `count_weights`, of the input's shape, to be added up where the mode is `'count'`.
    """

    checks = {
        "num_tokens": positive_int,
        "output_mode": one_of("multi_hot", "one_hot", "count"),
        "sparse": _DENSE,
    }

    def __init__(self, num_tokens: int, output_mode: str = "multi_hot", sparse: bool = False, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array, count_weights: Array | None = None) -> Array:
        """The rows."""
        if count_weights is not None and self.output_mode != "count":
            raise InvalidValue(f"{title(self)}: count_weights need output_mode='count'. Got {self.output_mode!r}.")
        weights = None if count_weights is None else ops.cast(count_weights, self.compute_dtype)
        return _encoded(ops.cast(x, "int32"), self.output_mode, self.num_tokens, weights, self.compute_dtype)


def _boundaries(value: Any, _: Any) -> list[float]:
    found = [number().convert(item, None) for item in value]
    if found != sorted(found):
        raise ValueError
    return found


class Discretization(Layer):
    """The number of the bin that each value is in: 0 below the first boundary, 1 from it to below the second, ...

    Args:
        bin_boundaries: rising numbers; or they are learned with `adapt`:
        num_bins: into how many bins of equally many values.
        epsilon: of Keras 3's approximation; `adapt` is exact here.
        output_mode: `'int'`, or rows of zeros, ones and counts, see `CategoryEncoding`.
        sparse: False.
    """

    checks = {
        "bin_boundaries": optional(Rule("rising numbers", _boundaries)),
        "num_bins": optional(positive_int),
        "epsilon": number(0),
        "output_mode": one_of("int", "one_hot", "multi_hot", "count"),
        "sparse": _DENSE,
    }

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if self.bin_boundaries is None and self.num_bins is None:
            raise InvalidValue(f"{title(self)}: needs `bin_boundaries`, or `num_bins` and a call of adapt(data).")

    def adapt(self, data: Any) -> None:
        """Take as boundaries the quantiles of a training set: an array, or an iterable of batches.

        Raises:
            InvalidCall: the boundaries were given to the constructor.
            InvalidValue: there are no data.
        """
        if self.num_bins is None:
            raise InvalidCall(f"{title(self)}: bin_boundaries were given. Give num_bins instead to adapt to data.")
        batches = [data] if hasattr(data, "shape") else list(data)
        values = np.sort(np.concatenate([np.ravel(np.asarray(item, np.float64)) for item in batches] or [np.empty(0)]))
        if not values.size:
            raise invalid(title(self), "data", "an array, or batches, with at least one sample", data)
        shares = np.arange(1, values.size + 1) / values.size
        self.bin_boundaries = np.interp(np.arange(1, self.num_bins) / self.num_bins, shares, values).tolist()

    def call(self, x: Array) -> Array:
        """How many boundaries are not above each value."""
        if self.bin_boundaries is None:
            raise InvalidCall(f"{title(self)}: has no boundaries yet. Call adapt(data) first.")
        limits = jnp.asarray(self.bin_boundaries, x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else "float32")
        place = jnp.sum(x[..., None] >= limits, axis=-1, dtype="int32")
        if self.output_mode == "int":
            return place
        return _encoded(place, self.output_mode, len(self.bin_boundaries) + 1, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments, and the boundaries once there are some; Keras's class takes no `trainable`."""
        found = super().get_config()
        if self.trainable:
            found.pop("trainable")
        return found
