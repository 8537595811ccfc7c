"""Batches made ahead: order, bounds, threads and processes, and what happens when a producer fails."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from kerato import utils
from kerato.data.sources import as_arrays
from kerato.data.streams import Stream
from kerato.data.supply import PyDataset, Supply
from kerato.errors import InvalidCall


class Numbers(PyDataset):
    """Batch i is [i + 100 * epoch]; what is made and by whom is noted."""

    def __init__(self, length: int = 6, **options: Any) -> None:
        super().__init__(**options)
        self.length, self.epoch, self.threads, self.order = length, 0, set[str](), list[int]()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        self.threads.add(threading.current_thread().name)
        self.order.append(index)
        time.sleep(0.002 * (index % 2 == 0))
        return np.array([index + 100 * self.epoch])

    def on_epoch_end(self) -> None:
        self.epoch += 1


class Elsewhere(Numbers):
    """Tells the process that made a batch; batch 4 fails or kills it."""

    def __init__(self, fourth: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.fourth = fourth

    def __getitem__(self, index: int) -> Any:
        if index == 4 and self.fourth == "raises":
            raise KeyError("no fourth")
        if index == 4 and self.fourth == "dies":
            os._exit(3)
        return np.array([index + 100 * self.epoch, os.getpid()])


class Locked(Numbers):
    """Cannot be pickled."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.lock = threading.Lock()


def stream(source: Any, steps: int | None = None, shuffle: bool = False) -> Stream:
    def arrange(x: Any, y: Any, w: Any) -> Any:
        return as_arrays(x, "fit"), as_arrays(y, "fit"), as_arrays(w, "fit")

    return Stream(source, steps, arrange, "fit", shuffle)


def numbers(source: Stream, epoch: int = 0) -> list[int]:
    return [int(x[0][0]) for x, _, _ in source.batches(epoch)]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_give_batches_in_order_and_all_of_them_work(workers: int) -> None:
    made = Numbers(workers=workers)
    assert [numbers(stream(made)), made.epoch] == [list(range(6)), 1]
    here = threading.current_thread().name
    assert made.threads == {here} if workers == 0 else here not in made.threads and len(made.threads) >= min(workers, 2)


def test_an_epoch_of_fewer_steps_goes_on_where_the_last_one_stopped() -> None:
    made = Numbers(3)
    source = stream(made, 2)
    assert [numbers(source, epoch) for epoch in range(3)] == [[0, 1], [2, 100], [101, 102]]
    assert stream(Numbers(3), 7).steps == 7
    assert numbers(stream(Numbers(3), 7)) == [0, 1, 2, 100, 101, 102, 200]


def test_batches_are_shuffled_anew_and_by_the_seed() -> None:
    source = stream(Numbers(9), shuffle=True)
    first, second = numbers(source), [n - 100 for n in numbers(source, 1)]
    assert sorted(first) == sorted(second) == list(range(9))
    assert first != second
    assert numbers(stream(Numbers(9), shuffle=True)) == first


def test_no_more_batches_are_drawn_than_asked_for() -> None:
    drawn: list[int] = []

    def generator() -> Iterator[Any]:
        while True:
            drawn.append(len(drawn))
            yield np.array([drawn[-1]])

    source = stream(Supply(generator(), workers=4, max_queue_size=3), 8)
    assert [numbers(source), numbers(source)] == [list(range(8)), list(range(8, 16))]
    assert len(drawn) == 16


def test_the_producer_is_ahead_but_never_by_more_than_the_queue_holds() -> None:
    made = Numbers(40, workers=2, max_queue_size=4)
    batches = stream(made).batches(0)
    for reached in range(1, 6):
        next(batches)
        time.sleep(0.02)
        assert reached < len(made.order) <= reached + 4
    batches.close()  # type: ignore[attr-defined]


def test_what_a_generator_raises_arrives_with_its_traceback() -> None:
    def broken_inside() -> Iterator[Any]:
        yield np.array([1])
        raise ZeroDivisionError("inside")

    source = stream(broken_inside(), 5)
    with pytest.raises(ZeroDivisionError, match="inside") as caught:
        numbers(source)
    assert "broken_inside" in [entry.name for entry in caught.traceback]


def test_processes_make_batches_in_order_and_see_each_epoch() -> None:
    source = stream(Elsewhere(workers=2, use_multiprocessing=True))
    found = [[x[0].tolist() for x, _, _ in source.batches(epoch)] for epoch in range(2)]
    assert [[n for n, _ in epoch] for epoch in found] == [list(range(6)), list(range(100, 106))]
    workers = {pid for epoch in found for _, pid in epoch}
    assert os.getpid() not in workers
    assert 1 <= len(workers) <= 2
    processes = source.supply._processes
    assert processes is not None
    del source
    for process, _ in processes._workers:
        process.join(10)
        assert process.exitcode is not None


@pytest.mark.parametrize(
    ("fourth", "kind", "message"),
    [("raises", KeyError, "no fourth"), ("dies", InvalidCall, r"died at batch 4 \(exit code 3\)")],
)
def test_a_process_that_fails_ends_the_run(fourth: str, kind: type[Exception], message: str) -> None:
    source = stream(Elsewhere(fourth, workers=1, use_multiprocessing=True))
    with pytest.raises(kind, match=message) as caught:
        numbers(source)
    assert source.supply._processes is None
    if fourth == "raises":
        assert "line" in str(caught.value.__cause__) and "__getitem__" in str(caught.value.__cause__)


@pytest.mark.parametrize("what", ["generator", "locked"])
def test_what_cannot_travel_stays_in_threads_with_a_warning(what: str) -> None:
    source: Any = Locked(workers=1, use_multiprocessing=True)
    if what == "generator":
        source = Supply((np.array([n]) for n in range(6)), 2, True)
    with pytest.warns(UserWarning, match="made by threads of this process, not by other processes"):
        made = stream(source, 6)
        assert numbers(made) == list(range(6))
    assert made.supply._processes is None


def test_a_list_is_a_batch_of_inputs_and_targets_too() -> None:
    x, y, w = stream([None], 1)._parts([np.zeros((2, 1)), np.ones(2)])
    assert (x[0].shape, y[0].shape, w) == ((2, 1), (2,), [])


def test_enqueuers_of_keras_2() -> None:
    queue = utils.OrderedEnqueuer(Numbers(3))
    queue.start(workers=2, max_queue_size=4)
    assert queue.is_running()
    items = queue.get()
    assert [int(next(items)[0]) for _ in range(5)] == [0, 1, 2, 100, 101]
    queue.stop()
    assert not queue.is_running()
    drawing = utils.GeneratorEnqueuer(iter([1, 2]))
    drawing.start()
    assert list(drawing.get()) == [1, 2]


def test_a_dataset_says_how_long_it_is() -> None:
    assert utils.Sequence is utils.PyDataset
    assert (Numbers(4).num_batches, PyDataset().num_batches) == (4, None)
    with pytest.raises(NotImplementedError):
        PyDataset()[0]
    with pytest.raises(ValueError, match="Numbers: `workers` must be an int >= 0"):
        Numbers(workers=-1)
