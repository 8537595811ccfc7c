"""Optimizers: how gradients change weights (book chapter 5). What they share is in `kerato.updates`.

Each rule is its paper's formula for one weight p with gradient g. Names of slots, defaults and formulas are today's
(Keras 3); what older versions computed differently is an argument, e.g. `epsilon_outside`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from kerato import schedules
from kerato.arguments import Family, Rule, integer, number, serialize
from kerato.errors import InvalidCall
from kerato.transformations import OptaxOptimizer
from kerato.updates import Optimizer, Slots, above_zero, rest, where
from kerato.variables import Variable, evaluation
from kerato.weightwise import Adafactor, Ftrl, Lamb, Muon

Array = Any

__all__ = ["FAMILY", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"]
__all__ += ["LossScaleOptimizer", "Muon", "Nadam", "OptaxOptimizer", "Optimizer", "RMSprop", "deserialize", "get"]
__all__ += ["schedules", "serialize"]

_OUTSIDE: dict[str, Any] = {"epsilon_outside": False}


class SGD(Optimizer):
    """`p - lr g`; with momentum `v = momentum v - lr g`, `p + v`, or `p + momentum v - lr g` with `nesterov`.

    Source: Sutskever et al. 2013, On the importance of initialization and momentum in deep learning, equations 1-4.
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **common: Any) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The velocity, where there is momentum."""
        return [["momentum"]] if self.momentum else []

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its velocity."""
        if not self.momentum:
            return p - c * g, {}
        v = self.momentum * s["momentum"] - c * g
        return p + (self.momentum * v - c * g if self.nesterov else v), {"momentum": v}


class RMSprop(Optimizer):
    """`a = rho a + (1 - rho) g**2`, `p - lr g / sqrt(a + epsilon)`.

    With `centered`, the square of the mean gradient is taken off a; with `momentum`, steps add up.
    Source: Hinton 2012, Neural networks for machine learning, lecture 6e.
    Differs: up to Keras 2.2 epsilon was outside the root: `epsilon_outside`.
    """

    variants = _OUTSIDE

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *,
        epsilon_outside: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The mean square, and what momentum and centering keep."""
        more = [["momentum"]] * bool(self.momentum) + [["average_gradient"]] * bool(self.centered)
        return [["velocity"], *more]

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its means."""
        new = {"velocity": self.rho * s["velocity"] + (1 - self.rho) * g * g}
        square = new["velocity"]
        if self.centered:
            new["average_gradient"] = self.rho * s["average_gradient"] + (1 - self.rho) * g
            square = square - new["average_gradient"] ** 2
        step = c * g / _root(square, self.epsilon, self.epsilon_outside)
        if self.momentum:
            step = new["momentum"] = self.momentum * s["momentum"] + step
        return p - step, new


def _root(a: Array, epsilon: float, outside: bool) -> Array:
    return jnp.sqrt(a) + epsilon if outside else jnp.sqrt(a + epsilon)


class Adagrad(Optimizer):
    """`a = a + g**2`, `p - lr g / sqrt(a + epsilon)`; a begins at `initial_accumulator_value`.

    Source: Duchi et al. 2011, JMLR 12:2121, figure 1.
    Differs: up to Keras 2.2 a began at 0 and epsilon was outside the root: `epsilon_outside`.
    """

    variants = _OUTSIDE

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *,
        epsilon_outside: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The sum of squares."""
        return [["accumulator"]]

    def first_slot(self, slot: str) -> float:
        """`initial_accumulator_value`."""
        return float(self.initial_accumulator_value)

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its sum of squares."""
        a = s["accumulator"] + g * g
        return p - c * g / _root(a, self.epsilon, self.epsilon_outside), {"accumulator": a}


