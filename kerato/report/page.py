"""The page: everything in one file of HTML, without scripts and without the network.

Names of classes and files are untrusted. Every value is escaped by the template engine, cleaned of characters that
cannot be shown or that turn the direction of the text, and the page forbids itself all loading.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from kerato.charts import curves
from kerato.report.evidence import Evidence, shares
from kerato.report.verdict import judge, percent, remarks
from kerato.saving.archive import write_beside

#: up to so many classes the whole confusion matrix is shown, above it the commonest mistakes only
MATRIX: Final = 20
#: up to so many classes their table is open
OPEN_CLASSES: Final = 20
PAIRS: Final = 20

#: control characters, halves of surrogate pairs, marks that turn the direction of text
_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def write(path: Path, evidence: Evidence) -> Path:
    """Write the page, whole or not at all, and return its path.

    Raises:
        BadFile: it cannot be written; a page that was there stays.
    """
    data = render(evidence).encode("utf-8")
    write_beside(path, lambda file: file.write(data))
    return path


def render(evidence: Evidence) -> str:
    """The page as text."""
    return str(environment().get_template("page.html.jinja").render(_view(evidence)))


def environment() -> Any:
    """The template engine of all pages: it escapes and cleans whatever it is given."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(percent=percent, seconds=seconds, tight=tight, number=lambda value: f"{value:,}")
    return made


def clean(value: Any) -> Any:
    """A text with what cannot be shown replaced by �; anything else as it is."""
    return _UNSHOWABLE.sub("\ufffd", value) if type(value) is str else value


def tight(text: str) -> str:
    """Percentages that no line break divides."""
    return text.replace(" %", "\u00a0%")


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _view(evidence: Evidence) -> dict[str, Any]:
    """What the template shows."""
    learning = evidence.learning
    return {
        "it": evidence,
        "record": evidence.record,
        "scores": evidence.scores,
        "learning": learning,
        "verdict": judge(learning),
        "remarks": remarks(learning),
        "charts": _charts(evidence),
        "robustness": _robustness(evidence),
        "classes": _classes(evidence),
        "open_classes": len(evidence.record.class_names) <= OPEN_CLASSES,
        "matrix": _matrix(evidence),
        "pairs": _pairs(evidence),
        "times": _times(evidence.record.seconds),
    }


def _charts(evidence: Evidence) -> list[tuple[str, Any]]:
    """(heading, SVG) of loss and accuracy."""
    from markupsafe import Markup

    record, scores = evidence.record, evidence.scores
    found = []
    for name, ceiling in (("loss", None), ("accuracy", 1.0)):
        lines = {"train": record.series(name), "validation": record.series(f"val_{name}")}
        lines = {label: values for label, values in lines.items() if values}
        final = {} if scores is None or record.part == "validation" else {record.part: getattr(scores, name)}
        if lines:
            title = f"{name} over {record.epochs} epochs: {_ends(lines)}"
            found.append((name.capitalize(), Markup(curves(title, lines, ceiling, final))))
    return found


def _robustness(evidence: Evidence) -> Any:
    """The SVG of accuracy over the size of a change; None without."""
    from markupsafe import Markup

    seen = evidence.sight
    if not seen.changes:
        return None
    marks = [f"{255 * change:.3g}" for change in seen.changes]
    title = "accuracy over the largest change of a grey level: " + ", ".join(
        f"{percent(share)} at {mark}" for mark, share in zip(marks, seen.accuracy, strict=True)
    )
    svg = curves(title, {"attacked": list(seen.accuracy)}, 1.0, marks=marks, axis="grey levels of 255")
    return Markup(svg)


def _ends(lines: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} from {values[0]:.3f} to {values[-1]:.3f}" for name, values in lines.items())


@dataclass(frozen=True)
class ClassRow:
    """A class: its pictures by part, their number on the scale of the largest, and (pictures, share right) of them
    and of the answers with its name."""

    name: str
    counts: list[int]
    size: float
    right: list[tuple[int, float]]


def _classes(evidence: Evidence) -> list[ClassRow]:
    counts, scores = list(evidence.counts.values()), evidence.scores
    largest = max(max(counts[0]), 1)
    axes = () if scores is None else (1, 0)
    sides = [
        list(zip(scores.confusion.sum(axis).tolist(), shares(scores.confusion, axis), strict=True))
        for axis in axes
        if scores is not None
    ]
    return [
        ClassRow(name, [part[i] for part in counts], counts[0][i] / largest, [side[i] for side in sides])
        for i, name in enumerate(evidence.record.class_names)
    ]


def _matrix(evidence: Evidence) -> list[tuple[str, list[tuple[int, float]]]]:
    """(class, [(how often it was called so, share of the class)]); empty for many classes."""
    if evidence.scores is None or len(evidence.record.class_names) > MATRIX:
        return []
    counts = evidence.scores.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows: Sequence[Any] = list(zip(counts.tolist(), shares.tolist(), strict=True))
    return [(name, list(zip(*row, strict=True))) for name, row in zip(evidence.record.class_names, rows, strict=True)]


def _pairs(evidence: Evidence) -> list[tuple[str, str, int]]:
    if evidence.scores is None or len(evidence.record.class_names) <= MATRIX:
        return []
    return evidence.scores.confused(PAIRS)


def _times(spent: Any) -> list[tuple[str, float, float]]:
    """(what, seconds, share) of the time."""
    total = sum(spent.values()) or 1.0
    return [(what, value, value / total) for what, value in spent.items()]
