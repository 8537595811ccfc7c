"""Strict readers of the files that data sets come in: idx, npz, lists in an npz, CIFAR's batches, JPEGs in an npz.

What a file declares is checked against its real size before memory is taken; nothing in a file can name
code; and every complaint names the file. The readers know formats, not data sets.
"""

from __future__ import annotations

import gzip
import io
import itertools
import math
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kerato.datasets.pickles import Stand, content_of, lists_of
from kerato.errors import BadFile

Array = NDArray[Any]
Raw = tuple[Array, Array, Array, Array]  # x_train, y_train, x_test, y_test

LIMIT_BYTES = 2**31  # of one array; the largest set read here has 0.2 GB
DEFLATE_RATIO = 1032  # the most that deflate can shrink a byte run
BATCH_BYTES = 2**26  # of one CIFAR batch, which has 31 MB
LISTS_BYTES = 2**27  # of one array of lists; IMDB's have 20 MB

DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    pickle.UnpicklingError,
)


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever goes wrong while reading `path` into a `BadFile` that names it and the `kind` expected.

    Raises:
        BadFile: on any fault inside the block.
    """
    try:
        yield
    except BadFile:
        raise
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BadFile(
            f"{path}: expected a whole {kind}, got a file that cannot be read ({reason}). Replace it."
        ) from error


def read_idx(path: Path) -> Array:
    """The uint8 array in an idx file, gzipped or not; its shape is the one in the header.

    Raises:
        BadFile: the header is no idx header of bytes, or declares more or less than the file holds.

    Source: the format's description on the MNIST page of Y. LeCun, C. Cortes and C. Burges.
    """
    with reading(path, "idx file"), path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        most = path.stat().st_size * (DEFLATE_RATIO if packed else 1)
        file.seek(0)
        return _idx_array(gzip.GzipFile(fileobj=file) if packed else file, most)


def _idx_array(stream: gzip.GzipFile | BinaryIO, most: int) -> Array:
    shape = _idx_shape(stream)
    count = _bounded(math.prod(shape), most)
    body = stream.read(count + 1)
    if len(body) != count:
        raise ValueError(f"its header {shape} declares {count:,} bytes, it holds {_amount(body, count)}")
    return np.frombuffer(body, np.uint8).reshape(shape).copy()


def _idx_shape(stream: gzip.GzipFile | BinaryIO) -> tuple[int, ...]:
    zeros, kind, rank = struct.unpack(">HBB", stream.read(4))
    if zeros or kind != 8 or rank not in (1, 2, 3, 4):
        raise ValueError(f"its first bytes are {zeros}, {kind}, {rank}, not 0, 8 (bytes) and a rank")
    return struct.unpack(f">{rank}I", stream.read(4 * rank))


def _bounded(count: int, most: int) -> int:
    if count > min(most, LIMIT_BYTES):
        raise ValueError(f"it declares {count:,} bytes, more than such a file can hold")
    return count


def _amount(body: bytes, count: int) -> str:
    return "more" if len(body) > count else f"{len(body):,}"


def npz_names(path: Path) -> frozenset[str]:
    """The names of the arrays in an npz file.

    Raises:
        BadFile: it is no zip archive.
    """
    with reading(path, "npz file"), zipfile.ZipFile(path) as archive:
        return frozenset(name.removesuffix(".npy") for name in archive.namelist())


def read_npz(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """The arrays called `names` in an npz file, each writable and in C order. Objects are never unpickled.

    Raises:
        BadFile: an array is missing, holds objects, or declares another size than its bytes have.
    """
    with reading(path, "npz file"), zipfile.ZipFile(path) as archive:
        return {name: _npy(archive, name) for name in names}


def _npy(archive: zipfile.ZipFile, name: str) -> Array:
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it has no array {name!r}")
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        shape, fortran, dtype = _npy_header(stream)
        if dtype.kind not in "biufSU":
            raise ValueError(f"{name!r} holds {dtype} values, only numbers and texts are read")
        count = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or member.file_size != stream.tell() + count:
            raise ValueError(f"{name!r} declares shape {shape} of {dtype}, its bytes do not fit")
        body = stream.read(_bounded(count, member.compress_size * DEFLATE_RATIO))
    values = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    return np.array(values, order="C")


def read_lists(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """The arrays called `names` in an npz file whose elements are lists of ints: (n,) of objects. None is unpickled.

    Raises:
        BadFile: an array is missing, or holds anything but lists of ints >= 0.
    """
    with reading(path, "npz file of lists"), zipfile.ZipFile(path) as archive:
        return {name: _lists(archive, name) for name in names}


def _lists(archive: zipfile.ZipFile, name: str) -> Array:
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it has no array {name!r}")
    member = archive.getinfo(f"{name}.npy")
    _bounded(member.file_size, min(LISTS_BYTES, member.compress_size * DEFLATE_RATIO))
    with archive.open(member) as stream:
        shape, _, dtype = _npy_header(stream)
        if dtype.kind != "O" or len(shape) != 1:
            raise ValueError(f"{name!r} is {dtype} of shape {shape}, no array of lists")
        found = lists_of(stream.read(member.file_size), shape[0])
    values = np.empty(len(found), object)
    values[:] = found
    return values


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)


# ---- CIFAR -----------------------------------------------------------------------------------------


def read_batch(raw: bytes) -> tuple[Array, Array]:
    """Pictures (n, 32, 32, 3) and labels (n,), both uint8, of one batch in CIFAR-10's Python form.

    The file is a pickle, and read as `kerato.datasets.pickles` says.

    Raises:
        ValueError, pickle.UnpicklingError: the bytes are anything but such a batch.

    Source: Krizhevsky 2009, and the description of the files on the CIFAR page.
    """
    content = content_of(raw, "batch of pictures")
    if not isinstance(content, dict):
        raise ValueError("it holds no dictionary")
    table = {key.decode() if isinstance(key, bytes) else key: value for key, value in content.items()}
    pixels = _pixels(table["data"])
    labels = np.array(table["labels"])
    if labels.dtype.kind not in "iu" or labels.shape != (len(pixels),) or not 0 <= labels.min() <= labels.max() < 10:
        raise ValueError("its labels are not one number of 0..9 per picture")
    return np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels.astype(np.uint8)


def _pixels(data: Stand) -> Array:
    """The array (n, 3072) uint8."""
    if data.kind not in ("u1", b"u1") or data.fortran or not isinstance(data.body, bytes):
        raise ValueError("its pictures are no bytes in C order")
    if len(data.shape) != 2 or data.shape[1] != 3072 or len(data.body) != math.prod(data.shape):
        raise ValueError(f"its pictures have shape {data.shape} and {len(data.body):,} bytes")
    return np.frombuffer(data.body, np.uint8).reshape(data.shape)


def read_batches(paths: Sequence[Path]) -> Raw:
    """The five training batches and the test batch, in this order, as (x, y, x_test, y_test).

    Raises:
        BadFile: one of them is damaged or is no batch.
    """
    parts = []
    for path in paths:
        with reading(path, "CIFAR-10 batch"):
            _bounded(path.stat().st_size, BATCH_BYTES)
            parts.append(read_batch(path.read_bytes()))
    return _joined(parts)


def read_batches_tar(path: Path, names: Sequence[str]) -> Raw:
    """As `read_batches`, from the tar archive that holds the files `names`; nothing is unpacked to the disk.

    Raises:
        BadFile: the archive is damaged, lacks a batch, or one of them is no batch.
    """
    found: dict[str, tuple[Array, Array]] = {}
    with reading(path, "CIFAR-10 archive"), tarfile.open(path) as archive:
        for member in archive:
            name = member.name.rsplit("/", 1)[-1]
            _bounded(member.size, BATCH_BYTES)
            if name in names and member.isreg() and name not in found:
                stream = archive.extractfile(member)
                found[name] = read_batch(stream.read() if stream else b"")
            _bounded(archive.offset, LIMIT_BYTES)
        missing = [name for name in names if name not in found]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        return _joined([found[name] for name in names])


def _joined(parts: Sequence[tuple[Array, Array]]) -> Raw:
    pictures, labels = zip(*parts[:-1], strict=True)
    return np.concatenate(pictures), np.concatenate(labels), *parts[-1]


def read_jpegs(path: Path, size: tuple[int, int]) -> Raw:
    """Pictures (n, height, width, 3) out of an npz that holds JPEG files end to end, `size` = (height, width).

    For `train` and `test` each: `*_jpeg` (all bytes), `*_offsets` (n + 1 positions), `*_labels` (n). The
    decoded pixels may differ by a grey level between JPEG libraries.

    Raises:
        BadFile: an array is missing or wrong, or a picture is no JPEG of that size.
    """
    parts = []
    for part in ("train", "test"):
        arrays = read_npz(path, [f"{part}_{piece}" for piece in ("jpeg", "offsets", "labels")])
        blob, offsets, labels = arrays.values()
        with reading(path, "npz file of JPEG pictures"):
            _check_offsets(blob, offsets, labels)
            parts.append((_decoded(blob.tobytes(), offsets.tolist(), size), labels))
    (x_train, y_train), (x_test, y_test) = parts
    return x_train, y_train, x_test, y_test


def _check_offsets(blob: Array, offsets: Array, labels: Array) -> None:
    if blob.dtype != np.uint8 or blob.ndim != 1 or offsets.dtype.kind not in "iu" or offsets.ndim != 1:
        raise ValueError("its pictures must be bytes and their offsets whole numbers, both flat")
    ends = offsets.astype(np.int64)
    if labels.shape != (len(ends) - 1,) or ends[0] != 0 or ends[-1] != len(blob) or np.any(np.diff(ends) <= 0):
        raise ValueError("its offsets do not divide its bytes into one picture per label")


def _decoded(blob: bytes, offsets: list[int], size: tuple[int, int]) -> Array:
    from PIL import Image

    pictures = np.empty((len(offsets) - 1, *size, 3), np.uint8)
    # One thread: at 32 x 32 Pillow's work per picture is Python's own, and two threads were slower.
    for index, (start, stop) in enumerate(itertools.pairwise(offsets)):
        with Image.open(io.BytesIO(blob[start:stop]), formats=("JPEG",)) as picture:
            if picture.size != size[::-1] or picture.mode != "RGB":
                raise ValueError(f"picture {index} is {picture.mode} of {picture.size}")
            pictures[index] = np.asarray(picture)
    return pictures
