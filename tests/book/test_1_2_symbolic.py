"""Book 1.2: symbolic computing, tensors, data formats, kinds of models, batches and epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import layers
from kerato.layers import Input
from kerato.models import Model, Sequential

MATRIX = np.array([[1, 2], [3, 4]])


def test_row_1_2_01_building_touches_no_data() -> None:
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)])
    assert model.output_shape == (None, 2)
    with pytest.raises(TypeError, match="symbolic and holds no numbers yet"):
        float(model.output)
    assert K.function([model.input], [model.output])([np.ones((5, 4))])[0].shape == (5, 2)


def test_row_1_2_02_a_function_gives_arrays_and_updates_once() -> None:
    x, v = K.placeholder((2,)), K.variable([0.0, 0.0])
    step = K.function([x], [x * 2, K.sum(x)], updates=[(v, v + x)])
    doubled, total = step([np.float32([1, 2])])
    assert (doubled.tolist(), float(total)) == ([2, 4], 3)
    step([np.float32([1, 2])])
    assert K.get_value(v).tolist() == [2, 4]


def test_row_1_2_03_gradients_come_by_themselves() -> None:
    """More in tests/test_graph.py: random graphs against central differences."""
    x = K.placeholder((3,))
    y = K.sum(K.exp(x) * K.square(x))
    slope = K.function([x], K.gradients(y, [x]))([np.float32([0, 1, 2])])[0]
    np.testing.assert_allclose(slope, [0, 3 * np.e, 8 * np.e**2], rtol=1e-5)


def test_row_1_2_04_sums_along_axes_listing_1() -> None:
    assert (np.sum(MATRIX, axis=0).tolist(), np.sum(MATRIX, axis=1).tolist()) == ([4, 6], [3, 7])
    x = K.placeholder((2, 2))
    sums = K.function([x], [K.sum(x, axis=0), K.sum(x, axis=1)])([MATRIX])
    assert [part.tolist() for part in sums] == [[4, 6], [3, 7]]


@pytest.mark.parametrize("order", range(5))
def test_row_1_2_04_tensors_have_an_order(order: int) -> None:
    x = K.placeholder((2,) * order)
    assert (K.ndim(x), K.int_shape(x)) == (order, (2,) * order)
    assert K.function([x], [K.sum(x)])([np.ones((2,) * order)])[0] == 2**order


def stack(data_format: str) -> list[Any]:
    options = {"data_format": data_format}
    return [
        layers.Conv2D(4, 3, padding="same", activation="relu", name="c", **options),
        layers.BatchNormalization(axis=1 if data_format == "channels_first" else -1, name="n"),
        layers.MaxPooling2D(2, name="p", **options),
        layers.Flatten(name="f", **options),
        layers.Dense(3, name="d"),
    ]


def test_row_1_2_05_100_colour_pictures_of_16_by_32_with_their_colours_first() -> None:
    first = Sequential([Input((3, 16, 32)), *stack("channels_first")])
    assert [layer.output_shape for layer in first.layers] == [
        (None, 4, 16, 32), (None, 4, 16, 32), (None, 4, 8, 16), (None, 512), (None, 3),
    ]  # fmt: skip


def test_row_1_2_06_with_their_colours_last_the_same_network_gives_the_same() -> None:
    last = Sequential([Input((16, 32, 3)), *stack("channels_last")])
    first = Sequential([Input((3, 16, 32)), *stack("channels_first")])
    first.set_weights(last.get_weights())
    pictures = np.random.default_rng(0).random((100, 16, 32, 3), dtype="float32")
    np.testing.assert_allclose(
        first.predict(np.moveaxis(pictures, -1, 1)), last.predict(pictures), rtol=1e-4, atol=1e-5
    )


def test_row_1_2_07_the_data_format_is_a_setting_of_new_layers() -> None:
    assert K.image_data_format() == "channels_last"
    K.set_image_data_format("channels_first")
    try:
        assert K.image_data_format() == "channels_first"
        assert layers.Conv2D(4, 3)(Input((3, 16, 32))).shape == (None, 4, 14, 30)
    finally:
        K.set_image_data_format("channels_last")


X = np.random.default_rng(1).normal(size=(10, 4)).astype("float32")
Y = X[:, :1]


def test_row_1_2_08_a_stack_trains() -> None:
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    loss = model.fit(X, Y, epochs=10, verbose=0).history["loss"]
    assert loss[-1] < loss[0]


def test_row_1_2_09_two_inputs_two_outputs_and_a_skip_connection() -> None:
    a, b = Input((4,)), Input((4,))
    h = layers.Dense(4, activation="tanh")(layers.Concatenate()([a, b]))
    skip = layers.Add()([h, a])
    model = Model([a, b], [layers.Dense(1, name="one")(skip), layers.Dense(1, name="other")(h)])
    model.compile("sgd", ["mse", "mae"])
    history = model.fit([X, X], [Y, Y], epochs=5, verbose=0).history
    assert list(history) == ["loss", "one_loss", "other_loss"]
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(history["loss"], np.add(history["one_loss"], history["other_loss"]), rtol=1e-5)


def test_row_1_2_10_a_layer_called_twice_shares_its_weights() -> None:
    shared = layers.Dense(2)
    x, y = Input((4,)), Input((4,))
    model = Model([x, y], layers.Add()([shared(x), shared(y)]))
    assert len(model.trainable_weights) == 2
    assert shared.get_output_at(0) is not shared.get_output_at(1)
    np.testing.assert_allclose(model.predict([X, X * 0]), shared(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "updates"),
    [
        pytest.param(10, 1, id="row_1_2_11-whole set"),
        pytest.param(1, 10, id="row_1_2_12-one sample"),
        pytest.param(4, 3, id="row_1_2_13-mini-batch"),
    ],
)
def test_updates_per_epoch_are_the_number_of_batches(size: int, updates: int) -> None:
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=size, epochs=2, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 2 * updates


def test_row_1_2_14_the_data_are_passed_over_epochs_times() -> None:
    class Counting(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.seen = self.add_weight(name="seen", shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any, training: bool = False) -> Any:
            if training:
                self.seen.assign_add(K.cast(K.shape(x)[0], "float32"))
            return x

    counting = Counting()
    model = Sequential([Input((4,)), counting, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=3, epochs=7, verbose=0)
    assert float(counting.seen.value) == 70
