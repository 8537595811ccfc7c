"""MultiHeadAttention, which takes its inputs one by one: value, masks, weights, files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from attention_reference import many_headed

from kerato import layers
from kerato.layers import Input
from kerato.models import Model, load_model

X = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("float32")
OTHER = np.random.default_rng(1).normal(size=(2, 3, 6)).astype("float32")


def made(**options: int) -> layers.MultiHeadAttention:
    layer = layers.MultiHeadAttention(2, 3, **options)
    layer(X, X)
    generator = np.random.default_rng(2)
    layer.set_weights([generator.normal(0, 0.5, w.shape) for w in layer.weights])
    return layer


def test_the_value_is_the_reference_s() -> None:
    layer = made(value_dim=4)
    assert [w.shape for w in layer.weights] == [(6, 2, 3), (2, 3)] * 2 + [(6, 2, 4), (2, 4), (2, 4, 6), (6,)]
    weights = {"all": [w.numpy() for w in layer.weights]}
    np.testing.assert_allclose(layer(X, X), many_headed(SimpleNamespace(), [X], weights), rtol=1e-4, atol=1e-5)


def test_masked_keys_and_later_queries_are_not_looked_at() -> None:
    layer = made()
    mask = np.array([[True, True, False], [True, False, False]])
    value, weights = layer(X, OTHER, value_mask=mask, return_attention_scores=True)
    assert weights.shape == (2, 2, 4, 3)
    assert np.all(np.asarray(weights)[1, :, :, 1:] == 0)
    changed = OTHER.copy()
    changed[0, 2] = 9
    changed[1, 1:] = 9
    np.testing.assert_allclose(layer(X, changed, value_mask=mask), value, rtol=1e-6)
    before = layer(X, X, use_causal_mask=True)
    later = X.copy()
    later[:, 2:] = 5
    np.testing.assert_allclose(layer(later, later, use_causal_mask=True)[:, :2], before[:, :2], rtol=1e-5)


def test_the_mask_of_an_embedding_reaches_the_keys_and_a_file_keeps_it(tmp_path: Path) -> None:
    words, query = Input((3,), dtype="int32"), Input((4, 6))
    vectors = layers.Embedding(5, 6, mask_zero=True)(words)
    output = layers.MultiHeadAttention(2, 3)(query, value=vectors)
    model = Model([words, query], output)
    codes = np.array([[1, 2, 0], [3, 0, 0]])
    found = model.predict([codes, X])
    attention, table = model.layers[-1], model.layers[1] if len(model.layers[1].weights) else model.layers[2]
    by_hand = attention(X, table(codes), value_mask=codes != 0)
    np.testing.assert_allclose(found, by_hand, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "it.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "it.keras").predict([codes, X]), found)
