"""What 2.0.5's signatures said and today's do not: every name that both have, from the source of Keras 2.0.5.

`python oracle/signatures.py` fetches that source once (KERAS_205 names a folder that has it), reads it as text and
compares arguments and defaults with Kerato's. A difference is explained by a row of `kerato.legacy` or by `KNOWN`;
the exit status is 1 when there are others.
"""

from __future__ import annotations

import ast
import fnmatch
import inspect
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kerato
from kerato import legacy
from kerato.arguments import parameters
from kerato.legacy.methods import METHODS

ROOT = Path(__file__).parent.parent
RELEASE = "keras==2.0.5"

#: today's module -> files of 2.0.5
MODULES = {
    "layers": "layers/core layers/convolutional layers/pooling layers/local layers/recurrent layers/embeddings"
    " layers/merge layers/normalization layers/noise layers/advanced_activations layers/wrappers"
    " layers/convolutional_recurrent",
    "losses": "losses",
    "metrics": "metrics",
    "optimizers": "optimizers",
    "initializers": "initializers",
    "regularizers": "regularizers",
    "constraints": "constraints",
    "activations": "activations",
    "callbacks": "callbacks",
    "models": "models engine/training",
    "preprocessing.image": "preprocessing/image",
    "utils": "utils/np_utils utils/layer_utils",
}

#: pattern of `owner.argument` -> why the difference needs no row
KNOWN: dict[str, str] = {
    "layers.dot.normalize": "passed on to Dot",
    "layers.Embedding.input_length": "`legacy.layers` makes an input shape of it",
    "layers.*.implementation": "how, not what: all give the same numbers",
    "callbacks.CallbackList.*": "the callbacks of one run, made by fit",
    "callbacks.LambdaCallback.on_*": "taken among the further arguments",
    "callbacks.ModelCheckpoint.period": "refused where it is not 1",
    "callbacks.ProgbarLogger.count_mode": "progress counts batches",
    "callbacks.TensorBoard.log_dir": "the same folder",
    "models.Sequential.layers": "None is no layers",
    "models.model_from_yaml.*": "refused: YAML files could run code",
    "models.model_from_json.json_string": "the first argument, by position",
    "models.*.batch_size": "None is 32",
    "models.*.verbose": "'auto' is 1, and 2 where output goes to a file",
    "models.*.sample_weight_mode": "temporal weights are known by their shape",
    "preprocessing.image.list_pictures.ext": "one more kind of file",
    "preprocessing.image.*Iterator.*": "made by flow and its kin, whose arguments are the same",
    "preprocessing.image.load_img.*": "True as second argument is read as grayscale",
    "utils.to_categorical.y": "`legacy.objects` has the old function",
}

_NOTHING = object()


def source() -> Path:
    """The folder `keras` of the old release."""
    named = os.environ.get("KERAS_205")
    if named:
        return Path(named) / "keras"
    folder = ROOT / ".bench" / "keras205"
    if not folder.is_dir():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", RELEASE]
        subprocess.run([*command, "-d", folder], check=True)
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
    return next(folder.glob("*/keras"))


def value(node: ast.expr | None) -> Any:
    """A default as a value; its text where it is no plain one."""
    if node is None:
        return _NOTHING
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def arguments(node: ast.FunctionDef) -> dict[str, Any]:
    """Argument -> default."""
    names = [item.arg for item in node.args.args if item.arg != "self"]
    defaults = node.args.defaults
    padded = [None] * (len(names) - len(defaults)) + list(defaults)
    return {name: value(item) for name, item in zip(names, padded, strict=True)}


def old_signatures(folder: Path, files: str) -> dict[str, dict[str, Any]]:
    """Class, function or `Class.method` of 2.0.5 -> its arguments; what a base declares and a class passes on too."""
    found: dict[str, dict[str, Any]] = {}
    bases: dict[str, list[str]] = {}
    for file in files.split():
        for node in ast.parse((folder / f"{file}.py").read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = arguments(node)
            elif isinstance(node, ast.ClassDef):
                bases[node.name] = [ast.unparse(base) for base in node.bases]
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
                        found[f"{node.name}.{item.name}"] = arguments(item)
                    if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                        found[node.name] = arguments(item)
    for name, above in bases.items():
        for base in above:
            found[name] = {**found.get(base, {}), **found.get(name, {})} if base == "Recurrent" else found.get(name, {})
            found[name] = found[name] or found.get(base, {})
    return found


def todays(owner: Any) -> dict[str, Any] | None:
    """Argument -> default of a class or function of Kerato; None where anything is taken."""
    if isinstance(owner, type):
        names: dict[str, Any] = {}
        for kind in owner.__mro__:
            if "__init__" in kind.__dict__ and kind is not object:
                for name, item in inspect.signature(kind.__dict__["__init__"]).parameters.items():
                    names.setdefault(name, item.default)
        return {name: names.get(name, inspect.Parameter.empty) for name in parameters(owner)}
    return {name: item.default for name, item in inspect.signature(owner).parameters.items()}


def same(old: Any, new: Any) -> bool:
    """Whether two defaults mean the same: (1, 1) and 1, 'zeros' and 'Zeros', 0. and 0."""
    if old is _NOTHING:  # an argument that had to be given may be left out today
        return True
    if isinstance(old, tuple) and not isinstance(new, tuple):
        return all(same(item, new) for item in old)
    return bool(old == new)


def differences(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(owner, argument, what differs) that no row and no known reason explains."""
    for module, files in MODULES.items():
        room = kerato
        for part in module.split("."):
            room = getattr(room, part)
        for name, old in old_signatures(folder, files).items():
            owner: Any = room
            for part in name.split("."):
                owner = getattr(owner, part, None)
            if owner is None or name.startswith(("_", "get", "deserialize", "serialize")) or not callable(owner):
                continue
            if "." in name and name not in METHODS:
                continue
            row = METHODS.get(name) or METHODS.get(f"{name}.__init__") or legacy.TABLE.get(owner.__name__, legacy.Old())
            if f"{module}.{name}" not in legacy.FUNCTIONS:
                yield from _of_one(f"{module}.{name}", old, todays(owner) or {}, row)


def _of_one(key: str, old: dict[str, Any], new: dict[str, Any], row: legacy.Old) -> Iterator[tuple[str, str, str]]:
    # What a rewrite makes of an argument is for the tests of its row.
    rewritten = row.order if row.rewrite is not dict else ()
    for name, default in old.items():
        today = row.names.get(name, row.older.get(name, name))
        if today is None or any(fnmatch.fnmatchcase(f"{key}.{name}", pattern) for pattern in KNOWN):
            continue
        if today not in new and name not in rewritten:
            yield key, name, "is not known"
        elif today in new and not same(default, row.defaults.get(today, new[today])):
            yield key, name, f"{'none' if default is _NOTHING else repr(default)} -> {new[today]!r}"


if __name__ == "__main__":
    remaining = list(differences(source()))
    for line in remaining:
        print(*line)
    sys.exit(1 if remaining else 0)
