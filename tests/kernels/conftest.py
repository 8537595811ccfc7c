"""The portable kernels are under test here; `test_native.py` asks for the native ones itself."""

from __future__ import annotations

import pytest

from kerato import config


@pytest.fixture(autouse=True)
def portable(request):
    before = config.native_kernels()
    config.set_native_kernels(request.module.__name__.endswith("test_native"))
    yield
    config.set_native_kernels(before)
