"""The measuring: every round goes over all sides in turn, so that a busy minute of the machine hits all alike."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from results import Result
from sides import HERE, Process, Side, workers
from works import MEMORY, STARTS, WORKS

PATIENCE_S = 20.0  # a side that has spent as much on the rounds of a work, and had enough of them, sits out the rest
ENOUGH = 3


def measure(work: str, processes: Sequence[Process], rounds: int, seconds: float) -> list[Result]:
    """The time of one work on all sides, each a process that stays."""
    results, spent = [], dict.fromkeys(processes, 0.0)
    for process in processes:
        answer = process.ask("prepare", work=work, seconds=seconds)
        note = answer.get("note", answer.get("error", ""))
        results.append((process, "error" not in answer, Result(work, process.name, note=note)))
    for number in range(rounds):
        for process, works, result in results:
            if not works or (number >= ENOUGH and spent[process] > PATIENCE_S):
                continue
            begun = time.perf_counter()
            answer = process.ask("round")
            spent[process] += time.perf_counter() - begun
            if "ms" in answer:
                result.values.append(answer["ms"] * WORKS[work].scale)
    return [result for _, _, result in results]


def measure_starts(sides: dict[str, Side], rounds: int) -> list[Result]:
    """Seconds that a new process takes: each round once with an empty cache, and once with what that start left."""
    started = {
        name: side
        for name, side in sides.items()
        if side.module in ("kerato", "keras") and "BENCH_POLICY" not in side.variables
    }
    results = {(line, name): Result(line, name) for line in STARTS for name in started}
    for _ in range(rounds):
        for name, side in started.items():
            with tempfile.TemporaryDirectory() as cache:
                took = {start: start_once(side, Path(cache)) for start in ("cold", "warm")}
            for line in STARTS:
                kind, _, start = line.rpartition(" ")
                seconds, results[line, name].note = took[start]
                results[line, name].values += [seconds[kind]] if seconds else []
    return list(results.values())


def start_once(side: Side, cache: Path) -> tuple[dict[str, float], str]:
    """The seconds of one start of `start.py`, or none and what went wrong."""
    command = [str(side.python), str(HERE / "start.py"), side.module]
    done = subprocess.run(command, capture_output=True, text=True, env=side.environment(cache))
    if done.returncode:
        return {}, done.stderr.strip().rpartition("\n")[2]
    took: dict[str, float] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return took, ""


def measure_memory(sides: dict[str, Side], rounds: int) -> list[Result]:
    """The most memory that training takes, MiB: of a new process, and above what it took before its first net.

    What is written by hand is tried in several ways first, of which the hungriest counts.
    """
    results = {(line, name): Result(line, name) for line in MEMORY for name in sides}
    for _ in range(rounds):
        for work in dict.fromkeys(line.split()[0] for line in MEMORY):
            for name, side in sides.items():
                whole, own = (results[f"{work} {kind}", name] for kind in ("memory", "memory of its own"))
                with tempfile.TemporaryDirectory() as cache, workers({name: side}, Path(cache)) as (process,):
                    answers = [process.ask("load"), process.ask("prepare", work=work, seconds=0), process.ask("memory")]
                whole.note = next((answer["error"] for answer in answers if "error" in answer), "")
                if not whole.note:
                    whole.values.append(answers[2]["mib"])
                    own.values.append(answers[2]["mib"] - answers[0]["mib"])
    return list(results.values())
