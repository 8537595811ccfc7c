"""The idioms of the scripts in Keras 2's `examples` folder, each on a network as small as it can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import layers, losses, optimizers, random
from kerato.errors import InvalidCall
from kerato.layers import Input
from kerato.models import Model, Sequential
from kerato.preprocessing.image import ImageDataGenerator

pytestmark = pytest.mark.slow

Array = np.ndarray[Any, Any]
GENERATOR = np.random.default_rng(0)
PICTURES = GENERATOR.random((16, 8, 8, 1)).astype("float32")
VECTORS = GENERATOR.normal(size=(16, 6)).astype("float32")
CLASSES = np.eye(3, dtype="float32")[GENERATOR.integers(0, 3, 16)]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Initial weights repeat."""
    random.set_seed(3)


def test_mnist_cnn() -> None:
    """A small convolution net: fit with validation data, then evaluate; 'score[1]' is the accuracy."""
    model = Sequential()
    model.add(layers.Conv2D(4, kernel_size=(3, 3), activation="relu", input_shape=(8, 8, 1)))
    model.add(layers.MaxPooling2D(pool_size=(2, 2)))
    model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(loss=losses.categorical_crossentropy, optimizer=optimizers.Adadelta(), metrics=["accuracy"])
    model.fit(PICTURES, CLASSES, batch_size=8, epochs=1, verbose=0, validation_data=(PICTURES, CLASSES))
    score = model.evaluate(PICTURES, CLASSES, verbose=0)
    assert score[1] == (model.predict(PICTURES).argmax(-1) == CLASSES.argmax(-1)).mean()


def test_cifar10_cnn() -> None:
    """`fit_generator` on `datagen.flow`, without steps counted by hand, and with them."""
    datagen = ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)
    datagen.fit(PICTURES)
    model = Sequential([layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(3, activation="softmax")])
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit_generator(
        datagen.flow(PICTURES, CLASSES, batch_size=6),
        steps_per_epoch=PICTURES.shape[0] // 6,
        epochs=2,
        validation_data=(PICTURES, CLASSES),
        workers=4,
        verbose=0,
    )
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert int(model.optimizer.iterations.numpy()) == 4


def test_mnist_siamese_graph() -> None:
    """A base network shared by two inputs, the distance in a Lambda with an `output_shape`, a contrastive loss."""

    def euclidean_distance(vects: Any) -> Any:
        x, y = vects
        return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))

    def eucl_dist_output_shape(shapes: Any) -> Any:
        shape1, _ = shapes
        return (shape1[0], 1)

    def contrastive_loss(y_true: Any, y_pred: Any) -> Any:
        margin = 1
        return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0)))

    base = Sequential([layers.Dense(4, input_shape=(6,), activation="relu"), layers.Dropout(0.1), layers.Dense(2)])
    a, b = Input(shape=(6,)), Input(shape=(6,))
    distance = layers.Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)([base(a), base(b)])
    model = Model([a, b], distance)
    model.compile(loss=contrastive_loss, optimizer=optimizers.RMSprop())
    y = GENERATOR.integers(0, 2, 16).astype("float32")
    found = model.predict([VECTORS, VECTORS[::-1]])
    d = np.sqrt(np.square(base.predict(VECTORS) - base.predict(VECTORS[::-1])).sum(1, keepdims=True).clip(1e-7))
    np.testing.assert_allclose(found, d, rtol=1e-5)
    expected = np.mean(y[:, None] * d**2 + (1 - y[:, None]) * np.maximum(1 - d, 0) ** 2)
    assert model.evaluate([VECTORS, VECTORS[::-1]], y, verbose=0) == pytest.approx(expected, rel=1e-5)
    before = base.get_weights()[0]
    model.fit([VECTORS, VECTORS[::-1]], y, epochs=1, verbose=0)
    assert not np.array_equal(before, base.get_weights()[0])


