"""Work ahead of its reader: order, bound, errors, an end to the threads."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import pytest

from kerato.data import queue
from kerato.errors import InvalidValue


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_results_come_in_order(workers: int) -> None:
    def slow_when_even(item: Any) -> Any:
        time.sleep(0.002 * (item % 2 == 0))
        return item * item

    assert list(queue.in_order(slow_when_even, range(40), workers, 3)) == [n * n for n in range(40)]


def test_the_queue_is_bounded() -> None:
    begun = []
    results = queue.in_order(lambda item: begun.append(item), itertools.count(), 2, 4)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 5
    results.close()


@pytest.mark.parametrize("workers", [0, 3])
def test_an_error_arrives_at_its_place(workers: int) -> None:
    def fails_at_five(item: Any) -> Any:
        if item == 5:
            raise KeyError("five")
        return item

    results = queue.in_order(fails_at_five, itertools.count(), workers, 10)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(KeyError, match="five"):
        next(results)
    assert list(results) == []


def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    results = queue.in_order(lambda item: item, itertools.count(), 3, 4)
    next(results)
    results.close()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_worker_counts() -> None:
    assert 1 <= queue.worker_count("x", None) <= queue.MOST_WORKERS
    assert queue.worker_count("x", 0) == 0
    wrongs: list[Any] = [-1, 2.0, True, "2"]
    for wrong in wrongs:
        with pytest.raises(InvalidValue, match="flow: `workers` must be an int >= 0"):
            queue.worker_count("flow", wrong)
