"""One film file as frames with addresses: its time stamps, its frames in order and from any frame on.

A frame's address is its presentation time stamp, a whole number of ticks of the container's clock. Asking FFmpeg to
seek lands on some key frame before or after that stamp; `Container.walk` decodes forward from one that is safe and
compares stamps, so that a frame sought has the pixels of the same frame decoded from the start.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kerato.data.decoding import MAX_FRAMES, Decoder, Facts, Picture, facts_of, rgb
from kerato.errors import BadFile

if TYPE_CHECKING:
    from av import VideoFrame


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that is decoded but not yet turned into an RGB picture, which `picture()` does.

    Attributes:
        index: place in the film, from 0.
        time: presentation time stamp in seconds, exact.
        duration: how long the frame is shown if no other one follows, in seconds.
        picture: makes the (height, width, 3) uint8 RGB array; may be called in another thread.
    """

    index: int
    time: Fraction
    duration: Fraction
    picture: Callable[[], Picture]


@dataclass(frozen=True, eq=False)
class Stamps:
    """When each frame of a film is shown.

    Attributes:
        ticks: presentation time stamps, int64 (frames,), strictly increasing.
        clock: seconds per tick.
        keys: those stamps from which decoding can begin, int64; none if only the start is safe.
    """

    ticks: NDArray[np.int64]
    clock: Fraction
    keys: NDArray[np.int64]

    def time(self, index: int) -> Fraction:
        """Seconds at which frame `index` is shown, exact."""
        return int(self.ticks[index]) * self.clock

    def shown_at(self, time: Fraction) -> int:
        """Index of the frame on the screen at `time` seconds; -1 before the first."""
        return int(np.searchsorted(self.ticks, int(time // self.clock), side="right")) - 1

    def keys_before(self, index: int) -> list[int]:
        """Stamps of key frames at or before frame `index`: the nearest, the one before it, the fourth before it, ..."""
        nearest = int(np.searchsorted(self.keys, self.ticks[index], side="right")) - 1
        steps = itertools.takewhile(lambda step: step <= nearest, (0, 1, 4, 16))
        return [int(self.keys[nearest - step]) for step in steps] if nearest >= 0 else []


class Container:
    """A film file as a source of frames.

    Args:
        path: the file.

    Raises:
        BadFile: the file is missing, empty, no film, without pictures, or not one frame of it can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""
        self.known: Stamps | None = None
        self.handle: Decoder | None = None
        decoder = Decoder(path)
        try:
            first = next(decoder.frames(), None)
            if first is None:
                raise BadFile(f"{path}: a film must have pictures, but not one frame can be decoded. Copy it again.")
            self.facts = facts_of(decoder, first)
        finally:
            decoder.close()
        self.in_doubt = _stamps_in_doubt(self.facts.container, self.facts.codec)

    def stamps(self) -> Stamps:
        """The time stamp of every frame: from the packets, or where these are in doubt by decoding the whole film."""
        if self.known is None and not self.in_doubt:
            self.known = _packet_stamps(self.path)
            self.in_doubt = self.known is None
        if self.known is None:
            self.known = _decoded_stamps(self.path, self.facts.fps)
        return self.known

    def walk(self, start: int = 0) -> Iterator[Moment]:
        """Decode forward from frame `start`. From 0 nothing is read ahead, unless the stamps are in doubt.

        Raises:
            BadFile: frame `start` cannot be decoded.
        """
        if start or self.in_doubt:
            self.stamps()
        decoder = Decoder(self.path)
        try:
            if start:
                yield from self._moments(self._sought(decoder, start), start)
            else:
                yield from self._whole(decoder)
        finally:
            decoder.close()

    def _whole(self, decoder: Decoder) -> Iterator[Moment]:
        """All frames from the start; what was wrong is known after the last."""
        count, end = 0, Fraction(0)
        for moment in self._moments(decoder.frames(), 0):
            count, end = count + 1, moment.time + moment.duration
            yield moment
        if self.known is not None and len(self.known.ticks) != count:
            self.known, self.in_doubt = None, True
        self.damage = "; ".join(_damage(decoder, self.facts, count, end))

    def walk_on(self, start: int) -> Iterator[Moment]:
        """As `walk`, on one handle that stays open from call to call: an earlier walk of this kind ends."""
        if self.handle is None:
            self.handle = Decoder(self.path)
        return self._moments(self._sought(self.handle, start), start)

    def close(self) -> None:
        """Give back what `walk_on` holds open."""
        if self.handle is not None:
            self.handle.close()
            self.handle = None

    def _moments(self, frames: Iterator[VideoFrame], start: int) -> Iterator[Moment]:
        clock, step = self.facts.clock, 1 / self.facts.fps
        before: Fraction | None = None
        for index, frame in enumerate(frames, start):
            if index >= MAX_FRAMES:
                raise BadFile(f"{self.path}: a film may have {MAX_FRAMES:,} frames, this one has more. Cut it.")
            if self.in_doubt and self.known is not None and index < len(self.known.ticks):
                time = self.known.time(index)
            else:
                time = _time(frame.pts, clock, before, step)
            duration = (frame.duration or 0) * clock or step
            yield Moment(index, time, duration, functools.partial(rgb, frame))
            before = time

    def _sought(self, decoder: Decoder, index: int) -> Iterator[VideoFrame]:
        """Frames from `index` on, with the pixels that decoding from the start gives."""
        stamps = self.stamps()
        target = int(stamps.ticks[index])
        for key in stamps.keys_before(index):
            if not decoder.seek(key):
                continue
            frames = decoder.frames()
            found = _advance(frames, target)
            if found is not None:
                yield found
                yield from frames
                return
        yield from self._from_start(index, target if len(stamps.keys) else None)

    def _from_start(self, index: int, target: int | None) -> Iterator[VideoFrame]:
        """Frames from the one with stamp `target` on, or from number `index` on where stamps are no addresses."""
        decoder = Decoder(self.path)
        try:
            frames = decoder.frames()
            if target is None:
                first = next(itertools.islice(frames, index, None), None)
            else:
                first = next((frame for frame in frames if frame.pts == target), None)
            if first is None:
                raise BadFile(f"{self.path}: frame {index} cannot be decoded, the file is damaged. Copy it again.")
            yield first
            yield from frames
        finally:
            decoder.close()


def _advance(frames: Iterator[VideoFrame], target: int) -> VideoFrame | None:
    """The frame with stamp `target`, if decoding came past a key frame before it."""
    # Frames shown before the key frame may lean on pictures that were not decoded: they look right and are wrong.
    trusted = False
    for frame in frames:
        trusted = trusted or bool(frame.key_frame)
        if frame.pts is None or frame.pts > target:
            return None
        if trusted and frame.pts == target:
            return frame
    return None


def _time(pts: int | None, clock: Fraction, before: Fraction | None, step: Fraction) -> Fraction:
    """The stamp of a frame in seconds; a missing one, or one that runs backwards, is one step after the last."""
    time = None if pts is None else pts * clock
    if before is None:
        return time if time is not None else Fraction(0)
    return time if time is not None and time > before else before + step


def _damage(decoder: Decoder, facts: Facts, count: int, end: Fraction) -> Iterator[str]:
    """What was wrong with a film of which `count` frames were decoded, the last until `end` seconds, in words."""
    for what, times in sorted(decoder.trouble.items()):
        if times:
            yield f"{what}, {times} times" if times > 1 else what
    # In other containers a packet need not be a frame, and durations are guesses.
    exact = facts.container.startswith(("mov", "matroska")) and facts.codec != "vp8"
    slack = Fraction(3, 5) if exact else Fraction(5, 2)
    if decoder.packets_read < facts.announced:
        yield f"{decoder.packets_read} frames of the {facts.announced} that its header announces"
    elif exact and count < decoder.packets_read - decoder.packets_unseen:
        yield f"{count} frames of {decoder.packets_read}"
    elif facts.end and end < facts.end - slack / facts.fps:
        yield f"an end at {float(end):.2f} s, where its header announces {float(facts.end):.2f} s"
    elif _cut_short(decoder.path, facts.container):
        yield "the end of the file is missing"


def _cut_short(path: Path, container: str) -> bool:
    """Whether a file of a container without a length lacks its last bytes: a GIF's end mark, half a packet."""
    if container == "mpegts":
        return path.stat().st_size % TS_PACKET != 0
    if container != "gif":
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b";"


def _stamps_in_doubt(container: str, codec: str) -> bool:
    """Whether packets of such a film may carry stamps that are not those of the frames shown."""
    # AVI has no presentation stamps, raw streams have none at all; VP8 has packets that are never shown.
    return codec == "vp8" or (container == "avi" and codec in ("h264", "hevc")) or container in RAW_STREAMS


#: bytes of a packet of an MPEG transport stream
TS_PACKET = 188
#: containers without time stamps
RAW_STREAMS = ("h264", "hevc", "m4v", "mpegvideo", "mjpeg", "obu")


def _packet_stamps(path: Path) -> Stamps | None:
    """Stamps from the packets, without decoding; None if these cannot be the frames' own."""
    decoder = Decoder(path)
    ticks: list[int] = []
    keys: list[int] = []
    try:
        for packet in itertools.islice(decoder.packets(), MAX_FRAMES):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None or packet.is_corrupt:
                return None
            ticks.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
        if decoder.trouble or decoder.stream.frames not in (0, decoder.packets_read):
            return None
        return _consistent(sorted(ticks), sorted(keys), decoder.clock)
    finally:
        decoder.close()


def _consistent(ticks: list[int], keys: list[int], clock: Fraction) -> Stamps | None:
    """The stamps, unless two are equal or the film begins with frames whose key frame is missing."""
    if not ticks or not keys or keys[0] != ticks[0] or len(set(ticks)) != len(ticks):
        return None
    return Stamps(np.array(ticks, np.int64), clock, np.array(keys, np.int64))


def _decoded_stamps(path: Path, rate: Fraction) -> Stamps:
    """Stamps of the frames that come out of the decoder; made up from the frame rate where they are no order."""
    decoder = Decoder(path)
    try:
        frames = [(frame.pts, bool(frame.key_frame)) for frame in itertools.islice(decoder.frames(), MAX_FRAMES)]
        clock = decoder.clock
    finally:
        decoder.close()
    nowhere = np.array([], np.int64)
    stamps = [pts for pts, _ in frames if pts is not None]
    if len(set(stamps)) < len(frames):
        return Stamps(np.arange(len(frames), dtype=np.int64), 1 / rate, nowhere)
    if stamps != sorted(stamps):
        return Stamps(np.array(sorted(stamps), np.int64), clock, nowhere)
    return Stamps(np.array(stamps, np.int64), clock, np.array([pts for pts, key in frames if key], np.int64))
