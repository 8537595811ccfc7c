"""Small pictures for the page: pictures as data addresses, a network's filters, pictures as a network sees them."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kerato.image.files import encode

Array = NDArray[Any]

#: longer sides are shrunk to this
LONGEST: Final = 160
#: up to this side pictures are kept exactly, as PNG, and shown with hard pixels
EXACT: Final = 40
FILTERS: Final = 64


@dataclass(frozen=True)
class Thumbnail:
    """A picture as an address with everything in it; `small` ones are to be shown with hard pixels."""

    address: str
    width: int
    height: int
    small: bool


@dataclass(frozen=True)
class Filters:
    """The filters of a layer as pictures on one scale: grey is 0, black `-extent`, white `extent`."""

    layer: str
    total: int
    extent: float
    pictures: tuple[Thumbnail, ...]


def thumbnail(picture: Array) -> Thumbnail:
    """A picture, uint8 (height, width, 1 | 3), as PNG when it is tiny, else as JPEG of at most `LONGEST` a side."""
    height, width = picture.shape[:2]
    small = max(height, width) <= EXACT
    shrunk = picture if small else _shrunk(picture)
    data = encode(shrunk, ".png" if small else ".jpg", quality=85)
    kind = "png" if small else "jpeg"
    address = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Thumbnail(address, shrunk.shape[1], shrunk.shape[0], small)


def _shrunk(picture: Array) -> Array:
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    image.thumbnail((LONGEST, LONGEST))
    return np.asarray(image)


def filters(model: Any, picture_shape: tuple[int, int, int]) -> Filters | None:
    """The filters of the first layer that has weights; None where they cannot be shown as pictures.

    Filters over 1 or 3 channels can, and the columns of a Dense layer that looks at whole pictures.
    """
    layer = next((layer for layer in model.layers if getattr(layer, "trainable_variables", ())), None)
    kernel = None if layer is None else getattr(layer, "kernel", None)
    if kernel is None:
        return None
    values = np.asarray(kernel.numpy(), np.float64)
    if values.ndim == 2 and values.shape[0] == np.prod(picture_shape):
        values = values.reshape(*picture_shape, -1)
    if values.ndim != 4 or values.shape[2] not in (1, 3) or not np.isfinite(values).all():
        return None
    extent = float(np.abs(values).max()) or 1.0
    shown = np.rint(127.5 + 127.5 * values[..., :FILTERS] / extent).astype(np.uint8)
    pictures = tuple(thumbnail(shown[..., i]) for i in range(shown.shape[-1]))
    return Filters(str(getattr(layer, "name", "")), values.shape[-1], extent, pictures)


def as_seen(model: Any, pictures: Array) -> Array:
    """Pictures of 0..255 behind the layers that prepare them, as uint8; one scale for all, black to white."""
    height, width, channels = pictures.shape[1:]
    ends = np.stack([np.zeros((height, width, channels)), np.full((height, width, channels), 255.0)])
    low, high = (_prepared(model, end[None], False).mean() for end in ends.astype(np.float32))
    found = _prepared(model, pictures, True)
    return np.clip(np.rint((found - low) * (255.0 / ((high - low) or 1.0))), 0, 255).astype(np.uint8)


def _prepared(model: Any, x: Array, training: bool) -> Array:
    behind_input = itertools.dropwhile(lambda layer: type(layer).__name__ == "InputLayer", model.layers)
    for layer in itertools.takewhile(_prepares, behind_input):
        x = layer(x, training=training)
    return np.asarray(x, np.float64)


def _prepares(layer: Any) -> bool:
    return type(layer).__module__ == "kerato.layers.image"
