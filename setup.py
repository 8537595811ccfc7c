"""The part of the build that pyproject.toml cannot say: native kernels, where a C++ compiler and oneDNN are.

oneDNN is looked for in `$ONEDNN_ROOT` and in the system; without it, or when the compiler fails, the package is pure
Python and computes in its portable forms. `KERATO_NATIVE=1` makes such a failure an error, which wheels want;
`KERATO_NATIVE=0` builds nothing.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
WISH = os.environ.get("KERATO_NATIVE", "")


def recipe() -> Any:
    """`kerato/kernels/native/build.py`, read by its place: the package itself cannot be imported yet."""
    sys.path.insert(0, str(ROOT))  # for kerato.errors
    place = ROOT / "kerato" / "kernels" / "native" / "build.py"
    spec = importlib.util.spec_from_file_location("native_build", place)
    if spec is None or spec.loader is None:
        raise ImportError(str(place))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wanted() -> bool:
    """Whether this machine can build the kernels, or was told to."""
    if WISH == "0" or sysconfig.get_platform() != "linux-x86_64":
        return False
    return WISH == "1" or recipe().possible()


class Library(build_ext):
    """A shared library that knows nothing of Python: one file for every version of it."""

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split(".")).with_suffix(".so"))

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        tools = recipe()
        try:
            tools.build(target=target)
        except tools.CannotBuild as error:
            if WISH == "1":
                raise
            print(f"{error} The portable kernels will compute.", file=sys.stderr)


class Wheel(bdist_wheel):
    """For this platform when it holds the library, and for every Python in any case."""

    def get_tag(self) -> tuple[str, str, str]:
        platform = super().get_tag()[2]
        return "py3", "none", platform


native = wanted()
setup(
    ext_modules=[Extension("kerato.kernels.native.libkerato_native", [], optional=WISH != "1")] if native else [],
    setup_requires=["jax>=0.10.0"] if native else [],  # the headers of its foreign-function interface
    cmdclass={"build_ext": Library, "bdist_wheel": Wheel},
)
