"""No weights are on the machine, and Kerato's folder is the test's own; a server of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import serving

from kerato.applications import imagenet_utils


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where weights are kept."""
    for name in ("KERATO_DATA", "KERATO_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERATO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    imagenet_utils.class_index.cache_clear()
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server without files and faults."""
    with serving() as address:
        yield address
