"""What surrounds `tensorflow.keras`: the few names of TensorFlow that Keras scripts set before they begin.

They chose a device's memory or quietened messages: nothing that changes a number here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from kerato import random
from kerato.errors import UnknownName

VERSION = "2.15.0"


class Setting:
    """A setting that can be set and called, and has no effect; as a list of devices it is empty."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__.setdefault(name, Setting())

    def __call__(self, *args: Any, **kwargs: Any) -> Setting:
        return self

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Session:
    """What `K.set_session` was given: nothing runs in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass


class _Random:
    set_seed = staticmethod(random.set_seed)
    set_random_seed = staticmethod(random.set_seed)


#: names of TensorFlow -> what they are here
NAMES: dict[str, Any] = {
    "ConfigProto": Setting(),
    "GPUOptions": Setting(),
    "Session": Session,
    "compat": Setting(),
    "config": Setting(),
    "logging": Setting(),
    "random": _Random,
    "set_random_seed": random.set_seed,
}


class Around(ModuleType):
    """`tensorflow`, as far as a Keras script needs it."""

    __version__ = VERSION
    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if self.__name__ == "tensorflow" and name in NAMES:
            return NAMES[name]
        if name in ("keras", "python", "contrib"):
            return importlib.import_module(f"{self.__name__}.{name}")
        raise UnknownName(f"{self.__name__}: Kerato does not have {name!r}, only tensorflow.keras.")
