"""What only old scripts need: merge and Merge, layers that are gone, small functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import layers
from kerato.errors import UnknownName
from kerato.layers import Input
from kerato.legacy import objects
from kerato.models import Model, Sequential

A = np.float32([[1, 2], [3, 4]])
B = np.float32([[5, 6], [7, 9]])

MERGED = {
    "sum": A + B,
    "mul": A * B,
    "ave": (A + B) / 2,
    "max": np.maximum(A, B),
    "concat": np.concatenate([A, B], -1),
    "dot": (A * B).sum(-1, keepdims=True),
    "cos": (A * B).sum(-1, keepdims=True) / np.linalg.norm(A, axis=-1, keepdims=True)
    / np.linalg.norm(B, axis=-1, keepdims=True),
}  # fmt: skip


@pytest.mark.parametrize("mode", objects.MODES)
def test_modes_of_merge(mode: str) -> None:
    if not hasattr(layers, objects.MODES[mode][0]):
        pytest.skip("the layer is not here yet")
    x, y = Input((2,)), Input((2,))
    merged = objects.merge([x, y], mode=mode)
    np.testing.assert_allclose(K.function([x, y], [merged])([A, B])[0], MERGED[mode], rtol=1e-6)


def test_merge_by_a_function_and_by_no_known_mode() -> None:
    x, y = Input((2,)), Input((2,))
    merged = objects.merge([x, y], mode=lambda pair: pair[0] - 2 * pair[1], output_shape=(2,), name="mine")
    np.testing.assert_allclose(K.function([x, y], [merged])([A, B])[0], A - 2 * B)
    with pytest.raises(UnknownName, match=r"merge: the mode 'som' is not known .* Did you mean 'sum'"):
        objects.merge([x, y], mode="som")


def test_branches_are_the_first_layer_of_a_sequential() -> None:
    left = Sequential([layers.Dense(3, input_shape=(2,))])
    right = Sequential([layers.Dense(4, input_shape=(2,))])
    model: Any = Sequential()
    model.add(objects.Merge([left, right], mode="concat"))
    model.add(layers.Dense(1))
    assert model.output_shape == (None, 1)
    model.compile("adam", "mse")
    loss = model.fit([A, B], np.ones((2, 1)), epochs=3, verbose=0).history["loss"]
    assert loss[-1] < loss[0]
    joined = np.concatenate([left.predict(A), right.predict(B)], -1)
    expected = joined @ model.layers[-1].get_weights()[0] + model.layers[-1].get_weights()[1]
    np.testing.assert_allclose(model.predict([A, B]), expected, rtol=1e-5)
    model.pop()
    assert model.output_shape == (None, 7)
    assert isinstance(objects.Merge(mode="concat"), layers.Concatenate)


def test_maxout() -> None:
    layer: Any = objects.MaxoutDense(3, nb_feature=2)
    y = np.asarray(layer(A))
    w, b = layer.get_weights()
    assert (w.shape, b.shape) == ((2, 2, 3), (2, 3))
    np.testing.assert_allclose(y, np.maximum(A @ w[0] + b[0], A @ w[1] + b[1]), rtol=1e-5)
    plain: Any = objects.MaxoutDense(3, bias=False)
    assert plain(A).shape == (2, 3) and len(plain.weights) == 1
    assert objects.MaxoutDense.from_config(layer.get_config()).get_config() == layer.get_config()


def test_highway() -> None:
    layer: Any = objects.Highway(activation="tanh")
    y = np.asarray(layer(A))
    w, carry, b, offset = layer.get_weights()
    t = 1 / (1 + np.exp(-(A @ carry + offset)))
    np.testing.assert_allclose(y, t * np.tanh(A @ w + b) + (1 - t) * A, rtol=1e-5)
    assert offset.tolist() == [-2, -2]


class Mine(layers.Dense):
    """A user's layer."""


def test_layers_from_configurations() -> None:
    layer = layers.Dense(3, activation="relu", name="d")
    for found in (objects.serialize(layer), {"class_name": "Dense", "config": layer.get_config()}):
        assert objects.deserialize(found).get_config() == layer.get_config()
    conv = objects.deserialize({"class_name": "Convolution2D", "config": layers.Conv2D(2, 3).get_config()})
    assert type(conv) is layers.Conv2D
    config = {"class_name": "Mine", "config": Mine(3).get_config()}
    assert type(objects.deserialize(config, {"Mine": Mine})) is Mine
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    assert objects.deserialize({"class_name": "Sequential", "config": model.get_config()}).output_shape == (None, 2)
    with pytest.raises(UnknownName, match="'Nothing' is not known"):
        objects.deserialize({"class_name": "Nothing", "config": {}})


def test_small_functions() -> None:
    with pytest.warns(UserWarning, match=r"^to_categorical: `nb_classes` is `num_classes` today\.$"):
        assert objects.to_categorical([0, 2], nb_classes=4).shape == (2, 4)
    assert objects.probas_to_classes([[0.1, 0.9], [0.8, 0.2]]).tolist() == [1, 0]
    assert objects.probas_to_classes([[0.6], [0.2]]).tolist() == [[1], [0]]
    assert objects.initialization("one")((2,), name="w").shape == (2,)
    assert (objects.InputSpec(shape=(None, 3)).ndim, objects.InputSpec(ndim=4).ndim) == (2, 4)


def test_a_model_of_several_inputs_is_used_as_before() -> None:
    x, y = Input((2,)), Input((2,))
    model = Model([x, y], layers.add([x, y]))
    np.testing.assert_allclose(model.predict([A, B]), A + B)
