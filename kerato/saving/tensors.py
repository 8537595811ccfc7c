"""Weights in `.safetensors` files: the paths of Keras 3's layout as names, shapes and dtypes known before any value.

The optimizer's state lies beside them, below `optimizer/vars`; the optimizer's name is in the file's metadata.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerato import __version__
from kerato.errors import BadFile, require
from kerato.saving.hdf5 import LIMIT_OBJECTS
from kerato.saving.weights import OPTIMIZER, plan

#: how the format spells dtypes -> NumPy's names; what is not here is no weight
DTYPES = {
    "BF16": "bfloat16",
    "BOOL": "bool",
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


def _safetensors(module: str = "safetensors") -> Any:
    return require(module, "safetensors", "a .safetensors file")


def tensors_bytes(model: Any) -> bytes:
    """The file of a model's weights and of its optimizer's state.

    Raises:
        MissingExtra: safetensors is not installed.
    """
    room, found = _safetensors("safetensors.numpy"), plan(model)
    optimizer = {f"{OPTIMIZER}/{i}": variable for i, variable in enumerate(found.optimizer)}
    arrays = {
        path: np.array(variable.concrete(), order="C") for path, variable in {**found.variables, **optimizer}.items()
    }
    names = {OPTIMIZER: found.groups[OPTIMIZER]} if OPTIMIZER in found.groups else {}
    return room.save(arrays, {"kerato_version": __version__, **names})


@dataclass(frozen=True)
class Outline:
    """What a file says of a variable before its values are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Tensors:
    """The variables in a `.safetensors` file, checked as they are found; a context.

    Raises:
        BadFile: it is none, cut, or holds what no weights are.
        MissingExtra: safetensors is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.owner = str(path)
        room = _safetensors()
        try:
            self._file = room.safe_open(os.fspath(path), framework="numpy")
        except (room.SafetensorError, OSError, ValueError) as error:
            raise BadFile(f"{path}: is damaged or no .safetensors file ({str(error).rstrip('.')}).") from None
        names = list(self._file.keys())
        if len(names) > LIMIT_OBJECTS:
            raise BadFile(f"{path}: holds {len(names):,} arrays, more than any model ({LIMIT_OBJECTS:,}); not loaded.")
        self.names: dict[str, Any] = {OPTIMIZER: (self._file.metadata() or {}).get(OPTIMIZER)}
        self.found = {name: self._outline(name) for name in names}

    def __enter__(self) -> Tensors:
        return self

    def __exit__(self, *_: Any) -> None:
        del self._file  # it holds the file open

    def _outline(self, name: str) -> Outline:
        part = self._file.get_slice(name)
        spelled = part.get_dtype()
        if spelled not in DTYPES:
            raise BadFile(f"{self.owner}: {name} has the dtype {spelled}, which no weight has; not loaded.")
        return Outline(tuple(part.get_shape()), np.dtype(DTYPES[spelled]))

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The array of a name."""
        return np.array(self._file.get_tensor(name))
