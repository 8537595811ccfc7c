"""What a picture and a mask are, everywhere in `kerato.image`, and the checks that say so.

A picture is an array (height, width) or (height, width, channels) with 1, 3 (RGB) or 4 (RGBA) channels; a mask
is an array (height, width) in which everything that is not 0 is inside. Numbers per axis are (rows, columns) and
sizes (height, width), as arrays have them; points are (x, y) and boxes (x, y, width, height), as OpenCV has them.
Nothing here reads files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import InvalidValue, invalid, require, unknown

Picture: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]
Points: TypeAlias = NDArray[Any]
#: one number for both axes, or (rows, columns)
Size: TypeAlias = int | tuple[int, int]
Scale: TypeAlias = float | tuple[float, float]
Colour: TypeAlias = tuple[int, int, int]
#: what is assumed beyond the border: d c b a|a b c d|d c b a, k k|a b c d|k k, a a|a b c d|d d, d c b|a b c d|c b a,
#: a b c d|a b c d|a b c d
Border: TypeAlias = Literal["reflect", "constant", "nearest", "mirror", "wrap"]

BORDERS = ("reflect", "constant", "nearest", "mirror", "wrap")
#: luma of ITU-R BT.601 in 15 bits, as OpenCV computes it
LUMA = np.array([9798, 19235, 3735])


def opencv() -> Any:
    """The module cv2, imported at its first use. Raises: MissingExtra when OpenCV is not installed."""
    return require("cv2", "image", "this function of kerato.image")


def ndimage() -> Any:
    """The module scipy.ndimage, imported at its first use. Raises: MissingExtra when SciPy is not installed."""
    return require("scipy.ndimage", "image", "this function of kerato.image")


def checked(owner: str, picture: ArrayLike) -> Picture:
    """`picture` as an array (h, w) or (h, w, 1 | 3 | 4) of booleans, integers or float32/float64.

    Raises:
        InvalidValue: another shape, an empty picture, or a dtype that pictures do not have.
    """
    array = np.asarray(picture)
    if array.dtype.kind not in "buif" or array.dtype.itemsize > 8 or array.dtype == np.float16:
        raise invalid(owner, "picture", "an array of booleans, integers, float32 or float64", array)
    if array.ndim == 4:
        raise invalid(owner, "picture", "one picture (h, w) or (h, w, channels)", array, "Hand over one at a time.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or array.size == 0:
        raise invalid(owner, "picture", "an array (h, w) or (h, w, channels) with 1, 3 or 4 channels, not empty", array)
    return array


def checked_mask(owner: str, mask: ArrayLike, like: Picture | None = None, name: str = "mask") -> Mask:
    """`mask` as booleans (h, w): True where it is not 0.

    like: a picture whose height and width the mask must have.
    Raises: InvalidValue for a mask that is not two-dimensional or not of the picture's size.
    """
    array = np.asarray(mask)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "buif":
        remedy = "threshold(picture) makes a mask of a picture." if array.ndim == 3 else ""
        raise invalid(owner, name, "a mask (h, w) of booleans or numbers, not empty", array, remedy)
    if like is not None and array.shape != like.shape[:2]:
        raise invalid(owner, name, f"of the picture's height and width {like.shape[:2]}", array)
    return array if array.dtype == np.bool_ else array != 0


def checked_uint8(owner: str, picture: ArrayLike) -> NDArray[np.uint8]:
    """`picture` as uint8 (booleans become 0 and 255). Raises: InvalidValue for other dtypes."""
    array = checked(owner, picture)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype != np.uint8:
        raise invalid(owner, "picture", "of dtype uint8", array, "to_uint8(picture) makes it so.")
    return array


def at_least(owner: str, name: str, value: float, low: float) -> Any:
    """`value` if it is a finite number >= low. Raises: InvalidValue otherwise."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not low <= value < np.inf:
        raise invalid(owner, name, f"a number >= {low:g}", value)
    return value


