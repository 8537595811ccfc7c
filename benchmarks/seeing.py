"""Filters of VGG-16 ascending together, beside one at a time in Keras-TensorFlow; the book's recipe with channels first
beside channels last; the memory of explaining 200 pictures.

    python benchmarks/seeing.py ascent|order|memory [--turns N] [--peer PYTHON] [--out FILE]

Weights are random: speed and memory do not depend on them. Sides take turns, so that a busy minute of the machine hits
all alike; numbers are the lowest, the median and the highest. `order` is `kerato run` on listings L3, L5, L6 and L7, 20
steps on one filter of a picture of 128 x 128, from start to end. `memory` is the largest resident set of a process that
does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZE, STEPS = 128, 20

#: the ascent of listing L6 in Keras-TensorFlow, filter by filter; prints seconds for one filter at each line it reads
PEER = """
import os, sys, time
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import keras, tensorflow as tf
net = keras.applications.VGG16(weights=None, include_top=False, input_shape=(128, 128, 3))
part = keras.Model(net.input, net.get_layer("block5_conv1").output)
@tf.function
def step(x, k):
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_mean(part(x, training=False)[..., k])
    g = tape.gradient(loss, x)
    return x + g / (tf.sqrt(tf.reduce_mean(g ** 2)) + 1e-5), loss
def ascend(k):
    x = tf.random.uniform((1, 128, 128, 3)) * 20 + 128
    for _ in range(20):
        x, loss = step(x, tf.constant(k))
    return x.numpy()
ascend(0)
for number, _ in enumerate(sys.stdin):
    start = time.perf_counter()
    ascend(number)
    print(time.perf_counter() - start, flush=True)
"""


def vgg16(order: str = "channels_last", top: bool = False) -> Any:
    """VGG-16 with random weights: its convolutions, or all of it."""
    from kerato import config
    from kerato.applications import VGG16

    before = config.image_data_format()
    config.set_image_data_format(order)
    try:
        size = None if top else (SIZE, SIZE, 3) if order == "channels_last" else (3, SIZE, SIZE)
        return VGG16(weights=None, include_top=top, input_shape=size)
    finally:
        config.set_image_data_format(before)


def timed(work: Callable[[], Any]) -> float:
    """Seconds on the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ascent(turns: int, peer: str | None) -> dict[str, list[float]]:
    """Milliseconds per filter and step, for pictures ascending together, and for the peer."""
    from kerato.see import ascend

    net = vgg16()
    sides: dict[str, Callable[[], float]] = {}

    def together(many: int) -> Callable[[], float]:
        def run() -> float:
            ascend.TOGETHER = many
            return timed(lambda: ascend.filters(net, "conv5_1", many, SIZE, STEPS, bounds=(0, 255))) / many

        return run

    for many in (1, 4, 8, 16):
        sides[f"kerato, {many} together"] = together(many)
    if peer:
        child = subprocess.Popen(
            [peer, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

        def other() -> float:
            if child.stdin is None or child.stdout is None:
                raise OSError("the peer cannot be spoken to")
            print(file=child.stdin, flush=True)
            return float(child.stdout.readline())

        sides["keras-tensorflow, one at a time"] = other
    return interleaved(sides, turns, STEPS)


#: what the recipe of channels first says, and what it says with channels last
LAST = {
    "(1,3,img_width,img_height)": "(1,img_width,img_height,3)",
    "(1, 3, img_width, img_height)": "(1, img_width, img_height, 3)",
    "layer_output[:, filter_index, :, :]": "layer_output[:, :, :, filter_index]",
    "x = x.transpose((1, 2, 0))": "",
}


def recipe(order: str) -> str:
    """Listings L3, L5, L6 and L7 as one script, for one order of the axes."""
    listings = Path(__file__).parents[1] / "tests" / "book" / "listings"
    text = "".join((listings / f"{name}.py").read_text("utf-8") for name in ("L03", "L05", "before_L06", "L06", "L07"))
    for first, last in LAST.items() if order == "channels_last" else ():
        if first not in text:
            raise ValueError(f"the listings no longer say {first}")
        text = text.replace(first, last)
    return text


def order(turns: int, _: str | None) -> dict[str, list[float]]:
    """Milliseconds that `kerato run` takes for the recipe as a whole, channels first and last."""
    with tempfile.TemporaryDirectory() as folder:

        def side(kind: str) -> Callable[[], float]:
            script = Path(folder, f"{kind}.py")
            script.write_text(recipe(kind), encoding="utf-8")
            options = ["--channels-first"] if kind == "channels_first" else []
            command = [sys.executable, "-m", "kerato", "run", *options, str(script)]
            return lambda: timed(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True))

        return interleaved({kind: side(kind) for kind in ("channels_last", "channels_first")}, turns, 1)


def interleaved(sides: dict[str, Callable[[], float]], turns: int, steps: int) -> dict[str, list[float]]:
    """Milliseconds per step of each side: lowest, median, highest; the first turn warms up."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        for name, side in sides.items():
            seconds = side()
            if turn:
                spent[name].append(1000 * seconds / steps)
    return {name: [round(of(values), 1) for of in (min, statistics.median, max)] for name, values in spent.items()}


def memory(pictures: int, _: str | None) -> dict[str, float]:
    """The largest resident set, in GiB, of a child process that explains `pictures` pictures with VGG-16."""
    if os.environ.get("KERATO_SEEING") != "child":
        command = [sys.executable, __file__, "memory", "--turns", str(pictures)]
        child = subprocess.run(
            command, env={**os.environ, "KERATO_SEEING": "child"}, capture_output=True, text=True, check=True
        )
        found: dict[str, float] = json.loads(child.stdout)
        return found
    from kerato.see import explain

    x = np.random.default_rng(0).random((pictures, 224, 224, 3), dtype="float32")
    spent = timed(lambda: explain(vgg16(top=True), x, trust=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"pictures": pictures, "peak GiB": round(peak, 2), "seconds": round(spent, 1)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["ascent", "order", "memory"])
    parser.add_argument("--turns", type=int, help="turns, or pictures for memory")
    parser.add_argument("--peer", help="a Python with Keras and TensorFlow")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    work = {"ascent": ascent, "order": order, "memory": memory}[asked.what]
    found = work(asked.turns or (200 if asked.what == "memory" else 3), asked.peer)
    text = json.dumps(found, indent=2)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
