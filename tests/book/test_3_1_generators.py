"""Book 3.1, the generator forms: batches made ahead of the training, from generators and sequences."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catalog import LABELS, X, perceptron

from kerato import layers, utils
from kerato.callbacks import Callback
from kerato.layers import Input
from kerato.models import Sequential

ONES = np.ones((4, 1), "float32")


def line(**options: Any) -> Sequential:
    """One weight, 1; the loss is the mean square."""
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", "mse", **options)
    return model


def still(**options: Any) -> Sequential:
    """`line`, which learns nothing."""
    model = line(**options)
    model.optimizer.learning_rate = 0.0
    return model


def pairs(*extra: Any, drawn: list[str] | None = None) -> Iterator[Any]:
    while True:
        if drawn is not None:
            drawn.append(threading.current_thread().name)
        yield (ONES * 3, ONES, *extra)


def halves() -> Iterator[Any]:
    while True:
        yield X[:12], LABELS[:12]
        yield X[12:], LABELS[12:]


class Halves(utils.Sequence):
    """X and LABELS in two batches."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        self.threads.add(threading.current_thread().name)
        time.sleep(0.02)  # long enough for another thread to take the next one
        return (X[:12], LABELS[:12]) if index == 0 else (X[12:], LABELS[12:])


def test_row_3_1_33_fit_generator_draws_steps_times_epochs() -> None:
    drawn: list[str] = []
    history = line().fit_generator(pairs(drawn=drawn), 3, epochs=4, verbose=0)
    assert (len(drawn), history.epoch) == (12, [0, 1, 2, 3])
    for steps in (None, 0):
        with pytest.raises(ValueError, match="fit_generator: `steps_per_epoch` must be"):
            line().fit_generator(pairs(), steps, verbose=0)
    with pytest.raises(ValueError, match="fit_generator: `generator` must be a generator"):
        line().fit_generator(X, 1)


def test_row_3_1_34_batches_of_fit_generator() -> None:
    assert line().fit_generator(pairs(np.full(4, 0.5)), 1, verbose=0).history["loss"] == [2]
    with pytest.raises(ValueError, match=r"Got a tuple of 4"):
        line().fit_generator(pairs(1, 2), 1, verbose=0)


