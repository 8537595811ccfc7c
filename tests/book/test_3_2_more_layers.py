"""Book 3.2: advanced activations, Permute and RepeatVector, and what weights are made, bounded and penalised by."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerato import constraints, initializers, layers, legacy, random, regularizers
from kerato.layers import Input
from kerato.models import Sequential

POINTS = np.float32([[-3, -1, 0, 1, 3]])


@pytest.mark.parametrize("units", [1, 7], ids=lambda n: f"row_3_2_08-{n}")
def test_units_are_the_last_size(units: int) -> None:
    assert layers.Dense(units)(Input((4, 5))).shape == (None, 4, units)


def test_row_3_2_24_hard_sigmoid_is_the_book_s_in_the_old_dialect() -> None:
    with legacy.dialect():
        found = layers.Activation("hard_sigmoid")(POINTS)
    np.testing.assert_allclose(found, [[0, 0.3, 0.5, 0.7, 1]], atol=1e-6)


def test_row_3_2_27_a_leaky_relu_recovers() -> None:
    model = Sequential([Input((2,)), layers.Dense(1), layers.LeakyReLU(0.3)])
    model.set_weights([np.full((2, 1), -1.0), np.zeros(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((200, 2))
    model.fit(x, np.ones(200), epochs=100, batch_size=10, verbose=0)
    assert (model.predict(x, verbose=0) > 0.5).all()


def test_row_3_2_28_leaky_relu_has_a_slope_below_0() -> None:
    np.testing.assert_allclose(layers.LeakyReLU()(POINTS), [[-0.9, -0.3, 0, 1, 3]], rtol=1e-6)
    np.testing.assert_allclose(layers.LeakyReLU(0.1)(POINTS), [[-0.3, -0.1, 0, 1, 3]], rtol=1e-6)


def test_row_3_2_29_prelu_learns_its_slope_and_may_share_it() -> None:
    layer = layers.PReLU(shared_axes=[1, 2])
    model = Sequential([Input((4, 4, 3)), layer])
    model.compile("sgd", "mse")
    x = -np.ones((5, 4, 4, 3), "float32")
    model.fit(x, 0.25 * x, epochs=400, verbose=0)
    assert layer.alpha.shape == (1, 1, 3)
    assert ((layer.alpha.numpy() > 0.1) & (layer.alpha.numpy() < 0.25)).all()
    assert [w.shape for w in layers_of(layers.PReLU(), (4, 3))] == [(4, 3)]


def layers_of(layer: Any, shape: tuple[int, ...]) -> Any:
    layer(Input(shape))
    return layer.weights


def test_row_3_2_30_randomised_relu_draws_its_slope_and_tests_with_the_mean() -> None:
    layer = layers.RReLU(1 / 8, 1 / 3)
    x = -np.ones((50, 40), "float32")
    slopes = -np.asarray(layer(x, training=True))
    assert 1 / 8 <= slopes.min() < slopes.max() <= np.float32(1 / 3)
    assert len(np.unique(slopes)) > 1900
    np.testing.assert_allclose(layer(x), -(1 / 8 + 1 / 3) / 2, rtol=1e-6)
    assert (np.asarray(layer(-x, training=True)) == 1).all()


def test_row_3_2_31_elu_and_thresholded_relu() -> None:
    np.testing.assert_allclose(layers.ELU(2.0)(POINTS), [[-1.900426, -1.264241, 0, 1, 3]], rtol=1e-5)
    assert np.asarray(layers.ThresholdedReLU()(POINTS)).tolist() == [[0, 0, 0, 0, 3]]


def test_row_3_2_37_listing_17_permute() -> None:
    model = Sequential()
    model.add(layers.Permute((2, 1), input_shape=(10, 64)))
    assert model.output_shape == (None, 64, 10)
    x = np.random.default_rng(0).random((2, 10, 64)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), x.transpose(0, 2, 1))


def test_row_3_2_38_listing_18_repeat_vector() -> None:
    model = Sequential()
    model.add(layers.Dense(32, input_dim=32))
    model.add(layers.RepeatVector(3))
    assert model.output_shape == (None, 3, 32)
    found = model.predict(np.ones((2, 32)), verbose=0)
    assert (found[:, 0] == found[:, 1]).all()
    assert (found[:, 0] == found[:, 2]).all()


#: name, standard deviation and limit for a kernel of 300 inputs and 500 outputs
DRAWN = [
    ("RandomNormal", 0.05, None),
    ("RandomUniform", 0.05 / np.sqrt(3), 0.05),
    ("TruncatedNormal", 0.05 * 0.8796, 0.1),
    ("VarianceScaling", np.sqrt(1 / 300), None),
    ("lecun_uniform", np.sqrt(1 / 300), np.sqrt(3 / 300)),
    ("glorot_normal", np.sqrt(2 / 800), None),
    ("glorot_uniform", np.sqrt(2 / 800), np.sqrt(6 / 800)),
    ("he_normal", np.sqrt(2 / 300), None),
    ("he_uniform", np.sqrt(2 / 300), np.sqrt(6 / 300)),
]


@pytest.mark.parametrize(("name", "deviation", "limit"), DRAWN, ids=[f"row_3_2_44-{row[0]}" for row in DRAWN])
def test_initializers_have_the_book_s_spread(name: str, deviation: float, limit: float | None) -> None:
    with random.seeded(3):
        found = initializers.get(name)((300, 500), "float32")
    assert found.std() == pytest.approx(deviation, rel=0.03)
    assert abs(found.mean()) < 0.03 * deviation
    if limit is not None:
        assert limit * 0.97 < np.abs(found).max() <= limit * (1 + 1e-6)


def test_row_3_2_44_fixed_initializers() -> None:
    for name, value in (("zeros", 0), ("ones", 1), (initializers.Constant(3), 3)):
        assert (initializers.get(name)((2, 3)) == value).all()
    assert initializers.Identity(2)((2, 2)).tolist() == [[2, 0], [0, 2]]
    q = initializers.Orthogonal(2)((4, 3), "float32")
    np.testing.assert_allclose(q.T @ q, 4 * np.eye(3), atol=1e-5)


def test_row_3_2_45_penalties() -> None:
    w = np.float32([[1, -2], [3, 0]])
    assert float(regularizers.L1(0.1)(w)) == pytest.approx(0.6)
    assert float(regularizers.L2(0.1)(w)) == pytest.approx(1.4)
    assert float(regularizers.L1L2(0.1, 0.01)(w)) == pytest.approx(0.6 + 0.14)


def test_row_3_2_46_norms_are_bounded() -> None:
    w = np.float32([[3, 0.3], [4, 0.4]])
    norms = {
        constraints.MaxNorm(2): [2, 0.5],
        constraints.UnitNorm(): [1, 1],
        constraints.MinMaxNorm(1.0, 2.0): [2, 1],
    }
    for constraint, expected in norms.items():
        np.testing.assert_allclose(np.linalg.norm(constraint(w), axis=0), expected, rtol=1e-5)
    assert np.asarray(constraints.NonNeg()(np.float32([-1, 2]))).tolist() == [0, 2]


@pytest.mark.slow
def test_the_example_shows_what_vanishes_and_what_dies(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "3_2_core_layers.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "\nReLU: weights after training [-1.0, -1.0], mean output 0.00\n" in printed
    assert "mean output 1.00" in printed
