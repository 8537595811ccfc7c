"""The old dialect: what Keras 2.0.5, the book's version, understood differently by a call.

Every difference is a row of a table. `translate` reads a call as the tables say and gives the arguments of today's
class that mean the same; objects then hold explicit values, so what is saved from a script in the old dialect means
the same everywhere. Formulas that changed are arguments or names of today's: `epsilon_outside`, `hard_sigmoid_02`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from kerato import activations, config, regularizers, schedules
from kerato.legacy import kernels

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Old:
    """How 2.0.5 read the arguments of one class.

    Args:
        order: the old names of positional arguments; needed where their order was another one or there are defaults.
        names: old name -> today's.
        defaults: values of arguments (under today's names) that a call leaves out.
        rewrite: what remains, a function of the arguments under today's names.
    """

    order: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    rewrite: Callable[[Arguments], Arguments] = dict


def _decayed(kwargs: Arguments) -> Arguments:
    """`decay` divided the learning rate by `1 + decay * updates`: today a schedule."""
    rest = dict(kwargs)
    decay = rest.pop("decay", 0.0)
    if decay:
        rest["learning_rate"] = schedules.InverseTimeDecay(rest["learning_rate"], 1, decay)
    return rest


def _optimizer(order: str, learning_rate: float, **defaults: Any) -> Old:
    # Up to 2.0.5 the limit of `clipnorm` was for all gradients together, today's `global_clipnorm`.
    names = {"lr": "learning_rate", "clipnorm": "global_clipnorm"}
    return Old(tuple(order.split()), names, {"learning_rate": learning_rate, **defaults}, _decayed)


#: class (or rule) -> how its arguments were read
TABLE: dict[str, Old] = {
    "SGD": _optimizer("lr momentum decay nesterov", 0.01),
    "RMSprop": _optimizer("lr rho epsilon decay", 0.001, epsilon=1e-8, epsilon_outside=True),
    "Adagrad": _optimizer("lr epsilon decay", 0.01, epsilon=1e-8, epsilon_outside=True, initial_accumulator_value=0.0),
    "Adadelta": _optimizer("lr rho epsilon decay", 1.0, epsilon=1e-8),
    "Adam": _optimizer("lr beta_1 beta_2 epsilon decay", 0.001, epsilon=1e-8),
    "Adamax": _optimizer("lr beta_1 beta_2 epsilon decay", 0.002, epsilon=1e-8),
    "Nadam": _optimizer("lr beta_1 beta_2 epsilon schedule_decay", 0.002, epsilon=1e-8, schedule_decay=0.004),
    "L1": Old(names={"l": "l1"}),
    "L2": Old(names={"l": "l2"}),
    "MaxNorm": Old(names={"m": "max_value"}),
    # 'accuracy' was chosen by the loss, today by shapes.
    "accuracy": Old(rewrite=lambda kwargs: {**kwargs, "by_loss": True}),
    "set_weights": Old(rewrite=kernels.as_given),
}

#: family -> old name -> today's name of the same thing
NAMES: dict[str, dict[str, str]] = {"activations": {"hard_sigmoid": "hard_sigmoid_02"}}


def _l1_l2(l1: float = 0.01, l2: float = 0.01) -> regularizers.L1L2:
    return regularizers.L1L2(l1, l2)


#: Functions of old modules that are not today's function or class of that name.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "activations.hard_sigmoid": activations.hard_sigmoid_02,
    "regularizers.l1_l2": _l1_l2,
}


def translate(owner: str, args: tuple[Any, ...], kwargs: Arguments) -> tuple[tuple[Any, ...], Arguments]:
    """The arguments of today's `owner` for a call as 2.0.5 read it; a call in today's words means what it says."""
    if owner in NAMES:
        return args, {**kwargs, "name": NAMES[owner].get(kwargs["name"], kwargs["name"])}
    row = TABLE.get(owner)
    if row is None:
        return args, kwargs
    if len(args) <= len(row.order):
        args, kwargs = (), {**dict(zip(row.order, args, strict=False)), **kwargs}
    renamed = {row.names[k] if k in row.names and row.names[k] not in kwargs else k: v for k, v in kwargs.items()}
    # Positional arguments that remain are too many: today's class says so.
    missing = {} if args else {k: v for k, v in row.defaults.items() if k not in renamed}
    return args, row.rewrite({**renamed, **missing})


def dialect() -> AbstractContextManager[None]:
    """Within the block, arguments mean what they meant in Keras 2.0.5."""
    return config.dialect(translate)
