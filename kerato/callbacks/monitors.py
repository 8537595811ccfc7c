"""Callbacks that watch one number: stop, or learn more slowly, when it no longer gets better."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerato.callbacks.base import Callback, Logs
from kerato.errors import invalid


def grows(monitor: str) -> bool:
    """Whether larger is better for a metric of that name."""
    return monitor.endswith(("acc", "accuracy", "auc", "precision", "recall", "f1_score"))


class Monitor(Callback):
    """Base of callbacks that watch one number.

    Args:
        monitor: a name in the logs, `'val_loss'` by default.
        mode: `'min'`, `'max'`, or `'auto'`: max for names that end in accuracy, auc, precision or recall.
        min_delta: smallest change that counts.

    Raises:
        InvalidValue: another `mode`.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise invalid(type(self).__name__, "mode", "'auto', 'min' or 'max'", mode)
        self.monitor, self.min_delta = monitor, abs(min_delta)
        self.sign = -1 if mode == "min" or (mode == "auto" and not grows(monitor)) else 1
        self.best: float | None = None

    def improves(self, value: float, on: float | None) -> bool:
        """Whether `value` is better than `on` by what counts, or there was nothing before."""
        return on is None or self.sign * (value - on) > self.min_delta

    def watched(self, logs: Logs | None) -> float | None:
        """The number watched; a warning where the logs do not have it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__}: there is no {self.monitor!r} to watch ({', '.join(logs or ())}).", stacklevel=2
            )
        return value

    def state(self) -> dict[str, Any]:
        """The best value."""
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The best value back, and what subclasses count."""
        for name, value in state.items():
            setattr(self, name, value)


class EarlyStopping(Monitor):
    """Stop when `monitor` has not improved by `min_delta` for `patience` epochs.

    Args:
        monitor, min_delta, mode: see `Monitor`.
        patience: epochs to wait.
        baseline: a value that has to be bettered for an epoch to count as one.
        restore_best_weights: go back to the weights of the best epoch at the end.
        start_from_epoch: the first epoch that is looked at.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._begin()

    def _begin(self) -> None:
        self.best = None
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier run."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare with the best epoch so far."""
        value = (logs or {}).get(self.monitor)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        better = self.improves(value, self.best)
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        if better:
            self.best, self.best_epoch = value, epoch
            self.wait = 0 if self.improves(value, self.baseline) else self.wait
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Go back to the best weights if asked to."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", file=sys.stderr)

    def state(self) -> dict[str, Any]:
        """The best value, its weights, and how long ago it was."""
        kept = {} if self.best_weights is None else {"best_weights": self.best_weights}
        return {"best": self.best, "wait": self.wait, "best_epoch": self.best_epoch, **kept}


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` when `monitor` has not improved for `patience` epochs.

    Args:
        monitor, mode, min_delta: see `Monitor`.
        factor: below 1.
        patience: epochs to wait.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the rate never goes below.

    Raises:
        InvalidValue: `factor` is 1 or more.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 <= factor < 1:
            raise invalid("ReduceLROnPlateau", "factor", "a number >= 0 and < 1", factor)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait, self.cooldown_counter = 0, 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier run."""
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the learning rate in the logs; count, and reduce it when it is time."""
        rate = float(self.model.optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        value = self.watched(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                self._reduce(epoch, max(rate * self.factor, self.min_lr))

    def _reduce(self, epoch: int, rate: float) -> None:
        self.model.optimizer.learning_rate = rate
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: the learning rate is now {rate:g}", file=sys.stderr)

    def state(self) -> dict[str, Any]:
        """The best value and the counters."""
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}
