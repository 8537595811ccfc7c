"""Book 3.2: the core layers, listings 11 to 16, 19 and 20 in today's API."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import initializers, layers, regularizers
from kerato.layers import Input
from kerato.models import Model, Sequential

X = np.float32([[1, -2, 3], [0, 5, -1]])
POINTS = np.float32([[-3, -1, 0, 1, 3]])


def built(layer: Any, shape: tuple[int, ...] = (3,)) -> Any:
    layer(Input(shape))
    return layer


def test_row_3_2_01_weights_are_a_list_of_numpy_arrays() -> None:
    weights = built(layers.Dense(2)).get_weights()
    assert [type(w) for w in weights] == [np.ndarray, np.ndarray]
    assert [w.shape for w in weights] == [(3, 2), (2,)]


@pytest.mark.parametrize("bad", [[], [np.ones((3, 2))], [np.ones((2, 3)), np.ones(2)]])
def test_row_3_2_02_weights_of_another_number_or_shape_are_refused(bad: list[Any]) -> None:
    layer = built(layers.Dense(2))
    with pytest.raises(ValueError, match="must be a"):
        layer.set_weights(bad)
    layer.set_weights([np.ones((3, 2)), np.zeros(2)])
    assert layer(X).tolist() == [[2, 2], [4, 4]]


def test_row_3_2_03_listing_11_a_configuration_rebuilds_the_layer() -> None:
    layer = layers.Dense(32)
    config = layer.get_config()
    reconstructed_layer = layers.Dense.from_config(config)
    assert reconstructed_layer.get_config() == config
    assert not reconstructed_layer.built


def test_row_3_2_05_listing_13_a_single_node() -> None:
    layer = layers.Dense(2)
    x = Input((3,))
    y = layer(x)
    assert (layer.input is x, layer.output is y) == (True, True)
    assert (layer.input_shape, layer.output_shape) == ((None, 3), (None, 2))


def test_row_3_2_06_and_row_3_2_05_several_nodes_are_asked_for_by_number() -> None:
    layer = layers.Dense(2)
    inputs = [Input((3,)), Input(batch_shape=(7, 3))]
    outputs = [layer(x) for x in inputs]
    for name in ("input", "output", "input_shape", "output_shape"):
        with pytest.raises(AttributeError, match="2 inbound nodes"):
            getattr(layer, name)
    for i in range(2):
        assert layer.get_input_at(i) is inputs[i]
        assert layer.get_output_at(i) is outputs[i]
        assert layer.get_input_shape_at(i) == ((None, 3), (7, 3))[i]
        assert layer.get_output_shape_at(i) == ((None, 2), (7, 2))[i]
    with pytest.raises(ValueError, match="`node_index`"):
        layer.get_input_at(2)


@pytest.mark.parametrize(
    ("activation", "function"),
    [(None, lambda x: x), ("linear", lambda x: x), ("relu", lambda x: np.maximum(x, 0)), (K.tanh, np.tanh)],
    ids=["row_3_2_09-None", "row_3_2_09-linear", "row_3_2_07-relu", "row_3_2_09-function"],
)
def test_dense_is_the_activation_of_dot_plus_bias(activation: Any, function: Any) -> None:
    layer = built(layers.Dense(2, activation=activation))
    kernel, bias = np.float32([[1, 2], [3, 4], [5, 6]]) / 10, np.float32([0.5, -20])
    layer.set_weights([kernel, bias])
    np.testing.assert_allclose(layer(X), function(X @ kernel + bias), rtol=1e-5)
    assert layer.output_shape == (None, 2)  # row 3.2-08


def test_row_3_2_10_without_a_bias_there_is_no_such_weight() -> None:
    assert len(built(layers.Dense(2, use_bias=False)).get_weights()) == 1


@pytest.mark.parametrize("initializer", ["ones", initializers.Ones(), lambda shape, dtype=None: np.ones(shape)])
def test_row_3_2_11_initializers_are_names_objects_or_functions(initializer: Any) -> None:
    layer = built(layers.Dense(2, kernel_initializer=initializer, bias_initializer=initializer))
    assert all((w == 1).all() for w in layer.get_weights())


def test_row_3_2_12_penalties_are_added_to_the_loss() -> None:
    options: dict[str, Any] = {"kernel_initializer": "ones", "bias_initializer": "ones"}
    rules = {"kernel_regularizer": regularizers.L2(0.1), "bias_regularizer": regularizers.L1(0.5)}
    model = Sequential([Input((3,)), layers.Dense(2, **options, **rules, activity_regularizer=regularizers.L1(0.01))])
    model.compile("sgd", "mse")
    y = model.predict(X)
    expected = np.square(y).mean() + 0.1 * 6 + 0.5 * 2 + 0.01 * np.abs(y).sum() / 2
    assert model.evaluate(X, np.zeros((2, 2)), verbose=0) == pytest.approx(expected, rel=1e-5)


def test_row_3_2_13_constraints_hold_after_every_update() -> None:
    model = Sequential([Input((3,)), layers.Dense(2, kernel_constraint="unit_norm", bias_constraint="non_neg")])
    model.compile("sgd", "mse")
    for _ in range(3):
        model.train_on_batch(X, -np.ones((2, 2)))
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-5)
        assert (bias >= 0).all()


def test_row_3_2_14_dense_keeps_the_other_axes() -> None:
    assert layers.Dense(5)(Input((7, 3))).shape == (None, 7, 5)


def test_row_3_2_15_listing_14() -> None:
    model = Sequential()
    model.add(layers.Dense(32, input_shape=(16,)))
    assert (model.input_shape, model.output_shape, model.count_params()) == ((None, 16), (None, 32), 544)


def test_row_3_2_16_an_activation_keeps_the_shape_and_may_come_first() -> None:
    model = Sequential([layers.Activation("tanh", input_shape=(4, 2))])
    assert model.output_shape == (None, 4, 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("elu", [-0.950213, -0.632121, 0, 1, 3], id="row_3_2_18"),
        pytest.param("softplus", [0.048587, 0.313262, 0.693147, 1.313262, 3.048587], id="row_3_2_19"),
        pytest.param("softsign", [-0.75, -0.5, 0, 0.5, 0.75], id="row_3_2_20"),
        pytest.param("relu", [0, 0, 0, 1, 3], id="row_3_2_21"),
        pytest.param("tanh", np.tanh(POINTS[0]), id="row_3_2_22"),
        pytest.param("sigmoid", 1 / (1 + np.exp(-POINTS[0])), id="row_3_2_23"),
        pytest.param("linear", [-3, -1, 0, 1, 3], id="row_3_2_25"),
    ],
)
def test_activations_have_the_book_s_values(name: str, expected: Any) -> None:
    np.testing.assert_allclose(layers.Activation(name)(POINTS)[0], expected, atol=1e-6)


def test_row_3_2_17_softmax_sums_to_1_and_is_stable() -> None:
    softmax = layers.Activation("softmax")
    np.testing.assert_allclose(softmax(np.float32([[1, 2, 3]])), [[0.090031, 0.244728, 0.665241]], atol=1e-6)
    found = np.asarray(softmax(np.float32([[[1000, -1000], [0, 0]]])))
    np.testing.assert_allclose(found, [[[1, 0], [0.5, 0.5]]])


def test_row_3_2_23_sigmoid_is_stable() -> None:
    assert layers.Activation("sigmoid")(np.float32([[-1000, 1000]])).tolist() == [[0, 1]]


def test_row_3_2_26_gradients_vanish_through_sigmoids_and_not_through_relus() -> None:
    def norms(activation: str) -> float:
        x = y = Input((8,))
        for _ in range(8):
            y = layers.Dense(8, activation=activation, kernel_initializer="he_normal")(y)
        slope = K.function([x], K.gradients(K.sum(y), [x]))([np.ones((1, 8)) * 0.5])[0]
        return float(np.linalg.norm(slope))

    assert norms("sigmoid") < 1e-2 * norms("relu")


def test_row_3_2_27_a_relu_can_die() -> None:
    relu = layers.Dense(1, activation="relu")
    model = Sequential([Input((2,)), relu])
    model.set_weights([np.full((2, 1), -1.0), np.zeros(1)])
    model.compile("sgd", "mse")
    x = np.random.random((50, 2))
    assert not model.predict(x).any()
    model.fit(x, np.ones(50), epochs=5, verbose=0)
    assert model.get_weights()[0].tolist() == [[-1], [-1]]


def in_training(layer: Any, x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(layer(x, training=True))


def test_row_3_2_32_dropout_zeroes_its_rate_and_scales_the_rest() -> None:
    ones = np.ones((100, 100), "float32")
    found = in_training(layers.Dropout(0.2), ones)
    assert (found == 0).mean() == pytest.approx(0.2, abs=0.02)
    assert set(np.unique(found)) == {0, np.float32(1.25)}
    assert (np.asarray(layers.Dropout(0.2)(ones)) == 1).all()


def test_row_3_2_33_a_mask_may_be_the_same_for_all_timesteps() -> None:
    found = in_training(layers.Dropout(0.5, noise_shape=(2, 1, 50)), np.ones((2, 10, 50), "float32"))
    assert (found == found[:, :1]).all()
    assert (found[0] != found[1]).any()


def test_row_3_2_34_the_same_seed_draws_the_same_mask() -> None:
    from kerato import random
    from kerato.graph import evaluate

    def mask(seed: int) -> Any:
        x = Input((100,))
        y = layers.Dropout(0.5, seed=seed, name="d")(x)
        return evaluate([y], {x: np.ones((1, 100), "float32")}, training=True, key=random.key(0)).outputs[0].tolist()

    assert mask(1) == mask(1) != mask(2)


def test_row_3_2_35_listing_15() -> None:
    model = Sequential()
    model.add(layers.Conv2D(64, 3, padding="same", input_shape=(3, 32, 32), data_format="channels_first"))
    assert model.output_shape == (None, 64, 32, 32)
    model.add(layers.Flatten())
    assert model.output_shape == (None, 65536)


def test_row_3_2_36_listing_16() -> None:
    model = Sequential()
    model.add(layers.Reshape((3, 4), input_shape=(12,)))
    assert model.output_shape == (None, 3, 4)
    model.add(layers.Reshape((6, 2)))
    assert model.output_shape == (None, 6, 2)
    model.add(layers.Reshape((-1, 2, 2)))
    assert model.output_shape == (None, 3, 2, 2)
    with pytest.raises(ValueError, match="`target_shape` must hold the 12 values"):
        model.add(layers.Reshape((5, 2)))


def test_row_3_2_39_input_dim_is_input_shape_of_one_axis() -> None:
    assert Sequential([layers.Dense(32, input_dim=32)]).input_shape == (None, 32)


def test_row_3_2_40_listing_19_a_square_and_its_gradient() -> None:
    model = Sequential([Input((3,))])
    model.add(layers.Lambda(lambda x: x**2))
    np.testing.assert_array_equal(model.predict(X), X**2)
    slope = K.function([model.input], K.gradients(K.sum(model.output), [model.input]))([X])[0]
    np.testing.assert_array_equal(slope, 2 * X)


def antirectifier(x: Any) -> Any:
    """The positive part beside the opposite of the negative part."""
    x -= K.mean(x, axis=1, keepdims=True)
    x = K.l2_normalize(x, axis=1)
    pos = K.relu(x)
    neg = K.relu(-x)
    return K.concatenate([pos, neg], axis=1)


def antirectifier_output_shape(input_shape: Any) -> Any:
    shape = list(input_shape)
    shape[-1] *= 2
    return tuple(shape)


@pytest.mark.parametrize("output_shape", [antirectifier_output_shape, (8,), None], ids=["function", "tuple", "found"])
def test_row_3_2_41_listing_20(output_shape: Any) -> None:
    before = layers.Activation("linear")
    model = Sequential([Input((4,)), before, layers.Lambda(antirectifier, output_shape=output_shape)])
    assert model.output_shape == (None, 8)
    given = np.float32([[1, 2, 3, 4]])
    expected = [[0, 0, 0.223607, 0.670820, 0.670820, 0.223607, 0, 0]]
    np.testing.assert_allclose(model.predict(given), expected, atol=1e-6)
    np.testing.assert_array_equal(Model(model.input, before.output).predict(given), given)  # `-=` changed nothing


def test_row_3_2_42_a_lambda_s_arguments_are_passed_on() -> None:
    layer = layers.Lambda(lambda x, scale, shift: x * scale + shift, arguments={"scale": 2, "shift": 1})
    np.testing.assert_array_equal(layer(X), X * 2 + 1)


def test_row_3_2_43_backend_functions_are_numpy_s() -> None:
    x = K.placeholder((2, 3))
    values = [K.mean(x, axis=1, keepdims=True), K.relu(x), K.concatenate([x, x], axis=1), K.l2_normalize(x, axis=1)]
    mean, relu, joined, normed = K.function([x], values)([X])
    np.testing.assert_allclose(mean, X.mean(1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(relu, np.maximum(X, 0))
    np.testing.assert_array_equal(joined, np.concatenate([X, X], 1))
    np.testing.assert_allclose(normed, X / np.linalg.norm(X, axis=1, keepdims=True), rtol=1e-6)


def test_row_3_2_47_a_model_has_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    Sequential([Input((16,)), layers.Dense(32)]).summary()
    assert "Parameters: 544" in capsys.readouterr().out
