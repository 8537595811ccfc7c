"""Pictures with labels, ids and groups: in memory as one uint8 array, or decoded from their files batch by batch.

A batch is a pure function of (epoch, step), so that a run can stop anywhere and go on there. Batches are made ahead
in threads, and come out the same whatever their number is.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from kerato.data import draws
from kerato.data.loading import load_img
from kerato.data.queue import in_order, worker_count

Array = NDArray[Any]
Shape = tuple[int, int, int]

AHEAD: Final = 4
"""Batches that are made before they are asked for."""


@dataclass(eq=False)
class Part:
    """The pictures that are for training, for validation or for testing: a sequence of batches (x, y) for `fit`.

    x is uint8 (n, height, width, channels) in 0..255, y is int32 (n,).
    """

    makes_ahead: ClassVar[bool] = True
    """Batches come from threads of its own."""
    names: list[str]
    """The id of every sample: its file below the folder, or its place in the data set."""
    groups: list[str]
    """What a sample was taken from (a person, a film); a split keeps a group together."""
    labels: NDArray[np.int32]
    picture_shape: Shape
    pixels: Array | None = None
    """All pictures, or None when they stay in their files."""
    paths: list[str] = field(default_factory=list)
    batch_size: int = 32
    seed: int = 0
    shuffle: bool = False
    generator: Any = None
    """An `ImageDataGenerator` that transforms each picture by (seed, epoch, sample), or None."""
    epoch: int = 0
    """The epoch that indexing gives batches of; `on_epoch_end` goes to the next."""
    _waiting: dict[tuple[int, int], Future[Any]] = field(default_factory=dict, repr=False)
    _pool: ThreadPoolExecutor | None = field(default=None, repr=False)

    @property
    def samples(self) -> int:
        """How many pictures there are."""
        return len(self.labels)

    @property
    def size_bytes(self) -> int:
        """How much memory all pictures take."""
        return self.samples * int(np.prod(self.picture_shape))

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def __getitem__(self, step: int) -> tuple[Array, NDArray[np.int32]]:
        if not 0 <= step < len(self):
            raise IndexError(step)
        for at in self._next_ones(step):
            if at not in self._waiting:
                self._waiting[at] = self._threads().submit(self.batch, *at)
        return self._waiting.pop((self.epoch, step)).result()

    def _next_ones(self, step: int) -> list[tuple[int, int]]:
        steps = [divmod(step + ahead, len(self)) for ahead in range(AHEAD)]
        return [(self.epoch + more, step) for more, step in steps]

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(1, worker_count("pictures", None)), thread_name_prefix="kerato-data")
        return self._pool

    def on_epoch_end(self) -> None:
        """Go on with the next epoch: another order, other transformations."""
        self.epoch += 1
        self._waiting = {at: future for at, future in self._waiting.items() if at[0] >= self.epoch}

    def forget(self) -> None:
        """Drop the batches made ahead, after a change of what a batch is."""
        self._waiting.clear()

    def batch(self, epoch: int, step: int) -> tuple[Array, NDArray[np.int32]]:
        """The batch `step` of an epoch, whatever was asked for before."""
        every = draws.permutation(self.seed, epoch, self.samples) if self.shuffle else np.arange(self.samples)
        chosen = every[step * self.batch_size : (step + 1) * self.batch_size]
        pictures = [self._transformed(self.picture(i), epoch, i) for i in chosen.tolist()]
        return np.stack(pictures), self.labels[chosen]

    def _transformed(self, picture: Array, epoch: int, index: int) -> Array:
        if self.generator is None:
            return picture
        draw = self.generator.draw(picture.shape, self.seed, epoch, index)
        return np.asarray(np.rint(self.generator.apply_transform(picture, draw)).clip(0, 255), np.uint8)

    def picture(self, index: int) -> Array:
        """One picture, uint8 (height, width, channels).

        Raises:
            BadFile: its file has become unreadable.
        """
        return self.pixels[index] if self.pixels is not None else decoded(self.paths[index], self.picture_shape)

    def arrays(self) -> tuple[Array, NDArray[np.int32]]:
        """All pictures and labels as two arrays; those in files are decoded in threads."""
        if self.pixels is not None:
            return self.pixels, self.labels
        out = np.empty((self.samples, *self.picture_shape), np.uint8)
        workers = worker_count("pictures", None)
        for index, picture in enumerate(in_order(self.picture, range(self.samples), workers, 4 * workers)):
            out[index] = picture
        return out, self.labels


def decoded(path: str | os.PathLike[str], picture_shape: Shape) -> Array:
    """The picture in a file as uint8 of `picture_shape` (height, width, 1 | 3), averaged over what is shrunk.

    Raises:
        BadFile: the file is missing, damaged or no picture.
    """
    height, width, channels = picture_shape
    mode = "grayscale" if channels == 1 else "rgb"
    return np.asarray(load_img(path, mode, (height, width), "bilinear"), np.uint8).reshape(picture_shape)
