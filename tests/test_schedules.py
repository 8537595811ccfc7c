"""Schedules: the rates of Keras 3.15.1, configurations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from reference import compiled

from kerato import schedules
from kerato.errors import InvalidValue, UnknownName

STEPS = [0, 1, 5, 10, 15, 16, 25]

#: class, arguments, Keras 3.15.1's rates after STEPS updates
KERAS: list[tuple[str, dict[str, Any], list[float]]] = [
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
        [0.1, 0.0933033, 0.07071068, 0.05, 0.03535534, 0.0329877, 0.01767767],
    ),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True},
        [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025],
    ),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
        [0.1, 0.0952381, 0.08, 0.06666667, 0.05714286, 0.05555556, 0.04444445],
    ),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True},
        [0.1, 0.1, 0.1, 0.06666667, 0.06666667, 0.06666667, 0.05],
    ),
    ("PiecewiseConstantDecay", {"boundaries": [5, 15], "values": [0.3, 0.2, 0.1]}, [0.3, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1]),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "end_learning_rate": 0.01, "power": 2.0},
        [0.1, 0.0829, 0.0325, 0.01, 0.01, 0.01, 0.01],
    ),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "end_learning_rate": 0.01, "cycle": True},
        [0.1, 0.091, 0.055, 0.01, 0.0325, 0.028, 0.025],
    ),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.1},
        [0.1, 0.09944598, 0.08681981, 0.055, 0.0231802, 0.01859423, 0.01],
    ),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.0, "decay_steps": 20, "warmup_target": 0.2, "warmup_steps": 10},
        [0.0, 0.02, 0.1, 0.2, 0.1707107, 0.1587785, 0.02928932],
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 8},
        [0.1, 0.09619398, 0.03086582, 0.09619398, 0.05975452, 0.05, 0.09975924],
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 8, "t_mul": 1.0, "m_mul": 0.5, "alpha": 0.1},
        [0.1, 0.09657458, 0.03777924, 0.04840991, 0.01171271, 0.0325, 0.02082182],
    ),
]

IDS = [f"{row[0]}{json.dumps(row[1])}" for row in KERAS]


@pytest.fixture(scope="module")
def rates() -> Any:
    def table(steps: Any) -> list[Any]:
        return [getattr(schedules, name)(**options)(steps) for name, options, _ in KERAS]

    return compiled(table)(np.array(STEPS, "int32"))


@pytest.mark.parametrize("number", range(len(KERAS)), ids=IDS)
def test_rates_are_those_of_keras(number: int, rates: Any) -> None:
    assert np.asarray(rates[number]) == pytest.approx(np.array(KERAS[number][2]), rel=1e-5, abs=1e-8)


def test_a_python_step_gives_the_rate() -> None:
    assert float(schedules.InverseTimeDecay(0.1, 1, 0.5)(2)) == pytest.approx(0.05)


@pytest.mark.parametrize("row", KERAS, ids=IDS)
def test_configurations_rebuild(row: Any) -> None:
    schedule = getattr(schedules, row[0])(**row[1])
    written = schedules.serialize(schedule)
    assert json.loads(json.dumps(written)) == written and written["module"] == "keras.optimizers.schedules"
    again = schedules.deserialize(written)
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()


def test_violations_say_what_is_allowed() -> None:
    with pytest.raises(InvalidValue, match=r"PiecewiseConstantDecay: `boundaries` must be one shorter than `values`"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    with pytest.raises(InvalidValue, match=r"CosineDecay: `decay_steps` must be an int >= 1\. Got 0\."):
        schedules.CosineDecay(0.1, 0)
    with pytest.raises(UnknownName, match=r"^schedules: schedule 'CosinDecay' .* Did you mean 'CosineDecay'\?"):
        schedules.get("CosinDecay")
    with pytest.raises(NotImplementedError, match="define __call__"):
        schedules.LearningRateSchedule()(0)
