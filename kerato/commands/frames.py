"""`kerato frames VIDEO`: pictures out of a film, with a manifest."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kerato.commands import answer, json_option, new_folder, note, out_option, quiet_option
from kerato.errors import plural


class Time(click.ParamType[float]):
    """A point of time: seconds, or minutes:seconds, or hours:minutes:seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; anything else is wrong usage."""
        try:
            total = 0.0
            for part in str(value).split(":"):
                total = 60 * total + float(part)
            return total
        except ValueError:
            self.fail(f"{value!r} is no time. Write seconds (83.5) or minutes and seconds (1:23.5).", param, ctx)


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--every", type=click.IntRange(1), metavar="N", help="Take one frame of N. [default: 1]")
@click.option("--seconds", type=float, metavar="S", help="Take the frame on the screen at every S seconds.")
@click.option("--from", "start", type=Time(), metavar="T", help="Begin at this time (83.5 or 1:23.5).")
@click.option("--to", "stop", type=Time(), metavar="T", help="End before this time.")
@click.option("--size", type=click.IntRange(1), nargs=2, metavar="H W", help="Resize the pictures.")
@click.option("--format", "suffix", default="jpg", show_default=True, metavar="F", help="jpg, png, webp, bmp, tif, ...")
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of JPEG and WebP.")
@click.option("--manifest", type=click.Choice(["json", "csv"]), default="json", show_default=True, help="Its format.")
@click.option("--info", is_flag=True, help="Only tell what the film is; write nothing.")
@out_option
@json_option
@quiet_option
def frames(
    video: Path,
    every: int | None,
    seconds: float | None,
    start: float | None,
    stop: float | None,
    size: tuple[int, int] | None,
    suffix: str,
    quality: int,
    manifest: str,
    info: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the frames of VIDEO, a film file or a folder of pictures, as pictures 000000.jpg, 000001.jpg, ...

    The manifest frames.json (or .csv) says for each picture: index of the frame, time stamp in seconds, file, sha256.
    """
    if info:
        _tell(video, as_json)
        return
    if every is not None and seconds is not None:
        raise click.UsageError("--every and --seconds exclude each other. Give one of them.")
    from kerato.data.extraction import extract
    from kerato.data.video import Film

    # The folder is made only for a film that can be read and a range that is in it.
    Film(video).moments(every or 1, seconds, start, stop)
    with warnings.catch_warnings(action="ignore"):
        done = extract(
            video,
            new_folder(out, "frames"),
            every=every or 1,
            seconds=seconds,
            start=start,
            stop=stop,
            size=size,
            suffix=suffix,
            quality=quality,
            manifest=manifest,
        )
    if done.damage:
        note(f"{video} is damaged: {done.damage}. The frames that could be read are there.", quiet)
    first, last = done.entries[0], done.entries[-1]
    span = f"frames {first.index} to {last.index}, {first.time_s:.3f} to {last.time_s:.3f} s"
    result = {
        "film": video,
        "folder": done.folder,
        "manifest": done.manifest,
        "pictures": len(done.entries),
        "damage": done.damage or None,
    }
    answer(result, as_json, [f"{plural(len(done.entries), 'picture')} in {done.folder} ({span})", str(done.manifest)])


def _tell(video: Path, as_json: bool) -> None:
    from kerato.data.video import properties

    facts = properties(video)
    rate = f"{facts.fps:.6g} fps" + (" on average, variable" if facts.variable_rate else "")
    turned = f", stored turned by {facts.rotation} degrees" if facts.rotation else ""
    lines = [
        f"{video}: {facts.codec} in {facts.container.split(',')[0]}, sound: {facts.audio or 'none'}",
        f"{facts.width} x {facts.height} pixels{turned}, {rate}",
        f"{plural(facts.frames, 'frame')} ({facts.frames_from}), {facts.duration_s:.3f} s from {facts.start_s:g} s",
    ]
    answer(asdict(facts), as_json, lines)