def test_row_3_1_35_the_producer_is_at_work_while_the_network_trains() -> None:
    """The producer makes the next batch while a callback of the training thread keeps it busy."""
    reached: list[int] = []
    during: list[int] = []

    def generator() -> Iterator[Any]:
        for number in range(99):
            reached.append(number)
            yield ONES, ONES

    class Busy(Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            before = time.monotonic()
            while len(reached) <= batch + 1 and batch < 5 and time.monotonic() - before < 10:
                time.sleep(0.001)
            during.append(len(reached))

    line().fit_generator(generator(), 6, verbose=0, callbacks=[Busy()])
    assert all(made > step + 1 for step, made in enumerate(during[:5]))


def test_row_3_1_35_what_the_generator_raises_ends_the_training() -> None:
    def fails() -> Iterator[Any]:
        yield ONES, ONES
        yield ONES, ONES
        raise KeyError("third")

    model = line()
    with pytest.raises(KeyError, match="third") as caught:
        model.fit_generator(fails(), 9, verbose=0)
    assert "fails" in [entry.name for entry in caught.traceback]
    assert int(model.optimizer.iterations.numpy()) == 2


def test_row_3_1_35_ctrl_c_need_not_wait_for_a_generator_that_never_comes_back() -> None:
    never, model = threading.Event(), line()

    def stuck() -> Iterator[Any]:
        yield ONES, ONES
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        never.wait(60)

    with pytest.raises(KeyboardInterrupt):
        model.fit_generator(stuck(), 5, verbose=0)
    never.set()
    assert int(model.optimizer.iterations.numpy()) == 1
    assert np.isfinite(model.predict(ONES)).all()


@pytest.mark.parametrize(
    ("data", "steps", "expected"),
    [
        pytest.param(pairs, 2, 4, id="row_3_1_36-generator"),
        pytest.param(lambda: (ONES * 3, ONES), None, 4, id="row_3_1_36-two"),
        pytest.param(lambda: (ONES * 3, ONES, np.full(4, 0.5)), None, 2, id="row_3_1_36-three"),
    ],
)
def test_validation_of_fit_generator(data: Callable[[], Any], steps: int | None, expected: float) -> None:
    history = still().fit_generator(
        pairs(), 1, validation_data=data(), validation_steps=steps, verbose=0
    ).history  # fmt: skip
    assert history["val_loss"] == [expected]


def test_row_3_1_37_validation_by_a_generator_needs_its_steps() -> None:
    with pytest.raises(ValueError, match="`validation_steps` must be the number of batches"):
        line().fit_generator(pairs(), 1, validation_data=pairs(), verbose=0)


def test_row_3_1_38_class_weights_of_fit_generator() -> None:
    weights = {0: 1.0, 1: 5.0, 2: 0.25}
    plain = perceptron().fit(X, LABELS, batch_size=12, shuffle=False, class_weight=weights, verbose=0).history["loss"]
    found = perceptron().fit_generator(halves(), 2, class_weight=weights, verbose=0).history["loss"]
    assert found == pytest.approx(plain, rel=1e-6)


def test_row_3_1_39_the_queue_holds_no_more_than_its_size() -> None:
    drawn: list[str] = []
    most: list[int] = []

    class Slow(Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            time.sleep(0.01)
            most.append(len(drawn) - (batch + 1))

    line().fit_generator(pairs(drawn=drawn), 8, max_queue_size=2, verbose=0, callbacks=[Slow()])
    # One more: the first batch is looked at for its shapes before the queue begins.
    assert 1 <= max(most) <= 2 + 1
    assert len(drawn) == 8


def test_row_3_1_40_several_workers_give_every_batch_once_and_in_order() -> None:
    source = Halves()
    model, other = perceptron(), perceptron()
    model.fit_generator(source, epochs=2, workers=3, verbose=0)
    other.fit(X, LABELS, batch_size=12, shuffle=False, epochs=2, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-6)
    assert len(source.threads - {threading.current_thread().name}) > 1
    drawn: list[str] = []
    line().fit_generator(pairs(drawn=drawn), 5, workers=3, verbose=0)
    assert len(drawn) == 5


def test_row_3_1_41_processes_make_the_batches_of_a_sequence_and_a_generator_stays() -> None:
    """More in tests/data/test_supply.py: a process that fails or dies, sources that cannot be pickled."""
    model, other = perceptron(), perceptron()
    model.fit_generator(Halves(), epochs=1, workers=1, use_multiprocessing=True, verbose=0)
    other.fit(X, LABELS, batch_size=12, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-6)
    with pytest.warns(UserWarning, match="a generator cannot be sent there"):
        line().fit_generator(pairs(), 2, use_multiprocessing=True, verbose=0)


def test_row_3_1_42_epochs_lines_and_callbacks_of_fit_generator(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []

    class Note(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(epoch)

    history = line().fit_generator(pairs(), 1, initial_epoch=2, epochs=4, verbose=2, callbacks=[Note()])
    assert history.epoch == seen == [2, 3]
    captured = capsys.readouterr()
    assert [line.partition(" - ")[0] for line in (captured.out + captured.err).splitlines()] == [
        "Epoch 3/4",
        "Epoch 4/4",
    ]


def test_row_3_1_44_listing_10_reads_a_file_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("1 2\n2 4\n3 6\n")
    opened: list[Any] = []

    def process_line(line: str) -> Any:
        x, y = line.split()
        return np.array([[float(x)]]), np.array([[float(y)]])

    def generate_arrays_from_file(path: Any) -> Iterator[Any]:
        while 1:
            f = open(path)  # noqa: SIM115 - as the book has it
            opened.append(f)
            for line in f:
                x, y = process_line(line)
                yield (x, y)
            f.close()

    model = line()
    history = model.fit_generator(generate_arrays_from_file(path), steps_per_epoch=7, epochs=10, verbose=0)
    assert len(opened) == 24  # 70 lines of a file of 3
    assert all(file.closed for file in opened[:-1])
    opened[-1].close()
    assert history.history["loss"][-1] < 0.01 < history.history["loss"][0]
    assert model.get_weights()[0][0, 0] == pytest.approx(2, abs=0.05)


def test_row_3_1_45_evaluate_generator_is_evaluate() -> None:
    model = perceptron(metrics=["accuracy"])
    whole = model.evaluate(X, LABELS, verbose=0)
    assert model.evaluate_generator(halves(), 2) == pytest.approx(whole, rel=1e-5)
    assert model.evaluate_generator(Halves(), workers=2) == pytest.approx(whole, rel=1e-5)
    with pytest.raises(ValueError, match="evaluate_generator: `steps` must be the number of batches"):
        model.evaluate_generator(halves())


@pytest.mark.parametrize("form", ["x", "pair", "triple"])
def test_row_3_1_46_predict_generator_keeps_the_order(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    def batches() -> Iterator[Any]:
        for x, y in halves():
            yield {"x": x, "pair": (x, y), "triple": (x, y, np.ones(len(x)))}[form]

    model = perceptron()
    found = model.predict_generator(batches(), 2, verbose=1 if form == "x" else 0)
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-5)
    assert bool(capsys.readouterr().err) == (form == "x")
