"""Runs to report on: parts of made-up pictures, and evidence without a model behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerato.data.parts import Part
from kerato.report.evidence import Evidence, Mistake, Record, Seen
from kerato.report.thumbnails import thumbnail
from kerato.tasks.scores import Scores

HOSTILE = (
    "<script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=\'taken\'">',
    "</title></style><svg onload=\"document.title='taken'\">",
    "' onmouseover='document.title=1",
    "{{ 7 * 7 }} {% for %} &lt;b&gt;",
    "\u202etxt.exe \x00\x1b[31m \udc80",
    "图片/kočka & pes",
)


def part(count: int, classes: int, shape: tuple[int, int, int] = (8, 8, 1), **more: Any) -> Part:
    """Pictures whose first pixel is 20 times their class, in turns."""
    labels = (np.arange(count) % classes).astype(np.int32)
    pixels = np.random.default_rng(1).integers(0, 256, (count, *shape), dtype=np.uint8)
    pixels[:, 0, 0, :] = (labels * 20)[:, None].astype(np.uint8)
    names = [f"set/{i}.png" for i in range(count)]
    return Part(names, names, labels, shape, pixels, **more)


def evidence(class_names: Sequence[str] = ("cats", "dogs"), **more: Any) -> Evidence:
    """A finished run on classes of those names; each is taken for the next one a few times."""
    count = len(class_names)
    confusion = np.diag(np.full(count, 9)) + np.roll(np.eye(count, dtype=np.int64), 1, axis=1) * 2
    picture = thumbnail(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    held_out = more.pop("part", "test")
    values: dict[str, Any] = {
        "data": class_names[0],
        "net": "mnist_cnn",
        "class_names": class_names,
        "history": {"loss": [2.0, 1.0, 0.5], "accuracy": [0.4, 0.6, 0.8], "val_loss": [2.1, 1.5, 1.2]},
        "part": held_out,
        "epochs": 3,
        "wanted_epochs": 3,
        "command": f"kerato train {class_names[-1]}",
        "finished": "2026-01-02 03:04",
        "settings": {"seed": 0, "augment": "none"},
        "versions": {"kerato": "0.1.0"},
        "seconds": {"data": 1.0, "compile": 2.0, "compute": 7.0},
        "skipped": [(name, f"not a picture: {name}") for name in class_names[:7]],
    }
    found: dict[str, Any] = {
        "record": Record(**{**values, **more.pop("record", {})}),
        "scores": Scores(confusion, 0.6, tuple(class_names)),
        "train_accuracy": 0.99,
        "train_sample": 100,
        "counts": {"training": [50] * count, held_out: confusion.sum(1).tolist()},
        "mistakes": [
            Mistake(f"{name}.jpg", name, class_names[i - 1], 0.97, picture) for i, name in enumerate(class_names[:24])
        ],
        "seen": [Seen(name, picture) for name in class_names][:24],
        "filters": None,
        "layers": "Layer  Output shape  Parameters",
        "parameters": 1234,
        "picture_shape": (8, 8, 3),
    }
    return Evidence(**{**found, **more})
