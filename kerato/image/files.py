"""Reading and writing pictures: bytes in, RGB arrays out, and back. For everything that needs pictures.

Needs only Pillow and NumPy (RGB pictures of 16 bits need OpenCV too). What a file is is told by how it begins, not
by its name, and only the decoders of the table `KINDS` can be reached. Whatever is wrong with a file becomes one
`BadFile` that names it.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import stat
import uuid
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from kerato.errors import BadFile, invalid, require, suggest
from kerato.image.arrays import Picture, checked, one_of, over_white, to_grey, whole

Channels: TypeAlias = Literal["rgb", "grey", "rgba", "stored"]
Depth: TypeAlias = Literal[8, 16] | None

#: more pixels than this are refused before they are decoded (100 megapixels decode to 300 MB)
LIMIT_PIXELS = 100_000_000
#: larger files are refused before they are read
LIMIT_BYTES = 512 * 2**20

#: how a file begins -> Pillow's module and class
KINDS = {
    rb"\xff\xd8\xff": ("JpegImagePlugin", "JpegImageFile"),
    rb"\x89PNG\r\n\x1a\n": ("PngImagePlugin", "PngImageFile"),
    rb"BM": ("BmpImagePlugin", "BmpImageFile"),
    rb"II[*+]\0|MM\0[*+]": ("TiffImagePlugin", "TiffImageFile"),
    rb"RIFF....WEBP": ("WebPImagePlugin", "WebPImageFile"),
    rb"GIF8[79]a": ("GifImagePlugin", "GifImageFile"),
    rb"P[1-6][\s#]": ("PpmImagePlugin", "PpmImageFile"),
}
#: how other files begin that are often found under a picture's name -> what to call them
STRANGERS = {
    rb"%PDF": "a PDF document",
    rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf": "an archive",
    rb"(?s:\s*(<!DOCTYPE html|<html|<head))": "a web page",
    rb"(?s:\s*(<\?xml|<svg))": "XML or SVG text",
    rb"(?s:....ftyp(heic|heix|mif1|msf1|hevc))": "a HEIC picture, which Kerato does not read",
    rb"(?s:....ftypavi)": "an AVIF picture, which Kerato does not read",
    rb"(?s:....ftyp|\x1aE\xdf\xa3|RIFF....AVI )": "a film",
    rb"[\t\n\r\x20-\x7e]+\Z": "text",
}
#: file name suffix -> (Pillow's name of the format, may hold 16 bits, may hold a fourth channel)
FORMATS = {
    ".png": ("PNG", True, True),
    ".jpg": ("JPEG", False, False),
    ".jpeg": ("JPEG", False, False),
    ".bmp": ("BMP", False, False),
    ".tif": ("TIFF", True, True),
    ".tiff": ("TIFF", True, True),
    ".webp": ("WEBP", False, True),
    ".gif": ("GIF", False, False),
    ".pgm": ("PPM", True, False),
    ".ppm": ("PPM", True, False),
}
READABLE = "JPEG, PNG, BMP, TIFF, WebP, GIF, PGM and PPM are read"


def read(
    path: str | os.PathLike[str],
    channels: Channels = "rgb",
    depth: Depth = 8,
    *,
    limit_pixels: int = LIMIT_PIXELS,
    limit_bytes: int = LIMIT_BYTES,
) -> Picture:
    """The picture in a file (JPEG, PNG, BMP, TIFF, WebP, GIF, PGM, PPM): by default uint8 RGB (h, w, 3), 0..255.

    It is turned upright as its EXIF data says. Palette, CMYK and bilevel pictures become RGB or grey; of several
    frames the first is read; colour profiles are not applied.

    channels: rgb (h, w, 3), with transparency laid over white; grey (h, w), the luma; rgba (h, w, 4), opaque when
        the file has no transparency; stored: whichever of these three the file has.
    depth: 8 for uint8 (of deeper files the high byte), 16 for uint16 0..65535, None for what the file has, which
        for TIFF can be int32 or float32 too.
    limit_pixels: pictures with more pixels are refused before they are decoded.
    limit_bytes: larger files are refused before they are read.

    Raises:
        BadFile: the file is missing, empty, too large, damaged, cut short, or no picture.
    Source: book 1.5 and 7.2.
    """
    return decode(_contents(Path(path), limit_bytes), channels, depth, name=os.fspath(path), limit_pixels=limit_pixels)


def decode(
    data: bytes,
    channels: Channels = "rgb",
    depth: Depth = 8,
    *,
    name: str = "<bytes>",
    limit_pixels: int = LIMIT_PIXELS,
) -> Picture:
    """The picture in the bytes of a file, as `read` gives it.

    name: what messages call the data.

    Raises:
        BadFile: the data is empty, damaged, too large or no picture.
    """
    one_of("read", "channels", channels, ("rgb", "grey", "rgba", "stored"))
    if depth not in (8, 16, None):
        raise invalid("read", "depth", "8, 16 or None", depth)
    if not data:
        raise _bad(name, "it is empty")
    try:
        picture = _pixels(data, name, depth, limit_pixels)
    # A decoder fed with foreign bytes can raise anything; whatever it is, the file is what is wrong.
    except (BadFile, ImportError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise _bad(name, f"it is damaged or cut short ({reason})") from None
    return _with_channels(_with_depth(picture, depth, name), channels)


def _contents(path: Path, limit_bytes: int) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _bad(str(path), "it is a folder (name the files in it)")
        # Reading a pipe or a device may never end.
        if not stat.S_ISREG(status.st_mode):
            raise _bad(str(path), "it is no ordinary file")
        if status.st_size > limit_bytes:
            raise _bad(str(path), f"it has {status.st_size:,} bytes, and the limit is {limit_bytes:,}")
        return path.read_bytes()
    except BadFile:
        raise
    except (OSError, ValueError) as error:
        raise _bad(str(path), (getattr(error, "strerror", None) or str(error)).lower()) from None


def _bad(name: str, reason: str) -> BadFile:
    return BadFile(f"read: {name} cannot be read as a picture: {reason}.")


def _pixels(data: bytes, name: str, depth: Depth, limit_pixels: int) -> Picture:
    """The picture as stored, upright: (h, w) uint8, uint16, int32 or float32, or (h, w, 3 | 4) uint8 or uint16."""
    with _plugin(data, name)(io.BytesIO(data)) as image:
        width, height = image.size
        if width * height > limit_pixels:
            size = f"it has {width:,} x {height:,} pixels"
            raise _bad(name, f"{size}, and the limit is {limit_pixels:,} (a larger `limit_pixels` admits it)")
        image.load()
        deep = depth != 8 and image.mode in ("RGB", "RGBA", "LA") and _peak(image, data) > 255
        return _upright(_deep_colours(data, _peak(image, data)) if deep else _stored(image), _orientation(image))


def _plugin(data: bytes, name: str) -> Any:
    for beginning, (module, kind) in KINDS.items():
        if re.match(beginning, data[:16], re.DOTALL):
            return getattr(importlib.import_module(f"PIL.{module}"), kind)
    stranger = next((what for how, what in STRANGERS.items() if re.match(how, data[:512])), "of an unknown kind")
    raise _bad(name, f"it is {stranger} ({READABLE})")


def _peak(image: Any, data: bytes) -> int:
    """The largest value that a channel of this file can have, as far as it matters (above or below 256)."""
    if image.format == "PNG":
        return int((1 << data[24]) - 1)
    if image.format == "TIFF":
        return int((1 << max(image.tag_v2.get(258, (8,)))) - 1)
    if image.format == "PPM":
        return int(re.sub(rb"#[^\r\n]*", b"", data[:1024]).split()[3])
    return 255


def _deep_colours(data: bytes, peak: int) -> Picture:
    """RGB or RGBA of 16 bits, which Pillow does not have."""
    cv2 = require("cv2", "image", "reading RGB pictures of 16 bits")
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    picture = np.concatenate([stored[..., 2::-1], stored[..., 3:]], axis=2)
    return picture if peak == 65535 else np.rint(picture * (65535 / peak)).astype(np.uint16)


def _stored(image: Any) -> Picture:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F"):
        return np.asarray(image)
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _orientation(image: Any) -> int:
    """EXIF's number 1..8 for how the camera was held; 1 when there is none or its block is damaged."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # the pixels are good, and they are what was asked for
        return 1


