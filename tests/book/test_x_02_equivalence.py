"""X-02: gradients are central differences, both orders of channels compute the same, runs repeat, files are exact.

The laws of `tests/test_laws.py` check each layer so; here a whole network of the book's kinds of layers, and that the
laws leave no layer out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import test_laws as laws
from catalog import TABLE

import kerato
from kerato import backend as K
from kerato import layers
from kerato.layers import Input
from kerato.models import Model, load_model

PICTURES = np.random.default_rng(0).normal(size=(3, 7, 6, 2))
KINDS = np.eye(3)[[0, 2, 1]]


def net(first: bool = False, dtype: str = "float32") -> Any:
    """Convolution, normalisation, both poolings and a dense layer; the flattened order of channels is the same."""
    order: dict[str, Any] = {"data_format": "channels_first" if first else "channels_last", "dtype": dtype}
    x = Input((2, 7, 6) if first else (7, 6, 2), dtype=dtype)
    y = layers.ZeroPadding2D(1, **order)(x)
    y = layers.Conv2D(4, (3, 2), activation="tanh", **order)(y)
    y = layers.BatchNormalization(axis=1 if first else -1, dtype=dtype)(y)
    y = layers.AveragePooling2D(2, padding="same", **order)(y)
    y = layers.MaxPooling2D(2, **order)(y)
    y = layers.Flatten(**order)(y)
    return Model(x, layers.Dense(3, activation="softmax", dtype=dtype)(y))


def weights() -> list[np.ndarray[Any, Any]]:
    generator = np.random.default_rng(1)
    return [abs(generator.normal(size=w.shape)) + 0.1 for w in net().get_weights()]


def test_row_x_02_gradients_of_a_network_are_central_differences() -> None:
    with jax.enable_x64(True):
        model = net(dtype="float64")
        model.set_weights(weights())
        truth = K.placeholder((None, 3), dtype="float64")
        loss = K.sum(K.categorical_crossentropy(truth, model.output))
        slopes = K.function([model.input, truth], [loss, *K.gradients(loss, [model.input, *model.trainable_weights])])
        _, of_input, *of_weights = slopes([PICTURES, KINDS])
        generator, step = np.random.default_rng(2), 1e-5

        def number(moved: Any) -> float:
            return float(slopes([moved, KINDS])[0])

        for cell in generator.integers(0, PICTURES.shape, (12, 4)):
            moved = np.zeros_like(PICTURES)
            moved[tuple(cell)] = step
            expected = (number(PICTURES + moved) - number(PICTURES - moved)) / (2 * step)
            assert of_input[tuple(cell)] == pytest.approx(expected, rel=1e-5, abs=1e-9)
        for variable, found in zip(model.trainable_weights, of_weights, strict=True):
            at, before = tuple(generator.integers(0, variable.shape)), np.array(variable.numpy())
            sides = []
            for sign in (1, -1):
                moved = before.copy()
                moved[at] += sign * step
                variable.assign(moved)
                sides.append(number(PICTURES))
            variable.assign(before)
            assert found[at] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-5, abs=1e-9)


def test_row_x_02_both_orders_of_channels_compute_the_same() -> None:
    last, first = net(), net(first=True)
    for model in (last, first):
        model.set_weights(weights())
    found = first.predict(PICTURES.transpose(0, 3, 1, 2), verbose=0)
    np.testing.assert_allclose(found, last.predict(PICTURES, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5", ".safetensors"])
def test_row_x_02_files_predict_bit_for_bit_the_same(ending: str, tmp_path: Path) -> None:
    model, path = net(), tmp_path / f"net{ending}"
    model.set_weights(weights())
    if ending in (".keras", ".h5"):
        model.save(path)
        loaded = load_model(path)
    else:
        model.save_weights(path)
        loaded = net()
        loaded.load_weights(path)
    np.testing.assert_array_equal(loaded.predict(PICTURES, verbose=0), model.predict(PICTURES, verbose=0))


def test_row_x_02_a_seed_repeats_a_training() -> None:
    runs = []
    for _ in range(2):
        kerato.clear_session()
        kerato.random.set_seed(7)
        model = net()
        model.compile("sgd", "categorical_crossentropy")
        model.fit(PICTURES, KINDS, epochs=2, batch_size=2, verbose=0)
        runs.append(model.get_weights())
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_row_x_02_the_laws_leave_no_layer_out() -> None:
    """Each layer of the catalogue has its gradients checked; each with `data_format`, in both orders."""
    checked = {case.values[0].id for case in laws.PHASES}
    assert checked == {row.id for row in TABLE}
    in_both = {row.kind for row in TABLE if row.spatial}
    takes = {row.kind for row in TABLE if "data_format" in row.make().get_config()}
    # A kernel per cell lies in the order of the cells: the same weights mean another layer. Films have a time axis
    # before. Both are tested against loops.
    films = {layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D}
    assert takes - in_both == {layers.LocallyConnected1D, layers.LocallyConnected2D, *films}
