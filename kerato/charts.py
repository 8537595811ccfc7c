"""Curves as inline SVG: colours and letters come from the page's style, so that they follow its dark form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

WIDTH: Final = 360
HEIGHT: Final = 210
LEFT, RIGHT, TOP, BOTTOM = 36, 112, 12, 30
LABEL_GAP: Final = 14
#: up to so many epochs each has a dot
DOTTED: Final = 20

Point = tuple[float, float]


def curves(
    title: str,
    series: Mapping[str, Sequence[float]],
    ceiling: float | None = None,
    ends: Mapping[str, float] = {},
    marks: Sequence[str] = (),
    axis: str = "epoch",
) -> str:
    """Lines over epochs 1, 2, ... as the text of an `<svg>`; values that are no number leave a gap.

    Args:
        title: what the chart shows, for people who cannot see it.
        series: name -> a number per epoch. The first is drawn whole, others dashed.
        ceiling: the top of the scale, 1 for shares, where the bottom follows the values; without it the scale
            begins at 0.
        ends: name -> a number measured once, after the last epoch; drawn as a ring.
        marks: what stands below the places of the numbers; none for their count.
        axis: what they count.
    """
    epochs = max((len(values) for values in series.values()), default=0)
    known = [v for values in (*series.values(), ends.values()) for v in values if math.isfinite(v)]
    ticks = _ticks(known, ceiling)
    drawing = _Drawing(title, epochs, ticks, marks, axis)
    labels = [drawing.line(name, values, place) for place, (name, values) in enumerate(series.items())]
    labels += [drawing.ring(name, value) for name, value in ends.items() if math.isfinite(value)]
    drawing.names([label for label in labels if label is not None])
    return tostring(drawing.svg, encoding="unicode")


def _ticks(known: Sequence[float], ceiling: float | None) -> list[float]:
    """Three to six round numbers that span the values."""
    low = 0.0 if ceiling is None else min(known, default=0.0)
    high = max(known, default=1.0) if ceiling is None else ceiling
    step = _round_step((high - low or 1.0) / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))


class _Drawing:
    """An SVG with axes, onto which lines are drawn."""

    def __init__(
        self, title: str, epochs: int, ticks: Sequence[float], marks: Sequence[str] = (), axis: str = "epoch"
    ) -> None:
        self.epochs, self.low, self.high = epochs, ticks[0], ticks[-1]
        box = f"0 0 {WIDTH} {HEIGHT}"
        self.svg = Element("svg", {"viewBox": box, "role": "img", "class": "chart", "aria-label": title})
        decimals = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
        for tick in ticks:
            y = self._y(tick)
            self._add("line", "grid", x1=LEFT, y1=y, x2=WIDTH - RIGHT, y2=y)
            self._text(f"{tick:.{decimals}f}", "tick end", LEFT - 6, y + 4)
        named = dict(enumerate(marks, 1)) or {epoch: str(epoch) for epoch in _epochs_to_name(epochs)}
        for epoch, words in named.items():
            self._text(words, "tick middle", self._x(epoch), HEIGHT - BOTTOM + 16)
        self._text(axis, "tick", WIDTH - RIGHT + 16, HEIGHT - BOTTOM + 16)

    def line(self, name: str, values: Sequence[float], place: int) -> tuple[float, str, str] | None:
        """A line; the height of its end, its class and its label."""
        kind = f"series-{place}"
        for run in _runs(values):
            path = " ".join(f"{self._x(epoch):.1f},{self._y(value):.1f}" for epoch, value in run)
            self._add("polyline", kind, points=path)
            for epoch, value in run if self.epochs <= DOTTED else ():
                self._add("circle", f"dot {kind}", cx=self._x(epoch), cy=self._y(value), r=2.5)
        last = next((value for value in reversed(values) if math.isfinite(value)), None)
        return None if last is None else (self._y(last), kind, f"{name} {_short(last)}")

    def ring(self, name: str, value: float) -> tuple[float, str, str]:
        """A ring after the last epoch."""
        self._add("circle", "ring", cx=self._x(max(1, self.epochs)), cy=self._y(value), r=4)
        return self._y(value), "ring", f"{name} {_short(value)}"

    def names(self, labels: Sequence[tuple[float, str, str]]) -> None:
        """The labels beside the ends of their lines, moved apart where they would touch."""
        ordered = sorted(labels)
        heights = [height for height, _, _ in ordered]
        for i in range(1, len(heights)):
            heights[i] = max(heights[i], heights[i - 1] + LABEL_GAP)
        over = max(0.0, heights[-1] - (HEIGHT - BOTTOM)) if heights else 0.0
        for height, (_, kind, label) in zip(heights, ordered, strict=True):
            self._text(label, f"name {kind}", WIDTH - RIGHT + 8, height - over + 4)

    def _x(self, epoch: float) -> float:
        width = WIDTH - LEFT - RIGHT
        return LEFT + width * (0.5 if self.epochs < 2 else (epoch - 1) / (self.epochs - 1))

    def _y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def _add(self, tag: str, kind: str, **values: float | str) -> Element:
        texts = {key: value if isinstance(value, str) else f"{value:.4g}" for key, value in values.items()}
        return SubElement(self.svg, tag, {"class": kind, **texts})

    def _text(self, text: str, kind: str, x: float, y: float) -> None:
        self._add("text", kind, x=x, y=y).text = text


def _runs(values: Sequence[float]) -> list[list[Point]]:
    """The stretches of numbers as points (epoch, value)."""
    runs: list[list[Point]] = [[]]
    for epoch, value in enumerate(values, 1):
        if math.isfinite(value):
            runs[-1].append((epoch, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _epochs_to_name(epochs: int) -> list[int]:
    if epochs < 2:
        return list(range(1, epochs + 1))
    step = int(max(1, _round_step(epochs / 5)))
    inside = [epoch for epoch in range(step, epochs, step) if epoch > 1 and epochs - epoch > step / 2]
    return [1, *inside, epochs]


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"
