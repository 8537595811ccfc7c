"""Freed memory stays with the process, where glibc's malloc would give it back to the system at once.

XLA takes the memory of a program from malloc for every call. What is larger than 32 MB then comes from the system page
by page and is cleared: a fifth of a step of ResNet-20 on a CPU (docs/engine.md). Kept, it is there for the next call.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Any

#: with one of these somebody has said already how memory is kept
SAID = ("GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
OFF = ("KERATO_KEEP_MEMORY", "0")
#: `mallopt`'s options by their numbers in malloc.h, and what they are set to: blocks of any size from the one heap that
#: all threads share, none by mmap, and that heap never shortened
KEPT = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1)}


def keep() -> None:
    """Keep what is freed; before XLA has threads, which have heaps of their own from their first block on."""
    if kept():
        for option, value in KEPT.values():
            _glibc().mallopt(option, value)


def kept() -> bool:
    """Whether freed memory is kept."""
    return _glibc() is not None and not _objection()


def give_back() -> None:
    """Give to the system what is free now."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def explain() -> str:
    """One line for a person: whether freed memory is kept."""
    if _glibc() is None:
        return "left to the system's malloc"
    if _objection():
        return f"given back to the system ({_objection()} is set)"
    return "kept for the next step; KERATO_KEEP_MEMORY=0 gives it back to the system"


def _objection() -> str:
    """The variable that says otherwise."""
    return next((name for name, value in os.environ.items() if name in SAID or (name, value) == OFF), "")


def _glibc() -> Any:
    """The C library, where it is GNU's."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return ctypes.CDLL(None)
    return None
