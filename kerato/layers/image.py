"""Layers that work on pictures as they come: scaling and resizing, part of the model and of its file."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kerato import ops
from kerato.arguments import number, one_of, positive_int
from kerato.layers.base import Array
from kerato.layers.space import Spatial


class Rescaling(Spatial):
    """`x * scale + offset` in floats: `Rescaling(1 / 255)` takes pictures of 0..255 to 0..1."""

    checks = {"scale": number(), "offset": number()}
    supports_masking = True

    def __init__(self, scale: float, offset: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.input_rank = None

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.cast(x, self.compute_dtype) * self.scale + self.offset


class Resizing(Spatial):
    """Pictures of any size as pictures of one size: (batch, h, w, channels) -> (batch, height, width, channels).

    Args:
        height, width: of the result, in pixels.
        interpolation: `'bilinear'`, `'nearest'` or `'bicubic'`; centres of pixels at half coordinates.
        antialias: whether to smooth before making smaller.
    """

    checks = {"height": positive_int, "width": positive_int, "interpolation": one_of("bilinear", "nearest", "bicubic")}

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        antialias: bool = False,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class; nothing where the size is right already. Whole numbers stay whole, as in Keras."""
        sizes = list(x.shape)
        sizes[self.spatial_axes[0]], sizes[self.spatial_axes[1]] = self.height, self.width
        if tuple(sizes) == tuple(x.shape):
            return x
        method = {"bilinear": "linear", "bicubic": "cubic"}.get(self.interpolation, "nearest")
        resized = jax.image.resize(ops.cast(x, self.compute_dtype), sizes, method, antialias=self.antialias)
        return resized if jnp.issubdtype(x.dtype, jnp.floating) else jnp.round(resized).astype(x.dtype)
