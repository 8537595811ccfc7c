"""The callbacks: each does what Keras's of that name does, on a network whose numbers are known or scripted."""

from __future__ import annotations

import http.server
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catalog import LABELS, X, perceptron

from kerato import backend as K
from kerato import callbacks, layers, random
from kerato.callbacks import Callback
from kerato.callbacks.events import crc32c
from kerato.data.sources import Arrays
from kerato.data.streams import Rounds
from kerato.errors import BadFile, InvalidCall, UnknownName
from kerato.layers import Input
from kerato.models import Sequential, load_model

Array = np.ndarray[Any, Any]


class Run:
    """Stands for a model in training: callbacks are called with scripted numbers, nothing is computed."""

    def __init__(self) -> None:
        self.optimizer = perceptron().optimizer
        self.stop_training = False
        self.saved: list[str] = []

    def save(self, path: Any, overwrite: bool = True) -> None:
        self.saved.append(str(path))

    save_weights = save

    def play(self, callback: Callback, epochs: list[dict[str, float]], batches: int = 0) -> None:
        """Call the hooks of epochs with these logs."""
        callback.set_params({"epochs": len(epochs), "steps": batches, "verbose": 0})
        callback.set_model(self)
        callback.on_train_begin()
        for epoch, logs in enumerate(epochs):
            callback.on_epoch_begin(epoch)
            for batch in range(batches):
                callback.on_train_batch_end(batch, logs)
            callback.on_epoch_end(epoch, logs)
        callback.on_train_end()


def losses(*values: float) -> list[dict[str, float]]:
    return [{"val_loss": value} for value in values]


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({"save_best_only": True}, ["1", "3"]),
        ({"save_best_only": True, "mode": "max"}, ["1", "2", "4"]),
        ({"save_best_only": True, "initial_value_threshold": 2.5}, ["3"]),
        ({"save_weights_only": True}, ["1", "2", "3", "4"]),
    ],
    ids=["row_3_2_48-every", "row_3_2_48-best", "row_3_2_48-largest", "row_3_2_48-threshold", "row_3_2_48-weights"],
)
def test_checkpoints_are_saved_when_asked(options: dict[str, Any], saved: list[str], tmp_path: Path) -> None:
    run = Run()
    run.play(callbacks.ModelCheckpoint(tmp_path / "{epoch}", **options), losses(3, 4, 2, 5))
    assert [Path(path).name for path in run.saved] == saved


def test_checkpoints_have_numbers_in_their_names_and_may_come_within_epochs(tmp_path: Path) -> None:
    run = Run()
    run.play(callbacks.ModelCheckpoint(str(tmp_path / "new" / "{epoch:02d}-{val_loss:.2f}.keras")), losses(0.123))
    assert run.saved == [str(tmp_path / "new" / "01-0.12.keras")]
    assert (tmp_path / "new").is_dir()
    run = Run()
    run.play(callbacks.ModelCheckpoint("{epoch}.{batch}", save_freq=2), losses(1, 1), batches=3)
    assert run.saved == ["1.2", "2.1", "2.3"]
    with pytest.raises(ValueError, match=r"`filepath` must name what is known \(epoch, val_loss\)\. Got 'acc'"):
        run.play(callbacks.ModelCheckpoint("{acc}.keras"), losses(1))
    with pytest.warns(UserWarning, match="there is no 'val_acc' to watch"):
        run.play(callbacks.ModelCheckpoint("x", "val_acc", save_best_only=True), losses(1))
    for wrong in ("batch", 0, True):
        with pytest.raises(ValueError, match="`save_freq` must be 'epoch' or a number of batches"):
            callbacks.ModelCheckpoint("x", save_freq=wrong)


def test_a_saved_checkpoint_is_the_model(tmp_path: Path) -> None:
    model = perceptron()
    path = tmp_path / "best.keras"
    saver = callbacks.ModelCheckpoint(path, save_best_only=True)
    model.fit(X, LABELS, validation_split=0.2, epochs=1, verbose=0, callbacks=[saver])
    np.testing.assert_array_equal(load_model(path).predict(X), model.predict(X))


def test_row_3_2_48_the_rate_is_reduced_on_a_plateau() -> None:
    run = Run()
    run.optimizer.learning_rate = 1.0
    seen: list[float] = []
    logs = losses(5, 5, 5, 5, 5, 4, 4, 4)
    callback = callbacks.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.2)
    run.play(callback, logs)
    seen = [entry["learning_rate"] for entry in logs]  # the rate of each epoch, before it is reduced
    assert seen == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert float(run.optimizer.learning_rate) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="`factor` must be"):
        callbacks.ReduceLROnPlateau(factor=1)


def test_the_states_of_monitors_go_on() -> None:
    callback = callbacks.ReduceLROnPlateau(patience=3)
    Run().play(callback, losses(5, 6, 6))
    again = callbacks.ReduceLROnPlateau(patience=3)
    again.restore(callback.state())
    assert (again.best, again.wait, again.cooldown_counter) == (5, 2, 0)


