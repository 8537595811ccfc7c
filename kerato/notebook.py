"""What a notebook shows: tables, curves and a progress bar as HTML. Knows no models, and IPython only where it runs."""

from __future__ import annotations

import html
import importlib
import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kerato.charts import curves

#: finished epochs that stay below the bar; the History has them all
KEPT: Final = 5
#: seconds between two drawings of the bar
PAUSE_S: Final = 0.1

_STYLE = """
.kerato { font-family: system-ui, sans-serif; color: inherit; }
.kerato table { border-collapse: collapse; } .kerato caption { text-align: left; font-weight: 600; }
.kerato th, .kerato td { text-align: left; padding: .15em 1em .15em 0; border-bottom: 1px solid #8884; }
.kerato .number { text-align: right; font-variant-numeric: tabular-nums; }
.kerato .charts { display: flex; flex-wrap: wrap; gap: 1rem 2rem; } .kerato figure { margin: 0; width: 22rem; }
.kerato text { font-size: 11px; fill: currentColor; } .kerato .end { text-anchor: end; }
.kerato .middle { text-anchor: middle; } .kerato .grid { stroke: #8884; }
.kerato polyline { fill: none; stroke-width: 2; } .kerato polyline.series-1 { stroke-dasharray: 5 3; }
.kerato .series-0 { stroke: #3b7dd8; } .kerato .series-1 { stroke: #d9822b; }
.kerato .dot.series-0, .kerato .name.series-0 { fill: #3b7dd8; stroke: none; }
.kerato .dot.series-1, .kerato .name.series-1 { fill: #d9822b; stroke: none; }
"""


def is_running() -> bool:
    """Whether a notebook's kernel, not a terminal or a script, shows what is printed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def page(content: str) -> str:
    """A fragment of HTML with the style that it needs."""
    return f'<div class="kerato"><style>{_STYLE}</style>{content}</div>'


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int], end: str) -> str:
    """A table as HTML, every text escaped; `numbers` are the columns that are aligned at their right."""

    def line(cells: Sequence[str], tag: str) -> str:
        kinds = [' class="number"' if i in numbers else "" for i in range(len(cells))]
        return "".join(f"<{tag}{k}>{html.escape(cell)}</{tag}>" for k, cell in zip(kinds, cells, strict=True))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    head = f"<caption>{html.escape(title)}</caption><thead><tr>{line(heads, 'th')}</tr></thead>"
    return page(f"<table>{head}<tbody>{body}</tbody></table><p>{html.escape(end)}</p>")


def learning_curves(history: Mapping[str, Sequence[Any]]) -> str:
    """A chart per loss and metric over epochs, training drawn whole and validation dashed."""
    drawn = {name: values for name, values in history.items() if not any(map(_is_vector, values))}
    plain = [name for name in drawn if not (name.startswith("val_") and name[4:] in drawn)]
    charts = "".join(_chart(name, drawn[name], drawn.get(f"val_{name}")) for name in plain)
    return page(f'<div class="charts">{charts}</div>')


def _is_vector(value: Any) -> bool:
    return bool(getattr(value, "ndim", 0))


def _chart(name: str, values: Sequence[float], validation: Sequence[float] | None) -> str:
    series = {"train": values} if validation is None else {"train": values, "validation": validation}
    known = [value for line in series.values() for value in line if math.isfinite(value)]
    ceiling = 1.0 if "acc" in name and max(known, default=0.0) <= 1 else None
    return f"<figure><figcaption>{html.escape(name)}</figcaption>{curves(name, series, ceiling)}</figure>"


class Bar:
    """A progress bar in a cell's output, drawn anew in its place."""

    def __init__(self) -> None:
        self._display = importlib.import_module("IPython.display")
        self._handle: Any = None
        self._done: list[str] = []
        self._drawn = -math.inf

    def begin(self, title: str, total: int | None) -> None:
        """A new round, of `total` steps if that is known."""
        self._title, self._total = title, total
        self.show(0, "")

    def show(self, step: int, numbers: str) -> None:
        """`step` steps of the round are done."""
        if time.perf_counter() - self._drawn < PAUSE_S:
            return
        bar = f'<progress value="{step}" max="{self._total}"></progress>' if self._total else "<progress></progress>"
        count = f"{step:,}/{self._total:,}" if self._total else f"{step:,}"
        self._draw([*self._done, f"{html.escape(self._title)} {bar} {count} {html.escape(numbers)}"])

    def end(self, numbers: str) -> None:
        """The round is over: its numbers stay."""
        self._done = [*self._done[-KEPT + 1 :], html.escape(f"{self._title} - {numbers}")]
        self._draw(self._done)

    def _draw(self, lines: Sequence[str]) -> None:
        self._drawn = time.perf_counter()
        shown = self._display.HTML(page("<br>".join(lines)))
        if self._handle is None:
            self._handle = self._display.display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def stop(self) -> None:
        """Nothing to put back: the output stays as it is."""
