"""Schedules: learning rates that change with the step; `schedule(step)` is the rate after `step` updates.

The formulas are Keras 3's. A schedule takes the place of an optimizer's `learning_rate`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from kerato import config, ops
from kerato.arguments import Configurable, Family, Rule, flag, integer, number, optional, serialize
from kerato.errors import invalid

Array = Any

__all__ = ["FAMILY", "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay"]
__all__ += ["LearningRateSchedule", "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "get", "serialize"]


class LearningRateSchedule(Configurable):
    """Base of schedules: `schedule(step)` is a number for an int, or a traced one for a traced step."""

    keras_module = "keras.optimizers.schedules"
    checks: ClassVar[dict[str, Rule]] = {
        "initial_learning_rate": number(0),
        "decay_steps": integer(1),
        "first_decay_steps": integer(1),
        "decay_rate": number(0),
        "end_learning_rate": number(0),
        "warmup_target": optional(number(0)),
        "warmup_steps": integer(0),
        "staircase": flag,
        "cycle": flag,
    }

    def __call__(self, step: Array) -> Array:
        """The learning rate after `step` updates."""
        raise NotImplementedError(f"{type(self).__name__}: define __call__(self, step).")


def _float(step: Array) -> Array:
    return ops.cast(step, config.floatx())


class ExponentialDecay(LearningRateSchedule):
    """`initial * decay_rate ** (step / decay_steps)`; with `staircase`, the exponent is rounded down."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        pass

    def __call__(self, step: Array) -> Array:
        """The learning rate after `step` updates."""
        p = _float(step) / self.decay_steps
        return self.initial_learning_rate * ops.power(self.decay_rate, ops.floor(p) if self.staircase else p)


class InverseTimeDecay(LearningRateSchedule):
    """`initial / (1 + decay_rate * step / decay_steps)`; with `staircase`, the quotient is rounded down."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        pass

    def __call__(self, step: Array) -> Array:
        """The learning rate after `step` updates."""
        p = _float(step) / self.decay_steps
        return self.initial_learning_rate / (1.0 + self.decay_rate * (ops.floor(p) if self.staircase else p))


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` up to and including step `boundaries[i]`, the last value after the last boundary."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise invalid("PiecewiseConstantDecay", "boundaries", "one shorter than `values`", boundaries)

    def __call__(self, step: Array) -> Array:
        """The learning rate after `step` updates."""
        rate = ops.cast(self.values[-1], config.floatx())
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1]), strict=True):
            rate = ops.where(ops.less_equal(_float(step), float(boundary)), value, rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`; with `cycle`, over ever longer stretches."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        pass

    def __call__(self, step: Array) -> Array:
        """The learning rate after `step` updates."""
        t = _float(step)
        stretch = ops.maximum(ops.ceil(t / self.decay_steps), 1.0) if self.cycle else 1.0
        p = ops.minimum(t / (self.decay_steps * stretch), 1.0)
        rest = self.initial_learning_rate - self.end_learning_rate
        return rest * ops.power(1.0 - p, self.power) + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """`initial * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`, after a linear warm-up.

    The warm-up goes from `initial_learning_rate` to `warmup_target` in `warmup_steps`; the cosine starts there.
    Source: Loshchilov & Hutter 2016, arXiv:1608.03983.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        pass

    def __call__(self, step: Array) -> Array:
        """The learning rate after `step` updates."""
        t = _float(step)
        if self.warmup_target is None:
            return self.initial_learning_rate * self._cosine(t)
        rise = (self.warmup_target - self.initial_learning_rate) / max(self.warmup_steps, 1)
        warm = self.initial_learning_rate + rise * t
        return ops.where(t < self.warmup_steps, warm, self.warmup_target * self._cosine(t - self.warmup_steps))

    def _cosine(self, t: Array) -> Array:
        p = ops.clip(t / self.decay_steps, 0.0, 1.0)
        return (1 - self.alpha) * 0.5 * (1.0 + ops.cos(math.pi * p)) + self.alpha


class CosineDecayRestarts(LearningRateSchedule):
    """`CosineDecay` again and again, each time over `t_mul` times as many steps from `m_mul` times the height.

    Source: Loshchilov & Hutter 2016, arXiv:1608.03983.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        pass

    def __call__(self, step: Array) -> Array:
        """The learning rate after `step` updates."""
        p = _float(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            restarts = ops.floor(p)
            p = p - restarts
        else:
            restarts = ops.floor(ops.log(1.0 - p * (1.0 - self.t_mul)) / math.log(self.t_mul))
            length = ops.power(self.t_mul, restarts)
            p = (p - (1.0 - length) / (1.0 - self.t_mul)) / length
        cosine = 0.5 * ops.power(self.m_mul, restarts) * (1.0 + ops.cos(math.pi * p))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


_KINDS = (ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay, CosineDecay, CosineDecayRestarts)

FAMILY = Family("schedules", "schedule", {kind.__name__: kind for kind in _KINDS})

get = FAMILY.get
deserialize = FAMILY.get
