"""Geometric augmentation beyond affine maps, in the same resampling pass: perspective, and elastic deformation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerato import random
from kerato.arguments import fraction
from kerato.kernels import resample
from kerato.layers.augmentation import Geometric, interval
from kerato.layers.base import Array
from kerato.layers.color import Coloring


class RandomPerspective(Geometric):
    """Pictures seen from the side, with a probability that is itself drawn from `factor`.

    Args:
        factor: two numbers from 0 to 1; a number f is [0, f].
        scale: how far corners move, 0 to 1: both coordinates of each are multiplied by numbers from `1 - scale / 2` to
            `1 + scale / 2`, so the upper left one stays.
        interpolation, fill_value: see `Geometric`; what is outside of the picture is `fill_value`.
        seed: fixes the draws apart from the process's seed.
    """

    checks = {"factor": interval(0, 1, lowest=0.0), "scale": fraction}
    fill_mode = "constant"

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """The homography that takes (0, 0), (0, a w), (b h, 0) and (d h, c w) to the corners of the picture."""
        u, probability = self.uniform(count, (0, 1), self.factor)
        a, b, c, d = self.uniform(count, *[(1 - self.scale / 2, 1 + self.scale / 2)] * 4)
        down, across = (c / a - 1) / d, (d / b - 1) / c
        none = jnp.zeros(count)
        rows = [(1 / b + down, none, none), (none, 1 / a + across, none)]
        rows += [(down / max(height - 1, 1), across / max(width - 1, 1), none + 1)]
        seen = jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=1)
        return jnp.where((u < probability)[:, None, None], seen, jnp.eye(3))


class RandomElasticTransform(Geometric, Coloring):
    """Pictures deformed as if drawn on rubber, with a probability that is itself drawn from `factor`.

    Pixels are read from places moved by smoothed noise: normal numbers times sigma, smoothed by a Gaussian of sigma,
    times `0.1 * s` of the larger side, where sigma is `0.05 * s` of the smaller side and `s` is drawn from `scale`.

    Args:
        factor: two numbers from 0 to 1; a number f is [0, f].
        scale: the same.
        interpolation, fill_mode, fill_value: see `Geometric`.
        value_range: of the values.
        seed: fixes the draws apart from the process's seed.

    Source: Simard et al. 2003. Differs: Keras 3 draws one `s` for all pictures of a batch, and cannot compile this.
    """

    checks = {"factor": interval(0, 1, lowest=0.0), "scale": interval(0, 1, lowest=0.0)}
    composed = False
    beside = ("labels",)

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """Nothing but the shifts."""
        return jnp.broadcast_to(jnp.eye(3), (count, 3, 3))

    def moved(self, picture: Array, source: Array, own: Array, matrix: Array) -> Array:
        """The pixels at the moved places, read from where the layers before read them."""
        shift = self.shift(*picture.shape[:3])
        found = resample(source, matrix, self.interpolation, self.fill_mode, self.fill_value, shift)
        return self.clipped(found)

    def shift(self, count: int, height: int, width: int) -> Array:
        """(count, height, width, 2): rows and columns by which places move."""
        u, probability, s = self.uniform(count, (0, 1), self.factor, self.scale)
        sigma = jnp.maximum(0.05 * min(height, width) * s, 1e-6)
        noise = random.normal_from(self.fresh_key(), (2, count, height, width)) * sigma[:, None, None]
        down, across = (_smoothing(size, sigma) for size in (height, width))
        exact = jax.lax.Precision.HIGHEST
        smooth = jnp.einsum("nij,knjl,nml->knim", down, noise, across, precision=exact)
        reach = jnp.where(u < probability, 0.1 * max(height, width) * s, 0)
        return jnp.moveaxis(reach[:, None, None] * smooth, 0, -1)


def _smoothing(size: int, sigma: Array) -> Array:
    """(count, size, size): Gaussian weights of the places along an axis, up to three deviations; nothing outside."""
    apart = jnp.abs(jnp.arange(size)[:, None] - jnp.arange(size))
    width = sigma[:, None, None]
    near = jnp.floor(6 * width) / 2 >= apart
    weights = jnp.where(near, jnp.exp(-0.5 * (apart / width) ** 2), 0)
    tail = weights[:, 0]  # from the first place on, one side of the bell
    return weights / (2 * jnp.sum(tail, axis=-1) - 1)[:, None, None]
