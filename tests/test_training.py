"""`compile`, `fit`, `evaluate` as a user meets them: Keras 3's numbers, and one sentence for every mistake."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from catalog import LABELS, ONE_HOT, X, perceptron

from kerato import backend as K
from kerato import layers, losses, optimizers, random
from kerato.errors import KeratoError
from kerato.layers import Input
from kerato.models import Model, Sequential

WEIGHT = np.linspace(0.2, 2, 20)
SIDE, REAL = X[:, :2] * 2, X[:, :1] + 1
STEPS = np.stack([X, X[::-1]], 1)
STEP_WEIGHT = np.stack([WEIGHT, WEIGHT[::-1] ** 2], 1)
MASKED = STEPS.copy()
MASKED[::2, 1] = 0
BALANCE = {0: 1, 1: 2, 2: 0.5}
PLAIN = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


def weigh(model: Any, names: tuple[str, ...] = ()) -> None:
    """The weights that the numbers below were made with."""
    generator = np.random.default_rng(5)
    variables = [v for name in names for v in model.get_layer(name).weights] or model.weights
    for v in variables:
        v.assign(generator.normal(0, 0.4, v.shape))


def two(**options: Any) -> Model:
    """Two inputs, a skip connection, two outputs."""
    a, b = Input((4,), name="ia"), Input((2,), name="ib")
    h = layers.Concatenate()([layers.Dense(3, activation="tanh", name="da")(a), b])
    h = layers.Add()([h, layers.Dense(5, name="sk")(h)])
    model = Model([a, b], [layers.Dense(3, activation="softmax", name="cls")(h), layers.Dense(1, name="reg")(h)])
    weigh(model, ("da", "sk", "cls", "reg"))
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], **options)
    return model


def steps(*before: Any) -> Sequential:
    """A Dense over two timesteps."""
    model = Sequential([Input((2, 4)), *before, layers.Dense(2)])
    weigh(model)
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    return model


def normal() -> Sequential:
    """With batch normalisation."""
    stack = [Input((4,)), layers.Dense(5), layers.BatchNormalization(momentum=0.8), layers.Activation("relu")]
    model = Sequential([*stack, layers.Dense(3, activation="softmax")])
    generator = np.random.default_rng(5)
    model.set_weights([generator.uniform(0.5, 1.5, v.shape) * (1 if v.ndim == 1 else 0.3) for v in model.weights])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def punished() -> Sequential:
    """With penalties on weights and values."""
    hidden = layers.Dense(5, activation="relu", kernel_regularizer="l2", activity_regularizer="l1")
    model = Sequential([Input((4,)), hidden, layers.Dense(3, activation="softmax", bias_regularizer="l1")])
    model.set_weights(perceptron().get_weights())
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def fit(model: Any, *data: Any, **options: Any) -> dict[str, list[float]]:
    history: dict[str, list[float]] = model.fit(*(data or (X, LABELS)), **{**PLAIN, **options}).history
    return history


def scores(model: Any, *data: Any, **options: Any) -> dict[str, float]:
    found: dict[str, float] = model.evaluate(*data, batch_size=8, verbose=0, return_dict=True, **options)
    return found


ACCURACY: dict[str, Any] = {"metrics": ["accuracy"]}
NESTEROV: dict[str, Any] = {"momentum": 0.9, "nesterov": True, "clipnorm": 0.1}

#: what Keras 3.15.1 with JAX gives for the same networks, weights and data
KERAS: list[tuple[str, Callable[[], dict[str, Any]], dict[str, Any]]] = [
    ("sgd", lambda: fit(perceptron(**ACCURACY)), {"accuracy": [0.5, 0.5], "loss": [1.349265, 1.332126]}),
    ("adam", lambda: fit(perceptron(optimizer="adam")), {"loss": [1.350733, 1.341102]}),
    ("rmsprop", lambda: fit(perceptron(optimizer="rmsprop")), {"loss": [1.349109, 1.332568]}),
    (
        "momentum and clipping",
        lambda: fit(perceptron(optimizer=optimizers.SGD(0.5, **NESTEROV))),
        {"loss": [1.331201, 1.050866]},
    ),
    (
        "sample_weight",
        lambda: fit(perceptron(weighted_metrics=["accuracy"], **ACCURACY), sample_weight=WEIGHT),
        {"accuracy": [0.5, 0.5], "loss": [1.277753, 1.263531], "weighted_accuracy": [0.547368, 0.547368]},
    ),
    (
        "evaluate with sample_weight",
        lambda: scores(perceptron(weighted_metrics=["accuracy"], **ACCURACY), X, LABELS, sample_weight=WEIGHT),
        {"accuracy": 0.5, "loss": 1.279888, "weighted_accuracy": 0.547368},
    ),
    (
        "class_weight is for training only",
        lambda: fit(perceptron(**ACCURACY), class_weight=BALANCE, validation_split=0.3),
        {
            "accuracy": [0.357143, 0.357143],
            "loss": [1.193712, 1.186546],
            "val_accuracy": [0.833333, 0.833333],
            "val_loss": [0.663377, 0.662238],
        },
    ),
    (
        "class_weight of one-hot labels",
        lambda: fit(perceptron("categorical_crossentropy"), X, ONE_HOT, class_weight=BALANCE),
        {"loss": [1.09734, 1.090511]},
    ),
    (
        "validation_data of three",
        lambda: fit(perceptron(**ACCURACY), validation_data=(X[::-1], LABELS[::-1], WEIGHT)),
        {
            "accuracy": [0.5, 0.5],
            "loss": [1.349265, 1.332126],
            "val_accuracy": [0.5, 0.5],
            "val_loss": [1.669242, 1.648134],
        },
    ),
    (
        "a metric named twice",
        lambda: fit(perceptron(metrics=["accuracy", "accuracy"])),
        {"accuracy": [0.5, 0.5], "accuracy_1": [0.5, 0.5], "loss": [1.349265, 1.332126]},
    ),
    (
        "a function as loss",
        lambda: fit(perceptron(lambda y, p: K.mean(K.square(y - p), axis=-1), metrics=["mae"]), X, ONE_HOT),
        {"loss": [0.246547, 0.246153], "mae": [0.417019, 0.416759]},
    ),
    (
        "label smoothing",
        lambda: fit(perceptron(losses.CategoricalCrossentropy(label_smoothing=0.1)), X, ONE_HOT),
        {"loss": [1.355629, 1.339601]},
    ),
    (
        "steps_per_epoch of arrays",
        lambda: fit(perceptron(), steps_per_epoch=2, epochs=4),
        {"loss": [1.500187, 0.745576, 1.479824, 0.741336]},
    ),
    (
        "two outputs",
        lambda: fit(two(loss_weights=[1, 0.5], metrics=[["accuracy"], ["mae"]]), [X, SIDE], [LABELS, REAL]),
        {
            "cls_accuracy": [0.4, 0.4],
            "cls_loss": [1.76444, 1.701676],
            "loss": [2.255237, 2.089299],
            "reg_loss": [0.981595, 0.775246],
            "reg_mae": [0.737773, 0.650895],
        },
    ),
    (
        "one sample_weight for two outputs",
        lambda: fit(
            two(metrics=[["accuracy"], []], weighted_metrics=[["accuracy"], ["mae"]]),
            [X, SIDE],
            [LABELS, REAL],
            sample_weight=WEIGHT,
        ),
        {
            "cls_accuracy": [0.4, 0.35],
            "cls_loss": [1.823867, 1.750534],
            "cls_weighted_accuracy": [0.412919, 0.347847],
            "loss": [2.945577, 2.357558],
            "reg_loss": [1.12171, 0.607025],
            "reg_mae": [0.755343, 0.516236],
        },
    ),
    (
        "a sample_weight per output",
        lambda: fit(two(), [X, SIDE], [LABELS, REAL], sample_weight=[WEIGHT, WEIGHT[::-1]]),
        {"cls_loss": [1.832162, 1.730558], "loss": [2.736337, 2.235387], "reg_loss": [0.904175, 0.50483]},
    ),
    (
        "batch normalisation",
        lambda: fit(normal(), validation_data=(X, LABELS)),
        {"loss": [1.086591, 1.081806], "val_loss": [1.083341, 1.081603]},
    ),
    (
        "a weight per timestep",
        lambda: fit(steps(), STEPS, STEPS[..., :2] * 2, sample_weight=STEP_WEIGHT),
        {"loss": [4.51135, 4.154723], "mae": [1.465687, 1.402264]},
    ),
    (
        "masked timesteps",
        lambda: scores(steps(layers.Masking()), MASKED, STEPS[..., :2] * 2),
        {"loss": 3.50151, "mae": 1.458622},
    ),
    (
        "masked and weighted timesteps",
        lambda: scores(steps(layers.Masking()), MASKED, STEPS[..., :2] * 2, sample_weight=STEP_WEIGHT),
        {"loss": 3.900847, "mae": 1.412696},
    ),
    ("penalties", lambda: fit(punished()), {"loss": [1.424093, 1.40613]}),
]


@pytest.mark.parametrize(("run", "expected"), [row[1:] for row in KERAS], ids=[row[0] for row in KERAS])
def test_numbers_and_names_are_those_of_keras_3(run: Callable[[], dict[str, Any]], expected: dict[str, Any]) -> None:
    found = run()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=4e-6), name


def test_statistics_of_batch_normalisation_are_those_of_keras_3() -> None:
    model = normal()
    fit(model, validation_data=(X, LABELS))
    mean, variance = model.get_weights()[4:6]
    assert mean == pytest.approx([1.212788, 1.049063, 1.401893, 0.825853, 1.341748], abs=2e-6)
    assert variance == pytest.approx([0.474381, 0.476607, 0.31838, 0.431912, 0.585245], abs=2e-6)


# -- arguments of fit ---------------------------------------------------------------------------------------------


def test_validation_split_takes_the_last_part_before_shuffling() -> None:
    data = np.arange(10, dtype="float32")[:, None]
    model = Sequential([Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mae")
    model.optimizer.learning_rate = 0.0
    history = model.fit(data, np.zeros(10), validation_split=0.25, shuffle=True, verbose=0).history
    assert history["loss"] == [pytest.approx(np.arange(7).mean())]  # int(10 * 0.75) samples to train on
    assert history["val_loss"] == [pytest.approx(8)]


def test_validation_data_wins_over_validation_split() -> None:
    history = fit(perceptron(), validation_split=0.5, validation_data=(X, LABELS))
    assert history["loss"] == pytest.approx(fit(perceptron())["loss"], rel=1e-6)


def test_initial_epoch_counts_up_to_epochs() -> None:
    model = perceptron()
    assert model.fit(X, LABELS, initial_epoch=3, epochs=5, verbose=0).epoch == [3, 4]
    assert model.fit(X, LABELS, initial_epoch=5, epochs=5, verbose=0).epoch == []


def test_training_on_from_an_epoch_is_training_in_one_go() -> None:
    def run(*stretches: tuple[int, int]) -> Any:
        random.set_seed(2)
        model = Sequential([Input((4,)), layers.Dropout(0.3, name="d"), layers.Dense(3, name="o")])
        model.compile("adam", "mse")
        for first, last in stretches:
            model.fit(X, ONE_HOT, batch_size=8, initial_epoch=first, epochs=last, verbose=0)
        return model.get_weights()

    for a, b in zip(run((0, 4)), run((0, 1), (1, 4)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_validation_freq_validates_every_so_often() -> None:
    history = fit(perceptron(), epochs=4, validation_data=(X, LABELS), validation_freq=2)
    assert len(history["val_loss"]) == 2
    assert len(history["loss"]) == 4


def generator() -> Iterator[tuple[Any, Any]]:
    while True:
        yield X, LABELS


def test_validation_comes_from_a_generator_too() -> None:
    history = fit(perceptron(), validation_data=generator(), validation_steps=2)
    plain = fit(perceptron(), validation_data=(X, LABELS))
    assert history["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-6)


def test_class_weights_hold_for_generators_and_single_batches() -> None:
    arrays = fit(perceptron(), batch_size=20, epochs=1, class_weight=BALANCE)["loss"]
    streamed = perceptron().fit(generator(), steps_per_epoch=1, class_weight=BALANCE, verbose=0).history["loss"]
    single = perceptron().train_on_batch(X, LABELS, class_weight=BALANCE)
    assert arrays == streamed == [single]


def test_data_and_options_come_by_name() -> None:
    by_list = fit(two(metrics=[["accuracy"], ["mae"]], loss_weights=[1, 0.5]), [X, SIDE], [LABELS, REAL],
                  sample_weight=[WEIGHT, WEIGHT[::-1]])  # fmt: skip
    model = two()
    model.compile(
        "sgd",
        {"reg": "mse", "cls": "sparse_categorical_crossentropy"},
        metrics={"reg": "mae", "cls": ["accuracy"]},
        loss_weights={"reg": 0.5, "cls": 1},
    )
    by_name = fit(
        model,
        {"ib": SIDE, "ia": X},
        {"reg": REAL, "cls": LABELS},
        sample_weight={"reg": WEIGHT[::-1], "cls": WEIGHT},
    )
    assert by_name == by_list


def test_batches_of_a_generator_come_by_name_too() -> None:
    def named() -> Iterator[Any]:
        while True:
            yield {"ib": SIDE, "ia": X}, {"reg": REAL, "cls": LABELS}, {"reg": WEIGHT[::-1], "cls": WEIGHT}

    plain = fit(two(), [X, SIDE], [LABELS, REAL], batch_size=20, sample_weight=[WEIGHT, WEIGHT[::-1]])
    streamed = two().fit(named(), steps_per_epoch=1, epochs=2, verbose=0).history
    assert streamed == plain
    np.testing.assert_array_equal(two().predict(named(), steps=1)[1], two().predict([X, SIDE])[1])


def test_an_output_without_a_loss_is_left_alone() -> None:
    model = two()
    model.compile("sgd", [None, "mse"])
    before = model.get_layer("cls").get_weights()[0]
    history = fit(model, [X, SIDE], [LABELS, REAL])
    assert history.keys() == {"loss"}
    np.testing.assert_array_equal(before, model.get_layer("cls").get_weights()[0])


def test_losses_of_several_outputs_keep_their_names_when_one_has_none() -> None:
    x = Input((4,))
    model = Model(x, [layers.Dense(1, name=name)(x) for name in "abc"])
    model.compile("sgd", {"b": "mse", "c": "mae"})
    found = scores(model, X, [REAL] * 3)
    p = model.predict(X)
    assert found["b_loss"] == pytest.approx(np.square(p[1] - REAL).mean(), rel=1e-5)
    assert found["c_loss"] == pytest.approx(np.abs(p[2] - REAL).mean(), rel=1e-5)
    assert found["loss"] == pytest.approx(found["b_loss"] + found["c_loss"], rel=1e-5)


def test_a_user_s_loss_class_gets_probabilities() -> None:
    class Mine(losses.CategoricalCrossentropy):
        def call(self, y: Any, p: Any) -> Any:
            return -K.sum(y * K.log(p), axis=-1)

    assert perceptron(Mine()).evaluate(X, ONE_HOT, verbose=0) == pytest.approx(
        perceptron("categorical_crossentropy").evaluate(X, ONE_HOT, verbose=0), rel=1e-5
    )


def softmax(x: Any) -> Any:
    """Not Kerato's: a temperature of 2."""
    return K.softmax(x / 2)


