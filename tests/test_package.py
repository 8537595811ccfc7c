"""The package as a whole: which room may import which, what an import costs, what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kerato

ROOT = Path(kerato.__file__).parent.parent
SOURCES = sorted((ROOT / "kerato").rglob("*.py"))

#: The rooms of `kerato/`, each may import those on the left of it or above it, and no other.
FLOORS = (
    "errors memory config charts notebook kernels programs spatial arguments ops random variables recurrence shapes",
    "graph",
    "synonyms activations initializers regularizers constraints schedules",
    "objectives losses measures confusion regions tradeoffs metrics updates transformations weightwise optimizers",
    "layers backend",
    "image data datasets preprocessing faces",
    "callbacks summary counting drawing scoring additions engine feeding generators training distribute",
    "saving checkpoint models utils applications legacy keras",
    "see report tasks",
    "commands __main__",
)
ROOMS = " ".join(FLOORS).split()

FORBIDDEN = {
    "notes for later": r"\b(TODO|FIXME|XXX)\b",
    "star imports": r"^\s*from \S+ import \*",
    "bare excepts": r"^\s*except\s*:",
    "asserts": r"^\s*assert\b",
    "paths of one machine": r"(?<![\w.~/])/(work|root|home|Users)/\w",
    "unchecked unpickling": r"\bpickle\.loads?\(|allow_pickle\s*=\s*True",
}

LONGEST_FILE = 450
LONGEST_FUNCTION = 50
SLOWEST_IMPORT_S = 0.1


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(path: Path) -> str:
    """The first folder or file name inside `kerato/`; empty for the front door, `kerato/__init__.py`."""
    first = path.relative_to(ROOT / "kerato").parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported_rooms(tree: ast.AST) -> Iterator[str]:
    """The rooms that a file imports, at its top or inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "kerato":
            modules = [f"kerato.{alias.name}" for alias in node.names]
        else:
            modules = [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
        yield from (module.split(".")[1] for module in modules if module.startswith("kerato."))


def is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def without_typing(tree: ast.Module) -> ast.Module:
    """The module less its imports under `if TYPE_CHECKING`."""
    return ast.Module([node for node in tree.body if not is_typing_only(node)], [])


def test_every_room_is_in_the_table() -> None:
    strangers = {room(path) for path in SOURCES} - {*ROOMS, ""}
    assert not strangers, f"put {sorted(strangers)} into FLOORS, after all that they import"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_go_one_way(path: Path) -> None:
    me = room(path)
    before = set(ROOMS[: ROOMS.index(me)]) | {me} if me in ROOMS else set(ROOMS)
    wrong = {other for other in imported_rooms(without_typing(ast.parse(path.read_text()))) if other in ROOMS} - before
    assert not wrong, f"{name(path)} imports {sorted(wrong)}, which come after it"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sources_are_short_and_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    assert text == "" or ast.get_docstring(ast.parse(text)), "a file starts by saying what it is"
    for what, pattern in FORBIDDEN.items():
        found = re.search(pattern, text, re.MULTILINE)
        assert found is None, f"{what}: {found and found[0]!r}"


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile"], ids=name)
def test_texts_name_no_machine(path: Path) -> None:
    assert re.search(FORBIDDEN["paths of one machine"], path.read_text(encoding="utf-8")) is None


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """The public functions and classes of a file."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    yield from (node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_"))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_objects_say_what_they_are(path: Path) -> None:
    assert [one.name for one in public(ast.parse(path.read_text())) if not ast.get_docstring(one)] == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_functions_fit_on_a_screen(path: Path) -> None:
    functions = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)]
    assert {one.name: length(one) for one in functions if length(one) > LONGEST_FUNCTION} == {}


def length(function: ast.FunctionDef) -> int:
    """The lines of a function after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_import_is_fast_and_leaves_jax_alone() -> None:
    code = (
        "import time, sys; start = time.perf_counter(); import kerato; spent = time.perf_counter() - start; "
        "print(spent, sorted({'jax', 'jaxlib', 'numpy', 'sklearn', 'cv2', 'PIL', 'rich', 'click'} & set(sys.modules)))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    spent, loaded = zip(*(run.stdout.strip().split(" ", 1) for run in runs), strict=True)
    assert set(loaded) == {"[]"}
    assert min(map(float, spent)) <= SLOWEST_IMPORT_S


def test_changelog_knows_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert kerato.__version__ in headings[:2]
