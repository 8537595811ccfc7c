"""`Lens`: any model as pure functions of its picture, with the value of every call of a layer within reach.

Nothing of the model is rebuilt. While it is evaluated, a hook is shown what each layer gives, wherever the layer
stands: nested, shared, inside TimeDistributed or in a subclass of `Model`. There values are read, replaced and
differentiated, so that every method of looking works on every model.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config, random
from kerato.errors import InvalidCall, InvalidType, InvalidValue, show, unknown
from kerato.graph import run_graph
from kerato.layers.base import Layer
from kerato.models import Model
from kerato.ops import leaves
from kerato.programs import Program
from kerato.synonyms import synonym
from kerato.variables import Run, Variable

Array = Any
Weights = list[Array]

#: bytes of values that one batch of a method may hold, so that memory does not grow with the number of pictures
BUDGET_BYTES = 384 * 2**20

#: activations whose logits are looked at, so that a saturated output still has a gradient
SQUASHING = ("softmax", "sigmoid")


class _Reached(Exception):
    """Evaluation has come to the wanted layer; what comes after it need not be traced."""

    def __init__(self, value: Array) -> None:
        self.value = value


@dataclass(frozen=True)
class Call:
    """One call of a layer: its path in the model, the shape it gives (batch first), and where its channels are.

    `reads` are the numbers of the model's inputs that its value depends on, `feeds` those of the outputs that depend
    on it.
    """

    path: str
    shape: tuple[int, ...]
    kind: str
    channel_axis: int
    holds_layers: bool = False
    reads: frozenset[int] = frozenset()
    feeds: frozenset[int] = frozenset()

    @property
    def is_map(self) -> bool:
        """Whether it gives pictures, (batch, height, width, channels), or films, with more than one cell."""
        return len(self.shape) in (4, 5) and min(self.grid) > 1

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) of the map."""
        height, width = self.shape[-3:-1] if self.channel_axis == -1 else self.shape[-2:]
        return height, width

    @property
    def channels(self) -> int:
        """The number of channels, or of values for layers without a picture."""
        return self.shape[self.channel_axis if len(self.shape) in (4, 5) else -1]

    @property
    def name(self) -> str:
        """The last part of the path, the layer's own name."""
        return self.path.rpartition("/")[2]


