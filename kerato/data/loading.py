"""Picture files to arrays and back, as Keras's helpers do it: `load_img`, `img_to_array`, `array_to_img`.

What a picture file holds is decided by `kerato.image.read`. Ordinary 8-bit files take a shorter way to the same
pixels: they are resized before they become an array. JPEG files are always decoded in full: decoding them at 1/2 to
1/8 before a filter changed single pixels of photographs by up to 60 grey levels.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from kerato import config, errors

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[Any]
Path = str | os.PathLike[str]

COLOR_MODES: Final[dict[str, tuple[str, str, int]]] = {
    "rgb": ("RGB", "rgb", 3),
    "grayscale": ("L", "grey", 1),
    "rgba": ("RGBA", "rgba", 4),
}
"""Keras's name of a colour mode -> Pillow's mode, the name that `kerato.image.read` uses, channels."""

INTERPOLATIONS: Final = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")


def load_img(
    path: Path,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    *,
    grayscale: bool = False,
) -> Image:
    """The picture in a file as a Pillow image, upright, resized to `target_size` (height, width) if that is given.

    `nearest` picks single pixels, as Keras does; the other filters average over what they shrink, which keeps thin
    lines whole. `keep_aspect_ratio` cuts the largest centred part of the wanted shape out first.

    Raises:
        UnknownName: `color_mode` or `interpolation` is not known.
        BadFile: the file is missing, damaged or no picture.

    Source: book 7.1. Differs: Keras leaves pictures lying on their side when their EXIF data says how they were held.
    """
    mode = check_color_mode("load_img", "grayscale" if grayscale else color_mode)
    check_interpolation("load_img", interpolation)
    wanted = None if target_size is None else (int(target_size[0]), int(target_size[1]))
    picture = _ordinary(path, mode) or _any_kind(path, mode)
    return picture if wanted is None else resized(picture, wanted, interpolation, keep_aspect_ratio)


def _ordinary(path: Path, mode: str) -> Image | None:
    """The picture when it is 8-bit grey or RGB without transparency; None leaves it to `kerato.image.read`."""
    from PIL import Image

    from kerato.image.files import LIMIT_PIXELS

    try:
        with Image.open(path, formats=("JPEG", "PNG", "BMP")) as picture:
            width, height = picture.size
            if picture.mode not in ("RGB", "L") or "transparency" in picture.info or width * height > LIMIT_PIXELS:
                return None
            picture.load()
            upright, wanted = _upright(picture), COLOR_MODES[mode][0]
            return upright if upright.mode == wanted else upright.convert(wanted)
    # Whatever a decoder raises, `read` finds the same fault and says it with the file's name.
    except Exception:
        return None


def _upright(picture: Image) -> Image:
    if "exif" not in picture.info:
        return picture
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _any_kind(path: Path, mode: str) -> Image:
    from PIL import Image

    from kerato.image.files import read

    channels: Any = COLOR_MODES[mode][1]
    return Image.fromarray(read(path, channels))


def resized(picture: Image, size: tuple[int, int], interpolation: str, keep_aspect_ratio: bool = False) -> Image:
    """`picture` at `size` (height, width), resampled by a filter of `INTERPOLATIONS`."""
    from PIL.Image import Resampling

    height, width = size
    if picture.size == (width, height):
        return picture
    box = _centred_box(picture.size, (width, height)) if keep_aspect_ratio else None
    return picture.resize((width, height), Resampling[interpolation.upper()], box=box)


def _centred_box(have: tuple[int, int], want: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the largest centred part of `have` with the shape of `want`, both (w, h)."""
    width = min(have[0], have[1] * want[0] // want[1])
    height = min(have[1], have[0] * want[1] // want[0])
    left, top = (have[0] - width) // 2, (have[1] - height) // 2
    return left, top, left + width, top + height


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> Array:
    """A Pillow image as an array (height, width, channels), or (channels, height, width) for `channels_first`.

    Values stay as they are, 0..255 for ordinary pictures; `dtype` is K.floatx() unless given. A picture without
    channels, or an array (height, width), gets one.

    Raises:
        UnknownName: `data_format` is not known.
        InvalidValue: `img` has neither two nor three dimensions.
    """
    first = check_data_format("img_to_array", data_format) == "channels_first"
    x = np.asarray(img, dtype=dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise errors.invalid("img_to_array", "img", "a picture of two or three dimensions", x)
    if x.ndim == 2:
        x = x[..., None]
    # Pillow lends its memory read-only where no conversion was needed.
    return np.array(x.transpose(2, 0, 1) if first else x)


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Image:
    """An array of rank 3 with 1, 3 or 4 channels as a Pillow image (L, RGB or RGBA, 8 bits).

    With `scale` the smallest value becomes 0 and the largest 255; without, values are cut to 0..255 and rounded down.
    `dtype` is the one to compute in, K.floatx() unless given.

    Raises:
        UnknownName: `data_format` is not known.
        InvalidValue: `x` has another rank or another number of channels.
    """
    from PIL import Image

    first = check_data_format("array_to_img", data_format) == "channels_first"
    picture = np.asarray(x, dtype=dtype or config.floatx())
    if picture.ndim != 3:
        raise errors.invalid("array_to_img", "x", "an array of rank 3", picture)
    if first:
        picture = picture.transpose(1, 2, 0)
    if picture.shape[2] not in (1, 3, 4):
        raise errors.invalid("array_to_img", "x", "a picture with 1, 3 or 4 channels", picture)
    if scale:
        picture = picture - picture.min()
        picture = picture * (255 / (picture.max() or 1))
    # A hair above each value: 254.99998 is 255 that went through float32.
    pixels = np.clip(picture + 1e-3, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def check_data_format(owner: str, data_format: str | None) -> str:
    """`data_format`, or the configured one when it is None.

    Raises:
        UnknownName: it is neither `channels_last` nor `channels_first`.
    """
    chosen = data_format or config.image_data_format()
    if chosen not in config.DATA_FORMATS:
        raise errors.unknown(owner, "data_format", chosen, config.DATA_FORMATS)
    return chosen


def check_color_mode(owner: str, color_mode: str) -> str:
    """`color_mode` when it is a key of `COLOR_MODES`.

    Raises:
        UnknownName: it is not.
    """
    if color_mode not in COLOR_MODES:
        raise errors.unknown(owner, "color_mode", color_mode, COLOR_MODES)
    return color_mode


def check_interpolation(owner: str, interpolation: str) -> str:
    """`interpolation` when it is one of `INTERPOLATIONS`.

    Raises:
        UnknownName: it is not.
    """
    if interpolation not in INTERPOLATIONS:
        raise errors.unknown(owner, "interpolation", interpolation, INTERPOLATIONS)
    return interpolation
