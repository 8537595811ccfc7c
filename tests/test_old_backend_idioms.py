"""What the scripts of Keras 2's `examples` folder do with K: each idiom in a test of its own, on tiny nets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import layers
from kerato.layers import Activation, Conv2D, Dense, Flatten, Input, Lambda, Layer, MaxPooling2D
from kerato.models import Model, Sequential

R = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pictures() -> Any:
    """A net over pictures (8, 8, 3) with two named layers."""
    x = Input((8, 8, 3))
    first = Conv2D(4, 3, activation="tanh", name="first")(x)
    return Model(x, Conv2D(5, 3, name="second")(first))


def difference(value: Any, x: Any, at: tuple[int, ...]) -> float:
    """The central difference of `value` by one number of `x`."""
    step = np.zeros_like(x)
    step[at] = 1e-2
    return float((value(x + step) - value(x - step)) / 2e-2)


def test_conv_filter_visualization(pictures: Any) -> None:
    layer_dict = dict([(layer.name, layer) for layer in pictures.layers[1:]])
    loss = K.mean(layer_dict["second"].output[:, :, :, 2])
    grads = K.gradients(loss, pictures.input)[0]
    grads = grads / (K.sqrt(K.mean(K.square(grads))) + K.epsilon())
    iterate = K.function([pictures.input], [loss, grads])
    x = R.random((1, 8, 8, 3)).astype("float32")
    values = []
    for _ in range(5):
        loss_value, grads_value = iterate([x])
        x += grads_value * 0.1
        values.append(float(loss_value))
    assert values == sorted(values)
    assert values[-1] > values[0]
    assert np.sqrt(np.mean(grads_value**2)) == pytest.approx(1, rel=1e-3)


def test_deep_dream(pictures: Any) -> None:
    K.set_learning_phase(0)
    dream = pictures.input
    loss = K.variable(0.0)
    for name, weight in {"first": 0.5, "second": 2.0}.items():
        x = pictures.get_layer(name).output
        scaling = K.prod(K.cast(K.shape(x), "float32"))
        loss += weight * K.sum(K.square(x[:, 1:-1, 1:-1, :])) / scaling
    grads = K.gradients(loss, dream)[0]
    grads /= K.maximum(K.mean(K.abs(grads)), 1e-7)
    fetch = K.function([dream], [loss, grads])
    x = R.random((1, 8, 8, 3)).astype("float32")
    first = fetch([x])[0]
    for _ in range(3):
        loss_value, slope = fetch([x])
        x += 0.02 * slope
    assert loss_value > first
    K.clear_session()


def gram_matrix(x: Any) -> Any:
    features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    return K.dot(features, K.transpose(features))


def test_neural_style_transfer() -> None:
    minimize = pytest.importorskip("scipy.optimize").fmin_l_bfgs_b
    base, style = (K.variable(R.random((1, 6, 6, 3))) for _ in range(2))
    combination = K.placeholder((1, 6, 6, 3))
    model = Sequential([Input((6, 6, 3)), Conv2D(4, 3, name="c")])
    features = model(K.concatenate([base, style, combination], axis=0))
    loss = K.variable(0.0)
    loss += 0.1 * K.sum(K.square(features[2, :, :, :] - features[0, :, :, :]))
    s, c = gram_matrix(features[1, :, :, :]), gram_matrix(features[2, :, :, :])
    loss += K.sum(K.square(s - c)) / (4.0 * 3**2 * 16**2)
    a = K.square(combination[:, :5, :5, :] - combination[:, 1:, :5, :])
    b = K.square(combination[:, :5, :5, :] - combination[:, :5, 1:, :])
    loss += 1e-3 * K.sum(K.pow(a + b, 1.25))
    outputs = [loss]
    outputs += K.gradients(loss, combination)
    evaluate = K.function([combination], outputs)

    def value_and_slope(x: Any) -> Any:
        value, slope = evaluate([x.reshape(1, 6, 6, 3)])
        return float(value), slope.flatten().astype("float64")

    x = R.random(108)
    _, slope = value_and_slope(x)
    assert slope[50] == pytest.approx(difference(lambda z: value_and_slope(z)[0], x, (50,)), rel=2e-2, abs=1e-3)
    assert minimize(value_and_slope, x, maxfun=8)[1] < value_and_slope(x)[0] / 2


def test_mnist_swwae_gradients_inside_a_lambda_between_its_inputs() -> None:
    def getwhere(x: Any) -> Any:
        """Which cells the maxima of a pooling came from."""
        before, after = x
        return K.gradients(K.sum(after), before)[0]

    x = Input((4, 4, 1))
    before = Activation("relu")(x)
    where = Lambda(getwhere, output_shape=(4, 4, 1))([before, pooled := MaxPooling2D(2)(before)])
    model = Model(x, [pooled, where])
    picture = np.arange(1.0, 17).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(model.predict(picture, verbose=0)[1].ravel().nonzero()[0], [5, 7, 13, 15])


def test_antirectifier_a_layer_of_ones_own() -> None:
    class Antirectifier(Layer):
        def compute_output_shape(self, input_shape: Any) -> Any:
            return (*input_shape[:-1], input_shape[-1] * 2)

        def call(self, inputs: Any) -> Any:
            inputs -= K.mean(inputs, axis=1, keepdims=True)
            inputs = K.l2_normalize(inputs, axis=1)
            return K.concatenate([K.relu(inputs), K.relu(-inputs)], axis=1)

    model = Sequential([Input((5,)), Antirectifier(), Dense(2)])
    assert model.layers[0].output_shape == (None, 10)
    x = R.normal(size=(3, 5)).astype("float32")
    y = Sequential([Input((5,)), Antirectifier()]).predict(x, verbose=0)
    centred = x - x.mean(1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(y, np.maximum([*np.hstack([unit, -unit])], 0), rtol=1e-4, atol=1e-6)


def test_mnist_siamese_graph_distances_in_a_lambda() -> None:
    def distance(vects: Any) -> Any:
        x, y = vects
        return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))

    def contrastive_loss(y_true: Any, y_pred: Any) -> Any:
        return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(1 - y_pred, 0)))

    a, b, shared = Input((3,)), Input((3,)), Dense(2)
    model = Model([a, b], Lambda(distance, output_shape=lambda shapes: (shapes[0][0], 1))([shared(a), shared(b)]))
    model.compile("sgd", contrastive_loss)
    x, y = R.normal(size=(2, 6, 3)).astype("float32")
    loss = model.evaluate([x, y], np.ones((6, 1)), verbose=0)
    assert loss == pytest.approx(np.mean(model.predict([x, y], verbose=0) ** 2), rel=1e-5)


def test_variational_autoencoder_draws_and_a_loss_of_outer_tensors() -> None:
    x = Input((4,))
    z_mean, z_log_var = Dense(2)(x), Dense(2)(x)

    def sampling(args: Any) -> Any:
        mean, log_var = args
        noise = K.random_normal(shape=(K.shape(mean)[0], 2), mean=0.0, stddev=1.0)
        return mean + K.exp(log_var / 2) * noise

    z = Lambda(sampling, output_shape=(2,))([z_mean, z_log_var])

    def vae_loss(y_true: Any, y_pred: Any) -> Any:
        apart = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return K.mean(K.square(y_true - y_pred), axis=-1) + apart

    model = Model(x, Dense(4)(z))
    model.compile("rmsprop", vae_loss)
    values = R.normal(size=(8, 4)).astype("float32")
    assert np.isfinite(model.train_on_batch(values, values))
    encode = K.function([x], [z])
    assert (encode([values])[0] != encode([values])[0]).any()


def test_gradients_by_the_weights_of_a_model_and_a_training_step_by_hand() -> None:
    model = Sequential([Input((3,)), Dense(1, use_bias=False)])
    target = K.placeholder((None, 1))
    loss = K.mean(K.square(model.output - target))
    weight = model.trainable_weights[0]
    slope = K.gradients(loss, [weight])[0]
    train = K.function([model.input, target], [loss], updates=[(weight, weight - 0.1 * slope)])
    x, y = R.normal(size=(20, 3)).astype("float32"), R.normal(size=(20, 1)).astype("float32")
    values = [float(train([x, y])[0]) for _ in range(10)]
    assert values == sorted(values, reverse=True)
    assert float(np.mean((model.predict(x, verbose=0) - y) ** 2)) < values[-1]


def test_gradients_of_gradients_inside_a_model() -> None:
    x = Input((2,))
    y = Lambda(lambda t: t**3)(x)
    curve = K.gradients(K.sum(K.gradients(K.sum(y), x)[0]), x)[0]
    np.testing.assert_allclose(K.function([x], [curve])([[[1.0, 2.0]]])[0], [[6, 12]])


def test_a_penalty_on_the_slope_by_the_input() -> None:
    x, w = K.placeholder((2,)), K.variable([2.0, 3.0])
    penalty = K.square(K.sqrt(K.sum(K.square(K.gradients(K.sum(x * w), x)[0]))) - 1)
    by_w = K.gradients(penalty, w)[0]
    norm = 13**0.5
    np.testing.assert_allclose(
        K.function([x], [by_w])([[1.0, 1.0]])[0], 2 * (norm - 1) * np.array([2, 3]) / norm, rtol=1e-5
    )


def test_switch_follows_a_variable() -> None:
    flag, x = K.variable(0.0), K.placeholder((2,))
    choose = K.function([x], [K.switch(flag > 0, lambda: x * 10, lambda: x)])
    assert choose([[1.0, 2.0]])[0].tolist() == [1, 2]
    K.set_value(flag, 1)
    assert choose([[1.0, 2.0]])[0].tolist() == [10, 20]


def test_layers_that_behave_apart_in_training() -> None:
    class Noisy(Layer):
        def call(self, x: Any, training: Any = None) -> Any:
            return K.in_train_phase(x + K.random_uniform(K.shape(x), 1, 2), x, training=training)

    x = Input((3,))
    look = K.function([x, K.learning_phase()], [Noisy()(x)])
    ones = np.ones((1, 3))
    assert look([ones, 0])[0].tolist() == [[1, 1, 1]]
    assert (look([ones, 1])[0] >= 2).all()


def test_the_output_of_a_middle_layer_by_number() -> None:
    model = Sequential([Input((4, 4, 1)), Conv2D(2, 3), Flatten(), layers.Dropout(0.5), Dense(2)])
    get = K.function([model.layers[0].input, K.learning_phase()], [model.layers[1].output])
    assert get([np.ones((3, 4, 4, 1)), 0])[0].shape == (3, 8)
