"""A training run and its files: `model.keras`, `history.csv`, `run.json`, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import uuid
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from kerato import __version__
from kerato.errors import BadFile
from kerato.tasks.scores import Scores

MODEL, HISTORY, RECORD, REPORT = "model.keras", "history.csv", "run.json", "report.html"

UNWRITTEN: Final = ("model", "history", "scores")
"""What `run.json` does not hold as it is."""


@dataclass
class Run:
    """A training run: what was done, with which result, and where its files are.

    `judged` names the part that `scores` were taken on, `seconds` is the time spent training, `times` splits all of
    it, `interrupted` says that Ctrl-C ended it after `epochs` of `wanted_epochs` epochs.
    """

    out: Path
    data: str
    net: str
    seed: int
    source: str = ""
    augment: str = "none"
    weights: str = ""
    fine_tune: int = 0
    recipe: str = ""
    batch_size: int = 0
    wanted_epochs: int = 0
    epochs: int = 0
    seconds: float = 0.0
    class_names: list[str] = field(default_factory=list)
    picture_shape: tuple[int, int, int] = (0, 0, 0)
    shares: tuple[float, float] | None = None
    samples: dict[str, int] = field(default_factory=dict)
    parameters: int = 0
    judged: str = ""
    interrupted: bool = False
    skipped: list[dict[str, str]] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    scores: Scores | None = None
    model: Any = None

    @property
    def accuracy(self) -> float | None:
        """The share of right answers on the judged part; None when there was none."""
        return self.scores.accuracy if self.scores else None

    @property
    def command(self) -> str:
        """The command that repeats the run, but for its folder."""
        import shlex

        epochs = f"--fine-tune {self.fine_tune}" if self.weights else f"--epochs {self.wanted_epochs}"
        how = f"--recipe {self.recipe}" if self.recipe else f"--model {self.net}"
        options = [how, epochs, f"--batch-size {self.batch_size}"]
        options += [f"--weights {shlex.quote(self.weights)}"] * bool(self.weights)
        options += [f"--augment {self.augment}"] * (self.augment != "none") + [f"--seed {self.seed}"]
        return " ".join(["kerato train", shlex.quote(self.source), *options])

    def spent(self, what: str, since: float) -> None:
        """Add the seconds since then to the times."""
        self.times[what] = self.times.get(what, 0.0) + time.perf_counter() - since

    def as_json(self) -> dict[str, Any]:
        """The run as plain data, without the model and the history."""
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in UNWRITTEN}
        found = {} if self.scores is None else self.scores.as_json()
        named = {f"{self.judged}_{key}": value for key, value in found.items() if key != "samples"}
        return {**plain, **named, "out": str(self.out), "command": self.command}

    @property
    def files(self) -> list[Path]:
        """The files that were written."""
        return [self.out / name for name in (MODEL, HISTORY, RECORD, REPORT)]


def versions() -> dict[str, str]:
    """The versions that the numbers depend on."""
    import platform

    import jax

    return {"kerato": __version__, "jax": jax.__version__, "numpy": np.__version__, "python": platform.python_version()}


# -- writing -----------------------------------------------------------------------------------------------------------


def check_writable(out: Path) -> None:
    """Find out before the work whether its results can be written.

    Raises:
        BadFile: they cannot.
    """
    probe = out / f".{uuid.uuid4().hex}.part"
    try:
        probe.write_bytes(b" ")
        probe.unlink()
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(path: Path, error: OSError) -> BadFile:
    return BadFile(f"{path}: cannot be written ({error.strerror}). Free some space or choose another --out.")


def write(run: Run) -> None:
    """Write the model, the history and the record of a run; each file beside its place, then renamed into it.

    The model takes raw pictures and carries `class_names`, `picture_shape` and where they came from as its `extra`.

    Raises:
        BadFile: the folder cannot be written or the disk is full; files that were there stay whole.
    """
    from kerato.saving import save_model

    extra = {
        "task": "classify",
        "class_names": run.class_names,
        "picture_shape": list(run.picture_shape),
        "data": run.data,
        "seed": run.seed,
        "shares": list(run.shares) if run.shares else None,
    }
    try:
        save_model(run.model, run.out / MODEL, extra=extra)
    except BadFile as error:
        raise BadFile(f"{error} Free some space or choose another --out.") from None
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["epoch", *run.history])
    table.writerows([i + 1, *row] for i, row in enumerate(zip(*run.history.values(), strict=True)))
    write_text(run.out / HISTORY, text.getvalue())
    write_text(run.out / RECORD, json.dumps(run.as_json(), indent=2, ensure_ascii=False, default=str) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its place and rename it into it.

    Raises:
        BadFile: it cannot be written; a file that was there stays whole.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


# -- reading -----------------------------------------------------------------------------------------------------------


def read_record(out: Path, owner: str) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """What `run.json` and `history.csv` in the folder of a run hold.

    Raises:
        BadFile: it is no such folder, or they are damaged.
    """
    try:
        kept = json.loads((out / RECORD).read_text(encoding="utf-8"))
        rows = list(csv.DictReader((out / HISTORY).read_text(encoding="utf-8").splitlines()))
        history = {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else {}) if name != "epoch"}
        if not isinstance(kept, dict):
            raise ValueError(f"{RECORD} is no JSON object")
    except (OSError, ValueError, TypeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise BadFile(
            f"{owner}: {out} must be the folder of an earlier run, with {RECORD} and {HISTORY} ({reason})."
        ) from None
    return kept, history


def earlier(out: Path) -> Run:
    """The run in a folder as it was left, its model loaded.

    Raises:
        BadFile: there is none, or its files are damaged.
    """
    from kerato.saving import load_model

    kept, history = read_record(out, "--resume")
    names = {one.name for one in fields(Run)} - {*UNWRITTEN, "out"}
    try:
        run = Run(out=out, **{name: value for name, value in kept.items() if name in names})
        run.picture_shape = (int(run.picture_shape[0]), int(run.picture_shape[1]), int(run.picture_shape[2]))
    except (TypeError, ValueError, IndexError) as error:
        raise BadFile(f"--resume: {out / RECORD} is of another version or damaged ({error}). Train anew.") from None
    run.history, run.model = history, load_model(out / MODEL)
    return run
