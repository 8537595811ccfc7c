"""`make bench`: the works of `works.py` on every side, interleaved, as one table and one CSV file.

Every side is a process that stays; a round goes over all sides in turn, so that a busy minute of the machine
hits all of them alike. Compare the columns of one run, not numbers of two runs. A run of all works on all sides is
kept as `results/DATE.csv` with the description of the machine; name no works and no sides for that.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peers
from works import WORKS

HERE = Path(__file__).parent
ROUND_S = 1.5  # of one side


@dataclass(frozen=True)
class Side:
    """Who is measured: its interpreter, the module it imports, the variables it is started with."""

    python: Path
    module: str
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self, cache: Path) -> dict[str, str]:
        """The process's variables; `cache` keeps whatever a side keeps between its processes."""
        own = {"KERATO_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
        return {**os.environ, **own, **self.variables}


def keras(environment: str, backend: str) -> Side:
    """Keras 3 with one of its backends."""
    return Side(peers.python(environment), "keras", {"KERAS_BACKEND": backend})


SIDES = {
    "kerato": Side(Path(sys.executable), "kerato"),
    "kerato portable": Side(Path(sys.executable), "kerato", {"KERATO_NATIVE": "0"}),
    "kerato bfloat16": Side(Path(sys.executable), "kerato", {"BENCH_POLICY": "mixed_bfloat16"}),
    "jax by hand": Side(Path(sys.executable), "jax"),
    "jax with our kernels": Side(Path(sys.executable), "jax-kernels"),
    "torch by hand": Side(peers.python("torch"), "torch"),
    "keras-tensorflow": keras("tf", "tensorflow"),
    "keras-jax": keras("jax", "jax"),
    "keras-torch": keras("torch", "torch"),
}

START = "start"  # the name of the three lines below among the works
STARTS = {
    "import": "import (s)",
    "first step": "second start of a script, import to first step (s)",
    "whole": "second start of a script, both (s)",
}
EVERY = [*WORKS, START]


@dataclass
class Result:
    """What one side took for one work: a value per round, in `unit`."""

    work: str
    side: str
    unit: str
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


class Process:
    """A worker process and the questions it is asked."""

    def __init__(self, name: str, side: Side, cache: Path, log: Any) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [side.python, HERE / "worker.py", side.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=side.environment(cache),
        )

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """One request, one answer; a process that has died answers with an error."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        try:
            self.process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process has ended"}
        return answer


@contextmanager
def workers(sides: dict[str, Side], cache: Path) -> Iterator[list[Process]]:
    """One process per side, ended with the block."""
    with ExitStack() as stack, tempfile.TemporaryFile("w+") as log:
        processes = [Process(name, side, cache, log) for name, side in sides.items()]
        for one in processes:
            stack.enter_context(one.process)
            stack.callback(one.process.kill)
        yield processes


def measure(work: str, processes: Sequence[Process], rounds: int, seconds: float) -> list[Result]:
    """Milliseconds per step of one work on all sides, a round going over the sides in turn."""
    results = []
    for process in processes:
        answer = process.ask("prepare", work=work, seconds=seconds)
        note = answer.get("note", answer.get("error", ""))
        results.append((process, "error" not in answer, Result(work, process.name, "ms", note=note)))
    for _ in range(rounds):
        for process, works, result in results:
            answer = process.ask("round") if works else {}
            if "ms" in answer:
                result.values.append(answer["ms"])
    return [result for _, _, result in results]


def measure_starts(sides: dict[str, Side], rounds: int, cache: Path) -> list[Result]:
    """Seconds that a new process takes; the first start of each side, which fills caches, does not count."""
    started = {name: side for name, side in sides.items() if not side.module.startswith(("jax", "torch"))}
    results = {name: [Result(work, name, "s") for work in STARTS] for name in started}
    for count in range(rounds + 1):
        for name, side in started.items():
            command = [str(side.python), str(HERE / "start.py"), side.module]
            done = subprocess.run(command, capture_output=True, text=True, env=side.environment(cache))
            took = json.loads(done.stdout.strip().rpartition("\n")[2]) if not done.returncode else {}
            for result in results[name]:
                result.note = done.stderr.strip().rpartition("\n")[2] if done.returncode else ""
                result.values += [took[result.work]] if took and count else []
    return [result for row in results.values() for result in row]


def machine(processes: Sequence[Process]) -> dict[str, str]:
    """Processor, cores, system and versions: what a number depends on, and nothing that names the machine."""
    versions = {}
    for process in processes:
        found = process.ask("versions").get("versions", {})
        versions[process.name] = " ".join(f"{name} {version}" for name, version in found.items())
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        **versions,
    }


def processor() -> str:
    """The processor's name, and which of the vector units that matter here it has."""
    listing = Path("/proc/cpuinfo")
    text = listing.read_text() if listing.is_file() else ""
    name = re.search(r"model name\s*:\s*(.+)", text)
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if re.search(rf"\b{flag}\b", text)]
    return ", ".join([name[1].strip() if name else platform.processor() or platform.machine(), *flags])


