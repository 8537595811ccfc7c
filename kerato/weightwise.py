"""Optimizers whose step for an entry depends on the whole weight, and Ftrl. What they share is in `kerato.updates`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from kerato.arguments import Rule, flag, fraction, integer, number, optional
from kerato.updates import Optimizer, Slots, rest
from kerato.variables import Variable

Array = Any


class Ftrl(Optimizer):
    """Follow the regularized leader: `p` where `linear p + n**-power / (2 lr) p**2` with both penalties is least.

    `n = n + g**2`, `linear = linear + g - (n**-power - n_before**-power) / lr p`, power = `learning_rate_power`;
    `p = (clip(linear, -l1, l1) - linear) / (n**-power / lr + 2 l2)`.
    Source: McMahan et al. 2013, Ad click prediction, algorithm 1; shrinkage and beta as in Keras.
    """

    keras_module = "keras.optimizers"
    checks: ClassVar[dict[str, Rule]] = {
        "learning_rate_power": number(most=0),
        "*_regularization_strength": number(0),
        "beta": number(0),
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The sum of squares and the linear term."""
        return [["accumulator", "linear"]]

    def first_slot(self, slot: str) -> float:
        """`initial_accumulator_value` for the sum of squares."""
        return float(self.initial_accumulator_value) if slot == "accumulator" else 0.0

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight, its sum of squares and its linear term."""
        n, power = s["accumulator"] + g * g, -self.learning_rate_power
        shrunk = g + 2 * self.l2_shrinkage_regularization_strength * p
        linear = s["linear"] + shrunk - (n**power - s["accumulator"] ** power) / c * p
        quadratic = n**power / c + 2 * (self.l2_regularization_strength + self.beta / (2 * c))
        l1 = self.l1_regularization_strength
        return (jnp.clip(linear, -l1, l1) - linear) / quadratic, {"accumulator": n, "linear": linear}


class Lamb(Optimizer):
    """Adam's step, made as long as the learning rate times the weight's own norm.

    Source: You et al. 2019, arXiv:1904.00962, algorithm 2 (decay as in `Optimizer`).
    """

    keras_module = "keras.optimizers"

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
        """The two moments."""
        return [["momentum", "velocity"]]

    def constants(self, t: Array, lr: Array) -> Any:
        """The learning rate, and the corrections for moments that began at 0."""
        return lr, 1 / rest(self.beta_1, t), 1 / rest(self.beta_2, t)

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its moments."""
        lr, of_m, of_v = c
        m = self.beta_1 * s["momentum"] + (1 - self.beta_1) * g
        v = self.beta_2 * s["velocity"] + (1 - self.beta_2) * g * g
        step = of_m * m / (jnp.sqrt(of_v * v) + self.epsilon)
        own, its = jnp.sqrt(jnp.sum(p * p)), jnp.sqrt(jnp.sum(step * step))
        ratio = jnp.where((own > 0) & (its > 0), own / jnp.where(its > 0, its, 1), 1)
        return p - lr * ratio * step, {"momentum": m, "velocity": v}


def _rms(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(x * x))


