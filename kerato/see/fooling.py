"""Fooling a network (book 2.4): pictures that it takes for something they are not, and how little it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kerato.errors import invalid
from kerato.see.ascend import picture_shape
from kerato.see.attacks import ENOUGH, Attack, perturb, plan
from kerato.see.lens import Lens, lens_of
from kerato.see.pages import picture_tag
from kerato.see.pictures import grey_noise

Array = Any
Map = np.ndarray[Any, Any]


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
    classes = lens.classes(x, output)
    if isinstance(target_class, bool) or not isinstance(target_class, (int, np.integer)):
        raise invalid("fool", "target_class", f"a number below {classes}", target_class)
    if not 0 <= target_class < classes:
        raise invalid("fool", "target_class", f"a number below {classes}", target_class)
    attack = plan(method, epsilon, steps)
    target = np.asarray([target_class], "int32")
    values, trace = perturb(lens, x, target, attack, (low, high), output, seed)
    return _fooling(lens, x, values, target, trace, attack, (low, high), output)


def _start(lens: Lens, start: Any, size: Any, bounds: tuple[float, float], seed: int) -> list[Map]:
    if start is not None:
        return lens.arrange(start)
    shape = picture_shape(lens, size)
    noise = grey_noise((1, *shape), bounds, seed)
    return lens.arrange(noise if lens.channel_axis == -1 else np.moveaxis(noise, -1, 1))


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
