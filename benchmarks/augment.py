"""Pictures per second of `flow_from_directory` with the book's augmentation, beside Keras 3's ImageDataGenerator.

    python benchmarks/augment.py FOLDER [--peer PYTHON] [--turns N] [--out FILE]

FOLDER has one sub-folder of pictures per class; PYTHON is an interpreter with keras, jax, scipy and pillow (by default
that of `benchmarks/peers.py`). Every side is a process that stays; in each turn every side gives one epoch of 150 x 150
float32 batches, one side after the other, so that a busy minute of the machine hits all alike. Keras runs in each of
its ways (a plain loop, and its enqueuer with two threads or two processes, as `fit(workers=2)` has it); the ratio is to
the fastest of them. Kerato's sides use two threads: reading every file again in each epoch, with the pictures of the
first epoch kept in memory, and with the book's nearest-pixel interpolation.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZE = (150, 150)
BATCH = 32
WORKERS = 2
ARGUMENTS: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "rescale": 1 / 255,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}
KERATO = {
    "kerato": {"cache_bytes": 0},
    "kerato, kept in memory": {},
    "kerato, order 0": {"cache_bytes": 0, "interpolation_order": 0},
}
KERAS = {"keras, loop": None, "keras, 2 threads": False, "keras, 2 processes": True}
Epoch = Callable[[], int]


def kerato_epoch(folder: str, options: dict[str, Any]) -> Epoch:
    """A function that takes one epoch from Kerato and returns the number of pictures."""
    from kerato.preprocessing.image import ImageDataGenerator

    order = {name: options[name] for name in options if name == "interpolation_order"}
    rest = {name: options[name] for name in options if name != "interpolation_order"}
    common: dict[str, Any] = {"target_size": SIZE, "batch_size": BATCH, "class_mode": "binary", "seed": 1}
    source = ImageDataGenerator(**ARGUMENTS, **order).flow_from_directory(folder, **common, workers=WORKERS, **rest)

    def epoch() -> int:
        # A stream of its own for each turn: nothing is made ahead while another side is at work.
        stream = source.stream(source.epoch)
        count = sum(len(next(stream)[0]) for _ in range(len(source)))
        source.on_epoch_end()
        return count

    return epoch


def keras_epoch(folder: str, processes: bool | None) -> Epoch:
    """The same of Keras: a plain loop when `processes` is None, else its enqueuer."""
    os.environ["KERAS_BACKEND"] = "jax"
    keras = importlib.import_module("keras.src.legacy.preprocessing.image")
    adapter = importlib.import_module("keras.src.trainers.data_adapters.py_dataset_adapter")

    generator = keras.ImageDataGenerator(**ARGUMENTS)
    source = generator.flow_from_directory(folder, target_size=SIZE, batch_size=BATCH, class_mode="binary", seed=1)

    def loop() -> int:
        return sum(len(next(source)[0]) for _ in range(len(source)))

    def enqueued() -> int:
        enqueuer = adapter.OrderedEnqueuer(source, workers=WORKERS, use_multiprocessing=processes)
        enqueuer.start()
        batches = enqueuer.get()
        count = sum(len(next(batches)[0]) for _ in range(len(source)))
        enqueuer.stop()
        return count

    return loop if processes is None else enqueued


def processor_seconds() -> float:
    """Processor time of this process and its children so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def serve(side: str, folder: str) -> None:
    """One side: an epoch for each line on standard input, answered by its measurements as a line of JSON."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    epoch = keras_epoch(folder, KERAS[side]) if side in KERAS else kerato_epoch(folder, KERATO[side])
    for _ in sys.stdin:
        start, used = time.perf_counter(), processor_seconds()
        count = epoch()
        seconds = time.perf_counter() - start
        result = {"pictures": count, "seconds": seconds, "processor": processor_seconds() - used}
        print(json.dumps(result), file=answers, flush=True)


def start(side: str, folder: str, python: str) -> subprocess.Popen[str]:
    """The process of a side."""
    command = [python, __file__, folder, "--side", side]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment)


def ask(process: subprocess.Popen[str]) -> dict[str, float]:
    """One epoch of a side."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the side has no pipes")
    process.stdin.write("epoch\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended without an answer; run it by hand to see why")
    answer: dict[str, float] = json.loads(line)
    return answer


def measure(folder: str, peer: str, turns: int) -> dict[str, list[dict[str, float]]]:
    """All turns of all sides; a first one, in which everything is imported and warmed, is left out."""
    sides = {side: start(side, folder, sys.executable) for side in KERATO}
    sides |= {side: start(side, folder, peer) for side in KERAS}
    try:
        results: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        for turn in range(turns + 1):
            for side, process in sides.items():
                answer = ask(process)
                if turn:
                    results[side].append(answer)
        return results
    finally:
        for process in sides.values():
            process.kill()
            process.communicate()


def report(results: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """One row per side: medians over the turns; `ratio` is to the fastest of Keras's ways in the same turn."""
    rates = {side: [turn["pictures"] / turn["seconds"] for turn in turns] for side, turns in results.items()}
    fastest = max(KERAS, key=lambda side: statistics.median(rates[side]))
    rows = []
    for side, turns in results.items():
        ratios = [ours / theirs for ours, theirs in zip(rates[side], rates[fastest], strict=True)]
        each = [1e3 * turn["processor"] / turn["pictures"] for turn in turns]
        rows.append(
            {
                "side": side,
                "pictures_per_s": round(statistics.median(rates[side]), 1),
                "ratio": round(statistics.median(ratios), 2),
                "lowest_ratio": round(min(ratios), 2),
                "processor_ms_per_picture": round(statistics.median(each), 2),
            }
        )
    return rows


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--peer")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        serve(given.side, given.folder)
        return
    if given.peer is None:
        import peers

        given.peer = str(peers.python("jax"))
    rows = report(measure(given.folder, given.peer, given.turns))
    print(f"{'side':24} pictures/s  ratio  lowest  ms of processor per picture")
    for row in rows:
        numbers = f"{row['pictures_per_s']:10,.0f} {row['ratio']:6.2f} {row['lowest_ratio']:7.2f}"
        print(f"{row['side']:24} {numbers} {row['processor_ms_per_picture']:12.2f}")
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
