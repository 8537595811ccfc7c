"""Callbacks that act at a moment: set the learning rate, stop at NaN, call a function, swap averaged weights."""

from __future__ import annotations

import inspect
import json
import math
import sys
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from kerato.callbacks.base import HOOKS, Callback, Logs
from kerato.errors import InvalidCall, invalid, unknown


class LambdaCallback(Callback):
    """Functions as hooks: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs))`.

    Raises:
        UnknownName: a hook that does not exist.
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        super().__init__()
        for name, function in hooks.items():
            if name not in HOOKS:
                raise unknown("LambdaCallback", "the hook", name, HOOKS)
            if function is not None:
                setattr(self, name, function)


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch: `schedule(epoch, rate)`, or `schedule(epoch)`, gives it.

    Raises:
        InvalidValue: what it gives is no float.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._takes_rate = True
        except TypeError:
            self._takes_rate = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate of the epoch."""
        now = float(self.model.optimizer.learning_rate)
        rate = self.schedule(epoch, now) if self._takes_rate else self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)):
            raise invalid("LearningRateScheduler", "schedule", "a function that gives a float", rate)
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: the learning rate is {rate:g}", file=sys.stderr)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the rate in the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class TerminateOnNaN(Callback):
    """Stop at the batch whose loss is NaN or infinite.

    Args:
        raise_error: raise an `InvalidCall` instead.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise InvalidCall(f"TerminateOnNaN: the loss must be finite. Got {loss} at batch {batch}.")
        print(f"Batch {batch}: the loss is {loss}, training ends", file=sys.stderr)
        self.model.stop_training = True


class RemoteMonitor(Callback):
    """Send the numbers of each epoch to a server, as Keras does: JSON `{"epoch": 0, "loss": ...}` by POST.

    Args:
        root: address of the server.
        path: on it.
        field: name of the form's field that holds the JSON text.
        headers: further headers of the request.
        send_as_json: the JSON text as the body, instead of a form.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.path, self.field, self.headers = root, path, field, headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Send; a server that does not answer gives a warning."""
        text = json.dumps({"epoch": epoch, **{name: np.asarray(v).tolist() for name, v in (logs or {}).items()}})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, body.encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10):
                pass
        except OSError as error:
            warnings.warn(f"RemoteMonitor: {self.root} could not be reached ({error}).", stacklevel=2)


class SwapEMAWeights(Callback):
    """Evaluate and predict with the averaged weights of an optimizer that has `use_ema=True`.

    Args:
        swap_on_epoch: have them in the model also between epochs, for what other callbacks save.

    Raises:
        InvalidCall: the optimizer keeps no average.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _swap(self, wanted: bool) -> None:
        if self._swapped == wanted:
            return
        averages = self.model.optimizer.averages
        if not averages:
            raise InvalidCall("SwapEMAWeights: the optimizer keeps no average. Make it with use_ema=True.")
        for variable, average in averages.items():
            now = variable.numpy()
            variable.assign(average.numpy())
            average.assign(now)
        self._swapped = wanted

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """The trained weights back."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The averages into the model, if asked to; after the last epoch for good."""
        self._swap(self.swap_on_epoch)
        if self._swapped and (epoch + 1 >= self.params["epochs"] or self.model.stop_training):
            for variable, average in self.model.optimizer.averages.items():
                average.assign(variable.numpy())

    def on_train_end(self, logs: Logs | None = None) -> None:
        """The trained weights back."""
        self._swap(False)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """The averages into the model."""
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """The trained weights back."""
        self._swap(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """The averages into the model."""
        self._swap(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """The trained weights back."""
        self._swap(False)
