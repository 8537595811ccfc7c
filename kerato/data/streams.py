"""Batch sources that are iterated on the host: generators, iterables, and sequences of batches one can index."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from kerato import random
from kerato.data.sources import Arrays, Batch
from kerato.data.supply import END, PyDataset, Supply
from kerato.errors import InvalidValue


class Stream:
    """Batches from an iterable or an indexable sequence of `x`, `(x, y)` or `(x, y, sample_weight)`.

    An indexable source is gone through again and again: with fewer `steps` than it has batches, an epoch goes on where
    the one before stopped. Batches are made ahead as the source's `Supply` says.

    Args:
        batches: a generator, any iterable, an object with `__len__` and `__getitem__`, or a `Supply` of one of these.
        steps: batches per epoch; needed for a source without a length that never ends.
        arrange: `(x, y, sample_weight) -> Batch`, in the order of the model's inputs and outputs.
        owner: who asks, for messages.
        shuffle: whether each pass over a `PyDataset` takes its batches in another order.
    """

    resident = False

    def __init__(
        self,
        batches: Any,
        steps: int | None,
        arrange: Callable[[Any, Any, Any], Batch],
        owner: str,
        shuffle: bool = False,
    ) -> None:
        self.supply = Supply.of(batches)
        self.source, self.arrange, self.owner = self.supply.source, arrange, owner
        self.shuffle = shuffle and isinstance(self.source, PyDataset)
        self.seed = random.seed() if self.shuffle else 0
        #: looks at every batch
        self.check: Callable[[Batch], None] = lambda batch: None
        self.length = len(self.source) if hasattr(self.source, "__len__") else None
        self.indexable = hasattr(self.source, "__getitem__") and self.length is not None
        self.steps = steps if steps is not None else self.length
        self.samples: int | None = None
        self._iterator: Iterator[Any] | None = None
        self._begun_once = False
        self._first: Batch | None = None

    def __len__(self) -> int:
        return self.steps or 0

    def go_on(self, epoch: int, seed: int) -> None:
        """Be the source of an earlier run, which had that seed, from `epoch` on; a generator cannot."""
        self.seed = seed
        if hasattr(self.source, "go_on"):
            self.source.go_on(epoch * (self.steps or 0), seed)
            self._iterator = None
        elif getattr(self.source, "makes_ahead", False):
            self.source.epoch = epoch

    @property
    def first(self) -> Batch:
        """The first batch, for its shapes; it is not lost."""
        if self._first is None:
            if self.indexable and not self.length:
                raise InvalidValue(f"{self.owner}: the source must give batches. Its length is 0.")
            item = self.source[0] if self.indexable else next(self._forward(), END)
            if item is END:
                raise InvalidValue(f"{self.owner}: the generator must give batches. Got none.")
            if not self.indexable:
                self._iterator = itertools.chain((item,), self._forward())
            self._first = self._parts(item)
        return self._first

    def _forward(self) -> Iterator[Any]:
        if self._iterator is None:
            self._iterator = iter(self.source)
            self._begun_once = self._iterator is self.source
        return self._iterator

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch; a generator goes on where the last epoch stopped."""
        self._first = None
        return self._indexed(epoch) if self.indexable else self._drawn()

    def _indexed(self, epoch: int) -> Iterator[Batch]:
        length, steps = self.length or 0, self.steps or 0
        at, end = epoch * steps, (epoch + 1) * steps
        while at < end:
            done, start = divmod(at, length)
            stop = min(length, start + end - at)
            if start == 0 and hasattr(self.source, "on_epoch_begin"):
                self.source.on_epoch_begin()
            for item in self.supply.indexed(self._order(done)[start:stop].tolist()):
                parts = self._parts(item)
                self.check(parts)
                yield parts
            if stop == length and hasattr(self.source, "on_epoch_end"):
                self.source.on_epoch_end()
            at += stop - start

    def _order(self, done: int) -> np.ndarray[Any, Any]:
        natural = np.arange(self.length or 0)
        return random.host_generator(f"batches/{done}", self.seed).permutation(natural) if self.shuffle else natural

    def _drawn(self) -> Iterator[Batch]:
        count = 0
        for _ in range(2):
            left = None if self.steps is None else self.steps - count
            for item in self.supply.drawn(self._forward(), left):
                count += 1
                parts = self._parts(item)
                self.check(parts)
                yield parts
            if count or not self._begin_anew():
                break
        if count != self.steps:
            self._ended(count)

    def _begin_anew(self) -> bool:
        if not self._begun_once:  # what is not its own iterator can be gone through again
            self._iterator = None
        return not self._begun_once

    def _ended(self, count: int) -> None:
        again, self._iterator = not self._begun_once, None
        if self.steps is not None and count < self.steps and not again:
            option = "steps_per_epoch" if self.owner == "fit" else "steps"
            raise InvalidValue(
                f"{self.owner}: the generator ended after {count} of {self.steps} batches of an epoch. It must go on "
                f"for ever, or `{option}` must be smaller."
            )
        if not count:
            raise InvalidValue(
                f"{self.owner}: the generator had nothing left for another epoch. It must go on for ever, with "
                "`steps_per_epoch`, or be a source with __len__ and __getitem__."
            )

    def _parts(self, item: Any) -> Batch:
        pairs = isinstance(item, list) and self.owner != "predict" and any(hasattr(part, "shape") for part in item)
        parts = tuple(item) if isinstance(item, tuple) or pairs else (item,)
        if not 1 <= len(parts) <= 3:
            raise InvalidValue(
                f"{self.owner}: the generator must give x, (x, y) or (x, y, sample_weight). "
                f"Got a {type(item).__name__} of {len(parts)}."
            )
        return self.arrange(*parts, *(None,) * (3 - len(parts)))


class Rounds:
    """The batches of `arrays` again and again, for `steps_per_epoch` of them at a time."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays, self.round, self.begin = arrays, 0, 0

    def __iter__(self) -> Iterator[Batch]:
        self.round += 1
        begin, self.begin = self.begin, 0
        return itertools.islice(self.arrays.batches(self.round - 1), begin, None)

    def go_on(self, steps: int, seed: int) -> None:
        """Be where an earlier run of that seed was after so many batches."""
        self.arrays.seed = seed
        self.round, self.begin = divmod(steps, len(self.arrays))


def is_stream(x: Any) -> bool:
    """Whether `x` gives batches instead of holding samples."""
    if isinstance(x, (list, tuple, dict)) or hasattr(x, "shape"):
        return False
    return isinstance(x, (Iterable, Supply)) or hasattr(x, "__getitem__")
