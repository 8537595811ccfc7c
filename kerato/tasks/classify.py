"""From a data set to a trained classifier and its files: `model.keras`, `history.csv`, `run.json`."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerato import __version__
from kerato.errors import BadFile, InvalidValue

Split = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@dataclass
class Run:
    """A training run: what was done, with which result, and where its files are.

    `test_accuracy` is a share from 0 to 1, `seconds` is the time spent training, `interrupted` says that Ctrl-C
    ended it after `epochs` of `wanted_epochs` epochs.
    """

    out: Path
    data: str
    net: str
    seed: int
    wanted_epochs: int
    epochs: int = 0
    seconds: float = 0.0
    test_accuracy: float | None = None
    test_loss: float | None = None
    train_samples: int = 0
    test_samples: int = 0
    parameters: int = 0
    interrupted: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    model: Any = None

    def as_json(self) -> dict[str, Any]:
        """The run as plain data, without the model and the history."""
        plain = {key: value for key, value in self.__dict__.items() if key not in ("model", "history")}
        return {**plain, "out": str(self.out)}

    @property
    def files(self) -> list[Path]:
        """The files that were written."""
        return [self.out / name for name in ("model.keras", "history.csv", "run.json")]


def classify(
    data: Any,
    out: Path,
    *,
    net: str | None = None,
    epochs: int = 5,
    batch_size: int = 128,
    seed: int = 0,
    verbose: int = 1,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """Train a classifier on a data set and write its files to `out`.

    Args:
        data: a `kerato.datasets.Dataset`: pictures uint8 (n, height, width[, channels]), labels (n,) or (n, 1).
        out: an existing folder; with `resume`, that of an earlier run.
        net: a name in `kerato.applications.NETS`; None chooses by the size of the pictures.
        epochs: how often the training pictures are gone through, those before a resume included.
        seed: of initial weights, order and dropout.
        say: is told what happens, a line at a time.

    Raises:
        BadFile: the data or an earlier run cannot be read, or the results cannot be written.
    """
    from kerato import applications, random

    (x, y), (x_test, y_test) = data.load_data(data_format="channels_last")
    train, test = _pictures(x, y), _pictures(x_test, y_test)
    random.set_seed(seed)
    chosen = net or applications.net_for(*train[0].shape[1:])
    run = Run(out=out, data=data.name, net=chosen, seed=seed, wanted_epochs=epochs, versions=versions())
    run.train_samples, run.test_samples = len(train[0]), len(test[0])
    say(f"{data.name}: {len(x):,} pictures to train on, {len(x_test):,} to test on, {len(data.class_names)} classes")
    if resume:
        _take_up(run, say)
    else:
        run.model = applications.build(chosen, train[0].shape[1:], len(data.class_names))
        say(f"net: {chosen} ({applications.NETS[chosen].purpose}), {run.model.count_params():,} parameters")
        steps = -(-len(x) // batch_size) * epochs
        run.model.compile(_optimizer(steps), "sparse_categorical_crossentropy", metrics=["accuracy"])
    run.parameters = run.model.count_params()
    _train(run, train, batch_size, epochs, verbose)
    scores = run.model.evaluate(*test, batch_size=256, verbose=0, return_dict=True)
    run.test_accuracy, run.test_loss = scores["accuracy"], scores["loss"]
    write(run, data.class_names)
    return run


def _optimizer(steps: int) -> Any:
    from kerato import optimizers, schedules

    return optimizers.Adam(schedules.CosineDecay(1e-3, decay_steps=max(1, steps)))


def _pictures(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Split:
    return (x[..., None] if x.ndim == 3 else x), y.reshape(-1).astype(np.int32)


def _train(run: Run, train: Split, batch_size: int, epochs: int, verbose: int) -> None:
    began = time.perf_counter()
    model, before = run.model, len(next(iter(run.history.values()), []))
    if before >= epochs:
        raise InvalidValue(f"--resume: the run in {run.out} has {before} epochs already. Ask for more with --epochs.")
    try:
        model.fit(*train, batch_size=batch_size, epochs=epochs, initial_epoch=before, verbose=verbose)
    except KeyboardInterrupt:
        run.interrupted = True
    for name, values in model.history.history.items():
        run.history.setdefault(name, []).extend(values)
    run.epochs = len(run.history.get("loss", []))
    run.seconds += time.perf_counter() - began


def _take_up(run: Run, say: Callable[[str], None]) -> None:
    from kerato.saving import load_model

    try:
        kept = json.loads((run.out / "run.json").read_text(encoding="utf-8"))
        rows = list(csv.DictReader((run.out / "history.csv").read_text(encoding="utf-8").splitlines()))
        run.net, run.seconds = str(kept["net"]), float(kept["seconds"])
    except (OSError, ValueError, KeyError) as error:
        raise BadFile(
            f"--resume: {run.out} must be the folder of an earlier run, with run.json and history.csv ({error})."
        ) from None
    run.model = load_model(run.out / "model.keras")
    run.history = {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else {}) if name != "epoch"}
    say(f"going on with {run.out} after epoch {len(rows)}")


def versions() -> dict[str, str]:
    """The versions that the numbers depend on."""
    import platform

    import jax

    return {"kerato": __version__, "jax": jax.__version__, "numpy": np.__version__, "python": platform.python_version()}


def write(run: Run, class_names: tuple[str, ...]) -> None:
    """Write the model, the history and the record of a run; each file beside its place, then renamed into it.

    Raises:
        BadFile: the folder cannot be written or the disk is full; files that were there stay whole.
    """
    from kerato.saving import save_model

    save_model(run.model, run.out / "model.keras", extra={"class_names": list(class_names)})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["epoch", *run.history])
    table.writerows([i + 1, *row] for i, row in enumerate(zip(*run.history.values(), strict=True)))
    write_text(run.out / "history.csv", text.getvalue())
    write_text(run.out / "run.json", json.dumps(run.as_json(), indent=2, default=str) + "\n")


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
        raise BadFile(
            f"{path}: cannot be written ({error.strerror}). Free some space or choose another --out."
        ) from None
