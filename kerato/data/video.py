"""Films as frames: what a film is, frame by number or by time, frames in order. Nothing is held but one frame.

A frame is addressed by its presentation time stamp, in seconds on the container's own clock, which need not begin
at 0. Random access gives the pixels and stamps that decoding from the start gives. Film files go through
`containers.py`, folders of pictures through `sequences.py`; everything above them asks a `Film`.
"""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from kerato.data.containers import Container, Moment, Stamps
from kerato.data.decoding import Facts, Picture
from kerato.data.sequences import FrameFolder
from kerato.errors import BadFile, InvalidValue, invalid
from kerato.image.arrays import at_least, whole
from kerato.image.files import encode, write

#: one frame may stand for so many steps of `seconds`; more is a damaged time stamp
MAX_REPEATS = 100_000


class DamagedFilm(UserWarning):
    """A film was read to its end, and parts of it were missing or damaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a film.

    Attributes:
        index: place in the film, from 0.
        time_s: presentation time stamp, seconds on the container's clock.
        picture: (height, width, 3) uint8 RGB, upright.
    """

    index: int
    time_s: float
    picture: Picture = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture in the format of the suffix of `path`. Raises: BadFile if that cannot be done."""
        return write(path, self.picture)

    def _repr_png_(self) -> bytes:
        return encode(self.picture, ".png")


@dataclass(frozen=True)
class Properties:
    """What is known about a film.

    Attributes:
        path: the file or folder.
        container: FFmpeg's names of the container, or folder.
        codec: FFmpeg's name of the compression, or the suffix of the pictures in a folder.
        pixel_format: FFmpeg's name of the stored pixels.
        height: rows of a frame, upright.
        width: columns of a frame, upright.
        rotation: degrees, counter-clockwise, by which stored frames are turned to stand upright.
        fps: frames per second; the mean where they vary.
        frames: number of frames.
        frames_from: how exact that is: counted, announced by the header, or estimate (duration times rate).
        start_s: time stamp of the first frame.
        duration_s: from the first frame to the end of the last.
        variable_rate: whether frames are shown for different times; None if they were not counted.
        audio: compression of the sound, None without.
    """

    path: Path
    container: str
    codec: str
    pixel_format: str
    height: int
    width: int
    rotation: int
    fps: float
    frames: int
    frames_from: Literal["counted", "header", "estimate"]
    start_s: float
    duration_s: float
    variable_rate: bool | None
    audio: str | None


class Source(Protocol):
    """Where frames come from: a file or a folder."""

    path: Path
    facts: Facts
    damage: str

    def stamps(self) -> Stamps:
        """The time stamp of every frame."""

    def walk(self, start: int = 0) -> Iterator[Moment]:
        """Frames from number `start` on; any number of walks may go on at once."""

    def walk_on(self, start: int) -> Iterator[Moment]:
        """As `walk`, cheaper; ends the walk of this kind before."""

    def close(self) -> None:
        """Give back what is held open."""


class Film:
    """A film file or a folder of pictures, opened for reading; use it with `with`, or `close` it.

    `len(film)` counts the frames, `film[i]` is frame i (negative from the end), `film[a:b:c]` a list of frames,
    iterating goes from the first to the last. Frames are decoded when they are asked for.

    Args:
        path: MP4, MKV, WebM, AVI, GIF, MOV, ... or a folder of pictures.
        fps: frames per second of a folder of pictures; a file has its own time stamps.

    Raises:
        BadFile: the path is missing, empty, no film, has no pictures, or nothing of it can be decoded.
    Source: book 8.6.
    """

    def __init__(self, path: str | os.PathLike[str], *, fps: float = 25.0) -> None:
        self.path = Path(path)
        self._source: Source
        if self.path.is_dir():
            self._source = FrameFolder(self.path, _exact(_above_zero("fps", fps)))
        else:
            self._source = Container(self.path)
        self._cursor: Iterator[Moment] = iter(())
        self._next = -1

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        facts = self._source.facts
        return f"Film({str(self.path)!r}, {facts.width}x{facts.height}, {float(facts.fps):g} fps, {facts.codec})"

    def __len__(self) -> int:
        return len(self._source.stamps().ticks)

    def __iter__(self) -> Iterator[Frame]:
        return map(developed, self.moments())

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            # IndexError, which Python's own loops over `film[i]` need.
            raise IndexError(f"{self.path}: the film has frames 0 to {len(self) - 1}. Got {index}.")
        return developed(self._moment(index % len(self)))

    @property
    def damage(self) -> str:
        """What was damaged or missing, in words; empty if nothing, or if the film was not read to its end."""
        return self._source.damage

    @property
    def times(self) -> NDArray[np.float64]:
        """Time stamps of all frames in seconds, float64 (frames,)."""
        stamps = self._source.stamps()
        return np.array([float(stamps.time(index)) for index in range(len(self))])

    def close(self) -> None:
        """Give the file back; walks that go on keep theirs."""
        self._source.close()

    def at(self, time_s: float) -> Frame:
        """The frame that is on the screen at `time_s` seconds: the last one whose stamp is not later.

        Raises:
            InvalidValue: the film begins later.
        """
        stamps = self._source.stamps()
        index = stamps.shown_at(_exact(at_least("Film.at", "time_s", time_s, -math.inf)))
        if index < 0:
            raise invalid("Film.at", "time_s", f">= {float(stamps.time(0)):g}, when {self.path} begins", time_s)
        return self[index]

    def properties(self, count: bool = True) -> Properties:
        """What the film is. `count` reads the whole file (decodes nothing, mostly) to be exact about its frames."""
        facts = self._source.facts
        stamps = self._source.stamps() if count else None
        frames, frames_from = _frame_count(facts, stamps)
        return Properties(
            path=self.path,
            container=facts.container,
            codec=facts.codec,
            pixel_format=facts.pixel_format,
            height=facts.height,
            width=facts.width,
            rotation=facts.rotation,
            fps=_mean_rate(facts, stamps),
            frames=frames,
            frames_from=frames_from,
            start_s=float(facts.first if stamps is None else stamps.time(0)),
            duration_s=float(facts.length if stamps is None else _duration(facts, stamps)),
            variable_rate=None if stamps is None else _varies(stamps),
            audio=facts.audio,
        )

    def moments(
        self, every: int = 1, seconds: float | None = None, start: float | None = None, stop: float | None = None
    ) -> Iterator[Moment]:
        """As `frames`, but not yet turned into RGB pictures, which each one's `picture()` does, in any thread."""
        _check_range(every, seconds, start, stop)
        step, begin, end = (None if value is None else _exact(value) for value in (seconds, start, stop))
        walk = self._walk(0 if begin is None else self._first(begin, shown=step is not None))
        if step is not None:
            return _on_grid(walk, step, begin, end, self.path)
        if end is not None:
            walk = itertools.takewhile(lambda moment: moment.time < end, walk)
        return itertools.islice(walk, 0, None, every)

    def _first(self, start: Fraction, shown: bool) -> int:
        """Number of the first frame that begins at `start` or later, or with `shown` of the one on the screen then."""
        stamps = self._source.stamps()
        index = stamps.shown_at(start)
        late = not shown and (index < 0 or stamps.time(index) < start)
        end = stamps.time(0) + _duration(self._source.facts, stamps)
        if start >= end or index + late >= len(self):
            rule = f"before the last frame of {self.path}, which ends at {float(end):g} s"
            raise invalid("frames", "start", rule, float(start))
        return max(index + late, 0)

    def _walk(self, index: int) -> Iterator[Moment]:
        yield from self._source.walk(index)
        if self.damage:
            warnings.warn(f"{self.path} is damaged: {self.damage}.", DamagedFilm, stacklevel=2)

    def _moment(self, index: int) -> Moment:
        """Frame `index`, from where the last call stopped if no key frame is nearer."""
        stamps = self._source.stamps()
        keys = stamps.keys_before(index)
        if not 0 <= self._next <= index or (keys and keys[0] > stamps.ticks[self._next]):
            self._cursor = self._source.walk_on(index)
        self._next = -1
        for moment in self._cursor:
            if moment.index == index:
                self._next = index + 1
                return moment
        raise BadFile(f"{self.path}: frame {index} cannot be decoded, the file is damaged. Copy it again.")


