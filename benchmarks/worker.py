"""One side of the comparison as a process of its own: JSON lines in, JSON lines out.

`{"do": "prepare", "work": NAME, "seconds": S}` builds a work, does it untimed, so that compiling is outside the
rounds, and settles how many steps a round of about S seconds has; `{"do": "round"}` does them and answers the
milliseconds per step; `{"do": "rate"}` answers the GFLOP/s of a large float32 matrix product in JAX;
`{"do": "load"}` imports the side and `{"do": "memory"}` answers the most memory that the process ever had;
`{"do": "versions"}` says who is here.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from works import WORKS, NotWritten

Answer = dict[str, Any]
PACKAGES = ("kerato", "keras", "tensorflow", "torch", "jax", "numpy")


class Worker:
    """Holds the work in hand; `side` is `kerato`, `keras` (backend by KERAS_BACKEND), `jax...` or `torch` (by hand)."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.run: Any = None
        self.steps = 0

    def prepare(self, work: str, seconds: float) -> Answer:
        """Build the work and warm it up, at the number of steps that the rounds will have."""
        self.run = None
        gc.collect()
        note, row = "", WORKS[work]
        if self.side == "torch":
            self.run, note = importlib.import_module("handwritten_torch").prepare(work)
        elif self.side.startswith("jax"):
            handwritten = importlib.import_module("handwritten")
            self.run, note = handwritten.prepare(self.side, work, row.most, row.fewest)
        else:
            module = importlib.import_module(self.side)
            if policy := os.environ.get("BENCH_POLICY"):
                module.config.set_dtype_policy(policy)
            self.run = row.prepare(module, row.most)
        self.steps = row.fewest
        self.round()
        if row.most > row.fewest:
            fitting = int(1000 * seconds / self.round()["ms"])
            self.steps = max(row.fewest, min(row.most, fitting))
        if self.steps > row.fewest:
            self.round()
        return {"note": note, "steps": self.steps}

    def round(self) -> Answer:
        """Do the steps once."""
        start = time.perf_counter()
        self.run(self.steps)
        return {"ms": 1000 * (time.perf_counter() - start) / self.steps}

    def load(self) -> Answer:
        """Import all that the side needs, which some leave to the first number on a device."""
        if self.side == "torch":
            importlib.import_module("handwritten_torch").torch.zeros(1)
        elif self.side.startswith("jax"):
            importlib.import_module("handwritten").jnp.zeros(1)
        else:
            importlib.import_module(self.side).ops.zeros((1,))
        return self.memory()

    def memory(self) -> Answer:
        """The most resident memory so far, MiB, as Linux counts it."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return {"mib": next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024}

    def rate(self) -> Answer:
        """The best of a few products of 3000 x 3000 matrices."""
        importlib.import_module("kerato")  # settles how memory is kept before XLA has threads, as in a user's script
        import jax

        x = jax.numpy.ones((3000, 3000))
        product = jax.jit(jax.numpy.matmul)
        product(x, x).block_until_ready()
        spent = []
        for _ in range(5):
            start = time.perf_counter()
            product(x, x).block_until_ready()
            spent.append(time.perf_counter() - start)
        return {"gflops": 2 * 3000**3 / min(spent) / 1e9}

    def versions(self) -> Answer:
        """The packages that this side runs on."""
        known = {dist.name: dist.version for dist in importlib.metadata.distributions()}
        return {"versions": {name: known[name] for name in PACKAGES if name in known}}


def serve(side: str) -> None:
    """Answer requests until the input ends. Whatever libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = Worker(side)
    for line in sys.stdin:
        request = json.loads(line)
        action = getattr(worker, request.pop("do"))
        try:
            answer = action(**request)
        except (NotWritten, FileNotFoundError) as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    serve(sys.argv[1])
