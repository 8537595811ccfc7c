"""Vectors for integers: words, categories."""

from __future__ import annotations

from typing import Any

from kerato import ops
from kerato.arguments import flag, positive_int
from kerato.layers.base import Array, Layer


class Embedding(Layer):
    """A row of a table for every integer: (batch, ...) of 0 to input_dim - 1 -> (batch, ..., output_dim).

    Args:
        input_dim: how many integers there are, the largest one plus 1.
        output_dim: the length of a vector.
        mask_zero: 0 is no integer but padding: later layers skip it.
    """

    checks = {"input_dim": positive_int, "output_dim": positive_int, "mask_zero": flag}
    autocast = False  # narrow floats cannot tell large integers apart

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **common: Any,
    ) -> None:
        one = hasattr(weights, "shape")
        super().__init__(weights=[weights] if one else weights, **common)
        self.supports_masking = mask_zero
        self.input_dim: int = self._arguments["input_dim"]  # which other layers take as the size of their input

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "input_dim": self.input_dim}

    def build(self, input_shape: Any = None) -> None:
        """embeddings (input_dim, output_dim)."""
        self.weight("embeddings", (self.input_dim, self.output_dim))

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        whole = x if "int" in str(x.dtype) else ops.cast(x, "int32")
        return ops.take(self.embeddings, whole, axis=0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """False where the integer is 0, if that is padding."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None
