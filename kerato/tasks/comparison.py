"""Training runs side by side: the settings that differ, the scores with their intervals, the curves as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kerato.tasks.records import read_record

SETTINGS: Final = ("data", "net", "epochs", "batch_size", "augment", "seed", "picture_shape", "samples", "parameters")
"""What is compared, of what `run.json` holds."""

BLOCKS: Final = "▁▂▃▄▅▆▇█"
"""The heights of a curve in text."""

WIDEST: Final = 40
"""Signs of a curve; longer ones are thinned."""


@dataclass
class Comparison:
    """Runs with their records and histories, by folder."""

    records: dict[str, dict[str, Any]]
    histories: dict[str, dict[str, list[float]]]

    def differing(self) -> dict[str, dict[str, Any]]:
        """Setting -> run -> value, of the settings that are not the same everywhere."""
        found = {name: {run: kept.get(name) for run, kept in self.records.items()} for name in SETTINGS}
        return {name: values for name, values in found.items() if len({str(value) for value in values.values()}) > 1}

    def scores(self) -> dict[str, dict[str, Any]]:
        """Run -> the part that it was measured on, accuracy, interval and seconds of training."""
        found = {}
        for run, kept in self.records.items():
            part = str(kept.get("judged") or "test")
            accuracy, interval = kept.get(f"{part}_accuracy"), kept.get(f"{part}_interval")
            found[run] = {"part": part, "accuracy": accuracy, "interval": interval, "seconds": kept.get("seconds")}
        return found

    def verdict(self) -> str:
        """What the scores of the best two say about each other."""
        found = [(run, one) for run, one in self.scores().items() if one["accuracy"] is not None and one["interval"]]
        ranked = sorted(found, key=lambda item: -item[1]["accuracy"])
        if len(ranked) < 2:
            return "there are no two scores to compare"
        (best, first), (_, second) = ranked[:2]
        if first["interval"][0] > second["interval"][1]:
            return f"{best} is better: its interval lies above all others"
        return f"{best} has the highest score, but the intervals overlap: this may be chance"

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain data."""
        return {
            "runs": list(self.records),
            "differing": self.differing(),
            "scores": self.scores(),
            "curves": self.histories,
            "verdict": self.verdict(),
        }

    def lines(self) -> list[str]:
        """The comparison for a person."""
        return [*self._settings(), *self._scores(), *self._curves(), self.verdict()]

    def _settings(self) -> list[str]:
        differing = self.differing()
        if not differing:
            return ["settings: all the same"]
        width = max(map(len, self.records))
        rows = [f"  {run:<{width}}  {', '.join(f'{k} {v[run]}' for k, v in differing.items())}" for run in self.records]
        return ["settings that differ", *rows]

    def _scores(self) -> list[str]:
        width = max(map(len, self.records))
        return ["scores", *(f"  {run:<{width}}  {_score(one)}" for run, one in self.scores().items())]

    def _curves(self) -> list[str]:
        names = dict.fromkeys(name for history in self.histories.values() for name in history)
        width = max(map(len, self.records))
        lines = ["curves, by epoch"]
        for name in names:
            curves = {run: history[name] for run, history in self.histories.items() if name in history}
            every = [value for curve in curves.values() for value in curve]
            low, high = min(every), max(every)
            lines.append(f"  {name}, {low:.3g} to {high:.3g}")
            lines += [f"    {run:<{width}}  {curve_text(curve, low, high)}" for run, curve in curves.items()]
        return lines


def _score(one: dict[str, Any]) -> str:
    if one["accuracy"] is None:
        return "not measured"
    low, high = (100 * end for end in one["interval"] or (0.0, 1.0))
    share = f"{one['part']} accuracy {100 * one['accuracy']:.2f} % ({low:.1f} to {high:.1f} %)"
    return f"{share}, {float(one['seconds'] or 0):.1f} s of training"


def curve_text(values: Sequence[float], low: float, high: float) -> str:
    """A curve as a row of blocks, the height of each between `low` and `high`; a number that is none is a `?`."""
    chosen = values if len(values) <= WIDEST else [values[i * len(values) // WIDEST] for i in range(WIDEST)]
    span = (high - low) or 1.0
    return "".join(BLOCKS[min(7, max(0, int(8 * (v - low) / span)))] if v == v else "?" for v in chosen)


def compare(runs: Sequence[Path]) -> Comparison:
    """The comparison of runs in these folders.

    Raises:
        BadFile: one of them is no folder of a run.
    """
    found = {str(run): read_record(run, "compare") for run in runs}
    return Comparison({run: kept for run, (kept, _) in found.items()}, {run: h for run, (_, h) in found.items()})
