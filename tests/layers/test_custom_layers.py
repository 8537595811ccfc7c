"""Layers that users write, as they wrote them for Keras 1, 2 and 3."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import layers, ops
from kerato.layers import Dense, Input, InputSpec, Layer
from kerato.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def fitted(*stack: Any, **options: Any) -> Sequential:
    """A network trained for an epoch."""
    model = Sequential([Input((3,)), *stack])
    model.compile("sgd", "mse")
    model.fit(X, np.ones((8, 1)), verbose=0, **options)
    return model


class Two(Layer):
    """Keras 2's guide."""

    def __init__(self, output_dim: int, **kwargs: Any) -> None:
        self.output_dim = output_dim
        super(Two, self).__init__(**kwargs)  # noqa: UP008

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[1], self.output_dim)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="uniform", trainable=True)
        super(Two, self).build(input_shape)  # noqa: UP008

    def call(self, x: Any) -> Any:
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.output_dim)


class One(Layer):
    """Keras 1's guide: weights are variables that the layer names."""

    def __init__(self, output_dim: int, **kwargs: Any) -> None:
        self.output_dim = output_dim
        super(One, self).__init__(**kwargs)  # noqa: UP008

    def build(self, input_shape: Any) -> None:
        self.W = K.variable(np.full((input_shape[1], self.output_dim), 0.5))
        self.scale = K.variable(1.0)
        self.trainable_weights = [self.W]
        self.non_trainable_weights = [self.scale]

    def call(self, x: Any, mask: Any = None) -> Any:
        return K.dot(x, self.W) * self.scale


class Three(Layer):
    """Keras 3's guide: weights in `build`, a configuration, formulas of `ops`."""

    def __init__(self, units: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"units": self.units})
        return config


@pytest.mark.parametrize(("kind", "count"), [(One, 1), (Two, 1), (Three, 2)])
def test_layers_of_three_guides_train(kind: Any, count: int) -> None:
    layer = kind(4)
    layer.build((None, 3))
    before = layer.get_weights()[:count]
    model = fitted(layer, Dense(1))
    assert layer.output_shape == (None, 4)
    assert layer.built
    assert len(layer.trainable_weights) == count
    assert any((new != old).any() for new, old in zip(layer.get_weights(), before, strict=False))
    assert kind.from_config(layer.get_config()).get_config() == layer.get_config()
    assert len(model.non_trainable_weights) == (1 if kind is One else 0)


def test_a_weight_s_name_may_come_first_or_last() -> None:
    class Weights(Layer):
        def build(self, input_shape: Any) -> None:
            self.a = self.add_weight("a", (input_shape[1], 2), "float32", "uniform")
            self.b = self.add_weight((2,), "ones")
            self.c = self.add_weight((2,), initializer="zero", name=f"{self.name}_c")
            self.d = self.add_weight("d", shape=(2,), initializer="zeros", trainable=False)

        def call(self, x: Any) -> Any:
            return K.dot(x, self.a) + self.b + self.c + self.d

    layer = Weights(name="it")
    layer(X)
    assert [w.name for w in layer.weights] == ["a", layer.b.name, "it_c", "d"]
    assert [w.shape for w in layer.weights] == [(3, 2), (2,), (2,), (2,)]
    assert layer.b.numpy().tolist() == [1, 1]


