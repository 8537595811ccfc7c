"""`kerato compare`: training runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from kerato.commands import answer, json_option


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@json_option
def compare(runs: tuple[Path, ...], as_json: bool) -> None:
    """Put training runs (folders that `kerato train` wrote) side by side: settings that differ, scores, curves."""
    if len(runs) < 2:
        raise click.UsageError("compare needs two runs or more, such as runs/cats-1 runs/cats-2.")
    from kerato.tasks import comparison

    found = comparison.compare(runs)
    answer(found.as_json(), as_json, found.lines())
