"""What a network looks for: pictures that make a filter, a class or a whole layer respond (book 2.2 and 2.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerato import random
from kerato.errors import InvalidValue, invalid, unknown
from kerato.programs import Program
from kerato.see.lens import Call, Lens, lens_of
from kerato.see.pages import picture_tag
from kerato.see.pictures import (
    RECIPES,
    Recipe,
    deprocess,
    fourier_ascent,
    fourier_start,
    grey_noise,
    normalized_ascent,
)

Array = Any
Map = np.ndarray[Any, Any]

#: how many pictures ascend together: enough to fill the processor, few enough to stay in its cache
TOGETHER = 8

#: the side of pictures for models that take any size
FREE_SIZE = 128


@dataclass
class Sheet:
    """Pictures that a network responds to, the strongest first.

    `pictures` (n, height, width, channels) uint8; `losses` (n,) the response at the end; `trace` (steps + 1, n) the
    response on the way; `numbers` (n,) which filter or class each is for; `names` one caption each; `values` the
    numbers behind the pictures, as the model takes them; `dead` filters that never responded.
    """

    pictures: Map
    losses: Map
    trace: Map
    numbers: Map
    names: list[str]
    values: Map
    layer: str
    recipe: str
    dead: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pictures)

    def grid(self, columns: int | None = None, margin: int = 5, limit: int | None = None) -> Map:
        """The pictures side by side with a black margin between them, uint8 (height, width, channels).

        By default a square of as many as fit: 64 pictures of 128 make 8 x 8, 128 * 8 + 5 * 7 pixels wide (book 2.3).
        """
        shown = self.pictures[:limit]
        if not len(shown):
            raise InvalidValue(f"Sheet: no filter of {self.layer} responds, so there is nothing to show.")
        across = math.ceil(math.sqrt(len(shown))) if columns is None else columns
        down = math.ceil(len(shown) / across)
        height, width, channels = shown.shape[1:]
        size = (down * height + (down - 1) * margin, across * width + (across - 1) * margin, channels)
        found = np.zeros(size, "uint8")
        for i, picture in enumerate(shown):
            top, left = (i // across) * (height + margin), (i % across) * (width + margin)
            found[top : top + height, left : left + width] = picture
        return found

    def sheet(self, limit: int | None = None, columns: int | None = None) -> Map:
        """The pictures with their captions, uint8 RGB."""
        from kerato.image.draw import sheet

        return sheet(list(self.pictures[:limit]), self.names[:limit], columns)

    def save(self, path: Any, **options: Any) -> Path:
        """Write `grid(**options)` to a picture file."""
        from kerato.image.files import write

        return write(path, self.grid(**options))

    def as_json(self) -> dict[str, Any]:
        """What was computed, as plain data."""
        rows = zip(self.numbers.tolist(), self.losses.tolist(), self.trace[0].tolist(), strict=True)
        found = [{"number": n, "response": end, "at_start": start} for n, end, start in rows]
        return {"layer": self.layer, "recipe": self.recipe, "pictures": found, "dead": self.dead}

    def _repr_html_(self) -> str:
        return picture_tag(self.grid(limit=64), f"{len(self)} pictures for {self.layer}")

    def __repr__(self) -> str:
        return f"<Sheet {self.layer} pictures={self.pictures.shape} recipe={self.recipe}>"


class Ascent:
    """Pictures that ascend together in one compiled batch; the program serves any number of filters or classes."""

    def __init__(
        self, lens: Lens, call: Call | None, shape: tuple[int, int, int], recipe: str, steps: int | None, **more: Any
    ) -> None:
        if recipe not in RECIPES:
            raise unknown(lens.owner, "the recipe", recipe, RECIPES)
        self.lens, self.call, self.shape, self.recipe = lens, call, shape, RECIPES[recipe]
        self.steps = self.recipe.steps if steps is None else steps
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 0:
            raise invalid(lens.owner, "steps", "an int >= 0", steps)
        self.step, self.bounds, self.seed = more.get("step", 1.0), more["bounds"], more["seed"]
        self.output = more.get("output", 0)
        where = call.path if call else "class"
        key = ("ascent", where, shape, recipe, self.steps, self.step, self.bounds, self.output)
        self._program = lens.program(key, self._compute, f"{lens.owner}: {where}")

    def _compute(self, weights: Any, start: Array, numbers: Array, key: Array) -> tuple[Array, Array]:
        def objective(x: Array) -> Array:
            x = x if self.lens.channel_axis == -1 else jnp.moveaxis(x, -1, 1)
            if self.call is None:
                return self.lens.scores(weights, [x], self.output, numbers)
            value = self.lens.values(weights, [x], self.call.path)
            return response(value, numbers, self.call.channel_axis)

        low, high = self.bounds
        if self.recipe.fourier:
            size = self.shape[:2]
            return fourier_ascent(objective, start, size, self.bounds, self.steps, self.recipe, key)
        return normalized_ascent(objective, start, self.steps, self.step * (high - low) / 255)

    def __call__(self, numbers: Sequence[int]) -> tuple[Map, Map]:
        """(pictures as the model takes them but channels last, trace) for filters or classes."""
        size = min(TOGETHER, max(len(numbers), 1), 2 * self._fitting())
        weights, found = self.lens.weights(), []
        for at in range(0, len(numbers), size):
            rows = [numbers[min(i, len(numbers) - 1)] for i in range(at, at + size)]
            start = np.repeat(self._start(), size, 0)
            x, trace = self._program(weights, start, jnp.asarray(rows, jnp.int32), random.key(self.seed))
            many = min(size, len(numbers) - at)
            found.append((np.asarray(x)[:many], np.asarray(trace)[:, :many]))
        return np.concatenate([x for x, _ in found]), np.concatenate([trace for _, trace in found], 1)

    def _start(self) -> Map:
        """The same for every filter, so that a picture does not depend on which others are asked for."""
        shape = (1, *self.shape)
        return fourier_start(shape, self.seed) if self.recipe.fourier else grey_noise(shape, self.bounds, self.seed)

    def _fitting(self) -> int:
        shape = self.shape if self.lens.channel_axis == -1 else (self.shape[2], *self.shape[:2])
        return self.lens.batch_size([np.zeros((1, *shape), "float32")])


def response(value: Array, numbers: Array, channel_axis: int) -> Array:
    """(n,): the mean of channel `numbers[i]` of sample i (book listing L5)."""
    value = jnp.moveaxis(value, 1, -1) if value.ndim == 4 and channel_axis == 1 else value
    index = numbers.reshape(-1, *[1] * (value.ndim - 1))
    chosen = jnp.take_along_axis(value, index, -1)
    return chosen.reshape(len(numbers), -1).mean(1)


def filters(
    model: Any,
    layer: Any = None,
    count: int | Sequence[int] | None = None,
    size: int | tuple[int, int] | None = None,
    steps: int | None = None,
    recipe: str = "book",
    *,
    step: float = 1.0,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Sheet:
    """Pictures that the filters of a layer respond to most, all ascending together in one compiled program.

    Args:
        model: any model that Kerato trains or loads, or a Keras 3 model.
        layer: its name, path or the layer itself; None takes the last convolution.
        count: how many filters, from the first on, or which ones; None takes all.
        size: of the pictures in pixels; None takes what the model takes, 128 where it takes any size.
        steps: how many; None takes the recipe's own (20 for the book's).
        recipe: `'book'`: grey noise, the gradient over its root mean square, every step as long as one grey level;
            `'fourier'`: waves with decorrelated colours, moved and turned while they ascend.
        step: length of a step of the book's recipe, in grey levels of 255.
        bounds: range of the picture's values; None asks the model (0 to 255 for raw pictures, else 0 to 1).
        seed: of the start.

    Raises:
        UnknownName: no such layer or recipe.
        InvalidValue: no such filter, or a size that the model does not take.

    Source: book 2.2 and 2.3.
    """
    lens = lens_of(model, "filters")
    shape = picture_shape(lens, size)
    trial = [np.zeros((1, *_as_model_takes(shape, lens)), "float32")]
    call = lens.call_of(layer, trial) if layer is not None else last_convolution(lens, trial)
    chosen = _numbers(count, call.channels)
    ascent = Ascent(lens, call, shape, recipe, steps, step=step, bounds=bounds or lens.bounds, seed=seed)
    values, trace = ascent(chosen)
    ends = trace[-1]
    order = [i for i in np.argsort(-ends, kind="stable").tolist() if ends[i] > 0 and np.isfinite(ends[i])]
    dead = [chosen[i] for i in range(len(chosen)) if i not in set(order)]
    names = [f"{call.name} · {chosen[i]} · {ends[i]:.3g}" for i in order]
    shown = [_shown(values[i], RECIPES[recipe], ascent.bounds) for i in order]
    pictures = np.stack(shown) if shown else np.zeros((0, *shape), "uint8")
    numbers = np.asarray([chosen[i] for i in order], "int32")
    return Sheet(pictures, ends[order], trace[:, order], numbers, names, values[order], call.path, recipe, dead)


def maximize(
    model: Any,
    target: int | Sequence[int],
    size: int | tuple[int, int] | None = None,
    recipe: str = "fourier",
    *,
    steps: int | None = None,
    step: float = 1.0,
    output: int = 0,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Sheet:
    """Pictures of classes: what speaks most for each, before softmax (book 2.4). Arguments as in `filters`.

    Raises:
        InvalidValue: the model has no such class.
    """
    lens = lens_of(model, "maximize")
    shape = picture_shape(lens, size)
    classes = lens.classes([np.zeros((1, *_as_model_takes(shape, lens)), "float32")], output)
    chosen = _numbers([target] if isinstance(target, (int, np.integer)) else target, classes, "target")
    ascent = Ascent(lens, None, shape, recipe, steps, step=step, bounds=bounds or lens.bounds, seed=seed, output=output)
    values, trace = ascent(chosen)
    names = lens.model.extra.get("class_names", ())
    captions = [f"{names[n] if n < len(names) else f'class {n}'} · {trace[-1, i]:.3g}" for i, n in enumerate(chosen)]
    pictures = np.stack([_shown(x, RECIPES[recipe], ascent.bounds) for x in values])
    return Sheet(pictures, trace[-1], trace, np.asarray(chosen, "int32"), captions, values, "classes", recipe)


def dream(
    model: Any,
    picture: Any,
    layers: Any = None,
    *,
    octaves: int = 3,
    scale: float = 1.4,
    steps: int = 10,
    step: float = 2.5,
    bounds: tuple[float, float] | None = None,
) -> Map:
    """A picture in which a network's own patterns grow: ascent on whole layers, from small sizes to the full one.

    Args:
        model: takes pictures of any size.
        picture: (height, width, channels), values as the model takes them.
        layers: one or several layers, or a dict of them with weights; None takes the last convolution.
        octaves: how many sizes, each `scale` times the one before.
        scale: ratio of two sizes.
        steps: at each size.
        step: length of a step in grey levels of 255.
        bounds: range of the picture's values; None asks the model.

    Returns: uint8 (height, width, channels).

    Source: Mordvintsev et al. 2015, "Inceptionism".
    """
    from kerato.image.geometry import resize

    lens = lens_of(model, "dream")
    low, high = bounds or lens.bounds
    original = np.asarray(picture, "float32")
    if original.ndim != 3:
        raise invalid("dream", "picture", "one picture (height, width, channels)", picture)
    height, width = original.shape[:2]
    sizes = [(max(int(height / scale**k), 16), max(int(width / scale**k), 16)) for k in reversed(range(octaves))]
    x = resize(original, sizes[0], "bilinear").reshape(*sizes[0], -1)
    for number, size in enumerate(sizes):
        here = resize(original, size, "bilinear").reshape(*size, -1)
        if number:
            before = resize(original, sizes[number - 1], "bilinear").reshape(*sizes[number - 1], -1)
            lost = here - resize(before, size, "bilinear").reshape(here.shape)
            x = resize(x, size, "bilinear").reshape(here.shape) + lost
        x = np.clip(_dreamt(lens, x, layers, steps, step * (high - low) / 255), low, high)
    return np.asarray(np.clip((x - low) / (high - low) * 255, 0, 255).round(), "uint8")


def _dreamt(lens: Lens, x: Map, layers: Any, steps: int, step: float) -> Map:
    trial = [_as_batch(x, lens)]
    if layers is None:
        weights_of = {last_convolution(lens, trial).path: 1.0}
    else:
        named = layers if isinstance(layers, dict) else dict.fromkeys(_several(layers), 1.0)
        weights_of = {lens.call_of(layer, trial).path: weight for layer, weight in named.items()}

    def compute(weights: Any, start: Array) -> Array:
        def objective(x: Array) -> Array:
            x = x if lens.channel_axis == -1 else jnp.moveaxis(x, -1, 1)
            total = jnp.zeros(len(x))
            for path, weight in weights_of.items():
                total += weight * jnp.square(lens.values(weights, [x], path)).reshape(len(x), -1).mean(1)
            return total

        return normalized_ascent(objective, start, steps, step)[0]

    return np.asarray(Program(compute, "dream")(lens.weights(), x[None]))[0]


def last_convolution(lens: Lens, x: Sequence[Any]) -> Call:
    """The last call of a convolution that still has places; else the last one that gives a map.

    Raises:
        InvalidValue: the model has no layer with a map.
    """
    maps = [call for call in lens.calls(x) if call.is_map]
    if not maps:
        raise InvalidValue(f"{lens.owner}: {lens.model.name} has no layer with filters over a picture.")
    return next((call for call in reversed(maps) if "Conv" in call.kind), maps[-1])


def picture_shape(lens: Lens, size: Any = None) -> tuple[int, int, int]:
    """(height, width, channels) of the pictures to look for.

    Raises:
        InvalidValue: `size` is no size.
    """
    pair = (size, size) if size is None or isinstance(size, (int, np.integer)) else tuple(size)
    if len(pair) != 2 or any(n is not None and (isinstance(n, bool) or int(n) < 1) for n in pair):
        raise invalid(lens.owner, "size", "a number of pixels, or (height, width)", size)
    if len(lens.input_shapes) > 1:
        raise InvalidValue(f"{lens.owner}: {lens.model.name} takes {len(lens.input_shapes)} inputs; one is needed.")
    known = lens.model.extra.get("picture_shape") or (None, None)
    sizes = [n or own or seen or FREE_SIZE for n, own, seen in zip(pair, lens.size, known[:2], strict=True)]
    return int(sizes[0]), int(sizes[1]), lens.channels


def _numbers(count: Any, most: int, what: str = "count") -> list[int]:
    if count is None:
        return list(range(most))
    chosen = list(range(int(count))) if isinstance(count, (int, np.integer)) else [int(n) for n in count]
    if not chosen or min(chosen) < 0 or max(chosen) >= most:
        raise invalid("see", what, f"numbers below {most}", count)
    return chosen


def _several(layers: Any) -> list[Any]:
    return list(layers) if isinstance(layers, (list, tuple)) else [layers]


def _as_model_takes(shape: tuple[int, int, int], lens: Lens) -> tuple[int, ...]:
    return shape if lens.channel_axis == -1 else (shape[2], *shape[:2])


def _as_batch(x: Map, lens: Lens) -> Map:
    return (x if lens.channel_axis == -1 else np.moveaxis(x, -1, 0))[None]


def _shown(values: Map, recipe: Recipe, bounds: tuple[float, float]) -> Map:
    if not recipe.fourier:
        return deprocess(values)
    low, high = bounds
    return np.asarray(np.clip((values - low) / (high - low) * 255, 0, 255).round(), "uint8")
