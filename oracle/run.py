"""The oracle: does Kerato compute what Keras 3 computes? `make oracle` writes the answer to docs/oracle.md.

Both packages compute the same lines of `cases.py`, each in a process of its own, Keras on JAX in the environment that
`benchmarks/peers.py` makes (ORACLE_PEERS or BENCH_PEERS names the folder of one that exists). The exit status is 1
when a number differs or a name is missing without a reason in `reasons.py`.

`python oracle/run.py 'layers/Random*' files/LSTM applications/VGG16` compares only that, and leaves the page alone.
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

SIDES = ("kerato", "keras")

TOLERANCE = 1e-5
#: of statistics of drawn numbers, in standard deviations
OF_DRAWS = 0.05

#: names that are ways into a family, not members of it
WAYS = {"Constraint", "Initializer", "Input", "InputLayer", "InputSpec", "Layer", "LearningRateSchedule", "Loss"}
WAYS |= {"MeanMetricWrapper", "Metric", "Optimizer", "Regularizer", "Wrapper", "deserialize", "get", "schedules"}
WAYS |= {"serialize"}

TITLES = {"files": "Files, both ways"}

ABOUT = """# Does Kerato compute what Keras 3 computes?

`make oracle` compares the two: the same weights, the same inputs, float32 on a CPU. For layers these are the outputs,
the changed state, the losses and the gradients by weights and inputs, in the test phase and, where nothing is drawn, in
training; for losses values and gradients, with every reduction, weighed and not; for metrics results after three
batches; for optimizers a trajectory of 20 updates of two weights; for initializers the numbers or, where they are
drawn, their quantiles, limits and standard deviation; for files a network of each layer, `.keras` and `.weights.h5`,
written by one side and read by the other; for nets the logits of random weights, and those of
the same net built here, its weights read from a file in the layout of Keras 2. Names come from listing both packages,
so none is left out.

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


