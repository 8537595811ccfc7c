"""Small data sets in every form in which they are published."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerato.datasets import places
from kerato.errors import BadFile

Array = np.ndarray[Any, Any]


def pictures(count: int, *shape: int) -> Array:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), np.uint8)


def labels(count: int) -> Array:
    return (np.arange(count) % 10).astype(np.uint8)


def idx_bytes(array: Array) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, train: int = 20, test: int = 10, packed: bool = True, dot: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (pictures(train, 28, 28), labels(train), pictures(test, 28, 28), labels(test))
    for name, array in zip(places.IDX, arrays, strict=True):
        body = idx_bytes(array)
        name = name.replace("-idx", ".idx") if dot else name
        Path(folder, f"{name}.gz" if packed else name).write_bytes(gzip.compress(body) if packed else body)
    return folder


def save(path: Path, arrays: dict[str, Array]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=True, **arrays)
    return path


def write_npz(path: Path, *shape: int, **other: Array) -> Path:
    arrays = {"x_train": pictures(20, *shape), "y_train": labels(20), "x_test": pictures(10, *shape)}
    return save(path, {**arrays, "y_test": labels(10), **other})


def text(word: bytes) -> bytes:
    return b"U" + bytes([len(word)]) + word


def python2_batch(count: int = 3) -> bytes:
    """A batch in the very opcodes of the published files, which Python 2 and its cPickle wrote."""
    pixels = pictures(count, 3072)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85" + text(b"b") + b"\x87R("
        b"K\x01" + b"K" + bytes([count]) + b"M\x00\x0c\x86" + b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R("
        b"K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
    )
    array += struct.pack("<I", pixels.size) + pixels.tobytes() + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels(count)) + b"e"
    return b"\x80\x02}q\x01(" + text(b"data") + array + text(b"labels") + listed + b"u."


def batch(count: int = 4, protocol: int = 4, **other: Any) -> bytes:
    content = {b"data": pictures(count, 3072), b"labels": labels(count).tolist(), b"filenames": [b"a.png"] * count}
    return pickle.dumps({**content, **{key.encode(): value for key, value in other.items()}}, protocol)


def write_batches(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in places.BATCHES:
        Path(folder, name).write_bytes(batch())
    return folder


def write_tar(path: Path, **members: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, body in ({name: batch() for name in places.BATCHES} | members).items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


def jpeg(value: int, size: tuple[int, int] = (32, 32), form: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(stream, form)
    return stream.getvalue()


def jpeg_arrays(*values: int, **how: Any) -> dict[str, Array]:
    files = [jpeg(value, **how) for value in values]
    arrays: dict[str, Array] = {}
    for part in ("train", "test"):
        arrays[f"{part}_jpeg"] = np.frombuffer(b"".join(files), np.uint8)
        arrays[f"{part}_offsets"] = np.cumsum([0, *map(len, files)])
        arrays[f"{part}_labels"] = labels(len(files))
    return arrays


def refused(run: Callable[[], object], path: Path, reason: str) -> None:
    with pytest.raises(BadFile, match=reason) as caught:
        run()
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
