"""Optax's gradient transformations as optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato.errors import InvalidCall
from kerato.updates import Optimizer
from kerato.variables import Variable

Array = Any


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
