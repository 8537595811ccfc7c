"""How far to believe a map: four tests that need no ground truth, and one plain sentence made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerato import random
from kerato.see.methods import grid_of

if TYPE_CHECKING:
    from kerato.see.explanation import Explainer

Array = Any
Map = np.ndarray[Any, Any]

#: shares of the picture that are hidden or shown on the way
STEPS = 16

#: the method that a map is compared with, and the one that it is compared with if it is that one itself
SECOND_OPINIONS = ("smooth_grad", "grad_cam")

#: from here on a correlation counts as high
ALIKE = 0.7

#: and from here on one with a spot in the middle, which any map of an object near the middle is somewhat like
CENTRED = 0.9

#: less than this between insertion and deletion, and the map tells nothing about the model
HELPFUL = 0.05


@dataclass(frozen=True)
class Trust:
    """The tests of one map. Correlations are between ranks, from -1 to 1.

    `deletion`: the mean probability of the class while the hottest places are hidden one after the other (low is
    good); `insertion`: while they are uncovered on a blurred picture (high is good); both are areas under a curve
    in [0, 1] (Petsiuk et al. 2018, arXiv:1806.07421). `by_chance` is insertion less deletion for a random map.
    `randomised`: likeness to the map of the same net with shuffled weights (low is good; Adebayo et al. 2018,
    arXiv:1810.03292). `edges` and `centre`: likeness to the picture's edges and to a spot in its middle (high means
    that the map says little about the model). `agreement`: likeness to the map of another method.
    """

    deletion: float
    insertion: float
    by_chance: float
    randomised: float
    edges: float
    centre: float
    agreement: float
    sentence: str

    @property
    def score(self) -> float:
        """In [0, 1]: how much better than chance hiding and showing works, less what random weights share."""
        gain = min(max((self.insertion - self.deletion - self.by_chance) / 0.5, 0.0), 1.0)
        return gain * (1 - max(self.randomised, 0.0))

    def as_json(self) -> dict[str, Any]:
        """The tests as plain data."""
        return {**asdict(self), "score": self.score}


def judge(explainer: Explainer, x: Sequence[Map], targets: Map, raw: Map, seed: int = 0) -> list[Trust]:
    """The tests of the maps `raw`, one per picture."""
    lens, place = explainer.lens, explainer.place
    generator = random.host_generator("trust", seed)
    chance = np.asarray(generator.random(raw.shape), "float32")
    curves = [removal(explainer, x, targets, maps) for maps in (raw, chance)]
    shuffled = [_shuffled(np.asarray(value), generator) for value in lens.weights()]
    other_weights, _ = explainer.maps(x, targets, explainer.chosen(x)[0], shuffled)
    second = _second_opinion(explainer, x, targets)
    edges, middle = edge_maps(x[place], lens.channel_axis), centre_map(raw.shape)
    found = []
    for i in range(len(raw)):
        likeness = [alike(raw[i], other) for other in (other_weights[i], edges[i], middle, second[i])]
        (deletion, insertion), (lost, gained) = ((c[0][i], c[1][i]) for c in curves)
        numbers = [float(deletion), float(insertion), float(gained - lost), *likeness]
        names = ("deletion", "insertion", "by_chance", "randomised", "edges", "centre", "agreement")
        tests: dict[str, Any] = dict(zip(names, numbers, strict=True))
        found.append(Trust(**tests, sentence=sentence_for(raw[i], **tests)))
    return found


def _second_opinion(explainer: Explainer, x: Sequence[Map], targets: Map) -> Map:
    from kerato.see.explanation import Explainer

    name = next(name for name in SECOND_OPINIONS if name != explainer.method)
    other = Explainer(explainer.lens, name, output=explainer.output, input=explainer.place)
    return other.maps(x, targets, other.chosen(x)[0])[0]


def sentence_for(
    raw: Map, deletion: float, insertion: float, by_chance: float, randomised: float, edges: float, centre: float,
    agreement: float,
) -> str:  # fmt: skip
    """What the tests mean, for a person who looks at the map."""
    gain = insertion - deletion - by_chance
    if not (raw > 0).any():
        return "There is nothing to believe: the map is empty."
    if randomised > ALIKE:
        return "Do not believe it: a net with random weights gives nearly the same map."
    if edges > ALIKE:
        return "Be careful: the map mostly repeats the edges of the picture."
    if gain < HELPFUL:
        return "Do not rely on it: hiding the hot places changes the answer no more than hiding random ones."
    if centre > CENTRED:
        return "Be careful: the map is mostly a spot in the middle, whatever is there."
    if agreement < 0.2:
        return "Plausible, but another method points elsewhere."
    return "Believable: hiding the hot places changes the answer, and random weights give another map."


def removal(explainer: Explainer, x: Sequence[Map], targets: Map, maps: Map) -> tuple[Map, Map]:
    """(deletion, insertion) of each picture: areas under the probability while the hottest places go or come."""
    lens, place = explainer.lens, explainer.place
    axis = lens.channel_axis
    flat = maps.reshape(len(maps), -1)
    ranks = flat.argsort(1)[:, ::-1].argsort(1).reshape(maps.shape).astype("int32")
    total = flat.shape[1]

    def compute(weights: Any, given: list[Array], target: Array, rank: Array) -> tuple[Array, Array]:
        picture, empty = given[place], blurred(given[place], axis)

        def at(step: Array) -> tuple[Array, Array]:
            hot = rank < total * step // STEPS
            mask = hot[..., None] if axis == -1 else jnp.expand_dims(hot, -3)
            return seen(jnp.where(mask, empty, picture)), seen(jnp.where(mask, picture, empty))

        def seen(shown: Array) -> Array:
            inputs = [shown if i == place else value for i, value in enumerate(given)]
            return lens.probabilities(weights, inputs, explainer.output, target)

        curves = lax.map(at, jnp.arange(STEPS + 1))
        deletion, insertion = ((c[0] / 2 + c[1:-1].sum(0) + c[-1] / 2) / STEPS for c in curves)
        return deletion, insertion

    found: tuple[Map, Map] = explainer.batched(("removal",), x, [targets, ranks], compute)
    return found


def blurred(picture: Array, channel_axis: int) -> Array:
    """The picture without its details: what is shown where something is hidden."""
    height, width = grid_of(picture.shape, channel_axis)
    at = (-3, -2) if channel_axis == -1 else (-2, -1)
    shape = list(picture.shape)
    shape[at[0]], shape[at[1]] = max(height // 16, 1), max(width // 16, 1)
    small = jax.image.resize(picture, shape, "linear")
    return jax.image.resize(small, picture.shape, "linear")


def edge_maps(pictures: Map, channel_axis: int) -> Map:
    """How strongly the grey picture changes from place to place, (n, ..., height, width)."""
    grey = pictures.mean(-1 if channel_axis == -1 else -3)
    rows, columns = np.gradient(grey, axis=(-2, -1))
    return np.asarray(np.hypot(rows, columns))


def centre_map(shape: tuple[int, ...]) -> Map:
    """A spot in the middle of (n, ..., height, width), one map."""
    height, width = shape[-2:]
    y, x = np.linspace(-2, 2, height)[:, None], np.linspace(-2, 2, width)[None]
    return np.broadcast_to(np.exp(-(x**2 + y**2) / 2), shape[1:])


def alike(a: Map, b: Map) -> float:
    """The correlation of the ranks of two maps; 0 where one says the same everywhere."""
    first, second = _ranks(a.ravel()), _ranks(b.ravel())
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Map) -> Map:
    """The ranks of values, equal ones sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return np.asarray(((last - counts + last - 1) / 2)[inverse])


def _shuffled(value: Map, generator: np.random.Generator) -> Map:
    """The same numbers in another order; single numbers and counters stay."""
    return generator.permutation(value.ravel()).reshape(value.shape) if value.size > 1 else value
