"""The table of a model's layers."""

from __future__ import annotations

from typing import Any

import numpy as np


def summary_text(model: Any, line_length: int | None = None) -> str:
    """Layer (type), output shape, number of parameters, and where the input comes from if that is not plain."""
    rows = [[_kind(layer), _shape(layer), f"{_count(layer.variables):,}", _sources(layer)] for layer in model.layers]
    chain = type(model).__name__ == "Sequential"
    heads = ["Layer (type)", "Output shape", "Parameters", "Connected to"]
    if chain:
        rows, heads = [row[:3] for row in rows], heads[:3]
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    rule = "-" * max(line_length or 0, sum(widths) + 2 * len(widths) - 2)
    lines = [_line(heads, widths), rule, *(_line(row, widths) for row in rows), rule]
    trained = _count(model.trainable_weights)
    total = _count(model.variables)
    title = [f'Model "{model.name}"', rule]
    ends = [f"Parameters: {total:,} (trainable {trained:,}, fixed {total - trained:,})"]
    return "\n".join([*title, *lines, *ends])


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