def title(work: str) -> str:
    """The work's line in the table."""
    return WORKS[work].title if work in WORKS else STARTS[work]


def table(results: Sequence[Result]) -> str:
    """Works down, sides across: best / median, and half the range of the rounds."""
    sides = list(dict.fromkeys(result.side for result in results))
    rows = [["ms per step, or s: best / median ± half the range", *sides]]
    for work in dict.fromkeys(result.work for result in results):
        cells = {result.side: str(result) for result in results if result.work == work}
        rows.append([title(work), *(cells.get(side, "-") for side in sides)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def ratios(results: Sequence[Result], gflops: float) -> str:
    """How many times faster Kerato is than the best peer of each work, by the medians, with the 90 % interval over
    rounds drawn anew; and its share of the floor, the work's arithmetic at the rate of a large matrix product."""
    lines = [f"float32 matrix product of 3000 x 3000: {gflops:.0f} GFLOP/s"]
    for work in (name for name in WORKS if any(one.work == name for one in results)):
        measured = {one.side: one for one in results if one.work == work and one.values}
        peers_of_it = [one for name, one in measured.items() if name.startswith(("keras-", "torch"))]
        if not peers_of_it:
            continue
        best = min(peers_of_it, key=lambda one: one.median)
        for own in (one for name, one in measured.items() if name.startswith("kerato")):
            low, high = interval(best.values, own.values)
            floor = WORKS[work].gflop / gflops * 1000 / own.median
            lines.append(
                f"{title(work)}, {own.side}: {best.median / own.median:.2f} x {best.side} "
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


def write(path: Path, results: Sequence[Result], described: dict[str, str]) -> None:
    """Keep the results beside the description of the machine."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in described.items())
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["work", "side", "unit", "best", "median", "spread", "rounds", "note"])
        for one in results:
            numbers = [f"{value:.4g}" for value in (one.best, one.median, one.spread)] if one.values else [""] * 3
            lines.writerow([one.work, one.side, one.unit, *numbers, len(one.values), one.note])


def options() -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", nargs="+", choices=EVERY, default=EVERY, metavar="WORK", help=", ".join(EVERY))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), metavar="SIDE", help=", ".join(SIDES))
    parser.add_argument("--rounds", type=int, default=7, help="rounds over all sides [7]")
    parser.add_argument("--seconds", type=float, default=ROUND_S, help=f"of one side in a round [{ROUND_S}]")
    parser.add_argument("--quick", action="store_true", help="one pass: one short round, nothing kept")
    return parser.parse_args()


def main() -> None:
    """Measure, print the table, keep the numbers."""
    asked = options()
    sides = {name: SIDES[name] for name in asked.sides if SIDES[name].python.is_file()}
    for name in set(asked.sides) - set(sides):
        print(f"{name}: not installed ({SIDES[name].python}); make bench installs it", file=sys.stderr)
    rounds = 1 if asked.quick else asked.rounds
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as cache:
        with workers(sides, Path(cache)) as processes:
            described, gflops = machine(processes), 0.0
            if "kerato" in sides:
                gflops = processes[list(sides).index("kerato")].ask("rate")["gflops"]
            for work in (name for name in asked.works if name in WORKS):
                print(f"{title(work)} ...", file=sys.stderr)
                results += measure(work, processes, rounds, 0 if asked.quick else asked.seconds)
        if START in asked.works:
            print("starts ...", file=sys.stderr)
            results += measure_starts(sides, rounds, Path(cache))
    print(table(results))
    if gflops:
        print(ratios(results, gflops))
    for result in (one for one in results if one.note and "not written by hand" not in one.note):
        print(f"{title(result.work)}, {result.side}: {result.note}", file=sys.stderr)
    if not asked.quick and set(asked.works) == set(EVERY) and set(sides) == set(SIDES):
        path = HERE / "results" / f"{datetime.date.today():%Y-%m-%d}.csv"
        write(path, results, described)
        print(f"kept as {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
