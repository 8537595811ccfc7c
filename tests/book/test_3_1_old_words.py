"""Book 3.1 in the words of its time: what `fit`, `add` and the generator forms understood in Keras 1 and 2.0.5."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import layers, legacy
from kerato.layers import Input
from kerato.models import Model, Sequential

X = np.float32([[0, 1], [1, 0], [1, 1], [0, 0]])
Y = np.float32([[1, 0], [0, 1], [0, 1], [1, 0]])

# Each warns of the old words that it uses; what it says is tested in tests/legacy/test_methods.py.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def net(**options: Any) -> Any:
    model = Sequential([Input((2,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", **options)
    return model


def test_row_3_1_13_a_sequential_trains_ten_epochs_then_and_one_today() -> None:
    with legacy.dialect():
        assert len(net().fit(X, Y, verbose=0).history["loss"]) == 10
        assert len(net().fit(X, Y, 2, 3, 0).history["loss"]) == 3
        x = Input((2,))
        model: Any = Model(x, layers.Dense(2)(x))
        model.compile("sgd", "mse")
        assert len(model.fit(X, Y, verbose=0).history["loss"]) == 1, "a Model did not"
    assert len(net().fit(X, Y, verbose=0).history["loss"]) == 1


def test_row_3_1_06_accuracy_is_acc_in_the_history() -> None:
    with legacy.dialect():
        history = net(metrics=["accuracy"]).fit(X, Y, validation_data=(X, Y), epochs=1, verbose=0).history
        assert set(history) == {"loss", "acc", "val_loss", "val_acc"}
        model = net(metrics=["mse", "MAE"])
        model.evaluate(X, Y, verbose=0)
        assert model.metrics_names == ["loss", "mean_squared_error", "mean_absolute_error"]
    assert set(net(metrics=["accuracy"]).fit(X, Y, verbose=0).history) == {"loss", "accuracy"}


def test_row_3_1_02_the_first_layer_had_to_know_its_input() -> None:
    with legacy.dialect():
        model = Sequential()
        with pytest.raises(ValueError, match=r"must have an `input_shape` or `batch_input_shape`\. dense\S* \(Dense"):
            model.add(layers.Dense(2))
        assert model.layers == []
        model.add(layers.Dense(2, input_shape=(2,)))
        model.add(layers.Dense(3))
        assert model.output_shape == (None, 3)
    Sequential([layers.Dense(2)])


class Batches:
    """What a generator of Keras 1 looked like: endless, with a `batch_size`."""

    batch_size = 2

    def __init__(self) -> None:
        self.drawn = 0

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        self.drawn += 1
        return X[:2], Y[:2]


def endless() -> Any:
    while True:
        yield X[:2], Y[:2]


generators = pytest.mark.skipif(not hasattr(Model, "fit_generator"), reason="the generator forms are not here yet")


@generators
@pytest.mark.parametrize(("source", "samples", "updates"), [(Batches, 7, 3), (endless, 3, 3), (endless, 2.5, 3)])
def test_row_3_1_43_samples_per_epoch(source: Any, samples: float, updates: int) -> None:
    with legacy.dialect():
        model = net()
        with pytest.warns(UserWarning, match=r"^Sequential\.fit_generator: `samples_per_epoch` is `steps_per_epoch`"):
            model.fit_generator(source(), samples_per_epoch=samples, nb_epoch=2, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 2 * updates


@generators
def test_row_3_1_43_other_words_of_the_generator_forms() -> None:
    with legacy.dialect():
        model = net()
        history = model.fit_generator(
            Batches(),
            4,
            1,
            0,
            validation_data=Batches(),
            nb_val_samples=4,
            nb_worker=1,
            max_q_size=3,
            pickle_safe=False,
        ).history
        assert set(history) == {"loss", "val_loss"}
        assert int(model.optimizer.iterations.numpy()) == 4, "a third word in its place is batches already"
        loss = model.evaluate(X[:2], Y[:2], verbose=0)
        assert model.evaluate_generator(Batches(), val_samples=4) == pytest.approx(loss)
        assert model.predict_generator(Batches(), val_samples=4, max_q_size=2).shape == (4, 2)
