"""`import keras` means Kerato: modules of their own that answer for Kerato's, found before all others.

No module of Kerato gets a second name in `sys.modules`: imported again under it, its submodules would be made anew, and
with them a second `Dense`. Modules here are empty and ask Kerato's for every name.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import kerato
from kerato import config
from kerato.errors import InvalidCall, UnknownModule, UnknownName, sentence, suggest
from kerato.legacy import callsite, methods
from kerato.legacy.modules import GONE, MODULES, OTHERWISE, RENAMED, SUPPLIED

#: name of a package -> the dialect that its name stands for
PACKAGES = {
    "kerato.keras": "keras2",
    "keras": "keras2",
    "tensorflow.contrib.keras": "keras2",
    "tensorflow.keras": "tf.keras",
    "tensorflow.python.keras": "tf.keras",
    "tf_keras": "tf.keras",
}
#: dialect -> the version that scripts read
VERSIONS = {"keras2": "2.0.5", "keras3": "3.15.1", "tf.keras": "2.15.0"}
#: backend -> how `Using ... backend.` spells it
SPELLED = {"tensorflow": "TensorFlow", "theano": "Theano", "cntk": "CNTK", "jax": "JAX", "torch": "Torch"}


class Proxy(ModuleType):
    """A module of Keras: its names are looked up in Kerato whenever they are asked for."""

    package: str
    path: str

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        if name == "__version__" and not self.path:
            return VERSIONS[_finder.dialect_of(self.package)]
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        callsite.speak(_finder.dialect_of(self.package))
        return _found(self, name)

    def __dir__(self) -> list[str]:
        listed = {name for home in _homes(self.path) for name in _public(home)}
        old = {name for name, today in _renamed(self.path).items() if today in listed}
        return sorted(listed | old | set(_inner(self.path)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`keras.layers.merge` was a function in Keras 1 and a module in Keras 2."""
        callsite.speak(_finder.dialect_of(self.package))
        return _found(self, "()")(*args, **kwargs)


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _inner(path: str) -> list[str]:
    """The modules right below `path`."""
    within = [name.removeprefix(f"{path}.") if path else name for name in MODULES if _is_below(name, path)]
    return [name for name in within if "." not in name]


def _is_below(name: str, path: str) -> bool:
    return bool(name) and (not path or name.startswith(f"{path}."))


def _homes(path: str) -> Iterator[Any]:
    """The modules of Kerato that answer for a module of Keras, as far as they exist."""
    for name in dict.fromkeys([path, *MODULES[path].split()]):
        home = kerato if name == "." else _member(kerato, name) if name else None
        if home is not None:
            yield home


def _member(parent: Any, path: str) -> Any:
    """`parent.a.b` for `a.b`, imported where it is a module; None where there is none."""
    for name in path.split("."):
        full = f"{parent.__name__}.{name}" if isinstance(parent, ModuleType) else ""
        if full and importlib.util.find_spec(full) is not None if hasattr(parent, "__path__") else False:
            parent = importlib.import_module(full)
        else:
            parent = getattr(parent, name, None)
        if parent is None:
            return None
    return parent


def _public(home: Any) -> list[str]:
    """The names that a module of Kerato is there for: not what it imports for itself."""
    if not isinstance(home, ModuleType):
        return [name for name in dir(home) if not name.startswith("_")]
    if hasattr(home, "__all__") and home.__name__ != "kerato.backend":
        return list(home.__all__)
    names = [name for name in dir(home) if not name.startswith("_") and name != "annotations"]
    return [name for name in names if not isinstance(vars(home).get(name), ModuleType)]


def _renamed(path: str) -> dict[str, str]:
    return RENAMED.get(path.partition(".")[0], {})


def _found(module: Proxy, name: str) -> Any:
    """What `name` of a module of Keras is in Kerato.

    Raises:
        UnknownName: Kerato does not have it; the message says where it was looked for.
    """
    path = module.path
    if _dotted(path, name) in MODULES:
        return importlib.import_module(f"{module.__name__}.{name}")
    for word in dict.fromkeys([name, _renamed(path).get(name, name)]):
        if _finder.dialect_of(module.package) != "keras3" and (place := _place(OTHERWISE, path, word)):
            return _supplied(place)
        for home in _homes(path):
            found = getattr(home, word, None)
            if found is not None and not isinstance(found, ModuleType):  # its own imports are not its names
                return found
    if place := _place(SUPPLIED, path, name):
        return _supplied(place)
    raise _lacking(module, name)


