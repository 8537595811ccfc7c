"""What a model is trained for: losses, their weights, and metrics, one set per output.

Losses and metrics are resolved when the first batch shows the shapes, since `'accuracy'` means something else for
one-hot, integer and binary targets. All sums live in variables on the device, as (total, count).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerato import losses, metrics, objectives
from kerato.errors import InvalidType, InvalidValue, show, unknown
from kerato.graph import Frame, Tensor, wants_numbers
from kerato.measures import Mean, MeanMetricWrapper
from kerato.variables import Run, Variable, recording

Array = Any


def per_output(value: Any, names: Sequence[str], what: str, shared: bool) -> list[Any]:
    """`value` as a list with one entry per output: given as a list, a dict by output names, or one for all.

    Raises:
        InvalidValue: a list of another length.
        UnknownName: a dict with a name that no output has.
    """
    if isinstance(value, dict):
        for key in value:
            if key not in names:
                raise unknown("compile", f"`{what}` for an output", key, names)
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)) and not (shared and len(names) == 1):
        if len(value) == len(names):
            return list(value)
        if shared and not any(isinstance(item, (list, tuple)) for item in value):
            return [list(value)] * len(names)
        raise InvalidValue(f"compile: `{what}` must have one entry per output {tuple(names)}. Got {show(value)}.")
    if shared and len(names) == 1 and isinstance(value, (list, tuple)):
        inner = value[0] if len(value) == 1 and isinstance(value[0], (list, tuple)) else value
        return [list(inner)]
    return [value] * len(names)


class Objective:
    """The compiled losses and metrics of a model.

    Args:
        loss, loss_weights, metrics, weighted_metrics: as `Model.compile` takes them.
        names: the names of the outputs.
    """

    def __init__(self, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any, names: Sequence[str]) -> None:
        self.names = list(names)
        self.losses = [_loss_of(item) for item in per_output(loss, names, "loss", shared=False)]
        self.weights = [1.0 if w is None else float(w) for w in per_output(loss_weights, names, "loss_weights", False)]
        self._wanted = [
            (per_output(given, names, what, shared=True), weighted)
            for given, what, weighted in ((metrics, "metrics", False), (weighted_metrics, "weighted_metrics", True))
            if given is not None
        ]
        self.total = _mean("loss")
        lossy = [name for name, loss in zip(names, self.losses, strict=True) if loss is not None]
        self.parts = [_mean(f"{name}_loss") for name in lossy] if len(lossy) > 1 else []
        self.metrics: list[list[tuple[Any, bool]]] | None = None
        #: means of tensors that the model counts itself
        self.added: list[Any] = []

    def build(self, y: Sequence[Any], p: Sequence[Any]) -> None:
        """Choose the metrics for the shapes of targets and predictions."""
        if self.metrics is None:
            self.metrics = [self._metrics_of(i, y, p) for i in range(len(self.names))]
            self._tell_apart([pair for group in self.metrics for pair in group])

    def _metrics_of(self, output: int, y: Sequence[Any], p: Sequence[Any]) -> list[tuple[Any, bool]]:
        found = []
        for per_name, weighted in self._wanted:
            items = per_name[output]
            for item in items if isinstance(items, (list, tuple)) else [items]:
                if item is not None:
                    found.append((self._metric(item, output, y, p), weighted))
        return found

    def _metric(self, item: Any, output: int, y: Sequence[Any], p: Sequence[Any]) -> Any:
        _check_function(item, "metric")
        loss, target = self.losses[output], tuple(y[output].shape) if output < len(y) else ()
        metric = metrics.as_metric(item, getattr(loss, "name", None), tuple(p[output].shape), target)
        metric.build(target, tuple(p[output].shape))
        if len(self.names) > 1:
            metric.name = f"{self.names[output]}_{metric.name}"
        return metric

    def _tell_apart(self, chosen: Sequence[tuple[Any, bool]]) -> None:
        # Keras's rule: a weighted metric of a name that is taken is `weighted_...`, any other gets a number.
        taken: dict[str, int] = {}
        for metric, weighted in sorted(chosen, key=lambda pair: pair[1]):
            if weighted and metric.name in taken:
                output = next((f"{name}_" for name in self.names if metric.name.startswith(f"{name}_")), "")
                output = output if len(self.names) > 1 else ""
                metric.name = f"{output}weighted_{metric.name.removeprefix(output)}"
            number = taken.setdefault(metric.name, 0)
            taken[metric.name] += 1
            metric.name = f"{metric.name}_{number}" if number else metric.name

    @property
    def all_metrics(self) -> list[Any]:
        """The averages of the losses, then the metrics."""
        chosen = [metric for group in self.metrics or [] for metric, _ in group]
        return [self.total, *self.parts, *chosen, *self.added]

    @property
    def variables(self) -> list[Variable]:
        """All sums and counts."""
        return list(dict.fromkeys(v for metric in self.all_metrics for v in metric.variables))

    def value(self, run: Run, y: Sequence[Any], p: Sequence[Any], w: Sequence[Any]) -> tuple[Array, list[Array]]:
        """The loss to minimise, without what layers and regularizers add, and the parts it is made of."""
        parts = []
        for i, loss in enumerate(self.losses):
            if loss is not None:
                parts.append(_loss(run, loss, y[i], p[i], _given(w, i)))
        weights = [weight for weight, loss in zip(self.weights, self.losses, strict=True) if loss is not None]
        total = sum((weight * part for weight, part in zip(weights, parts, strict=True)), jnp.zeros(()))
        return total, parts

    def update(
        self, run: Run, y: Sequence[Any], p: Sequence[Any], w: Sequence[Any], total: Array, parts: Sequence[Array]
    ) -> None:
        """Count a batch into all sums."""
        samples = p[0].shape[0]
        self.total.update_state(total, sample_weight=jnp.asarray(samples, jnp.float32))
        for tracker, part in zip(self.parts, parts if self.parts else (), strict=True):
            tracker.update_state(part, sample_weight=jnp.asarray(samples, jnp.float32))
        for i, group in enumerate(self.metrics or []):
            for metric, weighted in group:
                target = beside_prediction(y[i], p[i]) if _is_own(metric) else y[i]
                metric.update_state(target, p[i], sample_weight=_weights(run, p[i], w if weighted else (), i))

    def reset(self) -> None:
        """All sums to zero."""
        for metric in self.all_metrics:
            metric.reset_state()

    def results(self) -> dict[str, Array]:
        """Name -> value of all averages and metrics, on the device."""
        return {metric.name: metric.result() for metric in self.all_metrics}

    @property
    def result_names(self) -> list[str]:
        """The names in the order of `results`."""
        return [metric.name for metric in self.all_metrics]


def _loss_of(item: Any) -> Any:
    _check_function(item, "loss")
    return losses.as_loss(item)


def _check_function(item: Any, what: str) -> None:
    if not inspect.isfunction(item):
        return
    try:
        inspect.signature(item).bind(None, None)
    except TypeError:
        raise InvalidType(
            f"compile: a {what} function must take (y_true, y_pred). {item.__name__} takes {inspect.signature(item)}."
        ) from None


def _given(w: Sequence[Any], output: int) -> Any:
    """The sample weights of an output; a single array holds for all outputs."""
    return w[output if len(w) > 1 else 0] if len(w) else None


def _mean(name: str) -> Any:
    return Mean(name=name)


def _weights(run: Run, p: Array, w: Sequence[Any], output: int) -> Array | None:
    """The sample weights of an output, times the mask that its layers left."""
    given = _given(w, output)
    mask = run.mask_of(p)
    if mask is None:
        return given
    counts = mask.astype(jnp.float32)
    return counts if given is None else counts * jnp.reshape(given, given.shape + (1,) * (counts.ndim - given.ndim))


def _loss(run: Run, loss: losses.Loss, y: Array, p: Array, w: Array | None) -> Array:
    if isinstance(loss, losses.LossFunctionWrapper) and _is_users(loss):
        # A user's function becomes part of the graph: it may mention other tensors of it and take gradients.
        written = loss.call
        y = beside_prediction(y, p)
        loss = losses.LossFunctionWrapper(lambda y, _: _in_graph(run, written, y, p), loss.reduction, loss.name)
    mask = run.mask_of(p)
    logits = _logits(run, loss, p)
    if logits is None:
        return loss(y, p, sample_weight=w, mask=mask)
    return _on_logits(loss)(y, logits, sample_weight=w, mask=mask)


def beside_prediction(y: Array, p: Array) -> Array:
    """Targets with as many axes as the prediction, where one has a last axis of size 1 too many.

    A user's formula would else spread (n,) and (n, 1) to (n, n).
    """
    fitting, same = objectives.same_rank(y, p)
    return fitting if same is p else y


#: crossentropies that are exact on what came before this activation, where log(softmax(x)) loses digits
_ACTIVATIONS = {
    objectives.categorical_crossentropy: "softmax",
    objectives.sparse_categorical_crossentropy: "softmax",
    objectives.binary_crossentropy: "sigmoid",
}


def _formula(loss: losses.Loss) -> Any:
    if not type(loss).__module__.startswith("kerato."):
        return None  # a user's subclass may compute something else
    return loss.fn if isinstance(loss, losses.LossFunctionWrapper) else getattr(type(loss), "formula", None)


def _logits(run: Run, loss: losses.Loss, p: Array) -> Array | None:
    options = loss.get_config()
    if options.get("from_logits") or options.get("axis", -1) != -1:
        return None
    return run.logits_of(p, _ACTIVATIONS.get(_formula(loss), "no activation"))


def _on_logits(loss: losses.Loss) -> losses.Loss:
    if isinstance(loss, losses.LossFunctionWrapper):
        return losses.LossFunctionWrapper(loss.fn, loss.reduction, loss.name, **{**loss.options, "from_logits": True})
    return type(loss).from_config({**loss.get_config(), "from_logits": True})


def _in_graph(run: Run, function: Any, y: Array, p: Array) -> Array:
    frame: Frame | None = run.frames[-1] if run.frames else None
    source = next((t for t, value in frame.known.items() if value is p), None) if frame else None
    if frame is None or source is None:
        return function(y, p)
    target = Tensor((None, *y.shape[1:]), str(y.dtype), name="target")
    try:
        with recording():
            values = function(target, source)
    except (TypeError, ValueError) as error:
        if not wants_numbers(error):
            raise
        return function(y, p)
    if values is None:
        raise InvalidType(f"compile: the loss function {_name(function)} must return a value per sample. Got None.")
    frame.known[target] = y
    return frame.values([values])[0] if isinstance(values, Tensor) else values


def _name(function: Any) -> str:
    return str(getattr(getattr(getattr(function, "__self__", None), "fn", function), "__name__", "given"))


def check_batch(objective: Objective, batch: Any, outputs: Sequence[Any], owner: str) -> None:
    """Refuse targets and sample weights that cannot belong to the outputs.

    Raises:
        InvalidValue: one sentence with the shapes, the range or the number found, and what to do.
    """
    _, targets, weights = batch
    needed = max((i + 1 for i, loss in enumerate(objective.losses) if loss is not None), default=0)
    if not needed <= len(targets) <= len(outputs):
        raise InvalidValue(
            f"{owner}: there must be one target per output {tuple(objective.names)}. Got {len(targets)}."
        )
    if len(weights) not in (0, 1, len(outputs)):
        raise InvalidValue(
            f"{owner}: `sample_weight` must be one array, or one per output {tuple(objective.names)}. "
            f"Got {len(weights)}."
        )
    for i, (loss, y) in enumerate(zip(objective.losses, targets, strict=False)):
        check_targets(loss, y, outputs[i], owner)
        if loss is not None and len(weights):
            _check_weights(loss, _given(weights, i), outputs[i], owner)


def _check_weights(loss: Any, w: np.ndarray[Any, Any], p: Any, owner: str) -> None:
    shape = tuple(w.shape)
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    axes = tuple(p.shape) if _is_users(loss) else tuple(p.shape)[:-1]
    fits = len(shape) <= max(1, len(axes)) and all(b in (None, a) for a, b in zip(shape[1:], axes[1:], strict=False))
    if not fits:
        raise InvalidValue(
            f"{owner}: `sample_weight` must have one weight per sample (samples,), or one per value of the loss "
            f"{(None, *axes[1:])}. Got shape {tuple(w.shape)}."
        )


def _is_own(metric: Any) -> bool:
    """Whether a metric is the mean of a user's function."""
    return isinstance(metric, MeanMetricWrapper) and not metric.fn.__module__.startswith("kerato.")


