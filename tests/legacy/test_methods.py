"""Old methods: every row of the table, in the old dialect, and today's left as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import callbacks, layers, legacy
from kerato.layers import Input
from kerato.legacy import methods
from kerato.models import Sequential

X = np.float32([[0, 1], [1, 0], [1, 1], [0, 0]])
Y = np.float32([[1, 0], [0, 1], [0, 1], [1, 0]])

# Calls in words that today's signatures do not have.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def net(**options: Any) -> Any:
    model = Sequential([Input((2,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", **options)
    return model


def today(**options: Any) -> Any:
    model = Sequential([Input((2,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model


def test_words_of_fit() -> None:
    with legacy.dialect():
        with pytest.warns(UserWarning, match=r"^Sequential\.fit: `X` is `x`, `nb_epoch` is `epochs` today\.$"):
            history = net().fit(X=X, y=Y, nb_epoch=2, verbose=0).history
        assert len(history["loss"]) == 2
        with pytest.raises(TypeError, match="`nb_epoch` is an older name of `epochs`, and both are given"):
            net().fit(X, Y, nb_epoch=2, epochs=2, verbose=0)
    with pytest.raises(TypeError, match="nb_epoch"):
        net().fit(X, Y, nb_epoch=2)


def test_0_3_asked_for_the_accuracy_when_it_trained() -> None:
    with legacy.dialect():
        model = net(class_mode="categorical", theano_mode=None)
        history = model.fit(X, Y, nb_epoch=1, show_accuracy=True, verbose=0).history
        assert set(history) == {"loss", "acc"}
        assert len(model.evaluate(X, Y, show_accuracy=True, verbose=0)) == 2


def test_the_third_argument_of_train_on_batch_was_class_weight() -> None:
    with legacy.dialect():
        a, b = net(), net()
        b.set_weights(a.get_weights())
        weights = {0: 2.0, 1: 0.5}
        assert a.train_on_batch(X, Y, weights) == pytest.approx(b.train_on_batch(X, Y, class_weight=weights))


def test_get_output_and_get_input() -> None:
    with legacy.dialect():
        model: Any = Sequential([layers.Dense(2, input_shape=(2,)), layers.Dropout(0.5)])
        last = model.layers[-1]
        assert last.get_output() is last.output is model.get_output()
        assert last.get_output(train=True) is last.output, "the phase is what K.learning_phase() is fed"
        assert last.get_input() is last.input
        assert K.function([model.get_input()], [last.get_output()])([X])[0].shape == (4, 2)


def test_old_names_of_weights_and_arguments() -> None:
    with legacy.dialect():
        model: Any = Sequential([layers.Dense(2, input_shape=(2,))])
        dense = model.layers[0]
        assert (dense.W, dense.b, dense.output_dim) == (dense.kernel, dense.bias, 2)
        assert not hasattr(dense, "nb_filter")


def test_a_layer_of_keras_1_lists_its_own_weights() -> None:
    space: dict[str, Any] = {"__name__": "script"}
    legacy.install()
    exec(
        """
from keras import backend as K, initializations
from keras.engine.topology import Layer
from keras.models import Sequential

class Mine(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        self.init = initializations.get('one')
        super(Mine, self).__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.init((input_shape[1], self.output_dim), name='W')
        self.b = K.variable([0.] * self.output_dim)
        self.trainable_weights = [self.W, self.b]

    def call(self, x, mask=None):
        return K.dot(x, self.W) + self.b

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)

