"""Recurrent layers: masks, states, cells of the user's, both directions, files, training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from kerato import layers, ops
from kerato.layers import Input
from kerato.models import Model, Sequential, load_model

X = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
CODES = np.array([[1, 2, 3, 4], [5, 6, 0, 0], [7, 0, 0, 0]])


def test_a_masked_step_keeps_the_state() -> None:
    layer = layers.LSTM(3, return_sequences=True, return_state=True)
    mask = np.array([[1, 1, 0, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]], bool)
    outputs, h, c = layer(X, mask=mask)
    kept = layer(X[1:2][:, mask[1]])
    np.testing.assert_allclose(kept[0][0, -1], h[1], rtol=1e-5)
    np.testing.assert_allclose(kept[2][0], c[1], rtol=1e-5)
    np.testing.assert_array_equal(outputs[0, 2:], np.broadcast_to(outputs[0, 1], (3, 3)))
    np.testing.assert_array_equal(outputs[1, 0], np.zeros(3))


def test_a_mask_goes_through_to_the_loss() -> None:
    words = [layers.Embedding(8, 3, mask_zero=True), layers.GRU(2, return_sequences=True)]
    model = Sequential([Input((4,)), *words, layers.TimeDistributed(layers.Dense(1))])
    model.compile("sgd", "mse")
    y = np.arange(12.0).reshape(3, 4, 1)
    errors = (model.predict(CODES) - y)[..., 0] ** 2
    wanted = errors[CODES != 0].sum() / (CODES != 0).sum()
    np.testing.assert_allclose(model.evaluate(CODES, y, verbose=0), wanted, rtol=1e-5)


def test_an_encoder_gives_its_states_to_a_decoder_also_from_a_file(tmp_path: Path) -> None:
    source, target = Input((5, 2)), Input((4, 3))
    _, h, c = layers.LSTM(6, return_state=True)(source)
    decoded = layers.LSTM(6, return_sequences=True)(target, initial_state=[h, c])
    model = Model([source, target], layers.Dense(2)(decoded))
    given = [X, np.ones((3, 4, 3), "float32")]
    found = model.predict(given)
    assert np.abs(found - model.predict([X * 2, given[1]])).max() > 1e-3
    model.save(tmp_path / "it.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "it.keras").predict(given), found)
    model.compile("adam", "mse")
    first = model.evaluate(given, np.ones((3, 4, 2)), verbose=0)
    model.fit(given, np.ones((3, 4, 2)), epochs=3, verbose=0)
    assert model.evaluate(given, np.ones((3, 4, 2)), verbose=0) < first


def test_a_stateful_layer_continues_where_the_last_batch_ended() -> None:
    whole, pieces = layers.GRU(3), layers.GRU(3, stateful=True)
    expected = np.asarray(whole(X))
    model = Sequential([Input(batch_shape=(3, None, 2)), pieces])
    pieces.set_weights(whole.get_weights())
    model.predict(X[:, :2], batch_size=3)
    np.testing.assert_allclose(model.predict(X[:, 2:], batch_size=3), expected, rtol=1e-5)
    model.reset_states()
    np.testing.assert_allclose(model.predict(X, batch_size=3), expected, rtol=1e-5)
    assert len(model.weights) == 3
    with pytest.raises(ValueError, match=r"^gru.*: `stateful` needs a fixed batch size. Give it: Input\("):
        layers.GRU(3, stateful=True)(Input((5, 2)))


class Decay(layers.Layer):
    """A cell as Keras's guide writes one."""

    def __init__(self, units: int, **common: Any) -> None:
        super().__init__(**common)
        self.units = self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel", initializer="ones")

    def call(self, inputs: Any, states: Any) -> Any:
        h = ops.matmul(inputs, self.kernel) + 0.5 * states[0]
        return h, [h]


