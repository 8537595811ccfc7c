"""The table of a model's layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerato import notebook


def summary_text(model: Any, line_length: int | None = None) -> str:
    """Layer (type), output shape, number of parameters, and where the input comes from if that is not plain."""
    heads, rows = _cells(model)
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    rule = "-" * max(line_length or 0, sum(widths) + 2 * len(widths) - 2)
    lines = [_line(heads, widths), rule, *(_line(row, widths) for row in rows), rule]
    return "\n".join([f'Model "{model.name}"', rule, *lines, _totals(model)])


def summary_html(model: Any) -> str:
    """The same table for a notebook."""
    heads, rows = _cells(model)
    return notebook.table(f'Model "{model.name}"', heads, rows, (2,), _totals(model))


def _cells(model: Any) -> tuple[list[str], list[list[str]]]:
    rows = [[_kind(layer), _shape(layer), f"{_count(layer.variables):,}", _sources(layer)] for layer in model.layers]
    heads = ["Layer (type)", "Output shape", "Parameters", "Connected to"]
    columns = 3 if type(model).__name__ == "Sequential" else 4
    return heads[:columns], [row[:columns] for row in rows]


def _totals(model: Any) -> str:
    trained, total = _count(model.trainable_weights), _count(model.variables)
    return f"Parameters: {total:,} (trainable {trained:,}, fixed {total - trained:,})"


def _line(cells: list[str], widths: list[int]) -> str:
    last = len(cells) - 1
    aligned = [
        cell.rjust(width) if i == 2 else cell if i == last else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def _kind(layer: Any) -> str:
    return f"{layer.name} ({type(layer).__name__})"


def _shape(layer: Any) -> str:
    try:
        return str(layer.output_shape)
    except AttributeError:
        shapes = {str(layer.get_output_shape_at(i)) for i in range(len(layer._nodes))}
        return " or ".join(sorted(shapes)) or "?"


def _count(variables: Any) -> int:
    return int(sum(np.prod(variable.shape, dtype=np.int64) for variable in variables))


def _sources(layer: Any) -> str:
    tensors = [tensor for node in layer._nodes for tensor in node.inputs]
    return ", ".join(dict.fromkeys(t.node.name if t.node else (t.layer or t).name for t in tensors))
