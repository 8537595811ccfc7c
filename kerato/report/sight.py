"""What a trained network sees: pictures that its filters respond to, heat maps with trust, and how little fools it.

All of it is measured on a few pictures within a budget of processor time; what is left out is said, with the reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kerato.errors import KeratoError
from kerato.report.thumbnails import Thumbnail, thumbnail
from kerato.see.ascend import filters
from kerato.see.curves import robustness
from kerato.see.explanation import explain
from kerato.see.fooling import fool
from kerato.see.lens import lens_of
from kerato.see.methods import grid_of
from kerato.see.pages import enlarged, scale_bar

Array = NDArray[Any]

#: seconds of processor time for all of it; a part that begins later is left out
BUDGET_S: Final = 15.0
#: convolutions from the first on whose filters are shown, filters of each, and steps of their ascent
LAYERS, FILTERS, STEPS = 2, 8, 48
#: pictures with a heat map, half of them named wrongly where there are such
MAPS: Final = 6
#: a map of fewer places a side says little about where something is; then places are hidden one after the other
PLACES: Final = 5
#: pictures that are attacked, fewer where they have more than so many pixels; the sizes of changes; steps of an attack
ATTACKED, FEWEST_ATTACKED, PIXELS = 64, 16, 96 * 96
CHANGES: Final = (1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255, 32 / 255)
ATTACK_STEPS: Final = 10


@dataclass(frozen=True)
class Responses:
    """Pictures that filters of a layer respond to, the strongest first; `silent` of the `tried` ones never did."""

    layer: str
    pictures: tuple[Thumbnail, ...]
    tried: int
    silent: int


@dataclass(frozen=True)
class Heat:
    """A held-out picture, what it is and was called, its heat map, and how far to believe it (`score` from 0 to 1)."""

    picture: Thumbnail
    overlay: Thumbnail
    truth: str
    said: str
    sentence: str
    score: float


@dataclass(frozen=True)
class Noise:
    """A picture made from noise that the network takes for `said`."""

    start: Thumbnail
    picture: Thumbnail
    said: str
    probability: float
    fooled: bool


@dataclass
class Sight:
    """What was found; `left_out` has (part, reason) of what was not. `changes` are shares of the range of values."""

    filters: list[Responses] = field(default_factory=list)
    heat: list[Heat] = field(default_factory=list)
    method: str = ""
    scale: Thumbnail | None = None
    changes: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    halving: float | None = None
    attacked: int = 0
    noise: Noise | None = None
    left_out: dict[str, str] = field(default_factory=dict)


def sight(
    model: Any, pictures: Array, labels: Array, answers: Array, class_names: Sequence[str], budget: float = BUDGET_S
) -> Sight:
    """Look into a trained model with a few held-out pictures.

    Args:
        model: takes pictures as they are, and gives a probability for every class.
        pictures: (n, height, width, channels), 0..255, none of them learned from; n may be 0.
        labels: (n,) what they are.
        answers: (n, classes) what the model answered.
        class_names: of the classes.
        budget: seconds of processor time.
    """
    found, began, size = Sight(), time.process_time(), (pictures.shape[1], pictures.shape[2])
    works: dict[str, Callable[[], None]] = {
        "noise": lambda: _fool(found, model, size, len(class_names)),
        "heat maps": lambda: _explain(found, model, pictures, labels, answers, class_names),
        "robustness": lambda: _attack(found, model, pictures, labels),
        "filters": lambda: _look(found, model, size),
    }
    for part, work in works.items():
        if time.process_time() - began > budget:
            found.left_out[part] = "looking into this network takes long; kerato look, explain and fool take the time."
            continue
        try:
            work()
        except KeratoError as error:
            found.left_out[part] = str(error)
    return found


def chosen(labels: Array, answers: Array, most: int = MAPS) -> list[int]:
    """Which pictures get a heat map: half of them wrong ones, the surest first, the others right, of many classes."""
    said, sure = answers.argmax(1), answers.max(1)
    wrong = [int(i) for i in np.argsort(-sure, kind="stable") if said[i] != labels[i]]
    right = [int(i) for i in np.flatnonzero(said == labels)]
    firsts = [next(i for i in right if labels[i] == label) for label in dict.fromkeys(labels[right].tolist())]
    right = [*firsts, *(i for i in right if i not in set(firsts))]
    half = min(len(wrong), max(most // 2, most - len(right)))
    return [*right[: most - half], *wrong[:half]]


def _fool(found: Sight, model: Any, size: tuple[int, int], classes: int) -> None:
    made = fool(model, min(3, classes - 1), size=size)
    found.noise = Noise(
        thumbnail(made.start), thumbnail(made.picture), made.name, made.probability_as_saved, made.fooled
    )


def _explain(
    found: Sight, model: Any, pictures: Array, labels: Array, answers: Array, class_names: Sequence[str]
) -> None:
    places = chosen(labels, answers) if len(labels) else []
    if not places:
        found.left_out["heat maps"] = "no pictures were held out."
        return
    x = pictures[places].astype("float32")
    maps = explain(model, x, answers[places].argmax(1), method_for(model, x))
    found.method, found.scale = maps.heading, thumbnail(scale_bar())
    for i, place in enumerate(places):
        shown, trust = enlarged(*maps.shown(i))[0], maps.trust[i]
        truth, said = class_names[int(labels[place])], class_names[int(maps.targets[i])]
        found.heat.append(Heat(thumbnail(shown), thumbnail(maps.overlay(i)), truth, said, maps.verdict(i), trust.score))


def method_for(model: Any, x: Array) -> str:
    """Grad-CAM where the last map has places enough to tell them apart, else occlusion."""
    maps = [call for call in lens_of(model, "report").calls([x[:1]]) if call.is_map]
    fine = bool(maps) and min(grid_of(maps[-1].shape, maps[-1].channel_axis)) >= PLACES
    return "grad_cam" if fine else "occlusion"


def _attack(found: Sight, model: Any, pictures: Array, labels: Array) -> None:
    if not len(labels):
        found.left_out["robustness"] = "no pictures were held out."
        return
    share = PIXELS / (pictures.shape[1] * pictures.shape[2])
    many = max(FEWEST_ATTACKED, int(ATTACKED * min(share, 1.0)))
    drawn = np.random.default_rng(0).permutation(len(labels))[:many]
    curve = robustness(model, pictures[drawn].astype("float32"), labels[drawn], CHANGES, steps=ATTACK_STEPS)
    found.changes, found.accuracy = curve.epsilons, tuple(curve.accuracy.tolist())
    found.halving, found.attacked = curve.halving(), len(drawn)


def _look(found: Sight, model: Any, size: tuple[int, int]) -> None:
    lens = lens_of(model, "report")
    blank = np.zeros((1, *size, lens.channels), "float32")
    calls = [call for call in lens.calls([blank]) if call.is_map and "Conv" in call.kind]
    if not calls:
        found.left_out["filters"] = "the network has no convolution."
    for call in calls[:LAYERS]:
        many = min(FILTERS, call.channels)
        sheet = filters(model, call.path, many, size, STEPS, "fourier")
        shown = tuple(thumbnail(picture) for picture in sheet.pictures)
        found.filters.append(Responses(call.path.rpartition("/")[2], shown, many, len(sheet.dead)))
