"""Reading HDF5 strictly: links, external and virtual data are not followed, sizes are known before values are read."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from kerato.errors import BadFile, show

#: more objects, or groups in groups, than any model has
LIMIT_OBJECTS, LIMIT_DEPTH = 200_000, 64
#: how many times larger than stored (compressed) a variable may be, from this size on
LIMIT_RATIO, RATIO_FROM_BYTES = 100, 2**20
#: larger attributes, or lists cut into more attributes, are no model's
LIMIT_ATTRIBUTE_BYTES, LIMIT_PIECES = 32 * 2**20, 10_000


class Stored:
    """The variables in an HDF5 file, checked as they are found; a context.

    Raises:
        BadFile: no HDF5 file, damaged, or with anything but groups and plain arrays of numbers.
    """

    def __init__(self, data: Any, owner: str) -> None:
        import h5py

        self.owner = owner
        self._h5py = h5py
        try:
            self._file = h5py.File(data, "r")
        except (OSError, ValueError, RuntimeError) as error:
            raise BadFile(f"{owner}: the weights are damaged or no HDF5 ({_reason(error)}).") from None
        self.found: dict[str, Any] = {}
        self.names: dict[str, Any] = {}
        self.groups: dict[str, Any] = {"": self._file}

    def __enter__(self) -> Stored:
        try:
            self._count = 0
            self._collect(self._file, "", 0)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            self._file.close()
            if isinstance(error, BadFile):
                raise
            raise BadFile(f"{self.owner}: the weights are damaged ({_reason(error)}).") from None
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def _refused(self, path: str, why: str) -> BadFile:
        return BadFile(f"{self.owner}: {path or '/'} in the weights {why}. A model file never needs that; not loaded.")

    def _collect(self, group: Any, path: str, depth: int) -> None:
        for name in group:
            inner = f"{path}/{name}".lstrip("/")
            self._count += 1
            if self._count > LIMIT_OBJECTS or depth > LIMIT_DEPTH:
                raise self._refused(inner, f"is one of more than {LIMIT_OBJECTS:,} objects, or nested too deeply")
            if not isinstance(group.get(name, getlink=True), self._h5py.HardLink):
                raise self._refused(inner, "is a link to another place or file")
            item = group[name]
            if isinstance(item, self._h5py.Group):
                self.groups[inner] = item
                self.names[inner] = self.attribute(inner, "name")
                self._collect(item, inner, depth + 1)
            else:
                self._check(item, inner)
                self.found[inner] = item

    def _check(self, item: Any, path: str) -> None:
        if not isinstance(item, self._h5py.Dataset):
            raise self._refused(path, "is a data type, not an array")
        if item.external or item.is_virtual:
            raise self._refused(path, "takes its values from another file")
        if item.shape is None or (item.dtype.kind not in "fiub" and not _is_bfloat16(item)):
            raise self._refused(path, "holds no numbers")
        declared, stored = math.prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
        allowed = LIMIT_RATIO * stored if item.chunks and declared > RATIO_FROM_BYTES else declared
        if declared > (allowed if item.chunks else stored):
            raise self._refused(path, f"declares {declared:,} bytes where {stored:,} are stored")

    def read(self, path: str) -> np.ndarray[Any, Any]:
        """The array at a path."""
        item = self.found[path]
        try:
            found = np.array(item)
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise BadFile(f"{self.owner}: {path} in the weights cannot be read ({_reason(error)}).") from None
        return found.view("bfloat16") if _is_bfloat16(item) and found.dtype.kind == "V" else found

    # -- attributes ------------------------------------------------------------------------------------------------

    def attribute(self, path: str, name: str) -> Any:
        """An attribute of a group: a text, a number or an array of them; None where there is none.

        Raises:
            BadFile: it is of another kind, or larger than any model's.
        """
        attributes = self.groups[path].attrs
        try:
            if name not in attributes:
                return None
            found = attributes.get_id(name)
            texts = self._h5py.check_string_dtype(found.dtype) is not None
            if found.shape is None or not (texts or found.dtype.kind in "fiubS"):
                raise self._refused(path, f"has the attribute {name!r}, which is neither text nor numbers")
            if math.prod(found.shape) * found.dtype.itemsize > LIMIT_ATTRIBUTE_BYTES:
                raise self._refused(path, f"has an attribute {name!r} of more than {LIMIT_ATTRIBUTE_BYTES:,} bytes")
            return _decoded(attributes[name])
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            if isinstance(error, BadFile):
                raise
            raise BadFile(f"{self.owner}: the attribute {name!r} cannot be read ({_reason(error)}).") from None

    def listed(self, path: str, name: str) -> list[str]:
        """A list of names, which Keras cuts into `name0`, `name1`, ... where it is long."""
        found = self.attribute(path, name)
        pieces = [] if found is None else [found]
        while found is None and len(pieces) < LIMIT_PIECES:
            piece = self.attribute(path, f"{name}{len(pieces)}")
            if piece is None:
                break
            pieces.append(piece)
        names = [item for piece in pieces for item in (piece if isinstance(piece, list) else [piece])]
        if not all(isinstance(item, str) for item in names):
            raise self._refused(path, f"has the attribute {name!r}, which is no list of names ({show(names)})")
        return names

    def json(self, path: str, name: str) -> Any:
        """The data in an attribute that holds JSON; None where there is none."""
        text = self.attribute(path, name)
        if text is None:
            return None
        try:
            if len(text) > LIMIT_ATTRIBUTE_BYTES:
                raise self._refused(path, f"has an attribute {name!r} of more than {LIMIT_ATTRIBUTE_BYTES:,} bytes")
            return json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise BadFile(f"{self.owner}: {name} in it is no JSON ({error}). Save the model again.") from None


def _is_bfloat16(item: Any) -> bool:
    return "dtype" in item.attrs and item.attrs.get_id("dtype").shape == () and item.attrs["dtype"] == "bfloat16"


def _decoded(value: Any) -> Any:
    """Text as str, numbers as Python's own, lists of them as lists."""
    if isinstance(value, np.ndarray):
        return [_decoded(item) for item in value.tolist()]
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
