"""The base of callbacks: what happens around training, beside the numbers.

Per-batch hooks are only called on callbacks that define them: they end the running of many steps as one program,
because after every step somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerato.errors import InvalidType, invalid, sentence, show

Logs = dict[str, float]

_BATCH_HOOKS = [f"on_{phase}batch_{edge}" for phase in ("", "train_", "test_", "predict_") for edge in ("begin", "end")]
#: every hook that a callback may define
HOOKS = [f"on_{what}_{edge}" for what in ("train", "epoch", "test", "predict") for edge in ("begin", "end")]
HOOKS += _BATCH_HOOKS


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

    def first_epoch(self, epoch: int, others: Sequence[Any]) -> int:
        """The epoch that training begins with, after every `on_train_begin`: `epoch`, unless an earlier run goes on.

        `others` are all callbacks of the run, whose state may be restored here.
        """
        return epoch

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
        self.samples = 0  # of the batch that hooks are called for
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

    def first_epoch(self, epoch: int) -> int:
        """The epoch that training begins with, as the callbacks decide one after the other."""
        for item in self.callbacks:
            epoch = item.first_epoch(epoch, self.callbacks) if hasattr(item, "first_epoch") else epoch
        return epoch

    def watches_batches(self, phase: str) -> bool:
        """Whether some callback wants to see every batch of `train`, `test` or `predict`."""
        names = [f"on_{phase}_batch_begin", f"on_{phase}_batch_end"]
        names += ["on_batch_begin", "on_batch_end"] if phase == "train" else []
        return any(self._hooks[name] for name in names)

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar is open."""
        return any(getattr(item, "is_open", False) for item in self.callbacks)

    def without_progress(self) -> CallbackList:
        """The same callbacks for a validation, which has no bar of its own."""
        model = self.callbacks[0].model if self.callbacks else None
        params = self.callbacks[0].params if self.callbacks else {}
        return CallbackList([item for item in self.callbacks if not hasattr(item, "is_open")], model, params)

    def progress(self, step: int, logs: Logs | None = None) -> None:
        """Tell the progress bars how far the epoch is."""
        for item in self.callbacks:
            if hasattr(item, "is_open"):
                item.show(step, logs)


def overrides(callback: Any, hook: str) -> bool:
    """Whether a callback defines `hook` itself, in its class or on the object."""
    own = getattr(type(callback), hook, None)
    return hook in getattr(callback, "__dict__", {}) or (own is not None and own is not getattr(Callback, hook))
