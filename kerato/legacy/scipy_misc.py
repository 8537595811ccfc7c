"""The pictures of `scipy.misc`, which SciPy gave up in 1.2 (reading, writing, resizing) and 1.12 (examples).

Arrays that are no bytes are stretched to 0..255 by their smallest and largest value, as they were then.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from scipy.special import comb, factorial, logsumexp

from kerato import image
from kerato.errors import invalid

__all__ = [
    "ascent", "bytescale", "comb", "electrocardiogram", "face", "factorial", "fromimage", "imread", "imresize",
    "imrotate", "imsave", "logsumexp", "toimage",
]  # fmt: skip

Picture = Any

_RESAMPLING = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "cubic": 3}


def bytescale(
    data: ArrayLike, cmin: float | None = None, cmax: float | None = None, high: float = 255, low: float = 0
) -> Picture:
    """`data` as uint8: cmin..cmax (its own range, if not given) becomes low..high; bytes stay as they are."""
    array = np.asarray(data)
    if array.dtype == np.uint8:
        return array
    if not 0 <= low <= high <= 255:
        raise invalid("bytescale", "low", f"from 0 to `high` {high}, which is at most 255", low)
    least = array.min() if cmin is None else cmin
    most = array.max() if cmax is None else cmax
    scale = float(high - low) / (float(most) - float(least) or 1.0)
    return (np.clip((array - least) * scale + low, low, high) + 0.5).astype(np.uint8)


def toimage(
    arr: ArrayLike,
    high: float = 255,
    low: float = 0,
    cmin: float | None = None,
    cmax: float | None = None,
    pal: Any = None,
    mode: str | None = None,
    channel_axis: int | None = None,
) -> Any:
    """An array (h, w), or one with 3 or 4 channels on any axis, as a picture of Pillow.

    Raises:
        InvalidValue: there are other axes.
    """
    array = np.asarray(arr)
    if array.ndim == 3:
        array = np.moveaxis(array, _channels(array.shape) if channel_axis is None else channel_axis, -1)
    elif array.ndim != 2:
        raise invalid("toimage", "arr", "of shape (h, w), or with an axis of 3 or 4 channels", array)
    if mode == "F":
        return Image.fromarray(array.astype(np.float32))
    made = Image.fromarray(bytescale(array, cmin, cmax, high, low))
    return made if mode in (None, made.mode) else made.convert(mode)


def _channels(shape: tuple[int, ...]) -> int:
    for count in (3, 4):
        if count in shape:
            return shape.index(count)
    raise invalid("toimage", "arr", "of shape (h, w), or with an axis of 3 or 4 channels", shape)


def fromimage(im: Any, flatten: bool = False, mode: str | None = None) -> Picture:
    """A picture of Pillow as an array; `flatten` gives grey floats."""
    wanted = im.convert(mode) if mode else im
    return np.array(wanted.convert("F") if flatten else wanted)


def imread(name: Any, flatten: bool = False, mode: str | None = None) -> Picture:
    """The picture of a file as an array, its channels as they are stored."""
    return fromimage(Image.fromarray(image.read(name, channels="stored")), flatten, mode)


def imsave(name: Any, arr: ArrayLike, format: str | None = None) -> None:
    """Write an array into a picture file, stretched to 0..255 unless it is bytes."""
    pixels = np.array(toimage(arr, channel_axis=2 if np.ndim(arr) == 3 else None))
    if hasattr(name, "write"):
        name.write(image.encode(pixels, f".{format or 'png'}"))
    else:
        image.write(Path(name), pixels)


def imresize(arr: ArrayLike, size: Any, interp: str = "bilinear", mode: str | None = None) -> Picture:
    """Resized: `size` is a percentage (int), a fraction (float) or (height, width); the result is uint8."""
    made = toimage(arr, mode=mode)
    if isinstance(size, (int, np.integer)):
        size = size / 100
    if isinstance(size, (float, np.floating)):
        wide, high = (int(size * side) for side in made.size)
    else:
        high, wide = (int(side) for side in tuple(size)[:2])
    return fromimage(made.resize((wide, high), resample=Image.Resampling(_RESAMPLING[interp])))


def imrotate(arr: ArrayLike, angle: float, interp: str = "bilinear") -> Picture:
    """Turned counter-clockwise by `angle` degrees around its centre, in the same size."""
    return fromimage(toimage(arr).rotate(angle, resample=Image.Resampling(_RESAMPLING[interp])))


def face(gray: bool = False) -> Picture:
    """The raccoon; SciPy downloads it."""
    return importlib.import_module("scipy.datasets").face(gray)


def ascent() -> Picture:
    """The staircase; SciPy downloads it."""
    return importlib.import_module("scipy.datasets").ascent()


def electrocardiogram() -> Picture:
    """The heartbeat; SciPy downloads it."""
    return importlib.import_module("scipy.datasets").electrocardiogram()
