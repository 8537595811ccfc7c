"""Every frame of a film to JPEG, beside `ffmpeg`; all frames sought in random order, beside decoding from the start.

    python benchmarks/frames.py FILM... [--turns N] [--out FILE]

Speed: both sides are given the same film and the same cores, one after the other in each turn, so that a busy minute of
the machine hits both alike; the ratio is that of the median times, and a second one that of processor seconds. The
pictures of both are compared with the decoded frames (PSNR), so that neither is fast by being coarse: `ffmpeg` gets its
best usual quality (-q:v 2), Kerato its default (95). Seeking: frames whose pixels or stamps differ, of all; stamps are
those that `ffprobe` reads from the container.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerato.data import Film, extract, frames
from kerato.data.extraction import cores
from kerato.image import read


def by_kerato(film: Path, folder: Path) -> None:
    """Every frame to JPEG, with a manifest."""
    extract(film, folder)


def by_ffmpeg(film: Path, folder: Path) -> None:
    """Every frame to JPEG."""
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(film), "-q:v", "2", str(folder / "%06d.jpg")], check=True)


SIDES = {"kerato": by_kerato, "ffmpeg": by_ffmpeg}


def timed(side: Callable[[Path, Path], None], film: Path, folder: Path) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    before, start = _processor_s(), time.perf_counter()
    side(film, folder)
    return time.perf_counter() - start, _processor_s() - before


def _processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def quality(film: Path, folder: Path) -> dict[str, float]:
    """Mean PSNR in dB of every 25th picture against its frame, and mean bytes."""
    files = sorted(folder.glob("*.jpg"))
    errors = [
        np.mean((read(files[frame.index]).astype(float) - frame.picture) ** 2) for frame in frames(film, every=25)
    ]
    return {
        "psnr_db": round(float(np.mean(10 * np.log10(255**2 / np.array(errors)))), 2),
        "bytes": round(statistics.mean(file.stat().st_size for file in files)),
    }


def speed(film: Path, turns: int) -> dict[str, object]:
    """Median seconds of both sides, quality of their pictures, ratios (above 1: Kerato is faster)."""
    clock: dict[str, list[float]] = {name: [] for name in SIDES}
    processor: dict[str, list[float]] = {name: [] for name in SIDES}
    looks: dict[str, dict[str, float]] = {}
    for turn in range(turns):
        for name in sorted(SIDES, reverse=turn % 2 == 1):
            with tempfile.TemporaryDirectory() as folder:
                wall_s, processor_s = timed(SIDES[name], film, Path(folder))
                clock[name].append(wall_s)
                processor[name].append(processor_s)
                looks[name] = looks.get(name) or quality(film, Path(folder))
    middle = {name: statistics.median(times) for name, times in clock.items()}
    work = {name: statistics.median(times) for name, times in processor.items()}
    return {
        "cores": cores(),
        "turns": turns,
        "seconds": clock,
        "pictures": looks,
        "ratio": round(middle["ffmpeg"] / middle["kerato"], 3),
        "ratio_processor": round(work["ffmpeg"] / work["kerato"], 3),
    }


def seeking(film: Path) -> dict[str, object]:
    """How many frames sought in random order differ from decoding in order, and stamps from the container's."""
    straight = [(f.index, f.time_s, hashlib.sha1(f.picture.tobytes()).digest()) for f in frames(film)]
    order = random.Random(0).sample(range(len(straight)), len(straight))
    start = time.perf_counter()
    with Film(film) as opened:
        found = (
            (f.index, f.time_s, hashlib.sha1(f.picture.tobytes()).digest()) for f in map(opened.__getitem__, order)
        )
        differ = sum(frame != straight[frame[0]] for frame in found)
    spent = time.perf_counter() - start
    stamps = container_stamps(film)
    wrong = sum(abs(a - b[1]) > 1e-6 for a, b in zip(stamps, straight, strict=False)) + abs(len(stamps) - len(straight))
    return {
        "frames": len(straight),
        "differ": differ,
        "stamps_wrong": wrong,
        "ms_per_seek": round(1000 * spent / len(straight), 1),
    }


def container_stamps(film: Path) -> list[float]:
    """Presentation time stamps of the picture track, in seconds, as `ffprobe` reads them."""
    entries = ["-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    told = subprocess.run(["ffprobe", "-v", "error", *entries, str(film)], capture_output=True, text=True, check=True)
    return sorted(float(line.strip(",")) for line in told.stdout.split())


def main() -> None:
    """Run what the command line asks for and print one JSON object per film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--turns", type=int, default=7, help="turns of the speed comparison; 0 leaves it out")
    parser.add_argument("--out", type=Path, help="also write the results to this file")
    given = parser.parse_args()
    results = {}
    for film in given.films:
        result = {"seeking": seeking(film)} | ({"speed": speed(film, given.turns)} if given.turns else {})
        results[film.name] = result
        print(film.name, json.dumps(result), file=sys.stderr, flush=True)
    text = json.dumps(results, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
