"""The old dialect: what Keras 2.0.5, the book's version, understood differently by a call.

Every difference is a row of a table. `translate` reads a call as the tables say and gives the arguments of today's
class that mean the same; objects then hold explicit values, so what is saved from a script in the old dialect means
the same everywhere. Formulas that changed are arguments or names of today's: `epsilon_outside`, `hard_sigmoid_02`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from kerato import activations, config, regularizers
from kerato.legacy.arguments import Arguments, Call, Old
from kerato.legacy.layers import LAYERS
from kerato.legacy.rules import RULES

#: class (or rule) -> how its arguments were read
TABLE: dict[str, Old] = {**RULES, **LAYERS}

#: family -> old name -> today's name of the same thing
NAMES: dict[str, dict[str, str]] = {"activations": {"hard_sigmoid": "hard_sigmoid_02"}}


def _l1_l2(l1: float = 0.01, l2: float = 0.01) -> regularizers.L1L2:
    return regularizers.L1L2(l1, l2)


#: Functions of old modules that are not today's function or class of that name.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "activations.hard_sigmoid": activations.hard_sigmoid_02,
    "regularizers.l1_l2": _l1_l2,
}


def translate(owner: str, args: tuple[Any, ...], kwargs: Arguments) -> Call:
    """The arguments of today's `owner` for a call as 2.0.5 read it; a call in today's words means what it says."""
    if owner in NAMES:
        return args, {**kwargs, "name": NAMES[owner].get(kwargs["name"], kwargs["name"])}
    row = TABLE.get(owner)
    return (args, kwargs) if row is None else row.meaning(owner, args, kwargs)


def dialect() -> AbstractContextManager[None]:
    """Within the block, arguments mean what they meant in Keras 2.0.5."""
    return config.dialect(translate)
