"""Callbacks: what happens around training, beside the numbers.

Per-batch hooks are only called on callbacks that define them: they end the running of many steps as one program,
because after every step somebody looks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from kerato import notebook
from kerato.errors import InvalidType, invalid, sentence, show

Logs = dict[str, float]

_BATCH_HOOKS = [f"on_{phase}batch_{edge}" for phase in ("", "train_", "test_", "predict_") for edge in ("begin", "end")]


class Callback:
    """Base of callbacks: override the hooks you need.

    `self.model` is the model and `self.params` has `epochs`, `steps` and `verbose`. `logs` maps the names of
    losses and metrics to numbers.
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Called before training begins."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training begins."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; `logs` are the averages of the epoch so far."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step of an evaluation."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step of a prediction."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Keras 2's name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Keras 2's name of `on_train_batch_end`."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep of this callback; plain data."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state()` gave."""


def as_list(callbacks: Any) -> list[Any]:
    """Callbacks as `fit` takes them, one, several or None, as a list."""
    return [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())


def verbosity(verbose: int | str) -> int:
    """0 for silence, 1 for a bar, 2 for a line per epoch.

    Raises:
        InvalidValue: `verbose` is none of them, nor `'auto'`.
    """
    if verbose not in (0, 1, 2, "auto"):
        raise invalid("fit", "verbose", "0, 1, 2 or 'auto'", verbose)
    return 1 if verbose == "auto" else int(verbose)


