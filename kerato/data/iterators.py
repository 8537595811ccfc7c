"""Batches of augmented pictures: endless iterators that are also sources one can index and restart anywhere.

Batch `step` of epoch `epoch` is a function of the seed alone. How many workers make it, how many batches are made at
a time, or whether the run began there, changes nothing.
"""

from __future__ import annotations

import copy
import itertools
import os
import threading
import zlib
from collections.abc import Iterator as PythonIterator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato import errors
from kerato.data import draws, folder, loading, queue
from kerato.data.affine import as_planes
from kerato.data.standardize import check_pictures

if TYPE_CHECKING:
    from kerato.data.generator import ImageDataGenerator

Array = NDArray[Any]
Batch = Any

CACHE_BYTES: Final = 2**29
"""Memory that a `DirectoryIterator` may take for decoded and resized pictures, so that files are read once."""

SUBSETS: Final = ("training", "validation")
CLASS_MODES: Final = ("categorical", "binary", "sparse", "input", None)


class Iterator:
    """The order of samples, epochs and batches; subclasses say where a sample comes from.

    `next(it)` gives one batch after the other without end, the last of each epoch smaller; `it[i]` is batch i of the
    current epoch, and `on_epoch_end` goes on to the next. Both are made ahead by `workers` threads when they are asked
    for in order; so is `it.stream(epoch, step)`, all batches from some place on. `it(epoch, step)` is any batch,
    `it.ids(epoch, step)` the indices of its samples, and `len(it)` the number of batches in an epoch.

    batch_size: pictures in a batch.
    shuffle: a new order in each epoch, or always the order of the samples.
    seed: of order and transformations, an int in [0, 2**64). Two iterators with one seed transform their samples
        alike (pictures and their masks). Without one it is drawn from `np.random`; the attribute has it.
    save_to_dir: a folder (made if missing) into which each picture that is handed out is written too.
    save_prefix, save_format: for its name, `{prefix}_{index}_{hash}.{format}`; the hash stands for seed and epoch.
    subset: `training` or `validation`, by the generator's `validation_split`.
    workers: threads that prepare batches; None for one per core, 0 for the thread that asks.
    max_queue_size: batches that may be ready before they are asked for.

    Raises:
        InvalidValue, UnknownName: an argument is wrong.
    """

    makes_ahead = True
    """Batches come from threads of its own."""

    def __init__(
        self,
        image_data_generator: ImageDataGenerator,
        n: int,
        image_shape: tuple[int, ...],
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        workers: int | None = None,
        max_queue_size: int = 10,
    ) -> None:
        owner = type(self).__name__
        if n < 1:
            remedy = "There are too few samples for this `validation_split`."
            raise errors.invalid(owner, "subset", "one with at least one sample", n, remedy)
        self.image_data_generator = image_data_generator
        self.n = self.samples = n
        self.image_shape = image_shape
        self.batch_size = queue.at_least(owner, "batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.seed = draws.seed_or_fresh(owner, seed)
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.workers = queue.worker_count(owner, workers)
        self.max_queue_size = queue.at_least(owner, "max_queue_size", max_queue_size, 1)
        self.epoch = 0
        self.batch_index = 0
        self._stream: PythonIterator[Batch] | None = None
        self._last = (0, -1)
        self._lock = threading.Lock()
        image_data_generator.warn_unless_fitted()

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def ids(self, epoch: int, step: int) -> NDArray[np.intp]:
        """The indices of the samples in batch `step` of `epoch`; (batch_size,) or fewer at the end."""
        order = draws.permutation(self.seed, epoch, self.n) if self.shuffle else np.arange(self.n)
        return order[step * self.batch_size : (step + 1) * self.batch_size]

    def __call__(self, epoch: int, step: int) -> Batch:
        """Batch `step` (from 0) of `epoch` (from 0), made in the calling thread.

        Raises:
            InvalidValue: there is no such batch.
        """
        if epoch < 0 or not 0 <= step < len(self):
            raise errors.invalid(type(self).__name__, "step", f"in [0, {len(self)}) of an epoch >= 0", (epoch, step))
        return self._delivered((epoch, step), self._made((epoch, step)))

    def __getitem__(self, index: int) -> Batch:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{type(self).__name__}: batch {index} of {len(self)}")
        place = self.epoch, index % len(self)
        with self._lock:
            if place[1] in (0, self._last[1] + 1):
                return self._read(place)
            self._stream, self._last = None, place
        return self(*place)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        with self._lock:
            batch = self._read((self.epoch, self.batch_index))
            self.epoch, self.batch_index = self._following((self.epoch, self.batch_index))
            return batch

    def _following(self, place: tuple[int, int]) -> tuple[int, int]:
        epoch, step = place
        return (epoch, step + 1) if step + 1 < len(self) else (epoch + 1, 0)

    def _read(self, place: tuple[int, int]) -> Batch:
        """The batch at `place` from a stream that goes on where the last reading ended, or else begins here."""
        if self._stream is None or self._following(self._last) != place:
            # A stream of a copy: one that kept `self` alive would keep its threads alive, too.
            self._stream = None
            self._stream = copy.copy(self).stream(*place)
        try:
            batch = next(self._stream)
        except BaseException:
            self._stream = None
            raise
        self._last = place
        return batch

    def stream(self, epoch: int = 0, step: int = 0) -> PythonIterator[Batch]:
        """All batches from (epoch, step) on, without end, made ahead in order by `workers` threads."""
        first = ((epoch, number) for number in range(step, len(self)))
        rest = ((later, number) for later in itertools.count(epoch + 1) for number in range(len(self)))
        places, asked = itertools.tee(itertools.chain(first, rest))
        made = queue.in_order(self._made, asked, self.workers, self.max_queue_size)
        return map(self._delivered, places, made)

    def state(self) -> dict[str, int]:
        """Where the iterator stands, as plain numbers for `restore`."""
        return {"seed": self.seed, "epoch": self.epoch, "batch_index": self.batch_index}

    def restore(self, state: dict[str, int]) -> None:
        """Go on where an iterator over the same samples stood when its `state` was taken."""
        with self._lock:
            if state["seed"] != self.seed:
                self._stream = None
            self.seed, self.epoch, self.batch_index = state["seed"], state["epoch"], state["batch_index"]

    def reset(self) -> None:
        """Back to the beginning of the current epoch."""
        self.restore(self.state() | {"batch_index": 0})

    def on_epoch_end(self) -> None:
        """On to the next epoch, with its own order and transformations."""
        self.restore(self.state() | {"epoch": self.epoch + 1, "batch_index": 0})

    def _made(self, place: tuple[int, int]) -> Batch:
        epoch, step = place
        ids = self.ids(epoch, step)
        pictures = np.empty((len(ids), *self.image_shape), dtype=self.image_data_generator.dtype)
        for out, index in zip(pictures, ids.tolist(), strict=True):
            try:
                self.image_data_generator.prepare(self._planes(index), out, self.seed, epoch, index)
            except Exception as error:
                error.add_note(f"This happened while preparing {self._name(index)} (epoch {epoch}, batch {step}).")
                raise
        return self._with_targets(pictures, ids)

    def _delivered(self, place: tuple[int, int], batch: Batch) -> Batch:
        """`batch`, saved if asked: when it is handed out, because more are made ahead than anybody may want."""
        if self.save_to_dir is not None:
            pictures = batch[0] if isinstance(batch, tuple) else batch
            self._save(pictures, place[0], self.ids(*place))
        return batch

    def _save(self, pictures: Array, epoch: int, ids: NDArray[np.intp]) -> None:
        directory = os.fspath(self.save_to_dir or "")
        os.makedirs(directory, exist_ok=True)
        for picture, index in zip(pictures, ids.tolist(), strict=True):
            image = loading.array_to_img(picture, self.image_data_generator.data_format)
            if image.mode == "RGBA" and self.save_format.lower() in ("jpg", "jpeg", "bmp"):
                image = image.convert("RGB")
            stamp = zlib.crc32(f"{self.seed}/{epoch}/{index}".encode())
            image.save(os.path.join(directory, f"{self.save_prefix}_{index}_{stamp:08x}.{self.save_format}"))

    def _planes(self, index: int) -> Array:
        """Sample `index` as float32 planes (channels, height, width)."""
        raise NotImplementedError(f"{type(self).__name__}: define _planes(self, index).")

    def _name(self, index: int) -> str:
        """What messages call sample `index`."""
        return f"sample {index}"

    def _with_targets(self, pictures: Array, ids: NDArray[np.intp]) -> Batch:
        return pictures


class NumpyArrayIterator(Iterator):
    """Batches of the pictures in an array: `x`, (x, y) or (x, y, sample_weight); see `ImageDataGenerator.flow`."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike | None,
        image_data_generator: ImageDataGenerator,
        *,
        sample_weight: ArrayLike | None = None,
        subset: str | None = None,
        **options: Any,
    ) -> None:
        self.x = check_pictures("flow", x, image_data_generator.channel_axis)
        self.y = _as_long("y", y, self.x)
        self.sample_weight = _as_long("sample_weight", sample_weight, self.x)
        if subset is not None:
            part = subset_part("flow", subset, image_data_generator.validation_split)
            taken = slice(int(part.start * len(self.x)), int(part.stop * len(self.x)))
            self.x, self.y = self.x[taken], None if self.y is None else self.y[taken]
            self.sample_weight = None if self.sample_weight is None else self.sample_weight[taken]
        super().__init__(image_data_generator, len(self.x), self.x.shape[1:], **options)

    def _planes(self, index: int) -> Array:
        return as_planes(self.x[index], self.image_data_generator.channel_axis)

    def _with_targets(self, pictures: Array, ids: NDArray[np.intp]) -> Batch:
        if self.y is None:
            return pictures
        targets = (pictures, self.y[ids])
        return targets if self.sample_weight is None else (*targets, self.sample_weight[ids])


def _as_long(name: str, values: ArrayLike | None, x: Array) -> Array | None:
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape[:1] != x.shape[:1]:
        raise errors.invalid("flow", name, f"as long as `x` ({len(x)})", array)
    return array


def subset_part(owner: str, subset: str, validation_split: float) -> slice:
    """The fractions (start, stop) of the samples that `subset` takes: validation the first, training the rest.

    Raises:
        UnknownName: `subset` is neither `training` nor `validation`.
        InvalidValue: there is no `validation_split`.
    """
    if subset not in SUBSETS:
        raise errors.unknown(owner, "subset", subset, SUBSETS)
    if not validation_split:
        remedy = "Give ImageDataGenerator a `validation_split`."
        raise errors.invalid(owner, "subset", "None without a validation split", subset, remedy)
    return slice(0.0, validation_split) if subset == "validation" else slice(validation_split, 1.0)


class DirectoryIterator(Iterator):
    """Batches of the pictures in a folder that has one sub-folder per class.

    Attributes beside those of `Iterator`: `class_indices` (name -> number), `classes` (int32, one per sample),
    `filenames` (below `directory`), `filepaths`, `num_classes`, `broken` ((file name, reason) of skipped files).

    target_size: (height, width) that every picture is resized to.
    color_mode: `rgb`, `grayscale` or `rgba`.
    classes: names of the sub-folders, in the order of their numbers; all in alphabetical order if None.
    class_mode: targets: `categorical` (one-hot, float32), `binary` (float32, two classes), `sparse` (int32), `input`
        (the pictures themselves), or None for pictures alone.
    follow_links: look into linked folders too.
    interpolation, keep_aspect_ratio: how pictures are resized; see `load_img`.
    cache_bytes: memory for decoded, resized pictures, which later epochs take from there; 0 reads files each time.

    Raises:
        BadFile: the folder or a class is missing, there is no picture, or all are broken.
        InvalidValue, UnknownName: an argument is wrong.
    """

    def __init__(
        self,
        directory: loading.Path,
        image_data_generator: ImageDataGenerator,
        *,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        cache_bytes: int = CACHE_BYTES,
        **options: Any,
    ) -> None:
        owner = "flow_from_directory"
        if class_mode not in CLASS_MODES:
            raise errors.unknown(owner, "class_mode", class_mode, [str(mode) for mode in CLASS_MODES])
        height, width = _size(owner, target_size)
        channels = loading.COLOR_MODES[loading.check_color_mode(owner, color_mode)][2]
        part = None if subset is None else subset_part(owner, subset, image_data_generator.validation_split)
        self.target_size, self.color_mode, self.class_mode = (height, width), color_mode, class_mode
        self.interpolation = loading.check_interpolation(owner, interpolation)
        self.keep_aspect_ratio = keep_aspect_ratio
        self.cache_bytes = queue.at_least(owner, "cache_bytes", cache_bytes, 0)
        self._cache: dict[int, Array] = {}
        found = folder.scan(directory, classes, follow_links, part)
        self.directory, self.filenames, self.broken = found.root, found.filenames, found.broken
        self.classes = np.array(found.labels, dtype=np.int32)
        self.class_indices = {name: label for label, name in enumerate(found.class_names)}
        self.num_classes = len(self.class_indices)
        if class_mode == "binary" and self.num_classes > 2:
            remedy = "Take 'categorical' or 'sparse'."
            rule = f"for two classes ({self.num_classes} were found)"
            raise errors.invalid(owner, "class_mode", rule, class_mode, remedy)
        shape = (height, width, channels)
        if image_data_generator.data_format == "channels_first":
            shape = (channels, height, width)
        super().__init__(image_data_generator, len(self.filenames), shape, **options)
        print(f"Found {self.n} images belonging to {self.num_classes} classes.")
        if self.broken:
            print(folder.broken_line(self.broken))

    @property
    def filepaths(self) -> list[str]:
        """The path of each sample."""
        return [os.path.join(self.directory, name) for name in self.filenames]

    @property
    def labels(self) -> NDArray[np.int32]:
        """The class of each sample, as `classes`."""
        return self.classes

    def _planes(self, index: int) -> Array:
        pixels = self._cache.get(index)
        if pixels is None:
            pixels = self._pixels(index)
            if (len(self._cache) + 1) * pixels.nbytes <= self.cache_bytes:
                self._cache[index] = pixels
        return as_planes(pixels, 2)

    def _pixels(self, index: int) -> Array:
        """The picture of a file, resized: uint8 (height, width, channels)."""
        path = os.path.join(self.directory, self.filenames[index])
        how = self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
        pixels = np.asarray(loading.load_img(path, *how))
        return pixels[..., None] if pixels.ndim == 2 else pixels

    def _name(self, index: int) -> str:
        return repr(os.path.join(self.directory, self.filenames[index]))

    def _with_targets(self, pictures: Array, ids: NDArray[np.intp]) -> Batch:
        if self.class_mode is None:
            return pictures
        labels = self.classes[ids]
        if self.class_mode == "input":
            return pictures, pictures.copy()
        if self.class_mode == "categorical":
            return pictures, np.eye(self.num_classes, dtype=np.float32)[labels]
        return pictures, labels.astype(np.float32) if self.class_mode == "binary" else labels


def _size(owner: str, target_size: Any) -> tuple[int, int]:
    try:
        height, width = (queue.at_least(owner, "target_size", int(side), 1) for side in target_size)
    except (TypeError, ValueError):
        raise errors.invalid(owner, "target_size", "a pair (height, width) of ints >= 1", target_size) from None
    return height, width
