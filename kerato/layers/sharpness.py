"""Augmentation by blur and sharpness on the device. At the border pictures go on as their last pixel.

Kernels are sums of shifted pictures, which fuse into one pass and stay fast inside of loops, where convolutions do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from kerato.arguments import Rule, integer, number
from kerato.layers.augmentation import interval
from kerato.layers.base import Array
from kerato.layers.color import Coloring


def _odd(value: Any, _: Any) -> tuple[int, int]:
    first, second = value if isinstance(value, (list, tuple)) else (value, value)
    if first % 2 == 0 or second % 2 == 0:
        raise ValueError
    return integer(1).convert(first, None), integer(1).convert(second, None)


def _deviation(value: Any, _: Any) -> tuple[float, float]:
    first, second = sorted(value) if isinstance(value, (list, tuple)) else (0, value)
    return number(0).convert(first, None), number(0).convert(second, None)


class RandomGaussianBlur(Coloring):
    """Pictures blurred with a probability that is itself drawn from `factor`.

    Args:
        factor: two numbers from 0 to 1; a number f is [0, f].
        kernel_size: odd, of the kernel in pixels; or two, across and down.
        sigma: two bounds of the kernel's standard deviation in pixels, drawn for across and down; a number s is [0, s].
        value_range: of the values.
        seed: fixes the draws apart from the process's seed.

    Differs: Keras 3 draws one sigma for all pictures of a batch, takes no single one above 1, and has black beyond the
    border, so that pictures get a dark frame.
    """

    checks = {
        "factor": interval(0, 1, lowest=0.0),
        "kernel_size": Rule("an odd int, or two", _odd),
        "sigma": Rule("a number, or two, >= 0", _deviation),
    }

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """Weights `exp(-d * d / (2 * sigma * sigma))` for the pixels at distance d, along rows and along columns."""
        u, probability, across, down = self.one(x, (0, 1), self.factor, self.sigma, self.sigma)
        y = _weighed(_weighed(x, 2, self.kernel_size[0], across), 1, self.kernel_size[1], down)
        return self.clipped(jnp.where(u < probability, y, x))


class RandomSharpness(Coloring):
    """`x + (2 * f - 1) * (x - smooth)`, `f` from `factor`: 0 the smoothed picture, 0.5 unchanged, 1 sharper.

    Smooth is the mean of a pixel, five times, and its eight neighbours. A number f is [0, f].

    Differs: Keras 3 has black beyond the border, so that it changes the frame of pictures.
    """

    checks = {"factor": interval(0, 1, lowest=0.0)}

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        (f,) = self.one(x, self.factor)
        smooth = (sum(_neighbours(sum(_neighbours(x, 1, 3)), 2, 3)) + 4 * x) / 13
        return self.clipped(x + (2 * f - 1) * (x - smooth))


def _neighbours(x: Array, axis: int, size: int) -> list[Array]:
    """The picture moved by -size // 2, ..., size // 2 pixels along an axis."""
    border = [(0, 0)] * x.ndim
    border[axis] = (size // 2, size // 2)
    wide, room = jnp.pad(x, border, mode="edge"), x.shape[axis]
    return [wide[:, k : k + room] if axis == 1 else wide[:, :, k : k + room] for k in range(size)]


def _weighed(x: Array, axis: int, size: int, sigma: Array) -> Array:
    distances = [k - size // 2 for k in range(size)]
    weights = [jnp.exp(-0.5 * (d / (sigma + 1e-6)) ** 2) for d in distances]
    return sum(w * y for w, y in zip(weights, _neighbours(x, axis, size), strict=True)) / sum(weights)
