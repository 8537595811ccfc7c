"""Batch sources: where `fit`, `evaluate` and `predict` get their batches from.

Arrays that fit on the device are put there once, as they are (pictures stay uint8), and batches are cut out of them
by the compiled step. Everything else is iterated on the host (`kerato.data.streams`).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from kerato import random
from kerato.errors import InvalidType, InvalidValue, invalid, show
from kerato.programs import enter, in_parts

Batch = tuple[list[Any], list[Any], list[Any]]

#: share of the device's memory that data may take and stay there
RESIDENT_SHARE = 0.4


def as_arrays(data: Any, owner: str) -> list[np.ndarray[Any, Any]]:
    """A list of arrays from one array, a list of them (several inputs), or a dict's values; None gives none."""
    if data is None:
        return []
    items = list(data.values()) if isinstance(data, dict) else list(data) if _several(data) else [data]
    return [_as_array(item, owner) for item in items]


def _several(data: Any) -> bool:
    return (
        isinstance(data, (list, tuple))
        and len(data) > 0
        and all(getattr(item, "ndim", 1 if isinstance(item, (list, tuple)) else 0) > 0 for item in data)
        and any(hasattr(item, "shape") for item in data)
    )


def _as_array(item: Any, owner: str) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(item)
    except ValueError:  # lists of different lengths
        raise InvalidType(f"{owner}: the data must be numbers of one shape. Got {show(item)}.") from None
    if array.dtype.kind not in "biuf" and str(array.dtype) != "bfloat16":
        raise InvalidType(f"{owner}: the data must be numbers of one shape. Got {show(item)} of dtype {array.dtype}.")
    if array.ndim == 0:
        raise InvalidValue(f"{owner}: the data must have an axis of samples. Got the single number {item!r}.")
    if array.dtype == np.float64:
        return array if jax.config.jax_enable_x64 else array.astype(np.float32)
    return array.astype(np.int32) if array.dtype in (np.int64, np.uint64) else array


def device_limit_bytes() -> int:
    """How much data may stay on the device."""
    stats = jax.local_devices()[0].memory_stats()
    whole = stats.get("bytes_limit") if stats else None  # a CPU device does not know
    if whole is None:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 * 1024**3
    return int(whole * RESIDENT_SHARE)


class Arrays:
    """Batches cut from arrays in memory.

    Args:
        parts: inputs, targets and sample weights, each a list of arrays with the samples on axis 0.
        batch_size: samples per batch; the last batch of an epoch is smaller.
        shuffle: a new order each epoch: True by samples, `'batch'` by whole batches with the smaller one last.
        seed: the order is drawn from (seed, epoch).
    """

    def __init__(self, parts: Batch, batch_size: int, shuffle: bool | str, seed: int) -> None:
        self.parts, self.batch_size, self.shuffle, self.seed = parts, batch_size, shuffle, seed
        self.samples = len(parts[0][0])
        self.resident = sum(array.nbytes for part in parts for array in part) <= device_limit_bytes()
        self._device: Batch | None = None

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def go_on(self, epoch: int, seed: int) -> None:
        """Be the source of an earlier run, which had that seed, from `epoch` on."""
        self.seed = seed

    @property
    def first(self) -> Batch:
        """The first batch, for its shapes."""
        x, y, w = ([array[: self.batch_size] for array in part] for part in self.parts)
        return x, y, w

    def order(self, epoch: int) -> np.ndarray[Any, Any] | None:
        """The indices of the samples in the order of an epoch, None for the natural one."""
        if not self.shuffle:
            return None
        generator = random.host_generator(f"order/{epoch}", self.seed)
        if self.shuffle == "batch":
            blocks = self.samples // self.batch_size
            whole = np.arange(blocks * self.batch_size, dtype=np.int32).reshape(blocks, self.batch_size)
            rest = np.arange(blocks * self.batch_size, self.samples, dtype=np.int32)
            return np.concatenate([whole[generator.permutation(blocks)].ravel(), rest])
        return generator.permutation(self.samples).astype(np.int32)

    def on_device(self) -> Batch:
        """The arrays as device arrays, copied at the first question."""
        if self._device is None:
            self._device = enter(self.parts)
        return self._device

    @staticmethod
    def pass_on(x: list[Any], y: list[Any], w: list[Any]) -> Batch:
        """A batch of these arrays as it is, for a `Stream` of them."""
        return x, y, w

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, from host memory."""
        order = self.order(epoch)
        for start in range(0, self.samples, self.batch_size):
            chosen = slice(start, start + self.batch_size) if order is None else order[start : start + self.batch_size]
            x, y, w = ([array[chosen] for array in part] for part in self.parts)
            yield x, y, w


def check_lengths(parts: Batch, owner: str) -> None:
    """Refuse arrays with different numbers of samples, and empty ones.

    Raises:
        InvalidValue: with the sizes found.
    """
    names = ("x", "y", "sample_weight")
    sizes = {name: [len(array) for array in part] for name, part in zip(names, parts, strict=True) if part}
    if not sizes.get("x"):
        raise invalid(owner, "x", "an array of samples", None)
    if len({size for part in sizes.values() for size in part}) > 1:
        raise InvalidValue(f"{owner}: all data must have the same number of samples. Got {sizes}.")
    if sizes["x"][0] == 0:
        raise InvalidValue(f"{owner}: the data must hold at least one sample. Got none.")


def _quiet_sum(array: np.ndarray[Any, Any]) -> Any:
    with np.errstate(all="ignore"):
        return np.sum(array)


def check_finite(array: np.ndarray[Any, Any], name: str, owner: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        InvalidValue: with the number of samples that hold one.
    """
    if array.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        fine = np.isfinite(sum(in_parts(_quiet_sum, array)))
    # The sum is quick and shows any NaN; only a sum that overflows needs the second look.
    bad = 0 if fine else int((~np.isfinite(array.reshape(len(array), -1)).all(axis=1)).sum())
    if bad:
        raise InvalidValue(
            f"{owner}: the data must be finite. Got NaN or infinity in {bad:,} of {len(array):,} samples of {name}. "
            f"Remove them, or replace the values: np.nan_to_num({name})."
        )