def _is_users(loss: Any) -> bool:
    formula = _formula(loss)
    return not str(getattr(formula, "__module__", "")).startswith("kerato.")


def check_targets(loss: Any, y: np.ndarray[Any, Any], p: Any, owner: str) -> None:
    """Refuse targets that cannot belong to the predictions, on the host and before anything is compiled.

    Raises:
        InvalidValue: one sentence with the shapes or the range found, and what to do.
    """
    name = str(getattr(loss, "name", None) or "")
    classes = p.shape[-1] if len(p.shape) else None
    if "sparse_categorical" in name:
        _check_labels(name, y, classes, owner)
    elif "categorical_crossentropy" in name and y.shape[-1:] != tuple(p.shape[-1:]):
        raise InvalidValue(
            f"{name}: targets have shape {tuple(y.shape)}, predictions {_free(p)}. "
            f"Integer labels? Use sparse_categorical_crossentropy, or to_categorical(y, {classes})."
        )


def _check_labels(name: str, y: np.ndarray[Any, Any], classes: int | None, owner: str) -> None:
    if classes and y.ndim > 1 and y.shape[-1] == classes and classes > 1:
        raise InvalidValue(
            f"{name}: targets have shape {tuple(y.shape)}, which is one-hot for {classes} classes. "
            "Use categorical_crossentropy, or integer labels: y.argmax(-1)."
        )
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise InvalidValue(f"{owner}: labels must be whole numbers for {name}. Got {y[y != np.floor(y)][0]:g}.")
    low, high = y.min(), y.max()
    if classes and (low < 0 or high >= classes):
        more = f", or give the last layer {int(high) + 1} units" if low >= 0 else ""
        raise InvalidValue(
            f"{owner}: labels must be from 0 to {classes - 1} for an output of {classes} classes. "
            f"Got {low:g} to {high:g}. Number the classes from 0{more}."
        )


def _free(p: Any) -> tuple[Any, ...]:
    return (None, *tuple(p.shape)[1:])
