"""Freed memory: whether the process keeps it, and gives it back when told to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kerato import memory

glibc = pytest.mark.skipif(memory._glibc() is None, reason="the C library is not GNU's: its malloc is left alone")

MEGABYTES = 100
SCRIPT = """
import resource
import numpy as np
import kerato
from kerato import memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

def write():
    before = faults()
    for _ in range(50):  # blocks of 2 MB, which NumPy does not ask large pages for
        blocks.append(np.ones(2 * 2**20, np.uint8))
    return faults() - before

blocks = []
write()
full = resident()
blocks.clear()
again = write()
blocks.clear()
memory.give_back()
print(again, full - resident())
"""


def run(**variables):
    """(page faults of writing the same memory again, MiB given back)."""
    environment = {name: value for name, value in os.environ.items() if name not in memory.SAID}
    script = [sys.executable, "-c", SCRIPT]
    result = subprocess.run(script, env=environment | variables, capture_output=True, text=True, check=True)
    return tuple(map(float, result.stdout.split()))


@glibc
def test_freed_memory_is_kept_and_given_back():
    faults, returned = run()
    pages = MEGABYTES * 2**20 / os.sysconf("SC_PAGESIZE")
    assert faults < pages / 10
    assert returned > 0.9 * MEGABYTES


@glibc
def test_the_system_gets_it_at_once_where_somebody_says_so():
    pages = MEGABYTES * 2**20 / os.sysconf("SC_PAGESIZE")
    assert run(KERATO_KEEP_MEMORY="0")[0] > pages / 2


@glibc
def test_a_person_reads_what_holds(monkeypatch):
    for name in [*memory.SAID, "KERATO_KEEP_MEMORY"]:
        monkeypatch.delenv(name, raising=False)
    assert memory.explain().startswith("kept")
    monkeypatch.setenv("KERATO_KEEP_MEMORY", "0")
    assert memory.explain() == "given back to the system (KERATO_KEEP_MEMORY is set)"
    monkeypatch.setenv("KERATO_KEEP_MEMORY", "1")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert memory.explain() == "given back to the system (MALLOC_ARENA_MAX is set)"


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(os, "confstr", lambda name: None, raising=False)
    memory.keep()
    memory.give_back()
    assert memory.explain() == "left to the system's malloc"