class Adadelta(Optimizer):
    """`a = rho a + (1 - rho) g**2`, `u = g sqrt(d + epsilon) / sqrt(a + epsilon)`, `p - lr u`, d as a but of u.

    Source: Zeiler 2012, arXiv:1212.5701, algorithm 1 (whose lr is 1).
    """

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **common: Any) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """Mean squares of gradients and of steps."""
        return [["accumulated_grad", "accumulated_delta_var"]]

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its two mean squares."""
        a = self.rho * s["accumulated_grad"] + (1 - self.rho) * g * g
        u = g * jnp.sqrt(s["accumulated_delta_var"] + self.epsilon) / jnp.sqrt(a + self.epsilon)
        d = self.rho * s["accumulated_delta_var"] + (1 - self.rho) * u * u
        return p - c * u, {"accumulated_grad": a, "accumulated_delta_var": d}


class Adam(Optimizer):
    """`m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g**2`, `p - a m / (sqrt(v) + epsilon)`.

    The step size is `a = lr sqrt(1 - b2**t) / (1 - b1**t)`, since m and v began at 0.
    With `amsgrad`, the largest v so far takes its place (Reddi et al. 2018, arXiv:1904.09237).
    Source: Kingma & Ba 2014, arXiv:1412.6980, the form at the end of section 2.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The two moments, and the largest second one."""
        return [["momentum", "velocity"], *[["velocity_hat"]] * bool(self.amsgrad)]

    def constants(self, t: Array, lr: Array) -> Any:
        """The learning rate with both corrections for moments that began at 0."""
        return lr * jnp.sqrt(rest(self.beta_2, t)) / rest(self.beta_1, t)

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its moments."""
        m = self.beta_1 * s["momentum"] + (1 - self.beta_1) * g
        v = self.beta_2 * s["velocity"] + (1 - self.beta_2) * g * g
        largest = {"velocity_hat": jnp.maximum(s["velocity_hat"], v)} if self.amsgrad else {}
        root = jnp.sqrt(largest.get("velocity_hat", v)) + self.epsilon
        return p - c * m / root, {"momentum": m, "velocity": v, **largest}


class AdamW(Adam):
    """`Adam` with weight decay. Source: Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adamax(Optimizer):
    """`m = b1 m + (1 - b1) g`, `u = max(b2 u, |g|)`, `p - lr / (1 - b1**t) m / (u + epsilon)`.

    Source: Kingma & Ba 2014, arXiv:1412.6980, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The first moment and the largest gradient."""
        return [["momentum", "norm"]]

    def constants(self, t: Array, lr: Array) -> Any:
        """The learning rate with the correction for a moment that began at 0."""
        return lr / rest(self.beta_1, t)

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight, its moment and its largest gradient."""
        m = self.beta_1 * s["momentum"] + (1 - self.beta_1) * g
        u = jnp.maximum(self.beta_2 * s["norm"], jnp.abs(g))
        return p - c * m / (u + self.epsilon), {"momentum": m, "norm": u}


