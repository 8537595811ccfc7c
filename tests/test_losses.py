"""Losses: values of Keras 3.15.1, an independent loop, gradients, shapes, names and configurations."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import WEIGHTS, compiled, samples

from kerato import config, losses, objectives
from kerato.errors import InvalidType, InvalidValue, UnknownName
from kerato.graph import Tensor, evaluate

#: class, arguments, kind of samples, Keras 3.15.1's number without and with `WEIGHTS` (float32, backend jax)
KERAS: list[tuple[str, dict[str, Any], str, float, float | None]] = [
    ("MeanSquaredError", {}, "values", 0.3735872, 0.2858638),
    ("MeanAbsoluteError", {}, "values", 0.5193589, 0.4103097),
    ("MeanAbsolutePercentageError", {}, "values", 46.39749, 33.77355),
    ("MeanSquaredLogarithmicError", {}, "values", 0.1058106, 0.07794216),
    ("LogCosh", {}, "values", 0.1681648, 0.1283631),
    ("Huber", {}, "values", 0.186445, 0.1425833),
    ("Huber", {"delta": 0.3}, "values", 0.1164442, 0.08933977),
    ("CosineSimilarity", {}, "values", -0.8687412, -0.7822742),
    ("Poisson", {}, "values", 1.21033, 1.019551),
    ("Hinge", {}, "signs", 0.7349221, 0.5582817),
    ("SquaredHinge", {}, "signs", 1.169397, 0.9380879),
    ("Hinge", {}, "binary", 0.8957819, 0.6554075),
    ("CategoricalHinge", {}, "onehot", 1.202043, 1.447829),
    ("KLDivergence", {}, "onehot", 1.505359, 2.12571),
    ("BinaryCrossentropy", {}, "binary", 0.6307174, 0.5139372),
    ("BinaryCrossentropy", {"from_logits": True}, "logits", 0.6307174, 0.5139372),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, "binary", 0.6844708, 0.5712659),
    ("BinaryFocalCrossentropy", {}, "binary", 0.2702906, 0.2238393),
    (
        "BinaryFocalCrossentropy",
        {"from_logits": True, "apply_class_balancing": True, "label_smoothing": 0.1},
        "logits",
        0.1317844,
        0.08076818,
    ),
    ("CategoricalCrossentropy", {}, "onehot", 1.505362, 2.125712),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "onehot_logits", 1.535376, 2.083831),
    ("CategoricalFocalCrossentropy", {}, "onehot", 0.2856376, 0.4547492),
    (
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "gamma": 1.5, "alpha": 0.4},
        "onehot_logits",
        0.4808045,
        0.7537989,
    ),
    ("SparseCategoricalCrossentropy", {}, "sparse", 1.505362, 2.125712),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_logits", 1.505362, 2.125713),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "sparse", 0.9916235, 0.8032321),
    ("CategoricalGeneralizedCrossEntropy", {}, "sparse", 0.9024833, 1.164939),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.8}, "sparse", 0.7124633, 0.8759986),
    ("Dice", {}, "binary", 0.3970054, None),
    ("Tversky", {"alpha": 0.3, "beta": 0.6}, "binary", 0.3714695, None),
    ("Dice", {"axis": [1]}, "binary", 0.4221408, 0.2956996),
]

#: objective, arguments, kind of samples, the same as a loop
LOOPS: list[tuple[Any, dict[str, Any], str, Any]] = [
    (objectives.mean_squared_error, {}, "values", reference.squared_error),
    (objectives.mean_absolute_error, {}, "values", reference.absolute_error),
    (objectives.mean_absolute_percentage_error, {}, "values", reference.percentage_error),
    (objectives.mean_squared_logarithmic_error, {}, "values", reference.logarithmic_error),
    (objectives.log_cosh, {}, "values", reference.log_cosh),
    (objectives.huber, {"delta": 0.3}, "values", partial(reference.huber, delta=0.3)),
    (objectives.hinge, {}, "signs", reference.hinge),
    (objectives.squared_hinge, {}, "signs", reference.squared_hinge),
    (objectives.categorical_hinge, {}, "onehot", reference.categorical_hinge),
    (objectives.kl_divergence, {}, "onehot", reference.kl_divergence),
    (objectives.poisson, {}, "values", reference.poisson),
    (objectives.cosine_similarity, {}, "values", reference.cosine),
    (objectives.cosine_proximity, {}, "values", reference.cosine_proximity),
    (objectives.binary_crossentropy, {}, "binary", reference.binary_crossentropy),
    (objectives.categorical_crossentropy, {}, "onehot", reference.categorical_crossentropy),
    (objectives.sparse_categorical_crossentropy, {}, "sparse", None),
    (objectives.dice, {"axis": -1}, "binary", reference.dice),
    (
        objectives.tversky,
        {"alpha": 0.3, "beta": 0.6, "axis": -1},
        "binary",
        partial(reference.tversky, alpha=0.3, beta=0.6),
    ),
    (objectives.binary_crossentropy, {"from_logits": True, "label_smoothing": 0.1}, "logits", None),
    (objectives.categorical_crossentropy, {"from_logits": True, "label_smoothing": 0.1}, "onehot_logits", None),
    (objectives.sparse_categorical_crossentropy, {"from_logits": True}, "sparse_logits", None),
    (objectives.binary_focal_crossentropy, {"apply_class_balancing": True}, "binary", None),
    (objectives.categorical_focal_crossentropy, {"gamma": 1.5}, "onehot", None),
]

Row = tuple[str, dict[str, Any], str, float, float | None]


def _row(row: Row) -> str:
    return f"{row[0]}{json.dumps(row[1])}-{row[2]}"


@pytest.fixture(scope="module")
def keras_numbers() -> list[tuple[Any, Any]]:
    """Every row of `KERAS`, without and with weights: one program, formulas held to strict shapes and types."""

    def table(data: dict[str, Any], weight: Any) -> list[tuple[Any, Any]]:
        made = [(getattr(losses, name)(**options), data[kind]) for name, options, kind, *_ in KERAS]
        return [
            (loss(y, p), loss(y, p, weight) if row[-1] else 0) for row, (loss, (y, p)) in zip(KERAS, made, strict=True)
        ]

    data = {kind: samples(kind) for kind in {row[2] for row in KERAS}}
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        return compiled(table)(data, WEIGHTS[4])


@pytest.mark.parametrize("number", range(len(KERAS)), ids=[_row(row) for row in KERAS])
def test_value_is_keras_number(number: int, keras_numbers: list[tuple[Any, Any]]) -> None:
    plain, weighted = keras_numbers[number]
    assert plain == pytest.approx(KERAS[number][3], rel=1e-5)
    if KERAS[number][4] is not None:
        assert weighted == pytest.approx(KERAS[number][4], rel=1e-5)


@pytest.fixture(scope="module")
def exact_numbers() -> list[tuple[Any, Any, Any]]:
    """Values, gradients and central differences of every row of `LOOPS` in float64, in one program."""
    step = 1e-6

    def row(formula: Any, options: dict[str, Any], y: Any, p: Any) -> tuple[Any, Any, Any]:
        def total(flat: Any) -> Any:
            return jnp.sum(formula(y, flat.reshape(p.shape), **options))

        def difference(direction: Any) -> Any:
            return (total(p.ravel() + step * direction) - total(p.ravel() - step * direction)) / (2 * step)

        return formula(y, p, **options), jax.grad(total)(p.ravel()), jax.vmap(difference)(jnp.eye(p.size))

    def table(data: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
        return [row(formula, options, *data[kind]) for formula, options, kind, _ in LOOPS]

    with jax.enable_x64(True):
        data = {kind: (y, p.astype("float64")) for kind in {row[2] for row in LOOPS} for y, p in [samples(kind)]}
        return jax.tree.map(np.asarray, compiled(table)(data))


@pytest.mark.parametrize("number", range(len(LOOPS)), ids=[f"{row[0].__name__}-{row[2]}" for row in LOOPS])
def test_value_is_the_loop_and_gradient_the_difference(number: int, exact_numbers: list[tuple[Any, Any, Any]]) -> None:
    value, gradient, difference = exact_numbers[number]
    kind, loop = LOOPS[number][2:]
    y, p = samples(kind)
    if loop is not None:
        assert value == pytest.approx([loop(*map(np.float64, pair)) for pair in zip(y, p, strict=True)], rel=1e-9)
    assert np.max(np.abs(gradient - difference)) < 1e-5 * np.max(np.abs(gradient))


def test_sparse_and_one_hot_labels_mean_the_same() -> None:
    (labels, p), (one_hot, _) = samples("sparse"), samples("onehot")
    by_number = objectives.sparse_categorical_crossentropy(labels[:, None], p)
    assert by_number == pytest.approx(np.asarray(objectives.categorical_crossentropy(one_hot, p)), rel=1e-6)
    pictures = objectives.sparse_categorical_crossentropy(labels.reshape(2, 2), p.reshape(2, 2, 3))
    assert pictures.ravel() == pytest.approx(np.asarray(by_number), rel=1e-6)


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "kl_divergence", "poisson"])
def test_certain_and_wrong_is_finite(name: str) -> None:
    y, p = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    value, gradient = jax.value_and_grad(lambda p: jnp.sum(losses.get(name)(y, p)))(jnp.asarray(p))
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_logits_of_a_thousand_are_finite() -> None:
    y, x = np.array([[0.0, 1.0]]), np.array([[1000.0, -1000.0]])
    assert losses.CategoricalCrossentropy(from_logits=True)(y, x) == pytest.approx(2000)
    assert losses.BinaryCrossentropy(from_logits=True)(y, x) == pytest.approx(1000)


def test_half_precision_predictions_are_reduced_in_float32() -> None:
    y, p = samples("binary")
    loss = losses.BinaryCrossentropy()(y, p.astype("float16"))
    assert loss.dtype == "float32" and float(loss) == pytest.approx(float(losses.BinaryCrossentropy()(y, p)), rel=1e-3)


REDUCTIONS = {"sum": 3.5, "sum_over_batch_size": 3.5 / 4, "mean": 3.5 / 4, "mean_with_sample_weight": 1.0}


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_reductions(reduction: str) -> None:
    loss = losses.MeanAbsoluteError(reduction=reduction)
    assert loss(np.zeros((4, 2)), np.ones((4, 2)), WEIGHTS[4]) == pytest.approx(REDUCTIONS[reduction])


def test_unreduced_gives_one_value_per_sample() -> None:
    for reduction in ("none", None):
        assert losses.Huber(reduction=reduction)(np.zeros((4, 2)), np.ones((4, 2))).tolist() == [0.5] * 4


def test_a_weight_per_sample_holds_for_all_values_of_the_sample() -> None:
    y, p = np.zeros((4, 2, 3, 1)), np.ones((4, 2, 3, 1))
    assert losses.MeanSquaredError("sum")(y, p, WEIGHTS[4]) == pytest.approx(3.5 * 6)
    assert losses.MeanSquaredError("sum")(y, p, WEIGHTS[4][:, None]) == pytest.approx(3.5 * 6)
    assert losses.MeanSquaredError("sum")(y[:, 0, 0], p[:, 0, 0], WEIGHTS[4][:, None]) == pytest.approx(3.5)


def test_a_last_axis_of_one_may_be_missing_and_predictions_may_be_whole_numbers() -> None:
    y, p = np.zeros((2, 3, 4)), np.ones((2, 3, 4, 1))
    assert objectives.mean_squared_error(y, p).shape == objectives.mean_squared_error(p, y).shape == (2, 3)
    assert objectives.mean_absolute_error([0, 0], [1, 2]) == 1.5


def test_masked_entries_do_not_count() -> None:
    y, p = np.zeros((4, 1)), np.array([[1.0], [2.0], [5.0], [5.0]])
    mask = np.array([True, True, False, False])
    assert losses.MeanAbsoluteError()(y, p, mask=mask) == pytest.approx(1.5)
    assert losses.MeanAbsoluteError("sum")(y, p, WEIGHTS[4], mask) == pytest.approx(2.0)
    assert losses.MeanAbsoluteError()(y, p, mask=np.zeros(4, bool)) == 0
    ignoring = losses.SparseCategoricalCrossentropy(ignore_class=0)
    assert ignoring([0, 1], [[0.9, 0.1], [0.5, 0.5]]) == pytest.approx(math.log(2))
    assert ignoring([[1], [1]], [[0.9, 0.1], [0.5, 0.5]], mask=[False, True]) == pytest.approx(math.log(2))


def test_symbolic_tensors_expand_into_operations() -> None:
    y, p = samples("onehot")
    a, b = Tensor((None, 3), "float32"), Tensor((None, 3), "float32")
    per_sample = objectives.categorical_crossentropy(a, b, label_smoothing=0.1)
    reduced = losses.CategoricalCrossentropy(label_smoothing=0.1)(a, b)
    assert per_sample.shape == (None,) and reduced.shape == ()
    values, total = evaluate([per_sample, reduced], {a: y, b: p}).outputs
    assert np.asarray(values) == pytest.approx(
        np.asarray(objectives.categorical_crossentropy(y, p, label_smoothing=0.1)), rel=1e-6
    )
    assert total == pytest.approx(float(np.mean(values)), rel=1e-6)


MISTAKES = [
    (
        "categorical_crossentropy",
        (4,),
        (4, 3),
        "categorical_crossentropy: targets have shape (4,), predictions (4, 3). Integer labels? "
        "Use sparse_categorical_crossentropy, or to_categorical(y, 3).",
    ),
    ("categorical_crossentropy", (4, 1), (4, 3), "or to_categorical(y, 3)."),
    (
        "sparse_categorical_crossentropy",
        (4, 3),
        (4, 3),
        "sparse_categorical_crossentropy: targets have shape (4, 3), predictions (4, 3). One-hot labels? "
        "Use categorical_crossentropy, or np.argmax(y, axis=-1).",
    ),
    ("sparse_categorical_crossentropy", (5,), (4, 3), "Labels must have shape (4,)."),
    ("mean_squared_error", (4,), (4, 3), "Integer labels? Use to_categorical(y, 3)."),
    ("mean_squared_error", (4, 2), (4, 3), "The network's last layer must have 2 outputs."),
    ("mean_squared_error", (4, 2, 2, 2), (4, 3), "They must have the same shape."),
    ("binary_crossentropy", (4, 2), (4, 1), "The network's last layer must have 2 outputs."),
]


@pytest.mark.parametrize(("name", "target", "output", "message"), MISTAKES)
def test_shape_mistakes_name_the_remedy(name: str, target: Any, output: Any, message: str) -> None:
    with pytest.raises(InvalidValue) as error:
        losses.get(name)(np.ones(target), np.ones(output))
    assert str(error.value).endswith(message)


def test_one_class_is_pointed_out() -> None:
    with pytest.warns(UserWarning, match="Use binary_crossentropy"):
        objectives.categorical_crossentropy(np.ones((2, 1)), np.ones((2, 1)))


def test_every_name_and_alias_resolves() -> None:
    for name in [*losses.FAMILY.members, *losses.FAMILY.aliases]:
        if name != "LossFunctionWrapper":
            assert callable(losses.get(name))
    assert losses.get(None) is None
    assert losses.get("MSE") is losses.get("mean_squared_error") is losses.mse  # type: ignore[attr-defined]
    assert losses.get("sparse_categorical_crossentrop") is losses.sparse_categorical_crossentropy
    assert isinstance(losses.get(losses.Huber), losses.Huber)


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"^losses: loss 'categorical_crosentropy' is not known \(.*Did you mean"):
        losses.get("categorical_crosentropy")


def test_as_loss_keeps_the_name_it_was_asked_by() -> None:
    assert losses.as_loss(None) is None
    named = losses.as_loss("mse")
    assert named is not None and named.name == "mse" and named([[0.0]], [[2.0]]) == 4
    mine = losses.as_loss(lambda y, p: p - y)
    assert mine is not None and mine(0.0, [[2.0]]) == 2
    huber = losses.Huber()
    assert losses.as_loss(huber) is huber


@pytest.mark.parametrize("kind", [kind for kind in losses.FAMILY.members.values() if isinstance(kind, type)])
def test_configurations_rebuild(kind: Any) -> None:
    loss = kind(losses.mean_squared_error) if kind is losses.LossFunctionWrapper else kind(reduction="sum")
    written = losses.serialize(loss)
    assert json.loads(json.dumps(written)) == written and written["module"] == "keras.losses"
    again = losses.deserialize(written)
    assert type(again) is kind and again.get_config() == loss.get_config()
    assert again.name in (kind.__name__, getattr(kind, "formula", losses.mean_squared_error).__name__, "huber_loss")


def test_wrapped_functions_keep_their_arguments() -> None:
    wrapped = losses.LossFunctionWrapper(losses.huber, name="mine", delta=0.5)
    assert wrapped.get_config()["delta"] == 0.5
    assert wrapped([[0.0]], [[2.0]]) == pytest.approx(0.5 * (2 - 0.25))
    again = losses.LossFunctionWrapper.from_config(wrapped.get_config())
    assert again([[0.0]], [[2.0]]) == pytest.approx(0.5 * (2 - 0.25))


class Tail(losses.Loss):
    """A user's loss."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_pred[:, -1] - y_true[:, -1]


