"""The measuring: every round goes over all sides in turn, so that a busy minute of the machine hits all alike."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from results import Result
from sides import HERE, Process, Side
from works import STARTS, WORKS

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
