"""A window moved over a picture, and one number made of what it shows (book 3.3, "What is convolution?").

The book calls mean, maximum and minimum convolution rules. A convolution layer computes a weighted sum, which is
the rule given by an array here. At stride 1 the next window begins one pixel further, at [0, 1], not at [1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from kerato.errors import invalid, unknown
from kerato.image.arrays import Picture, Size, checked, each_channel, pair

Rule: TypeAlias = Literal["mean", "max", "min", "sum"] | ArrayLike | Callable[[Picture], Any]

RULES: dict[str, Callable[..., Any]] = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum}


def windows(picture: ArrayLike, size: Size = 3, strides: Size = 1, how: Rule = "mean") -> Picture:
    """One number per window: (h, w[, c]) -> ((h - kh) // rows + 1, (w - kw) // columns + 1[, c]).

    Only windows that lie wholly inside count: 9 x 9 with size 3 gives 7 x 7, and with strides 2 gives 4 x 4.

    size: height and width of the window in pixels, one number or rows,columns.
    strides: step from window to window in pixels, >= 1, one number or rows,columns.
    how: the rule: mean, max, min or sum; in Python also an array of weights (kh, kw), for the weighted sum, or a
        function that takes one window (kh, kw) and returns a number.

    Raises:
        InvalidValue: the window does not fit into the picture, a stride is below 1, or weights are of another size.
        UnknownName: a rule that does not exist.
    Source: book 3.3.
    """
    array = checked("windows", picture)
    height, width = pair("windows", "size", size, 1, integer=True)
    down, across = pair("windows", "strides", strides, 1, integer=True)
    if height > array.shape[0] or width > array.shape[1]:
        raise invalid("windows", "size", f"at most the picture's {array.shape[:2]}", (height, width))
    reduce = _rule(how, (height, width))
    return each_channel(array, lambda plane: reduce(sliding_window_view(plane, (height, width))[::down, ::across]))


def _rule(how: Rule, size: tuple[int, int]) -> Callable[[Picture], Picture]:
    """The rule as a function (rows, columns, kh, kw) -> (rows, columns)."""
    if isinstance(how, str):
        if how not in RULES:
            raise unknown("windows", "the rule", how, RULES)
        return lambda shown: np.asarray(RULES[how](shown, axis=(-2, -1)))
    if callable(how):
        return lambda shown: np.array([[how(window) for window in row] for row in shown])
    weights = np.asarray(how)
    if weights.shape != size or weights.dtype.kind not in "buif":
        raise invalid("windows", "how", f"mean, max, min, sum, a function, or weights of shape {size}", how)
    return lambda shown: np.tensordot(shown.astype(np.float64), weights, axes=2)