class Nadam(Optimizer):
    """Adam with Nesterov's momentum: the step mixes g with the moment that the next update would use.

    With `mu_t = b1 (1 - 0.96**(t d) / 2)`, d = `schedule_decay`, and P_t the product of mu_1 to mu_t:
    `p - lr ((1 - mu_t) g / (1 - P_t) + mu_{t+1} m / (1 - P_{t+1})) / (sqrt(v / (1 - b2**t)) + epsilon)`.
    Source: Dozat 2016, Incorporating Nesterov momentum into Adam; d is 0.004 there and up to Keras 2, 1 today.
    """

    checks: ClassVar[dict[str, Rule]] = {"schedule_decay": number(0)}
    variants: ClassVar[dict[str, Any]] = {"schedule_decay": 1.0}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        schedule_decay: float = 1.0,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The two moments."""
        return [["momentum", "velocity"]]

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots and the product of all mu so far."""
        if not self.built:
            super().build(variables)
            self.product = self.add_variable((), 1.0, variables[0].dtype if variables else None, "u_product")
            self._slots.append(self.product)

    def constants(self, t: Array, lr: Array) -> Any:
        """The factors of m and g in the step, and of v under the root."""
        now, after = (self.beta_1 * (1 - 0.5 * 0.96 ** (n * self.schedule_decay)) for n in (t, t + 1))
        product = self.product.value.astype(t.dtype) * now
        self.product.assign(product)
        return lr * after / (1 - product * after), lr * (1 - now) / (1 - product), 1 / rest(self.beta_2, t)

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its moments."""
        of_m, of_g, of_v = c
        m = self.beta_1 * s["momentum"] + (1 - self.beta_1) * g
        v = self.beta_2 * s["velocity"] + (1 - self.beta_2) * g * g
        return p - (of_m * m + of_g * g) / (jnp.sqrt(of_v * v) + self.epsilon), {"momentum": m, "velocity": v}


class Lion(Optimizer):
    """`p - lr sign(b1 m + (1 - b1) g)`, `m = b2 m + (1 - b2) g`. Source: Chen et al. 2023, arXiv:2302.06675."""

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **common: Any) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The moment."""
        return [["momentum"]]

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its moment."""
        step = jnp.sign(self.beta_1 * s["momentum"] + (1 - self.beta_1) * g)
        return p - c * step, {"momentum": self.beta_2 * s["momentum"] + (1 - self.beta_2) * g}


class LossScaleOptimizer(Optimizer):
    """An optimizer for float16: the loss is multiplied by a scale that grows while all gradients stay finite.

    The scale doubles after `dynamic_growth_steps` updates; gradients with NaN or infinity halve it and change nothing
    else. `compile` wraps the optimizer of a model in `mixed_float16` in this.

    Args:
        inner_optimizer: changes the weights.
        initial_scale: the first scale.
        dynamic_growth_steps: updates until it doubles.

    Source: Micikevicius et al. 2017, arXiv:1710.03740, section 3.2, and its dynamic form in Keras.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "inner_optimizer": Rule("an optimizer, or the name of one", lambda value, _: _one(value)),
        "initial_scale": Rule("a number > 0", above_zero),
        "dynamic_growth_steps": integer(1),
    }

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **idle: Any,
    ) -> None:
        if any(value not in (None, False, 0.0, 0.99, True) for value in idle.values()):
            raise InvalidCall(f"LossScaleOptimizer: {', '.join(idle)} belong to the `inner_optimizer`.")
        super().__init__(0.0, name=name)

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate if "built" in self.__dict__ else self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if "built" in self.__dict__:
            self.inner_optimizer.learning_rate = value
        else:
            Optimizer.learning_rate.fset(self, value)  # type: ignore[attr-defined]

    @property
    def averages(self) -> dict[Variable, Variable]:
        """Those of the inner optimizer."""
        found: dict[Variable, Variable] = self.inner_optimizer.averages
        return found

    @averages.setter
    def averages(self, value: Any) -> None:
        """They are the inner optimizer's."""

    @property
    def variables(self) -> list[Variable]:
        """The counters and the scale, then the variables of the inner optimizer."""
        return [*super().variables, *self.inner_optimizer.variables]

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the scale, and the slots of the inner optimizer."""
        if self.built:
            return
        super().build(variables)
        self.step_counter = self.add_variable((), 0, "int32", "step_counter")
        self.dynamic_scale = self.add_variable((), self.initial_scale, "float32", "dynamic_scale")
        self._slots += [self.step_counter, self.dynamic_scale]
        self.inner_optimizer.build(variables)

    def scale_loss(self, loss: Array) -> Array:
        """The loss times the scale."""
        scale = self.dynamic_scale.value if self.built else self.initial_scale
        return loss * jnp.asarray(scale).astype(loss.dtype)

    def apply(self, grads: Sequence[Array], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Change the weights, unless a gradient is not finite; and the scale."""
        self.build(list(trainable_variables or ()))
        with evaluation() as run:
            scale, count = self.dynamic_scale.value, self.step_counter.value
            finite = jnp.all(jnp.asarray([jnp.all(jnp.isfinite(g)) for g in grads if g is not None]))
            fair = [None if g is None else g / scale.astype(g.dtype) for g in map(_as_array, grads)]
            where(run, finite, lambda: self.inner_optimizer.apply(fair, trainable_variables))
            grown = count == self.dynamic_growth_steps - 1
            self.dynamic_scale.assign(scale * jnp.where(finite, jnp.where(grown, 2.0, 1.0), 0.5))
            self.step_counter.assign(jnp.where(finite & ~grown, count + 1, 0))

    def finalize_variable_values(self, variables: Iterable[Variable]) -> None:
        """As the inner optimizer does."""
        self.inner_optimizer.finalize_variable_values(variables)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this object."""
        names = ("inner_optimizer", "initial_scale", "dynamic_growth_steps", "name")
        return {name: serialize(getattr(self, name)) for name in names}


def _one(identifier: Any) -> Any:
    return FAMILY.get(identifier)


def _as_array(g: Any) -> Any:
    return None if g is None else jnp.asarray(g)


class _Optimizers(Family):
    """The family of optimizers, to which every optax transformation belongs."""

    def get(self, identifier: Any) -> Any:
        """The optimizer that a name, a configuration, a class, an object or an optax transformation stands for.

        Raises:
            UnknownName: no optimizer has that name; the message lists the names and the nearest one.
        """
        is_transformation = not isinstance(identifier, Optimizer) and hasattr(identifier, "init")
        return OptaxOptimizer(identifier) if is_transformation else super().get(identifier)


_KINDS: tuple[type[Optimizer], ...] = (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam, Lion)
_KINDS += (Adafactor, Ftrl, Lamb, Muon, LossScaleOptimizer)

FAMILY: Family = _Optimizers("optimizers", "optimizer", {kind.__name__: kind for kind in _KINDS})

get = FAMILY.get
deserialize = FAMILY.get
