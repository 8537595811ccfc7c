"""The old dialect: every row of its tables, calls in old and in today's words, files without dialect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import activations, constraints, legacy, optimizers, regularizers, schedules
from kerato.errors import InvalidType
from kerato.variables import Variable

# Calls in words that today's signatures do not have.
SGD: Any = optimizers.SGD
Regularizers: Any = regularizers
Constraints: Any = constraints

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