def compute(python: Path, folder: Path, chosen: list[str]) -> None:
    """Let both sides work at the same time, then read each other's files, then nets cross."""
    common = {**os.environ, "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    common |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ours = Path(sys.executable), {**common, "KERAS_BACKEND": ""}
    nets = [pattern for pattern in chosen if pattern.startswith("applications/")]
    for phase in ("compute", "read"):
        started = [
            subprocess.Popen([program, "-W", "ignore", HERE / "side.py", name, folder, phase, *chosen], env=environment)
            for name, (program, environment) in {"keras": (python, common), "kerato": ours}.items()
        ]
        if any([process.wait() for process in started]):
            raise SystemExit("a side of the oracle broke off")
    names = [pattern.partition("/")[2] for pattern in nets]
    if names or not chosen:
        subprocess.run([python, "-W", "ignore", HERE / "applications.py", folder, *names], env=common, check=True)


class Results:
    """What both sides found."""

    def __init__(self, folder: Path) -> None:
        self.values: dict[str, Any] = {}
        self.names: dict[str, Any] = {}
        self.failed: dict[str, dict[str, str]] = {}
        for side in SIDES:
            self.values[side], self.failed[side] = {}, {}
            for stem in (side, f"{side}_read"):
                found = json.loads((folder / f"{stem}.json").read_text())
                self.names[side] = found["names"]
                self.failed[stem] = found["failed"]
                with np.load(folder / f"{stem}.npz") as file:
                    self.values[side] |= {key: file[key] for key in file.files}
        nets = folder / "applications.json"
        self.applications = json.loads(nets.read_text()) if nets.exists() else {}

    def failures(self) -> dict[str, str]:
        """Case -> why it could not be compared; a line that Keras cannot compute either is no question."""
        found = {**self.failed["kerato"], **self.failed["kerato_read"], **self.failed["keras_read"]}
        return {key: text for key, text in found.items() if key not in self.failed["keras"]}

    def has(self, family: str, name: str) -> bool:
        """Whether both packages have the name."""
        return all(name in self.names[side][family] for side in SIDES)

    def compared(self) -> dict[str, dict[str, float]]:
        """`family/name` -> case -> the largest difference."""
        mine, theirs = self.values["kerato"], self.values["keras"]
        left_out = (*self.failed["keras"], *self.failures())
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for key in {**theirs, **mine}:
            family, name, case = key.split("/", 2)
            case, _, what = case.rpartition("/")[0].rpartition("/")
            if not f"{family}/{name}/{case}".startswith(left_out) and self.has(family, name):
                gap = distance(mine.get(key), theirs.get(key), what)
                found[f"{family}/{name}"][case] = max(gap, found[f"{family}/{name}"].get(case, 0.0))
        return found


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
    compared, text, wrong = results.compared(), ABOUT, []
    for key, traceback in results.failures().items():
        why = reason(reasons.DIFFERENCES, key)
        wrong += [] if why else [f"{key}: {traceback.strip().splitlines()[-1]}"]
    for family, names in results.names["keras"].items():
        rows = []
        for name, itself in sorted(names.items(), key=lambda item: item[0].lower()):
            if name not in WAYS and results.has(family, name):
                row, bad = one_row(family, name, itself, names, compared.get(f"{family}/{name}", {}))
                rows += row
                wrong += bad
        text += table(TITLES.get(family, family.capitalize()), "name | cases | largest difference | why", rows)
    rows, bad = crossings(results)
    missing, without = lacking(results)
    text += table(
        "Nets of keras.applications", "net | from_keras | and back with to_keras | built, weights from a file", rows
    )
    return text + table("What Kerato has not", "family | name | why", missing), [*wrong, *bad, *without]


def one_row(
    family: str, name: str, itself: str, names: dict[str, str], cases: dict[str, float]
) -> tuple[list[str], list[str]]:
    """The row of a name that both have, and what is wrong with it."""
    alias = {other.replace("_", "").lower() for other in names if other != name}
    if not cases and family == "files":
        return [], []
    if not cases and ((itself in names and itself != name) or itself.replace("_", "").lower() in alias):
        return [f"| {name} | | | another name of {itself} |"], []
    whys = {
        case: reason(reasons.DIFFERENCES, f"{family}/{name}/{case}") for case, gap in cases.items() if gap > TOLERANCE
    }
    wrong = [f"{family}/{name}/{case}: {written(cases[case])}" for case, why in whys.items() if not why]
    wrong += [] if cases else [f"{family}/{name}: not compared, needs a line in cases.py"]
    why = "; ".join(dict.fromkeys(whys.values()))
    return [f"| {name} | {len(cases)} | {written(max(cases.values(), default=float('inf')))} | {why} |"], wrong


def lacking(results: Results) -> tuple[list[str], list[str]]:
    """Rows of names that Keras has and Kerato has not, and those of them without a reason."""
    rows, wrong = [], []
    for family, names in results.names["keras"].items():
        for name in sorted(names, key=str.lower):
            if name not in WAYS and family != "files" and not results.has(family, name):
                why = reason(reasons.MISSING, f"{family}/{name}")
                rows.append(f"| {family} | {name} | {why} |")
                wrong += [] if why else [f"{family}/{name}: Keras has it, Kerato has not, without a reason"]
    return rows, wrong


def crossings(results: Results) -> tuple[list[str], list[str]]:
    """Rows of nets that crossed, and those that did not."""
    rows, wrong = [], []
    for name, gaps in results.applications.items():
        if "failed" in gaps:
            rows.append(f"| {name} | fails | | |")
            wrong.append(f"applications/{name}: {gaps['failed'].strip().splitlines()[-1]}")
        else:
            built = written(gaps["built"]) if "built" in gaps else ""
            rows.append(f"| {name} | {written(gaps['in'])} | {written(gaps['out'])} | {built} |")
            wrong += [f"applications/{name}: {gaps}"] if max(gaps.values()) > TOLERANCE else []
    return rows, wrong


def table(title: str, head: str, rows: list[str]) -> str:
    """A table with its heading."""
    return f"## {title}\n\n| {head} |\n|{'---|' * (head.count('|') + 1)}\n" + "\n".join(rows) + "\n\n"


def is_of(key: str, chosen: list[str]) -> bool:
    """Whether `family/name` or `family/name/case` is of a chosen name."""
    return any(fnmatch.fnmatchcase("/".join(key.split("/", 2)[:2]), pattern) for pattern in chosen)


def main(chosen: list[str]) -> int:
    """Compare, write the page, say what is wrong; of a part, only say what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        compute(environment(), Path(folder), chosen)
        text, wrong = page(Results(Path(folder)))
    if chosen:
        wrong = [line for line in wrong if is_of(line.partition(":")[0], chosen)]
        print("\n".join(wrong) or f"no difference without a reason in {', '.join(chosen)}")
        return 1 if wrong else 0
    PAGE.write_text(text.rstrip() + "\n", encoding="utf-8")
    print("\n".join(wrong) or f"no difference without a reason; the table is in {PAGE.relative_to(ROOT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
