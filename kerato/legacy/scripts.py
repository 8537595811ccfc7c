"""Running a script or notebook that imports `keras`, as `python script.py` would have run it then."""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import os
import sys
import tokenize
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

from kerato.errors import BadFile, KeratoError
from kerato.legacy import imports, python2, vanished
from kerato.legacy.notebooks import cells

#: the names in the environment that tell a worker process how its parent runs
SCRIPT, DIALECT = "KERATO_RUN_SCRIPT", "KERATO_RUN_DIALECT"


def run(path: Path, arguments: Sequence[str] = (), dialect: str | None = None) -> dict[str, Any]:
    """Run a script, or the code of a notebook, as the main program; the names that it leaves.

    Args:
        path: a Python file of any version, or a notebook (.ipynb).
        arguments: what the script finds in `sys.argv`.
        dialect: `'keras2'`, `'keras3'`, or None to go by the name that it imports.

    Raises:
        BadFile: there is no such file, or the notebook cannot be read.
        Exception: whatever the script raises.
    """
    if not path.is_file():
        raise BadFile(f"run: there is no file {path}.")
    main = ModuleType("__main__")
    main.__file__ = str(path)
    with _as_main(main, path, arguments, dialect), vanished.supplied() as names:
        sys.meta_path.insert(0, finder := Neighbours(path.parent, names))
        try:
            _execute(path, main, names)
        finally:
            sys.meta_path.remove(finder)
    return vars(main)


@contextlib.contextmanager
def _as_main(main: ModuleType, path: Path, arguments: Sequence[str], dialect: str | None) -> Iterator[None]:
    """`main` is the program that runs, with its folder and arguments; worker processes will know it too."""
    imports.install(dialect)
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    environment = {SCRIPT: str(path.resolve()), DIALECT: dialect or ""}
    # Worker processes that are spawned run this module, which runs the script under the name they look for.
    main.__spec__ = importlib.util.find_spec("kerato.legacy.worker")
    sys.modules["__main__"], sys.argv = main, [str(path), *arguments]
    sys.path.insert(0, str(path.parent.resolve()))
    os.environ.update(environment)
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = before
        for name in environment:
            os.environ.pop(name, None)


def _execute(path: Path, main: ModuleType, names: dict[str, Any]) -> None:
    if path.suffix == ".ipynb":
        vars(main).update(names)
        for cell in cells(path):
            cell.execute(vars(main))
        return
    source = read(path)
    old = python2.is_python2(source, str(path))
    vars(main).update({**names, **(python2.CHANGED if old else {})})
    if old:
        sys.stderr.write(f"{path.name} is Python 2: read as such, and `/` of two ints rounds down.\n")
    exec(python2.compiled(source, str(path), old), vars(main))


def read(path: Path) -> str:
    """The text of a source file in the encoding that it names; Latin-1 where it names none and is no UTF-8."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError):
        return path.read_text(encoding="latin-1")


class Neighbours:
    """Modules beside the script: read as Python 2 where they are."""

    def __init__(self, folder: Path, names: dict[str, Any]) -> None:
        self.folder, self.names = folder.resolve(), names

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """The spec of a source file in the script's folder; None for everything else."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path or [str(self.folder)])
        origin = spec.origin if spec is not None else None
        if origin is None or not origin.endswith(".py") or self.folder not in Path(origin).resolve().parents:
            return None
        if "site-packages" in Path(origin).parts:
            return None
        return importlib.util.spec_from_file_location(fullname, origin, loader=_Neighbour(fullname, origin, self.names))


class _Neighbour(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, names: dict[str, Any]) -> None:
        super().__init__(fullname, path)
        self.names = names

    def get_code(self, fullname: str) -> CodeType:
        return python2.compiled(read(Path(self.path)), self.path)

    def exec_module(self, module: ModuleType) -> None:
        old = python2.is_python2(read(Path(self.path)), self.path)
        vars(module).update({**self.names, **(python2.CHANGED if old else {})})
        super().exec_module(module)


# -- what went wrong -----------------------------------------------------------------------------------------------


def told(error: BaseException, path: Path) -> str:
    """What a person reads when a script failed: its own lines, and Kerato's errors as one sentence."""
    frames = traceback.extract_tb(_from(error.__traceback__, path))
    if isinstance(error, KeratoError):
        lines = [frame for frame in frames if Path(frame.filename).parent == path.parent or path.name in frame.filename]
        where = f"{Path(lines[-1].filename).name}, line {lines[-1].lineno}: " if lines else ""
        return f"{where}{error}\n"
    return "".join(traceback.format_exception(error.with_traceback(_from(error.__traceback__, path))))


def reached(error: BaseException, path: Path) -> bool:
    """Whether it was the script that failed, not the way to it."""
    return _from(error.__traceback__, path) is not None or isinstance(error, SyntaxError)


def _from(trace: TracebackType | None, path: Path) -> TracebackType | None:
    """The traceback from the script's first line on."""
    found = trace
    while found is not None and path.name not in found.tb_frame.f_code.co_filename:
        found = found.tb_next
    return found


_for_good = contextlib.ExitStack()


def in_worker(space: dict[str, Any]) -> None:
    """Make the script's classes and functions known in a spawned worker process."""
    path = Path(os.environ[SCRIPT])
    imports.install(os.environ.get(DIALECT) or None)
    names = _for_good.enter_context(vanished.supplied())
    space.update(names, __file__=str(path))
    sys.meta_path.insert(0, Neighbours(path.parent, space))
    main = sys.modules[space["__name__"]]
    _execute(path, main, {})
