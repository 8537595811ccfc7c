"""Book 2.1: the concept network, LeNet-5 layer by layer, and the counter of parameters and connections."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from click.testing import CliRunner

from kerato import layers, optimizers, random
from kerato.applications import LeNet5, concept_cnn
from kerato.applications.lenet import CONNECTIONS
from kerato.commands.count import count
from kerato.counting import counts
from kerato.models import Model, Sequential
from kerato.saving import load_model

Array = np.ndarray[Any, Any]

#: layer -> the shape of its maps, parameters, connections
BOOK = {
    "C1": ((28, 28, 6), 156, 122_304),
    "S2": ((14, 14, 6), 12, 5_880),
    "C3": ((10, 10, 16), 1_516, 151_600),
    "S4": ((5, 5, 16), 32, 2_000),
    "C5": ((1, 1, 120), 48_120, 48_120),
    "F6": ((84,), 10_164, 10_164),
}
ROWS = {"C1": "06", "S2": "07", "C3": "08", "S4": "09", "C5": "10", "F6": "11"}


@functools.cache
def net() -> Sequential:
    return LeNet5()


def digits() -> tuple[Array, Array]:
    """The 1,797 digits, enlarged to 32 x 32, scaled as in the paper: white paper is -0.1, black ink 1.175."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pictures = np.kron(found.images / 16, np.ones((4, 4)))[..., None] * 1.275 - 0.1
    return pictures.astype("float32"), found.target.astype("int32")


def test_row_2_1_01_the_concept_network_makes_its_maps_and_learns() -> None:
    model = concept_cnn()
    maps = {layer.name: layer.output_shape[1:] for layer in model.layers}
    assert maps["C1"] == (28, 28, 3) and maps["S2"] == (14, 14, 3) and maps["C3"] == (10, 10, 3)
    assert maps["S4"] == (5, 5, 3) and maps["vector"] == (75,)
    random.set_seed(1)
    x, y = digits()
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    before = model.get_layer("C1").get_weights()
    losses = model.fit(x[:256], y[:256], batch_size=32, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all((a != b).any() for a, b in zip(before, model.get_layer("C1").get_weights(), strict=True))


def test_row_2_1_03_subsampling_is_the_sigmoid_of_a_weighted_sum_plus_bias() -> None:
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1) / 16
    layer = layers.Subsampling2D()
    layer(x)
    layer.set_weights([np.array([0.5]), np.array([-1.0])])
    sums = np.array([[0 + 1 + 4 + 5, 2 + 3 + 6 + 7], [8 + 9 + 12 + 13, 10 + 11 + 14 + 15]]) / 16
    np.testing.assert_allclose(layer(x)[0, :, :, 0], 1 / (1 + np.exp(1 - 0.5 * sums)), rtol=1e-6)
    assert net().get_layer("S2").count_params() == 2 * 6


@pytest.mark.parametrize("name", [pytest.param(name, id=f"row_2_1_{row}") for name, row in ROWS.items()])
def test_a_layer_has_the_book_s_maps_parameters_and_connections(name: str) -> None:
    row = next(row for row in counts(net()) if row.layer == name)
    shape, parameters, connections = BOOK[name]
    assert net().get_layer(name).output_shape == (None, *shape)
    assert (row.parameters, row.trainable, row.connections) == (parameters, parameters, connections)


def test_row_2_1_05_the_command_prints_the_book_s_table() -> None:
    lines = CliRunner().invoke(count, ["lenet5"], catch_exceptions=False).stdout.splitlines()
    for name, (_, parameters, connections) in BOOK.items():
        line = next(line for line in lines if line.startswith(f"{name} "))
        assert line.split(")", 2)[-1].split()[:2] == [f"{parameters:,}", f"{connections:,}"]
    assert lines[-1].split()[:2] == ["total", "60,000"]
    found = json.loads(CliRunner().invoke(count, ["lenet5", "--json"], catch_exceptions=False).stdout)
    assert {row["layer"]: row["connections"] for row in found["layers"]}.items() >= {
        name: connections for name, (_, _, connections) in BOOK.items()
    }.items()
    assert found["total"] == {"parameters": 60_840, "trainable": 60_000, "connections": 340_908}


