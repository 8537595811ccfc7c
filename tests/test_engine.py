"""The engine against a training loop written by hand, and its ways of running against each other."""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from catalog import LABELS, ONE_HOT, X, perceptron
from jax import lax

from kerato import callbacks, layers, memory, random
from kerato.data.sources import Arrays
from kerato.engine import FEW_BYTES, GATHER_BYTES, Engine, gathered_together, many
from kerato.layers import Input
from kerato.models import Model, Sequential

Array = np.ndarray[Any, Any]


class ByHand:
    """Dense, batch normalisation, relu, Dense, softmax, cross-entropy, SGD: float64, with every derivative by hand."""

    momentum, epsilon, rate = 0.8, 0.01, 0.3

    def __init__(self, weights: list[Array]) -> None:
        kernel, bias, gamma, beta, mean, variance, last, last_bias = (w.astype("float64") for w in weights)
        self.w = [kernel, bias, gamma, beta, last, last_bias]
        self.mean, self.variance = mean, variance

    def step(self, x: Array, labels: Array, weight: Array) -> tuple[float, float]:
        """One update; (loss, accuracy) from before it."""
        kernel, bias, gamma, beta, last, last_bias = self.w
        m = len(x)
        a = x @ kernel + bias
        mean, variance = a.mean(0), a.var(0)
        spread = 1 / np.sqrt(variance + self.epsilon)
        n = (a - mean) * spread
        z = n * gamma + beta
        h = np.maximum(z, 0)
        p = softmax(h @ last + last_bias)
        y = np.eye(3)[labels]
        loss = -(weight * np.log(p[np.arange(m), labels])).sum() / m
        d_last = (p - y) * weight[:, None] / m
        d_z = d_last @ last.T * (z > 0)
        d_n = d_z * gamma
        d_a = spread / m * (m * d_n - d_n.sum(0) - n * (d_n * n).sum(0))
        gradients = [x.T @ d_a, d_a.sum(0), (d_z * n).sum(0), d_z.sum(0), h.T @ d_last, d_last.sum(0)]
        self.w = [w - self.rate * g for w, g in zip(self.w, gradients, strict=True)]
        self.mean = self.momentum * self.mean + (1 - self.momentum) * mean
        self.variance = self.momentum * self.variance + (1 - self.momentum) * variance
        return loss, float((p.argmax(1) == labels).mean())

    def evaluate(self, x: Array, labels: Array) -> tuple[float, float]:
        """(loss, accuracy) with the moving statistics."""
        kernel, bias, gamma, beta, last, last_bias = self.w
        n = (x @ kernel + bias - self.mean) / np.sqrt(self.variance + self.epsilon)
        p = softmax(np.maximum(n * gamma + beta, 0) @ last + last_bias)
        return float(-np.log(p[np.arange(len(x)), labels]).mean()), float((p.argmax(1) == labels).mean())

    @property
    def weights(self) -> list[Array]:
        """In the order of the model's."""
        return [*self.w[:4], self.mean, self.variance, *self.w[4:]]


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def same_net() -> Sequential:
    """What `ByHand` computes."""
    normal = layers.BatchNormalization(momentum=ByHand.momentum, epsilon=ByHand.epsilon)
    stack = [Input((4,)), layers.Dense(6), normal, layers.Activation("relu"), layers.Dense(3, activation="softmax")]
    model = Sequential(stack)
    generator = np.random.default_rng(2)
    model.set_weights([generator.uniform(0.5, 1.5, v.shape) * (1 if v.ndim == 1 else 0.3) for v in model.weights])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = ByHand.rate
    return model


@pytest.mark.parametrize(
    ("size", "shuffle", "weighted"),
    [(8, False, False), (8, True, True), (7, True, False), (64, False, True)],
    ids=["last of 4", "shuffled and weighted", "last of 6", "one batch"],
)
def test_fit_is_the_loop_written_by_hand(size: int, shuffle: bool, weighted: bool) -> None:
    model = same_net()
    hand = ByHand(model.get_weights())
    weight = np.linspace(0.2, 2, 20) if weighted else np.ones(20)
    history = model.fit(
        X, LABELS, batch_size=size, epochs=3, shuffle=shuffle, sample_weight=weight if weighted else None, verbose=0
    ).history
    source = Arrays(([X], [LABELS], []), size, shuffle, random.seed())
    for epoch in range(3):
        order = source.order(epoch)
        order = np.arange(20) if order is None else order
        sums = np.zeros(3)
        for start in range(0, 20, size):
            chosen = order[start : start + size]
            loss, accuracy = hand.step(X[chosen].astype("float64"), LABELS[chosen], weight[chosen])
            sums += np.array([loss, accuracy, 1]) * len(chosen)
        assert history["loss"][epoch] == pytest.approx(sums[0] / 20, rel=2e-5)
        assert history["accuracy"][epoch] == pytest.approx(sums[1] / 20, abs=1e-6)
    for found, expected in zip(model.get_weights(), hand.weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)
    loss, accuracy = hand.evaluate(X.astype("float64"), LABELS)
    assert model.evaluate(X, LABELS, batch_size=size, verbose=0) == pytest.approx([loss, accuracy], rel=1e-4)


