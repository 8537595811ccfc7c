"""Layers that work on pictures as they come: scaling, resizing, cropping; part of the model and of its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import ops
from kerato.arguments import flag, number, one_of, positive_int, title
from kerato.errors import InvalidValue
from kerato.graph import Tensor
from kerato.layers.base import Array
from kerato.layers.space import Spatial
from kerato.variables import running


class Pictures(Spatial):
    """Base of layers that take a single picture, (height, width, channels), too when called outside of a network."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if running() is None and args and not isinstance(args[0], Tensor) and np.ndim(args[0]) == 3:
            return super().__call__(jnp.asarray(args[0])[None], *args[1:], **kwargs)[0]
        return super().__call__(*args, **kwargs)


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


class Resizing(Pictures):
    """Pictures of any size as pictures of one size: (batch, h, w, channels) -> (batch, height, width, channels).

    Args:
        height, width: of the result, in pixels.
        interpolation: `'bilinear'`, `'nearest'`, `'bicubic'`, `'lanczos3'` or `'lanczos5'`; centres of pixels at half
            coordinates.
        crop_to_aspect_ratio: whether to take the largest window in the middle that has the result's aspect ratio.
        pad_to_aspect_ratio: whether to widen the picture to that aspect ratio, evenly on both sides.
        fill_mode: `'constant'`.
        fill_value: of the pixels that padding adds.
        antialias: whether to smooth before making smaller.
    """

    checks = {
        "height": positive_int,
        "width": positive_int,
        "interpolation": one_of("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"),
        "crop_to_aspect_ratio": flag,
        "pad_to_aspect_ratio": flag,
        "fill_mode": one_of("constant"),
        "fill_value": number(),
        "antialias": flag,
    }

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise InvalidValue(f"{title(self)}: crop_to_aspect_ratio and pad_to_aspect_ratio cannot both be True.")

    def call(self, x: Array) -> Array:
        """The formula of the class; nothing where the size is right already. Whole numbers stay whole, as in Keras."""
        size, axes = (self.height, self.width), self.spatial_axes
        if all(x.shape[axis] == wanted for axis, wanted in zip(axes, size, strict=True)):
            return x
        given = ops.cast(x, self.compute_dtype)
        if self.pad_to_aspect_ratio:
            given = _padded(given, size, axes, self.fill_value)
        found = resized(given, size, axes, self.interpolation, self.antialias, self.crop_to_aspect_ratio)
        return found if jnp.issubdtype(x.dtype, jnp.floating) else jnp.round(found).astype(x.dtype)


class CenterCrop(Pictures):
    """The middle of pictures: (batch, h, w, channels) -> (batch, height, width, channels), as floats.

    Pictures smaller than that are cropped to its aspect ratio and resized.
    """

    checks = {"height": positive_int, "width": positive_int}

    def __init__(self, height: int, width: int, data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        size, axes = (self.height, self.width), self.spatial_axes
        given = ops.cast(x, self.compute_dtype)
        rooms = [x.shape[axis] - wanted for axis, wanted in zip(axes, size, strict=True)]
        if min(rooms) < 0:
            return resized(given, size, axes, crop=True)
        return _window(given, axes, [room // 2 for room in rooms], size)


def _window(x: Array, axes: Sequence[int], starts: Sequence[int], size: Sequence[int]) -> Array:
    key = [slice(None)] * x.ndim
    for axis, start, length in zip(axes, starts, size, strict=True):
        key[axis] = slice(start, start + length)
    return x[tuple(key)]


def _fitting(have: Sequence[int], want: Sequence[int]) -> tuple[int, int]:
    """The height for the given width, and the width for the given height, that have the wanted aspect ratio."""
    return int(have[1] * want[0] / want[1]), int(have[0] * want[1] / want[0])


def _padded(x: Array, size: Sequence[int], axes: Sequence[int], value: float) -> Array:
    have = [x.shape[axis] for axis in axes]
    border = [max(0, int((wanted - own) / 2)) for own, wanted in zip(have, _fitting(have, size), strict=True)]
    amounts = [(0, 0)] * x.ndim
    amounts[axes[0]] = (border[0], border[0])
    # One axis only is too short; as in Keras, the other is left alone.
    amounts[axes[1]] = (border[1], border[1]) if not border[0] else (0, 0)
    return jnp.pad(x, amounts, constant_values=value)


def resized(
    x: Array,
    size: Sequence[int],
    axes: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop: bool = False,
) -> Array:
    """Float pictures in another size along `axes`; with `crop`, their largest middle part of that aspect ratio."""
    if crop:
        have = [x.shape[axis] for axis in axes]
        whole = [max(min(own, fit), 1) for own, fit in zip(have, _fitting(have, size), strict=True)]
        x = _window(x, axes, [int((own - part) / 2) for own, part in zip(have, whole, strict=True)], whole)
    sizes = list(x.shape)
    sizes[axes[0]], sizes[axes[1]] = size
    method = {"bilinear": "linear", "bicubic": "cubic"}.get(interpolation, interpolation)
    return jax.image.resize(x, sizes, method, antialias=antialias)