@pytest.mark.parametrize("schedule", [lambda epoch: 0.5 / (epoch + 1), lambda epoch, rate: rate / 2])
def test_row_3_2_48_a_schedule_sets_the_rate_of_each_epoch(schedule: Any) -> None:
    model = perceptron()
    model.optimizer.learning_rate = 1.0
    found = model.fit(X, LABELS, epochs=2, verbose=0, callbacks=[callbacks.LearningRateScheduler(schedule)])
    assert found.history["learning_rate"] == [0.5, 0.25]
    with pytest.raises(ValueError, match="a function that gives a float"):
        Run().play(callbacks.LearningRateScheduler(lambda epoch: 1), losses(1))


def test_the_rate_is_set_within_an_epoch_as_in_keras_2() -> None:
    class Halve(Callback):
        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            K.set_value(self.model.optimizer.lr, 1.0 if batch == 0 else 0.0)

    one, other = perceptron(), perceptron()
    one.fit(X, LABELS, batch_size=10, shuffle=False, verbose=0, callbacks=[Halve()])
    other.optimizer.learning_rate = 1.0
    other.fit(X[:10], LABELS[:10], batch_size=10, verbose=0)
    np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0], rtol=1e-6)


def test_row_3_2_48_a_table_of_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    Run().play(callbacks.CSVLogger(path), [{"loss": 1.5, "acc": 0.5, "val_loss": 2.0}, {"loss": 1.0, "acc": 0.75}])
    assert path.read_text().splitlines() == ["epoch,acc,loss,val_loss", "0,0.5,1.5,2.0", "1,0.75,1.0,NA"]
    more = [{"loss": np.array([1.0, 2.0])}]  # type: ignore[dict-item]
    Run().play(callbacks.CSVLogger(path, separator=";", append=True), more)
    assert path.read_text().splitlines()[3:] == ["0;[1.0, 2.0];NA"]
    Run().play(callbacks.CSVLogger(path), [{"loss": 1.0}])
    assert path.read_text().splitlines() == ["epoch,loss,val_loss", "0,1.0,NA"]


def test_row_3_2_48_training_ends_at_nan(capsys: pytest.CaptureFixture[str]) -> None:
    x = X.copy()
    x[10:] = 1e30
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    y = np.zeros((20, 1))
    history = model.fit(
        x, y, batch_size=5, epochs=3, shuffle=False, verbose=0, callbacks=[callbacks.TerminateOnNaN()]
    )  # fmt: skip
    assert int(model.optimizer.iterations.numpy()) == 3
    assert len(history.epoch) == 1
    assert "Batch 2: the loss is" in capsys.readouterr().err
    with pytest.raises(InvalidCall, match="the loss must be finite"):
        Run().play(callbacks.TerminateOnNaN(raise_error=True), [{"loss": float("nan")}], batches=1)


def test_row_3_2_48_functions_are_hooks() -> None:
    seen: list[Any] = []
    callback = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, sorted(logs))),
        on_train_batch_end=lambda batch, logs: seen.append(batch),
        on_train_end=None,
    )
    perceptron().fit(X, LABELS, batch_size=10, verbose=0, callbacks=[callback])
    assert seen == [0, 1, (0, ["loss"])]
    with pytest.raises(UnknownName, match=r"the hook 'on_epoch_stop' is not known .*Did you mean 'on_epoch_end'\?"):
        callbacks.LambdaCallback(on_epoch_stop=print)


def test_names_of_keras_2_do_no_harm() -> None:
    history = perceptron().fit(X, LABELS, verbose=0, callbacks=[callbacks.BaseLogger(), callbacks.ProgbarLogger()])
    assert list(history.history) == ["loss"]


# -- going on after an interruption ----------------------------------------------------------------------------------


class Killed(Exception):
    """Stands for the end of the process."""


