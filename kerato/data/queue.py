"""Work done ahead of its reader: several threads, results in order, never more than a fixed number of them waiting."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

from kerato import errors

Item = TypeVar("Item")
Result = TypeVar("Result")
Task = tuple[Future[Any], Callable[[Any], Any], Any]

MOST_WORKERS: Final = 8
"""Threads taken when nobody says how many; more of them wait for each other's Python."""


def usable_cores() -> int:
    """Cores that this process may run on, which in a container are fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def worker_count(owner: str, workers: int | None) -> int:
    """`workers`, or one thread for each usable core (at most `MOST_WORKERS`) when it is None.

    Raises:
        InvalidValue: `workers` is not an int >= 0.
    """
    if workers is None:
        return min(usable_cores(), MOST_WORKERS)
    return at_least(owner, "workers", workers, 0)


def at_least(owner: str, name: str, value: int, low: int) -> int:
    """`value` when it is an int >= `low`.

    Raises:
        InvalidValue: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise errors.invalid(owner, name, f"an int >= {low}", value)
    return value


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, max_queue_size: int
) -> Generator[Result]:
    """`work(item)` for every item, in the items' order, computed by `workers` threads ahead of the reader.

    At most `max_queue_size` results are waiting or being made beside the one that the reader is given. With
    `workers=0` everything runs in the reader's thread when it asks. An exception of `work` reaches the reader at its
    place in the order and ends the iteration; closing the iterator cancels what has not begun. A `work` that never
    comes back does not keep the program from ending.
    """
    if workers == 0:
        yield from map(work, items)
        return
    tasks: SimpleQueue[Task | None] = SimpleQueue()
    for number in range(workers):
        Thread(target=_serve, args=(tasks,), name=f"kerato-data-{number}", daemon=True).start()
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            future: Future[Result] = Future()
            waiting.append(future)
            tasks.put((future, work, item))
            if len(waiting) > max_queue_size:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for _ in range(workers):
            tasks.put(None)


def _serve(tasks: SimpleQueue[Task | None]) -> None:
    while (task := tasks.get()) is not None:
        future, work, item = task
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work(item))
            except BaseException as error:  # also a KeyboardInterrupt is the reader's to see
                future.set_exception(error)
        del task, future, work, item  # what they hold may be large, and the next task may be long in coming