def developed(moment: Moment) -> Frame:
    """The frame with its picture."""
    return Frame(moment.index, float(moment.time), moment.picture())


def frames(
    path: str | os.PathLike[str],
    every: int = 1,
    seconds: float | None = None,
    start: float | None = None,
    stop: float | None = None,
) -> Iterator[Frame]:
    """The frames of a film in order, one at a time: `Frame(index, time_s, picture)`.

    Args:
        path: a film file or a folder of pictures.
        every: take one of so many frames, beginning with the first: ceil(frames / every) in all.
        seconds: instead of `every`: the frame on the screen at start, start + seconds, start + 2 seconds, ...
        start: first moment, in seconds on the film's clock; by default its first frame.
        stop: end, not included, in seconds; by default the film's own.

    Raises:
        BadFile: the path is missing, empty, no film, has no pictures, or nothing of it can be decoded.
        InvalidValue: `every`, `seconds`, `start` or `stop` makes no sense for this film.
    Warns:
        DamagedFilm: after the last frame, if parts of the film could not be read.
    Source: book 8.6.
    """
    return map(developed, Film(path).moments(every, seconds, start, stop))


def properties(path: str | os.PathLike[str], count: bool = True) -> Properties:
    """What a film is: size, rate, frames, duration, compression, sound. See `Properties`.

    count: read the whole file (without decoding, mostly) to count its frames; else the header's word is taken.

    Raises:
        BadFile: the path is missing, empty, no film, has no pictures, or nothing of it can be decoded.
    Source: book 8.6.
    """
    with Film(path) as film:
        return film.properties(count)


