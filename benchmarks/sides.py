"""Who is measured, and the processes in which the measuring happens."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peers

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Side:
    """Who is measured: its interpreter, the module it imports, the variables it is started with."""

    python: Path
    module: str
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self, cache: Path) -> dict[str, str]:
        """The process's variables; `cache` keeps whatever a side keeps between its processes."""
        own = {"KERATO_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
        return {**os.environ, **own, **self.variables}


def keras(environment: str, backend: str) -> Side:
    """Keras 3 with one of its backends."""
    return Side(peers.python(environment), "keras", {"KERAS_BACKEND": backend})


SIDES = {
    "kerato": Side(Path(sys.executable), "kerato"),
    "kerato portable": Side(Path(sys.executable), "kerato", {"KERATO_NATIVE": "0"}),
    "kerato bfloat16": Side(Path(sys.executable), "kerato", {"BENCH_POLICY": "mixed_bfloat16"}),
    "jax by hand": Side(Path(sys.executable), "jax"),
    "jax with our kernels": Side(Path(sys.executable), "jax-kernels"),
    "torch by hand": Side(peers.python("torch"), "torch"),
    "keras-tensorflow": keras("tf", "tensorflow"),
    "keras-jax": keras("jax", "jax"),
    "keras-torch": keras("torch", "torch"),
}


class Process:
    """A worker process and the questions it is asked."""

    def __init__(self, name: str, side: Side, cache: Path, log: Any) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [side.python, HERE / "worker.py", side.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=side.environment(cache),
        )

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """One request, one answer; a process that has died answers with an error."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        try:
            self.process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process has ended"}
        return answer


@contextmanager
def workers(sides: dict[str, Side], cache: Path) -> Iterator[list[Process]]:
    """One process per side, ended with the block."""
    with ExitStack() as stack, tempfile.TemporaryFile("w+") as log:
        processes = [Process(name, side, cache, log) for name, side in sides.items()]
        for one in processes:
            stack.enter_context(one.process)
            stack.callback(one.process.kill)
        yield processes


def machine(processes: Sequence[Process]) -> dict[str, str]:
    """Processor, cores, system and versions: what a number depends on, and nothing that names the machine."""
    versions = {}
    for process in processes:
        found = process.ask("versions").get("versions", {})
        versions[process.name] = " ".join(f"{name} {version}" for name, version in found.items())
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        **versions,
    }


def processor() -> str:
    """The processor's name, and which of the vector units that matter here it has."""
    listing = Path("/proc/cpuinfo")
    text = listing.read_text() if listing.is_file() else ""
    name = re.search(r"model name\s*:\s*(.+)", text)
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if re.search(rf"\b{flag}\b", text)]
    return ", ".join([name[1].strip() if name else platform.processor() or platform.machine(), *flags])
