"""Hypothesis strategies that several test files draw from: shapes, arrays, class labels, graphs of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from kerato import ops

Array = np.ndarray[Any, Any]

# A machine that does other things too is no reason to fail.
settings.register_profile("kerato", deadline=None)
settings.load_profile("kerato")

sizes = st.integers(1, 5)
shapes = st.lists(sizes, min_size=1, max_size=4).map(tuple)
seeds = st.integers(0, 2**32 - 1)
paths = st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=12)


@st.composite
def arrays(draw: Any, shape: Any = shapes, low: float = -2.0, high: float = 2.0) -> Array:
    """A float64 array of a drawn shape, values spread over [low, high]."""
    chosen = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    found: Array = np.random.default_rng(draw(seeds)).uniform(low, high, chosen)
    return found


@st.composite
def labels(draw: Any, classes: int = 4) -> Array:
    """Integer labels of 1 to 12 samples."""
    return np.array(draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=12)))


#: smooth operations of one and of two tensors, for random graphs
UNARY: list[Callable[[Any], Any]] = [ops.tanh, ops.sin, ops.sigmoid, ops.exp, ops.square, ops.negative]
BINARY: list[Callable[[Any, Any], Any]] = [ops.add, ops.multiply, ops.subtract, lambda a, b: a + b**2]


@st.composite
def graphs(draw: Any) -> Callable[[Any, Any], Any]:
    """A function of two tensors of one shape, made of 1 to 6 random operations."""
    plan = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 20)), min_size=1, max_size=6))

    def build(a: Any, b: Any) -> Any:
        found = [a, b]
        for i, j, k in plan:
            x, y = found[i % len(found)], found[j % len(found)]
            found.append(UNARY[k % len(UNARY)](x) if k % 2 else ops.tanh(BINARY[k % len(BINARY)](x, y)))
        return found[-1] + 0.1 * a * b

    return build