def _check_range(every: int, seconds: float | None, start: float | None, stop: float | None) -> None:
    whole("frames", "every", every)
    if seconds is not None:
        _above_zero("seconds", seconds)
        if every != 1:
            raise InvalidValue("frames: `every` and `seconds` exclude each other. Give one of them.")
    for name, value in (("start", start), ("stop", stop)):
        if value is not None:
            at_least("frames", name, value, -math.inf)
    if start is not None and stop is not None and start >= stop:
        raise invalid("frames", "stop", f"> start ({start:g})", stop)


def _above_zero(name: str, value: float) -> float:
    if not math.isfinite(at_least("frames", name, value, 0)) or value < 1e-6:
        raise invalid("frames", name, "a number >= 0.000001", value)
    return value


def _exact(seconds: float) -> Fraction:
    """The number that was meant: 0.1 is a tenth and 1 / 30 a thirtieth, not the binary fraction beside it."""
    return Fraction(seconds).limit_denominator(1_000_000)


def _on_grid(
    moments: Iterable[Moment], step: Fraction, start: Fraction | None, stop: Fraction | None, path: Path
) -> Iterator[Moment]:
    """The moment on the screen at each of start, start + step, ..., as often as it is on the screen then."""
    grid = 0
    for moment, end in _with_ends(moments):
        start = moment.time if start is None else start
        grid = max(grid, math.ceil((moment.time - start) / step))
        end = end if stop is None else min(end, stop)
        count = math.ceil((end - start) / step) - grid
        if count > MAX_REPEATS:
            raise BadFile(
                f"{path}: frame {moment.index} would be shown for {float(end - moment.time):.0f} s. Set a stop."
            )
        yield from itertools.repeat(moment, max(count, 0))
        grid += max(count, 0)
        if end == stop:
            return


def _with_ends(moments: Iterable[Moment]) -> Iterator[tuple[Moment, Fraction]]:
    """Each moment with the time at which the next one takes its place."""
    before: Moment | None = None
    for moment in moments:
        if before is not None:
            yield before, moment.time
        before = moment
    if before is not None:
        yield before, before.time + before.duration


def _frame_count(facts: Facts, stamps: Stamps | None) -> tuple[int, Literal["counted", "header", "estimate"]]:
    if stamps is not None:
        return len(stamps.ticks), "counted"
    if facts.announced:
        return facts.announced, "header"
    return round(facts.length * facts.fps), "estimate"


def _steps(stamps: Stamps) -> NDArray[np.int64]:
    return np.diff(stamps.ticks)


def _duration(facts: Facts, stamps: Stamps) -> Fraction:
    """Seconds from the first frame to the end of the last, which is taken to be shown as long as the median one."""
    steps = _steps(stamps)
    last = int(np.median(steps)) * stamps.clock if len(steps) else 1 / facts.fps
    return stamps.time(-1) - stamps.time(0) + last


def _varies(stamps: Stamps) -> bool:
    """Whether frames are shown for different times, by more than what rounding to the clock's ticks makes."""
    steps = _steps(stamps)
    if len(steps) == 0:
        return False
    rounding = 1 if np.median(steps) > 4 else 0
    return bool(np.ptp(steps) > rounding)


def _mean_rate(facts: Facts, stamps: Stamps | None) -> float:
    if stamps is None or not _varies(stamps):
        return float(facts.fps)
    return float((len(stamps.ticks) - 1) / (stamps.time(-1) - stamps.time(0)))
