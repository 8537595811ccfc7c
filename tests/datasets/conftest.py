"""No data set is on the machine, and Kerato's folder is the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data set is on the machine, and Kerato's folder is the test's own."""
    for name in ("KERATO_DATA", "KERATO_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERATO_HOME", str(tmp_path / "home/.kerato"))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    return tmp_path / "home"
