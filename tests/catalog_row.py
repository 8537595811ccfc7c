"""`Row`: a public layer and what the laws need to know of it. The tables are in `catalog.py` and its families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerato import layers

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A layer and what the laws need to know of it.

    `make` builds it, with further arguments; `shapes` are those of its inputs for a batch of 3; `reference` computes
    its value from the inputs and the weights in float64; `bad` maps arguments to values that must be refused.
    """

    id: str
    kind: type[layers.Layer]
    arguments: dict[str, Any]
    shapes: tuple[Shape, ...]
    reference: Callable[..., Any]
    bad: tuple[tuple[str, Any], ...] = ()
    random: bool = False  # draws numbers in training
    smooth: bool = True  # has derivatives at the sampled points
    spatial: bool = False  # takes `data_format`
    unbatched: bool = False  # its config holds something that depends on the function, not on plain data
    sequential: bool = True  # takes one input
    heavy: bool = False  # compiles so much in training that the laws of training are in the slow lane
    codes: int = 0  # takes whole numbers below this; given with a half added, so that small steps change nothing

    def make(self, **more: Any) -> Any:
        """The layer; a layer inside it computes in the same dtype."""
        dtype = {"dtype": more["dtype"]} if "dtype" in more else {}
        inner = {
            name: {**value, "config": {**value["config"], **dtype}}
            for name, value in self.arguments.items()
            if isinstance(value, dict) and "class_name" in value
        }
        return self.kind(**{**self.arguments, **inner, **more})

    def inputs(self, batch: int = 3, dtype: str = "float32") -> list[np.ndarray[Any, Any]]:
        """Values for the inputs, the same in every call, none near a kink of the formulas."""
        generator = np.random.default_rng(7)
        if self.codes:
            return [generator.integers(0, self.codes, (batch, *s[1:])).astype(dtype) + 0.5 for s in self.shapes]
        return [_apart(generator, (batch, *shape[1:])).astype(dtype) for shape in self.shapes]

    def given(self, batch: int = 3, dtype: str = "float32") -> Any:
        """The inputs as the layer is called with them: one array, or a list."""
        found = self.inputs(batch, dtype)
        return found[0] if self.sequential else found


def _apart(generator: np.random.Generator, shape: Shape) -> np.ndarray[Any, Any]:
    """Distinct numbers from -1 to 1, all at least 2e-4 apart from each other and from 0."""
    size = int(np.prod(shape))
    ladder = (np.arange(size) + 0.5) / size * 2 - 1 + 0.1 / max(size, 50)
    return generator.permutation(ladder).reshape(shape)


PICTURES = ((3, 6, 5, 2),)
VECTORS = ((3, 4),)
STEPS = ((3, 7, 2),)
