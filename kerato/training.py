"""`compile`, `fit`, `evaluate`, `predict` and their single-batch forms, as Keras users know them.

This is the user's side: it turns arguments into a batch source, checks on the host what can be checked, and lets
the engine run.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerato import optimizers, random
from kerato.callbacks import CallbackList, History, Progress, as_list, verbosity
from kerato.data.sources import (
    Arrays,
    Batch,
    Rounds,
    Stream,
    as_arrays,
    check_finite,
    check_lengths,
    count,
    is_stream,
    refuse_beside,
    shuffling,
    split,
    warn_of_range,
    weigh_classes,
)
from kerato.engine import Engine, Prediction, check_compiled
from kerato.errors import InvalidType, InvalidValue, invalid
from kerato.scoring import Objective, check_batch
from kerato.variables import Variable

Array = Any


class Trainer:
    """The training half of a `Model`; the other half gives `forward`, `variables` and `output_names`."""

    stop_training = False
    _optimizer: Any = None
    _objective: Objective | None = None
    _engine: Engine | None = None
    _prediction: Prediction | None = None
    _seen: tuple[float, float] | None = None

    if TYPE_CHECKING:
        name: str
        output_names: Sequence[str]

        @property
        def variables(self) -> list[Variable]: ...
        @property
        def trainable_variables(self) -> list[Variable]: ...
        def check_begun(self) -> None: ...
        def in_order(self, x: Any, owner: str) -> list[Any]: ...
        def ensure_built(self, x: Sequence[Any], owner: str) -> None: ...
        def output_specs(self, x: Sequence[Any]) -> list[Any]: ...
        def restore_structure(self, values: Sequence[Any]) -> Any: ...

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        **ignored: Any,
    ) -> None:
        """Say how to train: an optimizer, a loss, metrics to watch, each by name or as an object.

        Args:
            optimizer: a name, an optimizer, or an optax transformation.
            loss: a name, a loss, or a function `(y_true, y_pred) -> value per sample`; a list or dict for several
                outputs.
            metrics: a list such as `['accuracy']`; for several outputs a list of lists or a dict.
            loss_weights: a factor per output.
            weighted_metrics: metrics that count samples with their weights.
            ignored: arguments of other versions of Keras that change no numbers (`run_eagerly`, `jit_compile`,
                `steps_per_execution`, ...).

        Raises:
            UnknownName: an optimizer, loss or metric of that name does not exist.
            InvalidType: an ignored argument looks like one of these, misspelt.
        """
        _refuse_misspelt(ignored)
        self.check_begun()
        self._optimizer = optimizers.get(optimizer)
        self._compiled = {"loss": loss, "metrics": metrics, "loss_weights": loss_weights}
        self._compiled["weighted_metrics"] = weighted_metrics
        self._objective = None
        self._engine = None
        if self.output_names:
            self._objective = self._new_objective()

    def _new_objective(self) -> Objective:
        made = self._compiled
        return Objective(
            made["loss"], made["loss_weights"], made["metrics"], made["weighted_metrics"], self.output_names
        )

    @property
    def optimizer(self) -> Any:
        """The optimizer given to `compile`."""
        return self._optimizer

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns; complete once the model has seen data."""
        return self._objective.result_names if self._objective else []

    @property
    def metrics(self) -> list[Any]:
        """The loss averages and metrics."""
        return self._objective.all_metrics if self._objective else []

    # -- training ------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Iterable[Any] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train for `epochs - initial_epoch` epochs.

        Args:
            x: samples on axis 0: an array, a list or dict of them for several inputs; or a generator, iterable or
                sequence of batches `(x, y)` or `(x, y, sample_weight)`.
            y: targets, like `x`.
            batch_size: samples per update, 32 unless given.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 a progress bar (one line per epoch when the output is no terminal), 2 one line.
            callbacks: called around epochs and batches.
            validation_split: share of the data, from its end and before shuffling, kept for validation.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or a batch source; wins over `validation_split`.
            shuffle: a new order each epoch: True, False, or `'batch'` to move whole batches.
            class_weight: class -> factor of its samples in the training loss.
            sample_weight: a factor per sample, or per sample and timestep.
            initial_epoch: number of the first epoch, to go on with an earlier run.
            steps_per_epoch: batches per epoch of a source without an end; of arrays, an epoch goes on where the last
                one stopped.

        Returns:
            A `History`: `history.history['loss']` has one number per epoch.

        Raises:
            InvalidCall: the model was not compiled.
            InvalidValue: data that cannot fit the model, named in one sentence.
        """
        check_compiled(self._optimizer)
        numbers = range(count("fit", "initial_epoch", initial_epoch, 0), count("fit", "epochs", epochs, 0))
        held_out, weigh = None, weigh_classes(class_weight) if class_weight is not None else None
        if is_stream(x):
            refuse_beside(x, y, sample_weight, "fit")
            source: Any = Stream(x, steps_per_epoch, self._arranging("fit", weigh), "fit")
        else:
            parts = self._parts(x, y, sample_weight, "fit")
            if validation_split and validation_data is None:
                parts, held_out = split(parts, validation_split)
            if weigh is not None:
                parts = (parts[0], parts[1], weigh(parts[1], parts[2]))
            source = Arrays(parts, _batch_size(batch_size, "fit"), shuffling(shuffle), random.seed())
        engine = self._ready(source, "fit")
        if steps_per_epoch is not None and isinstance(source, Arrays):
            source = Stream(Rounds(source), count("fit", "steps_per_epoch", steps_per_epoch), source.pass_on, "fit")
        validation = self._validation_source(
            validation_data, held_out, validation_batch_size or batch_size, validation_steps
        )
        return self._epochs(engine, source, validation, numbers, verbose, callbacks or (), validation_freq)

    def _epochs(
        self,
        engine: Engine,
        source: Any,
        validation: Any,
        epochs: range,
        verbose: int | str,
        callbacks: Iterable[Any],
        validation_freq: int,
    ) -> History:
        history = self.history = History()
        shown = [Progress(level)] if (level := verbosity(verbose)) else []
        params = {"epochs": epochs.stop, "steps": len(source) or None, "verbose": level}
        all_of_them = CallbackList([*as_list(callbacks), history, *shown], self, params)
        self.stop_training = False
        seed = random.seed()
        all_of_them.call("on_train_begin")
        try:
            for epoch in epochs:
                all_of_them.call("on_epoch_begin", epoch)
                logs = engine.run("train", source, epoch, seed, all_of_them)
                if validation is not None and (epoch + 1) % validation_freq == 0:
                    logs.update(self._validate(engine, validation, epoch, all_of_them))
                all_of_them.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
        finally:
            all_of_them.call("on_train_end")
        return history

    def _validate(self, engine: Engine, source: Any, epoch: int, callbacks: CallbackList) -> dict[str, float]:
        callbacks.call("on_test_begin")
        logs = engine.run("test", source, 0, random.seed(), callbacks.without_progress())
        callbacks.call("on_test_end", logs)
        return {f"val_{name}": value for name, value in logs.items()}

    def _validation_source(self, data: Any, held_out: Batch | None, batch_size: int | None, steps: int | None) -> Any:
        if data is not None and is_stream(data):
            if steps is None and not hasattr(data, "__len__") and iter(data) is data:
                raise invalid("fit", "validation_steps", "the number of batches to take from a generator", steps)
            source = Stream(data, steps, self._arranging("fit"), "fit")
            source.check = self._check
            return source
        if data is not None:
            if not isinstance(data, (tuple, list)) or not 2 <= len(data) <= 3:
                raise invalid("fit", "validation_data", "(x, y), (x, y, sample_weight) or a batch source", data)
            x, y, w = (*data, None)[:3]
            held_out = self._parts(x, y, w, "fit")
        if held_out is None:
            return None
        self._check(held_out)
        return Arrays(held_out, _batch_size(batch_size, "fit"), False, 0)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Iterable[Any] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss, then the metrics, over all of the data in the test phase (no dropout, moving statistics).

        Returns:
            One number without metrics, a list in the order of `metrics_names`, or a dict with `return_dict`.

        Raises:
            InvalidCall: the model was not compiled.
        """
        check_compiled(self._optimizer)
        source: Any
        if is_stream(x):
            refuse_beside(x, y, sample_weight, "evaluate")
            source = Stream(x, steps, self._arranging("evaluate"), "evaluate")
        else:
            parts = self._parts(x, y, sample_weight, "evaluate")
            source = Arrays(parts, _batch_size(batch_size, "evaluate"), False, 0)
            warn_of_range(self._seen, parts[0][0], "evaluate")
        engine = self._ready(source, "evaluate")
        level = verbosity(verbose)
        shown = [Progress(level, "test")] if level else []
        params = {"epochs": 1, "steps": len(source) or None, "verbose": level}
        watching = CallbackList([*as_list(callbacks), *shown], self, params)
        watching.call("on_test_begin")
        logs = engine.run("test", source, 0, random.seed(), watching)
        watching.call("on_test_end", logs)
        return _shaped(logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Iterable[Any] | None = None,
    ) -> Any:
        """The outputs for all samples, as NumPy arrays; works without `compile`.

        Args:
            x: an array, a list or dict of them for several inputs, or a batch source.
            batch_size: samples computed at a time; 32 unless given. It does not change the result.
        """
        source = self._prediction_source(x, _batch_size(batch_size, "predict"), steps)
        level = verbosity(verbose)
        shown = [Progress(level, "predict")] if level else []
        params = {"epochs": 1, "steps": len(source) or None, "verbose": level}
        watching = CallbackList([*as_list(callbacks), *shown], self, params)
        watching.call("on_predict_begin")
        found = []
        computed = self._predicting().batches(batch[0] for batch in source.batches(0))
        for index, outputs in enumerate(computed):
            watching.call("on_predict_batch_begin", index)
            found.append(outputs)
            watching.call("on_predict_batch_end", index)
            watching.progress(index + 1)
        watching.call("on_predict_end")
        joined = [_joined([outputs[i] for outputs in found]) for i in range(len(found[0]))]
        return self.restore_structure(joined)

    def _prediction_source(self, x: Any, batch_size: int, steps: int | None) -> Any:
        if is_stream(x):
            source: Any = Stream(x, steps, lambda x, y, w: (self.in_order(x, "predict"), [], []), "predict")
        else:
            parts = self._parts(x, None, None, "predict")
            source = Arrays(parts, batch_size, False, 0)
            warn_of_range(self._seen, parts[0][0], "predict", 4)
        self.ensure_built(source.first[0], "predict")
        return source

    def _predicting(self) -> Prediction:
        if self._prediction is None or self._prediction.variables != list(self.variables):
            self._prediction = Prediction(self)
        return self._prediction

    # -- single batches --------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update on one batch; the loss and metrics from before it, as `evaluate` returns them."""
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and metrics of one batch, as `evaluate` returns them."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, phase: str, x: Any, y: Any, w: Any, class_weight: Any, return_dict: bool) -> Any:
        owner = f"{phase}_on_batch"
        check_compiled(self._optimizer)
        parts = self._parts(x, y, w, owner)
        if class_weight is not None:
            parts = (parts[0], parts[1], weigh_classes(class_weight)(parts[1], parts[2]))
        engine = self._ready(Arrays(parts, len(parts[0][0]), False, 0), owner)
        step = int(self._optimizer.iterations.concrete()) if phase == "train" else 0
        key = random.fold(random.key(random.seed()), owner, step)
        return _shaped(engine.batch(phase, parts, key), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch."""
        return self.predict(x, batch_size=max(1, len(as_arrays(x, "predict_on_batch")[0])))

    # -- preparing -------------------------------------------------------------------------------------------------

    def _parts(self, x: Any, y: Any, w: Any, owner: str) -> Batch:
        """Inputs, targets and weights as lists of arrays, checked against each other."""
        parts = self._arranging(owner)(x, y, w)
        for name, arrays in zip(("x", "y", "sample_weight"), parts, strict=True):
            for array in arrays:
                check_finite(array, name, owner)
        return parts

    def _arranging(self, owner: str, weigh: Any = None) -> Callable[[Any, Any, Any], Batch]:
        """`(x, y, w) -> Batch` in the order of inputs and outputs, with class weights; lengths are checked."""

        def arrange(x: Any, y: Any, w: Any) -> Batch:
            targets, weights = self._by_output(y, "y", owner), self._by_output(w, "sample_weight", owner)
            found = (self.in_order(x, owner), targets, weights)
            check_lengths(found, owner)
            return found if weigh is None else (found[0], found[1], weigh(found[1], found[2]))

        return arrange

    def _by_output(self, values: Any, what: str, owner: str) -> list[Any]:
        if isinstance(values, dict):
            missing = [name for name in self.output_names if name not in values]
            if missing:
                raise InvalidValue(
                    f"{owner}: `{what}` must have an entry for every output. Got {tuple(values)}, none for {missing}."
                )
            return [as_arrays(values[name], owner)[0] for name in self.output_names]
        return as_arrays(values, owner)

    def _check(self, batch: Batch, owner: str = "fit") -> None:
        """Refuse targets and weights that cannot belong to the outputs for these inputs."""
        self.ensure_built(batch[0], owner)
        if self._objective is not None:
            check_batch(self._objective, batch, self.output_specs(batch[0]), owner)

    def _ready(self, source: Any, owner: str) -> Engine:
        """The engine for the model as it is now, its variables in place, the data checked."""
        first: Batch = source.first
        self.ensure_built(first[0], owner)
        if self._objective is None:
            self._objective = self._new_objective()
        outputs = self.output_specs(first[0])
        check_batch(self._objective, source.parts if isinstance(source, Arrays) else first, outputs, owner)
        if isinstance(source, Stream):
            source.check = lambda batch: self._check(batch, owner)
        self._objective.build(first[1], outputs)
        trainable = list(self.trainable_variables)
        if not self._optimizer.built:
            self._optimizer.build(trainable)
        if self._engine is None or self._engine.trainable != trainable:
            self._optimizer.build(trainable)
            self._engine = Engine(self, self._optimizer, self._objective)
        if owner == "fit" and first[0][0].dtype.kind == "f":
            self._seen = (float(first[0][0].min()), float(first[0][0].max()))
        return self._engine


def _batch_size(value: int | None, owner: str) -> int:
    return 32 if value is None else count(owner, "batch_size", value)


def _refuse_misspelt(ignored: Iterable[str]) -> None:
    known = list(inspect.signature(Trainer.compile).parameters)[1:-1]
    for word in ignored:
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
        if near:
            raise InvalidType(
                f"compile: the argument {word!r} is not known ({', '.join(known)}). Did you mean {near[0]!r}?"
            )


def _shaped(logs: dict[str, float], return_dict: bool) -> Any:
    values = list(logs.values())
    return logs if return_dict else values[0] if len(values) == 1 else values


def _joined(pieces: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