def whole(owner: str, name: str, value: int, low: int = 1, odd: bool = False) -> int:
    """`value` as an int >= low, odd if asked. Raises: InvalidValue otherwise."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < low or (odd and value % 2 == 0):
        raise invalid(owner, name, f"an {'odd ' if odd else ''}int >= {low}", value)
    return int(value)


def pair(owner: str, name: str, value: Any, low: float = 0, integer: bool = False) -> tuple[Any, Any]:
    """One number or (rows, columns) as a pair of finite numbers >= low. Raises: InvalidValue otherwise."""
    both = tuple(value) if isinstance(value, tuple | list | np.ndarray) else (value, value)
    kinds: Any = (int, np.integer) if integer else (int, float, np.integer, np.floating)
    if len(both) != 2 or not all(isinstance(n, kinds) and not isinstance(n, bool) and low <= n < np.inf for n in both):
        rule = f"one {'int' if integer else 'number'} or (rows, columns)"
        raise invalid(owner, name, rule if low == -np.inf else f"{rule}, each >= {low:g}", value)
    return both


def one_of(owner: str, kind: str, value: Any, known: Iterable[Any]) -> Any:
    """`value` if it is one of `known`. Raises: UnknownName with the nearest known name otherwise."""
    if value not in (listed := tuple(known)):
        raise unknown(owner, kind, value, listed)
    return value


def border(owner: str, mode: str, cval: float) -> dict[str, Any]:
    """SciPy's arguments for what lies beyond the border. Raises: UnknownName for an unknown mode."""
    return {"mode": one_of(owner, "the border mode", mode, BORDERS), "cval": cval}


def each_channel(picture: Picture, operation: Callable[[Picture], Picture]) -> Picture:
    """`operation`, which takes (h, w), on every channel of `picture` by itself: (h, w[, c]) -> (h', w'[, c])."""
    if picture.ndim == 2:
        return operation(picture)
    return np.stack([operation(picture[..., channel]) for channel in range(picture.shape[2])], axis=-1)


def signed(picture: Picture) -> Picture:
    """`picture` in a dtype that holds negative results: float32 and float64 as they are, all others as float64."""
    return picture if picture.dtype.kind == "f" else picture.astype(np.float64)


def like(result: Picture, picture: Picture) -> Picture:
    """`result` in the dtype of `picture`: rounded and clipped to its range if that is an integer or boolean one."""
    if picture.dtype.kind == "f":
        return result.astype(picture.dtype)
    if picture.dtype == np.bool_:
        return result >= 0.5
    limits = np.iinfo(picture.dtype)
    return np.clip(np.rint(result), limits.min, limits.max).astype(picture.dtype)


