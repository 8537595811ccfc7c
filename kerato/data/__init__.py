"""Data on its way to a network: picture folders, augmentation, films. Every name is loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "ImageDataGenerator": "generator",
    "Iterator": "iterators",
    "NumpyArrayIterator": "iterators",
    "DirectoryIterator": "iterators",
    "load_img": "loading",
    "img_to_array": "loading",
    "array_to_img": "loading",
    "list_pictures": "folder",
    "pictures": "picture_folder",
    "Pictures": "picture_folder",
    "Part": "parts",
    "Film": "video",
    "Frame": "video",
    "Properties": "video",
    "DamagedFilm": "video",
    "frames": "video",
    "properties": "video",
    "evenly": "sampling",
    "clip": "sampling",
    "clips": "sampling",
    "windows": "sampling",
    "extract": "extraction",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
