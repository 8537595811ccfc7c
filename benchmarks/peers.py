"""The other sides' environments: one virtual environment each, made once and kept.

`python benchmarks/peers.py` makes them in `.bench/peers`; the variable BENCH_PEERS names another folder. The plain
torch package may bring gigabytes of GPU libraries; pip's own settings can point it to a CPU build.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

KERAS = "keras==3.15.1"
ENVIRONMENTS = {
    "tf": (KERAS, "tensorflow==2.21.*"),
    "jax": (KERAS, "jax==0.10.2", "pillow"),
    "torch": (KERAS, "torch==2.13.0", "pillow"),
}


def folder() -> Path:
    """Where the environments are."""
    return Path(os.environ.get("BENCH_PEERS") or Path(__file__).parent.parent / ".bench" / "peers")


def python(name: str) -> Path:
    """The interpreter of an environment."""
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return folder().joinpath(name, *inside)


def install(name: str, packages: tuple[str, ...]) -> None:
    """Make one environment, or bring one that was made for other packages up to these."""
    stamp = folder() / name / "installed.txt"
    if stamp.is_file() and stamp.read_text().split() == list(packages):
        return
    print(f"installing {', '.join(packages)}", file=sys.stderr)
    if not stamp.is_file():
        venv.create(folder() / name, with_pip=True, clear=True)
    subprocess.run([python(name), "-m", "pip", "install", "--quiet", *packages], check=True)
    stamp.write_text("\n".join(packages))


if __name__ == "__main__":
    for environment, wanted in ENVIRONMENTS.items():
        install(environment, wanted)
