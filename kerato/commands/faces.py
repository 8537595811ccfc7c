"""`kerato faces find FILE...` marks faces in pictures and films; `kerato faces collect SOURCE` cuts out a person's."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerato.commands import answer, json_option, new_folder, note, out_option, quiet_option
from kerato.errors import KeratoError, MissingExtra, plural

if TYPE_CHECKING:
    from kerato.faces import Collection, Detector

model_option = click.option(
    "--model", type=click.Path(path_type=Path), metavar="FILE", help="YuNet's ONNX file. [default: Haar cascade]"
)


@click.group(no_args_is_help=True)
def faces() -> None:
    """Faces: find and mark them, collect them per person."""


@faces.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@model_option
@click.option(
    "--seconds", type=float, default=1.0, show_default=True, metavar="S", help="Search films every S seconds."
)
@out_option
@json_option
@quiet_option
def find(
    files: tuple[Path, ...], model: Path | None, seconds: float, out: Path | None, as_json: bool, quiet: bool
) -> None:
    """Mark the faces in pictures, films and folders of pictures, and write their boxes to faces.json."""
    from kerato.faces import detector

    using = detector(model)
    folder = new_folder(out, "faces")
    found: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for file in files:
        try:
            with warnings.catch_warnings(action="ignore"):
                found.extend(_marked(file, using, seconds, folder, len(found)))
        except MissingExtra:
            raise
        except KeratoError as error:
            failed.append({"file": str(file), "reason": str(error)})
            note(str(error))
    result = {"detector": using.name, "folder": str(folder), "pictures": found, "failed": failed}
    (folder / "faces.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    total = sum(len(entry["faces"]) for entry in found)
    summary = f"{plural(total, 'face')} in {plural(len(found), 'picture')}, marked in {folder}, boxes in faces.json"
    answer(result, as_json, [*(_line(entry) for entry in found[:20]), *(["..."] if len(found) > 20 else []), summary])
    if failed:
        raise click.exceptions.Exit(1)


def _marked(file: Path, using: Detector, seconds: float, folder: Path, number: int) -> Iterator[dict[str, Any]]:
    """Write each picture of `file` with its faces marked; what was found in it."""
    from kerato.faces import annotated, pictures_of
    from kerato.image.files import write

    for place, picture in pictures_of(file, seconds):
        result = using(picture)
        marked = write(folder / f"{number:06d}-{file.stem}.jpg", annotated(picture, result))
        number += 1
        pairs = zip(result.boxes.tolist(), result.scores.tolist(), strict=True)
        yield {
            "file": str(file),
            "picture": place,
            "marked": marked.name,
            "faces": [{"box": box, "score": score} for box, score in pairs],
        }


def _line(entry: dict[str, Any]) -> str:
    boxes = ", ".join("{2}x{3} at ({0}, {1})".format(*face["box"]) for face in entry["faces"])
    return f"{entry['picture']}: {boxes or 'no face'}"


@faces.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The person: name of the folder of crops.")
@model_option
@click.option("--count", type=click.IntRange(1), metavar="N", help="Stop after N crops.")
@click.option("--seconds", type=float, metavar="S", help="Search a film every S seconds. [default: every frame]")
@click.option(
    "--margin", type=float, default=0.15, show_default=True, help="Added on each side, as a part of the face."
)
@click.option("--size", type=click.IntRange(1), metavar="N", help="Side of the crops in pixels. [default: as found]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The album. [default: runs/faces-N]")
@json_option
@quiet_option
def collect(
    source: Path,
    name: str,
    model: Path | None,
    count: int | None,
    seconds: float | None,
    margin: float,
    size: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Cut the largest face out of every picture of SOURCE (a folder, a picture or a film): DIR/NAME/000000.png, ...

    More persons go into the same DIR one after the other. DIR/NAME-sheet.png shows the crops, DIR/NAME.json lists them.
    """
    from kerato.faces import collect as collected
    from kerato.faces import detector

    using = detector(model)
    album = out or new_folder(None, "faces")
    with warnings.catch_warnings(action="ignore"):
        done = collected(source, name, album, using=using, count=count, seconds=seconds, margin=margin, size=size)
    for reason in done.skipped.values():
        note(reason, quiet)
    result = done.as_dict() | {"detector": using.name}
    (album / f"{name}.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    answer(result, as_json, _collected(done))


def _collected(done: Collection) -> list[str]:
    without = f", {len(done.empty)} without a face" if done.empty else ""
    return [
        f"{plural(len(done.crops), 'crop')} of {plural(done.seen, 'picture')}{without} in {done.folder}",
        f"look at {done.sheet} and delete the crops that are not {done.name}",
    ]