def in_groups(monkeypatch: pytest.MonkeyPatch, together: int, size: int, **options: Any) -> Any:
    """Weights and losses after epochs that gather the rows of `together` steps at once, and take 3 steps per call."""
    monkeypatch.setattr("kerato.engine.gathered_together", lambda *_: together)
    monkeypatch.setattr(Engine, "_chunk_length", lambda *_: 3)
    random.set_seed(5)
    stack = [Input((4,)), layers.Dropout(0.3, name="d"), layers.Dense(3, activation="softmax", name="o")]
    model = Sequential(stack)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, LABELS, batch_size=size, epochs=3, verbose=0, **options).history
    return model.get_weights(), history


@pytest.mark.parametrize("size", [1, 2, 3, 7], ids="{} a step".format)
@pytest.mark.parametrize("together", [2, 6])
@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_rows_gathered_for_several_steps_train_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, together: int, size: int, shuffle: Any
) -> None:
    """Epochs of 20, 10, 6 and 2 steps and a smaller batch: groups that end with the epoch or within it, or fill it."""
    together = min(together, len(X) // size)
    singly = in_groups(monkeypatch, 1, size, shuffle=shuffle)
    weights, history = in_groups(monkeypatch, together, size, shuffle=shuffle)
    for a, b in zip(singly[0], weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert history == singly[1]


def test_many_steps_see_every_row_of_their_epoch_in_its_order() -> None:
    order = np.random.default_rng(0).permutation(20).astype(np.int32)

    def step(state: list[Any], batch: Any, key: Any) -> list[Any]:
        seen, at = state
        return [lax.dynamic_update_slice(seen, batch[0][0], (at,)), at + 2]

    for together, start, stop in ((1, 0, 10), (3, 0, 10), (4, 0, 10), (10, 0, 10), (4, 3, 8), (4, 9, 10), (3, 5, 5)):
        chunk = jax.jit(many(step, 2, together))
        data = ([jnp.arange(20)], [jnp.arange(20)], [])
        begun = [jnp.full(20, -1), jnp.int32(0)]
        seen = chunk(begun, data, order, np.int32(start), np.int32(stop), random.key(0))[0]
        expected = np.full(20, -1)
        expected[: 2 * (stop - start)] = order[2 * start : 2 * stop]
        np.testing.assert_array_equal(seen, expected)


def test_rows_are_gathered_for_several_steps_where_a_step_has_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(row: int, size: int, y: str = "int32", shuffled: bool = True) -> int:
        data = ([np.zeros((4096, row), np.uint8)], [np.zeros((4096, 1), y)], [])
        return gathered_together(data, np.arange(4096) if shuffled else None, size)

    monkeypatch.setattr("jax.default_backend", lambda: "cpu")
    assert count(3132, 32) == GATHER_BYTES // (32 * 3136)
    assert count(12, 32) == 4096 // 32  # never more than the epoch has
    assert count(12, 5000) == 1
    assert count(FEW_BYTES // 32 - 4, 32) == 8
    assert count(FEW_BYTES // 32 - 3, 32) == 1
    assert count(3132, 32, shuffled=False) == count(3132, 32, "float32") == 1
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert count(3132, 32) == 1


def batches(size: int = 8) -> Iterator[tuple[Array, Array]]:
    """The batches of `X` in their order, for ever."""
    while True:
        for start in range(0, 20, size):
            yield X[start : start + size], LABELS[start : start + size]


class Sequence:
    """An indexable source, as `keras.utils.Sequence`."""

    def __init__(self) -> None:
        self.epochs = 0

    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        return X[8 * i : 8 * i + 8], LABELS[8 * i : 8 * i + 8]

    def on_epoch_end(self) -> None:
        self.epochs += 1


def trained(*data: Any, **options: Any) -> tuple[list[Array], dict[str, Any]]:
    model = perceptron(optimizer="adam", metrics=["accuracy"])
    history = model.fit(*data, epochs=3, verbose=0, **options).history
    return model.get_weights(), history


RESIDENT = {"batch_size": 8, "shuffle": False}


@functools.cache
def resident() -> tuple[list[Array], dict[str, Any]]:
    """What the others are compared with."""
    return trained(X, LABELS, **RESIDENT)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ((batches(),), {"steps_per_epoch": 3}),
        ((Sequence(),), {}),
        ((X, LABELS), {**RESIDENT, "steps_per_epoch": 3}),
        ((X, LABELS), {**RESIDENT, "callbacks": [callbacks.Callback()]}),
        ((X.tolist(), LABELS.tolist()), RESIDENT),
        ((X.astype("float64"), LABELS[:, None].astype("float32")), RESIDENT),
    ],
    ids=["generator", "Sequence", "steps_per_epoch", "idle callback", "lists", "other dtypes"],
)
def test_every_source_trains_to_the_same_bits(data: Any, options: dict[str, Any]) -> None:
    weights, history = resident()
    others, other_history = trained(*data, **options)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_array_equal(a, b)
    assert history == other_history


def test_data_too_large_for_the_device_is_streamed_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resident = trained(X, LABELS, batch_size=8)
    monkeypatch.setattr("kerato.data.sources.device_limit_bytes", lambda: 0)
    with caplog.at_level(logging.INFO, "kerato"):
        streamed = trained(X, LABELS, batch_size=8)
    assert any("train step" in line for line in caplog.messages)
    for a, b in zip(resident[0], streamed[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert resident[1] == streamed[1]


def test_dropout_and_order_are_the_same_resident_and_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Array]:
        random.set_seed(3)
        model = Sequential([Input((4,)), layers.Dropout(0.5, name="d"), layers.Dense(3, name="o")])
        model.compile("sgd", "mse")
        model.fit(X, ONE_HOT, batch_size=8, epochs=2, verbose=0)
        return model.get_weights()

    resident = run()
    monkeypatch.setattr("kerato.data.sources.device_limit_bytes", lambda: 0)
    for a, b in zip(resident, run(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_indexable_source_is_told_when_an_epoch_ends() -> None:
    source = Sequence()
    perceptron().fit(source, epochs=2, verbose=0)
    assert source.epochs == 2


def test_single_batches_are_the_steps_of_fit() -> None:
    model, other = perceptron(metrics=["accuracy"]), perceptron(metrics=["accuracy"])
    history = model.fit(X, LABELS, batch_size=20, epochs=3, shuffle=False, verbose=0).history
    singles = [other.train_on_batch(X, LABELS) for _ in range(3)]
    np.testing.assert_array_equal(singles, np.transpose([history["loss"], history["accuracy"]]))
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_testing_on_a_batch_changes_nothing_and_agrees_with_evaluate() -> None:
    model = perceptron(metrics=["accuracy"])
    before = model.get_weights()
    assert model.test_on_batch(X, LABELS) == model.evaluate(X, LABELS, batch_size=20, verbose=0)
    assert model.test_on_batch(X, LABELS, return_dict=True).keys() == {"loss", "accuracy"}
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [1, 3, 8, 20, 33])
def test_the_batch_size_changes_no_prediction(size: int) -> None:
    model = same_net()
    np.testing.assert_allclose(model.predict(X, batch_size=size), model.predict_on_batch(X), rtol=1e-5, atol=1e-6)


def test_predict_takes_a_generator_and_joins_its_batches_in_order() -> None:
    model = perceptron()
    np.testing.assert_allclose(model.predict(batches(), steps=3), model.predict(X), rtol=1e-6)
    np.testing.assert_allclose(model.predict((x for x, _ in batches()), steps=6)[20:], model.predict(X), rtol=1e-6)


def test_evaluate_takes_a_generator() -> None:
    model = perceptron(metrics=["accuracy"])
    assert model.evaluate(batches(), steps=3, verbose=0) == pytest.approx(
        model.evaluate(X, LABELS, verbose=0), rel=1e-6
    )


def memory_bytes() -> int:
    """What the process holds now, without what is free."""
    memory.give_back()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def growth(model: Sequential, calls: int) -> int:
    for _ in range(200):
        model.predict(X[:1])
    gc.collect()
    before = memory_bytes()
    for _ in range(calls):
        model.predict(X[:1])
    gc.collect()
    return memory_bytes() - before


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells what a process holds")
def test_predict_in_a_loop_compiles_once_and_stays_flat(caplog: pytest.LogCaptureFixture) -> None:
    model = perceptron()
    with caplog.at_level(logging.INFO, "kerato"):
        grown = growth(model, 10_000)
    assert len([line for line in caplog.messages if "compiling" in line]) == 1
    assert grown < 5e6, grown


def test_frozen_layers_keep_every_bit() -> None:
    model = same_net()
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(X, LABELS, batch_size=8, epochs=2, verbose=0)
    after = model.get_weights()
    for a, b in zip(before[:6], after[:6], strict=True):
        np.testing.assert_array_equal(a, b)
    assert (before[6] != after[6]).any()


def test_batch_normalization_follows_the_batches() -> None:
    """Hand-made: batches 1, 3 and 5, 7 of one feature, momentum 0.9, no learning."""
    normal = layers.BatchNormalization(momentum=0.9)
    model = Sequential([Input((1,)), normal])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.0
    data = np.float32([[1], [3], [5], [7]])
    model.fit(data, data, batch_size=2, shuffle=False, verbose=0)
    # mean: 0 -> 0.1 * 2 = 0.2 -> 0.9 * 0.2 + 0.1 * 6 = 0.78;  variance: 1 -> 0.9 + 0.1 = 1 -> 1
    assert normal.moving_mean.numpy() == pytest.approx([0.78])
    assert normal.moving_variance.numpy() == pytest.approx([1.0])


def test_a_constraint_holds_after_every_step() -> None:
    model = Sequential([Input((4,)), layers.Dense(3, kernel_constraint="non_neg", bias_constraint="max_norm")])
    model.compile("sgd", "mse")
    model.fit(X, -ONE_HOT, batch_size=4, epochs=3, verbose=0)
    kernel, bias = model.get_weights()
    assert (kernel >= 0).all()
    assert np.linalg.norm(bias) <= 2 + 1e-6


def test_penalties_of_weights_and_values_are_part_of_the_loss() -> None:
    dense = layers.Dense(2, kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l1")
    model = Sequential([Input((4,)), dense])
    model.compile("sgd", "mse")
    dense.set_weights([np.full((4, 2), 0.5), np.full(2, -1.0)])
    y = X @ np.full((4, 2), 0.5) - 1
    expected = np.square(y - 1).mean() + 0.01 * (8 * 0.25) + 0.01 * 2 + 0.01 * np.abs(y).sum() / 20
    for size in (20, 8):
        found = model.evaluate(X, np.ones((20, 2)), batch_size=size, verbose=0)
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_layer_adds_losses() -> None:
    class Pulled(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss((x**2).sum())
            return x

    x = Input((1,))
    model = Model(x, Pulled()(layers.Dense(1, use_bias=False, kernel_initializer="ones")(x)))
    model.compile("sgd", None)
    model.fit(np.ones((1, 1)), verbose=0)
    assert model.get_weights()[0][0, 0] == pytest.approx(1 - 0.01 * 2)


@pytest.mark.parametrize("size", [20, 8, 1])
def test_an_epoch_has_as_many_updates_as_batches(size: int) -> None:
    model = perceptron()
    model.fit(X, LABELS, batch_size=size, epochs=3, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 3 * -(-20 // size)


def test_shuffling_meets_every_sample_once_an_epoch_in_orders_of_its_own() -> None:
    seen: list[list[float]] = [[]]

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append([])

    class Order(Arrays):
        def order(self, epoch: int) -> Any:
            found = super().order(epoch)
            seen[-1].extend(found)
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerato.training.Arrays", Order)
        perceptron().fit(X, LABELS, batch_size=8, epochs=2, verbose=0, callbacks=[Look()])
    assert sorted(seen[0]) == sorted(seen[1]) == list(range(20))
    assert seen[0] != seen[1]


def test_shuffling_by_batches_moves_whole_batches_and_keeps_the_small_one_last() -> None:
    source = Arrays(([X], [], []), 6, "batch", 1)
    orders = [source.order(epoch) for epoch in range(4)]
    for order in orders:
        blocks = np.asarray(order)[:18].reshape(3, 6)
        assert (np.diff(blocks, axis=1) == 1).all()
        assert sorted(blocks[:, 0]) == [0, 6, 12]
        assert list(order[18:]) == [18, 19]
    assert len({tuple(order) for order in orders}) > 1


def test_training_on_after_a_recompile_or_a_freeze_is_the_same_model() -> None:
    model = perceptron()
    model.fit(X, LABELS, verbose=0)
    weights = model.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy")
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.layers[0].trainable = False
    model.fit(X, LABELS, verbose=0)
    np.testing.assert_array_equal(weights[0], model.get_weights()[0])
    assert (weights[2] != model.get_weights()[2]).any()
