"""Callbacks that write files: the model, the numbers, and all that a run needs to go on after it was killed."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerato import random
from kerato.callbacks.base import Callback, Logs
from kerato.callbacks.monitors import Monitor
from kerato.callbacks.progress import History, Progress
from kerato.errors import BadFile, InvalidValue, invalid

PathLike = str | os.PathLike[str]


class ModelCheckpoint(Monitor):
    """Save the model, or its weights, after every epoch or every so many batches.

    Args:
        filepath: where; `{epoch:02d}` (counted from 1), `{batch}` and names in the logs (`{val_loss:.2f}`) are filled
            in. The folder is made.
        monitor, mode: see `Monitor`; for `save_best_only`.
        save_best_only: only when `monitor` is better than ever before.
        save_weights_only: the weights, by `model.save_weights`.
        save_freq: `'epoch'`, or a number of batches.
        initial_value_threshold: what the first best value has to better.

    Raises:
        InvalidValue: `save_freq` is neither, or a name in `filepath` is not in the logs.
    """

    def __init__(
        self,
        filepath: PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        _check_frequency("ModelCheckpoint", save_freq)
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only, self.save_freq = save_best_only, save_weights_only, save_freq
        self.best = initial_value_threshold
        self._epoch = self._batches = 0
        if save_freq != "epoch":
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the epoch."""
        self._epoch = epoch

    def _count_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save({"epoch": self._epoch + 1, "batch": batch + 1}, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, if it is better."""
        if self.save_freq == "epoch":
            self._save({"epoch": epoch + 1}, logs)

    def _save(self, place: dict[str, int], logs: Logs | None) -> None:
        if self.save_best_only:
            value = self.watched(logs)
            if value is not None and not self.improves(value, self.best):
                return
            self.best = self.best if value is None else value
        try:
            path = self.filepath.format(**{**(logs or {}), **place})
        except KeyError as error:
            names = ", ".join([*place, *(logs or {})])
            raise InvalidValue(f"ModelCheckpoint: `filepath` must name what is known ({names}). Got {error}.") from None
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path, overwrite=True)
        if self.verbose:
            print(f"Epoch {place['epoch']}: saved {path}", file=sys.stderr)


def _check_frequency(owner: str, save_freq: str | int) -> None:
    whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq >= 1
    if save_freq != "epoch" and not whole:
        raise invalid(owner, "save_freq", "'epoch' or a number of batches", save_freq)


class CSVLogger(Callback):
    """Write the numbers of each epoch as a line of a table: `epoch`, then the names in the logs in order.

    Args:
        filename: of the table.
        separator: between the numbers.
        append: go on with an existing table.
    """

    def __init__(self, filename: PathLike, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = filename, separator, append
        self.keys: list[str] | None = None
        self._headed = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin the table, or look whether it has a head."""
        path = Path(self.filename)
        self._headed = self.append and path.exists() and path.stat().st_size > 0
        self.keys = None
        if not self.append:
            path.write_text("", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """One line more; what an epoch has not is NA."""
        logs = logs or {}
        if self.keys is None:
            names = sorted(logs)
            validated = any(name.startswith("val_") for name in names)
            self.keys = names if validated else [*names, *(f"val_{name}" for name in names)]
        line = {"epoch": epoch, **{name: _cell(logs.get(name, "NA")) for name in self.keys}}
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(line), delimiter=self.separator)
            if not self._headed:
                writer.writeheader()
            writer.writerow(line)
        self._headed = True


def _cell(value: Any) -> Any:
    return f"[{', '.join(map(str, np.ravel(value)))}]" if getattr(value, "ndim", 0) else value


class BackupAndRestore(Callback):
    """Keep all that the run needs in a folder after every epoch; `fit` called again goes on with the same numbers.

    Weights, the optimizer's state, the seed and the states of the other callbacks are kept; one file is replaced as a
    whole, so a run killed while it writes goes on from the epoch before. The backup is taken when the next epoch
    begins, after all callbacks have seen the last one.

    Args:
        backup_dir: the folder; made if missing, and of this run alone.
        save_freq: `'epoch'`. Inside an epoch there is nothing to go on from exactly.
        double_checkpoint: accepted; a file that is replaced as a whole needs no double.
        delete_checkpoint: remove the backup when training has ended well.

    Raises:
        InvalidValue: another `save_freq`.
        BadFile: the backup is damaged, or of another model.

    Differs: Keras keeps neither the seed nor what other callbacks count. Generators begin anew, with us as there.
    """

    def __init__(
        self,
        backup_dir: PathLike,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if save_freq != "epoch":
            raise invalid("BackupAndRestore", "save_freq", "'epoch', the only places to go on from exactly", save_freq)
        if not os.fspath(backup_dir):
            raise invalid("BackupAndRestore", "backup_dir", "a folder", backup_dir)
        self.backup_dir, self.delete_checkpoint = Path(backup_dir), delete_checkpoint
        self._others: list[Any] = []
        self._finished = False

    @property
    def path(self) -> Path:
        """The file with the backup."""
        return self.backup_dir / "training.npz"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Nothing has ended yet."""
        self._finished = False

    def first_epoch(self, epoch: int, others: Sequence[Any]) -> int:
        """The epoch after the last one that was kept, everything restored; `epoch` without a backup."""
        self._others = [item for item in others if item is not self and not isinstance(item, (History, Progress))]
        if not self.path.exists():
            return epoch
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            facts = json.loads(arrays.pop("facts").tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BadFile(
                f"{self.path}: is no whole backup of a training ({error}). Remove it to begin anew."
            ) from None
        variables = self._variables()
        if facts["shapes"] != [f"{v.dtype} {v.shape}" for v in variables]:
            raise BadFile(f"{self.path}: is of another model or optimizer. Remove it, or name another folder.")
        for index, variable in enumerate(variables):
            variable.assign(arrays[f"v{index}"])
        random.set_seed(facts["seed"])
        for item, state in zip(self._others, facts["callbacks"], strict=False):
            if hasattr(item, "restore"):
                item.restore(_unpacked(state, arrays))
        return int(facts["epoch"])

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep what the epochs so far have made."""
        variables = self._variables()
        arrays = {f"v{index}": variable.numpy() for index, variable in enumerate(variables)}
        states = [_packed(item.state(), f"c{i}", arrays) if hasattr(item, "state") else {} for i, item in
                  enumerate(self._others)]  # fmt: skip
        shapes = [f"{v.dtype} {v.shape}" for v in variables]
        facts = {"epoch": epoch, "seed": random.seed(), "shapes": shapes, "callbacks": states}
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        whole = io.BytesIO()
        np.savez(whole, **arrays)
        part = self.path.with_suffix(".part")
        with open(part, "wb") as file:
            file.write(whole.getvalue())
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note whether this was the last one."""
        self._finished = epoch + 1 >= self.params["epochs"] or self.model.stop_training

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the backup of a run that came to its end."""
        if self._finished and self.delete_checkpoint:
            self.path.unlink(missing_ok=True)


def _packed(state: Any, name: str, arrays: dict[str, Any]) -> Any:
    """`state` as JSON can hold it, its arrays put into `arrays`."""
    if isinstance(state, Mapping):
        return {key: _packed(value, f"{name}.{key}", arrays) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [_packed(value, f"{name}.{i}", arrays) for i, value in enumerate(state)]
    if isinstance(state, np.ndarray):
        arrays[name] = state
        return {"array": name}
    return state.item() if isinstance(state, np.generic) else state


def _unpacked(state: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(state, dict) and set(state) == {"array"}:
        return arrays[state["array"]]
    if isinstance(state, dict):
        return {key: _unpacked(value, arrays) for key, value in state.items()}
    return [_unpacked(value, arrays) for value in state] if isinstance(state, list) else state
