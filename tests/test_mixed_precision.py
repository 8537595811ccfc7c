"""Training with float32 weights and narrow arithmetic; averaged weights and accumulated gradients in `fit`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catalog import LABELS, X, perceptron

from kerato import backend as K
from kerato import callbacks, config, layers, optimizers, random
from kerato.layers import Input
from kerato.models import Sequential


def net(policy: str, **options: Any) -> Sequential:
    """Two layers of that policy; the crossentropy is of float32 probabilities, as Keras's guide advises."""
    random.set_seed(1)
    config.set_dtype_policy(policy)
    try:
        model = Sequential([Input((4,)), layers.Dense(8, activation="relu", name="a"), layers.Dense(3, name="b")])
        model.add(layers.Activation("softmax", dtype="float32", name="c"))
        model.compile(optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    finally:
        config.set_dtype_policy("float32")
    return model


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_narrow_arithmetic_trains_like_the_wide_one(policy: str) -> None:
    narrow, wide = net(policy), net("float32")
    kinds = [type(model.optimizer).__name__ for model in (narrow, wide)]
    assert kinds == ["LossScaleOptimizer" if policy == "mixed_float16" else "SGD", "SGD"]
    losses = [model.fit(X, LABELS, epochs=10, shuffle=False, verbose=0).history["loss"] for model in (narrow, wide)]
    assert {v.dtype for v in narrow.trainable_variables} == {"float32"}
    assert losses[0][-1] < 0.9 * losses[0][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.02)
    assert losses[0] != losses[1]


def test_small_gradients_survive_float16_only_when_the_loss_is_scaled() -> None:
    """A gradient of 1e-8 is 0 in float16, whose least number is 6e-8."""
    moved = []
    for scaled in (True, False):
        config.set_dtype_policy("mixed_float16")
        try:
            model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="a")])
            model.compile(optimizers.SGD(1.0), lambda y, p: K.cast(p, "float32") * 1e-8, auto_scale_loss=scaled)
        finally:
            config.set_dtype_policy("float32")
        model.train_on_batch(np.ones((4, 1)), np.ones((4, 1)))
        moved.append(float(model.get_weights()[0][0, 0]))
    assert moved[0] == pytest.approx(-1e-8, rel=1e-2)
    assert abs(moved[1]) < 0.5e-8


def test_an_overflow_changes_nothing_but_the_scale() -> None:
    model = net("mixed_float16")
    before = model.get_weights()
    model.train_on_batch(X * 1e30, LABELS)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(model.optimizer.dynamic_scale.numpy()) == 2.0**14
    assert int(model.optimizer.inner_optimizer.iterations.numpy()) == 0


def test_averages_are_swapped_in_and_are_the_weights_at_the_end() -> None:
    model = perceptron(optimizer=optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5))
    seen: list[Any] = []
    watch = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((model.get_weights()[0], logs)))
    model.fit(X, LABELS, batch_size=20, epochs=3, shuffle=False, verbose=0, callbacks=[watch])
    first, second, third = (weights for weights, _ in seen)
    expected = 0.25 * first + 0.25 * second + 0.5 * third
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5)

    swapping = perceptron(optimizer=optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5))
    data = {"validation_data": (X, LABELS), "callbacks": [callbacks.SwapEMAWeights(swap_on_epoch=True)]}
    history = swapping.fit(X, LABELS, batch_size=20, epochs=3, shuffle=False, verbose=0, **data).history
    np.testing.assert_allclose(swapping.get_weights()[0], expected, rtol=1e-5)
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, LABELS, verbose=0), rel=1e-5)
    with pytest.raises(RuntimeError, match="keeps no average"):
        perceptron().fit(X, LABELS, verbose=0, callbacks=[callbacks.SwapEMAWeights(True)])


def test_accumulated_batches_are_one_large_batch() -> None:
    small = perceptron(optimizer=optimizers.Adam(0.1, gradient_accumulation_steps=2))
    large = perceptron(optimizer=optimizers.Adam(0.1))
    small.fit(X, LABELS, batch_size=10, epochs=2, shuffle=False, verbose=0)
    large.fit(X, LABELS, batch_size=20, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(small.get_weights(), large.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
