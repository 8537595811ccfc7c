"""Regularizers: the penalty formulas, Keras 3.15.1's numbers, names and configurations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from kerato import regularizers
from kerato.errors import InvalidValue, UnknownName
from kerato.graph import Tensor, evaluate
from kerato.variables import Variable

W = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], "float32")

#: regularizer, its value at W (the last two by Keras 3.15.1)
PENALTIES: list[tuple[Any, float]] = [
    (regularizers.L1(), 0.075),
    (regularizers.L1(0.1), 0.75),
    (regularizers.L1(None), 0.075),
    (regularizers.L2(), 0.1525),
    (regularizers.L2(None), 0.1525),
    (regularizers.l2(0.1), 1.525),
    (regularizers.L1L2(), 0.0),
    (regularizers.L1L2(l1=0.1, l2=None), 0.75),
    (regularizers.L1L2(l1=0.1, l2=0.01), 0.9025),
    (regularizers.l1_l2(l2=0.01), 0.1525),
    (regularizers.OrthogonalRegularizer(0.1), 0.08970852),
    (regularizers.OrthogonalRegularizer(0.1, "columns"), 0.06647306),
]


@pytest.mark.parametrize(("regularizer", "expected"), PENALTIES)
def test_penalties(regularizer: Any, expected: float) -> None:
    assert float(regularizer(W)) == pytest.approx(expected, rel=1e-5)
    assert float(regularizer(Variable(W, name="w"))) == pytest.approx(expected, rel=1e-5)


def test_symbolic_tensors_are_penalised_too() -> None:
    x = Tensor((None, 3), "float32")
    penalty = regularizers.L1L2(0.1, 0.01)(x)
    assert penalty.shape == () and evaluate([penalty], {x: W}).outputs[0] == pytest.approx(0.9025)


def test_names() -> None:
    for name in [*regularizers.FAMILY.members, *regularizers.FAMILY.aliases]:
        assert isinstance(regularizers.get(name), regularizers.Regularizer)
    assert regularizers.get(None) is None and regularizers.Regularizer()(W) == 0
    with pytest.raises(UnknownName, match=r"^regularizers: regularizer 'l3' is not known"):
        regularizers.get("l3")


@pytest.mark.parametrize("regularizer", [row[0] for row in PENALTIES])
def test_configurations_rebuild(regularizer: Any) -> None:
    written = regularizers.serialize(regularizer)
    assert json.loads(json.dumps(written)) == written and written["module"] == "keras.regularizers"
    again = regularizers.deserialize(written)
    assert type(again) is type(regularizer) and again.get_config() == regularizer.get_config()


VIOLATIONS = [
    (lambda: regularizers.L1(-1), "L1: `l1` must be a number >= 0 and < inf or None. Got -1."),
    (lambda: regularizers.L2(float("inf")), "L2: `l2` must be a number >= 0 and < inf or None. Got inf."),
    (lambda: regularizers.OrthogonalRegularizer(mode="all"), "`mode` must be one of 'rows', 'columns'. Got 'all'."),
    (lambda: regularizers.OrthogonalRegularizer()(W[0]), "`x` must be a matrix (two axes)."),
]


@pytest.mark.parametrize(("call", "message"), VIOLATIONS)
def test_violations_say_what_is_allowed(call: Any, message: str) -> None:
    with pytest.raises(InvalidValue) as error:
        call()
    assert message in str(error.value)