def test_mnist_transfer_cnn() -> None:
    """Train all, freeze the feature layers, compile again, train the rest on other classes."""
    feature_layers = [layers.Dense(5, input_shape=(6,)), layers.BatchNormalization()]
    model = Sequential([*feature_layers, layers.Dense(3, activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
    model.fit(VECTORS, CLASSES, verbose=0)
    for layer in feature_layers:
        layer.trainable = False
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    frozen = [w for layer in feature_layers for w in layer.get_weights()]
    head = model.layers[-1].get_weights()
    model.fit(VECTORS, CLASSES[::-1], epochs=2, verbose=0)
    after = [w for layer in feature_layers for w in layer.get_weights()]
    for a, b in zip(frozen, after, strict=True):
        np.testing.assert_array_equal(a, b)  # also the moving statistics: frozen, it normalises as in the test phase
    assert not np.array_equal(head[0], model.layers[-1].get_weights()[0])
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 6


def test_mnist_net2net() -> None:
    """A wider student that computes what its teacher does: weights are taken apart and put into new layers."""
    teacher = Sequential(
        [layers.Dense(3, input_shape=(6,), activation="relu", name="fc1"), layers.Dense(2, name="fc2")]
    )
    w1, b1 = teacher.get_layer("fc1").get_weights()
    w2, _ = teacher.get_layer("fc2").get_weights()
    index = np.array([1, 1])
    factor = (np.bincount(index, minlength=3) + 1.0)[index].reshape(-1, 1)
    tail = w2[index] / factor
    wider = np.concatenate([w2, tail], axis=0)
    wider[index] = tail
    student = Sequential(
        [layers.Dense(5, input_shape=(6,), activation="relu", name="fc1"), layers.Dense(2, name="fc2")]
    )
    student.get_layer("fc1").set_weights([np.concatenate([w1, w1[:, index]], axis=1), np.concatenate([b1, b1[index]])])
    student.get_layer("fc2").set_weights([wider, teacher.get_layer("fc2").get_weights()[1]])
    np.testing.assert_allclose(student.predict(VECTORS), teacher.predict(VECTORS), rtol=1e-4, atol=1e-5)


def test_mnist_acgan() -> None:
    """Two outputs by `train_on_batch` with a loss each; the combined model trains the generator alone."""
    image = Input(shape=(6,))
    features = layers.Dense(5, activation="relu")(image)
    fake = layers.Dense(1, activation="sigmoid", name="generation")(features)
    aux = layers.Dense(3, activation="softmax", name="auxiliary")(features)
    discriminator = Model(image, [fake, aux])
    wanted = ["binary_crossentropy", "sparse_categorical_crossentropy"]
    discriminator.compile(optimizer=optimizers.Adam(learning_rate=0.01, beta_1=0.5), loss=wanted)

    latent, label = Input(shape=(4,)), Input(shape=(1,), dtype="int32")
    seed = layers.Concatenate()([latent, layers.Lambda(lambda c: K.cast(c, "float32"))(label)])
    generator = Model([latent, label], layers.Dense(6, activation="tanh")(seed))
    discriminator.trainable = False
    combined = Model([latent, label], discriminator(generator([latent, label])))
    combined.compile(optimizer="adam", loss=wanted)

    noise, sampled = GENERATOR.normal(size=(8, 4)).astype("float32"), GENERATOR.integers(0, 3, (8, 1))
    judged, generated = discriminator.get_weights(), generator.get_weights()
    result = combined.train_on_batch([noise, sampled], [np.ones(8), sampled])
    assert len(result) == 3
    assert result[0] == pytest.approx(result[1] + result[2], rel=1e-5)
    assert combined.metrics_names[0] == "loss"
    for a, b in zip(judged, discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(generated[0], generator.get_weights()[0])

    images = np.concatenate([VECTORS[:8], generator.predict([noise, sampled], verbose=0)])
    weights = [np.ones(16, "float32"), np.float32([1] * 8 + [0] * 8)]
    truth = [np.float32([1] * 8 + [0] * 8), np.zeros((16, 1), "int32")]
    loss = discriminator.train_on_batch(images, truth, sample_weight=weights)
    assert len(loss) == 3 and np.isfinite(loss).all()


@pytest.mark.parametrize("way", ["model", "layer", "loss"])
def test_variational_autoencoder(way: str) -> None:
    """A loss of tensors of the graph: by `model.add_loss`, in a layer's `call`, or as a function that closes over."""
    x = Input(shape=(6,))
    z_mean, z_log_var = layers.Dense(2)(x), layers.Dense(2)(x)

    def sampling(args: Any) -> Any:
        mean, log_var = args
        epsilon = K.random_normal(shape=(K.shape(mean)[0], 2), mean=0.0, stddev=1.0)
        return mean + K.exp(log_var / 2) * epsilon

    z = layers.Lambda(sampling, output_shape=(2,))([z_mean, z_log_var])
    decoded = layers.Dense(6, activation="sigmoid")(z)

    def parts(x: Any, decoded: Any, z_mean: Any, z_log_var: Any) -> Any:
        xent_loss = 6 * losses.binary_crossentropy(x, decoded)
        kl_loss = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return K.mean(xent_loss + kl_loss)

    class CustomVariationalLayer(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            self.is_placeholder = True
            super().__init__(**kwargs)

        def call(self, inputs: Any) -> Any:
            self.add_loss(parts(*inputs), inputs=inputs)
            return inputs[0]

    shown = CustomVariationalLayer()([x, decoded, z_mean, z_log_var]) if way == "layer" else decoded
    vae = Model(x, shown)
    if way == "model":
        vae.add_loss(parts(x, decoded, z_mean, z_log_var))
        vae.add_metric(K.mean(K.square(z_mean)), name="spread")
    if way == "loss":
        vae.compile(optimizers.RMSprop(0.03), lambda y_true, y_pred: parts(y_true, y_pred, z_mean, z_log_var))
    else:
        vae.compile(optimizer=optimizers.RMSprop(0.03), loss=None)
    data = 1 / (1 + np.exp(-VECTORS))
    given = () if way != "loss" else (data,)
    validation = (data, data if way == "loss" else None)
    history = vae.fit(data, *given, shuffle=True, epochs=12, batch_size=8, verbose=0, validation_data=validation)
    assert history.history["loss"][-1] < history.history["loss"][0]
    encoder = Model(x, [z_mean, z_log_var])
    mean, log_var = encoder.predict(data)
    kl = -0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(-1).mean()
    assert history.history["val_loss"][-1] > kl
    if way == "model":
        assert history.history["val_spread"][-1] == pytest.approx((mean**2).mean(), rel=1e-4)
        assert len(vae.losses) == 1


def test_mnist_swwae_puts_values_where_the_maximum_was() -> None:
    """The gradient of a pooled sum between a Lambda's two inputs, used to unpool."""

    def getwhere(x: Any) -> Any:
        y_prepool, y_postpool = x
        return K.gradients(K.sum(y_postpool), y_prepool)[0]

    x = Input(shape=(4, 4, 1))
    pooled = layers.MaxPooling2D(2)(x)
    where = layers.Lambda(getwhere, output_shape=(4, 4, 1))([x, pooled])
    spread = layers.Lambda(lambda pair: pair[0] * pair[1])([layers.UpSampling2D(2)(pooled), where])
    picture = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    found = Model(x, spread).predict(picture)[0, :, :, 0]
    expected = np.zeros((4, 4))
    expected[1::2, 1::2] = picture[0, 1::2, 1::2, 0]
    np.testing.assert_array_equal(found, expected)


def test_antirectifier_and_a_metric_of_ones_own() -> None:
    """A layer of one's own with `compute_output_shape`, and a metric written with K."""

    class Antirectifier(layers.Layer):
        def compute_output_shape(self, input_shape: Any) -> Any:
            shape = list(input_shape)
            shape[-1] *= 2
            return tuple(shape)

        def call(self, inputs: Any) -> Any:
            inputs = K.l2_normalize(inputs - K.mean(inputs, axis=1, keepdims=True), axis=1)
            return K.concatenate([K.relu(inputs), K.relu(-inputs)], axis=1)

    def right(y_true: Any, y_pred: Any) -> Any:
        return K.mean(K.cast(K.equal(K.argmax(y_true, axis=-1), K.argmax(y_pred, axis=-1)), "float32"))

    model = Sequential([layers.Dense(4, input_shape=(6,)), Antirectifier(), layers.Dense(3, activation="softmax")])
    model.compile("rmsprop", "categorical_crossentropy", metrics=[right, "accuracy"])
    _, mine, theirs = model.evaluate(VECTORS, CLASSES, verbose=0)
    assert mine == pytest.approx(theirs)
    assert model.metrics_names[1:] == ["right", "accuracy"]


# -- today's idioms --------------------------------------------------------------------------------------------------


class Doubled(Model):
    """Its loss is twice the compiled one, and a penalty on the output."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return 2 * super().compute_loss(x, y, y_pred, sample_weight, training) + K.mean(K.square(y_pred))


def test_a_model_computes_its_own_loss() -> None:
    x = Input(shape=(6,))
    model = Doubled(x, layers.Dense(1, use_bias=False, kernel_initializer="zeros", kernel_regularizer="l2")(x))
    model.compile("sgd", "mse", metrics=["mae"])
    y = VECTORS[:, :1]
    assert model.evaluate(VECTORS, y, verbose=0)[0] == pytest.approx(2 * (y**2).mean(), rel=1e-5)
    model.fit(VECTORS, y, batch_size=16, verbose=0)
    expected = 0.01 * 2 * 2 * (VECTORS * y).mean(0)  # the penalties have no slope at 0
    np.testing.assert_allclose(model.get_weights()[0][:, 0], expected, rtol=1e-4, atol=1e-7)
    with pytest.raises(InvalidCall, match="compute_loss is called by training"):
        model.compute_loss(VECTORS, y, y)


@pytest.mark.parametrize("step", ["train_step", "test_step"])
def test_steps_of_another_engine_are_named(step: str) -> None:
    kind = type("Custom", (Model,), {step: lambda self, data: {}})
    x = Input(shape=(6,))
    model = kind(x, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    with pytest.raises(InvalidCall, match=rf"^Custom: `{step}` is not called, .*compute_loss"):
        model.fit(VECTORS, VECTORS[:, 0], verbose=0)


def test_arguments_of_today_that_change_no_numbers() -> None:
    x = Input(shape=(6,))
    model = Model(x, layers.Dense(1)(x))
    model.compile("sgd", "mse", run_eagerly=True, jit_compile=False, steps_per_execution=4, auto_scale_loss=True)
    history = model.fit(
        VECTORS, VECTORS[:, 0], epochs=4, validation_split=0.25, validation_freq=2, validation_batch_size=2, verbose=0
    )
    assert [len(values) for values in history.history.values()] == [4, 2]
    history = model.fit(VECTORS, VECTORS[:, 0], epochs=4, validation_split=0.25, validation_freq=[1, 3, 4], verbose=0)
    assert len(history.history["val_loss"]) == 3


def test_an_output_without_weights_counts_its_samples_alike() -> None:
    x = Input(shape=(6,))
    model = Model(x, [layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)])
    model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 1, "b": 0.5}, metrics={"b": ["mse"]})
    y, w = VECTORS[:, :1], np.linspace(0, 1, 16).astype("float32")
    a, b = model.predict(VECTORS)
    loss_a, loss_b = ((a - y) ** 2 * w[:, None]).mean(), np.abs(b - y).mean()
    expected = [loss_a + 0.5 * loss_b, loss_a, loss_b, ((b - y) ** 2).mean()]
    for weights in ({"a": w}, [w, None]):
        found = model.evaluate(VECTORS, {"a": y, "b": y}, sample_weight=weights, verbose=0)
        assert found == pytest.approx(expected, rel=1e-5)
    assert model.metrics_names == ["loss", "a_loss", "b_loss", "b_mse"]
    with pytest.raises(ValueError, match=r"`sample_weight` for an output 'c' is not known \(a, b\)"):
        model.evaluate(VECTORS, [y, y], sample_weight={"c": w}, verbose=0)