def to_uint8(picture: ArrayLike, low: float | None = None, high: float | None = None) -> NDArray[np.uint8]:
    """`picture` as uint8 0..255, same shape.

    Booleans become 0 and 255, uint8 stays, uint16 gives its high byte; every other dtype, and any dtype when
    `low` or `high` is given, is stretched linearly and clipped.

    low: value that becomes 0; by default the smallest of the picture.
    high: value that becomes 255; by default the largest of the picture.

    Raises:
        InvalidValue: the picture is none, has values that are not finite, or low > high.
    """
    array = checked("to_uint8", picture)
    if low is None and high is None and array.dtype in (np.bool_, np.uint8, np.uint16):
        return (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else checked_uint8("to_uint8", array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidValue("to_uint8: `picture` must have finite values. Got NaN or infinity. Use np.nan_to_num first.")
    bottom = float(array.min()) if low is None else low
    top = float(array.max()) if high is None else high
    if bottom > top:
        raise invalid("to_uint8", "low", f"<= high ({top:g})", bottom)
    scaled = (array.astype(np.float64) - bottom) * (255.0 / (top - bottom) if top > bottom else 0.0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def to_float(picture: ArrayLike) -> NDArray[np.float32]:
    """`picture` as float32: uint8 and uint16 become 0..1, booleans 0 and 1, other dtypes keep their values.

    Raises: InvalidValue when `picture` is none.
    """
    array = checked("to_float", picture)
    peak = np.float32(np.iinfo(array.dtype).max if array.dtype in (np.uint8, np.uint16) else 1)
    return array.astype(np.float32) / peak


def to_grey(picture: ArrayLike) -> Picture:
    """Grey by luma, 0.299 R + 0.587 G + 0.114 B: (h, w[, c]) -> (h, w) of the same dtype; a fourth channel is ignored.

    Raises: InvalidValue when `picture` is none.
    Source: ITU-R BT.601; for uint8 equal to cv2.cvtColor(picture, COLOR_RGB2GRAY).
    """
    array = checked("to_grey", picture)
    if array.ndim == 2 or array.shape[2] == 1:
        return array.reshape(array.shape[:2])
    if array.dtype in (np.uint8, np.uint16):
        weights = LUMA.astype(np.uint32)
        red, green, blue = (array[..., channel] * weights[channel] for channel in range(3))
        return np.asarray((red + green + blue + np.uint32(1 << 14)) >> 15).astype(array.dtype)
    return like(signed(array)[..., :3] @ np.array([0.299, 0.587, 0.114]), array)


def to_rgb(picture: ArrayLike) -> NDArray[np.uint8]:
    """`picture` as it is shown: uint8 RGB (h, w, 3). Grey is repeated, a fourth channel is laid over white.

    Other dtypes as `to_uint8` does it. Raises: InvalidValue when `picture` is none.
    """
    array = to_uint8(picture)
    if array.ndim == 2 or array.shape[2] == 1:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return over_white(array) if array.shape[2] == 4 else array


def over_white(picture: Picture) -> Picture:
    """RGBA (h, w, 4), uint8 or uint16, laid over white: RGB (h, w, 3) of the same dtype."""
    peak = np.uint64(np.iinfo(picture.dtype).max)
    alpha = picture[..., 3:].astype(np.uint64)
    mixed = picture[..., :3] * alpha + peak * (peak - alpha)
    return ((mixed + peak // np.uint64(2)) // peak).astype(picture.dtype)


def convert_colour(picture: ArrayLike, to: str = "hsv", source: str = "rgb") -> Picture:
    """The picture in another colour space: (h, w[, c]) -> (h, w[, c']), dtype kept (uint8, uint16 or float32).

    In uint8, hue is 0..179 and everything else 0..255; float32 pictures are 0..1 on the RGB side.

    to: colour space of the result (rgb, bgr, grey, rgba, hsv, hls, lab, luv, ycrcb, xyz, yuv).
    source: colour space of `picture`; most ways go from or to rgb or bgr.

    Raises:
        UnknownName: a colour space that does not exist.
        InvalidValue: the channels or the dtype do not fit, or there is no direct way.
    Source: book 1.5; cv2.cvtColor.
    """
    array, cv2 = checked("convert_colour", picture), opencv()
    spaces = {"rgb": 3, "bgr": 3, "grey": 2, "rgba": 4} | dict.fromkeys(("hsv", "hls", "lab", "luv", "ycrcb"), 3)
    spaces |= {"xyz": 3, "yuv": 3}
    names = [one_of("convert_colour", "the colour space", name, spaces) for name in (source, to)]
    if (array.ndim if array.ndim == 2 else array.shape[2]) != spaces[source]:
        raise invalid("convert_colour", "picture", f"of the shape that {source} has", array)
    if source == to:
        return array.copy()
    code = "COLOR_{}2{}".format(
        *({"grey": "GRAY", "ycrcb": "YCrCb", "lab": "Lab", "luv": "Luv"}.get(n, n.upper()) for n in names)
    )
    if not hasattr(cv2, code):
        raise invalid("convert_colour", "source", f"rgb when `to` is {to}", source, "Go by way of rgb.")
    try:
        return np.asarray(cv2.cvtColor(array, getattr(cv2, code)))
    except cv2.error:
        rule = "of a dtype that this conversion knows (uint8, mostly uint16 and float32 too)"
        raise invalid("convert_colour", "picture", rule, array) from None
