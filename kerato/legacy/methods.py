"""Old methods: what the calls `fit`, `compile`, ... understood in Keras 0.3, 1 and 2, and methods that are gone.

`teach` puts a reader in front of today's methods. It asks the dialect of the calling file, and in today's does nothing.
"""

from __future__ import annotations

import functools
import itertools
import math
import sys
from collections.abc import Callable
from typing import Any

from kerato import config
from kerato.arguments import title
from kerato.callbacks import CallbackList, ModelCheckpoint, ReduceLROnPlateau, TensorBoard
from kerato.errors import InvalidValue, invalid
from kerato.layers.base import Layer
from kerato.legacy.arguments import Arguments, Old, callers
from kerato.models import Model, Sequential

_CLASSES: dict[str, Any] = {
    "CallbackList": CallbackList,
    "Layer": Layer,
    "Model": Model,
    "ModelCheckpoint": ModelCheckpoint,
    "ReduceLROnPlateau": ReduceLROnPlateau,
    "Sequential": Sequential,
    "TensorBoard": TensorBoard,
}

#: old word -> today's; None for what is no longer needed
_FIT: dict[str, str | None] = {"X": "x", "nb_epoch": "epochs", "show_accuracy": None}
_GENERATORS: dict[str, str | None] = {
    "max_q_size": "max_queue_size",
    "nb_epoch": "epochs",
    "nb_val_samples": "validation_steps",
    "nb_worker": "workers",
    "pickle_safe": "use_multiprocessing",
    "samples_per_epoch": "steps_per_epoch",
    "val_samples": "steps",
}
#: number of batches -> whose batches they are
_SOURCES = {"steps_per_epoch": "generator", "steps": "generator", "validation_steps": "validation_data"}
#: counts that may come as 62.5 from a division
_WHOLE = {*_GENERATORS, *_GENERATORS.values()} - {"pickle_safe", "use_multiprocessing"}

#: names that 2.0.5 gave to metrics, whatever they were called
_METRICS = {
    "accuracy": "acc",
    "cosine": "cosine_proximity",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}


