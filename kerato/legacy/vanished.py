"""What scripts of 2015 to 2019 import from other packages and no longer find there, as tables.

Only `supplied()` puts it in place, for the script that runs within the block.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from kerato.legacy.python2 import NAMES

#: module that is gone -> the modules that have its names, the first that has one
MODULES: dict[str, str] = {
    "ConfigParser": "configparser",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "StringIO": "io",
    "Tkinter": "tkinter",
    "__builtin__": "builtins",
    "cPickle": "pickle",
    "cStringIO": "io",
    "cookielib": "http.cookiejar",
    "httplib": "http.client",
    "scipy.misc": "kerato.legacy.scipy_misc",
    "sklearn.cross_validation": "sklearn.model_selection",
    "sklearn.externals.joblib": "joblib",
    "sklearn.grid_search": "sklearn.model_selection",
    "thread": "_thread",
    "urllib2": "urllib.request urllib.error",
    "urlparse": "urllib.parse",
}

_COLLECTIONS = (
    "Callable Container Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping"
    " MutableSequence MutableSet Sequence Set Sized ValuesView"
)
_URLLIB = {
    **dict.fromkeys(("pathname2url", "urlopen", "urlretrieve", "URLopener"), "urllib.request"),
    **dict.fromkeys(("quote", "quote_plus", "unquote", "unquote_plus", "urlencode"), "urllib.parse"),
}

#: module -> name that it had -> what that is today, `module:name`
ATTRIBUTES: dict[str, dict[str, str]] = {
    "PIL.Image": {"ANTIALIAS": "PIL.Image:LANCZOS"},
    "collections": {name: f"collections.abc:{name}" for name in _COLLECTIONS.split()},
    "h5py": {"_kerato": "kerato.legacy.vanished:_h5py"},
    "inspect": {"getargspec": "inspect:getfullargspec"},
    "itertools": {
        "ifilter": "builtins:filter",
        "imap": "builtins:map",
        "izip": "builtins:zip",
        "izip_longest": "itertools:zip_longest",
    },
    "numpy": {
        "Inf": "numpy:inf",
        "NINF": "kerato.legacy.vanished:_MINUS_INFINITY",
        "NaN": "numpy:nan",
        "alltrue": "numpy:all",
        "asscalar": "kerato.legacy.vanished:_asscalar",
        "bool8": "numpy:bool_",
        "complex": "builtins:complex",
        "cumproduct": "numpy:cumprod",
        "float": "builtins:float",
        "float_": "numpy:float64",
        "infty": "numpy:inf",
        "int": "builtins:int",
        "object": "builtins:object",
        "product": "numpy:prod",
        "row_stack": "numpy:vstack",
        "sometrue": "numpy:any",
        "str": "builtins:str",
        "string_": "numpy:bytes_",
        "trapz": "numpy:trapezoid",
        "unicode": "builtins:str",
        "unicode_": "numpy:str_",
    },
    "os": {"getcwdu": "os:getcwd"},
    "string": {
        "letters": "string:ascii_letters",
        "lowercase": "string:ascii_lowercase",
        "maketrans": "kerato.legacy.vanished:_maketrans",
        "uppercase": "string:ascii_uppercase",
    },
    "sys": {"maxint": "sys:maxsize", "setdefaultencoding": "kerato.legacy.vanished:_nothing"},
    "time": {"clock": "time:perf_counter"},
    "urllib": {name: f"{home}:{name}" for name, home in _URLLIB.items()},
}

_MINUS_INFINITY = float("-inf")
_maketrans = str.maketrans


def _asscalar(a: Any) -> Any:
    return a.item()


def _nothing(*_: Any) -> None:
    return None


class Moved(ModuleType):
    """A module that is gone, answering with the names of its successors."""

    homes: Sequence[str]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [word for home in self.homes for word in dir(importlib.import_module(home)) if word[:1] != "_"]
        for home in self.homes if not name.startswith("__") else ():
            module = importlib.import_module(home)
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class Finder:
    """Finds the modules of `MODULES`, and sees to it that those of `ATTRIBUTES` get their old names when they load."""

    def __init__(self) -> None:
        self.added: list[tuple[Any, str]] = []
        self._asking = False
        self._loader: Any = self

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """The spec of a module that is gone, or of one that gets old names."""
        if self._asking or not (fullname in MODULES or fullname in ATTRIBUTES):
            return None
        spec = None if fullname == "scipy.misc" else self._real(fullname)  # SciPy's is there, and empty
        if spec is None and fullname in MODULES:
            return importlib.util.spec_from_loader(fullname, self._loader, is_package=True)
        if spec is not None and spec.loader is not None and fullname in ATTRIBUTES:
            load = spec.loader.exec_module

            def then(module: ModuleType) -> None:
                load(module)
                self.add(module)

            spec.loader.exec_module = then
        return spec

    def _real(self, fullname: str) -> Any:
        self._asking = True
        try:
            return importlib.util.find_spec(fullname)
        finally:
            self._asking = False

    def create_module(self, spec: Any) -> ModuleType:
        """A module that answers for others."""
        module = Moved(spec.name)
        module.homes = MODULES[spec.name].split()
        if spec.name == "cPickle":  # the pickles of Python 2 hold texts as bytes
            home = importlib.import_module("pickle")
            for name in ("load", "loads"):
                setattr(module, name, functools.partial(getattr(home, name), encoding="latin1"))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: its names are looked up when they are asked for."""

    def add(self, module: ModuleType) -> None:
        """Give `module` the names that it had."""
        for name, place in ATTRIBUTES[module.__name__].items():
            if name not in vars(module):
                home, _, target = place.partition(":")
                value = getattr(importlib.import_module(home), target)
                if name == "_kerato":
                    value = value(module)
                setattr(module, name, value)
                self.added.append((module, name))


def _h5py(module: Any) -> Any:
    """h5py of 2015: a file that does not exist is made, and `data.value` reads a data set."""
    file, opened = module.File, module.File.__init__

    @functools.wraps(opened)
    def begin(self: Any, name: Any, mode: str | None = None, *args: Any, **kwargs: Any) -> None:
        fresh = isinstance(name, (str, os.PathLike)) and not os.path.exists(name)
        opened(self, name, mode or ("a" if fresh else "r"), *args, **kwargs)

    def undo() -> None:
        file.__init__ = opened
        del module.Dataset.value

    file.__init__ = begin
    module.Dataset.value = property(lambda self: self[()])
    return undo


@contextlib.contextmanager
def supplied() -> Iterator[dict[str, Any]]:
    """Within the block, what has vanished is there; gives the names that Python 2 had without an import."""
    finder = Finder()
    before = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    sys.meta_path.insert(0, finder)
    for name in ATTRIBUTES:
        if name in sys.modules:
            finder.add(sys.modules[name])
    headless = sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if headless:
        os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        yield dict(NAMES)
    finally:
        sys.meta_path.remove(finder)
        for module, name in finder.added:
            if name == "_kerato":
                vars(module)[name]()
            delattr(module, name)
        for name in MODULES:
            if isinstance(sys.modules.get(name), Moved):
                del sys.modules[name]
        sys.modules.update(before)
