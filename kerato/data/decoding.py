"""Decoding one film file through PyAV: opening it safely, its packets, its frames, what its header tells.

Knows FFmpeg and nothing of frame numbers; `containers.py` makes a film that can be addressed out of it. A file is
input from a stranger: containers, sizes and protocols are limited before the first byte is decoded, and everything
that can be wrong with it has its sentence.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerato.errors import BadFile, plural, require

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: no frame may have more pixels (a header can announce any size and make the decoder allocate it)
MAX_PIXELS = 1 << 27
#: no film may have more frames (77 hours at 60 per second)
MAX_FRAMES = 1 << 24
#: FFmpeg's names of the containers that are opened. Playlists and scripts, which make FFmpeg open other files, and
#: single pictures and texts, which it would play as a film, are not among them.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,flv,mpegts,mpeg,mpegvideo,asf,ogg,nut,ivf,h264,hevc,av1,obu,"
    "m4v,mjpeg,yuv4mpegpipe,dv,rm,mxf,swf,wav,mp3,flac,aac"
)

Picture = NDArray[np.uint8]


class Decoder:
    """One open handle on the pictures of a film file.

    `trouble` counts what could not be read: damaged frames, undecodable packets, an unreadable part. `packets_read`
    counts packets, and `packets_unseen` those of them that are decoded but not to be shown.

    Raises:
        BadFile: the file is missing, empty, no film, has no pictures, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.container, self.stream = _open(path)
        self.trouble: Counter[str] = Counter()
        self.packets_read = 0
        self.packets_unseen = 0
        self.warm = False

    @property
    def clock(self) -> Fraction:
        """Seconds per tick of the time stamps."""
        return Fraction(self.stream.time_base or Fraction(1, 1000))

    def close(self) -> None:
        """Give the file back."""
        self.container.close()

    def seek(self, tick: int) -> bool:
        """Go to a key frame near `tick`, as the container's own index finds it (often before, sometimes after).

        False: the container cannot.
        """
        if not self.warm:
            # What the start of a film says holds for all of it: H.264 at 4:4:4 by x264 before build 151 decodes to
            # other pixels when the decoder has not read the encoder's version, which stands before the first frame.
            next(self.frames(), None)
            self.warm = True
        try:
            self.container.seek(tick, stream=self.stream, backward=True)
        except _decoding_errors():
            return False
        return True

    def packets(self) -> Iterator[Any]:
        """The compressed frames in the order of the file, an empty one last. A read error ends them."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
                self.packets_read += packet.size > 0
                self.packets_unseen += packet.is_discard
                yield packet
            except StopIteration:
                return
            except IndexError:
                # A packet of a track that the header does not list (in damaged or endless streams) ends PyAV's loop.
                packets = self.container.demux(self.stream)
            except _decoding_errors():
                self.trouble["an unreadable part"] += 1
                return

    def frames(self) -> Iterator[VideoFrame]:
        """The frames in the order in which they are shown; what cannot be decoded is counted and left out."""
        for packet in self.packets():
            yield from self._decoded(packet.decode)
        # After a read error there was no empty packet to bring out the frames that the decoder still holds.
        if self.trouble["an unreadable part"]:
            yield from self._decoded(self.stream.codec_context.decode)

    def _decoded(self, decode: Callable[[], list[Any]]) -> Iterator[VideoFrame]:
        try:
            frames = decode()
        except _decoding_errors():
            self.trouble["an undecodable packet"] += 1
            return
        for frame in frames:
            self.trouble["a damaged frame"] += bool(frame.is_corrupt)
            yield frame


_converters = threading.local()


def rgb(frame: VideoFrame) -> Picture:
    """The frame as an RGB array (height, width, 3) uint8, turned upright as its rotation says."""
    # Not `frame.to_ndarray(format=...)`: a frame keeps one converter, and two threads that share it wait for ever.
    if not hasattr(_converters, "one"):
        _converters.one = require("av", "video", "reading films").video.reformatter.VideoReformatter()
    converted = _converters.one.reformat(frame, format="rgb24", threads=1)
    picture: Picture = np.ascontiguousarray(converted.to_ndarray(), np.uint8)
    turns = _rotation(frame) // 90
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _rotation(frame: VideoFrame) -> int:
    """Degrees, counter-clockwise, by which the decoded picture is turned to stand upright: 0, 90, 180 or 270."""
    degrees = int(frame.rotation) % 360
    return degrees if degrees % 90 == 0 else 0


@dataclass(frozen=True)
class Facts:
    """What the header and the first frame of a film tell.

    Attributes:
        container: FFmpeg's name of the container, such as mov,mp4,m4a,3gp,3g2,mj2.
        codec: FFmpeg's name of the compression, such as h264.
        pixel_format: FFmpeg's name of the stored pixels, such as yuv420p.
        height: rows of a picture turned upright.
        width: columns of a picture turned upright.
        rotation: degrees, counter-clockwise, by which stored pictures are turned to stand upright.
        fps: frames per second that the header announces.
        clock: seconds per tick of the time stamps.
        first: when the first frame is shown, in seconds.
        length: announced duration of the pictures in seconds; 0 if unknown.
        end: announced end of the last frame in seconds; 0 if unknown.
        announced: announced number of frames; 0 if unknown.
        audio: compression of the sound; None for a silent film.
    """

    container: str
    codec: str
    pixel_format: str
    height: int
    width: int
    rotation: int
    fps: Fraction
    clock: Fraction
    first: Fraction
    length: Fraction
    end: Fraction
    announced: int
    audio: str | None


def facts_of(decoder: Decoder, first: VideoFrame) -> Facts:
    """The facts of an open film whose first frame is `first`."""
    stream, container = decoder.stream, decoder.container
    rotation = _rotation(first)
    height, width = (first.height, first.width) if rotation % 180 == 0 else (first.width, first.height)
    start, length = (first.pts or 0) * decoder.clock, _length(stream, container)
    # Matroska announces when the film ends, the others how long it is.
    before = Fraction(0) if container.format.name.startswith("matroska") else start
    return Facts(
        container=container.format.name,
        codec=_codec(stream),
        pixel_format=first.format.name,
        height=height,
        width=width,
        rotation=rotation,
        fps=_rate(stream),
        clock=decoder.clock,
        first=start,
        length=length - (start - before),
        end=before + length if length else Fraction(0),
        announced=int(stream.frames),
        audio=next(map(_codec, container.streams.audio), None),
    )


def _rate(stream: VideoStream) -> Fraction:
    """Frames per second as the file says; 25, FFmpeg's own habit, where it says nothing that can be."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return Fraction(rate)
    return Fraction(25)


