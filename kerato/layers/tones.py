"""Layers that change the tones of pictures on the device: histograms, thresholds, fewer levels."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato.arguments import Rule, integer, number, per_axis
from kerato.layers.augmentation import interval
from kerato.layers.base import Array
from kerato.layers.color import Coloring

#: tones of a picture of bytes
TONES = 256


def _bits(value: Any, _: Any) -> tuple[int, int]:
    first, second = sorted(value) if isinstance(value, (list, tuple)) else (value, value)
    low, high = (integer(1).convert(item, None) for item in (first, second))
    if high > 8:
        raise ValueError
    return low, high


class Solarization(Coloring):
    """`x + a` times the range; what is then not below `t` times the range becomes its negative, `low + high - x`.

    Args:
        addition_factor: where `a` is drawn from, two numbers from 0 to 1; a number f is [0, f].
        threshold_factor: where `t` is drawn from, the same.
        value_range: of the values.
        seed: fixes the draws apart from the process's seed.

    Differs: Keras 3 draws from the first number itself, not from its share of the range.
    """

    checks = {"addition_factor": interval(0, 1, lowest=0.0), "threshold_factor": interval(0, 1, lowest=0.0)}

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        low, high = self.value_range
        a, t = self.one(x, self.addition_factor, self.threshold_factor)
        x = self.clipped(x + a * (high - low))
        return jnp.where(x - low < t * (high - low), x, low + high - x)


class RandomPosterization(Coloring):
    """Fewer tones: of the 8 bits of each value, the highest few stay.

    Args:
        factor: the number of bits, 1 to 8; or two, low and high: any from low to high - 1.
        value_range: of the values.
        seed: fixes the draws apart from the process's seed.

    Differs: Keras 3 takes one number f as (1, f), against its documentation.
    """

    checks = {"factor": Rule("a number of bits, or two, from 1 to 8", _bits)}

    def __init__(
        self,
        factor: int | Sequence[int],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class, in whole tones of 0 to 255."""
        low, high = self.value_range
        (bits,) = self.uniform(len(x), self.factor)
        lost = 8 - jnp.floor(bits).astype(jnp.int32)[:, None, None, None]
        kept = _tones(x, self.value_range, TONES) >> lost << lost
        return (kept * ((high - low) / (TONES - 1)) + low).astype(x.dtype)


