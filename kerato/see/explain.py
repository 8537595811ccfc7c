"""`explain`: why a model answered as it did, as one map per picture, with a word on how far to believe it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kerato.errors import InvalidValue, invalid, suggest, unknown
from kerato.see.lens import Call, Lens, lens_of
from kerato.see.methods import METHODS, Scene, grid_of, square_side
from kerato.see.pages import enlarged, heat_over, picture_tag, with_scale
from kerato.see.trust import Trust, judge

Array = Any
Map = np.ndarray[Any, Any]

#: a map whose values reach this share of its largest in this share of its cells shows nothing
SATURATED_AT, SATURATED_SHARE = 0.99, 0.75


@dataclass
class Explanation:
    """Maps of what mattered in pictures.

    `maps` (n, height, width), or (n, time, height, width) for films, are in [0, 1], each scaled by its own largest
    value; `raw` are the method's own numbers, signed where a method tells for from against. `layer` is the layer
    that was looked at, `why_layer` says who chose it, `notes` what to know of a map (one text per picture, mostly
    empty), `trust` how far to believe each.
    """

    maps: Map
    raw: Map
    pictures: Map
    targets: Map
    method: str
    layer: str | None
    why_layer: str
    scores: Map
    notes: list[str]
    trust: list[Trust] = field(default_factory=list)
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.maps)

    def overlay(self, number: int, alpha: float = 0.7) -> Map:
        """Picture `number` in grey with its map over it, uint8 RGB: the hotter, the less of the picture shows through.

        Tiny pictures are enlarged, with hard pixels and a smooth map. Of a film the frame that mattered most.
        """
        return heat_over(*enlarged(*self.shown(number)), alpha)

    def shown(self, number: int) -> tuple[Map, Map]:
        """(picture uint8, map in [0, 1]) of `number`; of a film the frame that mattered most."""
        picture, heat = self.pictures[number], self.maps[number]
        if heat.ndim == 3:
            frame = int(heat.reshape(len(heat), -1).sum(1).argmax())
            picture, heat = picture[frame], heat[frame]
        return picture, heat

    def name_of(self, number: int) -> str:
        """The name of the class in question for picture `number`."""
        target = int(self.targets[number])
        return self.class_names[target] if target < len(self.class_names) else f"class {target}"

    def sheet(self) -> Map:
        """Originals beside overlays, what to think of each, and the scale of the heat, uint8 RGB."""
        from kerato.image.draw import sheet

        rows: list[Map] = []
        captions: list[str] = []
        for i in range(len(self)):
            rows += [enlarged(*self.shown(i))[0], self.overlay(i)]
            captions += [self.name_of(i), self.verdict(i)]
        cell = (max(row.shape[0] for row in rows), max(220, *(row.shape[1] for row in rows)))
        return with_scale(sheet(rows, captions, 2 if len(self) < 3 else 4, cell), self.heading)

    @property
    def heading(self) -> str:
        """The method, and the layer that it looked at."""
        return self.method + (f" at {self.layer}" if self.layer else "")

    def verdict(self, number: int) -> str:
        """What to know of the map of picture `number`, and how far to believe it."""
        trust = self.trust[number].sentence if self.trust else ""
        note = self.notes[number]
        return " ".join(filter(None, (f"{note[:1].upper()}{note[1:]}." if note else "", trust)))

    def caption(self, number: int) -> str:
        """Method, layer, and how far to believe the map of picture `number`."""
        return " · ".join(filter(None, (self.heading, self.verdict(number))))

    def save(self, path: Any) -> Path:
        """Write `sheet()` to a picture file."""
        from kerato.image.files import write

        return write(path, self.sheet())

    def as_json(self) -> dict[str, Any]:
        """What was computed, as plain data; the maps themselves are pictures."""
        found = [
            {
                "target": int(self.targets[i]),
                "name": self.name_of(i),
                "score": float(self.scores[i]),
                "hottest": [int(v) for v in np.unravel_index(int(self.maps[i].argmax()), self.maps[i].shape)],
                "note": self.notes[i],
                "trust": self.trust[i].as_json() if self.trust else None,
            }
            for i in range(len(self))
        ]
        return {"method": self.method, "layer": self.layer, "why_layer": self.why_layer, "pictures": found}

    def _repr_html_(self) -> str:
        return picture_tag(self.sheet(), f"{self.method} maps of {len(self)} pictures")

    def __repr__(self) -> str:
        where = f" layer={self.layer} ({self.why_layer})" if self.layer else ""
        return f"<Explanation {self.method} maps={self.maps.shape}{where}>"


def explain(
    model: Any,
    pictures: Any,
    target: Any = None,
    method: str = "grad_cam",
    layer: Any = None,
    *,
    output: int | str = 0,
    trust: bool = True,
    seed: int = 0,
    **options: Any,
) -> Explanation:
    """Why the model answered as it did: one map per picture of what mattered for a class.

    A softmax or sigmoid at the end is looked behind. The layer is chosen where none is named, and the result says
    which. Pictures are worked on in batches that keep memory bounded, and each method is compiled once.

    Args:
        model: any model that Kerato trains or loads, or a Keras 3 model.
        pictures: (n, height, width, channels), one picture, films (n, time, height, width, channels), or for models
            with several inputs the list or dict of them; values as the model takes them.
        target: the class in question, one or one per picture; None takes the model's own answer.
        method: a name of `kerato.see.METHODS`, or `attention_rollout`.
        layer: for methods that look at a layer: its name, path or the layer itself.
        output: which output, by number or name.
        trust: whether each map is tested: see `kerato.see.Trust`.
        seed: of the randomness in the tests.
        options: further arguments of the method.

    Raises:
        UnknownName: no such method, layer or output.
        InvalidValue: the pictures do not fit the model, or a class is not one of its.
    """
    return Explainer(model, method, layer, output=output, **options)(pictures, target, trust=trust, seed=seed)


class Explainer:
    """A method ready for a model: compiled at its first pictures, then used for any number."""

    def __init__(
        self, model: Any, method: str = "grad_cam", layer: Any = None, *, output: int | str = 0, **options: Any
    ) -> None:
        if method not in METHODS:
            raise unknown("explain", "the method", method, METHODS)
        self.lens = model if isinstance(model, Lens) else lens_of(model, "explain")
        self.method, self.layer, self.options = method, layer, _checked(method, options)
        self.output = _output(self.lens, output)

    def __call__(self, pictures: Any, target: Any = None, *, trust: bool = True, seed: int = 0) -> Explanation:
        """The maps of `pictures`, see `explain`."""
        lens = self.lens
        x = lens.arrange(pictures)
        place = lens.picture_input
        targets = self.targets(x, target)
        call, why = self._chosen(x) if METHODS[self.method].layerwise else (None, "")
        raw, scores = self.maps(x, targets, call)
        maps = scaled(raw)
        shown = as_uint8(x[place], lens.channel_axis, lens.bounds)
        found = Explanation(
            maps, raw, shown, targets, self.method, call.path if call else None, why, scores, notes_of(raw, maps)
        )
        found.class_names = tuple(map(str, lens.model.extra.get("class_names", ())))
        if trust:
            found.trust = judge(self, x, targets, raw, seed)
        return found

    # -- targets and layers ----------------------------------------------------------------------------------------

    def targets(self, x: Sequence[Map], target: Any) -> Map:
        """The class in question of each picture.

        Raises:
            InvalidValue: a class is not one of the model's.
        """
        n = len(x[0])
        if target is None:
            return self._batched("answer", x, [], self.lens.likeliest)
        found = np.broadcast_to(np.asarray(target), (n,)) if np.ndim(target) == 0 else np.asarray(target)
        classes = self._classes(x)
        if found.shape != (n,) or found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= classes:
            raise invalid("explain", "target", f"an int from 0 to {classes - 1}, or one per picture", target)
        return found.astype("int32")

    def _classes(self, x: Sequence[Map]) -> int:
        spec = jax.eval_shape(lambda w, g: self.lens.outputs(w, g)[1], self.lens.weights(), [a[:1] for a in x])
        size = spec[self.output].shape[-1] if len(spec[self.output].shape) > 1 else 1
        return max(int(size), 2)

    def _chosen(self, x: Sequence[Map]) -> tuple[Call, str]:
        one = [array[:1] for array in x]
        if self.layer is not None:
            call = self.lens.call_of(self.layer, one)
            if not (call.is_map or (len(call.shape) == 3 and square_side(call.shape[1]))):
                raise InvalidValue(
                    f"explain: the layer {call.name!r} gives {call.shape}, no map (batch, height, width, channels). "
                    f"Name one of: {', '.join(c.name for c in usable(self.lens.calls(one))[-6:])}."
                )
            return call, "chosen by the caller"
        found = usable(self.lens.calls(one))
        if not found:
            raise InvalidValue(
                f"explain: {self.lens.model.name} has no layer with a map for {self.method}. Use a method that looks "
                "at the picture itself, such as 'integrated_gradients' or 'occlusion'."
            )
        return found[-1], "the last one that still has places"

    # -- computing -------------------------------------------------------------------------------------------------

    def maps(self, x: Sequence[Map], targets: Map, call: Call | None, weights: Any = None) -> tuple[Map, Map]:
        """(maps of the pictures' size, scores) of all pictures, computed in batches."""
        axis = self.lens.channel_axis
        height, width = grid_of(x[self.lens.picture_input].shape, axis)
        films = x[self.lens.picture_input].ndim == 5

        def compute(weights: Any, given: list[Array], target: Array) -> tuple[Array, Array]:
            here = None if call is None else self.lens.call_of(call.path, given)
            low, high = self.lens.bounds
            scene = Scene(
                self.lens, weights, given, self.lens.picture_input, axis, self.output, target, here, low, high
            )
            found = METHODS[self.method].compute(scene, **self.options)
            if films and found.ndim == 3:
                found = found.reshape(len(target), -1, *found.shape[1:])
            sized = jax.image.resize(found, (*found.shape[:-2], height, width), "linear", antialias=False)
            return sized, scene.score(scene.picture)

        name = "map" if call is None else f"map at {call.path}"
        found: tuple[Map, Map] = self._batched(name, x, [targets], compute, weights)
        return found

    def _batched(
        self, name: str, x: Sequence[Map], more: Sequence[Map], compute: Callable[..., Any], weights: Any = None
    ) -> Any:
        """`compute(weights, inputs, *more)` over equal batches; the last one is filled up, so it compiles once."""
        n, size = len(x[0]), min(self.lens.batch_size(x), len(x[0]))
        if name == "answer":
            compute = functools.partial(compute, output=self.output)
        shapes = tuple(array.shape[1:] for array in x)
        key = (self.method, tuple(sorted(self.options.items())), self.output, name, size, shapes)
        program = self.lens.program(key, compute, f"explain: {name}")
        weights = self.lens.weights() if weights is None else weights
        pieces = []
        for start in range(0, n, size):
            rows = np.minimum(np.arange(start, start + size), n - 1)
            found = program(weights, [array[rows] for array in x], *(array[rows] for array in more))
            pieces.append(jax.tree.map(lambda leaf: np.asarray(leaf), found))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:n], *pieces)