def _place(table: Mapping[str, str], path: str, name: str) -> str | None:
    """What a table says of a name in a module, or of that name in the first part of the module's path."""
    return table.get(_dotted(path, name)) or table.get(_dotted(path.partition(".")[0], name))


def _supplied(place: str) -> Any:
    room, _, name = place.partition(":")
    module: Any = importlib.import_module(f"kerato.legacy.{room}")
    return module.FUNCTIONS[name] if room == "tables" else getattr(module, name)


def _lacking(module: Any, name: str) -> UnknownName:
    today = _renamed(module.path).get(name)
    reason = _place(GONE, module.path, name) or (today and f"today's {today}")
    said = f"{module.__name__}: Kerato does not have {name!r}{f' ({reason})' if reason else ''}."
    return UnknownName(sentence(said, "" if reason else suggest(name, dir(module))))


class Finder:
    """Finds the packages of `PACKAGES` that are installed, and refuses modules of theirs that Kerato does not have."""

    def __init__(self) -> None:
        self.installed: set[str] = {"kerato.keras"}
        self.forced: str | None = None
        self._loader: Any = self

    def dialect_of(self, package: str) -> str:
        """The dialect that a package stands for, or the one that was asked for."""
        return self.forced or PACKAGES[package]

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """The spec of a module of Keras; None for everything else.

        Raises:
            UnknownModule: it is a module or a name of Keras that Kerato does not have.
        """
        for package in sorted(self.installed, key=len, reverse=True):
            if package.startswith(f"{fullname}.") and fullname != "kerato":
                return importlib.util.spec_from_loader(fullname, self._loader, is_package=True)
            if fullname == package or fullname.startswith(f"{package}."):
                inner = fullname[len(package) + 1 :]
                if inner not in MODULES:
                    self._refuse(package, inner)
                return importlib.util.spec_from_loader(fullname, self._loader, is_package=True)
        return None

    def _refuse(self, package: str, path: str) -> None:
        parent, _, name = path.rpartition(".")
        raise UnknownModule(str(_lacking(importlib.import_module(_dotted(package, parent)), name)))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """A proxy, or the package around one."""
        if any(package.startswith(f"{spec.name}.") for package in PACKAGES):
            from kerato.legacy.tensorflow import Around

            return Around(spec.name)
        return as_proxy(Proxy(spec.name))

    def exec_module(self, module: ModuleType) -> None:
        """Greet as Keras did, at the first import of `keras`."""
        if module.__name__ == "keras":
            write_keras_json()
            if self.dialect_of("keras") == "keras2":
                name = config.backend()
                sys.stderr.write(f"Using {SPELLED.get(name, name)} backend.\n")


_finder = Finder()


def as_proxy(module: Any) -> Any:
    """`module`, made to answer for the module of Keras whose name it has."""
    module.__class__ = Proxy
    module.package = max((p for p in PACKAGES if f"{module.__name__}.".startswith(f"{p}.")), key=len)
    module.path = module.__name__[len(module.package) + 1 :]
    module.__path__ = []
    return module


def write_keras_json() -> None:
    """Make `keras.json` where there is none, with what holds when nobody says otherwise: what was set for one run,
    such as `kerato run --channels-first`, is not kept for the next. A folder that is read-only stays so."""
    path = config.keras_home() / "keras.json"
    if path.exists():
        return
    settings = {name: config.default(name) for name in ("floatx", "epsilon", "backend", "image_data_format")}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings, indent=4) + "\n", encoding="utf-8")


def listen() -> None:
    """Have the finder asked first, methods and calls read as their callers mean them; several times do no harm."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    methods.teach()
    config.set_dialect(callsite.as_the_caller_means)


_NAMES = ("keras", "tensorflow", "tf_keras")


def install(dialect: str | None) -> None:
    """What `kerato.legacy.install` promises."""
    callsite.check(dialect)
    for name in _NAMES:
        if name in sys.modules and not isinstance(sys.modules[name].__loader__, Finder):
            raise InvalidCall(
                f"legacy.install: {name} was imported already and is the real one. Call install() in a new process."
            )
    _finder.installed.update(PACKAGES)
    _finder.forced = dialect
    listen()


def uninstall() -> None:
    """What `kerato.legacy.uninstall` promises."""
    _finder.installed.intersection_update({"kerato.keras"})
    _finder.forced = None
    for name in [name for name in sys.modules if name.partition(".")[0] in _NAMES]:
        if isinstance(sys.modules[name].__loader__, Finder):
            del sys.modules[name]