def test_a_call_may_write_weights() -> None:
    class Total(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.total = self.add_weight(initializer="zeros", shape=(3,), trainable=False)

        def call(self, inputs: Any) -> Any:
            self.total.assign_add(ops.sum(inputs, axis=0))
            return self.total

    layer = Total()
    layer(X)
    np.testing.assert_allclose(layer(X), 2 * X.sum(0), rtol=1e-5)
    np.testing.assert_allclose(layer.total.numpy(), 2 * X.sum(0), rtol=1e-5)


def test_updates_of_keras_2_are_made_in_training() -> None:
    class Count(Layer):
        def build(self, input_shape: Any) -> None:
            self.n = self.add_weight(name="n", shape=(1,), initializer="zeros", trainable=False)
            self.m = self.add_weight(name="m", shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any) -> Any:
            self.add_update([K.update_add(self.n, K.ones_like(self.n))], inputs=x)
            self.add_update(K.update(self.m, 5.0))
            return x

    layer = Count()
    model = fitted(layer, Dense(1), epochs=3, batch_size=4)
    assert layer.n.numpy().tolist() == [6]
    assert float(layer.m) == 5
    model.predict(X, verbose=0)
    assert layer.n.numpy().tolist() == [6]


class Penalised(Layer):
    def call(self, x: Any) -> Any:
        self.add_loss(K.mean(K.square(x)), inputs=x)
        self.add_loss([0.5 * K.mean(x)])
        return x


def test_losses_are_those_of_the_last_call_and_of_the_weights() -> None:
    class Net(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = Penalised(), Dense(1, kernel_regularizer="l2", kernel_initializer="ones")

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    layer = Net()
    for x in (X, 2 * X):
        layer(x)
        expected = [0.03, (x**2).mean(), 0.5 * x.mean()]
        np.testing.assert_allclose([float(loss) for loss in layer.losses], expected, rtol=1e-5)
    assert Dense(1).losses == []


def test_added_losses_are_trained_on() -> None:
    model = fitted(Penalised(), Dense(1, kernel_initializer="zeros"))
    expected = np.mean((model.predict(X, verbose=0) - 1) ** 2) + (X**2).mean() + 0.5 * X.mean()
    assert model.evaluate(X, np.ones((8, 1)), verbose=0) == pytest.approx(expected, rel=1e-5)


def test_a_loss_layer_needs_no_other_loss() -> None:
    """The variational autoencoder of Keras 2.0's examples."""

    class CustomVariationalLayer(Layer):
        def __init__(self, **kwargs: Any) -> None:
            self.is_placeholder = True
            super(CustomVariationalLayer, self).__init__(**kwargs)  # noqa: UP008

        def call(self, inputs: Any) -> Any:
            x, decoded = inputs
            self.add_loss(K.mean(K.square(x - decoded)), inputs=inputs)
            return x

    x = Input((3,))
    dense = Dense(3, kernel_initializer="zeros")
    model = Model(x, CustomVariationalLayer()([x, dense(x)]))
    model.compile(optimizer="rmsprop", loss=None)
    model.fit(X, shuffle=True, epochs=1, batch_size=4, verbose=0)
    assert (dense.kernel.numpy() != 0).any()


def test_a_layer_of_several_inputs_and_outputs() -> None:
    class Pair(Layer):
        def build(self, input_shape: Any) -> None:
            assert input_shape == [(None, 3), (None, 3)]
            super().build(input_shape)

        def call(self, x: Any) -> Any:
            a, b = x
            return [a + b, K.mean(b, axis=1)]

        def compute_output_shape(self, input_shape: Any) -> Any:
            return [input_shape[0], input_shape[1][:-1]]

    a, b = Input((3,)), Input((3,))
    model = Model([a, b], Pair()([a, b]))
    assert model.output_shape == [(None, 3), (None,)]
    first, second = model.predict([X, 2 * X], verbose=0)
    np.testing.assert_allclose(first, 3 * X, rtol=1e-6)
    np.testing.assert_allclose(second, 2 * X.mean(1), rtol=1e-5, atol=1e-7)


def test_build_may_name_the_shapes_of_several_arguments() -> None:
    class Attend(Layer):
        def build(self, value_shape: Any, query_shape: Any) -> None:
            self.seen = (query_shape, value_shape)

        def call(self, query: Any, value: Any, scale: float = 1.0) -> Any:
            return query + ops.sum(value, -1, keepdims=True) * scale

    a, b = Input((3,)), Input((4,))
    layer = Attend()
    y = layer(a, value=b, scale=2.0)
    assert layer.seen == ((None, 3), (None, 4))
    value = np.ones((8, 4), "float32")
    np.testing.assert_allclose(Model([a, b], y).predict([X, value], verbose=0), X + 8, rtol=1e-6)


def test_inputs_by_name() -> None:
    class Named(Layer):
        def call(self, d: Any) -> Any:
            return d["a"] + d["b"]

    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model({"a": a, "b": b}, Named()({"a": a, "b": b}))
    np.testing.assert_allclose(model.predict({"a": X, "b": X}, verbose=0), 2 * X)


def test_layers_in_lists_and_dicts_are_found() -> None:
    class Stack(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.stack, self.last = [Dense(3) for _ in range(3)], {"end": Dense(2)}

        def call(self, x: Any) -> Any:
            for layer in self.stack:
                x = layer(x)
            return self.last["end"](x)

    layer = Stack()
    layer(X)
    assert len(layer.weights) == 8
    layer.trainable = False
    assert layer.trainable_weights == []


def test_a_model_may_be_a_class() -> None:
    class MyModel(Model):
        def __init__(self, classes: int = 2) -> None:
            super().__init__(name="mine")
            self.dense1, self.dropout = Dense(4, activation="relu"), layers.Dropout(0.999)
            self.dense2 = Dense(classes, activation="softmax")

        def call(self, inputs: Any, training: bool = False) -> Any:
            x = self.dense1(inputs)
            if training:
                x = self.dropout(x, training=training)
            return self.dense2(x)

    model = MyModel()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, np.zeros(8), verbose=0)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense"]
    assert len(model.weights) == 4
    found = model.predict(X, verbose=0)
    assert found.shape == (8, 2)
    assert np.ptp(np.asarray(model(X, training=True)), 0).max() < np.ptp(found, 0).max()


def test_an_input_spec_is_asked_for() -> None:
    class Spec(Layer):
        def __init__(self, spec: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.input_spec = spec

        def call(self, x: Any) -> Any:
            return x

    assert Spec(InputSpec(ndim=2, axes={-1: 3}))(X).shape == (8, 3)
    for spec, message in [
        (InputSpec(ndim=4), "have 4 axes"),
        ([InputSpec(min_ndim=3)], "have at least 3 axes"),
        (InputSpec(max_ndim=1), "have at most 1 axes"),
        (InputSpec(axes={1: 4}), "have size 4 at axis 1"),
        (InputSpec(shape=(None, 4)), "have size 4 at axis 1"),
    ]:
        with pytest.raises(ValueError, match=rf"s \(Spec\): the input must {message}\. Got shape \(8, 3\)"):
            Spec(spec, name="s")(X)


class Antirectifier(Layer):
    """Keras 2's example of a layer that doubles its features."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = list(input_shape)
        assert len(shape) == 2
        shape[-1] *= 2
        return tuple(shape)

    def call(self, inputs: Any) -> Any:
        inputs -= K.mean(inputs, axis=1, keepdims=True)
        inputs = K.l2_normalize(inputs, axis=1)
        return K.concatenate([K.relu(inputs), K.relu(-inputs)], axis=1)


def test_the_antirectifier_of_keras_2_trains_and_keeps_its_input() -> None:
    before = Dense(4)
    model = fitted(before, Antirectifier(), layers.Dropout(0.1), Dense(1))
    assert [layer.output_shape for layer in model.layers] == [(None, 4), (None, 8), (None, 8), (None, 1)]
    found = np.asarray(Antirectifier()(np.float32([[1, 2, 3, 4]])))
    np.testing.assert_allclose(found, [[0, 0, 0.223607, 0.670820, 0.670820, 0.223607, 0, 0]], atol=1e-6)
    given = np.float32([[1, 2, 3]])
    Antirectifier()(given)
    assert given.tolist() == [[1, 2, 3]]


def test_lambdas_of_keras_2_scripts() -> None:
    def euclidean(pair: Any) -> Any:
        x, y = pair
        return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))

    a, b = Input((3,)), Input((3,))
    distance = layers.Lambda(euclidean, output_shape=lambda shapes: (shapes[0][0], 1))([a, b])
    np.testing.assert_allclose(Model([a, b], distance).predict([X, X + 1], verbose=0), np.sqrt(3), rtol=1e-4)
    shown = layers.Lambda(lambda t: K.expand_dims(t, 1), mask=lambda inputs, mask: mask)
    turned = layers.Lambda(lambda t: t[:, ::-1])
    model = Sequential([Input((3,)), layers.Lambda(lambda t, k: t * k, arguments={"k": 3}), turned, shown])
    np.testing.assert_allclose(model.predict(X, verbose=0), 3 * X[:, None, ::-1], rtol=1e-6)


def test_a_layer_reads_and_drops_masks() -> None:
    class Total(Layer):
        def __init__(self, **kwargs: Any) -> None:
            self.supports_masking = True
            super().__init__(**kwargs)

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return None

        def call(self, x: Any, mask: Any = None) -> Any:
            if mask is not None:
                x = x + K.cast(K.expand_dims(mask), "float32")
            return K.sum(x, axis=1)

    model = Sequential([Input((2, 1)), layers.Masking(), Total()])
    assert model.predict(np.float32([[[2], [0]]]), verbose=0).tolist() == [[3]]