def usable(calls: Sequence[Call]) -> list[Call]:
    """The calls whose value can be laid over a picture: maps, or else the tokens of a transformer."""
    leaf = [call for call in calls if not call.holds_layers and call.kind not in NO_MAPS]
    maps = [call for call in leaf if call.is_map]
    return maps or [call for call in leaf if len(call.shape) == 3 and square_side(call.shape[1])]


#: layers that only prepare the picture, or that hold others
NO_MAPS = {"InputLayer", "Rescaling", "Resizing", "Normalization", "ZeroPadding2D", "CenterCrop", "Dropout"}


def scaled(raw: Map) -> Map:
    """Each map in [0, 1]: what speaks for the class, over its own largest value."""
    positive = np.maximum(raw, 0)
    peak = positive.reshape(len(raw), -1).max(1).reshape(-1, *[1] * (raw.ndim - 1))
    return (positive / np.where(peak > 0, peak, 1)).astype("float32")


def notes_of(raw: Map, maps: Map) -> list[str]:
    """What to know of each map: that it is empty, or says the same everywhere."""
    notes = []
    for one, map_ in zip(raw, maps, strict=True):
        if not np.isfinite(one).all():
            notes.append("the map holds values that are not finite: it shows nothing")
        elif not (map_ > 0).any():
            notes.append(
                "the map is zero everywhere: nothing speaks for the class here"
                if not (one != 0).any()
                else "nothing speaks for the class; what there is speaks against it"
            )
        elif (map_ >= SATURATED_AT).mean() >= SATURATED_SHARE:
            notes.append("the map is the same nearly everywhere: it tells no place from another")
        else:
            notes.append("")
    return notes