model = Sequential([Mine(3, input_shape=(2,))])
model.compile('sgd', 'mse')
""",
        space,
    )
    model = space["model"]
    assert [w.shape for w in model.trainable_weights] == [(2, 3), (3,)]
    np.testing.assert_allclose(model.predict(X), X.sum(1, keepdims=True).repeat(3, 1))
    before = model.get_weights()[0]
    model.train_on_batch(X, np.zeros((4, 3)))
    assert not np.allclose(before, model.get_weights()[0])


def test_kernels_of_keras_0_and_1_turn() -> None:
    conv = layers.Conv2D(4, (2, 3))
    conv(Input((5, 5, 3)))
    old = np.arange(4 * 3 * 2 * 3, dtype="float32").reshape(4, 3, 2, 3)
    with legacy.dialect():
        conv.set_weights([old, np.zeros(4)])
    np.testing.assert_array_equal(conv.get_weights()[0], old.transpose(2, 3, 1, 0))
    with pytest.raises(ValueError, match=r"an array of shape \(2, 3, 3, 4\)"):
        conv.set_weights([old, np.zeros(4)])


def test_today_s_methods_are_today_s_once_the_tables_are_there() -> None:
    methods.teach()
    methods.teach()
    model = today()
    assert model.fit(X, Y, batch_size=2, epochs=2, verbose=0).history.keys() == {"loss", "accuracy"}
    assert model.train_on_batch(X, Y, np.ones(4)) == pytest.approx(model.train_on_batch(X, Y, np.ones(4)), rel=0.1)
    layer = layers.Dense(2)
    layer.W = "mine"
    assert layer.W == "mine", "a user's attribute stays"


def test_weights_of_samples_went_before_those_of_classes() -> None:
    samples, classes = np.float32([1, 2, 0, 3]), {0: 5.0, 1: 0.1}
    with legacy.dialect():
        a, b, c = net(), net(), net()
        for model in (b, c):
            model.set_weights(a.get_weights())
        losses = a.fit(X, Y, 4, 1, 0, class_weight=classes, sample_weight=samples).history["loss"]
        assert b.fit(X, Y, 4, 1, 0, sample_weight=samples).history["loss"] == losses
        assert c.train_on_batch(X, Y, classes, samples) == pytest.approx(losses[0])


def test_batches_told_their_number_and_size() -> None:
    class Watching(callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.seen.append((batch, dict(logs)))

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen.append((batch, sorted(logs), logs.get("size")))

    pairs = [(X[:3], Y[:3]), (X[3:], Y[3:])]
    watching, model = Watching(), net()
    with legacy.dialect():
        model.fit(X, Y, batch_size=3, nb_epoch=1, verbose=0, callbacks=[watching])
        model.fit_generator(iter(pairs), steps_per_epoch=2, epochs=1, verbose=0, callbacks=[watching])
    expected = [(0, {"batch": 0, "size": 3}), (0, ["batch", "loss", "size"], 3)]
    expected += [(1, {"batch": 1, "size": 1}), (1, ["batch", "loss", "size"], 1)]
    assert watching.seen == 2 * expected
    watching = Watching()
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0, callbacks=[watching])
    assert watching.seen == [(0, {}), (0, ["loss"], None)]


def test_a_checkpoint_had_a_period(tmp_path: Path) -> None:
    for how in ({"period": 2}, {"args": ("val_loss", 0, False, True, "auto", 2)}):
        with legacy.dialect():
            saver: Any = callbacks.ModelCheckpoint
            path = str(tmp_path / "{epoch}.h5")
            made = saver(path, *how["args"]) if "args" in how else saver(path, save_weights_only=True, **how)
            net().fit(X, Y, nb_epoch=5, verbose=0, callbacks=[made])
        assert sorted(file.name for file in tmp_path.iterdir()) == ["2.h5", "4.h5"]
        for file in tmp_path.iterdir():
            file.unlink()
    with pytest.raises(TypeError, match="period"):
        callbacks.ModelCheckpoint("w.h5", period=2)  # type: ignore[call-arg]


def test_wrappers_for_scikit_learn_say_what_to_use() -> None:
    from kerato.keras.wrappers import scikit_learn

    with pytest.raises(AttributeError, match=r"'KerasClassifier' \(fit, predict and evaluate of the model itself"):
        _ = scikit_learn.KerasClassifier
