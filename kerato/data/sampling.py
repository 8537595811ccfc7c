"""Clips: films of any length as arrays of equal shape, (films, frames, height, width, channels), for networks.

Knows films only through `video.Film`. Frames are sampled evenly over the film; short films are padded.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kerato.data.decoding import Picture
from kerato.data.video import Film
from kerato.errors import invalid
from kerato.image.arrays import one_of, to_grey, whole
from kerato.image.geometry import resize

PathLike: TypeAlias = str | os.PathLike[str]
Pad: TypeAlias = Literal["last", "loop", "black"]
ColorMode: TypeAlias = Literal["rgb", "grayscale"]
PADS = ("last", "loop", "black")


def evenly(count: int, frames: int, parts: int = 1) -> NDArray[np.int64]:
    """Which of `count` frames to take: (parts, frames) int64, ascending, the middles of equally long stretches.

    The film is cut into `parts` and each part into `frames` stretches. A film with fewer frames than that gives
    each frame at most once per part, and -1 for those that are missing at the end.

    Raises:
        InvalidValue: a number is no int >= 1.
    """
    for name, value in (("count", count), ("frames", frames), ("parts", parts)):
        whole("evenly", name, value)
    edges = [part * count // parts for part in range(parts + 1)]
    return np.stack([_middles(low, high, frames) for low, high in itertools.pairwise(edges)])


def _middles(low: int, high: int, frames: int) -> NDArray[np.int64]:
    places = np.arange(frames)
    # A part of no frame, in a film with fewer frames than parts, takes the frame at its edge.
    length = max(high - low, 1)
    if length >= frames:
        return low + (2 * places + 1) * length // (2 * frames)
    return np.where(places < length, low + places, -1)


def clip(
    path: PathLike,
    frames: int = 16,
    size: tuple[int, int] | None = None,
    *,
    color_mode: ColorMode = "rgb",
    pad: Pad = "last",
    parts: int = 1,
) -> NDArray[np.uint8]:
    """One film as (parts, frames, height, width, channels) uint8.

    Args:
        path: a film file or a folder of pictures.
        frames: frames per clip.
        size: (height, width) of the result; by default the film's own.
        color_mode: rgb (3 channels) or grayscale (1).
        pad: what a film with fewer frames ends with: its last frame again, the film again (loop), or black.
        parts: so many clips, one after the other in the film.

    Raises:
        BadFile: the path is no film that can be read.
        InvalidValue: an argument cannot be.
    Source: book 8.4.
    """
    one_of("clip", "pad", pad, PADS)
    one_of("clip", "color_mode", color_mode, ("rgb", "grayscale"))
    with Film(path) as film:
        wanted = evenly(len(film), frames, parts)
        kept = {
            int(index): _prepared(film[int(index)].picture, size, color_mode)
            for index in np.unique(wanted[wanted >= 0])
        }
    return np.stack([np.stack(_filled([kept.get(int(index)) for index in row], pad)) for row in wanted])


def clips(
    paths: Sequence[PathLike],
    frames: int = 16,
    size: tuple[int, int] = (112, 112),
    *,
    color_mode: ColorMode = "rgb",
    pad: Pad = "last",
    parts: int = 1,
) -> NDArray[np.uint8]:
    """Films as one array (films * parts, frames, height, width, channels) uint8; arguments as `clip`.

    Raises:
        BadFile: a path is no film that can be read.
        InvalidValue: an argument cannot be, or there are no paths.
    """
    if len(paths) == 0:
        raise invalid("clips", "paths", "one film or more", paths)
    return np.concatenate([clip(p, frames, size, color_mode=color_mode, pad=pad, parts=parts) for p in paths])


def windows(
    path: PathLike,
    frames: int = 16,
    size: tuple[int, int] | None = None,
    *,
    step: int | None = None,
    color_mode: ColorMode = "rgb",
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """A film as a stream of clips: (time stamp in seconds of its first frame, (frames, height, width, channels) uint8).

    Holds one clip at a time. A rest shorter than a clip is left out.
    step: frames from the beginning of one clip to that of the next; by default `frames`.

    Raises:
        BadFile: the path is no film that can be read.
        InvalidValue: an argument cannot be.
    """
    whole("windows", "frames", frames)
    step = frames if step is None else whole("windows", "step", step)
    one_of("windows", "color_mode", color_mode, ("rgb", "grayscale"))
    return _windows(Film(path), frames, step, size, color_mode)


def _windows(
    film: Film, frames: int, step: int, size: tuple[int, int] | None, color_mode: str
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    held: list[tuple[float, Picture]] = []
    skip = 0
    for moment in film.moments():
        if skip:
            skip -= 1
            continue
        held.append((float(moment.time), _prepared(moment.picture(), size, color_mode)))
        if len(held) == frames:
            yield held[0][0], np.stack([picture for _, picture in held])
            skip = max(step - frames, 0)
            del held[:step]


def _filled(pictures: list[Picture | None], pad: str) -> list[Picture]:
    """The pictures with those that are missing at the end replaced as `pad` says."""
    real = [picture for picture in pictures if picture is not None]
    if pad == "last":
        more = [real[-1]]
    elif pad == "loop":
        more = real
    else:
        more = [np.zeros_like(real[0])]
    return list(itertools.islice(itertools.chain(real, itertools.cycle(more)), len(pictures)))


def _prepared(picture: Picture, size: tuple[int, int] | None, color_mode: str) -> Picture:
    sized = picture if size is None else resize(picture, size)
    return sized if color_mode == "rgb" else to_grey(sized)[..., None]
