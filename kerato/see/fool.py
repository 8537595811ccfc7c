"""Fooling a network (book 2.4): pictures that it takes for something they are not, and how little it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerato import random
from kerato.errors import InvalidValue, invalid, unknown
from kerato.see.ascend import picture_shape
from kerato.see.lens import Lens, lens_of
from kerato.see.pages import picture_tag
from kerato.see.pictures import grey_noise

Array = Any
Map = np.ndarray[Any, Any]

METHODS = ("ascent", "fgsm", "pgd", "deepfool")

#: an ascent is content from this probability on
ENOUGH = 0.995


@dataclass
class Fooling:
    """A picture that a network takes for something else.

    `values` is what the model was given, (height, width, channels); `picture` the same as uint8; `start` what it was
    made from, as uint8; `before` and `answer` the classes that the model sees in both;
    `probability` of `target` for `values`, `probability_as_saved` for the picture rounded to
    whole grey levels, as a file has it; `trace` the probability on the way; `largest` and `distance` the largest
    change of a value and the root of the sum of squared changes, both in units of the values' range.
    """

    picture: Map
    start: Map
    values: Map
    target: int
    name: str
    before: int
    answer: int
    probability: float
    probability_as_saved: float
    trace: Map
    largest: float
    distance: float
    method: str

    @property
    def fooled(self) -> bool:
        """Whether the model takes the picture for the target."""
        return self.answer == self.target

    def sheet(self) -> Map:
        """Start, change (grey is none, full contrast is the largest change) and result, uint8 RGB."""
        from kerato.image.draw import sheet

        change = self.picture.astype("float64") - self.start
        peak = max(float(np.abs(change).max()), 1e-9)
        shown = np.clip(127.5 + 127.5 * change / peak, 0, 255).astype("uint8")
        captions = ["start", f"change, at most {100 * self.largest:.1f} % of the range", self.caption()]
        return sheet([self.start, shown, self.picture], captions)

    def caption(self) -> str:
        """What the network says of the picture."""
        return f'"{self.name}" {100 * self.probability:.1f} %'

    def save(self, path: Any) -> Path:
        """Write the picture to a file."""
        from kerato.image.files import write

        return write(path, self.picture)

    def as_json(self) -> dict[str, Any]:
        """What was computed, as plain data."""
        return {
            "target": self.target,
            "name": self.name,
            "probability": self.probability,
            "probability_as_saved": self.probability_as_saved,
            "fooled": self.fooled,
            "class_of_start": self.before,
            "largest_change": self.largest,
            "distance": self.distance,
            "method": self.method,
            "steps": len(self.trace) - 1,
        }

    def _repr_html_(self) -> str:
        return picture_tag(self.sheet(), f"a picture taken for {self.caption()}")

    def __repr__(self) -> str:
        return f"<Fooling {self.caption()} method={self.method} largest change {self.largest:.3f}>"


@dataclass(frozen=True)
class Attack:
    """How a batch of pictures is changed: the way, the limit of a change (in units of the range), and the steps.

    `toward` goes to the target, otherwise away from it.
    """

    method: str
    epsilon: float | None
    steps: int
    toward: bool = True


def fool(
    model: Any,
    target_class: int,
    start: Any = None,
    method: str = "ascent",
    epsilon: float | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    steps: int | None = None,
    bounds: tuple[float, float] | None = None,
    output: int = 0,
    seed: int = 0,
) -> Fooling:
    """A picture that the model takes for `target_class`, from noise or from another picture.

    Args:
        model: a classifier: any model that Kerato trains or loads, or a Keras 3 model.
        target_class: the number of the class.
        start: (height, width, channels), values as the model takes them; None starts from noise.
        method: `'ascent'`: along the gradient of the class's log probability until the model is sure; `'fgsm'`: one
            step of `epsilon` along the gradient's signs (Goodfellow et al. 2014, arXiv:1412.6572); `'pgd'`: many,
            never further than `epsilon` (Madry et al. 2017, arXiv:1706.06083); `'deepfool'`: the shortest way over
            the border (Moosavi-Dezfooli et al. 2015, arXiv:1511.04599).
        epsilon: the largest change of a value, as a share of the values' range; for fgsm and pgd 8/255 unless given.
        size: of the noise in pixels, where the model takes any size.
        steps: at most so many.
        bounds: range of the values; None asks the model.
        output: which output of the model.
        seed: of the noise.

    Raises:
        UnknownName: no such method.
        InvalidValue: no such class, or a start that the model does not take.
    """
    lens = lens_of(model, "fool")
    low, high = bounds or lens.bounds
    x = _start(lens, start, size, (low, high), seed)
    classes = _classes(lens, x, output)
    if isinstance(target_class, bool) or not isinstance(target_class, (int, np.integer)):
        raise invalid("fool", "target_class", f"a number below {classes}", target_class)
    if not 0 <= target_class < classes:
        raise invalid("fool", "target_class", f"a number below {classes}", target_class)
    attack = plan(method, epsilon, steps)
    target = np.asarray([target_class], "int32")
    values, trace = perturb(lens, x, target, attack, (low, high), output, seed)
    return _fooling(lens, x, values, target, trace, attack, (low, high), output)


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
    """A batch under attack: what its steps ask for. `first` are the pictures before, `wanted` (n,) the classes."""

    lens: Lens
    weights: list[Array]
    given: list[Array]
    wanted: Array
    attack: Attack
    bounds: tuple[float, float]
    output: int

    @property
    def first(self) -> Array:
        """The pictures before the attack."""
        return self.given[self.lens.picture_input]

    @property
    def limit(self) -> float:
        """The largest change of a value, as the model counts values."""
        return (self.attack.epsilon or 1.0) * (self.bounds[1] - self.bounds[0])

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
    sure = (p >= ENOUGH) if on.attack.toward else (p <= 1 - ENOUGH)
    length = 0.01 * (on.bounds[1] - on.bounds[0])
    return jnp.where(sure.reshape(-1, *[1] * (picture.ndim - 1)), picture, on.kept(picture + length * g)), p


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

    def compute(weights: Any, given: list[Array], wanted: Array, key: Array) -> tuple[Array, Array]:
        on = Target(lens, weights, given, wanted, attack, bounds, output)

        def one(i: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            picture, p = _STEPS[attack.method](on, state[0])
            return picture, state[1].at[i].set(p)

        picture = on.first
        if attack.method == "pgd":
            picture = on.kept(picture + on.limit * (2 * random.uniform_from(key, picture.shape) - 1))
        picture, trace = lax.fori_loop(0, attack.steps, one, (picture, jnp.zeros((attack.steps + 1, len(wanted)))))
        return picture, trace.at[attack.steps].set(on.likelihood(picture)[1])

    key = ("attack", attack, bounds, output, tuple(value.shape for value in x))
    program = lens.program(key, compute, f"fool: {attack.method}")
    values, trace = program(lens.weights(), list(x), jnp.asarray(target), random.key(seed))
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


def _start(lens: Lens, start: Any, size: Any, bounds: tuple[float, float], seed: int) -> list[Map]:
    if start is not None:
        return lens.arrange(start)
    shape = picture_shape(lens, size)
    noise = grey_noise((1, *shape), bounds, seed)
    return lens.arrange(noise if lens.channel_axis == -1 else np.moveaxis(noise, -1, 1))


def _classes(lens: Lens, x: Sequence[Map], output: int) -> int:
    found = jax.eval_shape(lambda w, g: lens.logits(w, g, output), lens.weights(), list(x))
    return int(found.shape[-1])


def _fooling(
    lens: Lens, x: Sequence[Map], values: Map, target: Map, trace: Map, attack: Attack, bounds: tuple[float, float],
    output: int,
) -> Fooling:  # fmt: skip
    low, high = bounds
    place = lens.picture_input
    shown = [as_picture(item[0], lens.channel_axis, bounds) for item in (x[place], values)]
    saved = low + (high - low) * np.clip(np.rint((values - low) / (high - low) * 255), 0, 255) / 255
    given = [[value if i == place else item for i, item in enumerate(x)] for value in (values, saved.astype("float32"))]
    program = lens.program(("answer", output), lambda w, g: jax.nn.softmax(lens.logits(w, g, output)), "fool: answer")
    p, p_saved = (np.asarray(program(lens.weights(), item))[0] for item in given)
    before = np.asarray(program(lens.weights(), list(x)))[0]
    change = (values - x[place]) / (high - low)
    names = lens.model.extra.get("class_names", ())
    number = int(target[0])
    path = trace[:, 0]
    sure = np.nonzero(path >= ENOUGH)[0]
    return Fooling(
        picture=shown[1],
        start=shown[0],
        values=(values if lens.channel_axis == -1 else np.moveaxis(values, 1, -1))[0],
        target=number,
        name=str(names[number]) if number < len(names) else f"class {number}",
        before=int(before.argmax()),
        answer=int(p.argmax()),
        probability=float(p[number]),
        probability_as_saved=float(p_saved[number]),
        trace=path[: int(sure[0]) + 1] if attack.method == "ascent" and len(sure) else path,
        largest=float(np.abs(change).max()),
        distance=float(np.sqrt((change**2).sum())),
        method=attack.method,
    )


def as_picture(values: Map, channel_axis: int, bounds: tuple[float, float]) -> Map:
    """Values within `bounds` as uint8, channels last."""
    low, high = bounds
    values = values if channel_axis == -1 else np.moveaxis(values, 0, -1)
    return np.asarray(np.clip(np.rint((values - low) / (high - low) * 255), 0, 255), "uint8")


@dataclass
class Robustness:
    """How often a network is fooled by how little: `success` (classes, epsilons) is the share of pictures of a class
    that were answered rightly and are no longer; `accuracy` (epsilons,) over all pictures; the first epsilon is 0."""

    epsilons: tuple[float, ...]
    success: Map
    accuracy: Map
    counts: Map
    class_names: tuple[str, ...]
    method: str

    def halving(self) -> float | None:
        """The smallest change that halves the accuracy, on straight lines between those tested; None if none does."""
        half = self.accuracy[0] / 2
        for i in range(1, len(self.epsilons)):
            if self.accuracy[i] <= half:
                a, b = self.accuracy[i - 1], self.accuracy[i]
                share = (a - half) / max(a - b, 1e-12)
                return float(self.epsilons[i - 1] + share * (self.epsilons[i] - self.epsilons[i - 1]))
        return None

    def as_json(self) -> dict[str, Any]:
        """The curves as plain data."""
        return {
            "method": self.method,
            "epsilons": list(self.epsilons),
            "accuracy": self.accuracy.tolist(),
            "success": {name: row.tolist() for name, row in zip(self.class_names, self.success, strict=True)},
            "counts": dict(zip(self.class_names, self.counts.tolist(), strict=True)),
            "halving": self.halving(),
        }

    def __repr__(self) -> str:
        pairs = ", ".join(f"{e:.3g}: {100 * a:.1f} %" for e, a in zip(self.epsilons, self.accuracy, strict=True))
        return f"<Robustness {self.method} accuracy at {pairs}>"


def robustness(
    model: Any,
    pictures: Any,
    labels: Any,
    epsilons: Sequence[float] = (1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255, 32 / 255),
    method: str = "pgd",
    *,
    steps: int | None = None,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Robustness:
    """The curve of answers that stay right under attacks of growing size.

    Args:
        model: a classifier.
        pictures: (n, height, width, channels), values as the model takes them.
        labels: (n,) class numbers.
        epsilons: the sizes of change, as shares of the range of values, growing.
        method: `'fgsm'` or `'pgd'`.
        steps: of pgd; 10 unless given.
        bounds: range of the values; None asks the model.
        seed: of pgd's start.

    Raises:
        InvalidValue: labels do not fit the pictures, or sizes do not grow.
    """
    lens = lens_of(model, "robustness")
    x, labels = lens.arrange(pictures), np.asarray(labels).reshape(-1).astype("int32")
    if len(labels) != len(x[0]) or list(epsilons) != sorted(set(epsilons)):
        raise InvalidValue(
            f"robustness: there must be one label per picture and growing epsilons. Got {len(x[0])} pictures, "
            f"{len(labels)} labels and {tuple(epsilons)}."
        )
    if method not in ("fgsm", "pgd"):
        raise unknown("robustness", "the method", method, ("fgsm", "pgd"))
    right = [_right(lens, x, labels)]
    size = lens.batch_size(x)
    for epsilon in epsilons:
        attack = plan(method, epsilon, (steps or 10) if method == "pgd" else None, toward=False)
        found = []
        for at in range(0, len(labels), size):
            batch = [item[at : at + size] for item in x]
            values, _ = perturb(lens, batch, labels[at : at + size], attack, bounds or lens.bounds, 0, seed)
            batch[lens.picture_input] = values
            found.append(_right(lens, batch, labels[at : at + size]))
        right.append(np.concatenate(found) & right[0])
    kept = np.stack(right)
    classes = int(labels.max()) + 1
    counts = np.asarray([int(right[0][labels == c].sum()) for c in range(classes)])
    success = np.stack(
        [1 - kept[:, (labels == c) & right[0]].mean(1) if counts[c] else np.zeros(len(kept)) for c in range(classes)]
    )
    names = tuple(map(str, lens.model.extra.get("class_names", ()))) or tuple(f"class {c}" for c in range(classes))
    return Robustness((0.0, *map(float, epsilons)), success, kept.mean(1), counts, names[:classes], method)


def _right(lens: Lens, x: Sequence[Map], labels: Map) -> Map:
    size = lens.batch_size(x)
    program = lens.program(("likeliest", 0), lambda w, g: lens.likeliest(w, g, 0), "robustness: answer")
    weights = lens.weights()
    found = [np.asarray(program(weights, [item[at : at + size] for item in x])) for at in range(0, len(labels), size)]
    return np.asarray(np.concatenate(found) == labels)
