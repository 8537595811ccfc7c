"""Results to be looked at: heat laid over pictures, its scale, and pictures inside HTML."""

from __future__ import annotations

import base64
import html
from typing import Any

import numpy as np

Map = np.ndarray[Any, Any]

#: small pictures are enlarged to at most this side, those of up to `TINY` with hard pixels
SHOWN, TINY = 192, 64

#: grey of black and of white below heat: away from both ends, so that colours stay what they are
DARKEST, BRIGHTEST = 40, 235


def picture_tag(picture: Map, words: str) -> str:
    """An `<img>` that holds the picture itself as PNG; `words` say what it shows."""
    from kerato.image.files import encode

    data = base64.b64encode(encode(picture)).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(words)}" style="max-width:100%">'


def enlarged(picture: Map, heat: Map) -> tuple[Map, Map]:
    """A small picture (h, w, c) and its map (h, w) several times as large; the map is smooth, tiny pictures are not."""
    from kerato.image.geometry import resize

    times = SHOWN // max(picture.shape[:2])
    if times < 2:
        return picture, heat
    size = (picture.shape[0] * times, picture.shape[1] * times)
    large = resize(picture, size, "nearest" if max(picture.shape[:2]) <= TINY else "bilinear").reshape(*size, -1)
    return np.asarray(large), np.asarray(resize(heat.astype("float64"), size, "bilinear"))


def heat_over(picture: Map, heat: Map, alpha: float = 0.7) -> Map:
    """Heat (h, w) in [0, 1] over a picture (h, w, c) in grey, uint8 RGB; at 1 the colour has the weight `alpha`.

    Where nothing is hot the picture shows as it is, so that dark pictures do not turn blue.
    """
    from kerato.image.arrays import to_grey
    from kerato.image.heat import colormap

    heat = np.clip(heat, 0, 1)
    weight = alpha * np.sqrt(heat)[..., None]
    grey = DARKEST + (BRIGHTEST - DARKEST) * np.asarray(to_grey(picture), "float64")[..., None] / 255
    return np.asarray(np.rint(weight * colormap(heat, "turbo", 0.0, 1.0) + (1 - weight) * grey), "uint8")


def scale_bar(width: int = 160, height: int = 12) -> Map:
    """The colours of heat over mid-grey from 0 (left) to 1 (right), uint8 RGB (height, width, 3)."""
    return heat_over(np.full((height, width, 1), 128, "uint8"), np.repeat(np.linspace(0, 1, width)[None], height, 0))


def with_scale(sheet: Map, words: str, size: int = 14) -> Map:
    """A sheet (h, w, 3) with a line below it: `words`, and the scale of heat with its ends named."""
    from kerato.image.draw import text

    line = np.full((size + 22, sheet.shape[1], 3), 255, "uint8")
    bar = scale_bar(min(160, max(sheet.shape[1] // 4, 16)))
    left = 8 + size
    line[8 : 8 + len(bar), left : left + bar.shape[1]] = bar
    line = text(line, "0", (8, 4), size)
    line = text(line, f"1   {words}", (left + bar.shape[1] + 5, 4), size)
    return np.concatenate([sheet, line])