class Lens:
    """A model to look into: a Kerato model, or a Keras 3 one, which is converted.

    Args:
        model: with its weights made; anything that Kerato can train or load.
        owner: who asks, for messages.

    Raises:
        InvalidType: it is no model.
    """

    def __init__(self, model: Any, owner: str = "see") -> None:
        self.owner = owner
        self.model: Model = _as_model(model, owner)
        self._calls: dict[tuple[Any, ...], list[Call]] = {}
        self._programs: dict[tuple[Any, ...], Program] = {}
        self._seen = list(self.model.outputs)

    def program(self, key: tuple[Any, ...], compute: Callable[..., Any], name: str) -> Program:
        """The compiled form of `compute`, made once per `key`, which holds all that `compute` depends on."""
        return self._programs.setdefault(key, Program(compute, name))

    # -- inputs ----------------------------------------------------------------------------------------------------

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """The shapes of the model's inputs, batch first; None for sizes that are free."""
        if self.model.is_graph:
            return [tuple(tensor.shape) for tensor in self.model.inputs]
        built = self.model.built_for
        if built is None:
            raise InvalidCall(f"{self.owner}: {self.model.name} has no weights yet. Call it on some data first.")
        return list(built) if isinstance(built, list) else [tuple(built)]

    @property
    def picture_input(self) -> int:
        """Which input is the picture: the first with height, width and channels.

        Raises:
            InvalidValue: there is none.
        """
        for number, shape in enumerate(self.input_shapes):
            if len(shape) >= 4:
                return number
        raise InvalidValue(
            f"{self.owner}: {self.model.name} must have an input of pictures, (batch, height, width, channels). "
            f"Its inputs have the shapes {self.input_shapes}."
        )

    @property
    def channel_axis(self) -> int:
        """-1 or 1: where the picture's channels are, as its first layer that knows says."""
        found = next((axis for axis in map(_channel_axis, self._layers()) if axis is not None), None)
        if found is not None:
            return found
        return -1 if config.image_data_format() == "channels_last" else 1

    def _layers(self) -> Iterator[Any]:
        yield from _inner_layers(self.model)

    @property
    def channels(self) -> int:
        """How many channels a picture has; 3 where the model takes any number."""
        shape = self.input_shapes[self.picture_input]
        return shape[-1 if self.channel_axis == -1 else -3] or 3

    @property
    def size(self) -> tuple[int | None, int | None]:
        """(height, width) that the picture must have, None where it is free."""
        shape = self.input_shapes[self.picture_input]
        return (shape[-3], shape[-2]) if self.channel_axis == -1 else (shape[-2], shape[-1])

    @property
    def bounds(self) -> tuple[float, float]:
        """The range of the picture's values: 0 to 255 where the model takes raw pictures, else 0 to 1."""
        raw = self.model.is_graph and str(self.model.inputs[self.picture_input].dtype) == "uint8"
        return (0.0, 255.0) if raw or _rescales(self._layers()) else (0.0, 1.0)

    def arrange(self, pictures: Any) -> list[np.ndarray[Any, Any]]:
        """Pictures, or the list or dict of all inputs, as a list of arrays (batch first) in the model's order.

        Raises:
            InvalidValue: their number or a shape does not fit the model.
        """
        shapes = self.input_shapes
        if isinstance(pictures, dict):
            pictures = [pictures[name] for name in self.model.input_names if name in pictures]
        given = list(pictures) if len(shapes) > 1 and isinstance(pictures, (list, tuple)) else [pictures]
        if len(given) != len(shapes):
            raise InvalidValue(
                f"{self.owner}: {self.model.name} takes {len(shapes)} inputs. Give a list or a dict of them."
            )
        arrays = [self._fitted(value, number) for number, value in enumerate(given)]
        if len({len(array) for array in arrays}) > 1:
            counts = ", ".join(str(len(array)) for array in arrays)
            raise InvalidValue(f"{self.owner}: the inputs must have equally many samples. Got {counts}.")
        return arrays

    def _fitted(self, value: Any, number: int) -> np.ndarray[Any, Any]:
        wanted = self.input_shapes[number]
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise InvalidValue(f"{self.owner}: the pictures must all have the same size. {error}.") from None
        if array.dtype == object or array.dtype.kind in "US":
            raise InvalidValue(f"{self.owner}: the pictures must be one array of numbers. Got {show(value)}.")
        if array.ndim == len(wanted) - 1:
            array = array[None]
        pairs = zip(wanted[1:], array.shape[1:], strict=False)
        if array.ndim != len(wanted) or any(a not in (None, b) for a, b in pairs):
            raise InvalidValue(
                f"{self.owner}: {self.model.name} takes inputs of shape {wanted}. Got {tuple(np.shape(value))}."
            )
        return array.astype("float32") if array.ndim >= 4 or array.dtype.kind == "f" else array

    # -- evaluating ------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """The model's variables; compiled functions take their values in this order."""
        return list(self.model.variables)

    def weights(self) -> Weights:
        """The values of `variables`."""
        return [variable.concrete() for variable in self.variables]

    def outputs(self, weights: Weights, x: Sequence[Array], hook: Any = None) -> tuple[Run, list[Array]]:
        """The outputs for inputs `x`, and the evaluation they come from. Pure, in the test phase."""
        known = dict(zip(self.variables, weights, strict=True))
        with Run(known, False, random.key(0), hook) as run:
            if self.model.is_graph:
                # Not through the model's own door, which would cast the picture back to whole numbers.
                return run, run_graph(run, self.model.outputs, dict(zip(self.model.inputs, x, strict=True)))
            return run, list(leaves(self.model.compute_values((self.model._restored_inputs(list(x)),), {}, 0)))

    def values(self, weights: Weights, x: Sequence[Array], path: str) -> Array:
        """What the call at `path` gives; layers after it are not evaluated."""

        def hook(found: str, value: Array) -> Array:
            if found == path:
                raise _Reached(value)
            return value

        try:
            self.outputs(weights, x, hook)
        except _Reached as reached:
            return reached.value
        raise InvalidValue(f"{self.owner}: {self.model.name} has no call {path!r}.")

    def scores(self, weights: Weights, x: Sequence[Array], output: int, target: Array, hook: Any = None) -> Array:
        """One number per sample: how much the output speaks for `target` (n,), before softmax or sigmoid."""
        run, found = self.outputs(weights, x, hook)
        return speaks_for(self._raw(run, found[output]), target, binary=self._is_binary(run, found[output]))

    def _raw(self, run: Run, value: Array) -> Array:
        logits = (run.logits_of(value, activation) for activation in SQUASHING)
        return next((found for found in logits if found is not None), value)

    def _is_binary(self, run: Run, value: Array) -> bool:
        return value.shape[-1] == 1 and run.logits_of(value, "sigmoid") is not None

    def logits(self, weights: Weights, x: Sequence[Array], output: int) -> Array:
        """(n, classes): the output before softmax; of a single sigmoid unit the logits of "no" and "yes"."""
        run, found = self.outputs(weights, x)
        raw = _flat(self._raw(run, found[output]))
        if self._is_binary(run, found[output]):
            return jnp.concatenate([jnp.zeros_like(raw), raw], -1)
        return raw

    def probabilities(self, weights: Weights, x: Sequence[Array], output: int, target: Array) -> Array:
        """The output's own value for `target`: a probability where it ends in softmax or sigmoid."""
        run, found = self.outputs(weights, x)
        value = _flat(found[output])
        if self._is_binary(run, found[output]):
            value = jnp.concatenate([1 - value, value], -1)
        return jnp.take_along_axis(value, target[:, None], -1)[:, 0]

    def classes(self, x: Sequence[Any], output: int) -> int:
        """How many classes an output tells apart; 2 of a single sigmoid unit."""
        one = [jax.ShapeDtypeStruct((1, *array.shape[1:]), array.dtype) for array in x]
        weights = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in self.variables]
        return int(jax.eval_shape(lambda w, g: self.logits(w, g, output), weights, one).shape[-1])

    def likeliest(self, weights: Weights, x: Sequence[Array], output: int) -> Array:
        """The class (n,) that the output speaks for most."""
        run, found = self.outputs(weights, x)
        value = _flat(found[output])
        return (value[:, 0] > 0.5).astype(jnp.int32) if self._is_binary(run, found[output]) else jnp.argmax(value, -1)

    # -- calls -----------------------------------------------------------------------------------------------------

    def calls(self, x: Sequence[Any]) -> list[Call]:
        """The calls of layers for inputs like `x`, in the order in which they are made; nothing is computed."""
        key = tuple((tuple(array.shape), str(array.dtype)) for array in x)
        if key not in self._calls:
            self._calls[key] = self._traced(x)
        return self._calls[key]

    def _traced(self, x: Sequence[Any]) -> list[Call]:
        seen: list[tuple[str, Any]] = []

        def hook(path: str, value: Any) -> Any:
            seen.extend((path, leaf) for leaf in list(leaves(value))[:1] if hasattr(leaf, "shape"))
            return value

        def compute(weights: Weights, given: list[Array]) -> tuple[list[Array], list[Array]]:
            seen.clear()
            return self.outputs(weights, given, hook)[1], [value for _, value in seen]

        specs = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in x]
        weights = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in self.variables]
        program = jax.make_jaxpr(compute)(weights, specs).jaxpr
        ends = program.outvars[: len(program.outvars) - len(seen)]
        reads = [dependents(program, start) for start in program.invars[len(weights) :]]
        feeds = [needed(program, end) for end in ends]
        layers = {layer.name: layer for layer in self._layers()}
        axis, found = self.channel_axis, []
        for (path, value), place in zip(seen, map(id, program.outvars[len(ends) :]), strict=True):
            layer = layers.get(re.sub(r"@\d+$", "", path.rpartition("/")[2]))
            stated = _channel_axis(layer)
            axis = axis if stated is None else stated
            kind = type(layer).__name__
            holds = isinstance(layer, Model) or kind == "TimeDistributed"
            flow = (frozenset(i for i, ids in enumerate(side) if place in ids) for side in (reads, feeds))
            found.append(Call(path, tuple(value.shape), kind, axis, holds, *flow))
        return found

    def call_of(self, layer: Any, x: Sequence[Any], reading: int | None = None) -> Call:
        """The call that `layer` (a layer, its name, or a path) means; a synonym of the name will do.

        Of a shared layer it is the last call, if possible the last that depends on the input number `reading`.

        Raises:
            UnknownName: the model has no such layer.
        """
        wanted = getattr(layer, "name", layer)
        calls = self.calls(x)
        fitting = _of_name(calls, wanted) or _of_name(calls, synonym(wanted))
        if not fitting:
            raise unknown(f"{self.owner}: {self.model.name}", "layer", wanted, dict.fromkeys(c.name for c in calls))
        return next((call for call in reversed(fitting) if reading in call.reads), fitting[-1])

    def batch_size(self, x: Sequence[Any], passes: int = 2) -> int:
        """How many samples at once keep the values of all layers, `passes` times, within `BUDGET_BYTES`."""
        one = [np.broadcast_to(array[:1], (1, *array.shape[1:])) for array in x]
        per_sample = sum(4 * int(np.prod(call.shape)) for call in self.calls(one)) + sum(a.nbytes for a in one)
        return int(np.clip(BUDGET_BYTES // max(passes * per_sample, 1), 1, 64))


def _of_name(calls: Sequence[Call], name: Any) -> list[Call]:
    return [call for call in calls if name in (call.path, call.name, re.sub(r"@\d+$", "", call.name))]


def dependents(program: Any, start: Any) -> set[int]:
    """The ids of the values in a jaxpr that are computed from `start`."""
    found = {id(start)}
    for step in program.eqns:
        if any(id(value) in found for value in step.invars):
            found.update(map(id, step.outvars))
    return found


def needed(program: Any, end: Any) -> set[int]:
    """The ids of the values in a jaxpr that `end` is computed from."""
    found = {id(end)}
    for step in reversed(program.eqns):
        if any(id(value) in found for value in step.outvars):
            found.update(map(id, step.invars))
    return found


def batches(n: int, size: int) -> Iterator[np.ndarray[Any, Any]]:
    """Rows of 0 to n - 1 in equal batches; the last one repeats its end, so that a program for `size` rows serves."""
    for start in range(0, n, size):
        yield np.minimum(np.arange(start, start + size), n - 1)


def lens_of(model: Any, owner: str) -> Lens:
    """The lens of a model, kept with it, so that what was compiled for it serves again."""
    kept: Lens | None = getattr(model, "__dict__", {}).get("_lens")
    if kept is None or kept._seen != list(kept.model.outputs):
        kept = Lens(model, owner)
        with contextlib.suppress(AttributeError, TypeError):  # a Keras model may refuse to be written on
            model.__dict__["_lens"] = kept
    kept.owner = owner
    return kept


def speaks_for(value: Array, target: Array, binary: bool) -> Array:
    """(n, classes) -> (n,): the value at `target`; of a single sigmoid unit its logit, or minus it for class 0."""
    value = _flat(value)
    if binary:
        return jnp.where(target == 1, value[:, 0], -value[:, 0])
    return jnp.take_along_axis(value, target[:, None], -1)[:, 0]


def _flat(value: Array) -> Array:
    """(n, ..., classes) -> (n, classes), the mean over what is between; (n,) -> (n, 1)."""
    value = value[:, None] if value.ndim == 1 else value
    return value if value.ndim == 2 else jnp.mean(value, tuple(range(1, value.ndim - 1)))


def _as_model(model: Any, owner: str) -> Model:
    if isinstance(model, Model):
        model.check_begun()
        return model
    if any(kind.__module__.partition(".")[0] in ("keras", "tf_keras") for kind in type(model).__mro__):
        from kerato.saving.exchange import from_keras

        converted: Model = from_keras(model)
        return converted
    raise InvalidType(f"{owner}: `model` must be a model. Got {show(model)}.")


def _inner_layers(layer: Layer) -> Iterator[Any]:
    """The layers inside `layer`, models and wrappers opened, in the order of computation."""
    inside = layer.layers if isinstance(layer, Model) else layer.sublayers
    for item in inside:
        if isinstance(item, Layer):
            yield item
            yield from _inner_layers(item)


def _channel_axis(layer: Any) -> int | None:
    stated = getattr(layer, "__dict__", {}).get("data_format")
    return None if stated is None else -1 if stated == "channels_last" else 1


def _rescales(layers: Iterator[Any]) -> bool:
    """Whether one of the first layers divides pictures of 0 to 255."""
    for layer in layers:
        if type(layer).__name__ == "Rescaling":
            return bool(np.max(np.abs(layer.scale)) < 0.05)
        if layer.variables:
            return False
    return False
