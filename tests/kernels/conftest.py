"""The portable kernels are under test here; the files `test_native...` ask for the native ones themselves."""

from __future__ import annotations

import jax
import pytest

from kerato import config


@pytest.fixture(autouse=True)
def portable(request):
    before = config.native_kernels()
    config.set_native_kernels("test_native" in request.module.__name__)
    yield
    config.set_native_kernels(before)


@pytest.fixture(scope="module")
def quick_compilation():
    """For modules in which values are under test, not speed."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