def _upright(picture: Picture, orientation: int) -> Picture:
    if orientation in (5, 6, 7, 8):
        picture = picture.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(picture[::rows, ::columns])


def _with_depth(picture: Picture, depth: Depth, name: str) -> Picture:
    if picture.dtype == np.int32 and picture.min() >= 0 and picture.max() <= 65535:
        picture = picture.astype(np.uint16)
    if depth is None or picture.dtype.itemsize * 8 == depth:
        return picture
    if picture.dtype not in (np.uint8, np.uint16):
        raise _bad(name, f"its values are {picture.dtype}, of a range that is not known (depth=None gives them)")
    return (picture >> 8).astype(np.uint8) if depth == 8 else picture * np.uint16(257)


def _with_channels(picture: Picture, channels: Channels) -> Picture:
    stored = {2: "grey"}.get(picture.ndim) or ("rgba" if picture.shape[2] == 4 else "rgb")
    if channels in ("stored", stored):
        return picture
    if stored == "rgba":
        return _with_channels(over_white(picture), channels)
    if channels == "grey":
        return to_grey(picture)
    rgb = picture if stored == "rgb" else np.repeat(picture[..., None], 3, axis=2)
    peak = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1
    return rgb if channels == "rgb" else np.insert(rgb, 3, peak, axis=2)


