"""Sequences of words and of measurements, made ready for a network."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from kerato.data.supply import PyDataset
from kerato.errors import InvalidValue, invalid, show

Array = NDArray[Any]

_ENDS = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Sequences of any length as one array (n, maxlen, ...), filled up with `value` and cut.

    Args:
        sequences: lists or arrays; beyond the first axis all have one shape.
        maxlen: the length wanted; None takes that of the longest.
        dtype: of the result; `object` for texts.
        padding: `'pre'` fills up at the beginning, `'post'` at the end.
        truncating: where a longer sequence is cut.
        value: what fills up.

    Raises:
        InvalidValue: an element is no sequence, or the elements differ in shape.
    """
    for name, end in (("padding", padding), ("truncating", truncating)):
        if end not in _ENDS:
            raise invalid("pad_sequences", name, "'pre' or 'post'", end)
    if not hasattr(sequences, "__len__") or not all(hasattr(one, "__len__") for one in sequences):
        raise invalid("pad_sequences", "sequences", "a list of lists or arrays", sequences)
    if maxlen is not None and maxlen < 1:
        raise invalid("pad_sequences", "maxlen", "an int >= 1 or None", maxlen)
    if isinstance(value, str) and np.dtype(dtype).kind not in "OSU":
        raise invalid("pad_sequences", "value", f"a number, as {dtype} holds", value, "Give dtype=object for texts.")
    length = max(map(len, sequences), default=0) if maxlen is None else maxlen
    inner = next((np.shape(one)[1:] for one in sequences if len(one)), ())
    padded = np.full((len(sequences), length, *inner), value, dtype)
    for at, one in enumerate(sequences):
        cut = np.asarray(one[-length:] if truncating == "pre" else one[:length], dtype)
        if not len(one):
            continue
        if cut.shape[1:] != inner:
            raise InvalidValue(f"pad_sequences: sequence {at} holds {cut.shape[1:]}, the ones before it {inner}.")
        begin = length - len(cut) if padding == "pre" else 0
        padded[at, begin : begin + len(cut)] = cut
    return padded


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> Array:
    """How likely `skipgrams` keeps the word of each rank, (size,): rare words are kept, frequent ones thinned out.

    With `f` the inverse of the word's frequency by Zipf's law times `sampling_factor`: `min(1, sqrt(f))`.

    Source: Mikolov et al. 2013, arXiv:1310.4546, section 2.3.
    """
    rank = np.arange(size, dtype=float)
    rank[:1] = 1
    # The harmonic number that Zipf's law brings in, by its expansion; 0.577 is Euler's constant as Keras has it.
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1, np.sqrt(sampling_factor * inverse))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: ArrayLike | None = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words near each other, label 1, and pairs of a word with any word, label 0.

    Draws with Python's `random`. Word 0 is no word and left out.

    Args:
        sequence: word numbers.
        vocabulary_size: the largest number + 1.
        window_size: words to each side that are near.
        negative_samples: random pairs per pair of near words.
        shuffle: mix the pairs.
        categorical: labels `[0, 1]` and `[1, 0]` instead of 1 and 0.
        sampling_table: probability by number that a word is used, as `make_sampling_table` gives it.
        seed: of the mixing.

    Source: Mikolov et al. 2013, arXiv:1301.3781.
    """
    table = None if sampling_table is None else np.asarray(sampling_table)
    couples: list[list[int]] = []
    for at, word in enumerate(sequence):
        if not word or (table is not None and table[word] < random.random()):
            continue
        first = max(0, at - window_size)
        near = [*sequence[first:at], *sequence[at + 1 : at + window_size + 1]]
        couples += [[word, other] for other in near if other]
    labels: list[Any] = [[0, 1] if categorical else 1] * len(couples)
    if negative_samples > 0:
        count = int(len(couples) * negative_samples)
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [[words[at % len(words)], random.randint(1, vocabulary_size - 1)] for at in range(count)]
        labels += [[1, 0] if categorical else 0] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for listed in (couples, labels):
            random.seed(seed)
            random.shuffle(listed)
    return couples, labels


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series with what comes after each: (samples (n, steps, ...), targets (n, ...)).

    Args:
        data: a list or array, time first.
        targets: one per point of time.
        length: points of time that a window spans.
        sampling_rate: distance of its points, so that a window has `ceil(length / sampling_rate)` steps.
        stride: distance of windows.
        start_index: where the first window begins.
        end_index: the last target; None means the last there is.
        shuffle: draw windows at random instead of in order.
        reverse: each window backwards.
        batch_size: windows per batch.

    Raises:
        InvalidValue: data and targets differ in length, or no window fits.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **supply: Any,
    ) -> None:
        super().__init__(**supply)
        if len(data) != len(targets):
            raise invalid("TimeseriesGenerator", "targets", f"as long as the data, {len(data)}", targets)
        for name, value in (("sampling_rate", sampling_rate), ("stride", stride), ("batch_size", batch_size)):
            if value < 1:
                raise invalid("TimeseriesGenerator", name, "an int >= 1", value)
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride, self.batch_size = sampling_rate, stride, batch_size
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            raise invalid("TimeseriesGenerator", "length", f"below the {show(len(data))} points of the data", length)

    def __len__(self) -> int:
        return -(-(self.end_index - self.start_index + 1) // (self.batch_size * self.stride))

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        """Batch `index`."""
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        samples = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        return samples[:, ::-1] if self.reverse else samples, np.array([self.targets[row] for row in rows])