def test_a_users_loss_needs_only_call() -> None:
    assert Tail()([[1, 2]], [[3.0, 5.0]]) == 3 and Tail().name == "tail"
    with pytest.raises(NotImplementedError, match=r"define call"):
        losses.Loss()([[1.0]], [[1.0]])


VIOLATIONS = [
    (losses.Huber, {"delta": -1}, "Huber: `delta` must be a number >= 0. Got -1."),
    (losses.BinaryCrossentropy, {"label_smoothing": 1.5}, "must be a number >= 0 and <= 1. Got 1.5."),
    (losses.BinaryCrossentropy, {"from_logits": "yes"}, "`from_logits` must be True or False. Got 'yes'."),
    (losses.MeanSquaredError, {"reduction": "median"}, "MeanSquaredError: `reduction` must be one of"),
    (losses.CategoricalFocalCrossentropy, {"gamma": -2}, "`gamma` must be a number >= 0. Got -2."),
    (losses.MeanSquaredError, {"dtype": "float8"}, "`dtype` must be one of"),
]


@pytest.mark.parametrize(("kind", "options", "message"), VIOLATIONS)
def test_violations_say_what_is_allowed(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue) as error:
        kind(**options)
    assert message in str(error.value)


def test_unknown_arguments_get_the_nearest() -> None:
    with pytest.raises(InvalidType, match=r"BinaryCrossentropy: the argument 'from_logit'.*'from_logits'\?"):
        losses.BinaryCrossentropy(from_logit=True)  # type: ignore[call-arg]


def test_the_float_type_is_the_settings() -> None:
    assert losses.MeanSquaredError().dtype == config.floatx() == "float32"
    with jax.enable_x64(True):
        assert losses.MeanSquaredError(dtype="float64")([[0.0]], [[2.0]]).dtype == "float64"
