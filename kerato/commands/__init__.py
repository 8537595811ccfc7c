"""What all verbs share: `--out`, `--json`, `--seed`, `--quiet`, and how results are printed.

Standard output carries the answer (a few plain lines, or one JSON object under `--json`); everything
else, progress included, goes to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kerato.errors import BadFile

Command = Callable[..., Any]

out_option = click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for the results. [default: runs/NAME-N]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress on standard error.")


def new_folder(out: Path | None, name: str) -> Path:
    """The folder of a run, made: `out` itself, or the first free `runs/NAME-N`; nothing is ever overwritten.

    Raises:
        BadFile: `out` holds files already, or the folder cannot be made.
    """
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            if any(out.iterdir()):
                raise BadFile(f"--out: the folder {out} must be empty or new, but it holds files. Name another one.")
            return out
        Path("runs").mkdir(exist_ok=True)
        number = 1
        while True:
            folder = Path("runs") / f"{name}-{number}"
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder
    except BadFile:
        raise
    except OSError as error:
        raise BadFile(
            f"--out: the folder {out or 'runs'} cannot be written ({error.strerror}). Name another one with --out."
        ) from None


def answer(result: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """Print the outcome of a verb: `result` as one JSON object, or the `lines` written for a person."""
    click.echo(json.dumps(result, ensure_ascii=False, default=str) if as_json else "\n".join(lines))


def note(text: str, quiet: bool = False) -> None:
    """A line on standard error, for progress and remarks."""
    if not quiet:
        click.echo(text, err=True)
