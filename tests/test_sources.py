"""Where batches come from: arrays, streams, splits, weights of classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import labels, seeds

from kerato.data import sources
from kerato.data.sources import Arrays, as_arrays, check_lengths, enter, split, weigh_classes
from kerato.data.streams import Rounds, Stream, is_stream

Array = np.ndarray[Any, Any]
DATA = np.arange(20, dtype="float32")[:, None]


@pytest.mark.parametrize(
    ("data", "shapes", "kind"),
    [
        (DATA, [(20, 1)], "float32"),
        (DATA.astype("float64"), [(20, 1)], "float32"),
        ([[1, 2], [3, 4]], [(2, 2)], "int32"),
        ([1, 2, 3], [(3,)], "int32"),
        ([DATA, DATA[:, 0]], [(20, 1), (20,)], "float32"),
        ({"a": DATA, "b": DATA}, [(20, 1), (20, 1)], "float32"),
        (np.zeros((2, 2), "uint8"), [(2, 2)], "uint8"),
        (np.zeros(2, bool), [(2,)], "bool"),
        (jnp.ones((2, 3)), [(2, 3)], "float32"),
        (None, [], ""),
    ],
)
def test_data_of_many_kinds_becomes_a_list_of_arrays(data: Any, shapes: list[Any], kind: str) -> None:
    found = as_arrays(data, "fit")
    assert [array.shape for array in found] == shapes
    assert {str(array.dtype) for array in found} <= {kind}


def test_bytes_are_not_copied_on_the_way_in() -> None:
    pictures = np.zeros((4, 2, 2), "uint8")
    assert np.shares_memory(as_arrays(pictures, "fit")[0], pictures)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.sampled_from([True, False, "batch"]), seeds)
def test_the_batches_of_an_epoch_hold_every_sample_once(samples: int, size: int, shuffle: Any, seed: int) -> None:
    data = np.arange(samples)
    source = Arrays(([data], [data * 2], []), size, shuffle, seed)
    batches = list(source.batches(1))
    assert len(batches) == len(source) == -(-samples // size)
    assert [len(x[0]) for x, _, _ in batches] == [size] * (samples // size) + [samples % size] * (samples % size > 0)
    seen = np.concatenate([x[0] for x, _, _ in batches])
    assert sorted(seen) == list(range(samples))
    for x, y, _ in batches:
        np.testing.assert_array_equal(x[0] * 2, y[0])
    again = np.concatenate([x[0] for x, _, _ in Arrays(([data], [], []), size, shuffle, seed).batches(1)])
    np.testing.assert_array_equal(seen, again)


def test_what_enters_the_device_is_a_copy() -> None:
    for dtype in ("float32", "uint8", "int32", "bool"):
        array = np.zeros((3, 50), dtype)
        entered = enter([array, (array[:, ::2],)])
        array[...] = 1
        assert not np.asarray(entered[0]).any()
        assert not np.asarray(entered[1][0]).any()
        assert str(entered[0].dtype) == dtype


def stream(batches: Any, steps: int | None = None) -> Stream:
    def arrange(x: Any, y: Any, w: Any) -> Any:
        return as_arrays(x, "fit"), as_arrays(y, "fit"), as_arrays(w, "fit")

    return Stream(batches, steps, arrange, "fit")


def numbers(source: Stream, epoch: int = 0) -> list[int]:
    return [int(x[0][0]) for x, _, _ in source.batches(epoch)]


def counting() -> Iterator[Array]:
    number = 0
    while True:
        yield np.array([number])
        number += 1


def test_a_generator_goes_on_where_the_last_epoch_stopped() -> None:
    source = stream(counting(), 3)
    assert int(source.first[0][0][0]) == 0  # looked at, not lost
    assert [numbers(source), numbers(source), numbers(source)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


class Countdown:
    """Indexable, with a length."""

    ends = 0

    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> tuple[Array]:
        return (np.array([i]),)

    def on_epoch_end(self) -> None:
        self.ends += 1


def test_an_indexable_source_begins_anew_each_epoch() -> None:
    made = Countdown()
    source = stream(made)
    assert source.first[0][0].tolist() == [0]
    assert [numbers(source), numbers(source)] == [[0, 1, 2]] * 2
    assert made.ends == 2
    assert len(source) == 3


class Again:
    """Can be iterated again and again."""

    def __iter__(self) -> Iterator[Array]:
        return iter([np.array([i]) for i in range(3)])


@pytest.mark.parametrize(
    ("steps", "epochs"),
    [(None, [[0, 1, 2]] * 3), (3, [[0, 1, 2]] * 3), (2, [[0, 1], [2], [0, 1]])],
    ids=["whole", "as many", "fewer"],
)
def test_an_iterable_is_gone_through_again(steps: int | None, epochs: list[list[int]]) -> None:
    source = stream(Again(), steps)
    assert source.first
    assert [numbers(source) for _ in range(3)] == epochs


def test_rounds_of_arrays_are_shuffled_anew() -> None:
    rounds = Rounds(Arrays(([np.arange(8)], [], []), 4, True, 1))
    first, second = ([number for x, _, _ in rounds for number in x[0].tolist()] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(8))
    assert first != second


@pytest.mark.parametrize(
    ("data", "expected"),
    [([DATA], False), (DATA, False), ({"a": DATA}, False), (counting(), True), (Countdown(), True), (Again(), True),
     (3, False), (None, False)],
)  # fmt: skip
def test_what_gives_batches_is_told_from_what_holds_samples(data: Any, expected: bool) -> None:
    assert is_stream(data) is expected


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 50), st.floats(0.05, 0.95))
def test_a_split_is_a_partition_with_the_end_held_out(samples: int, share: float) -> None:
    at = int(samples * (1 - share))
    parts = ([np.arange(samples)], [np.arange(samples) * 2], [])
    if not 0 < at < samples:
        with pytest.raises(ValueError, match="validation_split"):
            split(parts, share)
        return
    head, tail = split(parts, share)
    assert [*head[0][0], *tail[0][0]] == list(range(samples))
    assert len(head[0][0]) == at
    np.testing.assert_array_equal(tail[1][0], tail[0][0] * 2)


@given(labels(), st.booleans(), st.booleans())
def test_every_sample_weighs_as_its_class(y: Array, one_hot: bool, weighted: bool) -> None:
    given_weights = [np.linspace(1, 2, len(y))] if weighted else []
    targets = np.eye(4)[y] if one_hot else y
    found = weigh_classes({0: 1, 1: 2.0, 2: 0, 3: 0.5})([targets], given_weights)[0]
    expected = np.array([[1, 2, 0, 0.5][label] for label in y]) * (given_weights[0] if weighted else 1)
    np.testing.assert_allclose(found, expected)


def test_class_weights_need_one_label_per_sample() -> None:
    with pytest.raises(ValueError, match=r"one label per sample\. Got targets of shape \(2, 3, 4\)"):
        weigh_classes({0: 1})([np.zeros((2, 3, 4))], [])
    with pytest.raises(ValueError, match="needs a model with one output"):
        weigh_classes({0: 1})([np.zeros(2), np.zeros(2)], [])


def test_lengths_are_compared_by_name() -> None:
    with pytest.raises(ValueError, match=r"Got \{'x': \[2, 3\], 'y': \[2\]\}"):
        check_lengths(([np.zeros(2), np.zeros(3)], [np.zeros(2)], []), "fit")


def test_a_share_of_the_memory_is_for_data() -> None:
    assert 2**28 < sources.device_limit_bytes() < 2**50