class CallbackList:
    """The callbacks of one run, called together in their order."""

    def __init__(self, callbacks: Iterable[Any], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for item in self.callbacks:
            if isinstance(item, type) or not hasattr(item, "set_model"):
                hint = f"Make an object of it: {item.__name__}()." if isinstance(item, type) else ""
                raise InvalidType(sentence(f"fit: `callbacks` must be a list of Callbacks. Got {show(item)}.", hint))
        self._hooks = {
            hook: [getattr(item, hook) for item in self.callbacks if overrides(item, hook)] for hook in _BATCH_HOOKS
        }
        for item in self.callbacks:
            item.set_params(params)
            item.set_model(model)

    def call(self, hook: str, *args: Any, **kwargs: Any) -> None:
        """Call one hook on every callback; hooks of batches only where they are defined."""
        found = self._hooks.get(hook)
        for function in [getattr(item, hook) for item in self.callbacks] if found is None else found:
            function(*args, **kwargs)

    def watches_batches(self, phase: str) -> bool:
        """Whether some callback wants to see every batch of `train`, `test` or `predict`."""
        names = [f"on_{phase}_batch_begin", f"on_{phase}_batch_end"]
        names += ["on_batch_begin", "on_batch_end"] if phase == "train" else []
        return any(self._hooks[name] for name in names)

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar is open."""
        return any(isinstance(item, Progress) and item.is_open for item in self.callbacks)

    def without_progress(self) -> CallbackList:
        """The same callbacks for a validation, which has no bar of its own."""
        model = self.callbacks[0].model if self.callbacks else None
        params = self.callbacks[0].params if self.callbacks else {}
        return CallbackList([item for item in self.callbacks if not isinstance(item, Progress)], model, params)

    def progress(self, step: int, logs: Logs | None = None) -> None:
        """Tell the progress bars how far the epoch is."""
        for item in self.callbacks:
            if isinstance(item, Progress):
                item.show(step, logs)


def overrides(callback: Any, hook: str) -> bool:
    """Whether a callback defines `hook` itself, in its class or on the object."""
    own = getattr(type(callback), hook, None)
    return hook in getattr(callback, "__dict__", {}) or (own is not None and own is not getattr(Callback, hook))


class History(Callback):
    """What `fit` returns: `history` maps each name to one number per epoch, `epoch` lists the epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the numbers of the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def _repr_html_(self) -> str:
        return notebook.learning_curves(self.history)

    def state(self) -> dict[str, Any]:
        """Both lists."""
        return {"epoch": list(self.epoch), "history": {name: list(values) for name, values in self.history.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Both lists back."""
        self.epoch, self.history = list(state["epoch"]), dict(state["history"])


def as_text(logs: Mapping[str, Any]) -> str:
    """`accuracy: 0.9731 - loss: 0.0912`; the values of a metric per class stand in brackets."""
    return " - ".join(f"{name}: {_number(value)}" for name, value in logs.items())


def _number(value: Any) -> str:
    if getattr(value, "ndim", 0):
        return f"[{' '.join(map(_number, value))}]"
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.4e}"


class Progress(Callback):
    """How far the run is: a bar on a terminal or in a notebook, one line per epoch elsewhere or at `verbose=2`.

    The bar moves when a chunk of steps is done, not at every step.
    """

    def __init__(self, verbose: int, phase: str = "train") -> None:
        super().__init__()
        self.verbose, self.phase = verbose, phase
        self._bar: Any = None
        self._page: notebook.Bar | None = None
        self._start = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a bar is shown now."""
        return self._bar is not None

    def _open(self, title: str) -> None:
        self._start, self._title = time.perf_counter(), title
        self._bar = self._new_bar() if self.verbose == 1 else None
        if self._bar is not None:
            self._bar.begin(title, self.params.get("steps"))

    def _new_bar(self) -> notebook.Bar | _TerminalBar | None:
        if notebook.is_running():
            self._page = self._page or notebook.Bar()
            return self._page
        return _TerminalBar() if sys.stderr.isatty() else None

    def show(self, step: int, logs: Logs | None = None) -> None:
        """`step` steps of the epoch are done."""
        if self._bar is not None:
            self._bar.show(step, as_text(logs or {}))

    def _close(self, logs: Logs | None) -> None:
        text = f"{time.perf_counter() - self._start:.1f}s - {as_text(logs or {})}"
        if self._bar is not None:
            self._bar.end(text)
            self._bar = None
        else:
            print(f"{self._title} - {text}", file=sys.stderr, flush=True)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Begin the epoch's bar."""
        self._open(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """End the epoch's bar with its numbers."""
        self._close(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leave the terminal as it was, also after an error."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Begin the bar of an evaluation on its own."""
        if self.phase == "test":
            self._open("Evaluate")

    def on_test_end(self, logs: Logs | None = None) -> None:
        """End the bar of an evaluation on its own."""
        if self.phase == "test":
            self._close(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Begin the bar of a prediction."""
        if self.phase == "predict":
            self._open("Predict")

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """End the bar of a prediction."""
        if self.phase == "predict":
            self._close(None)


class _TerminalBar:
    """A bar on the terminal's standard error."""

    def begin(self, title: str, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, TextColumn("{task.fields[numbers]}"), console=Console(stderr=True))
        self._task = self._bar.add_task(title, total=total, numbers="")
        self._bar.start()

    def show(self, step: int, numbers: str) -> None:
        self._bar.update(self._task, completed=step, numbers=numbers or self._bar.tasks[0].fields["numbers"])

    def end(self, numbers: str) -> None:
        self._bar.update(self._task, numbers=numbers)
        self.stop()

    def stop(self) -> None:
        self._bar.stop()


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved by `min_delta` for `patience` epochs.

    Args:
        monitor: a name in the logs, `'val_loss'` by default.
        min_delta: smallest change that counts.
        patience: epochs to wait.
        mode: `'min'`, `'max'`, or `'auto'`: max for names that end in accuracy, auc, precision or recall.
        restore_best_weights: go back to the weights of the best epoch at the end.
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
        super().__init__()
        self.monitor, self.min_delta, self.patience, self.verbose = monitor, abs(min_delta), patience, verbose
        self.sign = -1 if mode == "min" or (mode == "auto" and not grows(monitor)) else 1
        self.baseline, self.restore_best_weights, self.start_from_epoch = (
            baseline,
            restore_best_weights,
            start_from_epoch,
        )
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
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
        better = self._improves(value, self.best)
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        if better:
            self.best, self.best_epoch = value, epoch
            self.wait = 0 if self._improves(value, self.baseline) else self.wait
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _improves(self, value: float, on: float | None) -> bool:
        return on is None or self.sign * (value - on) > self.min_delta

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Go back to the best weights if asked to."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", file=sys.stderr)

    def state(self) -> dict[str, Any]:
        """The best value and how long ago it was."""
        return {"best": self.best, "wait": self.wait, "best_epoch": self.best_epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on counting."""
        self.best, self.wait, self.best_epoch = state["best"], state["wait"], state["best_epoch"]


def grows(monitor: str) -> bool:
    """Whether larger is better for a metric of that name."""
    return monitor.endswith(("acc", "accuracy", "auc", "precision", "recall", "f1_score"))
