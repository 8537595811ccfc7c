"""`compile`, `fit`, `evaluate`, `predict` and their single-batch forms, as Keras users know them.

This is the user's side: it turns arguments into a batch source, checks on the host what can be checked, and lets
the engine run.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np

from kerato import optimizers, random
from kerato.additions import Additions
from kerato.callbacks import CallbackList, History, Progress, as_list, verbosity
from kerato.data.sources import (
    Arrays,
    as_arrays,
    count,
    refuse_beside,
    shuffling,
    split,
    warn_of_range,
    weigh_classes,
)
from kerato.data.streams import Rounds, Stream, is_stream
from kerato.engine import Engine, Prediction, check_compiled
from kerato.errors import InvalidType
from kerato.feeding import Feeding, batch_size_of
from kerato.generators import GeneratorForms

Array = Any


class Trainer(GeneratorForms, Feeding, Additions):
    """The training half of a `Model`; the other half gives `forward`, `variables` and `output_names`."""

    stop_training = False
    _prediction: Prediction | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        *,
        auto_scale_loss: bool = True,
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
            auto_scale_loss: train a model in `mixed_float16` by a `LossScaleOptimizer` around the optimizer.
            ignored: arguments of other versions of Keras that change no numbers (`run_eagerly`, `jit_compile`,
                `steps_per_execution`, ...).

        Raises:
            UnknownName: an optimizer, loss or metric of that name does not exist.
            InvalidType: an ignored argument looks like one of these, misspelt.
        """
        _refuse_misspelt(ignored)
        self.check_begun()
        self._optimizer = optimizers.get(optimizer)
        if auto_scale_loss and self.compute_dtype == "float16":
            self._optimizer = optimizers.LossScaleOptimizer(self._optimizer, name="loss_scale_optimizer")
        self._compiled = {"loss": loss, "metrics": metrics, "loss_weights": loss_weights}
        self._compiled["weighted_metrics"] = weighted_metrics
        self._objective = None
        self._engine = None
        if self.output_names:
            self._objective = self._new_objective()

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
        validation_freq: int | Container[int] = 1,
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
            validation_freq: validate after every so many epochs, or after those (counted from 1) in a container.

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
            source: Any = Stream(x, steps_per_epoch, self._arranging("fit", weigh), "fit", bool(shuffling(shuffle)))
        else:
            parts = self._parts(x, y, sample_weight, "fit")
            if validation_split and validation_data is None:
                parts, held_out = split(parts, validation_split)
            if weigh is not None:
                parts = (parts[0], parts[1], weigh(parts[1], parts[2]))
            source = Arrays(parts, batch_size_of(batch_size, "fit"), shuffling(shuffle), random.seed())
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
        validation_freq: int | Container[int],
    ) -> History:
        history = self.history = History()
        shown = [Progress(level)] if (level := verbosity(verbose)) else []
        params = {"epochs": epochs.stop, "steps": len(source) or None, "verbose": level}
        all_of_them = CallbackList([*as_list(callbacks), history, *shown], self, params)
        self.stop_training = False
        all_of_them.call("on_train_begin")
        first = all_of_them.first_epoch(epochs.start)
        if first != epochs.start:
            source.go_on(first, random.seed())
        seed = random.seed()
        try:
            for epoch in range(first, epochs.stop):
                all_of_them.call("on_epoch_begin", epoch)
                logs = engine.run("train", source, epoch, seed, all_of_them)
                if validation is not None and _is_due(epoch + 1, validation_freq):
                    logs.update(self._validate(engine, validation, epoch, all_of_them))
                all_of_them.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            self._optimizer.finalize_variable_values(self.trainable_variables)
        finally:
            all_of_them.call("on_train_end")
        return history

    def _validate(self, engine: Engine, source: Any, epoch: int, callbacks: CallbackList) -> dict[str, float]:
        callbacks.call("on_test_begin")
        logs = engine.run("test", source, 0, random.seed(), callbacks.without_progress())
        callbacks.call("on_test_end", logs)
        return {f"val_{name}": value for name, value in logs.items()}

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
            source = Arrays(parts, batch_size_of(batch_size, "evaluate"), False, 0)
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
        source = self._prediction_source(x, batch_size_of(batch_size, "predict"), steps)
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


def _is_due(epoch: int, frequency: int | Container[int]) -> bool:
    if isinstance(frequency, int):
        return epoch % count("fit", "validation_freq", frequency) == 0
    return epoch in frequency


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
