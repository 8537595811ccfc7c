"""Seeing: what a network looks for, why it decided, how to fool it, and how far to believe the picture."""

from __future__ import annotations

import importlib
from typing import Any

#: name -> the file that has it; no file has the name of an object, which the import of the file would hide
_HOMES = {
    "Explanation": "explanation",
    "Explainer": "explanation",
    "Fooling": "fooling",
    "Lens": "lens",
    "METHODS": "methods",
    "Method": "methods",
    "Robustness": "curves",
    "Scene": "methods",
    "Sheet": "ascend",
    "Trust": "trust",
    "dream": "ascend",
    "explain": "explanation",
    "filters": "ascend",
    "fool": "fooling",
    "maximize": "ascend",
    "robustness": "curves",
    "rotations": "turned",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from kerato.errors import unknown

        if name.startswith("__"):
            raise AttributeError(name)
        raise unknown("kerato.see", "the name", name, _HOMES)
    return getattr(importlib.import_module(f"kerato.see.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
