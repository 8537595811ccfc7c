"""`fit_generator`, `evaluate_generator` and `predict_generator`, Keras 2's names for training on batches made ahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kerato.callbacks import History
from kerato.data.sources import count
from kerato.data.streams import is_stream
from kerato.data.supply import Supply
from kerato.errors import invalid


class GeneratorForms:
    """The generator forms of `fit`, `evaluate` and `predict`: the same loop, told who makes the batches."""

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: int | str = 1,
        callbacks: Iterable[Any] | None = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        class_weight: dict[int, float] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        initial_epoch: int = 0,
        *,
        shuffle: bool = False,
        validation_freq: int = 1,
    ) -> History:
        """`fit` on a source of batches that are made while the network trains.

        Args:
            generator: yields `(x, y)` or `(x, y, sample_weight)` without end; or a `Sequence`.
            steps_per_epoch: batches per epoch; the length of a `Sequence` unless given.
            validation_data: a generator or `Sequence` too, `(x, y)`, or `(x, y, sample_weight)`.
            validation_steps: batches of a validation by a generator.
            max_queue_size: batches that may wait.
            workers: threads or processes that make them; a generator has one. 0 leaves it to the training thread.
            use_multiprocessing: processes instead of threads, for a `Sequence` that can be pickled.
            shuffle: whether a `Sequence`'s batches come in a new order in each epoch.

        Raises:
            InvalidValue: the number of steps is not known.
            Exception: what the generator raised, with its traceback.
        """
        supply = Supply(_source(generator, "fit_generator"), workers, use_multiprocessing, max_queue_size)
        held_out = validation_data
        if held_out is not None and is_stream(held_out):
            held_out = Supply(held_out, workers, use_multiprocessing, max_queue_size)
        found: History = self.fit(  # type: ignore[attr-defined]
            supply,
            steps_per_epoch=_steps("fit_generator", "steps_per_epoch", supply, steps_per_epoch),
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=held_out,
            validation_steps=validation_steps,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            shuffle=shuffle,
            validation_freq=validation_freq,
        )
        return found

    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        *,
        callbacks: Iterable[Any] | None = None,
        verbose: int | str = 0,
    ) -> Any:
        """`evaluate` on `steps` batches of a generator or a `Sequence`; see `fit_generator`."""
        supply = Supply(_source(generator, "evaluate_generator"), workers, use_multiprocessing, max_queue_size)
        steps = _steps("evaluate_generator", "steps", supply, steps)
        return self.evaluate(supply, steps=steps, callbacks=callbacks, verbose=verbose)  # type: ignore[attr-defined]

    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int | str = 0,
        *,
        callbacks: Iterable[Any] | None = None,
    ) -> Any:
        """`predict` on `steps` batches of a generator or a `Sequence`, in order; see `fit_generator`."""
        supply = Supply(_source(generator, "predict_generator"), workers, use_multiprocessing, max_queue_size)
        steps = _steps("predict_generator", "steps", supply, steps)
        return self.predict(supply, steps=steps, callbacks=callbacks, verbose=verbose)  # type: ignore[attr-defined]


def _source(generator: Any, owner: str) -> Any:
    if isinstance(generator, Supply) or not is_stream(generator):
        raise invalid(owner, "generator", "a generator or a keras.utils.Sequence", generator)
    return generator


def _steps(owner: str, name: str, supply: Supply, steps: int | None) -> int | None:
    if steps is None and not hasattr(supply.source, "__len__"):
        raise invalid(owner, name, "the number of batches to take from a generator", steps)
    return None if steps is None else count(owner, name, steps)
