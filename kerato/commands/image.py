"""`kerato image OP FILE...`: the operations of chapter 7 on files, with pictures and numbers as the result."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np

from kerato.commands import answer, json_option, new_folder, note, out_option, quiet_option
from kerato.errors import KeratoError, MissingExtra, plural, suggest
from kerato.image import fonts
from kerato.image.arrays import Picture, over_white, to_uint8
from kerato.image.draw import sheet as side_by_side
from kerato.image.edges import threshold
from kerato.image.files import read, write
from kerato.image.operations import OPERATIONS, Operation, Setting, settings


class Numbers(click.ParamType[Any]):
    """One number, or two separated by a comma or an x: `3` or `3,5` or `150x200`."""

    name = "N[,N]"

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number or the pair; anything else is wrong usage."""
        if not isinstance(value, str):
            return value
        try:
            numbers = tuple(self.kind(part) for part in value.replace("x", ",").split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 2):
            kind = "whole number" if self.kind is int else "number"
            self.fail(f"{value!r} is neither one {kind} nor two separated by a comma.", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


TYPES: dict[str, Any] = {"int": int, "float": float, "str": str, "ints": Numbers(int), "floats": Numbers(float)}


class Operations(click.Group):
    """The operations as commands, listed under the sections of the book."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the chapter."""
        return list(OPERATIONS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of one operation; `_` counts as `-`."""
        name = name.replace("_", "-")
        return command(OPERATIONS[name]) if name in OPERATIONS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One block of the help for each section."""
        for section in dict.fromkeys(operation.section for operation in OPERATIONS.values()):
            rows = [(o.name, o.summary) for o in OPERATIONS.values() if o.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest name for one that is not known."""
        if args and not args[0].startswith("-") and args[0].replace("_", "-") not in OPERATIONS:
            known = suggest(args[0], OPERATIONS) or "`kerato image --help` lists them."
            raise click.UsageError(f"kerato image has no operation {args[0]!r}. {known}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Operations, no_args_is_help=True)
def image() -> None:
    """Filter, measure and draw on pictures (chapter 7): kerato image OP FILE...

    Each picture comes out as a PNG of the same name, and measured.json holds what was measured.
    `kerato image OP --help` shows the options of an operation.
    """


@functools.cache
def command(operation: Operation) -> click.Command:
    """The click command of an operation, its options derived from the function's signature."""

    def callback(**given: Any) -> None:
        process(operation, **given)

    decorators: list[Callable[..., Any]] = [click.argument("files", nargs=-1, required=True, metavar="FILE...")]
    decorators += [_option(setting) for setting in settings(operation)]
    if operation.mask:
        decorators += [
            click.option(
                "--threshold", "level", type=float, help="Inside is what is brighter. [default: Otsu's value]"
            ),
            click.option("--dark", is_flag=True, help="Inside is what is not brighter."),
        ]
    sheet = click.option("--sheet", is_flag=True, help="Also write before and after side by side.")
    decorated = functools.reduce(
        lambda function, decorator: decorator(function),
        reversed([*decorators, sheet, out_option, json_option, quiet_option]),
        callback,
    )
    return click.command(operation.name, help=f"{operation.summary}.")(decorated)


def _option(setting: Setting) -> Callable[..., Any]:
    name = setting.name.replace("_", "-")
    if setting.kind == "flag":
        return click.option(f"--{name}/--no-{name}", default=setting.default, help=setting.help)
    known = {str(choice): choice for choice in setting.choices}
    declared: dict[str, Any] = {
        "type": click.Choice(list(known)) if known else TYPES[setting.kind],
        "help": setting.help,
    }
    if known:
        declared["callback"] = lambda ctx, param, value: known.get(value, value)
    if setting.default is inspect.Parameter.empty:
        declared["required"] = True
    elif setting.default is not None:
        declared |= {"default": str(setting.default) if known else setting.default, "show_default": True}
    return click.option(f"--{name}", setting.name, **declared)


def process(
    operation: Operation,
    files: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    quiet: bool,
    sheet: bool,
    **given: Any,
) -> None:
    """Run the operation on every file, write pictures, sheets and measured.json, and say what came out.

    A file that cannot be processed is named; the others are processed all the same, and the exit code is 1.
    """
    folder = new_folder(out, f"image-{operation.name}")
    used: set[str] = set()
    done, failed, absent = [], [], ""
    for file in files:
        try:
            record, lacking = _one(operation, file, folder, used, sheet, given)
        except MissingExtra:
            raise
        except KeratoError as error:
            failed.append({"file": click.format_filename(file), "reason": str(error)})
            note(str(error))
        else:
            done.append(record)
            absent += lacking
    if absent:
        note(
            f"sheet: no installed font has {''.join(dict.fromkeys(absent))!r}, left out. Noto Sans CJK has most.", quiet
        )
    result = {"operation": operation.name, "settings": given, "folder": str(folder), "files": done, "failed": failed}
    with (folder / "measured.json").open("w", encoding="utf-8") as stream:
        json.dump(result, stream, ensure_ascii=False, indent=1)
    answer(result, as_json, _lines(done, len(files), folder))
    if failed:
        raise click.exceptions.Exit(1)


def _one(
    operation: Operation, file: str, folder: Path, used: set[str], sheet: bool, given: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """The record of one file, and the characters of its name that no font has."""
    picture = read(file, "stored")
    picture = over_white(picture) if picture.ndim == 3 and picture.shape[2] == 4 else picture
    result, measured = _result(operation, picture, dict(given))
    name = _free(used, Path(file).stem, (".png", ".sheet.png"))
    shown = result if result.dtype == np.uint16 else to_uint8(result)
    written = write(folder / f"{name}.png", shown)
    record = {"file": click.format_filename(file), "picture": click.format_filename(written), "shape": result.shape}
    if result.dtype not in (np.bool_, np.uint8, np.uint16):
        record["shown_from_to"] = [float(result.min()), float(result.max())]
    lacking = ""
    if sheet:
        captions = (Path(file).name, _caption(operation, given, measured))
        lacking = fonts.missing("".join(captions))
        record["sheet"] = click.format_filename(
            _sheet(folder / f"{name}.sheet.png", (picture, shown), captions, lacking)
        )
    return record | {"measured": measured}, lacking


def _result(operation: Operation, picture: Picture, given: dict[str, Any]) -> tuple[Picture, dict[str, Any]]:
    mask = threshold(picture, given.pop("level"), dark=given.pop("dark")) if operation.mask else None
    result = operation.run(picture, mask, **given)
    return result if isinstance(result, tuple) else (result, {})


def _free(used: set[str], stem: str, endings: Iterable[str]) -> str:
    """`stem`, or the first of `stem-2`, `stem-3` ... whose files are not taken yet, on systems that ignore case too."""
    name, number = stem, 1
    while any(f"{name}{ending}".lower() in used for ending in endings):
        number += 1
        name = f"{stem}-{number}"
    used.update(f"{name}{ending}".lower() for ending in endings)
    return name


def _sheet(path: Path, pictures: Iterable[Picture], captions: Iterable[str], lacking: str) -> Path:
    kept = ["".join(character for character in caption if character not in lacking) for caption in captions]
    return write(path, side_by_side(list(pictures), kept))


def _caption(operation: Operation, given: dict[str, Any], measured: dict[str, Any]) -> str:
    """The operation with the settings that differ from their defaults, and the numbers found."""
    defaults = {setting.name: setting.default for setting in settings(operation)}
    chosen = [_plain(name, value) for name, value in given.items() if value not in (None, False, defaults.get(name))]
    return ", ".join([" ".join([operation.name, *chosen]), *_numbers(measured)])


def _plain(name: str, value: Any) -> str:
    words = ",".join(
        f"{n:g}" if isinstance(n, float) else str(n) for n in np.atleast_1d(np.array(value, object)).tolist()
    )
    return name.replace("_", "-") + ("" if value is True else f" {words}")


def _numbers(measured: dict[str, Any]) -> list[str]:
    return [f"{name}: {value:g}" for name, value in measured.items() if isinstance(value, int | float)]


def _lines(done: list[dict[str, Any]], asked: int, folder: Path) -> list[str]:
    rows = [f"{r['file']} -> {r['picture']} {', '.join(_numbers(r['measured']))}".rstrip() for r in done]
    summary = f"{plural(len(done), 'picture')} of {asked} in {folder}, numbers in {folder / 'measured.json'}"
    return [*rows, summary]