def test_a_user_s_activation_of_a_known_name_is_his() -> None:
    model = Sequential([Input((4,)), layers.Dense(3, activation=softmax)])
    model.compile("sgd", "categorical_crossentropy")
    expected = -np.log(model.predict(X)[np.arange(20), LABELS]).mean()
    assert model.evaluate(X, ONE_HOT, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("activation", [functools.partial(K.elu, alpha=0.5), layers.Activation("tanh")])
def test_an_activation_without_a_name_trains(activation: Any) -> None:
    model = Sequential([Input((4,)), layers.Dense(3, activation=activation)])
    model.compile("sgd", "mse")
    assert np.isfinite(fit(model, X, ONE_HOT)["loss"]).all()


def test_crossentropy_of_confident_mistakes_is_exact() -> None:
    """log(softmax) keeps its digits where the probability is 0 in float32."""
    model = Sequential([Input((2,)), layers.Activation("softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert model.evaluate(np.float32([[200, 0]]), np.array([1]), verbose=0) == pytest.approx(200)


@pytest.mark.parametrize(
    ("loss", "target", "name"),
    [
        ("sparse_categorical_crossentropy", LABELS, "sparse"),
        ("categorical_crossentropy", ONE_HOT, "one-hot"),
        ("mse", ONE_HOT, "by shape"),
    ],
)
def test_accuracy_means_what_the_targets_say(loss: str, target: Any, name: str) -> None:
    model = perceptron(loss, **ACCURACY)
    expected = (model.predict(X).argmax(1) == LABELS).mean()
    assert scores(model, X, target)["accuracy"] == pytest.approx(expected)


def test_accuracy_of_one_sigmoid_is_binary() -> None:
    model = Sequential([Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "acc"])
    expected = ((model.predict(X)[:, 0] > 0.5) == (LABELS > 1)).mean()
    found = scores(model, X, (LABELS > 1).astype(int))
    assert found["accuracy"] == found["acc"] == pytest.approx(expected)


def test_evaluate_gives_a_number_a_list_or_a_dict() -> None:
    plain, measured = perceptron(), perceptron(**ACCURACY)
    assert isinstance(plain.evaluate(X, LABELS, verbose=0), float)
    assert isinstance(plain.train_on_batch(X, LABELS), float)
    assert measured.evaluate(X, LABELS, batch_size=8, verbose=0) == list(scores(measured, X, LABELS).values())
    assert measured.metrics_names == ["loss", "accuracy"]


def test_options_of_other_versions_are_ignored() -> None:
    perceptron().compile("sgd", "mse", run_eagerly=False, jit_compile="auto", steps_per_execution=1, allow_input=1)


def test_an_optimizer_serves_one_model() -> None:
    shared = optimizers.Adam()
    perceptron(optimizer=shared).fit(X, LABELS, verbose=0)
    with pytest.raises(ValueError, match=r"adam: it was not built for .*Make a new optimizer"):
        perceptron(optimizer=shared).fit(X, LABELS, verbose=0)


# -- mistakes -----------------------------------------------------------------------------------------------------

NAN = X.copy()
NAN[3, 2] = np.nan
TARGETS = ONE_HOT.copy()
TARGETS[[2, 5], 0] = np.inf
LATE = np.zeros(100, int)
LATE[99] = 7


def trained_on(**options: Any) -> Callable[[], Any]:
    """`fit` of a good network, with options."""
    return lambda: perceptron(**ACCURACY).fit(X, LABELS, verbose=0, **options)


def given(x: Any, y: Any = None, loss: str = "sparse_categorical_crossentropy", **options: Any) -> Callable[[], Any]:
    """`fit` of a good network on data."""
    return lambda: perceptron(loss).fit(x, y, **{"verbose": 0, **options})


def shaped(*shape: int) -> Sequential:
    """A network for pictures."""
    model = Sequential([Input(shape), layers.Flatten(), layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


def misfit(name: str, *arguments: Any) -> Callable[[], Any]:
    """A method of a good network."""
    return lambda: getattr(perceptron(), name)(*arguments)


def uncompiled(name: str) -> Callable[[], Any]:
    """A method of a network that was not compiled."""
    return lambda: getattr(Sequential([Input((4,)), layers.Dense(3)]), name)(X, LABELS)


class Forgetful(Model):
    """Forgets its base."""

    def __init__(self) -> None:
        self.dense = layers.Dense(3)


class Speechless(Model):
    """Has no `call`."""


def compiled(model: Any) -> Any:
    model.compile("sgd", "mse")
    return model


MISTAKES: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    # shapes
    ("features", given(X[:, :3], LABELS), ValueError, r"must have shape \(None, 4\)\. Got \(20, 3\)"),
    ("channels", lambda: shaped(6, 6, 1).predict(np.ones((5, 6, 6))), ValueError, r"axis missing.*\[\.\.\., None"),
    ("one picture", lambda: shaped(6, 5, 1).predict(np.ones((6, 5, 1))), ValueError, r"axis for samples: x\[None\]"),
    ("inputs", lambda: two().fit(X, LABELS, verbose=0), ValueError, r"there must be 2 inputs \(ia, ib\)\. Got 1"),
    ("input name", lambda: two().predict({"ia": X, "bi": SIDE}), ValueError, r"every input.*none for 'ib'"),
    ("lengths", given(X, LABELS[:10]), ValueError, r"same number of samples\. Got \{'x': \[20\], 'y': \[10\]\}"),
    ("no samples", given(X[:0], LABELS[:0]), ValueError, r"at least one sample"),
    ("nothing", given(None, LABELS), ValueError, r"fit: `x` must be an array of samples\. Got None"),
    ("a number", misfit("predict", 3), ValueError, r"predict: .*axis of samples.*number 3"),
    ("ragged", given([[1, 2, 3, 4], [1, 2]], [0, 1]), TypeError, r"numbers of one shape"),
    ("other targets", given(X, X, "mse"), ValueError, r"targets have shape \(\d+, 4\), predictions \(\d+, 3\)"),
    ("flat targets", given(X, LABELS, "categorical_crossentropy"), ValueError, r"Use sparse_categorical_crossentropy"),
    ("one-hot targets", given(X, ONE_HOT), ValueError, r"one-hot for 3 classes\. Use categorical_crossentropy"),
    ("no targets", given(X), ValueError, r"one target per output \('classes',\)\. Got 0"),
    ("more targets", given(X, [LABELS, LABELS]), ValueError, r"one target per output \('classes',\)\. Got 2"),
    ("target name", given(X, {"clases": LABELS}), ValueError, r"an entry for every output.*none for \['classes'\]"),
    ("evaluate features", misfit("evaluate", X[:, :3], LABELS), ValueError, r"must have shape \(None, 4\)"),
    ("weights", trained_on(sample_weight=np.ones((20, 2))), ValueError, r"`sample_weight` must have one weight per"),
    ("weight lengths", trained_on(sample_weight=np.ones(3)), ValueError, r"'sample_weight': \[3\]"),
    ("weights of outputs", trained_on(sample_weight=[WEIGHT, WEIGHT]), ValueError, r"one per output .*Got 2"),
    # kinds of values
    ("strings", given(np.array([["a"] * 4] * 20), LABELS), TypeError, r"must be numbers.*dtype <U1"),
    ("string labels", given(X, np.array(["cat"] * 20)), TypeError, r"must be numbers.*dtype <U3"),
    ("objects", given(np.array([None] * 20), LABELS), TypeError, r"must be numbers.*dtype object"),
    ("complex", given(X.astype(complex), LABELS), TypeError, r"must be numbers.*dtype complex128"),
    ("NaN", given(NAN, LABELS), ValueError, r"1 of 20 samples of x\..*np\.nan_to_num\(x\)"),
    ("inf targets", given(X, TARGETS, "mse"), ValueError, r"2 of 20 samples of y"),
    ("NaN weights", trained_on(sample_weight=NAN[:, 2]), ValueError, r"1 of 20 samples of sample_weight"),
    ("NaN to predict", misfit("predict", NAN), ValueError, r"predict: .*1 of 20"),
    # labels
    ("labels from 1", given(X, LABELS + 1), ValueError, r"0 to 2 for an output of 3 classes\. Got 1 to 3\..* 4 units"),
    ("labels from -1", given(X, LABELS - 1), ValueError, r"Got -1 to 1\. Number the classes from 0\.$"),
    ("halves", given(X, LABELS + 0.5), ValueError, r"whole numbers.*Got [012]\.5"),
    ("a late label", given(np.zeros((100, 4)), LATE), ValueError, r"Got 0 to 7"),
    ("validation labels", trained_on(validation_data=(X, LABELS + 1)), ValueError, r"Got 1 to 3"),
    ("evaluation labels", misfit("evaluate", X, LABELS + 1), ValueError, r"evaluate: labels must be from 0 to 2"),
    ("batch labels", misfit("train_on_batch", X, LABELS + 1), ValueError, r"train_on_batch: labels must"),
    # names
    ("optimizer", lambda: perceptron(optimizer="adm"), ValueError, r"'adm' is not known .*Did you mean 'Adam'\?"),
    ("loss", lambda: perceptron("mean_squred_error"), ValueError, r"Did you mean 'mean_squared_error'\?"),
    ("metric", lambda: fit(perceptron(metrics=["acuracy"])), ValueError, r"'acuracy' is not known"),
    ("option", lambda: perceptron(metric=["accuracy"]), TypeError, r"'metric' is not known.*Did you mean 'metrics'\?"),
    ("output", lambda: perceptron({"clases": "mse"}), ValueError, r"'clases' is not known.*Did you mean 'classes'\?"),
    ("losses", lambda: perceptron(["mse", "mse"]), ValueError, r"one entry per output \('classes',\)"),
    ("loss function", lambda: perceptron(lambda y: y), TypeError, r"must take \(y_true, y_pred\)\. <lambda> takes"),
    ("no value", lambda: fit(perceptron(lambda y, p: None)), TypeError, r"must return a value per sample\. Got None"),
    ("metric function", lambda: fit(perceptron(metrics=[lambda y: y])), TypeError, r"metric function must take"),
    # the wrong moment
    ("fit uncompiled", uncompiled("fit"), RuntimeError, r"^The model needs to be compiled before being used\."),
    ("evaluate uncompiled", uncompiled("evaluate"), RuntimeError, r"needs to be compiled"),
    ("batch uncompiled", uncompiled("train_on_batch"), RuntimeError, r"needs to be compiled"),
    ("no loss", lambda: perceptron(None).fit(X, LABELS, verbose=0), RuntimeError, r"no loss to make.*loss='mse'"),
    ("no super", lambda: compiled(Forgetful()), RuntimeError, r"Forgetful: .*super\(\)\.__init__\(\)"),
    ("no call", lambda: compiled(Speechless()).fit(X, X, verbose=0), RuntimeError, r"Speechless.*must define `call"),
    # options
    ("batch_size 0", trained_on(batch_size=0), ValueError, r"fit: `batch_size` must be an int >= 1\. Got 0\."),
    ("batch_size str", trained_on(batch_size="32"), ValueError, r"Got '32'"),
    ("batch_size predict", misfit("predict", X, 2.5), ValueError, r"predict: `batch_size` .*Got 2\.5"),
    ("epochs", trained_on(epochs="3"), ValueError, r"`epochs` must be an int >= 0\. Got '3'"),
    ("initial_epoch", trained_on(initial_epoch=-1), ValueError, r"`initial_epoch` must be an int >= 0\. Got -1"),
    ("verbose", given(X, LABELS, verbose="yes"), ValueError, r"`verbose` must be 0, 1, 2 or 'auto'\. Got 'yes'"),
    ("shuffle", trained_on(shuffle="batches"), ValueError, r"`shuffle` must be True, False or 'batch'\. Got 'batches'"),
    ("split", trained_on(validation_split=1.5), ValueError, r"between 0 and 1\. Got 1\.5"),
    ("small split", given(X[:1], LABELS[:1], validation_split=0.1), ValueError, r"such that 1 samples give two parts"),
    ("validation", trained_on(validation_data=X), ValueError, r"`validation_data` must be \(x, y\)"),
    ("class_weight list", trained_on(class_weight=[1, 1]), ValueError, r"a dict from class to factor.*Got \[1, 1\]"),
    ("class_weight word", trained_on(class_weight="balanced"), ValueError, r"Got 'balanced'"),
    ("class left out", trained_on(class_weight={0: 1}), ValueError, r"must name every class.*no weight for \[1, 2\]"),
    ("callbacks word", trained_on(callbacks=["early"]), TypeError, r"must be a list of Callbacks\. Got 'early'"),
    # streams
    ("too short", given(zip([X] * 3, [LABELS] * 3, strict=True), steps_per_epoch=5), ValueError, r"ended after 3 of 5"),
    ("used up", given(zip([X], [LABELS], strict=True), epochs=2), ValueError, r"nothing left for another epoch"),
    ("no batch", given(iter([]), steps_per_epoch=2), ValueError, r"must give batches\. Got none"),
    ("four parts", given(iter([(X, LABELS, LABELS, X)])), ValueError, r"\(x, y, sample_weight\)\. Got a tuple of 4"),
    ("validation steps", trained_on(validation_data=generator()), ValueError, r"`validation_steps` must be the number"),
    ("targets beside", given(generator(), LABELS), ValueError, r"`y` must be left out"),
    ("other batches", given(iter([(X, LABELS), (X[:, :2], LABELS)])), ValueError, r"must have shape \(None, 4\)"),
    ("bad labels later", given(iter([(X, LABELS), (X, LABELS + 1)])), ValueError, r"Got 1 to 3"),
    ("short prediction", lambda: perceptron().predict(iter([X]), steps=3), ValueError, r"^predict: .*after 1 of 3"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "kind", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_gets_one_sentence(act: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert isinstance(caught.value, KeratoError)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refused_call_changes_nothing() -> None:
    model = perceptron()
    before = model.get_weights()
    for bad in (X[:, :3], NAN):
        with pytest.raises(ValueError, match=r"shape|finite"):
            model.fit(bad, LABELS, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(model.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize("method", ["predict", "evaluate"])
def test_pictures_of_0_to_255_in_a_net_trained_on_0_to_1_are_warned_of(method: str) -> None:
    model = perceptron()
    small = np.abs(X) / 4
    model.fit(small, LABELS, verbose=0)
    arguments = (small * 255, LABELS)[: 1 if method == "predict" else 2]
    with pytest.warns(UserWarning, match=rf"^{method}: the network was trained on values from 0.* Divide .* by 255"):
        getattr(model, method)(*arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(model, method)(*(small, LABELS)[: len(arguments)])


def test_large_finite_numbers_are_data() -> None:
    """Their sum overflows, they do not."""
    assert perceptron().predict(np.full((20, 4), 3e38, "float32")).shape == (20, 3)