def write(path: str | os.PathLike[str], picture: ArrayLike, *, quality: int = 95) -> Path:
    """Write `picture` in the format that the suffix of `path` names, and return the path.

    The file appears whole or not at all: it is written beside its place and renamed. An old file is replaced.
    picture: uint8 or uint16 (PNG, TIFF, PGM, PPM) or booleans, (h, w) or (h, w, 1 | 3 | 4); the fourth channel,
        transparency, goes into PNG, TIFF and WebP.
    quality: of JPEG and WebP, 1..100. GIF keeps 256 colours.

    Raises:
        InvalidValue: the dtype or the channels do not fit the format, or the suffix is not known.
        BadFile: the folder does not exist or cannot be written.
    Source: book 1.5 and 7.2.
    """
    path = Path(path)
    data = encode(picture, path.suffix, quality=quality)
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
        beside.replace(path)
    except OSError as error:
        raise BadFile(f"write: {path} cannot be written ({(error.strerror or str(error)).lower()}).") from None
    finally:
        beside.unlink(missing_ok=True)
    return path


def encode(picture: ArrayLike, suffix: str = ".png", *, quality: int = 95) -> bytes:
    """The bytes of a file that holds `picture`, as `write` makes them.

    suffix: .png, .jpg, .jpeg, .bmp, .tif, .tiff, .webp, .gif, .pgm or .ppm.

    Raises:
        InvalidValue: the dtype or the channels do not fit the format, or the suffix is not known.
    """
    array = _writable(checked("write", picture), suffix.lower())
    if whole("write", "quality", quality) > 100:
        raise invalid("write", "quality", "an int from 1 to 100", quality)
    if array.dtype == np.uint16 and array.ndim == 3:
        return _encode_deep(array, suffix.lower())
    image = importlib.import_module("PIL.Image").fromarray(array)
    stream = io.BytesIO()
    image.save(stream, FORMATS[suffix.lower()][0], quality=quality)
    return stream.getvalue()


def _writable(picture: Picture, suffix: str) -> Picture:
    if suffix not in FORMATS:
        remedy = suggest(suffix, FORMATS) or f"Known are {', '.join(FORMATS)}."
        raise invalid("write", "path", "a name with the suffix of a picture format", suffix, remedy)
    name, sixteen, fourth = FORMATS[suffix]
    if picture.dtype not in (np.bool_, np.uint8, np.uint16):
        raise invalid("write", "picture", "of dtype uint8, uint16 or bool", picture, "to_uint8(picture) makes it so.")
    if picture.dtype == np.uint16 and not sixteen:
        raise invalid("write", "picture", f"of dtype uint8 for {name}", picture, "Take to_uint8(picture), PNG or TIFF.")
    if picture.ndim == 3 and picture.shape[2] == 4 and not fourth:
        raise invalid(
            "write", "picture", f"without a fourth channel for {name}", picture, "Take picture[..., :3] or PNG."
        )
    if picture.ndim == 3 and picture.shape[2] > 1 and suffix == ".pgm":
        raise invalid("write", "picture", "grey for PGM", picture, "Take to_grey(picture) or PPM.")
    flat = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
    return np.ascontiguousarray(flat.astype(np.uint8) * np.uint8(255) if flat.dtype == np.bool_ else flat)


def _encode_deep(picture: Picture, suffix: str) -> bytes:
    """RGB or RGBA of 16 bits, which Pillow does not have."""
    cv2 = require("cv2", "image", "writing RGB pictures of 16 bits")
    reordered = np.concatenate([picture[..., 2::-1], picture[..., 3:]], axis=2)
    return bytes(cv2.imencode(suffix, reordered)[1].tobytes())