def warn_of_range(seen: tuple[float, float] | None, x: Any, owner: str, stacklevel: int = 3) -> None:
    """Say so when pictures of 0 to 255 come to a network that was trained on 0 to 1, the range `seen`."""
    if seen is None or not len(x):
        return
    low, high = seen
    found = float(x[:32].max())
    if high <= 2.0 and found > 20 * max(high, 1.0):
        warnings.warn(
            f"{owner}: the network was trained on values from {low:g} to {high:g}, these go up to {found:g}. "
            "Divide the pictures by 255.",
            stacklevel=stacklevel,
        )


def split(parts: Batch, share: float) -> tuple[Batch, Batch]:
    """The first part and the last `share` of all arrays, taken before any shuffling (book section 3.1).

    Raises:
        InvalidValue: `share` is not between 0 and 1, or leaves one side empty.
    """
    samples = len(parts[0][0])
    if not 0 < share < 1:
        raise invalid("fit", "validation_split", "a number between 0 and 1", share)
    at = int(samples * (1 - share))
    if not 0 < at < samples:
        raise invalid("fit", "validation_split", f"such that {samples} samples give two parts", share)
    head, tail = ([[array[cut] for array in part] for part in parts] for cut in (slice(None, at), slice(at, None)))
    return (head[0], head[1], head[2]), (tail[0], tail[1], tail[2])


def weigh_classes(class_weight: dict[int, float]) -> Callable[[Sequence[Any], Sequence[Any]], list[Any]]:
    """`(targets, weights) -> weights`: every sample's weight times that of its class.

    Raises:
        InvalidValue: `class_weight` is no dict from classes to numbers.
    """
    numbers = isinstance(class_weight, dict) and all(
        isinstance(item, (int, float, np.number)) for pair in class_weight.items() for item in pair
    )
    if not numbers:
        raise invalid("fit", "class_weight", "a dict from class to factor, e.g. {0: 1.0, 1: 5.0}", class_weight)

    def weigh(y: Sequence[Any], w: Sequence[Any]) -> list[Any]:
        if len(y) != 1:
            raise InvalidValue(f"fit: `class_weight` needs a model with one output. Got {len(y)} targets.")
        labels = y[0].argmax(-1) if y[0].ndim > 1 and y[0].shape[-1] > 1 else y[0].reshape(len(y[0]))
        if y[0].ndim > 2:
            raise InvalidValue(f"fit: `class_weight` needs one label per sample. Got targets of shape {y[0].shape}.")
        missing = sorted(set(np.unique(labels).astype(int).tolist()) - {int(key) for key in class_weight})
        if missing:
            raise InvalidValue(f"fit: `class_weight` must name every class. It has no weight for {missing}.")
        table = {int(key): float(value) for key, value in class_weight.items()}
        found = np.array([table[int(label)] for label in labels], np.float32)
        return [found * w[0] if w else found]

    return weigh


def count(owner: str, name: str, value: Any, least: int = 1) -> int:
    """`value` as an int.

    Raises:
        InvalidValue: it is no whole number, or below `least`.
    """
    number = isinstance(value, (int, float, np.integer)) and not isinstance(value, bool)
    if not number or int(value) != value or value < least:
        raise invalid(owner, name, f"an int >= {least}", value)
    return int(value)


def shuffling(shuffle: Any) -> bool | str:
    """What `shuffle` says, checked.

    Raises:
        InvalidValue: it is neither True nor False nor `'batch'`.
    """
    if not isinstance(shuffle, (bool, int, np.bool_)) and shuffle != "batch":
        raise invalid("fit", "shuffle", "True, False or 'batch'", shuffle)
    return shuffle if shuffle == "batch" else bool(shuffle)


def refuse_beside(x: Any, y: Any, w: Any, owner: str) -> None:
    """Refuse targets and weights beside a source that gives them itself.

    Raises:
        InvalidValue: there are some.
    """
    for name, value in (("y", y), ("sample_weight", w)):
        if value is not None:
            raise invalid(owner, name, f"left out: {show(x)} gives the batches, targets and weights too", value)
