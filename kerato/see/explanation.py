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
from kerato.see.lens import Call, Lens, batches, lens_of
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
    input: int | str | None = None,
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
        method: a name of `kerato.see.METHODS`.
        layer: for methods that look at a layer: its name, path or the layer itself.
        output: which output, by number or name.
        input: which input is the picture in question, by number or name; None takes the first that has places.
        trust: whether each map is tested: see `kerato.see.Trust`.
        seed: of the randomness in the tests.
        options: further arguments of the method.

    Raises:
        UnknownName: no such method, layer, input or output.
        InvalidValue: the pictures do not fit the model, or a class is not one of its.
    """
    explainer = Explainer(model, method, layer, output=output, input=input, **options)
    return explainer(pictures, target, trust=trust, seed=seed)


class Explainer:
    """A method ready for a model: compiled at its first pictures, then used for any number."""

    def __init__(
        self,
        model: Any,
        method: str = "grad_cam",
        layer: Any = None,
        *,
        output: int | str = 0,
        input: int | str | None = None,
        **options: Any,
    ) -> None:
        if method not in METHODS:
            raise unknown("explain", "the method", method, METHODS)
        self.lens = model if isinstance(model, Lens) else lens_of(model, "explain")
        self.method, self.layer, self.options = method, layer, _checked(method, options)
        self.output = _number("output", output, list(self.lens.model.output_names) or ["output"])
        names = list(self.lens.model.input_names) or [f"input {i}" for i in range(len(self.lens.input_shapes))]
        self.place = self.lens.picture_input if input is None else _number("input", input, names)

    def __call__(self, pictures: Any, target: Any = None, *, trust: bool = True, seed: int = 0) -> Explanation:
        """The maps of `pictures`, see `explain`."""
        lens = self.lens
        x = lens.arrange(pictures)
        place = self.place
        targets = self.targets(x, target)
        call, why = self.chosen(x)
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
            answer = functools.partial(self.lens.likeliest, output=self.output)
            return self.batched(("answer",), x, [], answer)
        found = np.broadcast_to(np.asarray(target), (n,)) if np.ndim(target) == 0 else np.asarray(target)
        classes = self.lens.classes(x, self.output)
        if found.shape != (n,) or found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= classes:
            raise invalid("explain", "target", f"an int from 0 to {classes - 1}, or one per picture", target)
        return found.astype("int32")

    def chosen(self, x: Sequence[Map]) -> tuple[Call | None, str]:
        """The call that the method looks at, and who chose it; None for methods that look at no layer.

        Raises:
            InvalidValue: the layer gives no map, or there is none that does.
        """
        if not METHODS[self.method].layerwise:
            return None, ""
        one = [array[:1] for array in x]
        found = usable(self.lens.calls(one), self.place, self.output)
        if self.layer is not None:
            call = self.lens.call_of(self.layer, one, self.place)
            if not (call.is_map or is_square(call)):
                raise InvalidValue(
                    f"explain: the layer {call.name!r} gives {call.shape}, no map (batch, height, width, channels). "
                    f"Name one of: {', '.join(c.name for c in found[-6:])}."
                )
            return call, "chosen by the caller"
        if not found:
            raise InvalidValue(
                f"explain: {self.lens.model.name} has no layer with a map for {self.method}. Use a method that looks "
                "at the picture itself, such as 'integrated_gradients' or 'occlusion'."
            )
        return found[-1], "the last one that still has places"

    def _attentions(self, x: Sequence[Map]) -> tuple[str, ...]:
        found = attentions(self.lens.calls([array[:1] for array in x])) if METHODS[self.method].attends else ()
        if METHODS[self.method].attends and not found:
            raise InvalidValue(
                f"explain: {self.method} needs attention of the tokens of a picture to each other, and "
                f"{self.lens.model.name} has none. Use 'grad_cam'."
            )
        return found

    # -- computing -------------------------------------------------------------------------------------------------

    def maps(self, x: Sequence[Map], targets: Map, call: Call | None, weights: Any = None) -> tuple[Map, Map]:
        """(maps of the pictures' size, scores) of all pictures, computed in batches."""
        lens, axis, shape = self.lens, self.lens.channel_axis, x[self.place].shape
        attending = self._attentions(x)

        def compute(weights: Any, given: list[Array], target: Array) -> tuple[Array, Array]:
            here = None if call is None else lens.call_of(call.path, given)
            scene = Scene(
                lens, weights, given, self.place, axis, self.output, target, here, *lens.bounds, attentions=attending
            )
            found = METHODS[self.method].compute(scene, **self.options)
            return stretched(found, (len(target), *shape[1:]), axis), scene.score(scene.picture)

        key = ("map", self.method, tuple(sorted(self.options.items())), call.path if call else "")
        found: tuple[Map, Map] = self.batched(key, x, [targets], compute, weights)
        return found

    def batched(
        self,
        key: tuple[Any, ...],
        x: Sequence[Map],
        more: Sequence[Map],
        compute: Callable[..., Any],
        weights: Any = None,
    ) -> Any:
        """`compute(weights, inputs, *more)` over equal batches; `key` says what it depends on, so it compiles once."""
        n, size = len(x[0]), min(self.lens.batch_size(x), len(x[0]))
        shapes = tuple(array.shape[1:] for array in x)
        program = self.lens.program((*key, self.place, self.output, size, shapes), compute, f"explain: {key[0]}")
        weights = self.lens.weights() if weights is None else weights
        pieces = []
        for rows in batches(n, size):
            found = program(weights, [array[rows] for array in x], *(array[rows] for array in more))
            pieces.append(jax.tree.map(np.asarray, found))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:n], *pieces)


