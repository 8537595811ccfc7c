"""Build the native kernels beside this file: `python -m kerato.kernels.native.build [--onednn FOLDER]`.

Needs a C++17 compiler (`$CXX`, g++, clang++ or c++) and oneDNN: of the folder named here or in `$ONEDNN_ROOT` (with
include/ and lib/; `onednn.py` makes one from oneDNN's source), else of the packages onednn-devel-cpu-gomp and
onednn-cpu-gomp (`pip install "kerato[native]"`), else of the system. Takes seconds. Says in one line what it did, or
what is missing; then the portable kernels compute.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from kerato.errors import KeratoError

HERE = Path(__file__).parent
SOURCES = [HERE / name for name in ("convolution.cpp", "outer.cpp", "passes.cpp", "resample.cpp")]
TARGET = HERE / "libkerato_native.so"
LIBRARIES = ("libdnnl.a", "libdnnl.so")  # one that is part of the result before one that must be found when it loads
LICENCES = ("LICENSE", "THIRD-PARTY-PROGRAMS")  # of oneDNN, where it becomes part of the result
SYSTEM = ("/usr/local", "/usr")


class CannotBuild(KeratoError):
    """Something that the build needs is not there; the message says what, and how to get it."""


def build(onednn: str | None = None, target: Path = TARGET) -> Path:
    """Compile and link the library as `target`, and return that.

    Raises: CannotBuild without a compiler or oneDNN, or when the compiler fails.
    """
    unfinished = target.with_suffix(f".{os.getpid()}.so")
    include, library = _onednn(_roots(onednn))
    command = _command(_compiler(), include, library, unfinished)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()[-1:]
            raise CannotBuild(f"native kernels: the compiler failed: {' '.join(lines[:3])} ({shlex.join(command)})")
        unfinished.replace(target)  # at once: a process that has the old one loaded keeps it
    finally:
        unfinished.unlink(missing_ok=True)
    for name in LICENCES if library.suffix == ".a" else ():
        for licence in include.parent.glob(f"share/doc/*/{name}"):
            shutil.copy(licence, target.with_name(f"{name}.oneDNN"))
    return target


def possible() -> bool:
    """Whether there are a compiler and, named in `$ONEDNN_ROOT` or in the system, oneDNN."""
    stated = os.environ.get("ONEDNN_ROOT")
    try:
        _compiler()
        _onednn(map(Path, [stated] if stated else SYSTEM))
    except CannotBuild:
        return False
    return True


def _compiler() -> str:
    names = (os.environ.get("CXX"), "g++", "clang++", "c++")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        raise CannotBuild("native kernels: no C++ compiler found. Install g++, or name one in $CXX.")
    return found


def _onednn(roots: Iterable[Path]) -> tuple[Path, Path]:
    """The folder of dnnl.hpp, and the library."""
    for root in roots:
        for folder in (root / "lib", root / "lib64", *root.glob("lib/*-linux-gnu")):
            library = next((folder / name for name in LIBRARIES if (folder / name).exists()), None)
            if library and (root / "include" / "dnnl.hpp").exists():
                return root / "include", library
    raise CannotBuild('native kernels: oneDNN not found. pip install "kerato[native]", or name its folder: --onednn.')


def _roots(named: str | None) -> Iterator[Path]:
    stated = named or os.environ.get("ONEDNN_ROOT")
    yield from map(Path, [stated] if stated else [sysconfig.get_path("data"), *SYSTEM])


def _command(compiler: str, include: Path, library: Path, target: Path) -> list[str]:
    import jax.ffi

    link = [f"-Wl,-rpath,{library.parent}"] if library.suffix == ".so" else ["-Wl,--exclude-libs,ALL"]
    return [
        *(compiler, "-std=c++17", "-O3", "-fno-trapping-math", "-DNDEBUG", "-fPIC", "-shared", "-fopenmp"),
        "-Wl,--as-needed",  # the OpenMP library only for a oneDNN that has its threads
        *(f"-I{include}", "-isystem", jax.ffi.include_dir()),
        *(*map(str, SOURCES), "-o", str(target), str(library), *link, "-ldl", "-lpthread"),
    ]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=str(__doc__).split(":")[0])
    parser.add_argument("--onednn", metavar="FOLDER", help="oneDNN's folder, with include/ and lib/")
    try:
        build(parser.parse_args().onednn)
    except CannotBuild as error:
        sys.exit(str(error))
    from kerato.kernels import native

    print(f"native kernels: {native.explain()}")


if __name__ == "__main__":
    main()
