"""The oracle: does Kerato compute what Keras 3 computes? `make oracle` writes the answer to docs/oracle.md.

Both packages compute the same lines of `cases.py`, each in a process of its own, Keras on JAX in the environment that
`benchmarks/peers.py` makes (ORACLE_PEERS or BENCH_PEERS names the folder of one that exists). The exit status is 1
when a number differs or a name is missing without a reason in `reasons.py`.
"""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import reasons

HERE = Path(__file__).parent
ROOT = HERE.parent
PAGE = ROOT / "docs" / "oracle.md"

TOLERANCE = 1e-5
#: of statistics of drawn numbers, in standard deviations
OF_DRAWS = 0.05

#: names that are ways into a family, not members of it
WAYS = {
    "deserialize",
    "get",
    "serialize",
    "Layer",
    "Loss",
    "Metric",
    "Optimizer",
    "Initializer",
    "Constraint",
    "Wrapper",
}
WAYS |= {"Regularizer", "LearningRateSchedule", "Input", "InputLayer", "MeanMetricWrapper", "schedules"}

ABOUT = """# Does Kerato compute what Keras 3 computes?

`make oracle` compares the two: the same weights, the same inputs, float32 on a CPU. For layers these are the outputs,
the changed state, the losses and the gradients by weights and inputs, in the test phase and, where nothing is drawn, in
training; for losses values and gradients, with every reduction, weighed and not; for metrics results after three
batches; for optimizers a trajectory of 20 updates of two weights; for initializers the numbers or, where they are
drawn, their quantiles, limits and standard deviation. Names come from listing both packages, so none is left out.

A difference is the largest of all numbers of an object, divided by the largest number where that is above 1; up to
1e-5 counts as equal (drawn numbers: 0.05 standard deviations).

"""


def environment() -> Path:
    """The interpreter of the Keras side, made where there is none."""
    if os.environ.get("ORACLE_PEERS"):
        os.environ["BENCH_PEERS"] = os.environ["ORACLE_PEERS"]
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import peers

    if not peers.python("jax").exists():
        peers.install("jax", peers.ENVIRONMENTS["jax"])
    return peers.python("jax")


def compute(python: Path, folder: Path) -> None:
    """Let both sides work at the same time."""
    common = {**os.environ, "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    sides = [(python, "keras", {}), (Path(sys.executable), "kerato", {"KERAS_BACKEND": ""})]
    started = [
        subprocess.Popen([program, "-W", "ignore", HERE / "side.py", name, folder], env={**common, **more})
        for program, name, more in sides
    ]
    if any([process.wait() for process in started]):
        raise SystemExit("a side of the oracle broke off")


class Results:
    """What both sides found."""

    def __init__(self, folder: Path) -> None:
        self.values: dict[str, Any] = {}
        self.names: dict[str, Any] = {}
        self.failed: dict[str, dict[str, str]] = {}
        for side in ("kerato", "keras"):
            found = json.loads((folder / f"{side}.json").read_text())
            self.names[side], self.failed[side] = found["names"], found["failed"]
            with np.load(folder / f"{side}.npz") as file:
                self.values[side] = {key: file[key] for key in file.files}
        # A line that Keras cannot compute either is no question.
        self.failed["kerato"] = {k: v for k, v in self.failed["kerato"].items() if k not in self.failed["keras"]}

    def compared(self) -> dict[str, dict[str, float]]:
        """`family/name` -> case -> the largest difference."""
        mine, theirs = self.values["kerato"], self.values["keras"]
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for key in {**theirs, **mine}:
            family, name, case = key.split("/", 2)
            case = case.rpartition("/")[0].rpartition("/")[0]
            if f"{family}/{name}/{case}" in {*self.failed["keras"], *self.failed["kerato"]}:
                continue
            if hasattr_both(self, family, name):
                gap = distance(mine.get(key), theirs.get(key), key.rsplit("/", 2)[1])
                found[f"{family}/{name}"][case] = max(gap, found[f"{family}/{name}"].get(case, 0.0))
        return found


def hasattr_both(results: Results, family: str, name: str) -> bool:
    """Whether both packages have the name."""
    return all(name in results.names[side][family] for side in ("kerato", "keras"))


def distance(mine: Any, theirs: Any, what: str) -> float:
    """The largest difference of two arrays, in the page's sense; infinite where the shapes differ."""
    if mine is None or theirs is None or mine.shape != theirs.shape:
        return float("inf")
    if mine.size == 0:
        return 0.0
    if what == "statistics":
        return float(np.abs(mine - theirs).max() / theirs[0]) * TOLERANCE / OF_DRAWS
    same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    gap = np.where(same, 0.0, np.abs(mine - theirs)).max()
    size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0)
    return float("inf") if np.isnan(gap) else float(gap / size)


def reason(table: dict[str, str], key: str) -> str:
    """The reason that a table has for a key, or an empty text."""
    return next((why for pattern, why in table.items() if fnmatch.fnmatchcase(key, pattern)), "")


def written(gap: float) -> str:
    """A difference as the page shows it."""
    if gap == float("inf"):
        return "shapes differ"
    return "0" if gap == 0 else f"{gap:.0e}"


def page(results: Results) -> tuple[str, list[str]]:
    """The text of the page, and what is wrong without a reason."""
    compared, wrong = results.compared(), [f"{key}: {v}" for key, v in results.failed["kerato"].items()]
    text, missing = ABOUT, []
    for family, names in results.names["keras"].items():
        rows = []
        for name, itself in sorted(names.items(), key=lambda item: item[0].lower()):
            key, same = f"{family}/{name}", itself if itself != name and itself in names else ""
            if name in WAYS:
                continue
            if name not in results.names["kerato"][family]:
                why = reason(reasons.MISSING, key)
                missing.append(f"| {family} | {name} | {why} |")
                wrong += [] if why else [f"{key}: Keras has it, Kerato has not, without a reason"]
                continue
            cases = compared.get(key, {})
            if not cases and (same or names.get(name, "").lower() in {n.lower() for n in names if n != name}):
                rows.append(f"| {name} | | another name of {same or itself} |")
                continue
            gap, why = max(cases.values(), default=float("inf")), ""
            bad = [case for case, value in cases.items() if value > TOLERANCE]
            for case in bad:
                why = reason(reasons.DIFFERENCES, f"{key}/{case}")
                wrong += [] if why else [f"{key}/{case}: {written(cases[case])}"]
            wrong += [] if cases else [f"{key}: not compared, needs a line in cases.py"]
            rows.append(f"| {name} | {len(cases)} | {written(gap)} | {why} |".replace("|  |", "| |"))
        head = f"## {family.capitalize()}\n\n| name | cases | largest difference | why |\n|---|---|---|---|\n"
        text += (
            head + "\n".join(row.replace("| |", "| | |", 1) if row.count("|") == 4 else row for row in rows) + "\n\n"
        )
    text += "## What Kerato has not\n\n| family | name | why |\n|---|---|---|\n" + "\n".join(missing) + "\n"
    return text, wrong


def main() -> int:
    """Compare, write the page, say what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        compute(environment(), Path(folder))
        text, wrong = page(Results(Path(folder)))
    PAGE.write_text(text, encoding="utf-8")
    print("\n".join(wrong) or f"no difference without a reason; the table is in {PAGE.relative_to(ROOT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
