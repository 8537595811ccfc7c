"""Book 3.2, what layers are set with: initializers, regularizers, constraints; and the callbacks around training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerato import callbacks, constraints, initializers, layers, regularizers
from kerato.layers import Input
from kerato.models import Sequential, load_model

Array = np.ndarray[Any, Any]
SHAPE = (200, 300)


def drawn(name: str, **options: Any) -> Array:
    made = getattr(initializers, name)(**options)
    return np.asarray(made(SHAPE, "float32"), "float64")


#: initializer of the book, its arguments, standard deviation of the weights of a (200, 300) kernel
SPREADS: list[tuple[str, dict[str, Any], float]] = [
    ("RandomNormal", {"stddev": 0.05}, 0.05),
    ("RandomUniform", {"minval": -0.05, "maxval": 0.05}, 0.1 / math.sqrt(12)),
    ("TruncatedNormal", {"stddev": 0.05}, 0.05 * 0.8796),  # cut at two deviations
    ("glorot_normal", {}, math.sqrt(2 / 500)),
    ("glorot_uniform", {}, math.sqrt(2 / 500)),
    ("he_normal", {}, math.sqrt(2 / 200)),
    ("he_uniform", {}, math.sqrt(2 / 200)),
    ("lecun_uniform", {}, math.sqrt(1 / 200)),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out"}, math.sqrt(2 / 300)),
]


@pytest.mark.parametrize(("name", "options", "spread"), SPREADS, ids=[f"row_3_2_44-{row[0]}" for row in SPREADS])
def test_drawn_weights_spread_as_they_should(name: str, options: dict[str, Any], spread: float) -> None:
    w = drawn(name, **options)
    assert w.std() == pytest.approx(spread, rel=0.03)
    assert abs(w.mean()) < 0.03 * spread
    if "niform" in name:
        assert abs(w).max() == pytest.approx(spread * math.sqrt(3), rel=0.03)
    if name == "TruncatedNormal":
        assert abs(w).max() <= 0.1


def test_row_3_2_44_weights_that_are_not_drawn() -> None:
    assert (drawn("Zeros") == 0).all() and (drawn("Ones") == 1).all() and (drawn("Constant", value=3) == 3).all()
    np.testing.assert_array_equal(np.asarray(initializers.Identity(2.0)((3, 3), "float32")), 2 * np.eye(3))
    w = drawn("Orthogonal", gain=1.5)
    np.testing.assert_allclose(w @ w.T, 1.5**2 * np.eye(200), atol=1e-4)


def test_row_3_2_45_penalties_are_part_of_the_loss() -> None:
    for penalty, expected in (("l1", 0.01 * 6), ("l2", 0.01 * 14), (regularizers.l1_l2(0.1, 0.2), 0.1 * 6 + 0.2 * 14)):
        dense = layers.Dense(1, use_bias=False, kernel_regularizer=penalty)
        model = Sequential([Input((3,)), dense])
        model.compile("sgd", "mse")
        model.set_weights([np.array([[1.0], [-2.0], [3.0]])])
        assert model.evaluate(np.zeros((2, 3)), np.zeros((2, 1)), verbose=0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("constraint", "holds"),
    [
        (constraints.max_norm(1.0), lambda norms, w: (norms <= 1 + 1e-6).all()),
        (constraints.non_neg(), lambda norms, w: (w >= 0).all() and (w > 0).any()),
        (constraints.unit_norm(), lambda norms, w: abs(norms - 1).max() < 1e-5),
        (constraints.min_max_norm(0.5, 0.8), lambda norms, w: norms.min() >= 0.5 - 1e-6 and norms.max() <= 0.8 + 1e-6),
    ],
    ids=["row_3_2_46-max", "row_3_2_46-positive", "row_3_2_46-unit", "row_3_2_46-between"],
)
def test_constraints_hold_after_an_update(constraint: Any, holds: Any) -> None:
    model = Sequential([Input((4,)), layers.Dense(5, use_bias=False, kernel_constraint=constraint)])
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(size=(4, 5))])
    model.compile("sgd", "mse")
    model.train_on_batch(generator.normal(size=(8, 4)), generator.normal(size=(8, 5)))
    w = model.get_weights()[0]
    assert holds(np.linalg.norm(w, axis=0), w)


class Scripted(callbacks.Callback):
    """Puts 3, 2, 2, 2, ... into the logs as `val_loss`."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_loss"] = [3.0, 2.0][epoch > 0]


def run(callback: Any, epochs: int = 6, x: Any = None) -> tuple[Any, Any]:
    """A training of one weight with a callback: (history, model)."""
    model = Sequential([Input((1,)), layers.Dense(1, kernel_initializer="ones", name="only")])
    model.compile("sgd", "mse")
    x = np.ones((4, 1)) if x is None else x
    history = model.fit(x, np.zeros((4, 1)), batch_size=2, epochs=epochs, verbose=0, callbacks=[Scripted(), callback])
    return history, model


def test_row_3_2_48_model_checkpoint(tmp_path: Path) -> None:
    saver = callbacks.ModelCheckpoint(str(tmp_path / "{epoch:02d}-{val_loss:.1f}.keras"), save_best_only=True)
    _, model = run(saver, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01-3.0.keras", "02-2.0.keras"]
    saved = load_model(tmp_path / "02-2.0.keras").get_weights()[0]
    assert saved[0, 0] > model.get_weights()[0][0, 0]  # an epoch younger


def test_row_3_2_48_early_stopping() -> None:
    assert len(run(callbacks.EarlyStopping(patience=2))[0].epoch) == 4


def test_row_3_2_48_learning_rate_scheduler() -> None:
    history, _ = run(callbacks.LearningRateScheduler(lambda epoch: 0.1 / 2**epoch), 3)
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.025])


def test_row_3_2_48_reduce_on_plateau() -> None:
    _, model = run(callbacks.ReduceLROnPlateau(factor=0.5, patience=2))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01 / 4)


def test_row_3_2_48_csv_logger(tmp_path: Path) -> None:
    history, _ = run(callbacks.CSVLogger(tmp_path / "log.csv"), 2)
    head, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert head == "epoch,loss,val_loss"
    assert [[float(cell) for cell in row.split(",")] for row in rows] == [
        [epoch, history.history["loss"][epoch], history.history["val_loss"][epoch]] for epoch in range(2)
    ]


def test_row_3_2_48_lambda_callback() -> None:
    seen: list[int] = []
    run(callbacks.LambdaCallback(on_batch_begin=lambda batch, logs: seen.append(batch)), 2)
    assert seen == [0, 1, 0, 1]


def test_row_3_2_48_terminate_on_nan() -> None:
    history, model = run(callbacks.TerminateOnNaN(), x=np.full((4, 1), 1e30))
    assert (len(history.epoch), int(model.optimizer.iterations.numpy())) == (1, 1)
