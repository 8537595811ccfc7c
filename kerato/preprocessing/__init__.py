"""What prepares data: Keras's `image`, `sequence` and `text`, and `arrays` of chapter 6; loaded when first used."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = ("arrays", "image", "sequence", "text")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