class AutoContrast(Coloring):
    """Each channel of a picture stretched over the whole `value_range`, also after training.

    `(x - min) / (max - min)` of the range; a channel of one value stays.

    Differs: with channels_first Keras 3 stretches columns instead of channels.
    """

    always = True

    def __init__(self, value_range: Sequence[float] = (0, 255), data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        low, high = self.value_range
        darkest, brightest = (f(x, axis=(1, 2), keepdims=True) for f in (jnp.min, jnp.max))
        flat = brightest == darkest
        share = (x - darkest) / jnp.where(flat, 1, brightest - darkest)
        return jnp.where(flat, x, share * (high - low) + low)


class Equalization(Coloring):
    """The histogram of each channel made as even as it can be: a tone becomes the share of pixels that are darker.

    Args:
        value_range: of the values.
        bins: of the histogram.

    Source: `equalizeHist` of OpenCV. Differs: Keras 3 counts one histogram for all pictures of a batch.
    """

    checks = {"bins": integer(2)}

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = TONES,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """`(darker or equal - lowest) / (all - lowest)`, in whole steps of 1 / 255; a channel of one tone stays."""
        low, high = self.value_range
        tones = jnp.moveaxis(_tones(x, self.value_range, self.bins), -1, 1)
        planes = tones.reshape(*tones.shape[:2], -1)
        below = jnp.cumsum(_histogram(planes, self.bins).astype(jnp.uint32), axis=-1)
        count = below[..., -1:]
        lowest = jnp.min(jnp.where(below > 0, below, count), axis=-1, keepdims=True)
        several = count > lowest
        table = _rounded((jnp.maximum(below, lowest) - lowest) * 255, jnp.where(several, count - lowest, 1))
        table = table * ((high - low) / 255) + low
        found = jnp.take_along_axis(table, planes, axis=-1).reshape(tones.shape)
        return jnp.where(jnp.moveaxis(several[..., None], 1, -1), jnp.moveaxis(found, 1, -1), x).astype(x.dtype)


class ContrastLimitedAdaptiveHistogramEqualization(Coloring):
    """CLAHE: equalization of each channel by the histograms of the tiles around a pixel, also after training.

    Args:
        value_range: of the values.
        clip_limit: how many times the mean a tone may be counted; what is above is spread over all tones. 0: no limit.
        tile_grid_size: rows and columns of tiles; the picture is mirrored at its lower and right border to fit.

    A pixel is read between the tables of the four tiles whose centres are nearest. Source: Zuiderveld 1994.
    Differs: Keras 3 cuts the results for pictures of whole numbers off to whole numbers.
    """

    checks = {"clip_limit": number(0), "tile_grid_size": per_axis()}
    always = True

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """In shares of the range."""
        low, high = self.value_range
        found = _by_tiles(_tones(x, self.value_range, TONES), self.tile_grid_size, self.clip_limit)
        return (found * (high - low) + low).astype(x.dtype)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _by_tiles(tones: Array, grid: tuple[int, int], limit: float) -> Array:
    """Each tone read from the tables of the four tiles around."""
    count, height, width, channels = tones.shape
    sides = [-(-size // parts) for size, parts in zip((height, width), grid, strict=True)]
    table = _tables(tones, sides, grid, limit)
    sample, channel = np.arange(count)[:, None, None, None], np.arange(channels)
    found: Any = 0
    rows, columns = (_between(*of) for of in zip((height, width), sides, grid, strict=True))
    for i, of_row in rows:
        for j, of_column in columns:
            share = of_row[:, None, None] * of_column[:, None]
            found += share * table[sample, i[:, None, None], j[:, None], channel, tones]
    return found


def _tables(tones: Array, sides: Sequence[int], grid: tuple[int, int], limit: float) -> Array:
    """Tone -> share of the range, (batch, rows, columns, channels, 256) for the tiles of a picture."""
    (down, across), (tall, wide) = grid, sides
    count, height, width, channels = tones.shape
    border = ((0, 0), (0, down * tall - height), (0, across * wide - width), (0, 0))
    tiles = jnp.pad(tones, border, mode="symmetric").reshape(count, down, tall, across, wide, channels)
    counts = _histogram(tiles.transpose(0, 1, 3, 5, 2, 4).reshape(count, down, across, channels, -1), TONES)
    if limit:
        kept = jnp.minimum(counts, limit * tall * wide / TONES)
        counts = kept + jnp.sum(counts - kept, axis=-1, keepdims=True) / TONES
    below = jnp.cumsum(counts, axis=-1)
    rest = tall * wide - below[..., :1]
    return jnp.clip((below - below[..., :1]) / jnp.where(rest == 0, 1, rest), 0, 1)


def _tones(x: Array, value_range: Sequence[float], count: int) -> Array:
    """Whole numbers from 0 to `count - 1` for values in a range; 3 / 255, which floats miss by a hair, is tone 3."""
    low, high = value_range
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return jnp.clip(jnp.floor((wide - low) * ((count - 1) / (high - low)) + 1e-3), 0, count - 1).astype(jnp.int32)


def _histogram(tones: Array, count: int) -> Array:
    """(..., pixels) -> (..., count): how often each tone is there, as floats."""
    flat = tones.reshape(-1, tones.shape[-1])
    found = jax.vmap(lambda one: jnp.zeros(count).at[one].add(1, mode="promise_in_bounds"))(flat)
    return found.reshape(*tones.shape[:-1], count)


def _rounded(a: Array, b: Array) -> Array:
    """The whole numbers nearest to `a / b`, even ones between two. A quotient of floats may miss a half by a hair."""
    whole, rest = a // b, a % b
    return (whole + ((2 * rest > b) | ((2 * rest == b) & (whole % 2 == 1)))).astype(jnp.float32)


def _between(size: int, side: int, parts: int) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """For each place along an axis the two tiles whose centres it is between, each with its weight."""
    place = (np.arange(size) - side / 2) / side
    before = np.floor(place)
    nearest = [np.clip(tile, 0, parts - 1).astype(int) for tile in (before, before + 1)]
    return [(nearest[0], before + 1 - place), (nearest[1], place - before)]
