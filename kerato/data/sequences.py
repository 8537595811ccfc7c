"""A folder of pictures as a film: its files in the order of the numbers in their names, at a frame rate that is given.

The same questions as to a film file (`containers.py`), answered without a decoder.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from kerato.data.containers import Moment, Stamps
from kerato.data.decoding import Facts, Picture
from kerato.errors import BadFile
from kerato.image.files import FORMATS, read


class FrameFolder:
    """The pictures of a folder as a source of frames; other files and folders in it are passed over.

    Args:
        path: the folder.
        fps: frames per second; pictures have no clock of their own.

    Raises:
        BadFile: there is no picture in the folder, or the first one cannot be read.
    """

    def __init__(self, path: Path, fps: Fraction) -> None:
        self.path = path
        self.damage = ""
        self.files = pictures_in(path)
        height, width = picture(self.files[0]).shape[:2]
        self.step = 1 / fps
        self.facts = Facts(
            container="folder",
            codec=self.files[0].suffix.lower().lstrip("."),
            pixel_format="rgb24",
            height=height,
            width=width,
            rotation=0,
            fps=fps,
            clock=self.step,
            first=Fraction(0),
            length=len(self.files) * self.step,
            end=len(self.files) * self.step,
            announced=len(self.files),
            audio=None,
        )

    def stamps(self) -> Stamps:
        """One tick per picture; decoding can begin at any."""
        ticks = np.arange(len(self.files), dtype=np.int64)
        return Stamps(ticks, self.step, ticks)

    def walk(self, start: int = 0) -> Iterator[Moment]:
        """The pictures from number `start` on; each is read when it is asked for."""
        for index in range(start, len(self.files)):
            yield Moment(index, index * self.step, self.step, functools.partial(picture, self.files[index]))

    walk_on = walk

    def close(self) -> None:
        """Nothing is held open."""


def picture(path: Path) -> Picture:
    """The file as an RGB picture (height, width, 3) uint8. Raises: BadFile if it cannot be read."""
    return read(path).astype(np.uint8, copy=False)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, numbers in their names counting as numbers (2.jpg before 10.jpg).

    Raises:
        BadFile: there are none.
    """
    with os.scandir(folder) as entries:
        files = [Path(entry.path) for entry in entries if Path(entry.name).suffix.lower() in FORMATS]
    files = [file for file in files if file.is_file() and not file.name.startswith(".")]
    if not files:
        raise BadFile(f"{folder}: a folder of frames must hold pictures ({', '.join(FORMATS)}), this one holds none.")
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name) if part]