def deep() -> Sequential:
    """Dropout, a momentum and batch statistics: all that has a state."""
    model = Sequential([Input((4,)), layers.Dense(5, name="a"), layers.BatchNormalization(name="b")])
    model.add(layers.Dropout(0.5, name="c"))  # masks are drawn by the names of layers, which a new process repeats
    model.add(layers.Dense(3, activation="softmax", name="d"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("form", ["arrays", "rounds"])
@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path: Path, form: str) -> None:
    steps = {"steps_per_epoch": 2} if form == "rounds" else {}

    def train(folder: str, killed_at: int = 99, seed: int | None = 5) -> tuple[list[Array], Any, int]:
        random.set_seed(seed)
        model = deep()
        plateau = callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=9, factor=0.5)

        class Kill(Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                if epoch == killed_at:
                    raise Killed

        backup = callbacks.BackupAndRestore(tmp_path / folder)
        history = model.fit(
            X, LABELS, batch_size=6, epochs=5, verbose=0, callbacks=[backup, plateau, Kill()], **steps
        )  # fmt: skip
        return model.get_weights(), history, plateau.wait

    whole, history, wait = train("one")
    with pytest.raises(Killed):
        train("two", killed_at=3)
    assert (tmp_path / "two" / "training.npz").exists()
    found, rest, found_wait = train("two", seed=77)  # what is drawn in the new process does not matter
    assert rest.epoch == [3, 4]
    assert rest.history["loss"] == history.history["loss"][3:]
    assert found_wait == wait
    for a, b in zip(whole, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "two" / "training.npz").exists()


def test_rounds_of_arrays_go_on_from_any_batch() -> None:
    def rounds() -> Rounds:
        return Rounds(Arrays(([np.arange(10)], [], []), 4, True, 1))

    whole = [x[0].tolist() for source in [rounds()] for _ in range(3) for x, _, _ in source]
    late = rounds()
    late.go_on(4, 1)
    assert [x[0].tolist() for _ in range(2) for x, _, _ in late] == whole[4:]


def test_a_backup_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    perceptron().fit(X, LABELS, verbose=0, callbacks=[backup])
    with pytest.raises(BadFile, match="is of another model or optimizer"):
        perceptron(optimizer="adam").fit(X, LABELS, verbose=0, callbacks=[backup])
    backup.path.write_bytes(b"PK\3\4 torn")
    with pytest.raises(BadFile, match="is no whole backup"):
        perceptron().fit(X, LABELS, verbose=0, callbacks=[backup])
    for wrong in ({"backup_dir": ""}, {"backup_dir": "x", "save_freq": 3}):
        with pytest.raises(ValueError, match="BackupAndRestore: `"):
            callbacks.BackupAndRestore(**wrong)  # type: ignore[arg-type]


# -- TensorBoard ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"123456789", 0xE3069283), (b"\0" * 32, 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_check_sums_of_rfc_3720(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a protocol buffer, read by its published encoding: (number, value)."""
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            found.append((number, varint()))
        elif kind == 2:
            size = varint()
            found.append((number, data[at : at + size]))
            at += size
        else:
            size, form = (8, "<d") if kind == 1 else (4, "<f")
            found.append((number, struct.unpack(form, data[at : at + size])[0]))
            at += size
    return found


def events(folder: Path) -> list[tuple[int, str, Any]]:
    """(step, tag, number or fields of a histogram) of all events in the one file of a folder."""
    [path] = folder.iterdir()
    assert path.name.startswith("events.out.tfevents.")
    data, found, at = path.read_bytes(), [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        event = dict(fields(data[at + 12 : at + 12 + size]))
        at += size + 16
        if 5 in event:
            value = dict(fields(dict(fields(event[5]))[1]))
            found.append((event[2], value[1].decode(), dict(fields(value[5])) if 5 in value else value[2]))
        else:
            assert event[3] == b"brain.Event:2"
    return found


def test_numbers_of_epochs_and_batches_become_events(tmp_path: Path) -> None:
    model = perceptron()
    board = callbacks.TensorBoard(tmp_path, histogram_freq=2, update_freq=2, write_steps_per_second=True)
    history = model.fit(
        X, LABELS, batch_size=4, epochs=2, validation_split=0.2, verbose=0, callbacks=[board]
    ).history  # fmt: skip
    train = events(tmp_path / "train")
    assert [(s, t) for s, t, _ in train if t.startswith("batch")] == [(2, "batch_loss"), (4, "batch_loss"),
                                                                     (6, "batch_loss"), (8, "batch_loss")]  # fmt: skip
    by_tag = {tag: [value for _, t, value in train if t == tag] for _, tag, _ in train}
    assert by_tag["epoch_loss"] == pytest.approx(history["loss"])
    assert by_tag["epoch_learning_rate"] == pytest.approx([0.01] * 2)
    assert min(by_tag["epoch_steps_per_second"]) > 0
    assert [(s, t, pytest.approx(v)) for s, t, v in events(tmp_path / "validation")] == [
        (0, "epoch_loss", history["val_loss"][0]), (1, "epoch_loss", history["val_loss"][1])
    ]  # fmt: skip
    [kernel] = by_tag["hidden/kernel"]  # of the first epoch alone
    assert kernel[3] == 20 and len(kernel[6]) == len(kernel[7]) == 30 * 8
    assert sum(struct.unpack("<30d", kernel[7])) == 20
    with pytest.raises(ValueError, match="`update_freq` must be"):
        callbacks.TensorBoard(update_freq="step")


# -- a server ------------------------------------------------------------------------------------------------------


def test_the_remote_monitor_posts_and_warns() -> None:
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        Run().play(callbacks.RemoteMonitor(root, send_as_json=True), losses(2.0))
        Run().play(callbacks.RemoteMonitor(root), losses(2.0))
        server.shutdown()
    assert bodies == [b'{"epoch": 0, "val_loss": 2.0}', b"data=%7B%22epoch%22%3A+0%2C+%22val_loss%22%3A+2.0%7D"]
    with pytest.warns(UserWarning, match="could not be reached"):
        Run().play(callbacks.RemoteMonitor(root), losses(2.0))