class Adafactor(Optimizer):
    """RMSprop that keeps the squares of a matrix as the product of a column and a row.

    `u = g / sqrt(v)`, cut to a root mean square of `clip_threshold`; `p - max(epsilon_2, rms(p)) rho u`, where
    `rho = min(lr, 1 / sqrt(t))` and v decays by `1 - t**beta_2_decay`.
    Source: Shazeer & Stern 2018, arXiv:1804.04235, algorithms 4 and 5.
    """

    keras_module = "keras.optimizers"
    checks: ClassVar[dict[str, Rule]] = {
        "beta_2_decay": number(most=0),
        "epsilon_1": number(0),
        "epsilon_2": number(0),
        "clip_threshold": number(0),
        "relative_step": flag,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """Mean squares by row, by column, and of all entries."""
        return [["r", "c", "velocity"]]

    def slot_shape(self, p: Variable, slot: str) -> Sequence[int]:
        """Rows and columns are those of the last two axes; a vector has none."""
        if slot == "velocity":
            return p.shape
        if p.ndim < 2:
            return ()
        return p.shape[:-1] if slot == "r" else (*p.shape[:-2], p.shape[-1])

    def constants(self, t: Array, lr: Array) -> Any:
        """rho, and how much of the mean squares is kept."""
        return jnp.minimum(lr, 1 / jnp.sqrt(t)), 1 - t**self.beta_2_decay

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its mean squares."""
        rho, kept = c
        square, new = g * g + self.epsilon_1, dict(s)
        if p.ndim >= 2:
            new["r"] = kept * s["r"] + (1 - kept) * square.mean(-1)
            new["c"] = kept * s["c"] + (1 - kept) * square.mean(-2)
            row = new["r"] / new["r"].mean(-1, keepdims=True)
            new["velocity"] = row[..., None] * new["c"][..., None, :]
        else:
            new["velocity"] = kept * s["velocity"] + (1 - kept) * square
        u = g / jnp.sqrt(new["velocity"])
        u = u / jnp.maximum(1, _rms(u) / self.clip_threshold)
        return p - jnp.maximum(self.epsilon_2, _rms(p)) * rho * u, new


class Muon(Optimizer):
    """Momentum whose step is made orthogonal, for matrices; AdamW for everything else and for embeddings.

    The step `x` is divided by its norm and goes `ns_steps` times through `a x + (b x x' + c (x x')**2) x`, which brings
    its singular values near 1.
    Source: Jordan et al. 2024, Muon; `rms_rate` from Liu et al. 2025, arXiv:2502.16982, section 2.2.
    """

    keras_module = "keras.optimizers"
    checks: ClassVar[dict[str, Rule]] = {
        "adam_beta_1": number(0, below=1),
        "adam_beta_2": number(0, below=1),
        "adam_weight_decay": optional(number(0)),
        "exclude_embeddings": flag,
        "adam_lr_ratio": number(0),
        "momentum": fraction,
        "ns_steps": integer(1),
        "rms_rate": optional(number(0)),
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **common)

    def is_adams(self, p: Variable) -> bool:
        """Whether a weight is changed by AdamW."""
        embeds = self.exclude_embeddings and "embedding" in p.path.lower()
        return p.ndim != 2 or embeds or any(re.search(word, p.path) for word in self.exclude_layers or ())

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """The moment, and for AdamW the second one."""
        return [["momentum", "velocity"]]

    def slot_shape(self, p: Variable, slot: str) -> Sequence[int] | None:
        """Matrices have no second moment."""
        return p.shape if slot == "momentum" or self.is_adams(p) else None

    def decay_of(self, variable: Variable) -> float | None:
        """The decay of the rule that changes the weight."""
        decay: float | None = self.adam_weight_decay if self.is_adams(variable) else self.weight_decay
        return decay

    def constants(self, t: Array, lr: Array) -> Any:
        """The learning rate, and AdamW's step size."""
        adams = lr * self.adam_lr_ratio * jnp.sqrt(rest(self.adam_beta_2, t)) / rest(self.adam_beta_1, t)
        return lr, adams

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its moments."""
        lr, adams = c
        if "velocity" in s:
            m = self.adam_beta_1 * s["momentum"] + (1 - self.adam_beta_1) * g
            v = self.adam_beta_2 * s["velocity"] + (1 - self.adam_beta_2) * g * g
            return p - adams * m / (jnp.sqrt(v) + self.epsilon), {"momentum": m, "velocity": v}
        m = self.momentum * s["momentum"] + g
        step = self._orthogonal(g + self.momentum * m if self.nesterov else m)
        length = 1.0 if self.rms_rate is None else self.rms_rate * max(p.shape) ** 0.5
        return p - lr * length * step, {"momentum": m}

    def _orthogonal(self, x: Array) -> Array:
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (jnp.sqrt(jnp.sum(x * x)) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.T
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x.T if tall else x
