"""The clock: data, compiling and the rest add up to the whole."""

from __future__ import annotations

import time

import jax.numpy as jnp
import pytest

from kerato.programs import Program, seconds_compiling
from kerato.report import Clock


def test_the_parts_are_what_was_measured() -> None:
    began, clock = time.perf_counter(), Clock()
    with clock.data():
        time.sleep(0.02)
    Program(lambda x: x + 1, "sum")(jnp.ones(3)).block_until_ready()
    split = clock.split()
    assert list(split) == ["data", "compile", "compute"]
    assert 0.02 <= split["data"] < 0.2
    assert split["compile"] > 0
    assert sum(split.values()) == pytest.approx(time.perf_counter() - began, abs=0.05)


def test_waiting_for_batches_is_time_for_data() -> None:
    class Slow:
        name = "slow"

        def __len__(self) -> int:
            return 2

        def __getitem__(self, step: int) -> int:
            time.sleep(0.02)
            return step

    clock = Clock()
    watched = clock.watched(Slow())
    assert (len(watched), watched[1], watched.name) == (2, 1, "slow")
    assert clock.split()["data"] >= 0.02


@pytest.mark.parametrize("traced_first", [False, True])
def test_only_calls_that_compile_count(traced_first: bool) -> None:
    program, x = Program(lambda x: x * 3, "product"), jnp.ones(4)
    before = seconds_compiling()
    if traced_first:
        assert program.operations(x) == {"mul"}
    traced = seconds_compiling()
    program(x)
    compiled = seconds_compiling()
    program(x)
    assert before <= traced < compiled == seconds_compiling()