def test_row_2_1_04_a_larger_picture_has_as_many_parameters_and_more_connections() -> None:
    rows = {row.layer: row for row in counts(LeNet5((40, 40, 1)))}
    assert rows["C3"].parameters == 1_516 and rows["C3"].connections == 1_516 * 14 * 14


def test_row_2_1_08_the_table_of_connections_is_the_book_s() -> None:
    assert [len(seen) for seen in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert len(set(CONNECTIONS)) == 16

    def adjacent(seen: tuple[int, ...]) -> bool:
        return any(sorted((first + i) % 6 for i in range(len(seen))) == list(seen) for first in range(6))

    assert [adjacent(seen) for seen in CONNECTIONS] == [True] * 12 + [False] * 3 + [True]


def test_row_2_1_08_maps_that_are_not_connected_have_no_influence() -> None:
    layer = net().get_layer("C3")
    x = np.random.default_rng(3).normal(size=(1, 5, 5, 6)).astype("float32")
    slopes = np.asarray(jax.jacobian(lambda a: layer(a)[0, 0, 0])(x))[:, 0]
    for of_filter, seen in zip(slopes, CONNECTIONS, strict=True):
        influence = np.abs(of_filter).sum((0, 1))
        assert set(np.nonzero(influence)[0]) == set(seen) and (influence[[*(set(range(6)) - set(seen))]] == 0).all()


def test_row_2_1_10_c5_is_a_convolution_whose_maps_grow_with_the_picture() -> None:
    assert LeNet5((40, 40, 1)).get_layer("C5").output_shape == (None, 3, 3, 120)


def test_row_2_1_11_f6_is_a_dot_product_a_bias_and_a_sigmoid() -> None:
    layer = LeNet5(activation="sigmoid").get_layer("F6")
    x = np.random.default_rng(1).normal(size=(2, 120)).astype("float32")
    w, b = layer.get_weights()
    assert layer.units == 84
    np.testing.assert_allclose(layer(x), 1 / (1 + np.exp(-(x @ w + b))), rtol=1e-5)


def test_row_2_1_12_rbf_units_give_squared_distances_and_can_be_trained() -> None:
    layer = layers.RBF(10)
    x = np.random.default_rng(1).normal(size=(4, 84)).astype("float32")
    distances = np.asarray(layer(x))
    centres = layer.get_weights()[0]
    assert centres.shape == (84, 10)
    np.testing.assert_allclose(distances, ((x[:, None] - centres.T) ** 2).sum(-1), rtol=1e-5)
    model = Sequential([layers.Input((84,)), layer])
    model.compile("sgd", "mse")
    losses = model.fit(x, np.zeros((4, 10)), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and (layer.get_weights()[0] != centres).any()


def test_row_2_1_12_the_codes_are_different_drawings_that_stay_fixed() -> None:
    codes = net().get_layer("output").get_weights()[0].T
    assert set(np.unique(codes)) == {-1, 1} and len(np.unique(codes, axis=0)) == 10
    assert net().get_layer("output").trainable_weights == []


def test_row_2_1_13_60_000_parameters_are_trained() -> None:
    assert sum(int(np.prod(v.shape)) for v in net().trainable_weights) == 60_000


@pytest.mark.slow
def test_row_2_1_13_lenet_5_learns_digits_and_comes_back_from_its_file(tmp_path: Path) -> None:
    random.set_seed(4)
    x, y = digits()
    model = LeNet5(probabilities=True)
    codes = model.get_layer("output").get_weights()[0]
    model.compile(optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:1500], y[:1500], batch_size=32, epochs=8, verbose=0)
    assert model.evaluate(x[1500:], y[1500:], verbose=0)[1] >= 0.9
    np.testing.assert_array_equal(model.get_layer("output").get_weights()[0], codes)
    published = Model(model.inputs, model.get_layer("output").output)
    path = tmp_path / "lenet5.keras"
    published.save(path)
    distances = load_model(path).predict(x[1500:], verbose=0)
    np.testing.assert_array_equal(distances.argmin(1), model.predict(x[1500:], verbose=0).argmax(1))
