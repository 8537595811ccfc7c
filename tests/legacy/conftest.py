"""What tests of old code get: afterwards `keras` is again what it was, and the settings are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kerato import config, legacy


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Undo what a test installs; files that had asked `kerato.keras` before are read on as they mean."""
    before = config._dialect
    yield
    legacy.uninstall()
    config.set_dialect(before)
    config.set_backend("tensorflow")