def test_any_object_with_a_state_size_and_a_call_is_a_cell() -> None:
    h = np.zeros((3, 1), "float32")
    for t in range(5):
        h = X[:, t].sum(-1, keepdims=True) + 0.5 * h
    np.testing.assert_allclose(layers.RNN(Decay(2))(X), np.repeat(h, 2, 1), rtol=1e-5)
    stacked = layers.RNN([Decay(2), layers.GRUCell(4)], return_state=True)
    output, first, second = stacked(X)
    assert (output.shape, first[0].shape, second[0].shape) == ((3, 4), (3, 2), (3, 4))
    both = layers.Bidirectional(layers.RNN(Decay(2)))(X)
    assert both.shape == (3, 4)
    with pytest.raises(ValueError, match=r"^RNN: `cell` must be a cell"):
        layers.RNN(object())


@pytest.mark.parametrize("implementation", [1, 2])
def test_dropout_is_one_mask_for_all_steps(implementation: int) -> None:
    layer = layers.GRU(4, dropout=0.5, recurrent_dropout=0.5, implementation=implementation, return_sequences=True)
    kept = np.asarray(layer.cell.factors((64, 2), True)[0])
    assert kept.shape == (3, 64, 2)
    assert set(np.unique(kept)) == {0.0, 2.0}
    if implementation == 2:
        assert np.abs(np.asarray(layer(X, training=True) - layer(X))).max() > 1e-3
    single = layers.LSTM(4, dropout=0.5, implementation=implementation)
    assert len(single.cell.factors((3, 2), True)[0]) == (4 if implementation == 1 else 1)


@pytest.mark.slow
def test_gradients_of_gradients_go_through_the_loop() -> None:
    layer = layers.SimpleRNN(2)
    layer(X)

    def slope(x: Any) -> Any:
        return jax.grad(lambda v: layer(v).sum())(x).sum()

    bend = np.asarray(jax.grad(slope)(X))
    step = 1e-2 * np.eye(1, 30, 7).reshape(1, 15, 2)[:, :5].astype("float32")
    sides = [slope(X[:1] + sign * step) for sign in (1, -1)]
    np.testing.assert_allclose(jax.grad(slope)(X[:1]).ravel()[7], (sides[0] - sides[1]) / 2e-2, rtol=2e-2, atol=1e-3)
    assert np.isfinite(bend).all()


FILM = np.random.default_rng(1).normal(size=(2, 3, 4, 5, 2)).astype("float32")


def test_a_film_with_its_channels_first_is_the_same_film() -> None:
    last = layers.ConvLSTM2D(3, 2, strides=(1, 2), return_sequences=True, data_format="channels_last")
    first = layers.ConvLSTM2D(3, 2, strides=(1, 2), return_sequences=True, data_format="channels_first")
    expected, x = last(FILM), FILM.transpose(0, 1, 4, 2, 3)
    assert expected.shape == (2, 3, 3, 2, 3) and first(Input(x.shape[1:])).shape == (None, 3, 3, 3, 2)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(first(x), expected.transpose(0, 1, 4, 2, 3), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_films_with_masks_and_states_and_what_is_refused() -> None:
    layer = layers.ConvLSTM2D(1, 3, padding="same", return_state=True, dropout=0.5)
    _, h, c = layer(FILM, mask=np.array([[1, 1, 0], [1, 1, 1]], bool))
    kept_h, kept_c = layer(FILM[:1, :2])[1:]
    np.testing.assert_allclose([kept_h, kept_c], [h[:1], c[:1]], rtol=1e-5, atol=1e-7)
    kept = np.asarray(layer.cell.factors(FILM.shape, True)[0])
    assert kept.shape == (4, 2, 4, 5, 2) and set(np.unique(kept)) == {0.0, 2.0}
    with pytest.raises(ValueError, match="the size of a picture must be known"):
        layers.ConvLSTM2D(1, 3)(Input((3, None, 5, 2)))
    with pytest.raises(ValueError, match=r"`strides` .* and `dilation_rate` .* cannot both be"):
        layers.ConvLSTM2D(1, 3, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match="does not fit into an input of"):
        layers.ConvLSTM2D(1, 6)(Input((3, 4, 5, 2)))
