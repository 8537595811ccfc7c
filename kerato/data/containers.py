"""One film file as frames with addresses: its time stamps, its frames in order and from any frame on.

A frame's address is its presentation time stamp, a whole number of ticks of the container's clock. Asking FFmpeg to
seek lands on some key frame before or after that stamp; `Container.walk` decodes forward from one that is safe and
compares stamps, so that a frame sought has the pixels of the same frame decoded from the start.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kerato.data.decoding import MAX_FRAMES, Decoder, Picture, facts_of, rgb
from kerato.errors import BadFile

if TYPE_CHECKING:
    from av import VideoFrame


class Moment(NamedTuple):
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
        decoder = Decoder(path)
        try:
            first = next(decoder.frames(), None)
            if first is None:
                raise BadFile(f"{path}: a film must have pictures, but not one frame can be decoded. Copy it again.")
            self.facts = facts_of(decoder, first)
        finally:
            decoder.close()

    def stamps(self) -> Stamps:
        """The presentation time stamp of every frame: read from the packets, or where these are in doubt by decoding."""
        if self.known is None:
            self.known = _packet_stamps(self.path) or _decoded_stamps(self.path, self.facts["fps"])
        return self.known

    def walk(self, start: int = 0) -> Iterator[Moment]:
        """Decode forward from frame `start`. From 0 nothing is read ahead.

        Raises:
            BadFile: frame `start` cannot be decoded.
        """
        if start or _stamps_in_doubt(self.facts["container"], self.facts["codec"]):
            self.stamps()
        decoder = Decoder(self.path)
        try:
            if start:
                yield from self._moments(self._sought(decoder, start), start)
            else:
                end = Fraction(0)
                for moment in self._moments(decoder.frames(), 0):
                    end = moment.time + moment.duration
                    yield moment
                self.damage = "; ".join(_damage(decoder, self.facts, end))
        finally:
            decoder.close()

    def _moments(self, frames: Iterator[VideoFrame], start: int) -> Iterator[Moment]:
        clock, step = self.facts["clock"], 1 / self.facts["fps"]
        before: Fraction | None = None
        for index, frame in enumerate(frames, start):
            if index >= MAX_FRAMES:
                raise BadFile(f"{self.path}: a film may have {MAX_FRAMES:,} frames, this one has more. Cut it.")
            if self.known is not None and index < len(self.known.ticks):
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
            decoder.seek(key)
            frames = decoder.frames()
            found = _advance(frames, target)
            if found is not None:
                yield found
                yield from frames
                return
        yield from self._counted(index)

    def _counted(self, index: int) -> Iterator[VideoFrame]:
        decoder = Decoder(self.path)
        try:
            frames = itertools.islice(decoder.frames(), index, None)
            first = next(frames, None)
            if first is None:
                raise BadFile(
                    f"{self.path}: frame {index} cannot be decoded. The file is damaged there; copy it again."
                )
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


def _damage(decoder: Decoder, facts: dict[str, Any], end: Fraction) -> Iterator[str]:
    """What was wrong with a film that was decoded to its end at `end` seconds, in words."""
    for what, count in sorted(decoder.trouble.items()):
        if count:
            yield f"{what}, {count} times" if count > 1 else what
    if decoder.packets_read < facts["header_frames"]:
        yield f"{decoder.packets_read} frames of the {facts['header_frames']} that its header announces"
    elif end < facts["first"] + facts["length"] - max(Fraction(1, 10), 2 / facts["fps"]):
        yield f"an end at {float(end):.2f} s, where its header announces {float(facts['first'] + facts['length']):.2f} s"


def _stamps_in_doubt(container: str, codec: str) -> bool:
    """Whether packets of such a film may carry stamps that are not those of the frames shown."""
    # AVI has no presentation stamps, raw streams have none at all; VP8 has packets that are never shown.
    return codec == "vp8" or (container == "avi" and codec in ("h264", "hevc")) or container in RAW_STREAMS


RAW_STREAMS = ("h264", "hevc", "m4v", "mpegvideo", "mjpeg", "obu")


def _packet_stamps(path: Path) -> Stamps | None:
    """Stamps from the packets, without decoding; None if these cannot be the frames' own."""
    decoder = Decoder(path)
    try:
        stream = decoder.stream
        if _stamps_in_doubt(decoder.container.format.name, stream.codec_context.name):
            return None
        packets = [packet for packet in itertools.islice(decoder.packets(), MAX_FRAMES) if packet.size]
        shown = [packet for packet in packets if not packet.is_discard]
        if any(packet.pts is None or packet.is_corrupt for packet in shown) or decoder.trouble:
            return None
        if stream.frames not in (0, len(packets)):
            return None
        keys = sorted(packet.pts for packet in shown if packet.is_keyframe)
        return _consistent(sorted(packet.pts for packet in shown), keys, Fraction(stream.time_base or 1))
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
        clock = Fraction(decoder.stream.time_base or 1)
    finally:
        decoder.close()
    nowhere = np.array([], np.int64)
    stamps = [pts for pts, _ in frames if pts is not None]
    if len(set(stamps)) < len(frames):
        return Stamps(np.arange(len(frames), dtype=np.int64), 1 / rate, nowhere)
    if stamps != sorted(stamps):
        return Stamps(np.array(sorted(stamps), np.int64), clock, nowhere)
    return Stamps(np.array(stamps, np.int64), clock, np.array([pts for pts, key in frames if key], np.int64))
