"""Chapter 4, objectives: the check values of every named loss, and how they are named."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from kerato import config, legacy, losses, metrics, utils

A = ([1.0, 2.0, 3.0], [1.5, 2.0, 2.0])
B = ([1.0, -1.0, 1.0], [0.5, -2.0, -0.5])
C = ([1.0, 0.0], [0.9, 0.2])
D = ([0.0, 1.0, 0.0], [0.1, 0.7, 0.2])
E = ([0.0, 1.0, 0.0], [0.2, 0.7, 0.3])

#: section, name as the book or its Keras has it, targets and predictions, value
CHECKS: list[tuple[str, str, Any, float]] = [
    ("4.1", "mean_squared_error", A, 0.4166667),
    ("4.1", "mse", A, 0.4166667),
    ("4.1", "MSE", A, 0.4166667),
    ("4.2", "mean_absolute_error", A, 0.5),
    ("4.2", "MAE", A, 0.5),
    ("4.3", "mean_absolute_percentage_error", A, 27.7777778),
    ("4.3", "mape", A, 27.7777778),
    ("4.4", "mean_squared_logarithmic_error", A, 0.0441847),
    ("4.4", "msle", A, 0.0441847),
    ("4.5", "squared_hinge", B, 0.8333333),
    ("4.6", "hinge", B, 0.6666667),
    ("4.7", "binary_crossentropy", C, 0.1642520),
    ("4.8", "categorical_crossentropy", D, 0.3566749),
    ("4.8", "categorical_crossentropy", E, 0.5389965),
    ("4.8", "categorical_crossentropy", ([1.0, 0.0, 0.0], [0.0, 0.5, 0.5]), 16.1180957),
    ("4.9", "sparse_categorical_crossentropy", ([[1]], [D[1]]), 0.3566749),
    ("4.9", "sparse_categorical_crossentrop", ([1], [D[1]]), 0.3566749),
    ("4.0", "logcosh", A, 0.1846318),
    ("4.0", "kullback_leibler_divergence", D, 0.3566721),
    ("4.0", "kld", D, 0.3566721),
    ("4.0", "poisson", ([1.0], [2.0]), 1.3068528),
    ("4.0", "categorical_hinge", D, 0.5),
    ("4.0", "cosine_proximity", ([[3.0, 4.0]], [[3.0, 4.0]]), -0.5),
]


def row_of(check: tuple[str, str, Any, float]) -> str:
    section, name, *_ = check
    return f"row_{section.replace('.', '_')}_{'03' if section == '4.0' else '01'}-{name}"


@pytest.mark.parametrize(("name", "pair", "value"), [row[1:] for row in CHECKS], ids=map(row_of, CHECKS))
def test_check_values(name: str, pair: Any, value: float) -> None:
    with legacy.dialect():
        found = losses.get(name)(*map(np.array, pair))
    assert np.asarray(found).item() == pytest.approx(value, rel=1e-6, abs=5e-8)


def test_row_4_3_01_and_row_4_7_01_a_zero_target_and_certain_predictions_stay_finite() -> None:
    assert np.isfinite(losses.get("mape")([0.0], [1.0]))
    assert np.isfinite(losses.get("binary_crossentropy")([0.0, 1.0], [1.0, 0.0]))


def test_row_4_0_01_a_function_is_a_loss_and_is_averaged_over_samples() -> None:
    loss = losses.as_loss(lambda y_true, y_pred: y_pred[:, 0] - y_true[:, 0])
    assert loss is not None and loss(np.array([[1.0], [1.0]]), np.array([[2.0], [4.0]])) == 2


def test_row_4_0_04_metrics_of_the_chapter_by_hand() -> None:
    one_hot, p = np.array([[0, 1, 0], [1, 0, 0.0]]), np.array([[0.5, 0.4, 0.1], [0.6, 0.3, 0.1]])
    assert metrics.get("categorical_accuracy")(one_hot, p) == 0.5
    assert metrics.get("sparse_categorical_accuracy")(np.array([[1], [0]]), p) == 0.5
    assert metrics.get("binary_accuracy")(np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.6, 0.4, 0.2, 0.9])) == 0.75
    assert metrics.TopKCategoricalAccuracy(k=2)(one_hot, p) == 1
    assert metrics.SparseTopKCategoricalAccuracy(k=1)(np.array([1, 0]), p) == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({check[1] for check in CHECKS}), ids=lambda name: f"row_4_0_01-{name}")
def test_every_loss_has_the_slope_of_its_values(name: str) -> None:
    y, p = next(check[2] for check in CHECKS if check[1] == name)
    y, p = np.array(y), np.array(p, "float64") * 0.98 + 0.005  # away from kinks and from the limits of probabilities
    with jax.enable_x64(True), legacy.dialect():
        config.set_floatx("float64")
        try:
            loss = losses.get(name)
            gradient = np.asarray(jax.grad(lambda p: loss(y, p).sum())(p))
            for cell in np.ndindex(p.shape):
                step = np.zeros(p.shape)
                step[cell] = 1e-6
                slope = (np.asarray(loss(y, p + step)) - np.asarray(loss(y, p - step))).sum() / 2e-6
                assert gradient[cell] == pytest.approx(slope, rel=1e-5, abs=1e-7)
        finally:
            config.set_floatx("float32")


def test_row_4_0_02_labels_become_one_hot() -> None:
    assert utils.to_categorical([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert utils.to_categorical([0, 2], 4).shape == (2, 4)


@pytest.mark.slow
def test_the_example_prints_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "4_objectives.py"), run_name="__main__")
    printed = {line.split()[1]: float(line.split()[2]) for line in capsys.readouterr().out.splitlines()}
    assert len(printed) == 9
    first = {name: value for _, name, _, value in reversed(CHECKS)}
    for name, value in printed.items():
        assert value == pytest.approx(first[name], rel=1e-6)
