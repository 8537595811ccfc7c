"""`kerato evaluate`: how good a trained model is on labelled pictures."""

from __future__ import annotations

from typing import Any

import click

from kerato.commands import answer, json_option, note, quiet_option

#: classes of the table that a person reads; all are in the JSON
ROWS = 40


@click.command()
@click.argument("model")
@click.argument("data")
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "test", "all"]),
    help="Which pictures of DATA. [default: those for testing, else all]",
)
@json_option
@quiet_option
def evaluate(model: str, data: str, part: str | None, as_json: bool, quiet: bool) -> None:
    """Measure MODEL (a .keras file or the folder of a run) on DATA (a data set or a folder of pictures by class)."""
    from kerato.data.picture_folder import skipped_lines
    from kerato.tasks import answers

    found = answers.evaluate(answers.load(model), data, part)
    for line in skipped_lines(found.skipped):
        note(line, quiet)
    if found.remark:
        note(f"Note: {found.remark}.", quiet)
    answer({"model": model, **found.as_json()}, as_json, _lines(found))


def _lines(found: Any) -> list[str]:
    rows = list(found.scores.per_class().items())
    width = max(len(name) for name, _ in rows)
    table = [
        f"  {name:<{width}}  {row['pictures']:>6,} pictures  {100 * row['found']:5.1f} % found"
        f"  {100 * row['right_when_named']:5.1f} % right when named"
        for name, row in rows[:ROWS]
    ]
    more = [f"  and {len(rows) - ROWS:,} more classes, see --json"] if len(rows) > ROWS else []
    mixed = [f"  {n:,} times {true} was taken for {taken}" for true, taken, n in found.scores.confused()]
    return [f"{found.data}, {found.part}: {found.scores.line()}", *table, *more, *mixed]
