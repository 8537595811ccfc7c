"""The old arguments, defaults and formulas of what is no layer: optimizers, regularizers, constraints, initializers."""

from __future__ import annotations

from typing import Any

from kerato import schedules
from kerato.legacy import kernels
from kerato.legacy.arguments import Arguments, Old

#: variance of a standard normal distribution that is cut at two standard deviations
CUT_VARIANCE = 0.77374112


def _decayed(kwargs: Arguments) -> Arguments:
    """`decay` divided the learning rate by `1 + decay * updates`: today a schedule. 0 meant no clipping."""
    rest = {name: value for name, value in kwargs.items() if value != 0 or name not in ("global_clipnorm", "clipvalue")}
    decay = rest.pop("decay", 0.0)
    if decay:
        rest["learning_rate"] = schedules.InverseTimeDecay(rest["learning_rate"], 1, decay)
    return rest


def _not_widened(kwargs: Arguments) -> Arguments:
    """The normal distribution was cut at two standard deviations without making up for the smaller variance."""
    if kwargs["distribution"] != "normal":
        return kwargs
    return {**kwargs, "distribution": "truncated_normal", "scale": kwargs.get("scale", 1.0) * CUT_VARIANCE}


def _optimizer(order: str, learning_rate: float, **defaults: Any) -> Old:
    # Up to 2.0.5 the limit of `clipnorm` was for all gradients together, today's `global_clipnorm`.
    names = {"lr": "learning_rate", "clipnorm": "global_clipnorm"}
    return Old(tuple(order.split()), names, defaults={"learning_rate": learning_rate, **defaults}, rewrite=_decayed)


#: class (or rule) -> how its arguments were read
RULES: dict[str, Old] = {
    "SGD": _optimizer("lr momentum decay nesterov", 0.01),
    "RMSprop": _optimizer("lr rho epsilon decay", 0.001, epsilon=1e-8, epsilon_outside=True),
    "Adagrad": _optimizer("lr epsilon decay", 0.01, epsilon=1e-8, epsilon_outside=True, initial_accumulator_value=0.0),
    "Adadelta": _optimizer("lr rho epsilon decay", 1.0, epsilon=1e-8),
    "Adam": _optimizer("lr beta_1 beta_2 epsilon decay", 0.001, epsilon=1e-8),
    "Adamax": _optimizer("lr beta_1 beta_2 epsilon decay", 0.002, epsilon=1e-8),
    "Nadam": _optimizer("lr beta_1 beta_2 epsilon schedule_decay", 0.002, epsilon=1e-8, schedule_decay=0.004),
    "VarianceScaling": Old(
        ("scale", "mode", "distribution", "seed"), defaults={"distribution": "normal"}, rewrite=_not_widened
    ),
    # A loss was divided by the number of samples whose weight is not 0.
    "LossFunctionWrapper": Old(("fn", "reduction", "name", "dtype"), defaults={"reduction": "sum_over_counted"}),
    "L1": Old(names={"l": "l1"}),
    "L2": Old(names={"l": "l2"}),
    "MaxNorm": Old(("max_value", "axis"), older={"m": "max_value"}),
    "RandomNormal": Old(older={"scale": "stddev"}),
    # 'accuracy' was chosen by the loss, today by shapes.
    "accuracy": Old(rewrite=lambda kwargs: {**kwargs, "by_loss": True}),
    "set_weights": Old(rewrite=kernels.as_given),
}
