"""Models as graphs with names: wiring, nesting, sharing, structure, summary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catalog import ONE_HOT, X, perceptron

from kerato import layers, ops
from kerato.layers import Input
from kerato.models import Model, Sequential

Array = np.ndarray[Any, Any]


def dense(units: int = 2, **more: Any) -> layers.Dense:
    return layers.Dense(units, kernel_initializer="ones", **more)


# -- Sequential ---------------------------------------------------------------------------------------------------


def test_a_sequential_without_a_shape_is_built_by_its_first_data() -> None:
    model = Sequential([dense(3), dense(1)])
    assert not model.built
    assert model.predict(np.ones((2, 4))).tolist() == [[12], [12]]
    assert model.output_shape == (None, 1)
    assert model.count_params() == 4 * 3 + 3 + 3 + 1


@pytest.mark.parametrize(
    ("first", "shape"),
    [
        (lambda: [dense(2, input_shape=(3,))], (None, 2)),
        (lambda: [dense(2, input_dim=3)], (None, 2)),
        (lambda: [dense(2, batch_input_shape=(5, 3))], (5, 2)),
        (lambda: [Input((3,)), dense(2)], (None, 2)),
        (lambda: [layers.InputLayer((3,)), dense(2)], (None, 2)),
        (lambda: [Sequential([Input((3,)), dense(4)]), dense(2)], (None, 2)),
    ],
    ids=["input_shape", "input_dim", "batch_input_shape", "Input", "InputLayer", "a model"],
)
def test_the_shape_of_the_input_is_said_in_many_ways(first: Any, shape: tuple[Any, ...]) -> None:
    model = Sequential(first())
    assert model.output_shape == shape
    assert model.input_shape[1:] == (3,)
    assert model.predict(np.ones((5, 3))).shape == (5, 2)


def test_layers_are_added_and_taken_away() -> None:
    model = Sequential()
    model.add(Input((3,)))
    model.add(dense(2, name="a"))
    model.add(dense(5, name="b"))
    assert [layer.name for layer in model.layers] == ["a", "b"]
    assert model.pop() is None
    assert model.output_shape == (None, 2)
    model.add(dense(4, name="c"))
    assert model.predict(np.ones((1, 3))).shape == (1, 4)


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda: Sequential().pop(), TypeError, "there are no layers to take away"),
        (lambda: Sequential().add(None), TypeError, r"`layer` must be a layer\. Got None"),
        (lambda: Sequential([layers.Dense]), TypeError, r"`layer` must be a layer\. Got <class"),
        (lambda: Sequential([dense(name="a"), dense(name="a")]), ValueError, r"name of its own\. Two are called 'a'"),
        (lambda: Sequential([dense()]).count_params(), RuntimeError, "weights do not exist yet"),
        (lambda: Sequential([dense()]).output, AttributeError, r"has no `output` yet\. Give the first layer an input"),
        (lambda: Sequential().predict(X), RuntimeError, r"there are no layers\. Add some first"),
        (lambda: perceptron().get_layer("hiden"), ValueError, r"layer 'hiden' is not known .*Did you mean 'hidden'"),
        (lambda: perceptron().get_layer(index=7), ValueError, r"`index` must be below 2\. Got 7"),
        (lambda: perceptron().set_weights([X]), ValueError, r"`weights` must be a list of 4 arrays"),
        (lambda: Model(3, 4), TypeError, r"`inputs` must be symbolic tensors made by Input"),
        (lambda: Model(Input((2,)), np.ones(2)), TypeError, r"`outputs` must be symbolic tensors"),
        (lambda: perceptron()(X[:, :2]), ValueError, r"must have shape \(None, 4\)\. Got \(20, 2\)"),
        (lambda: dense()(), RuntimeError, r"must be called with an input: layer\(x\)"),
    ],
)
def test_mistakes_get_one_sentence(act: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        act()


def test_classes_are_predicted() -> None:
    model = perceptron()
    np.testing.assert_array_equal(model.predict_classes(X), model.predict(X).argmax(1))
    np.testing.assert_array_equal(model.predict_proba(X), model.predict(X))
    single = Sequential([Input((4,)), layers.Dense(1, activation="sigmoid")])
    np.testing.assert_array_equal(single.predict_classes(X), (single.predict(X) > 0.5).astype(int))


# -- functional models --------------------------------------------------------------------------------------------


def test_a_model_of_several_inputs_and_outputs_keeps_their_structure() -> None:
    a, b = Input((2,), name="a"), Input((2,), name="b")
    model = Model({"b": b, "a": a}, {"sum": layers.Add()([a, b]), "pair": [a * 1, b * 2]})
    found = model.predict({"a": np.full((3, 2), 1.0), "b": np.full((3, 2), 10.0)})
    assert found["sum"].tolist() == [[11, 11]] * 3
    assert [part[0, 0] for part in found["pair"]] == [1, 20]
    symbolic = model({"a": Input((2,)), "b": Input((2,))})
    assert symbolic["pair"][1].shape == (None, 2)


def test_an_input_that_is_not_listed_is_named() -> None:
    a, b = Input((2,), name="left"), Input((2,), name="right")
    with pytest.raises(ValueError, match=r"also depend on right, which is not among the inputs \(left\)"):
        Model(a, layers.Add()([a, b]))


def test_two_layers_of_one_name_are_refused() -> None:
    x = Input((2,))
    with pytest.raises(ValueError, match="Two are called 'q'"):
        Model(x, dense(name="q")(dense(name="q")(x)))


def test_a_model_can_start_in_the_middle_of_another() -> None:
    model = perceptron()
    hidden, classes = model.layers
    features, head = Model(model.input, hidden.output), Model(hidden.output, classes.output)
    np.testing.assert_allclose(head.predict(features.predict(X)), model.predict(X), rtol=1e-6)


def test_a_shared_layer_has_one_set_of_weights_and_two_nodes() -> None:
    a, b, shared = Input((3,)), Input((3,)), dense(2)
    model = Model([a, b], layers.Concatenate()([shared(a), shared(b)]))
    assert len(model.trainable_weights) == 2
    model.compile("sgd", "mse")
    before = shared.get_weights()[0]
    model.fit([X[:, :3], X[:, 1:]], np.zeros((20, 4)), batch_size=20, verbose=0)
    p = [x @ before for x in (X[:, :3], X[:, 1:])]
    slope = sum(x.T @ y for x, y in zip((X[:, :3], X[:, 1:]), p, strict=True)) * 2 / (20 * 4)
    np.testing.assert_allclose(shared.get_weights()[0], before - 0.01 * slope, rtol=1e-4)


def test_models_inside_models_inside_models_train_their_weights() -> None:
    inner = Sequential([Input((4,)), dense(3, name="in")], name="inner")
    x = Input((4,))
    middle = Model(x, inner(x) * 2, name="middle")
    outer = Sequential([Input((4,)), middle, dense(3, name="out")])
    assert [v.path for v in outer.trainable_weights] == ["in/kernel", "in/bias", "out/kernel", "out/bias"]
    np.testing.assert_allclose(outer.predict(X), np.tile(X.sum(1, keepdims=True) * 6, 3), rtol=1e-4, atol=1e-5)
    outer.compile("sgd", "mse")
    before = inner.get_weights()[0]
    outer.fit(X, ONE_HOT, verbose=0)
    assert (inner.get_weights()[0] != before).all()


def test_weights_come_layer_by_layer_and_freezing_does_not_move_them() -> None:
    normal = layers.BatchNormalization(name="n")
    model = Sequential([Input((2,)), dense(2, name="a"), normal, dense(1, name="b")])
    names = ["a/kernel", "a/bias", "n/gamma", "n/beta", "n/moving_mean", "n/moving_variance", "b/kernel", "b/bias"]
    assert [v.path for v in model.weights] == names
    normal.trainable = False
    assert [v.path for v in model.weights] == names
    assert [v.path for v in model.trainable_weights] == [names[0], names[1], *names[6:]]
    assert [v.path for v in model.non_trainable_weights] == names[2:6]
    model.trainable = False
    assert model.trainable_weights == []
    assert not model.layers[0].trainable


def test_weights_go_from_one_model_to_another() -> None:
    one, other = perceptron(), perceptron()
    one.fit(X, ONE_HOT.argmax(1), verbose=0)
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def test_a_refused_list_of_weights_changes_nothing() -> None:
    model = perceptron()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"`classes/bias` must be an array of shape \(3,\)\. Got"):
        model.set_weights([w * 0 for w in before[:3]] + [np.zeros(4)])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# -- subclasses ---------------------------------------------------------------------------------------------------


class Residual(Model):
    """A user's model: layers as attributes, `call` by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(4, activation="relu")
        self.rest = [layers.Dropout(0.5), layers.Dense(3)]

    def call(self, x: Any, training: bool = False) -> Any:
        y = x + self.first(x)
        for layer in self.rest:
            y = layer(y)
        return y


