"""Marks, words and sheets on pictures: what makes a result easy to look at. All return uint8 RGB copies."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid, require
from kerato.image import fonts
from kerato.image.arrays import Colour, opencv, pair, to_rgb, whole
from kerato.image.geometry import resize

INK: Colour = (32, 32, 32)
PAPER: Colour = (255, 255, 255)


def mark(
    picture: ArrayLike, points: ArrayLike, colour: Colour = (255, 0, 0), radius: int = 4, thickness: int = 1
) -> NDArray[np.uint8]:
    """The picture with a ring around every point (x, y): points (n, 2) -> uint8 RGB (h, w, 3).

    radius: of the ring, in pixels, >= 1.
    thickness: of the line, in pixels; -1 fills.

    Raises: InvalidValue for points that are no finite array (n, 2) or a radius below 1.
    Source: book 7.7.
    """
    canvas, places = to_rgb(picture).copy(), np.asarray(points, np.float64).reshape(-1, 2)
    if not np.isfinite(places).all():
        raise invalid("mark", "points", "a finite array (n, 2) of (x, y)", places)
    for x, y in np.rint(places).astype(int).tolist():
        opencv().circle(canvas, (x, y), whole("mark", "radius", radius), colour, thickness, opencv().LINE_AA)
    return canvas


def draw_boxes(
    picture: ArrayLike,
    boxes: ArrayLike,
    labels: Sequence[str] = (),
    colour: Colour = (0, 255, 0),
    thickness: int = 2,
    text_size: int = 16,
) -> NDArray[np.uint8]:
    """The picture with boxes (x, y, width, height) and their labels: boxes (n, 4) -> uint8 RGB (h, w, 3).

    A box of width w covers the columns x to x + w - 1. Labels are written above their box, or inside it at the top.

    Raises: InvalidValue for boxes that are no array (n, 4) or a number of labels that is neither 0 nor n.
    """
    corners, canvas = np.asarray(boxes).reshape(-1, 4), to_rgb(picture).copy()
    if len(labels) not in (0, len(corners)):
        raise invalid("draw_boxes", "labels", f"none or {len(corners)} words", list(labels))
    whole("draw_boxes", "thickness", thickness)
    placed = np.rint(corners).astype(int).tolist()
    for x, y, width, height in placed:
        opencv().rectangle(canvas, (x, y), (x + width - 1, y + height - 1), colour, thickness)
    for (x, y, _, _), words in zip(placed, labels, strict=False):
        above = y - text_size - 4
        left = max(0, min(x, canvas.shape[1] - round(_length(words, text_size)) - 4))
        canvas = text(canvas, words, (left, above if above >= 0 else y + 2), text_size, _readable(colour), colour)
    return canvas


def text(
    picture: ArrayLike,
    words: str,
    position: tuple[float, float] = (0, 0),
    size: int = 16,
    colour: Colour = INK,
    background: Colour | None = None,
) -> NDArray[np.uint8]:
    """The picture with words in any script written on it, as far as fonts are installed: -> uint8 RGB (h, w, 3).

    Characters that no installed font has are left out, with one warning that names them.

    position: (x, y) of the upper left corner of the words.
    size: height of the letters in pixels, >= 4.
    background: colour of a bar behind the words.

    Raises: InvalidValue for a size below 4.
    """
    _warn_of_missing(words, whole("text", "size", size, 4))
    canvas = _canvas(to_rgb(picture))
    _write(canvas, words, position, size, colour, background)
    return np.asarray(canvas).copy()


def sheet(
    pictures: Sequence[ArrayLike],
    captions: Sequence[str] = (),
    columns: int | None = None,
    cell: tuple[int, int] | None = None,
    text_size: int = 16,
) -> NDArray[np.uint8]:
    """Pictures of any sizes side by side, in rows, with a caption under each: -> uint8 RGB (h, w, 3).

    captions: none, or one per picture; long ones are broken into lines.
    columns: how many in a row; by default all, at most 6.
    cell: height,width that every picture gets at most; by default what the largest needs, at most 640 x 640.
        Larger pictures are shrunk, smaller ones keep their size, tiny ones (up to a quarter) grow by whole numbers.
    text_size: height of the letters in pixels, >= 4. Characters without a font are left out, with a warning.

    Raises: InvalidValue for no pictures, or a number of captions that is neither 0 nor theirs.
    Source: book 7.2.
    """
    if not pictures or len(captions) not in (0, len(pictures)):
        raise invalid(
            "sheet", "captions", f"none or one for each of {len(pictures)} pictures (at least 1)", len(captions)
        )
    shown = [to_rgb(picture) for picture in pictures]
    largest = tuple(min(max(picture.shape[axis] for picture in shown), 640) for axis in (0, 1))
    height, width = pair("sheet", "cell", largest if cell is None else cell, 1, integer=True)
    height, width = (max(height, 128), max(width, 128)) if cell is None else (height, width)
    across = whole("sheet", "columns", min(len(shown), 6) if columns is None else columns)
    _warn_of_missing("".join(captions), whole("sheet", "text_size", text_size, 4))
    lines = [_broken(caption, width, text_size) for caption in captions] or [[]] * len(shown)
    return _laid_out([_fitted(picture, height, width) for picture in shown], lines, (height, width), across, text_size)


def _laid_out(
    shown: list[NDArray[np.uint8]], lines: list[list[str]], cell: tuple[int, int], columns: int, text_size: int
) -> NDArray[np.uint8]:
    gap, leading = max(8, text_size // 2), round(text_size * 1.35)
    down = cell[0] + leading * max(map(len, lines)) + gap
    size = (-(-len(shown) // columns) * down + gap, columns * (cell[1] + gap) + gap)
    canvas = _canvas(np.full((*size, 3), PAPER, np.uint8))
    image = require("PIL.Image", "image", "sheets")
    for number, (picture, caption) in enumerate(zip(shown, lines, strict=True)):
        x, y = gap + number % columns * (cell[1] + gap), gap + number // columns * down
        room = ((cell[1] - picture.shape[1]) // 2, (cell[0] - picture.shape[0]) // 2)
        canvas.paste(image.fromarray(picture), (x + room[0], y + room[1]))
        for line, words in enumerate(caption):
            middle = x + (cell[1] - _length(words, text_size)) / 2
            _write(canvas, words, (middle, y + cell[0] + 4 + line * leading), text_size, INK, None)
    return np.asarray(canvas).copy()


def _fitted(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    scale = min(height / picture.shape[0], width / picture.shape[1])
    if scale >= 4:
        return np.asarray(resize(picture, (picture.shape[0] * int(scale), picture.shape[1] * int(scale)), "nearest"))
    if scale >= 1:
        return picture
    return np.asarray(resize(picture, (max(1, int(picture.shape[0] * scale)), max(1, int(picture.shape[1] * scale)))))


def _broken(words: str, width: int, size: int) -> list[str]:
    """`words` in lines no longer than `width` pixels, broken at spaces, within words only where one is too long."""
    lines: list[str] = []
    for word in words.split():
        if lines and _length(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
            continue
        while _length(word, size) > width and len(word) > 1:
            fits = max(1, sum(_length(word[:end], size) <= width for end in range(1, len(word))))
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def _warn_of_missing(words: str, size: int) -> None:
    if absent := fonts.missing(words, size):
        warnings.warn(
            f"text: no installed font has {absent!r}, left out. A font such as Noto Sans (CJK) has most scripts.",
            stacklevel=3,
        )


def _canvas(picture: NDArray[np.uint8]) -> Any:
    return require("PIL.Image", "image", "writing on pictures").fromarray(np.ascontiguousarray(picture))


def _length(words: str, size: int) -> float:
    return float(sum(fonts.load(font, size).getlength(piece) for font, piece in fonts.runs(words, size)))


def _write(
    canvas: Any, words: str, position: tuple[float, float], size: int, colour: Colour, background: Colour | None
) -> None:
    pen = require("PIL.ImageDraw", "image", "writing on pictures").Draw(canvas)
    x, y = position
    if background is not None:
        pen.rectangle((x, y, x + _length(words, size) + 3, y + round(size * 1.25)), fill=background)
        x += 2
    for font, piece in fonts.runs(words, size):
        letters = fonts.load(font, size)
        pen.text((x, y + size), piece, fill=colour, font=letters, anchor="ls")
        x += letters.getlength(piece)


def _readable(background: Colour) -> Colour:
    """Black or white, whichever stands out."""
    luma = 0.299 * background[0] + 0.587 * background[1] + 0.114 * background[2]
    return INK if luma > 140 else PAPER
