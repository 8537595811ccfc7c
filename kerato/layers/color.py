"""Augmentation of colours on the device: brightness, contrast, saturation, hue, grey, negative, and all in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from kerato.arguments import Rule, fraction, number, optional
from kerato.errors import invalid
from kerato.layers.augmentation import Augmenting, interval
from kerato.layers.base import Array


def _range(value: Any, _: Any) -> tuple[float, float]:
    low, high = sorted(number().convert(item, None) for item in value)
    if low == high:
        raise ValueError
    return low, high


def _both(value: Any, _: Any) -> tuple[float, float]:
    first, second = sorted(value) if isinstance(value, (list, tuple)) else (value, value)
    return fraction.convert(first, None), fraction.convert(second, None)


_SHARES = Rule("a number, or two, from 0 to 1", _both)


class Coloring(Augmenting):
    """Base of layers that change the values of pixels, each picture by itself.

    `value_range` is the range of the pictures' values: (0, 255) or, after scaling, (0, 1). Results are kept in it.
    """

    checks = {"value_range": Rule("two different numbers", _range)}
    beside: tuple[str, ...] = ("labels", "segmentation_masks", "bounding_boxes")

    def one(self, x: Array, *intervals: tuple[float, float]) -> list[Array]:
        """For each interval a number per picture, shaped to multiply pictures."""
        return [u.astype(x.dtype)[:, None, None, None] for u in self.uniform(len(x), *intervals)]

    def clipped(self, x: Array) -> Array:
        """`x` inside of the range."""
        return jnp.clip(x, *self.value_range)


class RandomBrightness(Coloring):
    """`x + b` times the range, `b` from `factor`: -1 makes black, 1 white; a number f is [-f, f]."""

    checks = {"factor": interval(-1, 1)}

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        (b,) = self.one(x, self.factor)
        return self.clipped(x + b * (self.value_range[1] - self.value_range[0]))


class RandomContrast(Coloring):
    """`(x - mean) * c + mean` per channel, `c` in [1 - lower, 1 + upper] for `factor=(lower, upper)`, or one for both.

    Differs: Keras 3 takes one number f as [1, 1 + f], against its documentation.
    """

    checks = {"factor": _SHARES}

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        (c,) = self.one(x, (1 - self.factor[0], 1 + self.factor[1]))
        mean = jnp.mean(x, axis=(1, 2), keepdims=True)
        return self.clipped((x - mean) * c + mean)


class RandomGrayscale(Coloring):
    """RGB pictures made grey with probability `factor`: 0.2989 red + 0.587 green + 0.114 blue in all channels."""

    checks = {"factor": fraction}

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **common: Any
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        _three(self, x)
        (u,) = self.one(x, (0, 1))
        return jnp.where(u < self.factor, _grey(x), x)


class RandomColorDegeneration(Coloring):
    """RGB pictures with fainter colours: `x + f * (grey - x)`, `f` from `factor`: 0 unchanged, 1 grey.

    A number f is [-f, f], and less than 0 makes colours stronger, as in Keras 3. Give two numbers from 0 to 1.
    """

    checks = {"factor": interval(-1, 1)}

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
        _three(self, x)
        (f,) = self.one(x, self.factor)
        return self.clipped(x + f * (_grey(x) - x))


class RandomInvert(Coloring):
    """The negative, `high - x`, with a probability that is itself drawn from `factor`; a number f is [0, f]."""

    checks = {"factor": interval(0, 1, lowest=0.0)}

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        u, probability = self.one(x, (0, 1), self.factor)
        return jnp.where(u < probability, self.value_range[1] - x, x)


class RandomSaturation(Coloring):
    """RGB pictures with their saturation times `f / (1 - f)`, `f` from `factor`: 0 grey, 0.5 unchanged, 1 full.

    A number f is [-f, f], and less than 0 is grey, as in Keras 3: half of the pictures. Give two numbers from 0 to 1.

    Differs: with values of 0 to 255 Keras 3 lets a saturation pass 1, so that colours become negative.
    """

    checks = {"factor": interval(-1, 1)}

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
        """The formula of the class; a saturation of 1 is the most."""
        _three(self, x)
        (f,) = self.one(x, self.factor)
        top, bottom = x.max(-1, keepdims=True), x.min(-1, keepdims=True)
        most = jnp.where(top > bottom, top / jnp.where(top > bottom, top - bottom, 1), 1)
        return top - (top - x) * jnp.clip(f / (1 - f + 1e-7), 0, most)


class RandomHue(Coloring):
    """RGB pictures with their hue turned by up to half of `factor` of the circle of colours, either way."""

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
        """The formula of the class, through hue, saturation and value."""
        _three(self, x)
        low, high = self.value_range
        f, side = (u[..., 0] for u in self.one(x, self.factor, (-1, 1)))
        hue, spread, value = _hue((x - low) / (high - low))
        place = jnp.mod(hue + jnp.sign(side) * f / 2, 1.0) * 6
        far = [jnp.abs(place - 3) - 1, 2 - jnp.abs(place - 2), 2 - jnp.abs(place - 4)]
        unit = jnp.stack([value - spread * (1 - jnp.clip(item, 0, 1)) for item in far], axis=-1)
        return (jnp.clip(unit, 0, 1) * (high - low) + low).astype(x.dtype)


class RandomColorJitter(Coloring):
    """Brightness, contrast, saturation and hue after one another, as their layers change them; None leaves one out.

    Args:
        value_range: of the values.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: see `RandomBrightness`, `RandomContrast`,
            `RandomSaturation` and `RandomHue`.
        seed: fixes the draws apart from the process's seed.
    """

    checks = {
        "brightness_factor": optional(interval(-1, 1)),
        "contrast_factor": optional(_SHARES),
        "saturation_factor": optional(interval(-1, 1)),
        "hue_factor": optional(interval(0, 1, lowest=0.0)),
    }

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: float | Sequence[float] | None = None,
        contrast_factor: float | Sequence[float] | None = None,
        saturation_factor: float | Sequence[float] | None = None,
        hue_factor: float | Sequence[float] | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        kinds: list[Any] = [RandomBrightness, RandomContrast, RandomSaturation, RandomHue]
        factors = [self.brightness_factor, self.contrast_factor, self.saturation_factor, self.hue_factor]
        self.steps = [
            kind(factor, self.value_range, seed=self.seed, name=kind.__name__)
            for kind, factor in zip(kinds, factors, strict=True)
            if factor is not None
        ]

    def change(self, x: Array) -> Array:
        """Step by step."""
        for step in self.steps:
            x = step.change(x)
        return x


def _grey(x: Array) -> Array:
    return jnp.sum(x * jnp.asarray([0.2989, 0.587, 0.114], x.dtype), axis=-1, keepdims=True)


def _three(layer: Coloring, x: Array) -> None:
    if x.shape[-1] != 3:
        raise invalid(type(layer).__name__, "input", "RGB pictures with 3 channels", tuple(x.shape))


def _hue(x: Array) -> tuple[Array, Array, Array]:
    """Hue in [0, 1), largest minus smallest, and largest of red, green, blue."""
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    top = x.max(-1)
    spread = top - x.min(-1)
    safe = jnp.where(spread > 0, spread, 1)
    sixth = jnp.where(top == r, (g - b) / safe, jnp.where(top == g, (b - r) / safe + 2, (r - g) / safe + 4))
    return jnp.where(spread > 0, jnp.mod(sixth / 6, 1.0), 0), spread, top
