"""Notebooks that import `keras`: their code run from a file, and `%load_ext kerato` in a running one."""

from __future__ import annotations

import ast
import contextlib
import json
import linecache
import re
import sys
from pathlib import Path
from typing import Any

from kerato.errors import BadFile
from kerato.legacy import imports, python2, vanished


class Cell:
    """The code of one cell: what it is called in tracebacks, its lines, and whether they are Python 2."""

    def __init__(self, name: str, source: str, python2: bool) -> None:
        self.name, self.source, self.python2 = name, source, python2

    def execute(self, space: dict[str, Any]) -> None:
        """Run the cell and show the value of its last line, as a notebook does."""
        linecache.cache[self.name] = (len(self.source), None, self.source.splitlines(True), self.name)
        if self.python2 or python2.is_python2(self.source, self.name):
            space.update(python2.CHANGED)
            exec(python2.compiled(self.source, self.name, True), space)
            return
        tree = ast.parse(self.source, self.name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, self.name, "exec", dont_inherit=True), space)
        if isinstance(last, ast.Expr) and not self.source.rstrip().endswith(";"):
            value = eval(compile(ast.Expression(last.value), self.name, "eval", dont_inherit=True), space)
            if value is not None:
                print(repr(value))


def cells(path: Path) -> list[Cell]:
    """The code cells of a notebook in order, without what is no Python.

    Raises:
        BadFile: it is no notebook.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if "worksheets" in found:  # notebooks before 2015
            found["cells"] = [cell for sheet in found["worksheets"] for cell in sheet["cells"]]
        codes = [cell for cell in found["cells"] if cell["cell_type"] == "code"]
        texts = ["".join(cell.get("source", cell.get("input", ""))) for cell in codes]
        language = str(found.get("metadata", {}).get("language_info", {}).get("version", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadFile(f"run: {path} is no notebook.") from None
    named = [(f"{path.name}[{number}]", text) for number, text in enumerate(texts, 1)]
    return [Cell(name, plain(text, name), language.startswith("2")) for name, text in named]


#: magics of a whole cell whose body is Python all the same
_PYTHON = ("%%capture", "%%prun", "%%time", "%%timeit")


def plain(source: str, name: str) -> str:
    """The Python of a cell: magics, shell commands and questions are left out, line numbers stay."""
    lines = source.split("\n")
    first = lines[0].lstrip()
    if first.startswith("%%") and not first.startswith(_PYTHON):
        _note(name, first)
        return ""
    for number, line in enumerate(lines):
        if re.match(r"\s*[%!?]", line) or re.match(r"\s*[\w.]+\?{1,2}\s*$", line):
            _note(name, line.strip())
            lines[number] = re.sub(r"\S.*", "pass", line)
    return "\n".join(lines)


def _note(name: str, line: str) -> None:
    sys.stderr.write(f"{name}: left out: {line}\n")


_loaded = contextlib.ExitStack()


def load(shell: Any) -> None:
    """`%load_ext kerato`: from now on `import keras` means Kerato in this notebook, and Python 2 cells are read."""
    imports.install(None)
    names = _loaded.enter_context(vanished.supplied())
    shell.user_ns.update({name: value for name, value in names.items() if name not in shell.user_ns})
    shell.input_transformers_post.append(readable)


def unload(shell: Any) -> None:
    """`%unload_ext kerato`: what `load` did is undone."""
    shell.input_transformers_post.remove(readable)
    _loaded.close()
    imports.uninstall()


def readable(lines: list[str]) -> list[str]:
    """The lines of a cell, put into Python 3 if they can only be read as Python 2."""
    source = "".join(lines)
    if not python2.is_python2(source, "cell"):
        return lines
    found = python2.convert(source)
    return lines if python2.is_python2(found, "cell") else found.splitlines(keepends=True)
