"""The old dialect: what Keras 2.0.5, the book's version, understood differently by a call.

Every difference is a row of a table. `translate` reads a call as the tables say and gives the arguments of today's
class that mean the same; objects then hold explicit values, so what is saved from a script in the old dialect means
the same everywhere. Formulas that changed are arguments or names of today's: `epsilon_outside`, `hard_sigmoid_02`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from kerato import activations, config, initializers, objectives, regularizers
from kerato.legacy.arguments import Arguments, Call, Old
from kerato.legacy.layers import LAYERS
from kerato.legacy.rules import CUT_VARIANCE, RULES

#: class (or rule) -> how its arguments were read
TABLE: dict[str, Old] = {**RULES, **LAYERS}


def _l1_l2(l1: float = 0.01, l2: float = 0.01) -> regularizers.L1L2:
    return regularizers.L1L2(l1, l2)


def _relu(x: Any, alpha: float = 0.0, max_value: float | None = None) -> Any:
    return activations.relu(x, alpha, max_value)


def _cut_normal(scale: float, mode: str) -> Callable[..., Any]:
    """Glorot's and He's normal distributions, cut but not widened."""

    def made(seed: int | None = None) -> initializers.VarianceScaling:
        return initializers.VarianceScaling(scale * CUT_VARIANCE, mode, "truncated_normal", seed)

    return made


_GLOROT_NORMAL, _HE_NORMAL = _cut_normal(1.0, "fan_avg"), _cut_normal(2.0, "fan_in")

#: family -> old name -> today's name of the same thing, or the thing where today has no name for it
NAMES: dict[str, dict[str, Any]] = {
    "activations": {"hard_sigmoid": "hard_sigmoid_02"},
    "constraints": {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"},
    "initializers": {"glorot_normal": _GLOROT_NORMAL(), "he_normal": _HE_NORMAL()},
    # Labels of 0 and 1 were not read as -1 and 1.
    "losses": {"hinge": "hinge_of_signs", "squared_hinge": "squared_hinge_of_signs"},
    "metrics": {"hinge": "hinge_of_signs", "squared_hinge": "squared_hinge_of_signs"},
    "regularizers": {"l1_l2": _l1_l2()},
}


#: Functions of old modules that are not today's function or class of that name.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "activations.hard_sigmoid": activations.hard_sigmoid_02,
    "activations.relu": _relu,
    "initializers.glorot_normal": _GLOROT_NORMAL,
    "initializers.he_normal": _HE_NORMAL,
    "losses.hinge": objectives.hinge_of_signs,
    "losses.squared_hinge": objectives.squared_hinge_of_signs,
    "metrics.hinge": objectives.hinge_of_signs,
    "metrics.squared_hinge": objectives.squared_hinge_of_signs,
    "regularizers.l1_l2": _l1_l2,
}


def _summed(regularizer: Any) -> Any:
    """A penalty on outputs was the sum over the batch; a configuration is today's already."""
    found = regularizers.get(regularizer)
    is_ours = isinstance(regularizer, dict) or isinstance(found, regularizers.SummedOverBatch)
    return regularizer if found is None or is_ours else regularizers.SummedOverBatch(found)


def translate(owner: str, args: tuple[Any, ...], kwargs: Arguments) -> Call:
    """The arguments of today's `owner` for a call as 2.0.5 read it; a call in today's words means what it says."""
    if owner in NAMES:
        return args, {**kwargs, "name": NAMES[owner].get(kwargs["name"], kwargs["name"])}
    if "activity_regularizer" in kwargs:
        kwargs = {**kwargs, "activity_regularizer": _summed(kwargs["activity_regularizer"])}
    row = TABLE.get(owner)
    return (args, kwargs) if row is None else row.meaning(owner, args, kwargs)


def dialect() -> AbstractContextManager[None]:
    """Within the block, arguments mean what they meant in Keras 2.0.5."""
    return config.dialect(translate)
