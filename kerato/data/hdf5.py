"""`HDF5Matrix`: a part of an array in an HDF5 file, read as it is needed (Keras 2's name)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from kerato.errors import BadFile


class HDF5Matrix:
    """The rows `start` to `end` of an array in an HDF5 file, as something that `fit` takes.

    Args:
        datapath: of the file.
        dataset: the array's name in it.
        start: first row.
        end: the row after the last; None takes all.
        normalizer: a function of what is read.

    Raises:
        BadFile: there is no such file, or no such array in it.
    """

    def __init__(
        self,
        datapath: str | os.PathLike[str],
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        import h5py

        try:
            self.data = h5py.File(datapath, "r")[dataset]
        except (OSError, KeyError) as error:
            reason = error.args[0] if error.args else error
            raise BadFile(f"HDF5Matrix: {os.fspath(datapath)} has no array {dataset!r} to read ({reason}).") from None
        self.start, self.end = start, self.data.shape[0] if end is None else end
        self.normalizer = normalizer

    def __len__(self) -> int:
        return int(self.end - self.start)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            found = self.data[self.start + first : self.start + last : step]
        elif np.ndim(key):
            rows, back = np.unique(np.asarray(key), return_inverse=True)  # h5py takes growing indices only
            found = self.data[(rows + self.start).tolist()][back]
        else:
            found = self.data[self.start + int(key)]
        return found if self.normalizer is None else self.normalizer(found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self[:], dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, ...)."""
        return (len(self), *self.data.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> Any:
        """Of what is read, before the normalizer."""
        return self.data.dtype
