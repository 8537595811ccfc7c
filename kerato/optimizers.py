"""Optimizers: how gradients change weights (book chapter 5). What they share is in `kerato.updates`.

Each rule is its paper's formula for one weight p with gradient g. Names of slots, defaults and formulas are today's
(Keras 3); what older versions computed differently is an argument, e.g. `epsilon_outside`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from kerato.arguments import Family, Rule, number, serialize
from kerato.errors import InvalidCall
from kerato.updates import Optimizer, Slots
from kerato.variables import Variable

Array = Any

__all__ = ["FAMILY", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "OptaxOptimizer"]
__all__ += ["Optimizer", "RMSprop", "deserialize", "get", "serialize"]

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


def _rest(beta: float, t: Array) -> Array:
    """`1 - beta**t` without the cancellation."""
    return -jnp.expm1(t * math.log(beta)) if beta else jnp.ones_like(t)


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
        return lr * jnp.sqrt(_rest(self.beta_2, t)) / _rest(self.beta_1, t)

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
        return lr / _rest(self.beta_1, t)

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
        return lr * after / (1 - product * after), lr * (1 - now) / (1 - product), 1 / _rest(self.beta_2, t)

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


class OptaxOptimizer(Optimizer):
    """An optax gradient transformation; `optimizers.get` makes this of one.

    The leaves of its state are variables, so it is trained, saved and resumed like any other. A learning rate that
    callbacks can change needs `optax.inject_hyperparams`. It cannot be written to a configuration.
    """

    def __init__(self, transformation: Any, *, name: str | None = "optax") -> None:
        super().__init__(0.0, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The count of updates and the leaves of the transformation's state."""
        return [self.iterations, *self._slots]

    def build(self, variables: Sequence[Variable]) -> None:
        """Let the transformation make its state for these weights; a second call does nothing."""
        if self.built:
            return
        super().build(variables)
        leaves, self._tree = jax.tree.flatten(self.transformation.init([v.concrete() for v in variables]))
        for number_, leaf in enumerate(leaves):
            made = Variable(np.asarray(leaf), dtype=str(leaf.dtype), trainable=False, name=f"state_{number_}")
            made.path = made.key = f"{self.name}/{made.name}"
            self._slots.append(made)
        hyper = getattr(jax.tree.unflatten(self._tree, self._slots), "hyperparams", {})
        self._rate = hyper.get("learning_rate", self._rate)

    def update(self, variables: list[Variable], grads: list[Array]) -> None:
        """Write the new values of weights and state; weights without gradient count as having gradient 0."""
        given = dict(zip(variables, grads, strict=True))
        state = jax.tree.unflatten(self._tree, [v.value for v in self._slots])
        params = [v.value for v in self._of]
        full = [given[v] if v in given else jnp.zeros_like(p) for v, p in zip(self._of, params, strict=True)]
        steps, state = self.transformation.update(full, state, params)
        for variable, p, step in zip(self._of, params, steps, strict=True):
            if variable in given:
                new = p + step.astype(p.dtype)
                variable.assign(new if variable.constraint is None else variable.constraint(new))
        for slot, value in zip(self._slots, jax.tree.leaves(state), strict=True):
            slot.assign(value)

    def get_config(self) -> dict[str, Any]:
        """Not possible.

        Raises:
            InvalidCall: always.
        """
        raise InvalidCall(
            f"{self.name}: an optax transformation cannot be written down. Compile the loaded model with it again."
        )

    def __repr__(self) -> str:
        return f"OptaxOptimizer({type(self.transformation).__name__})"


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

FAMILY = _Optimizers("optimizers", "optimizer", {kind.__name__: kind for kind in _KINDS})

get = FAMILY.get
deserialize = FAMILY.get
