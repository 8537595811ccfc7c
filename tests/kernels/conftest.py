"""The portable kernels are under test here; the files `test_native...` ask for the native ones themselves."""

from __future__ import annotations

import pytest

from kerato import config


@pytest.fixture(autouse=True)
def portable(request):
    before = config.native_kernels()
    config.set_native_kernels("test_native" in request.module.__name__)
    yield
    config.set_native_kernels(before)
