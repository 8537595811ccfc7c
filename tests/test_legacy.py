"""The old dialect: every row of its tables, calls in old and in today's words, files without dialect."""

from __future__ import annotations

import contextlib
from typing import Any

import dialect_page
import numpy as np
import pytest

from kerato import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    legacy,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from kerato.errors import InvalidType, InvalidValue
from kerato.variables import Run, Variable

# Calls in words that today's signatures do not have.
SGD: Any = optimizers.SGD
Regularizers: Any = regularizers
Constraints: Any = constraints

COUNTED = "sum_over_counted"


def cut(scale: float, mode: str, seed: int | None = None) -> initializers.Initializer:
    return initializers.VarianceScaling(scale * 0.77374112, mode, "truncated_normal", seed)


#: a call as 2.0.5 read it -> the same in today's words
CALLS: list[tuple[str, Any, Any]] = [
    ("lr", lambda: optimizers.SGD(lr=0.5), lambda: optimizers.SGD(0.5)),
    ("SGD", lambda: SGD(0.5, 0.9, 0.0, True), lambda: optimizers.SGD(0.5, momentum=0.9, nesterov=True)),
    (
        "decay",
        lambda: optimizers.SGD(0.5, decay=0.1),
        lambda: optimizers.SGD(schedules.InverseTimeDecay(0.5, 1, 0.1)),
    ),
    (
        "decay of the default",
        lambda: optimizers.Adam(decay=0.1),
        lambda: optimizers.Adam(schedules.InverseTimeDecay(0.001, 1, 0.1), epsilon=1e-8),
    ),
    ("clipnorm", lambda: optimizers.SGD(clipnorm=1.0), lambda: optimizers.SGD(global_clipnorm=1.0)),
    (
        "RMSprop",
        lambda: optimizers.RMSprop(0.01, 0.8),
        lambda: optimizers.RMSprop(0.01, 0.8, epsilon=1e-8, epsilon_outside=True),
    ),
    (
        "Adagrad",
        lambda: optimizers.Adagrad(0.1, 1e-6),
        lambda: optimizers.Adagrad(0.1, 0.0, 1e-6, epsilon_outside=True),
    ),
    ("Adadelta", lambda: optimizers.Adadelta(), lambda: optimizers.Adadelta(1.0, epsilon=1e-8)),
    ("Adam", lambda: optimizers.get("adam"), lambda: optimizers.Adam(epsilon=1e-8)),
    ("Adamax", lambda: optimizers.Adamax(), lambda: optimizers.Adamax(0.002, epsilon=1e-8)),
    ("Nadam", lambda: optimizers.Nadam(), lambda: optimizers.Nadam(0.002, epsilon=1e-8, schedule_decay=0.004)),
    ("l1", lambda: Regularizers.l1(l=0.5), lambda: regularizers.l1(0.5)),
    ("l2", lambda: Regularizers.l2(l=0.5), lambda: regularizers.l2(0.5)),
    ("max_norm", lambda: Constraints.max_norm(3, 1), lambda: constraints.max_norm(3, 1)),
    ("clipnorm of 0", lambda: optimizers.SGD(clipnorm=0.0, clipvalue=0.0), lambda: optimizers.SGD()),
    ("glorot_normal", lambda: initializers.get("glorot_normal"), lambda: cut(1.0, "fan_avg")),
    ("he_normal", lambda: legacy.FUNCTIONS["initializers.he_normal"](3), lambda: cut(2.0, "fan_in", 3)),
    ("VarianceScaling", lambda: initializers.VarianceScaling(3.0, "fan_out"), lambda: cut(3.0, "fan_out")),
    ("losses", lambda: losses.as_loss("mse"), lambda: losses.LossFunctionWrapper("mse", COUNTED, "mse")),
    ("hinge", lambda: losses.as_loss("hinge"), lambda: losses.LossFunctionWrapper("hinge_of_signs", COUNTED, "hinge")),
    ("maxnorm", lambda: constraints.get("maxnorm"), lambda: constraints.max_norm()),
    ("l1_l2 by name", lambda: regularizers.get("l1_l2"), lambda: regularizers.l1_l2(0.01, 0.01)),
    ("l1_l2", lambda: legacy.FUNCTIONS["regularizers.l1_l2"](0.5), lambda: regularizers.l1_l2(0.5, 0.01)),
]


