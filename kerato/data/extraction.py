"""Pictures out of a film: each chosen frame a file, and a manifest that says which frame it is.

One thread decodes; the others turn frames upright and into RGB, resize, compress and write them. Files, order and
manifest do not depend on the number of threads.
"""

from __future__ import annotations

import collections
import csv
import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerato.data.containers import Moment
from kerato.data.decoding import Picture
from kerato.data.video import Film
from kerato.errors import BadFile, InvalidValue, require, unknown
from kerato.image.arrays import whole
from kerato.image.files import FORMATS, encode
from kerato.image.geometry import resize


@dataclass(frozen=True)
class Entry:
    """One line of the manifest.

    Attributes:
        index: number of the frame in the film, from 0.
        time_s: its presentation time stamp, seconds on the film's clock.
        file: name of the picture.
        sha256: of the picture's bytes.
    """

    index: int
    time_s: float
    file: str
    sha256: str


@dataclass(frozen=True)
class Extraction:
    """What `extract` wrote.

    Attributes:
        film: the film.
        folder: where the pictures and the manifest lie.
        manifest: path of the manifest.
        entries: one per picture, in order.
        damage: what could not be read, in words; empty if nothing.
    """

    film: Path
    folder: Path
    manifest: Path
    entries: list[Entry]
    damage: str


def extract(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    every: int = 1,
    seconds: float | None = None,
    start: float | None = None,
    stop: float | None = None,
    size: tuple[int, int] | None = None,
    suffix: str = "jpg",
    quality: int = 95,
    manifest: str = "json",
    threads: int | None = None,
) -> Extraction:
    """Write frames of a film as pictures `000000.jpg`, `000001.jpg`, ... and a manifest `frames.json`.

    Args:
        path: a film file or a folder of pictures.
        out: the folder; made if it is not there.
        every: as in `frames`.
        seconds: as in `frames`.
        start: as in `frames`.
        stop: as in `frames`.
        size: (height, width) of the pictures; by default the film's own.
        suffix: jpg, png, webp, bmp, tif, ...
        quality: of JPEG and WebP, 1 to 100.
        manifest: json (film, choice, frames) or csv (index, time_s, file, sha256).
        threads: threads that compress; by default one per core.

    Raises:
        BadFile: the film cannot be read, or the folder not written.
        InvalidValue: an argument cannot be, or no frame lies in the range.
    Warns:
        DamagedFilm: parts of the film could not be read; the frames that could are there.
    Source: book 8.6.
    """
    ending = "." + suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise unknown("frames", "the picture format", suffix, [name[1:] for name in FORMATS])
    if manifest not in MANIFESTS:
        raise unknown("frames", "the manifest format", manifest, MANIFESTS)
    choice = {"every": every, "seconds": seconds, "start": start, "stop": stop}
    folder = Path(out)
    writer = _Writer(folder, size, ending, whole("frames", "quality", quality))
    with Film(path) as film:
        moments = film.moments(every, seconds, start, stop)
        folder.mkdir(parents=True, exist_ok=True)
        entries = list(_in_order(writer, moments, threads or cores()))
        if not entries:
            raise InvalidValue(f"frames: no frame of {path} lies between {start} and {stop} s. Widen the range.")
        facts = asdict(film.properties(count=False))
        done = Extraction(film.path, folder, folder / f"frames.{manifest}", entries, film.damage)
    MANIFESTS[manifest](done, facts | choice)
    return done


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Writer:
    folder: Path
    size: tuple[int, int] | None
    suffix: str
    quality: int

    def __call__(self, number: int, moment: Moment) -> Entry:
        picture = moment.picture()
        data = compressed(picture if self.size is None else resize(picture, self.size), self.suffix, self.quality)
        file = self.folder / f"{number:06d}{self.suffix}"
        try:
            file.write_bytes(data)
        except OSError as error:
            raise BadFile(f"{file} cannot be written ({error.strerror}). Name another folder with --out.") from None
        return Entry(moment.index, float(moment.time), file.name, hashlib.sha256(data).hexdigest())


def compressed(picture: Picture, suffix: str, quality: int) -> bytes:
    """The picture, (height, width, 3) uint8 RGB, as the bytes of a file."""
    if suffix not in (".jpg", ".jpeg"):
        return encode(picture, suffix, quality=quality)
    # OpenCV and Pillow both use libjpeg-turbo, but OpenCV lets other threads run meanwhile.
    cv2 = require("cv2", "image", "writing frames")
    done, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InvalidValue(f"frames: a picture of shape {picture.shape} cannot be a JPEG (65,535 pixels a side).")
    return bytes(data)


def _in_order(writer: _Writer, moments: Iterator[Moment], threads: int) -> Iterator[Entry]:
    """Entries in the order of the moments, with a bounded number of frames in the air."""
    flying: collections.deque[Future[Entry]] = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for number, moment in enumerate(moments):
                flying.append(pool.submit(writer, number, moment))
                if len(flying) > 2 * threads:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            for future in flying:
                future.cancel()


def _write_json(done: Extraction, facts: dict[str, Any]) -> None:
    content = facts | {
        "path": str(done.film),
        "damage": done.damage or None,
        "frames": [asdict(entry) for entry in done.entries],
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    done.manifest.write_text(text + "\n", encoding="utf-8")


def _write_csv(done: Extraction, facts: dict[str, Any]) -> None:
    with done.manifest.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ["index", "time_s", "file", "sha256"])
        rows.writeheader()
        rows.writerows(asdict(entry) for entry in done.entries)


MANIFESTS = {"json": _write_json, "csv": _write_csv}