def test_a_subclassed_model_trains_and_predicts() -> None:
    model = Residual()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, ONE_HOT, epochs=8, verbose=0, validation_split=0.2).history
    assert set(history) == {"loss", "mae", "val_loss", "val_mae"}
    assert history["loss"][-1] < history["loss"][0]
    assert len(model.weights) == 4
    assert model.predict(X).shape == (20, 3)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))  # no dropout


def test_a_subclassed_model_is_a_layer_too() -> None:
    inner = Residual()
    x = Input((4,))
    model = Model(x, inner(x))
    np.testing.assert_allclose(model.predict(X), inner.predict(X), rtol=1e-6)
    assert len(model.trainable_weights) == 4


class Several(Model):
    """Takes a dict, gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = dense(1)

    def call(self, inputs: Any) -> Any:
        return {"sum": self.dense(inputs["a"]), "twice": inputs["b"] * 2}


def test_a_subclassed_model_takes_structures() -> None:
    found = Several().predict({"a": X, "b": X[:, :1]})
    values = found.values() if isinstance(found, dict) else found
    np.testing.assert_allclose(next(iter(values))[:, 0], X.sum(1), rtol=1e-4, atol=1e-5)


# -- what a layer knows of its calls ------------------------------------------------------------------------------


def test_a_layer_called_once_knows_its_input_and_output() -> None:
    x, layer = Input((3,)), dense(2)
    y = layer(x)
    assert (layer.input is x, layer.output is y) == (True, True)
    assert (layer.input_shape, layer.output_shape) == ((None, 3), (None, 2))


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda d: d.output, AttributeError, r"has 2 inbound nodes, so `output` is ambiguous\. Use `get_output_at"),
        (lambda d: d.input_shape, AttributeError, r"Use `get_input_shape_at"),
        (lambda d: d.get_output_at(2), ValueError, r"`node_index` must be an int below 2\. Got 2"),
        (lambda d: dense().input, AttributeError, "has never been called"),
        (lambda d: dense().get_input_at(0), RuntimeError, "has never been called"),
    ],
)
def test_a_layer_called_twice_is_asked_for_a_call(act: Any, kind: type[Exception], message: str) -> None:
    layer = dense(2)
    first, second = layer(Input((3,))), layer(Input(batch_shape=(7, 3)))
    assert (layer.get_output_at(0) is first, layer.get_output_at(1) is second) == (True, True)
    assert (layer.get_input_shape_at(1), layer.get_output_shape_at(1)) == ((7, 3), (7, 2))
    with pytest.raises(kind, match=message):
        act(layer)


# -- the table ----------------------------------------------------------------------------------------------------


def test_the_summary_lists_layers_shapes_and_parameters() -> None:
    lines: list[str] = []
    model = Sequential([Input((4, 4, 1)), layers.Conv2D(2, 3, name="c"), layers.BatchNormalization(name="n")])
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "c (Conv2D)" in text
    assert "(None, 2, 2, 2)" in text
    assert "Parameters: 28 (trainable 24, fixed 4)" in text


def test_the_summary_of_a_graph_says_what_is_connected(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = Input((2,), name="a"), Input((2,), name="b")
    Model([a, b], layers.Add(name="both")([a, dense(2, name="d")(b)])).summary()
    line = next(line for line in capsys.readouterr().out.splitlines() if "both (Add)" in line)
    assert line.endswith("a, d")


# -- where the weights come from ----------------------------------------------------------------------------------


def test_layers_under_mixed_precision_keep_float32_weights_and_train() -> None:
    model = Sequential([Input((4,)), layers.Dense(8, dtype="mixed_bfloat16"), layers.Dense(3, dtype="mixed_bfloat16")])
    model.compile("sgd", "mse")
    history = model.fit(X, ONE_HOT, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert {str(w.dtype) for w in model.get_weights()} == {"float32"}


def test_a_layer_writes_other_variables_in_training() -> None:
    class Counting(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.seen = self.add_weight(name="seen", shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any, training: bool = False) -> Any:
            if training:
                self.seen.assign_add(x.shape[0])
            return x + 0 * self.seen.value

    counting = Counting()
    model = Sequential([Input((4,)), counting, dense(3)])
    model.compile("sgd", "mse")
    model.fit(X, ONE_HOT, batch_size=8, epochs=2, verbose=0)
    model.predict(X)
    assert float(counting.seen.value) == 40


def test_operations_between_layers_are_part_of_the_model() -> None:
    x = Input((4,))
    y = ops.relu(dense(3)(x) - 1) / 2
    np.testing.assert_allclose(
        Model(x, y).predict(X), np.tile(np.maximum(X.sum(1, keepdims=True) - 1, 0) / 2, 3), rtol=1e-5, atol=1e-6
    )