@pytest.mark.parametrize(("old", "today"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_old_calls_mean_today_s(old: Any, today: Any) -> None:
    with legacy.dialect():
        found = old()
    assert found.get_config() == today().get_config()


@pytest.mark.parametrize("today", [row[2] for row in CALLS], ids=[row[0] for row in CALLS])
def test_configurations_mean_the_same_in_both_dialects(today: Any) -> None:
    made = today()
    with legacy.dialect():
        assert type(made).from_config(made.get_config()).get_config() == made.get_config()


def test_names_of_formulas_that_changed() -> None:
    assert activations.get("hard_sigmoid") is activations.hard_sigmoid
    with legacy.dialect():
        assert activations.get("hard_sigmoid") is activations.hard_sigmoid_02
        assert activations.get("relu") is activations.relu
    assert legacy.FUNCTIONS["activations.hard_sigmoid"] is activations.hard_sigmoid_02


def test_what_2_0_5_did_not_know_is_still_refused() -> None:
    with legacy.dialect(), pytest.raises(InvalidType, match=r"SGD: the argument 'rate' is not known"):
        optimizers.SGD(rate=0.1)
    with legacy.dialect(), pytest.raises(InvalidType, match=r"SGD: too many positional arguments"):
        SGD(0.1, 0.9, 0.0, True, 1)


class Mine(optimizers.SGD):
    """A user's class, written for 2.0.5."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(lr=0.5, **kwargs)


def test_subclasses_speak_the_dialect_of_their_base() -> None:
    with legacy.dialect():
        assert float(Mine(clipnorm=1.0).lr) == 0.5


#: clipnorm 1 for gradients 3 and 4: one norm for all in 2.0.5, one per weight today
@pytest.mark.parametrize(("old", "expected"), [(True, [0.6, 0.8]), (False, [1.0, 1.0])])
def test_clipnorm(old: bool, expected: list[float]) -> None:
    variables = [Variable(np.zeros(1), name="a"), Variable(np.zeros(1), name="b")]
    if old:
        with legacy.dialect():
            sgd = optimizers.SGD(1.0, clipnorm=1.0)
    else:
        sgd = optimizers.SGD(1.0, clipnorm=1.0)
    sgd.apply([np.array([3.0]), np.array([4.0])], variables)
    assert [-float(v.numpy()[0]) for v in variables] == pytest.approx(expected)


def test_normal_weights_were_cut_and_not_widened() -> None:
    with legacy.dialect():
        old = initializers.get("glorot_normal")((200, 300))
    assert np.abs(old).max() == pytest.approx(2 * np.sqrt(2 / 500), rel=1e-3)
    assert np.abs(initializers.get("glorot_normal")((200, 300))).max() > 2.2 * np.sqrt(2 / 500)


@pytest.mark.parametrize("family", ["losses", "metrics"])
@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_labels_of_0_and_1_were_no_signs(family: str, name: str) -> None:
    y, p = np.array([[0.0, 1.0]]), np.array([[0.5, 0.25]])
    power = 2 if "squared" in name else 1
    old = legacy.FUNCTIONS[f"{family}.{name}"](y, p)
    assert float(old[0]) == pytest.approx((1 + 0.75**power) / 2)
    assert float(losses.get(name)(y, p)[0]) == pytest.approx((1.5**power + 0.75**power) / 2)
    with legacy.dialect():
        assert {"losses": losses, "metrics": metrics}[family].get(name) is legacy.FUNCTIONS[f"{family}.{name}"]


@pytest.mark.parametrize(("old", "expected"), [(True, 1.5), (False, 1.0)])
def test_samples_of_weight_0_did_not_count(old: bool, expected: float) -> None:
    with legacy.dialect() if old else contextlib.nullcontext():
        loss = losses.as_loss("mae")
    assert loss is not None
    errors, weights = np.array([[1.0], [1.0], [5.0]]), np.array([2.0, 1.0, 0.0])
    assert float(loss(np.zeros((3, 1)), errors, weights)) == pytest.approx(expected)


@pytest.mark.parametrize(("old", "expected"), [(True, 0.5 * 6), (False, 0.5 * 3)])
def test_penalties_on_outputs_were_summed_over_the_batch(old: bool, expected: float) -> None:
    with legacy.dialect() if old else contextlib.nullcontext():
        layer = layers.Activation("linear", activity_regularizer=regularizers.l1(0.5))
        other = layers.ActivityRegularization(l1=0.5)
    for one in (layer, other, type(layer).from_config(layer.get_config()), type(other).from_config(other.get_config())):
        with Run() as run:
            one(np.ones((2, 3), "float32"))
        assert float(run.losses[0]) == expected


def test_relu_had_an_alpha() -> None:
    old, x = legacy.FUNCTIONS["activations.relu"], np.array([-2.0, 0.5, 3.0])
    np.testing.assert_allclose(old(x, alpha=0.1, max_value=1.0), [-0.2, 0.5, 1.0], rtol=1e-6)
    np.testing.assert_allclose(activations.relu(x, 0.1, 1.0), old(x, 0.1, 1.0))


def test_callbacks() -> None:
    plateau: Any = callbacks.ReduceLROnPlateau
    with legacy.dialect():
        assert plateau(epsilon=0.5, patience=3).min_delta == 0.5
        with pytest.warns(UserWarning, match="`write_grads` is no longer needed"):
            callbacks.TensorBoard("logs", write_grads=True)  # type: ignore[call-arg]
        with pytest.raises(InvalidValue, match=r"ModelCheckpoint: `period` must be an int >= 1\. Got 0"):
            callbacks.ModelCheckpoint("w.h5", period=0)  # type: ignore[call-arg]
        assert callbacks.ModelCheckpoint("w.h5", period=1).filepath == "w.h5"  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        plateau(epsilon=0.5)


def test_the_page_is_made_from_the_tables() -> None:
    assert dialect_page.PAGE.read_text(encoding="utf-8") == dialect_page.page(), "run python tests/dialect_page.py"
    assert dialect_page.unmentioned() == set()
