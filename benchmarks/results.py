"""What was measured: the table, the ratios to the best peer, and the file that is kept."""

from __future__ import annotations

import csv
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from works import LINES, WORKS


@dataclass
class Result:
    """What one side took for one line of the table: a value per round, in the line's unit."""

    work: str
    side: str
    values: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def best(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """(largest - smallest) / median."""
        return (max(self.values) - self.best) / self.median

    def __str__(self) -> str:
        if not self.values:
            return "-"
        digits = 3 if self.median < 2 else 1 if self.median < 100 else 0
        return f"{self.best:.{digits}f} / {self.median:.{digits}f} ±{self.spread / 2:.0%}"


def table(results: Sequence[Result]) -> str:
    """Works down, sides across: best / median, and half the range of the rounds."""
    sides = list(dict.fromkeys(result.side for result in results))
    rows = [["best / median ± half the range", "unit", *sides]]
    for work in dict.fromkeys(result.work for result in results):
        cells = {result.side: str(result) for result in results if result.work == work}
        rows.append([LINES[work].title, LINES[work].unit, *(cells.get(side, "-") for side in sides)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def ratios(results: Sequence[Result], gflops: float) -> str:
    """How many times faster Kerato is than the best peer of each work, by the medians, with the 90 % interval over
    rounds drawn anew; and its share of the floor, the work's arithmetic at the rate of a large matrix product."""
    lines = [f"float32 matrix product of 3000 x 3000: {gflops:.0f} GFLOP/s"]
    for name, work in WORKS.items():
        measured = {one.side: one for one in results if one.work == name and one.values}
        peers_of_it = [one for side, one in measured.items() if side.startswith(("keras-", "torch"))]
        if not peers_of_it:
            continue
        best = min(peers_of_it, key=lambda one: one.median)
        for own in (one for side, one in measured.items() if side.startswith("kerato")):
            low, high = interval(best.values, own.values)
            floor = work.gflop / gflops * 1000 * work.scale / own.median
            lines.append(
                f"{work.title}, {own.side}: {best.median / own.median:.2f} x {best.side} "
                f"({low:.2f} to {high:.2f}); {floor:.0%} of the floor"
            )
    return "\n".join(lines)


def interval(peer: Sequence[float], own: Sequence[float], draws: int = 4000) -> tuple[float, float]:
    """The 5th and 95th percentile of the ratio of medians when rounds are drawn with replacement, in pairs."""
    pairs, chance = list(zip(peer, own, strict=False)), random.Random(0)
    found = []
    for _ in range(draws):
        drawn = chance.choices(pairs, k=len(pairs))
        found.append(statistics.median(a for a, _ in drawn) / statistics.median(b for _, b in drawn))
    found.sort()
    return found[draws // 20], found[-draws // 20]


def notes(results: Sequence[Result]) -> str:
    """What sides said about a work, a line for each note, beside that nobody wrote it by hand."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if one.note and "not written by hand" not in one.note:
            found.setdefault((LINES[one.work].title, one.note), []).append(one.side)
    return "\n".join(f"{title}: {note} ({', '.join(sides)})" for (title, note), sides in found.items())


def write(path: Path, results: Sequence[Result], described: dict[str, str]) -> None:
    """Keep the results beside the description of the machine."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in described.items())
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["work", "side", "unit", "best", "median", "spread", "rounds", "note"])
        for one in results:
            numbers = [f"{value:.4g}" for value in (one.best, one.median, one.spread)] if one.values else [""] * 3
            lines.writerow([one.work, one.side, LINES[one.work].unit, *numbers, len(one.values), one.note])
