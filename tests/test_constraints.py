"""Constraints: norms are bounded, formulas are Keras 3.15.1's, names and configurations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from kerato import constraints
from kerato.errors import InvalidValue, UnknownName
from kerato.variables import Variable

W = np.array([[1.0, -2.0, 0.3], [0.0, 3.0, -0.1]], "float32")

#: constraint, its W (Keras 3.15.1, float32)
OBEYING: list[tuple[Any, list[list[float]]]] = [
    (constraints.MaxNorm(), [[0.9999999, -1.1094, 0.2999999], [0.0, 1.664101, -0.09999997]]),
    (constraints.MaxNorm(1.0, 1), [[0.4432422, -0.8864844, 0.1329727], [0.0, 0.9994449, -0.03331483]]),
    (constraints.NonNeg(), [[1.0, 0.0, 0.3], [0.0, 3.0, 0.0]]),
    (constraints.UnitNorm(), [[0.9999999, -0.5547002, 0.9486831], [0.0, 0.8320503, -0.3162277]]),
    (constraints.UnitNorm([0, 1]), [[0.2663118, -0.5326236, 0.07989355], [0.0, 0.7989355, -0.02663118]]),
    (constraints.MinMaxNorm(), [[0.9999999, -0.5547002, 0.2999999], [0.0, 0.8320503, -0.09999997]]),
    (constraints.MinMaxNorm(0.5, 1.0, 0.3, 1), [[0.8329726, -1.665945, 0.2498918], [0.0, 2.399834, -0.07999445]]),
]


@pytest.mark.parametrize(("constraint", "expected"), OBEYING)
def test_value_is_keras_number(constraint: Any, expected: list[list[float]]) -> None:
    assert np.asarray(constraint(W)) == pytest.approx(np.array(expected), rel=1e-5, abs=1e-7)
    assert np.asarray(constraint(Variable(W, name="w"))) == pytest.approx(np.array(expected), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("axis", [0, 1, [0, 1]])
def test_norms_are_bounded(axis: Any) -> None:
    def norms(w: Any) -> Any:
        return np.sqrt(np.sum(np.square(np.asarray(w, "float64")), axis=tuple(np.atleast_1d(axis))))

    assert (norms(constraints.MaxNorm(1.5, axis)(W)) <= 1.5 + 1e-5).all()
    assert norms(constraints.UnitNorm(axis)(W)) == pytest.approx(1, rel=1e-5)
    between = norms(constraints.MinMaxNorm(0.5, 1.0, axis=axis)(W))
    assert (between >= 0.5 - 1e-5).all() and (between <= 1 + 1e-5).all()


def test_names() -> None:
    for name in [*constraints.FAMILY.members, *constraints.FAMILY.aliases, "maxnorm", "nonneg", "unitnorm"]:
        assert isinstance(constraints.get(name), constraints.Constraint)
    assert constraints.get(None) is None and constraints.Constraint()(W) is W
    with pytest.raises(UnknownName, match=r"^constraints: constraint 'max_nrom' .* Did you mean 'max_norm'\?"):
        constraints.get("max_nrom")


@pytest.mark.parametrize("constraint", [row[0] for row in OBEYING])
def test_configurations_rebuild(constraint: Any) -> None:
    written = constraints.serialize(constraint)
    assert json.loads(json.dumps(written)) == written and written["module"] == "keras.constraints"
    again = constraints.deserialize(written)
    assert type(again) is type(constraint) and again.get_config() == constraint.get_config()


VIOLATIONS = [
    (constraints.MaxNorm, {"max_value": -1}, "MaxNorm: `max_value` must be a number >= 0. Got -1."),
    (constraints.MinMaxNorm, {"rate": 1.5}, "MinMaxNorm: `rate` must be a number >= 0 and <= 1. Got 1.5."),
]


@pytest.mark.parametrize(("kind", "options", "message"), VIOLATIONS)
def test_violations_say_what_is_allowed(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue) as error:
        kind(**options)
    assert message in str(error.value)