def stretched(found: Array, shape: tuple[int, ...], channel_axis: int) -> Array:
    """Maps of the size of pictures or films of that shape: each frame its own map, or all the same one."""
    size = grid_of(shape, channel_axis)
    if len(shape) == 4:
        found = found if found.ndim == 3 else found.mean(1)
        return jax.image.resize(found, (*found.shape[:-2], *size), "linear", antialias=False)
    frames = shape[1] if channel_axis == -1 else shape[-4]
    found = found.reshape(shape[0], -1, *found.shape[-2:])
    return jax.image.resize(found, (shape[0], frames, *size), "linear", antialias=False)


#: layers that only prepare the picture, or that hold others
NO_MAPS = {"InputLayer", "Rescaling", "Resizing", "Normalization", "ZeroPadding2D", "CenterCrop", "Dropout"}

#: layers whose inner values have other axes than places
ATTENTION = {"MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention"}


def usable(calls: Sequence[Call], place: int = 0, output: int = 0) -> list[Call]:
    """The calls whose value lies over the input `place` and speaks for `output`: maps, or the tokens of a transformer.

    Behind the last attention only the class token speaks for a class; then the calls before it are taken.
    """
    inside = tuple(call.path + "/" for call in calls if call.kind in ATTENTION)
    leaf = [
        call
        for call in calls
        if not call.holds_layers
        and call.kind not in NO_MAPS
        and place in call.reads
        and output in call.feeds
        and not call.path.startswith(inside)
    ]
    maps, tokens = [call for call in leaf if call.is_map], [call for call in leaf if is_square(call)]
    last = next((i for i, call in reversed(list(enumerate(leaf))) if call.kind in ATTENTION), None)
    if last is not None and tokens:
        behind = leaf[last:] if square_side(tokens[-1].shape[1]) ** 2 < tokens[-1].shape[1] else []
        return [call for call in tokens if call not in behind] or maps
    return maps or tokens


def is_square(call: Call) -> bool:
    """Whether the call gives tokens (batch, tokens, channels) that make a square, one class token not counted."""
    return len(call.shape) == 3 and square_side(call.shape[1]) > 0


def attentions(calls: Sequence[Call]) -> tuple[str, ...]:
    """The paths of the attention weights (batch, heads, tokens, tokens) of a picture's tokens to each other."""
    inside = tuple(call.path + "/" for call in calls if call.kind in ATTENTION)
    return tuple(
        call.path
        for call in calls
        if call.kind == "Dropout"
        and call.path.startswith(inside)
        and len(call.shape) == 4
        and call.shape[2] == call.shape[3]
        and square_side(call.shape[3])
    )


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


def _number(what: str, wanted: int | str, names: list[str]) -> int:
    if isinstance(wanted, str):
        if wanted not in names:
            raise unknown("explain", f"the {what}", wanted, names)
        return names.index(wanted)
    if not 0 <= wanted < len(names):
        raise invalid("explain", what, f"a number below {len(names)}, or one of {', '.join(names)}", wanted)
    return wanted
