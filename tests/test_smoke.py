"""The ladder, in a few seconds: tensor, layer, loss, gradient, step, fit, file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from catalog import LABELS, X, perceptron

import kerato
from kerato import backend as K
from kerato import layers, losses
from kerato.layers import Input


def test_a_tensor_is_a_shape_until_it_is_fed() -> None:
    x = Input((3,))
    y = x * 2 + 1
    assert y.shape == (None, 3)
    np.testing.assert_array_equal(K.function([x], [y])([np.float32([[1, 2, 3]])])[0], [[3, 5, 7]])


def test_a_layer_computes_on_arrays() -> None:
    dense = layers.Dense(2, kernel_initializer="ones")
    np.testing.assert_array_equal(dense(np.float32([[1, 2, 3]])), [[6, 6]])


def test_a_loss_is_a_number() -> None:
    assert float(losses.MeanSquaredError()(np.float32([1, 2]), np.float32([2, 4]))) == 2.5


def test_a_gradient_is_a_tensor() -> None:
    x = Input((2,))
    slope = K.gradients(K.sum(x**3), [x])[0]
    np.testing.assert_array_equal(K.function([x], [slope])([np.float32([[1, 2]])])[0], [[3, 12]])


def test_a_step_makes_the_loss_smaller() -> None:
    model = perceptron()
    first = model.train_on_batch(X, LABELS)
    assert model.test_on_batch(X, LABELS) < first


def test_fit_learns() -> None:
    model = perceptron(optimizer="adam", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.05
    history = model.fit(X, X[:, :3].argmax(1), epochs=60, verbose=0).history
    assert history["accuracy"][-1] >= 0.9
    assert model.predict(X).argmax(1).shape == (20,)


def test_a_file_brings_the_model_back(tmp_path: Path) -> None:
    model = perceptron()
    model.fit(X, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    again = kerato.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_the_public_names_are_found_and_others_are_not() -> None:
    assert kerato.Sequential is kerato.models.Sequential
    assert "Sequential" in dir(kerato)
    with pytest.raises(AttributeError, match=r"kerato: the name 'Sequental' is not known.*Did you mean 'Sequential'\?"):
        kerato.Sequental  # noqa: B018
