"""Batches ahead of their reader: `PyDataset` (Keras 2's `Sequence`), and who makes the batches of a source, and where.

While the network trains, threads or processes make the next batches. They come in order, a bounded number of them
waits, and what goes wrong in a producer ends the run at its place with the producer's own traceback.
"""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from kerato.data.processes import CannotTravel, Processes
from kerato.data.queue import at_least, in_order

END = object()


class PyDataset:
    """Base of sources that one can index: define `__len__`, the number of batches, and `__getitem__`, a batch.

    A batch is `x`, `(x, y)` or `(x, y, sample_weight)`. `on_epoch_begin` and `on_epoch_end` may be defined, too.

    Args:
        workers: how many threads or processes make batches; 0 leaves it to the thread that trains.
        use_multiprocessing: processes instead of threads; the source must be picklable then.
        max_queue_size: batches that may wait.
    """

    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        owner = type(self).__name__
        self.workers = at_least(owner, "workers", workers, 0)
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = at_least(owner, "max_queue_size", max_queue_size, 1)

    def __getitem__(self, index: int) -> Any:
        """Batch `index` of the epoch."""
        raise NotImplementedError(f"{type(self).__name__}: define __getitem__(self, index).")

    @property
    def num_batches(self) -> int | None:
        """`len(self)`; None where that is not defined, for a source without an end."""
        return len(self) if hasattr(self, "__len__") else None

    def on_epoch_begin(self) -> None:
        """Called before the first batch of a pass."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of a pass."""


class Supply:
    """A source together with who makes its batches.

    Args:
        source: an iterator, or anything with `__getitem__` and `__len__`.
        workers, use_multiprocessing, max_queue_size: as in `PyDataset`. A generator is one thread's, however many
            workers are asked for: it cannot run in two at a time, and cannot be sent to a process.

    Raises:
        InvalidValue: a number is out of range.
    """

    def __init__(
        self, source: Any, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.source = source
        self.workers = at_least("fit", "workers", workers, 0)
        self.use_multiprocessing = bool(use_multiprocessing)
        self.max_queue_size = at_least("fit", "max_queue_size", max_queue_size, 1)
        self._processes: Processes | None = None

    @classmethod
    def of(cls, source: Any) -> Supply:
        """The supply that a source asks for: itself, a `PyDataset`'s own, one thread for everything else."""
        if isinstance(source, PyDataset):
            return cls(source, source.workers, source.use_multiprocessing, source.max_queue_size)
        return source if isinstance(source, Supply) else cls(source)

    def drawn(self, iterator: Iterator[Any], count: int | None) -> Generator[Any]:
        """The next `count` items of an iterator (None: all), drawn ahead by one thread and never more than that."""
        if self.use_multiprocessing:
            self._stay("a generator cannot be sent there. Make it a keras.utils.Sequence")
        turns = itertools.count() if count is None else range(count)
        for item in in_order(lambda _: next(iterator, END), turns, min(self.workers, 1), self.max_queue_size):
            if item is END:
                return
            yield item

    def indexed(self, indices: Iterable[int]) -> Generator[Any]:
        """The items at `indices`, in that order."""
        get = self.source.__getitem__
        if getattr(self.source, "makes_ahead", False):  # its own threads go on where the last batch ended
            return in_order(get, indices, min(self.workers, 1), self.max_queue_size)
        processes = self._elsewhere() if self.use_multiprocessing and self.workers else None
        if processes is not None:
            return self._from(processes, indices)
        return in_order(get, indices, self.workers, self.max_queue_size)

    def _elsewhere(self) -> Processes | None:
        try:
            if self._processes is None:
                self._processes = Processes(self.workers)
                weakref.finalize(self, self._processes.close)
            self._processes.load(self.source)
        except CannotTravel as error:
            self._close()
            self._stay(str(error))
        return self._processes

    def _from(self, processes: Processes, indices: Iterable[int]) -> Generator[Any]:
        try:
            yield from in_order(processes, indices, self.workers, self.max_queue_size)
        except BaseException:  # an error, or a reader who stops in between
            self._close()
            raise

    def _close(self) -> None:
        if self._processes is not None:
            self._processes.close()
        self._processes = None

    def _stay(self, reason: str) -> None:
        warnings.warn(
            f"fit: the batches are made by threads of this process, not by other processes: {reason}.", stacklevel=2
        )
        self.use_multiprocessing = False


class OrderedEnqueuer:
    """The items of a source one can index, pass after pass, made ahead: `start(workers)`, then `get()`.

    Args:
        sequence: with `__len__` and `__getitem__`.
        use_multiprocessing: processes instead of threads.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        self.sequence, self.use_multiprocessing = sequence, use_multiprocessing
        self._items: Generator[Any] | None = None

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begin. `max_queue_size` items may wait."""
        self._items = self._made(Supply(self.sequence, workers, self.use_multiprocessing, max_queue_size))

    def _made(self, supply: Supply) -> Generator[Any]:
        while True:
            yield from supply.indexed(range(len(self.sequence)))
            if hasattr(self.sequence, "on_epoch_end"):
                self.sequence.on_epoch_end()

    def get(self) -> Iterator[Any]:
        """The items, without end."""
        return self._items if self._items is not None else iter(())

    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._items is not None

    def stop(self, timeout: float | None = None) -> None:
        """End. `timeout` is accepted and not needed."""
        if self._items is not None:
            self._items.close()
        self._items = None


class GeneratorEnqueuer(OrderedEnqueuer):
    """The items of a generator, made ahead by a thread: `start()`, then `get()`."""

    def _made(self, supply: Supply) -> Generator[Any]:
        return supply.drawn(iter(supply.source), None)
