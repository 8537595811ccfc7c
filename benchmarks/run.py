"""`make bench`: the works of `works.py` on every side, interleaved, as one table and one CSV file.

Compare the columns of one run, not numbers of two runs. A run of all works on all sides is kept as `results/DATE.csv`
with the description of the machine, any other where `--out` says; `plot.py` draws such files. The work that reads JPEG
files needs the variable KERATO_DATA.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from pathlib import Path

from measure import measure, measure_memory, measure_starts
from results import Result, notes, ratios, table, write
from sides import HERE, SIDES, machine, workers
from works import LINES, WORKS

ROUND_S = 0.5  # of one side
MEMORY_ROUNDS = 1  # memory differs little from one process to the next, and each is a process of its own
STARTS, MEMORY = "start", "memory"
EVERY = [*WORKS, STARTS, MEMORY]


def options() -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", nargs="+", choices=EVERY, default=EVERY, metavar="WORK", help=", ".join(EVERY))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), metavar="SIDE", help=", ".join(SIDES))
    parser.add_argument("--rounds", type=int, default=7, help="rounds over all sides [7]")
    parser.add_argument("--seconds", type=float, default=ROUND_S, help=f"of one side in a round [{ROUND_S}]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the numbers there")
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
    with tempfile.TemporaryDirectory() as cache, workers(sides, Path(cache)) as processes:
        described, gflops = machine(processes), 0.0
        if "kerato" in sides:
            gflops = processes[list(sides).index("kerato")].ask("rate")["gflops"]
        for work in (name for name in asked.works if name in WORKS):
            print(f"{LINES[work].title} ...", file=sys.stderr)
            results += measure(work, processes, rounds, 0 if asked.quick else asked.seconds)
    for name, measured in ((STARTS, measure_starts), (MEMORY, measure_memory)):
        if name in asked.works:
            print(f"{name} ...", file=sys.stderr)
            results += measured(sides, min(rounds, MEMORY_ROUNDS) if name == MEMORY else rounds)
    print(table(results))
    if gflops:
        print(ratios(results, gflops))
    if said := notes(results):
        print(said, file=sys.stderr)
    whole = not asked.quick and set(asked.works) == set(EVERY) and set(sides) == set(SIDES)
    path = asked.out or (HERE / "results" / f"{datetime.date.today():%Y-%m-%d}.csv" if whole else None)
    if path:
        write(path, results, described)
        print(f"kept as {path}")


if __name__ == "__main__":
    main()