def _metrics(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _metrics(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_metrics(item) for item in value]
    return _METRICS.get(value.lower(), value) if isinstance(value, str) else value


#: what TensorBoard's files held of a network in TensorFlow, and here do not
_UNWRITTEN = ["batch_size", "embeddings_freq", "embeddings_layer_names", "embeddings_metadata", "write_grads"]


def _checkpoint(self: Any, init: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """`period`, the seventh argument then, counted the epochs from one file to the next."""
    period: Any = 1
    if speaks_old():
        args, period = args[:6], args[6] if len(args) > 6 else kwargs.pop("period", 1)
    if not isinstance(period, int) or isinstance(period, bool) or period < 1:
        raise invalid("ModelCheckpoint", "period", "an int >= 1", period)
    init(self, *args, **kwargs)
    if period > 1:
        self.on_epoch_end = _each(period, self.on_epoch_end)


def _each(period: int, hook: Callable[..., None]) -> Callable[..., None]:
    """A hook that does its work at the last of every `period` calls."""
    calls = itertools.count(1)

    def end(epoch: int, logs: Any = None) -> None:
        if next(calls) % period == 0:
            hook(epoch, logs)

    return end


def _weighed(kwargs: Arguments) -> Arguments:
    """Weights of samples were taken instead of those of classes, where both were given."""
    return kwargs if kwargs.get("sample_weight") is None else {**kwargs, "class_weight": None}


def _compiled(kwargs: Arguments) -> Arguments:
    return {**kwargs, "metrics": _metrics(kwargs.get("metrics"))}


_COMPILE: dict[str, str | None] = {"class_mode": None, "theano_mode": None}
_FIT_ORDER = (
    "x y batch_size epochs verbose callbacks validation_split validation_data shuffle class_weight sample_weight"
    " initial_epoch"
)
_GENERATOR_ORDER = (
    "generator steps_per_epoch epochs verbose callbacks validation_data validation_steps class_weight max_queue_size"
    " workers use_multiprocessing initial_epoch"
)


def _old(
    order: str, older: dict[str, str | None], rewrite: Callable[[Arguments], Arguments] = dict, **defaults: Any
) -> Old:
    return Old(tuple(order.split()), older=older, defaults=defaults, rewrite=rewrite)


#: class and method -> how its arguments were read
METHODS: dict[str, Old] = {
    "Model.compile": _old("", _COMPILE, _compiled),
    "Sequential.compile": _old("optimizer loss metrics sample_weight_mode", _COMPILE, _compiled),
    "Model.fit": _old(_FIT_ORDER, _FIT, _weighed),
    "Sequential.fit": _old(_FIT_ORDER, _FIT, _weighed, epochs=10),
    "Model.evaluate": _old("x y batch_size verbose sample_weight", _FIT),
    "Model.predict": _old("x batch_size verbose", _FIT),
    "Model.train_on_batch": _old("x y sample_weight class_weight", _FIT, _weighed),
    "Sequential.train_on_batch": _old("x y class_weight sample_weight", _FIT, _weighed),
    "Model.test_on_batch": _old("x y sample_weight", _FIT),
    "Model.fit_generator": _old(_GENERATOR_ORDER, _GENERATORS),
    "Model.evaluate_generator": _old("generator steps max_queue_size workers use_multiprocessing", _GENERATORS),
    "ReduceLROnPlateau.__init__": Old(
        ("monitor", "factor", "patience", "verbose", "mode", "min_delta", "cooldown", "min_lr"),
        names={"epsilon": "min_delta"},
    ),
    "TensorBoard.__init__": Old(older=dict.fromkeys(_UNWRITTEN)),
    "Model.predict_generator": _old("generator steps max_queue_size workers use_multiprocessing verbose", _GENERATORS),
}


def _batches(kwargs: Arguments) -> Arguments:
    """Keras 1 counted samples: the generator's `batch_size`, if it has one, makes batches of them; parts count."""
    found = dict(kwargs)
    for old, today in _GENERATORS.items():
        source: Any = found.get(_SOURCES.get(str(today), ""))
        if old in found and hasattr(source, "batch_size"):
            found[old] = max(1, int(found[old]) // int(source.batch_size))
    return {k: math.ceil(v) if isinstance(v, float) and k in _WHOLE else v for k, v in found.items()}


def _show_accuracy(model: Any) -> None:
    """0.3 asked for the accuracy when it trained, not when it compiled."""
    if not model._compiled["metrics"]:
        model.compile(model.optimizer, loss=model._compiled["loss"], metrics=["acc"])


def speaks_old() -> bool:
    """Whether the calling file means 2.0.5."""
    return config.in_dialect("accuracy", (), {"by_loss": False})[1]["by_loss"] is True


def _reader(key: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """`method`, whose arguments are read as the user's code that calls it means them."""
    row, name = METHODS[key], key.partition(".")[2]

    @functools.wraps(method)
    def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not speaks_old() or next(callers(), None) is not sys._getframe(1):
            return method(self, *args, **kwargs)
        if row.older is _GENERATORS and len(args) <= len(row.order):
            args, kwargs = (), _batches({**dict(zip(row.order, args, strict=False)), **kwargs})
        if kwargs.get("show_accuracy"):
            _show_accuracy(self)
        args, kwargs = row.meaning(f"{type(self).__name__}.{name}", args, kwargs)
        return method(self, *args, **kwargs)

    return read


def _add(self: Any, add: Callable[..., Any], layer: Any) -> None:
    add(self, layer)
    if speaks_old() and not self.outputs:
        self._stack.pop()
        raise InvalidValue(
            f"{title(self)}: the first layer must have an `input_shape` or `batch_input_shape`. "
            f"{title(layer)} has none."
        )


def _batch_logs(self: Any, call: Callable[..., None], hook: str, *args: Any) -> None:
    """What `on_batch_begin` and `on_batch_end` were given had the batch's number and its samples too."""
    if hook in ("on_batch_begin", "on_batch_end") and speaks_old():
        args = (args[0], {"batch": args[0], "size": self.samples, **args[1]})
    call(self, hook, *args)


#: class and method -> what is done around today's
AROUND: dict[str, Callable[..., Any]] = {
    "CallbackList.call": _batch_logs,
    "ModelCheckpoint.__init__": _checkpoint,
    "Sequential.add": _add,
}


def _around(written: Callable[..., Any], method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return written(self, method, *args, **kwargs)

    return call


class Synonym:
    """An old name of an attribute; a user's layer may keep something of its own under it."""

    def __init__(self, today: str) -> None:
        self.today = today

    def __get__(self, layer: Any, kind: type[Any] | None = None) -> Any:
        return self if layer is None else getattr(layer, self.today)


def _get_output(self: Any, train: bool = False) -> Any:
    """The output tensor; whether it is computed as in training is what `K.learning_phase()` is fed."""
    return self.output


def _get_input(self: Any, train: bool = False) -> Any:
    """The input tensor."""
    return self.input


def _own_list(name: str, trainable: bool) -> property:
    """The property `name`, which layers of Keras 1 assigned: `self.trainable_weights = [self.W, self.b]`."""
    today = getattr(Layer, name)

    def assign(self: Any, variables: Any) -> None:
        for variable in variables:
            variable.trainable = trainable
        self._weights.extend(v for v in variables if v not in self._weights)

    return property(today.fget, assign, doc=today.__doc__)


#: class and old name -> what it is
ADDED: dict[str, Any] = {
    "Layer.get_input": _get_input,
    "Layer.get_output": _get_output,
    **{
        f"Layer.{old}": Synonym(today)
        for old, today in {
            "U": "recurrent_kernel",
            "W": "kernel",
            "b": "bias",
            "border_mode": "padding",
            "nb_filter": "filters",
            "output_dim": "units",
            "running_mean": "moving_mean",
            "running_std": "moving_variance",
            "subsample": "strides",
        }.items()
    },
}

_taught: list[str] = []


def teach() -> None:
    """Put the tables in front of today's methods; once."""
    if _taught:
        return
    originals = {
        key: getattr(_CLASSES[key.partition(".")[0]], key.partition(".")[2], None)
        for key in (*METHODS, *AROUND)
        if "." in key
    }
    for key, method in originals.items():
        if method is not None:
            made = _reader(key, method) if key in METHODS else _around(AROUND[key], method)
            _set(key, made)
    for name, trainable in (("trainable_weights", True), ("non_trainable_weights", False)):
        ADDED[f"Layer.{name}"] = _own_list(name, trainable)
    for key, added in ADDED.items():
        _set(key, added)
    _taught.extend([*originals, *ADDED])


def _set(key: str, value: Any) -> None:
    kind, _, name = key.partition(".")
    setattr(_CLASSES[kind], name, value)