def _length(stream: VideoStream, container: InputContainer) -> Fraction:
    """Seconds of pictures that the header announces; 0 if it does not tell those of the pictures from the sound's."""
    if stream.duration:
        return stream.duration * Fraction(stream.time_base or 0)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    with contextlib.suppress(ValueError):
        return 3600 * Fraction(hours) + 60 * Fraction(minutes) + Fraction(seconds)
    return Fraction(0) if container.streams.audio else Fraction(container.duration or 0, 1_000_000)


@functools.cache
def _decoding_errors() -> tuple[type[Exception], ...]:
    av = require("av", "video", "reading films")
    return (av.error.FFmpegError, ValueError, MemoryError, OSError)


def _open(path: Path) -> tuple[InputContainer, VideoStream]:
    """The container and its picture track; every way in which this can fail has its sentence."""
    av = require("av", "video", "reading films")
    _check_file(path)
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except _decoding_errors() as error:
        raise BadFile(f"{path}: {_reason(path, error)}") from None
    try:
        stream = _picture_track(path, container)
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    except Exception:
        container.close()
        raise
    return container, stream


def _check_file(path: Path) -> None:
    if not path.exists():
        raise BadFile(f"{path}: there is no such film. Check the path.")
    if not path.is_file():
        raise BadFile(f"{path}: a film must be a file or a folder of pictures, this is neither. Check the path.")
    if path.stat().st_size == 0:
        raise BadFile(f"{path}: the film is empty (0 bytes). Copy or record it again.")


def _picture_track(path: Path, container: Any) -> Any:
    # A song's cover is a picture track of one frame in FFmpeg's eyes; it does not make the song a film.
    cover = require("av", "video", "reading films").stream.Disposition.attached_pic
    tracks = [track for track in container.streams.video if not track.disposition & cover]
    if tracks and tracks[0].codec_context is None:
        raise BadFile(f"{path}: the pictures are compressed in a way that is not known, or the file is damaged.")
    if tracks:
        return tracks[0]
    sound = [_codec(track) for track in container.streams.audio]
    got = f"sound only ({', '.join(sound)})" if sound else plural(len(container.streams), "track") + " of other kinds"
    raise BadFile(f"{path}: a film must have a picture track. Got {got}. Name a file with pictures.")


def _codec(track: Any) -> str:
    """FFmpeg's name of a track's compression."""
    return track.codec_context.name if track.codec_context is not None else "unknown"


def _reason(path: Path, error: Exception) -> str:
    """Why a file could not be opened as a film, and what to do."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head[4:8] == b"ftyp" and not _has_box(path, b"moov"):
        return "its index (the moov box) is missing, as after a recording or a copy that broke off. Copy it again."
    for magic, kind in PICTURES.items():
        if head.startswith(magic):
            return f"this is a {kind} picture, not a film. Use `kerato image` for pictures, or name their folder."
    # "Invalid argument" is FFmpeg's word for a kind of file that is not among CONTAINERS.
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    kind = "its kind is not known" if words == "Invalid argument" else words.lower()
    return f"this is no film that can be read ({kind}). MP4, MKV, WebM, AVI, GIF and folders of pictures can be."


PICTURES = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}


def _has_box(path: Path, name: bytes) -> bool:
    """Whether an MP4 file has a top-level box of that name that lies wholly in the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:16], "big") if length == 1 else length or size - place
            if head[4:8] == name:
                return place + length <= size
            if length < 8:
                return False
            place += length
    return False
