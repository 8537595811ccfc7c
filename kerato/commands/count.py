"""`kerato count`: the parameters and connections of a model, layer by layer."""

from __future__ import annotations

from typing import Any

import click

from kerato.commands import answer, json_option


@click.command()
@click.argument("model")
@json_option
def count(model: str, as_json: bool) -> None:
    """Count parameters and connections of MODEL: a net's name (lenet5, vgg16, ...), a model file, or a run's folder.

    A connection is one use of a weight for one output: shared weights are counted as often as they are used.
    """
    from kerato.applications import named
    from kerato.counting import counts, total

    net = named(model)
    rows = counts(net)
    sums = total(rows)
    result = {"model": model, "layers": [row.as_json() for row in rows], "total": sums}
    answer(result, as_json, _lines(rows, sums))


def _lines(rows: list[Any], sums: dict[str, int | None]) -> list[str]:
    shown = [row for row in rows if row.parameters]
    table = [("layer", "output", "parameters", "connections", "")]
    table += [
        (f"{row.layer} ({row.kind})", row.output, f"{row.parameters:,}", _number(row.connections), row.formula)
        for row in shown
    ]
    fixed = (sums["parameters"] or 0) - (sums["trainable"] or 0)
    remark = f"and {fixed:,} that are not trained" if fixed else ""
    table.append(("total", "", f"{sums['trainable']:,}", _number(sums["connections"]), remark))
    widths = [max(len(row[i]) for row in table) for i in range(5)]
    return [_line(row, widths) for row in table]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.rjust(width) if i in (2, 3) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _number(connections: int | None) -> str:
    return "?" if connections is None else f"{connections:,}"
