"""The base of optimizers: state, clipping, weight decay, constraints and the counting of updates, once for all rules.

A rule is a formula for one weight: `rule(p, g, s, c)` gives the new weight and its new slots, where p is the weight,
g its gradient, s its slots and c what `constants(t, lr)` computed once for all weights of update t = 1, 2, ...
`kerato.optimizers` has the rules.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config as settings
from kerato import schedules
from kerato.arguments import Configurable, Rule, flag, fraction, integer, number, optional, serialize, snake_case
from kerato.errors import InvalidType, InvalidValue, invalid, show
from kerato.variables import Run, Variable, evaluation

Array = Any
Slots = dict[str, Array]
Some = tuple[set[Any], tuple[str, ...]]  # variables, and parts of the paths of others


def _rate(value: Any, owner: Any) -> Any:
    if isinstance(value, dict) or callable(value):
        return schedules.get(value)
    return value if isinstance(value, Variable) else number(0).convert(value, owner)


def above_zero(value: Any, _: Any) -> float:
    """The conversion of a rule for numbers > 0."""
    if isinstance(value, (bool, str)) or not value > 0:
        raise ValueError
    return float(value)


class Optimizer(Configurable):
    """Base of optimizers.

    Args:
        learning_rate: a number, which `optimizer.learning_rate = ...` changes later, or a schedule.
        weight_decay: every update takes this share times the learning rate off the weights.
        clipnorm: the largest norm that the gradient of one weight may have; a larger one is scaled down.
        clipvalue: the largest value that an entry of a gradient may have; larger ones are cut.
        global_clipnorm: the largest norm that all gradients together may have; larger ones are scaled down.
        use_ema: keep the moving average of each weight, `average = m average + (1 - m) weight`, which the weights
            become at the end of `fit`.
        ema_momentum: m.
        ema_overwrite_frequency: let the weights become their averages after every so many updates, too.
        loss_scale_factor: the loss is multiplied by it and the gradients divided, so that small ones survive float16.
        gradient_accumulation_steps: change the weights only every so many batches, by the mean of their gradients.
        name: the first part of the paths of its variables.

    Differs: Keras 3 takes one of the three kinds of clipping; here norms come first and values after them.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "learning_rate": Rule("a number >= 0, or a schedule", _rate),
        "weight_decay": optional(number(0)),
        "clipnorm": optional(Rule("a number > 0", above_zero)),
        "clipvalue": optional(Rule("a number > 0", above_zero)),
        "global_clipnorm": optional(Rule("a number > 0", above_zero)),
        "momentum": fraction,
        "beta_1": number(0, below=1),
        "beta_2": number(0, below=1),
        "rho": number(0, below=1),
        "epsilon": number(0),
        "nesterov": flag,
        "centered": flag,
        "amsgrad": flag,
        "initial_accumulator_value": number(0),
        "epsilon_outside": flag,
        "use_ema": flag,
        "ema_momentum": fraction,
        "ema_overwrite_frequency": optional(integer(1)),
        "loss_scale_factor": optional(Rule("a number > 0", above_zero)),
        "gradient_accumulation_steps": optional(integer(2)),
    }

    #: Arguments for older formulas that Keras 3 does not know, with the values that mean today's; those are not saved.
    variants: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.iterations = self.add_variable((), dtype="int32", name="iteration")
        self.learning_rate = _rate(learning_rate, self)
        if isinstance(self._rate, Variable):
            self._rate.path = f"{self.name}/{self._rate.name}"
        self.built = False
        self._slots: list[Variable] = []
        self._of: dict[Variable, dict[str, Variable]] = {}
        self.averages: dict[Variable, Variable] = {}
        self._sums: dict[Variable, Variable] = {}
        self._undecayed: Some = (set(), ())
        self._multiplied: list[tuple[float, Some]] = []

    def slot_groups(self) -> Sequence[Sequence[str]]:
        """Names of the slots; those of a group lie together for each weight, groups follow one another."""
        return ()

    def slot_shape(self, p: Variable, slot: str) -> Sequence[int] | None:
        """The shape of a slot of weight `p`, that of the weight unless said otherwise; None where it has none."""
        return p.shape

    def first_slot(self, slot: str) -> float:
        """The first value of all entries of a slot."""
        return 0.0

    def constants(self, t: Array, lr: Array) -> Any:
        """What `rule` needs in update t = 1, 2, ... and what is the same for all weights; the learning rate here."""
        return lr

    def rule(self, p: Array, g: Array, s: Slots, c: Any) -> tuple[Array, Slots]:
        """The new weight and its new slots."""
        raise NotImplementedError(f"{type(self).__name__}: define rule(self, p, g, s, c).")

    @property
    def learning_rate(self) -> Any:
        """The variable that holds the rate, or what the schedule gives after the updates so far."""
        return self._rate if isinstance(self._rate, Variable) else self._rate(self.iterations.value)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._rate = value
        elif "built" not in self.__dict__:  # the constructor
            first = np.asarray(value, settings.floatx())
            self._rate = Variable(first, dtype=str(first.dtype), trainable=False, name="learning_rate")
        elif isinstance(self._rate, Variable):
            self._rate.assign(jnp.asarray(value, self._rate.dtype))
        else:
            raise InvalidType(f"{self.name}: the learning rate follows {show(self._rate)}. Set another schedule.")

    @property
    def lr(self) -> Any:
        """`learning_rate`, as it was called up to Keras 2."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    @property
    def variables(self) -> list[Variable]:
        """The count of updates, the learning rate where it is a number, the slots; in Keras 3's order."""
        return [self.iterations, *([self._rate] if isinstance(self._rate, Variable) else ()), *self._slots]

    def add_variable(
        self, shape: Sequence[int], first: float = 0, dtype: str | None = None, name: str = ""
    ) -> Variable:
        """A new variable of this optimizer's state, `first` everywhere."""
        kind = dtype or settings.floatx()
        variable = Variable(lambda shape, dtype, _: np.full(shape, first, dtype), tuple(shape), kind, False, name)
        variable.path = variable.key = f"{self.name}/{name}"
        return variable

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots of the weights that this optimizer will change; a second call does nothing."""
        if self.built:
            return
        self.built = True
        if self.use_ema:
            self.averages = {p: self._beside(p, "average", p.shape) for p in variables}
        if self.gradient_accumulation_steps:
            self._sums = {p: self._beside(p, "gradient_accumulator", p.shape) for p in variables}
        for group in self.slot_groups():
            for p in variables:
                for slot in group:
                    shape = self.slot_shape(p, slot)
                    if shape is not None:
                        self._of.setdefault(p, {})[slot] = self._beside(p, slot, shape)
        self._of = {p: self._of.get(p, {}) for p in variables}

    def _beside(self, p: Variable, slot: str, shape: Sequence[int]) -> Variable:
        made = self.add_variable(shape, self.first_slot(slot), p.dtype, f"{p.path.replace('/', '_')}_{slot}")
        self._slots.append(made)
        return made

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """The state as arrays, in the order of `variables`."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take the state that `get_weights` gave, once the slots are made (by `build`, or by training).

        Raises:
            InvalidValue: their number or a shape differs.
        """
        if len(weights) != len(self.variables):
            raise invalid(self.name, "weights", f"a list of {len(self.variables)} arrays", weights)
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(np.asarray(value))

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Let `weight_decay` pass over these variables and those whose path contains one of these names."""
        self._undecayed = set(var_list or ()), tuple(var_names or ())

    def multiply_learning_rate(
        self, factor: float, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Let these variables, and those whose path contains one of these names, take steps `factor` times as long.

        Weight decay is as before. Said before training begins; like `exclude_from_weight_decay`, not kept in files.

        Raises:
            InvalidValue: the factor is not a number >= 0.
        """
        self._multiplied.append((number(0)(self, "factor", factor), (set(var_list or ()), tuple(var_names or ()))))

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this object, the learning rate as it is now."""
        variable = isinstance(self._rate, Variable)  # its shortest decimal form: 0.001, not 0.0010000000474974513
        rate = float(str(np.asarray(self._rate.concrete())[()])) if variable else serialize(self._rate)
        found = {**super().get_config(), "learning_rate": rate}
        return {name: value for name, value in found.items() if self.variants.get(name, self) != value}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An optimizer with the arguments of `config`, in today's words where it names a `learning_rate`."""
        with settings.dialect(None) if "learning_rate" in config else contextlib.nullcontext():
            return cls(**config)

    def scale_loss(self, loss: Array) -> Array:
        """The loss whose gradients `apply` expects."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def apply(self, grads: Sequence[Array], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Change the weights by one update. Weights without a gradient (None) stay as they are.

        Raises:
            InvalidValue: the numbers of gradients and weights differ, or a weight is not one of those built for.
        """
        variables = list(self._of) if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        if len(grads) != len(variables):
            raise invalid(self.name, "grads", f"one per weight, {len(variables)} here", len(grads))
        for variable in variables:
            if variable not in self._of:
                raise InvalidValue(f"{self.name}: it was not built for {variable!r}. Make a new optimizer for it.")
        pairs = [(v, jnp.asarray(g, v.dtype)) for v, g in zip(variables, grads, strict=True) if g is not None]
        if self.loss_scale_factor is not None:
            pairs = [(v, g / self.loss_scale_factor) for v, g in pairs]
        with evaluation() as run:
            if self.gradient_accumulation_steps:
                self._accumulate(run, pairs)
            else:
                self._change(pairs)
            if self.use_ema:
                self._average(run)
            self.iterations.assign_add(1)

    def _change(self, pairs: Sequence[tuple[Variable, Array]]) -> None:
        self.update([v for v, _ in pairs], self._clipped([g for _, g in pairs]))

    def _accumulate(self, run: Run, pairs: Sequence[tuple[Variable, Array]]) -> None:
        steps = int(self.gradient_accumulation_steps)
        due = (self.iterations.value + 1) % steps == 0
        summed = [(v, self._sums[v].value + g) for v, g in pairs]
        where(run, due, lambda: self._change([(v, g / steps) for v, g in summed]))
        for v, g in summed:
            self._sums[v].assign(jnp.where(due, jnp.zeros_like(g), g))

    def _average(self, run: Run) -> None:
        steps = self.gradient_accumulation_steps or 1
        momentum = jnp.where(self.iterations.value // steps == 0, 0.0, self.ema_momentum)
        for p, average in self.averages.items():
            m = momentum.astype(p.dtype)
            average.assign(m * average.value + (1 - m) * p.value)
        if self.ema_overwrite_frequency:
            due = (self.iterations.value // steps + 1) % self.ema_overwrite_frequency == 0
            where(run, due, lambda: self.finalize_variable_values(list(self.averages)))

    def finalize_variable_values(self, variables: Iterable[Variable]) -> None:
        """Let weights become their averages, where there are some; called at the end of `fit`."""
        for variable in variables:
            if variable in self.averages:
                variable.assign(self.averages[variable].value)

    def update(self, variables: list[Variable], grads: list[Array]) -> None:
        """Write the new values of weights and slots, for clipped gradients."""
        rate = jnp.asarray(self.learning_rate, settings.floatx())
        done = self.iterations.value // (self.gradient_accumulation_steps or 1)
        constants = self.constants((done + 1).astype(rate.dtype), rate)
        for variable, g in zip(variables, grads, strict=True):
            p, slots = variable.value, self._of[variable]
            c = jax.tree.map(lambda x, dtype=p.dtype: x.astype(dtype), constants)
            decay = None if _among(variable, self._undecayed) else self.decay_of(variable)
            if decay is not None:
                p = p - p * (decay * rate).astype(p.dtype)
            new, changed = self.rule(p, g, {name: slot.value for name, slot in slots.items()}, c)
            for factor in (factor for factor, some in self._multiplied if _among(variable, some)):
                new = p + factor * (new - p)
            variable.assign(new if variable.constraint is None else variable.constraint(new))
            for name, value in changed.items():
                slots[name].assign(value)

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a weight."""
        decay: float | None = self.weight_decay
        return decay

    def _clipped(self, grads: list[Array]) -> list[Array]:
        if self.clipnorm is not None:
            grads = [_scaled_down(g, _norm([g]), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            norm = _norm(grads)
            grads = [_scaled_down(g, norm, self.global_clipnorm) for g in grads]
        if self.clipvalue is not None:
            grads = [jnp.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Array, Variable]]) -> None:
        """`apply` for pairs of a gradient and a weight."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])


def _among(variable: Variable, some: Some) -> bool:
    variables, names = some
    return variable in variables or any(name in variable.path for name in names)


def where(run: Run, condition: Array, change: Callable[[], None]) -> None:
    """Let the assignments that `change` makes hold only where `condition` does; both ways are computed."""
    with Run(dict(run.values), run.training, run.key) as tried:
        change()
    for variable, value in tried.updates.items():
        variable.assign(jnp.where(condition, value, variable.value))


def _norm(grads: Sequence[Array]) -> Array:
    return jnp.sqrt(sum(jnp.sum(jnp.square(g.astype(jnp.promote_types(g.dtype, jnp.float32)))) for g in grads))


def _scaled_down(g: Array, norm: Array, limit: float) -> Array:
    return g * (limit / jnp.maximum(norm, limit)).astype(g.dtype)


def rest(beta: float, t: Array) -> Array:
    """`1 - beta**t` without the cancellation."""
    return -jnp.expm1(t * math.log(beta)) if beta else jnp.ones_like(t)