def as_uint8(pictures: Map, channel_axis: int, bounds: tuple[float, float]) -> Map:
    """Pictures to be looked at: uint8, channels last, grey or RGB; scaled by `bounds`, or else by their own range."""
    x = pictures if channel_axis == -1 else np.moveaxis(pictures, -3, -1)
    low, high = bounds
    if x.size and (x.min() < low - 1e-3 or x.max() > high + 1e-3):
        low, high = (0.0, 255.0) if x.min() >= 0 and x.max() <= 255 else (float(x.min()), float(x.max()))
    x = np.clip((x - low) / max(high - low, 1e-12) * 255, 0, 255).round().astype("uint8")
    if x.shape[-1] not in (1, 3):
        x = x.mean(-1, keepdims=True).astype("uint8")
    return x


def _checked(method: str, options: dict[str, Any]) -> dict[str, Any]:
    known = list(inspect.signature(METHODS[method].compute).parameters)[1:]
    for name in options:
        if name not in known:
            raise InvalidValue(
                " ".join(
                    filter(
                        None,
                        (
                            f"explain: {method} has no option {name!r} (it has: {', '.join(known) or 'none'}).",
                            suggest(name, known),
                        ),
                    )
                )
            )
    return options


def _output(lens: Lens, output: int | str) -> int:
    names = list(lens.model.output_names) or ["output"]
    if isinstance(output, str):
        if output not in names:
            raise unknown("explain", "the output", output, names)
        return names.index(output)
    if not 0 <= output < len(names):
        raise invalid("explain", "output", f"a number below {len(names)}, or one of {', '.join(names)}", output)
    return output
