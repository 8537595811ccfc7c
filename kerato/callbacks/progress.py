"""What `fit` returns and what it shows: the history, and how far the run is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kerato import notebook
from kerato.callbacks.base import Callback, Logs


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


class Progbar:
    """A bar for loops of one's own, as Keras's: `update(step, [("loss", 0.3)])`, `add(n)`.

    Args:
        target: how many steps there are; None shows a count only.
        verbose: 0 shows nothing.
        width: accepted; the terminal's width decides.
        interval: accepted.
        stateful_metrics: names whose newest value is shown, not the mean over the steps.
        unit_name: what a step is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target, self.verbose, self.unit_name = target, verbose, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self._seen, self._sums = 0, {}  # type: int, dict[str, tuple[float, int]]
        self._bar: Any = None

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Show that `current` steps are done; `values` are pairs (name, value) of the steps since."""
        steps = max(current - self._seen, 1)
        for name, value in dict(values or ()).items():
            total, count = self._sums.get(name, (0.0, 0))
            newest = name in self.stateful_metrics
            self._sums[name] = (float(value), 1) if newest else (total + float(value) * steps, count + steps)
        self._seen = current
        done = (self.target is not None and current >= self.target) if finalize is None else finalize
        if not self.verbose:
            return
        if self._bar is None:
            self._bar = _TerminalBar() if sys.stderr.isatty() else _Lines()
            self._bar.begin(self.unit_name, self.target)
        numbers = as_text({name: total / max(count, 1) for name, (total, count) in self._sums.items()})
        self._bar.show(current, numbers)
        if done:
            self._bar.end(numbers)
            self._bar = None

    def add(self, n: int, values: Any = None) -> None:
        """`n` more steps are done."""
        self.update(self._seen + n, values)


class _Lines:
    """A bar where there is no terminal: one line at the end."""

    def begin(self, title: str, total: int | None) -> None:
        self._title, self._total, self._step = title, total, 0

    def show(self, step: int, numbers: str) -> None:
        self._step = step

    def end(self, numbers: str) -> None:
        print(f"{self._step}/{self._total or '?'} {self._title} {numbers}".rstrip(), file=sys.stderr)


class ProgbarLogger(Progress):
    """The bar that `fit` shows by itself; named here for scripts that ask for one.

    Args:
        count_mode: accepted from Keras 2; the bar counts steps.
    """

    def __init__(self, count_mode: str = "steps") -> None:
        super().__init__(verbose=1)


class BaseLogger(Callback):
    """Nothing: the averages of an epoch are the engine's own. Named here for scripts of Keras 2."""
