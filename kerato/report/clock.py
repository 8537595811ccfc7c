"""Where the time of a run goes: into its data, into compiling, into computing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kerato.programs import seconds_compiling


class Clock:
    """Begins when it is made. `data()` and `watched()` say which time is spent waiting for data."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._compiling = seconds_compiling()
        self._data = 0.0

    @contextmanager
    def data(self) -> Iterator[None]:
        """Count the block as time for data."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._data += time.perf_counter() - began

    def watched(self, batches: Any) -> Any:
        """The same sequence of batches; whatever a batch keeps its reader waiting counts as time for data."""
        return _Watched(batches, self)

    def split(self) -> dict[str, float]:
        """Seconds so far by what they were for: `data`, `compile` (tracing included) and `compute`, all else."""
        total, compiling = time.perf_counter() - self._began, seconds_compiling() - self._compiling
        return {"data": self._data, "compile": compiling, "compute": max(0.0, total - self._data - compiling)}


class _Watched:
    def __init__(self, batches: Any, clock: Clock) -> None:
        self._batches, self._clock = batches, clock

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, step: int) -> Any:
        with self._clock.data():
            return self._batches[step]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)
