"""Book 3.1: every method of Sequential, in today's API, with the book's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from catalog import LABELS, ONE_HOT, X, perceptron

from kerato import backend as K
from kerato import layers, losses, optimizers
from kerato.callbacks import Callback, History
from kerato.layers import Input
from kerato.models import Model, Sequential


def line(**options: Any) -> Sequential:
    """One weight, 1; the loss is the mean square."""
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", "mse", **options)
    return model


ONES = np.ones((4, 1), "float32")


def test_row_3_1_01_empty_and_from_a_list() -> None:
    assert Sequential().layers == []
    model = Sequential([layers.Dense(2, input_shape=(3,)), layers.Activation("relu")])
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Activation"]


def test_row_3_1_02_add() -> None:
    model = Sequential()
    model.add(layers.Dense(2, input_shape=(3,)))
    assert model.output_shape == (None, 2)
    with pytest.raises(TypeError, match="must be a layer"):
        model.add("Dense")


def test_row_3_1_03_pop() -> None:
    model = Sequential([Input((3,)), layers.Dense(2), layers.Dense(5)])
    assert model.pop() is None
    assert model.output_shape == (None, 2)
    with pytest.raises(TypeError):
        Sequential().pop()


@pytest.mark.parametrize(
    ("optimizer", "loss"),
    [
        ("sgd", "mse"),
        (optimizers.SGD, losses.MeanSquaredError()),
        (lambda: optimizers.SGD(), losses.mean_squared_error),
    ],
    ids=["names", "objects", "functions"],
)
def test_row_3_1_04_compile_takes_names_and_objects(optimizer: Any, loss: Any) -> None:
    model = line()
    model.compile(optimizer if isinstance(optimizer, (str, type)) else optimizer(), loss, metrics=["mae"])
    assert model.train_on_batch(ONES * 2, ONES) == [1, 1]


@pytest.mark.parametrize("bad", [("sdg", "mse"), ("sgd", "msee")])
def test_row_3_1_04_an_unknown_name_is_a_value_error(bad: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="is not known"):
        line().compile(*bad)


def test_row_3_1_05_a_function_is_a_loss() -> None:
    model = line()
    model.compile("sgd", lambda y_true, y_pred: K.mean(K.abs(y_true - y_pred) ** 3, axis=-1))
    assert model.train_on_batch(ONES * 3, ONES) == 8
    assert model.get_weights()[0][0, 0] == pytest.approx(1 - 0.01 * 3 * 4 * 3)


@pytest.mark.parametrize(
    ("loss", "target", "output"),
    [("categorical_crossentropy", ONE_HOT, 3), ("sparse_categorical_crossentropy", LABELS, 3),
     ("binary_crossentropy", LABELS > 1, 1)],
    ids=["row_3_1_06-one-hot", "row_3_1_06-sparse", "row_3_1_06-binary"],
)  # fmt: skip
def test_accuracy_is_in_the_history_in_the_right_variant(loss: str, target: Any, output: int) -> None:
    model = Sequential([Input((4,)), layers.Dense(output, activation="softmax" if output > 1 else "sigmoid")])
    model.compile("sgd", loss, metrics=["accuracy"])
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, target, validation_split=0.25, verbose=0, shuffle=False).history
    right = model.predict_classes(X).reshape(-1) == (LABELS if output > 1 else LABELS > 1)
    assert history["accuracy"] == [pytest.approx(right[:15].mean())]
    assert history["val_accuracy"] == [pytest.approx(right[15:].mean())]


def test_row_3_1_07_and_row_3_1_22_weights_per_timestep() -> None:
    model = Sequential([Input((2, 1)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    x, y = np.float32([[[1], [3]], [[5], [7]]]), np.zeros((2, 2, 1))
    weights = np.float32([[1, 0], [0.5, 2]])
    expected = (1 * 1 + 0 * 9 + 0.5 * 25 + 2 * 49) / 4
    assert model.evaluate(x, y, sample_weight=weights, verbose=0) == pytest.approx(expected)
    with pytest.raises(ValueError, match="`sample_weight` must have one weight per sample"):
        line().evaluate(ONES, ONES, sample_weight=np.ones((4, 2)), verbose=0)


def test_row_3_1_08_other_arguments_of_compile_do_no_harm() -> None:
    line().compile("sgd", "mse", sample_weight_mode="temporal", on_unused_input="warn")


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_row_3_1_09_compile_comes_first(method: str) -> None:
    model = Sequential([Input((1,)), layers.Dense(1)])
    with pytest.raises(RuntimeError, match=r"^The model needs to be compiled before being used\."):
        getattr(model, method)(ONES, ONES)


def test_row_3_1_10_listing_9() -> None:
    model = Sequential()
    model.add(layers.Dense(32, input_shape=(500,)))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    assert model.count_params() == 500 * 32 + 32 + 32 * 10 + 10 == 16_362
    data, labels = np.random.random((40, 500)), np.eye(10)[np.arange(40) % 10]
    loss = model.fit(data, labels, epochs=5, batch_size=40, verbose=0).history["loss"]
    assert loss[-1] < loss[0]


def test_row_3_1_11_fit_makes_the_loss_smaller() -> None:
    loss = perceptron().fit(X, LABELS, epochs=20, verbose=0).history["loss"]
    assert loss[-1] < loss[0]


def test_row_3_1_12_the_batch_size_is_32_unless_given() -> None:
    model = line()
    model.fit(np.ones((70, 1)), np.ones((70, 1)), verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 3


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 2), (2, 2)])
def test_row_3_1_14_verbose(verbose: int, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    line().fit(ONES, ONES, epochs=2, verbose=verbose)
    captured = capsys.readouterr()
    assert len((captured.out + captured.err).splitlines()) == lines


def test_row_3_1_15_callbacks_are_called_in_order_with_logs() -> None:
    seen: list[str] = []

    class Note(Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            seen.append("train")

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            seen.append(f"epoch {epoch}")

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(f"batch {batch} {logs['loss']:.0f}")

        def on_train_end(self, logs: Any = None) -> None:
            seen.append("end")

    line().fit(ONES * 0, ONES, batch_size=2, epochs=2, verbose=0, callbacks=[Note()])
    epoch = ["batch 0 1", "batch 1 1"]
    assert seen == ["train", "epoch 0", *epoch, "epoch 1", *epoch, "end"]


def test_row_3_1_16_the_last_part_is_held_out_before_shuffling() -> None:
    x = np.concatenate([np.zeros((6, 1)), np.full((4, 1), 5)])
    model = line()
    history = model.fit(x, np.zeros((10, 1)), validation_split=0.4, shuffle=True, epochs=3, verbose=0).history
    assert history["loss"] == [0, 0, 0]  # the fives were never trained on
    assert history["val_loss"] == [25, 25, 25]


def test_row_3_1_17_given_validation_data_win() -> None:
    history = line().fit(ONES, ONES, validation_split=0.5, validation_data=(ONES * 3, ONES), verbose=0).history
    assert history["val_loss"] == [4]


def order_of(shuffle: Any, epochs: int = 1, seed: int = 3) -> list[Any]:
    """The order in which samples are met: the loss of each as a batch of its own."""
    from kerato import random

    random.set_seed(seed)

    class Note(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            totals.append(logs["loss"] * (batch + 1))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            found.extend(np.round(np.sqrt(np.diff([0, *totals]).clip(0))).astype(int).tolist())
            totals.clear()

    totals: list[float] = []
    found: list[int] = []
    model = line()
    model.optimizer.learning_rate = 0.0
    x = np.arange(8, dtype="float32")[:, None]
    model.fit(x, np.zeros((8, 1)), batch_size=1, epochs=epochs, shuffle=shuffle, verbose=0, callbacks=[Note()])
    return found


def test_row_3_1_18_shuffle_changes_the_order_and_repeats_with_the_seed() -> None:
    assert order_of(False) == list(range(8))
    shuffled = order_of(True, 2)
    assert sorted(shuffled[:8]) == sorted(shuffled[8:]) == list(range(8))
    assert shuffled[:8] != shuffled[8:]
    assert order_of(True, 2) == shuffled != order_of(True, 2, seed=4)


def test_row_3_1_19_batches_are_permuted_whole() -> None:
    """More in tests/test_engine.py: the smaller batch stays last."""
    found = order_of("batch")
    assert sorted(found) == list(range(8))
    assert found != list(range(8))


def test_row_3_1_20_class_weights_scale_the_loss_of_their_class() -> None:
    model = perceptron()
    p = model.predict(X)[np.arange(20), LABELS]
    weights = np.array([1, 5, 0.25])[LABELS]
    loss = model.fit(X, LABELS, class_weight={0: 1, 1: 5, 2: 0.25}, verbose=0).history["loss"]
    assert loss == [pytest.approx((-np.log(p) * weights).mean(), rel=1e-5)]


def test_row_3_1_21_samples_of_weight_0_have_no_influence() -> None:
    model, other = perceptron(), perceptron()
    spoilt = X.copy()
    spoilt[10:] = 1000
    weight = np.float32([1] * 10 + [0] * 10)
    for trained, data in ((model, X), (other, spoilt)):
        trained.fit(data, LABELS, sample_weight=weight, epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_row_3_1_23_training_resumes_at_an_epoch() -> None:
    assert line().fit(ONES, ONES, initial_epoch=4, epochs=6, verbose=0).epoch == [4, 5]


def test_row_3_1_24_the_history_has_one_number_per_epoch() -> None:
    history = perceptron(metrics=["accuracy"]).fit(X, LABELS, epochs=3, validation_split=0.2, verbose=0)
    assert isinstance(history, History)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert {len(values) for values in history.history.values()} == {3}


def test_row_3_1_25_several_inputs_are_a_list() -> None:
    a, b = Input((1,)), Input((1,))
    model = Model([a, b], layers.Add()([a, b]))
    model.compile("sgd", "mse")
    assert model.evaluate([ONES, ONES * 2], ONES, verbose=0) == 4


def test_row_3_1_26_evaluate_is_the_mean_of_the_whole_set() -> None:
    x = np.float32([[1], [2], [3], [4], [5]])
    assert line().evaluate(x, x * 0, batch_size=2, verbose=0) == 11
    assert line(metrics=["mae"]).evaluate(x, x * 0, batch_size=3, verbose=0) == [11, 3]
    assert line().evaluate(x, x * 0, sample_weight=np.float32([0, 0, 1, 0, 0]), verbose=0) == pytest.approx(9 / 5)


def test_row_3_1_27_the_numbers_have_names() -> None:
    model = line(metrics=["mae", "mse"])
    values = model.evaluate(ONES * 3, ONES, verbose=0)
    assert dict(zip(model.metrics_names, values, strict=True)) == {"loss": 4, "mae": 2, "mse": 4}


def test_row_3_1_28_predictions_do_not_depend_on_the_batch_size_and_drop_nothing() -> None:
    model = Sequential([Input((4,)), layers.Dropout(0.5), layers.Dense(2)])
    whole = model.predict(X)
    for size in (1, 7, 64):
        np.testing.assert_allclose(model.predict(X, batch_size=size), whole, rtol=1e-6, atol=1e-7)


def test_row_3_1_29_predict_classes() -> None:
    model = perceptron()
    assert model.predict_classes(X).tolist() == model.predict(X).argmax(-1).tolist()
    single = Sequential([Input((1,)), layers.Activation("sigmoid")])
    assert single.predict_classes(np.float32([[-1], [0], [1]])).tolist() == [[0], [0], [1]]


def test_row_3_1_30_train_on_batch_is_one_update() -> None:
    model = line()
    assert model.train_on_batch(ONES * 3, ONES, sample_weight=np.full(4, 0.5)) == 2  # from before the update
    assert model.get_weights()[0][0, 0] == pytest.approx(1 - 0.01 * 0.5 * 2 * 2 * 3)


def test_row_3_1_31_and_row_3_1_32_the_other_single_batches() -> None:
    model = line(metrics=["mae"])
    assert model.test_on_batch(ONES * 3, ONES) == model.evaluate(ONES * 3, ONES, verbose=0) == [4, 2]
    np.testing.assert_array_equal(model.predict_on_batch(ONES * 3), model.predict(ONES * 3))
    assert model.get_weights()[0][0, 0] == 1


def pairs(*extra: Any) -> Iterator[Any]:
    while True:
        drawn.append(1)
        yield (ONES * 3, ONES, *extra)


drawn: list[int] = []


def test_row_3_1_33_a_generator_is_drawn_from_steps_times_epochs() -> None:
    drawn.clear()
    history = line().fit(pairs(), steps_per_epoch=3, epochs=4, verbose=0)
    assert len(drawn) == 12
    assert history.epoch == [0, 1, 2, 3]


def test_row_3_1_34_batches_of_two_and_of_three() -> None:
    weighted = line().fit(pairs(np.full(4, 0.5)), steps_per_epoch=1, verbose=0).history["loss"]
    assert weighted == [2]
    with pytest.raises(ValueError, match=r"x, \(x, y\) or \(x, y, sample_weight\)\. Got a tuple of 4"):
        line().fit(pairs(1, 2), steps_per_epoch=1, verbose=0)


@pytest.mark.parametrize(
    ("data", "steps", "expected"),
    [
        pytest.param(lambda: pairs(), 2, 4, id="row_3_1_36-generator"),
        pytest.param(lambda: (ONES * 3, ONES), None, 4, id="row_3_1_36-two"),
        pytest.param(lambda: (ONES * 3, ONES, np.full(4, 0.5)), None, 2, id="row_3_1_36-three"),
    ],
)
def test_validation_beside_a_generator(data: Any, steps: int | None, expected: float) -> None:
    model = line()
    model.optimizer.learning_rate = 0.0
    history = model.fit(pairs(), steps_per_epoch=1, validation_data=data(), validation_steps=steps, verbose=0).history
    assert history["val_loss"] == [expected]


def test_row_3_1_37_a_generator_for_validation_needs_its_steps() -> None:
    with pytest.raises(ValueError, match="`validation_steps` must be the number of batches"):
        line().fit(ONES, ONES, validation_data=pairs(), verbose=0)


def test_row_3_1_38_class_weights_hold_per_batch() -> None:
    def labelled() -> Iterator[Any]:
        while True:
            yield X, LABELS

    plain = perceptron().fit(X, LABELS, class_weight={0: 1, 1: 5, 2: 0.25}, verbose=0).history["loss"]
    streamed = perceptron().fit(
        labelled(), steps_per_epoch=1, class_weight={0: 1, 1: 5, 2: 0.25}, verbose=0
    ).history["loss"]  # fmt: skip
    assert streamed == pytest.approx(plain, rel=1e-6)


def test_row_3_1_45_and_row_3_1_46_evaluating_and_predicting_batches() -> None:
    model = perceptron(metrics=["accuracy"])

    def halves() -> Iterator[Any]:
        while True:
            yield X[:12], LABELS[:12]
            yield X[12:], LABELS[12:]

    whole = model.evaluate(X, LABELS, verbose=0)
    assert model.evaluate(halves(), steps=2, verbose=0) == pytest.approx(whole, rel=1e-5)
    np.testing.assert_allclose(model.predict(halves(), steps=2), model.predict(X), rtol=1e-5)
