"""How pictures are changed so that a network answers otherwise, compiled once for any size of the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerato import random
from kerato.errors import invalid, unknown
from kerato.see.lens import Lens

Array = Any
Map = np.ndarray[Any, Any]

METHODS = ("ascent", "fgsm", "pgd", "deepfool")

#: an ascent is content from this probability on
ENOUGH = 0.995


@dataclass(frozen=True)
class Attack:
    """How a batch of pictures is changed: the way, the limit of a change (in units of the range), and the steps.

    `toward` goes to the target, otherwise away from it.
    """

    method: str
    epsilon: float | None
    steps: int
    toward: bool = True


def plan(method: str, epsilon: float | None, steps: int | None, toward: bool = True) -> Attack:
    """The attack that the arguments of `fool` describe.

    Raises:
        UnknownName: no such method.
        InvalidValue: `epsilon` is no share, or `steps` no count.
    """
    if method not in METHODS:
        raise unknown("fool", "the method", method, METHODS)
    if epsilon is not None and not (isinstance(epsilon, (int, float)) and 0 < epsilon <= 1):
        raise invalid("fool", "epsilon", "a share of the range of values, above 0 and up to 1", epsilon)
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise invalid("fool", "steps", "an int >= 1", steps)
    limit = 8 / 255 if epsilon is None and method in ("fgsm", "pgd") else epsilon
    usual = {"ascent": 500, "fgsm": 1, "pgd": 40, "deepfool": 50}[method]
    return Attack(method, limit, 1 if method == "fgsm" else steps or usual, toward)


@dataclass(frozen=True)
class Target:
    """A batch under attack: what its steps ask for.

    `wanted` (n,) are the classes, `limit` is the largest change of a value, as the model counts values.
    """

    lens: Lens
    weights: list[Array]
    given: list[Array]
    wanted: Array
    limit: Array
    attack: Attack
    bounds: tuple[float, float]
    output: int

    @property
    def first(self) -> Array:
        """The pictures before the attack."""
        return self.given[self.lens.picture_input]

    def logits(self, picture: Array) -> Array:
        """(n, classes) for other pictures."""
        place = self.lens.picture_input
        inputs = [picture if i == place else value for i, value in enumerate(self.given)]
        return self.lens.logits(self.weights, inputs, self.output)

    def likelihood(self, picture: Array) -> tuple[Array, Array]:
        """(sum of the log probabilities of the wanted classes, the probabilities)."""
        logp = jnp.take_along_axis(jax.nn.log_softmax(self.logits(picture)), self.wanted[:, None], -1)[:, 0]
        return jnp.sum(logp), jnp.exp(logp)

    def gradient(self, picture: Array) -> tuple[Array, Array]:
        """(where to go, probabilities)."""
        (_, p), g = jax.value_and_grad(self.likelihood, has_aux=True)(picture)
        return (g if self.attack.toward else -g), p

    def kept(self, picture: Array) -> Array:
        """The picture within the limit of change and the range of values."""
        return jnp.clip(jnp.clip(picture, self.first - self.limit, self.first + self.limit), *self.bounds)


def _ascend(on: Target, picture: Array) -> tuple[Array, Array]:
    g, p = on.gradient(picture)
    g = g / (jnp.sqrt(jnp.mean(g**2, tuple(range(1, picture.ndim)), keepdims=True)) + 1e-12)
    sure = _content(on.attack, p)
    length = 0.01 * (on.bounds[1] - on.bounds[0])
    return jnp.where(sure.reshape(-1, *[1] * (picture.ndim - 1)), picture, on.kept(picture + length * g)), p


def _content(attack: Attack, p: Array) -> Array:
    """Whether an ascent need not go on; the other methods make all their steps."""
    if attack.method != "ascent":
        return jnp.zeros(p.shape, bool)
    return (p >= ENOUGH) if attack.toward else (p <= 1 - ENOUGH)


def _by_signs(on: Target, picture: Array) -> tuple[Array, Array]:
    g, p = on.gradient(picture)
    length = on.limit if on.attack.method == "fgsm" else 2.5 * on.limit / on.attack.steps
    return on.kept(picture + length * jnp.sign(g)), p


def _cross(on: Target, picture: Array) -> tuple[Array, Array]:
    moved = over_the_border(on.logits, picture, on.wanted, on.attack.toward, on.bounds)
    return moved, on.likelihood(picture)[1]


_STEPS = {"ascent": _ascend, "fgsm": _by_signs, "pgd": _by_signs, "deepfool": _cross}


def perturb(
    lens: Lens, x: Sequence[Map], target: Map, attack: Attack, bounds: tuple[float, float], output: int, seed: int
) -> tuple[Map, Map]:
    """(pictures, probabilities of the target on the way (steps + 1, n)) of a batch that is attacked together."""

    def compute(weights: Any, given: list[Array], wanted: Array, limit: Array, key: Array) -> tuple[Array, Array]:
        on = Target(lens, weights, given, wanted, limit, attack, bounds, output)

        def goes_on(state: tuple[Array, Array, Array]) -> Array:
            i, _, trace = state
            return (i < attack.steps) & ~((i > 0) & _content(attack, trace[i - 1]).all())

        def one(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            i, picture, trace = state
            picture, p = _STEPS[attack.method](on, picture)
            return i + 1, picture, trace.at[i].set(p)

        picture = on.first
        if attack.method == "pgd":
            picture = on.kept(picture + on.limit * (2 * random.uniform_from(key, picture.shape) - 1))
        trace = jnp.zeros((attack.steps + 1, len(wanted)))
        i, picture, trace = lax.while_loop(goes_on, one, (jnp.int32(0), picture, trace))
        after = jnp.arange(attack.steps + 1)[:, None] >= i
        return picture, jnp.where(after, on.likelihood(picture)[1], trace)

    # The size of the change is an argument of the program, so that a curve over sizes is compiled once.
    limit = jnp.float32((attack.epsilon or 1.0) * (bounds[1] - bounds[0]))
    key = ("attack", replace(attack, epsilon=None), bounds, output, tuple(value.shape for value in x))
    program = lens.program(key, compute, f"fool: {attack.method}")
    values, trace = program(lens.weights(), list(x), jnp.asarray(target), limit, random.key(seed))
    return np.asarray(values), np.asarray(trace)


def over_the_border(
    logits: Any, picture: Array, target: Array, toward: bool, bounds: tuple[float, float], overshoot: float = 0.02
) -> Array:
    """One step of DeepFool: the shortest way over the nearest border, taken as a plane.

    Toward: to the target's side; away: from the target's side to that of the nearest other class. Pictures that are
    there already stay.
    """

    def single(one: Array, wanted: Array) -> Array:
        f = logits(one[None])[0]
        w = jax.jacrev(lambda p: logits(p[None])[0])(one)
        best = jnp.argmax(f)
        own = best if toward else wanted
        gap, slope = f - f[own], w - w[own]
        size = jnp.sum(slope.reshape(len(f), -1) ** 2, 1)
        apart = jnp.abs(gap) / jnp.sqrt(jnp.maximum(size, 1e-12))
        other = wanted if toward else jnp.argmin(jnp.where(jnp.arange(len(f)) == own, jnp.inf, apart))
        there = (best == wanted) if toward else (best != wanted)
        move = (jnp.abs(gap[other]) + 1e-4) / jnp.maximum(size[other], 1e-12) * slope[other]
        return jnp.where(there, one, jnp.clip(one + (1 + overshoot) * move, *bounds))

    return lax.map(lambda pair: single(*pair), (picture, target))
