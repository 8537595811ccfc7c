"""Build oneDNN from its source, as wheels have it: `python kerato/kernels/native/onednn.py FOLDER [--source FILE]`.

Only what the kernels call: convolutions and reorders, without threads of its own, static. Needs CMake, a C++ compiler
and, on two cores, some tens of minutes; Python's own library is enough. `build.py` then takes it from `--onednn FOLDER`
or `$ONEDNN_ROOT`, and the result needs no oneDNN where it runs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

VERSION = "3.7.2"
#: The source that Debian 13 is built from: oneDNN's own without its documentation, kept for as long as that release is.
SOURCE = f"https://deb.debian.org/debian/pool/main/o/onednn/onednn_{VERSION}+ds.orig.tar.xz"
SHA256 = "0cc51ca26c1af6a2bb1e71e378e7046f3ceb3e71791ee9d4e246d50f904a6ea6"
OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_INSTALL_LIBDIR": "lib",
    "CMAKE_POSITION_INDEPENDENT_CODE": "ON",
    "ONEDNN_LIBRARY_TYPE": "STATIC",
    "ONEDNN_CPU_RUNTIME": "SEQ",
    "ONEDNN_GPU_RUNTIME": "NONE",
    "ONEDNN_ENABLE_PRIMITIVE": "CONVOLUTION;REORDER",
    "ONEDNN_ENABLE_GEMM_KERNELS_ISA": "NONE",
    "ONEDNN_ENABLE_ITT_TASKS": "OFF",
    "ONEDNN_ENABLE_JIT_PROFILING": "OFF",
    "ONEDNN_BUILD_GRAPH": "OFF",
    "ONEDNN_BUILD_DOC": "OFF",
    "ONEDNN_BUILD_TESTS": "OFF",
    "ONEDNN_BUILD_EXAMPLES": "OFF",
}


def install(target: Path, source: Path | None = None) -> None:
    """Put include/ and lib/libdnnl.a, and the licences under share/, into `target`; `source` is a fetched archive."""
    with tempfile.TemporaryDirectory() as made:
        room = Path(made)
        archive = source or fetch(room / "onednn.tar.xz")
        check(archive)
        with tarfile.open(archive) as file:
            file.extractall(room / "source", filter="data")
        [inside] = (room / "source").iterdir()
        options = [f"-D{name}={value}" for name, value in OPTIONS.items()]
        place = f"-DCMAKE_INSTALL_PREFIX={target.resolve()}"
        run("-S", inside, "-B", room / "build", place, *options)
        run("--build", room / "build", "--target", "install", "--parallel", os.cpu_count() or 1)


def fetch(target: Path) -> Path:
    """The archive from `SOURCE`."""
    try:
        with urllib.request.urlopen(SOURCE, timeout=60) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        sys.exit(f"onednn: {SOURCE} could not be fetched ({error}). Fetch it by other means and name it: --source.")
    return target


def check(archive: Path) -> None:
    """End the program unless the archive is the one that was tried."""
    if not archive.is_file():
        sys.exit(f"onednn: there is no file {archive}. Leave --source out to fetch it.")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"onednn: {archive} has the SHA-256 {found}, not {SHA256}. Fetch version {VERSION} anew.")


def run(*words: object) -> None:
    """CMake, seen by whoever waits; its failure ends the program."""
    cmake = shutil.which("cmake")
    if cmake is None:
        sys.exit("onednn: CMake not found. pip install cmake.")
    if subprocess.run([cmake, *map(str, words)], check=False).returncode:
        sys.exit("onednn: CMake failed; its last lines above say why.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).split(":")[0])
    parser.add_argument("target", metavar="FOLDER", type=Path, help="where include/ and lib/ shall lie")
    parser.add_argument("--source", metavar="FILE", type=Path, help="an archive that was fetched before")
    given = parser.parse_args()
    install(given.target, given.source)
