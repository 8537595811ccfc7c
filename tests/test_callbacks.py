"""What happens around training: order, logs, history, early stopping, and the lines on the terminal."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from catalog import LABELS, X, perceptron

from kerato import callbacks
from kerato.callbacks import Callback, EarlyStopping, History

HOOKS = [f"on_{phase}_{edge}" for phase in ("train", "epoch", "train_batch", "test", "test_batch", "predict",
         "predict_batch", "batch") for edge in ("begin", "end")]  # fmt: skip


class Diary(Callback):
    """Notes every hook."""

    def __init__(self, *hooks: str) -> None:
        super().__init__()
        self.seen: list[tuple[Any, ...]] = []
        for hook in hooks or HOOKS:
            setattr(self, hook, self._note(hook))

    def _note(self, hook: str) -> Any:
        def note(*args: Any) -> None:
            self.seen.append((hook, *(dict(a) if isinstance(a, dict) else a for a in args)))

        return note

    @property
    def names(self) -> list[str]:
        """The hooks in the order of their calls."""
        return [entry[0] for entry in self.seen]


def test_hooks_are_called_in_keras_s_order() -> None:
    diary = Diary()
    perceptron().fit(
        X, LABELS, batch_size=12, epochs=2, validation_data=(X, LABELS), verbose=0, callbacks=[diary]
    )  # two batches an epoch; one validation batch
    batch = ["on_train_batch_begin", "on_batch_begin", "on_train_batch_end", "on_batch_end"]
    test = ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_batch_begin", "on_test_batch_end"]
    epoch = ["on_epoch_begin", *batch, *batch, *test, "on_test_end", "on_epoch_end"]
    assert diary.names == ["on_train_begin", *epoch, *epoch, "on_train_end"]


def test_hooks_of_evaluate_and_predict() -> None:
    diary = Diary()
    model = perceptron()
    model.evaluate(X, LABELS, batch_size=20, verbose=0, callbacks=[diary])
    assert diary.names == ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"]
    diary.seen.clear()
    model.predict(X, batch_size=12, callbacks=[diary])
    batch = ["on_predict_batch_begin", "on_predict_batch_end"]
    assert diary.names == ["on_predict_begin", *batch, *batch, "on_predict_end"]


def test_logs_of_batches_are_the_averages_so_far() -> None:
    diary = Diary("on_train_batch_end", "on_epoch_end")
    model = perceptron(metrics=["accuracy"])
    model.fit(X, LABELS, batch_size=8, shuffle=False, verbose=0, callbacks=[diary])
    losses = []
    other = perceptron(metrics=["accuracy"])
    for start in (0, 8, 16):
        losses.append(other.train_on_batch(X[start : start + 8], LABELS[start : start + 8])[0])
    sizes = np.array([8, 8, 4])
    for i, entry in enumerate(diary.seen[:3]):
        assert entry[1] == i
        assert entry[2]["loss"] == pytest.approx(np.average(losses[: i + 1], weights=sizes[: i + 1]), rel=1e-5)
    assert diary.seen[3][2] == diary.seen[2][2]
    assert list(diary.seen[3][2]) == ["loss", "accuracy"]


def test_callbacks_know_the_model_and_the_parameters() -> None:
    diary, model = Diary("on_epoch_end"), perceptron()
    model.fit(X, LABELS, batch_size=8, epochs=3, verbose=0, callbacks=[diary])
    assert diary.model is model
    assert diary.params == {"epochs": 3, "steps": 3, "verbose": 0}


def test_what_a_callback_adds_to_the_logs_is_in_the_history() -> None:
    class Adds(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["twice"] = 2 * epoch

    assert perceptron().fit(X, LABELS, epochs=3, verbose=0, callbacks=[Adds()]).history["twice"] == [0, 2, 4]


@pytest.mark.parametrize("where", ["on_epoch_end", "on_train_batch_end"])
def test_a_callback_stops_the_training(where: str) -> None:
    class Stop(Callback):
        pass

    stop = Stop()
    setattr(stop, where, lambda number, logs=None: setattr(stop.model, "stop_training", number == 1))
    model = perceptron()
    history = model.fit(X, LABELS, batch_size=5, epochs=9, verbose=0, callbacks=[stop])
    updates = int(model.optimizer.iterations.numpy())
    assert (len(history.epoch), updates) == ((2, 8) if where == "on_epoch_end" else (1, 2))
    assert len(model.fit(X, LABELS, epochs=2, verbose=0).epoch) == 2


def test_an_error_in_a_callback_ends_training_in_order() -> None:
    diary = Diary("on_train_end")

    class Breaks(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise ZeroDivisionError

    model = perceptron()
    with pytest.raises(ZeroDivisionError):
        model.fit(X, LABELS, verbose=0, callbacks=[diary, Breaks()])
    assert diary.names == ["on_train_end"]
    assert np.isfinite(model.evaluate(X, LABELS, verbose=0))


def test_a_callback_may_change_the_learning_rate_and_the_weights() -> None:
    class Meddles(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = 0.0
            self.model.set_weights([w * 0 + epoch for w in self.model.get_weights()])

    model = perceptron()
    model.fit(X, LABELS, epochs=3, verbose=0, callbacks=[Meddles()])
    assert all((w == 2).all() for w in model.get_weights())


def test_a_single_callback_needs_no_list() -> None:
    diary = Diary("on_epoch_end")
    perceptron().fit(X, LABELS, verbose=0, callbacks=diary)
    assert len(diary.seen) == 1


def test_history_is_kept_and_restored() -> None:
    history = perceptron().fit(X, LABELS, epochs=2, verbose=0)
    again = History()
    again.restore(history.state())
    assert (again.epoch, again.history) == ([0, 1], history.history)


class Scripted(Callback):
    """Puts given numbers into the logs, in place of what was measured."""

    def __init__(self, name: str, values: list[float]) -> None:
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs[self.name] = self.values[epoch]


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({"patience": 2}, [3, 2, 2.5, 2.4, 1, 1], 4),
        ({"patience": 2}, [3, 2, 2.5, 1.9, 1.8, 1.7], 6),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.8, 2.7, 2, 1, 1], 2),
        ({"patience": 1, "mode": "max"}, [3, 4, 5, 4, 9, 9], 4),
        ({"monitor": "val_accuracy", "patience": 1}, [0.3, 0.4, 0.3, 0.9, 0.9, 0.9], 3),
        ({"patience": 1, "baseline": 2.0}, [3, 3, 1, 1, 1, 1], 2),
        ({"patience": 1, "baseline": 2.0}, [5, 4, 3, 3, 1, 1], 4),
        ({"patience": 1, "start_from_epoch": 3}, [1, 2, 3, 4, 3, 5], 6),
        ({"monitor": "nothing", "patience": 0}, [1, 2, 3, 4, 5, 6], 6),
    ],
    ids=["patience", "in time", "min_delta", "max", "auto grows", "baseline", "on its way", "late start", "not there"],
)
def test_early_stopping_waits_as_long_as_it_should(options: Any, values: list[float], epochs: int) -> None:
    stopping = EarlyStopping(**options)
    name = stopping.monitor if stopping.monitor != "nothing" else "val_loss"
    history = perceptron().fit(X, LABELS, epochs=6, verbose=0, callbacks=[Scripted(name, values), stopping])
    assert len(history.epoch) == epochs


def test_early_stopping_brings_the_best_weights_back_and_its_state() -> None:
    kept: list[Any] = []

    class Keep(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            kept.append(self.model.get_weights())

    stopping, model = EarlyStopping(patience=2, restore_best_weights=True), perceptron()
    model.fit(X, LABELS, epochs=9, verbose=0, callbacks=[Keep(), Scripted("val_loss", [3, 1, 2, 2, 0]), stopping])
    assert len(kept) == 4
    for a, b in zip(kept[1], model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    again = EarlyStopping()
    again.restore(stopping.state())
    assert (again.best, again.wait, again.best_epoch) == (1, 2, 1)


LINE = r"Epoch {}/2 - \d+\.\ds - loss: \d\.\d{{4}} - accuracy: \d\.\d{{4}} - val_loss: \d\.\d{{4}} - val_accuracy: .*"


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_without_a_terminal_an_epoch_is_one_line(verbose: Any, capsys: pytest.CaptureFixture[str]) -> None:
    perceptron(metrics=["accuracy"]).fit(X, LABELS, epochs=2, verbose=verbose, validation_split=0.2)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 2
    for i, line in enumerate(lines):
        assert re.fullmatch(LINE.format(i + 1), line), line


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    model = perceptron(metrics=["accuracy"])
    model.fit(X, LABELS, epochs=2, verbose=0, validation_split=0.2)
    model.evaluate(X, LABELS, verbose=0)
    model.predict(X)
    assert capsys.readouterr() == ("", "")


def test_evaluate_and_predict_have_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    model = perceptron()
    model.evaluate(X, LABELS, verbose=1)
    model.predict(X, verbose=1)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Evaluate", "Predict"]


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    perceptron().fit(X, LABELS, batch_size=4, epochs=2, verbose=1)
    shown = capsys.readouterr().err
    assert "Epoch 1/2" in shown
    assert "5/5" in shown
    assert "loss" in shown


def test_small_numbers_keep_their_digits() -> None:
    assert callbacks.as_text({"loss": 0.00001234, "acc": 0.5}) == "loss: 1.2340e-05 - acc: 0.5000"
