"""Damaged and hostile files: each refused with its name and its reason, before memory is taken."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_samples import (
    Array,
    batch,
    idx_bytes,
    jpeg_arrays,
    labels,
    pictures,
    refused,
    save,
    write_batches,
    write_idx,
    write_npz,
    write_tar,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from kerato.datasets import cifar10, mnist, places, readers
from kerato.errors import BadFile

IDX_FAULTS = {
    "petabytes": (struct.pack(">HBB3I", 0, 8, 3, 2**30, 2**10, 2**10) + b"x", "declares 1,125,899,906,842,624 bytes"),
    "short": (idx_bytes(pictures(9, 28, 28))[:-1], "declares 7,056 bytes, it holds 7,055"),
    "long": (idx_bytes(pictures(9, 28, 28)) + b"\0", "declares 7,056 bytes, it holds more"),
    "floats": (struct.pack(">HBB1I", 0, 13, 1, 1) + b"\0\0\0\0", "not 0, 8"),
    "rank 9": (struct.pack(">HBB", 0, 8, 9), "and a rank"),
    "empty": (b"", "requires a buffer"),
    "text": (b"<html>404</html>", "its first bytes are"),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
@pytest.mark.parametrize("packed", [False, True])
def test_bad_idx(tmp_path: Path, fault: str, packed: bool) -> None:
    body, reason = IDX_FAULTS[fault]
    path = write_idx(tmp_path / "d", packed=packed) / (places.IDX[0] + ".gz" * packed)
    path.write_bytes(gzip.compress(body) if packed else body)
    if fault == "petabytes" or not packed:
        reason = {"short": "declares 7,056 bytes, it holds 7,055", "long": reason}.get(fault, reason)
    refused(lambda: mnist.load_data(tmp_path / "d"), path, reason)


@pytest.mark.parametrize("harm", [lambda raw: raw[:-9], lambda raw: raw[:200], lambda raw: raw[:90] + b"\0" + raw[91:]])
def test_broken_gzip(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    path = write_idx(tmp_path / "d") / f"{places.IDX[0]}.gz"
    path.write_bytes(harm(path.read_bytes()))
    refused(lambda: mnist.load_data(tmp_path / "d"), path, "cannot be read")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_array_or_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(raw)
    try:
        array = readers.read_idx(path)
    except BadFile:
        return
    assert raw == idx_bytes(array)


def npz_member(path: Path, name: str, header: dict[str, Any], body: bytes) -> Path:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for other in set(places.NPZ) - {name}:
            plain = io.BytesIO()
            np.save(plain, labels(3))
            archive.writestr(f"{other}.npy", plain.getvalue())
        archive.writestr(f"{name}.npy", stream.getvalue() + body)
    return path


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def test_npz_with_objects(tmp_path: Path) -> None:
    mark = tmp_path / "harmed"
    path = write_npz(tmp_path / "mnist.npz", 28, 28, x_train=np.array([Shell(mark)], object))
    refused(lambda: mnist.load_data(path), path, "'x_train' holds object values, only numbers and texts")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("shape", "descr", "reason"),
    [
        ((2**40, 28, 28), "|u1", "declares shape .* do not fit"),
        ((3, 28), "|u1", "do not fit"),
        ((-1, 28, 28), "|u1", "do not fit"),
        ((3, 1), "<c16", "complex128 values"),
        ((1, 1), [("a", "|u1")], "only numbers"),
    ],
)
def test_npz_headers_that_lie(tmp_path: Path, shape: tuple[int, ...], descr: Any, reason: str) -> None:
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    path = npz_member(tmp_path / "mnist.npz", "x_train", header, bytes(3))
    refused(lambda: mnist.load_data(path), path, reason)


def test_npz_bomb(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(readers, "LIMIT_BYTES", 2**20)
    path = write_npz(tmp_path / "mnist.npz", 28, 28, x_train=np.zeros((2000, 28, 28), np.uint8))
    refused(lambda: mnist.load_data(path), path, "more than such a file can hold")


def test_npz_in_fortran_order_is_read_in_order(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "mnist.npz", 28, 28, x_train=np.asfortranarray(pictures(20, 28, 28)))
    x = mnist.load_data(path)[0][0]
    assert np.array_equal(x, pictures(20, 28, 28)) and x.flags.c_contiguous and x.flags.writeable


def test_npz_without_an_array(tmp_path: Path) -> None:
    save(tmp_path / "mnist.npz", {"x_train": labels(3)})
    refused(lambda: mnist.load_data(tmp_path), tmp_path / "mnist.npz", "it has no array 'y_train'")


def test_npz_that_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"PK\x03\x04 and no more")
    refused(lambda: mnist.load_data(tmp_path / "mnist.npz"), tmp_path / "mnist.npz", "not a zip file")


def test_npz_broken_inside(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "mnist.npz", 28, 28)
    raw = bytearray(path.read_bytes())
    raw[2000:2040] = bytes(40)
    path.write_bytes(raw)
    refused(lambda: mnist.load_data(path), path, "cannot be read")


def cifar_with(tmp_path: Path, raw: bytes) -> Path:
    path = write_batches(tmp_path / "cifar10") / "data_batch_2"
    path.write_bytes(raw)
    return path


def nested(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


BATCH_FAULTS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "os.system": (lambda mark: pickle.dumps(Shell(mark), 2), "it names posix.system; only arrays"),
    "os.system, protocol 0": (lambda mark: pickle.dumps(Shell(mark), 0), "it names posix.system"),
    "os.system, protocol 5": (lambda mark: pickle.dumps({b"data": Shell(mark)}, 5), "it names posix.system"),
    "numpy's exec": (lambda mark: b"\x80\x02cnumpy.testing._private.utils\nrunstring\n(tR.", "it names numpy.testing"),
    "numpy's load": (lambda mark: b"\x80\x02cnumpy\nload\nU\x01a\x85R.", "it names numpy.load"),
    "codec by attribute": (lambda mark: b"\x80\x04\x8c\x07_codecs\x8c\x0fencode.__self__\x93.", "it names _codecs"),
    "instances": (lambda mark: b"\x80\x02(cos\nsystem\no.", "it asks for OBJ"),
    "new objects": (lambda mark: b"\x80\x02cnumpy\nndarray\n)\x81.", "it asks for NEWOBJ"),
    "extension registry": (lambda mark: b"\x80\x02\x82\x01.", "it asks for EXT1"),
    "persistent id": (lambda mark: b"\x80\x02U\x01aQ.", "it asks for BINPERSID"),
    "memory slots": (lambda mark: b"\x80\x02]r\xff\xff\xff\x7f.", "memory slots"),
    "deep": (lambda mark: nested(100_000), "holds no dictionary"),
    "declared length": (lambda mark: b"\x80\x04\x8e" + struct.pack("<Q", 2**50) + b"x.", "cannot be read"),
    "cut": (lambda mark: batch()[:-20], "cannot be read"),
    "empty": (lambda mark: b"", "cannot be read"),
    "not a dictionary": (lambda mark: pickle.dumps([1], 2), "holds no dictionary"),
    "no pictures": (lambda mark: pickle.dumps({b"labels": [1]}, 2), "data"),
    "no arrays": (lambda mark: pickle.dumps({b"data": [1], b"labels": [1]}, 2), "cannot be read"),
    "objects": (lambda mark: batch(data=np.array([[1]], object)), "no bytes in C order"),
    "floats": (lambda mark: batch(data=np.zeros((4, 3072))), "no bytes in C order"),
    "other size": (lambda mark: batch(data=pictures(4, 99)), r"shape \(4, 99\)"),
    "fewer labels": (lambda mark: batch(labels=[1]), "one number of 0..9 per picture"),
    "label 10": (lambda mark: batch(labels=[1, 2, 3, 10]), "one number of 0..9"),
    "no labels": (lambda mark: batch(0), "cannot be read"),
}


@pytest.mark.parametrize("fault", BATCH_FAULTS)
def test_hostile_batches(tmp_path: Path, fault: str) -> None:
    make, reason = BATCH_FAULTS[fault]
    mark = tmp_path / "harmed"
    path = cifar_with(tmp_path, make(mark))
    refused(lambda: cifar10.load_data(tmp_path / "cifar10"), path, reason)
    assert not mark.exists()


def test_batch_too_large(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(readers, "BATCH_BYTES", 1000)
    path = write_batches(tmp_path / "cifar10") / "data_batch_1"
    refused(lambda: cifar10.load_data(tmp_path / "cifar10"), path, "more than such a file can hold")


def test_missing_batch(tmp_path: Path) -> None:
    path = write_batches(tmp_path / "cifar10") / "data_batch_3"
    path.unlink()
    refused(lambda: cifar10.load_data(tmp_path), path, "No such file")


def test_tar_is_never_unpacked(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "cifar-10-python.tar.gz", **{"../../escaped": b"x", "readme.html": b"<html>"})
    assert cifar10.load_data(path)[0][0].shape == (20, 32, 32, 3)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["cifar-10-python.tar.gz"]


def test_tar_with_a_link_for_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    refused(lambda: cifar10.load_data(path), path, "it has no data_batch_1")


@pytest.mark.parametrize("harm", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:99]])
def test_cut_tar(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    path = write_tar(tmp_path / "cifar-10-python.tar.gz")
    path.write_bytes(harm(path.read_bytes()))
    refused(lambda: cifar10.load_data(tmp_path), path, "cannot be read|it has no")


def test_tar_with_a_huge_member(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(readers, "BATCH_BYTES", 2**16)
    path = write_tar(tmp_path / "cifar-10-python.tar.gz", bomb=bytes(2**17))
    refused(lambda: cifar10.load_data(path), path, "more than such a file can hold")


JPEG_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "other format": (jpeg_arrays(1, form="PNG"), "cannot identify image"),
    "other size": (jpeg_arrays(1, size=(31, 32)), r"picture 0 is RGB of \(31, 32\)"),
    "offsets beyond": (jpeg_arrays(1) | {"train_offsets": np.array([0, 10**9])}, "offsets do not divide"),
    "offsets back": (jpeg_arrays(1, 2) | {"train_offsets": np.array([0, 5, 1])}, "offsets do not divide"),
    "float offsets": (jpeg_arrays(1) | {"train_offsets": np.array([0.0, 1.0])}, "whole numbers"),
    "no offsets": (jpeg_arrays(1) | {"train_offsets": np.zeros(0, int)}, "cannot be read"),
    "fewer labels": (jpeg_arrays(1, 2) | {"train_labels": labels(1)}, "one picture per label"),
    "label 10": (jpeg_arrays(1) | {"train_labels": np.array([10])}, "expected labels in 0..9"),
    "object labels": (jpeg_arrays(1) | {"train_labels": np.array([{}], object)}, "object values"),
}


@pytest.mark.parametrize("fault", JPEG_FAULTS)
def test_bad_jpegs(tmp_path: Path, fault: str) -> None:
    arrays, reason = JPEG_FAULTS[fault]
    save(tmp_path / "cifar10_jpeg.npz", arrays)
    refused(lambda: cifar10.load_data(tmp_path), tmp_path / "cifar10_jpeg.npz", reason)


SET_FAULTS: dict[str, tuple[dict[str, Array], str]] = {
    "wrong size": ({"x_train": pictures(20, 27, 28)}, r"expected uint8 pictures \('n', 28, 28\)"),
    "floats": ({"x_test": pictures(10, 28, 28).astype(np.float32)}, "got float32"),
    "fewer labels": ({"y_train": labels(19)}, r"with labels \(19,\)"),
    "label 10": ({"y_test": np.full(10, 10)}, r"expected labels in 0\.\.9"),
    "float labels": ({"y_test": np.ones(10)}, r"expected labels in 0\.\.9"),
    "negative label": ({"y_train": np.full(20, -1)}, r"expected labels in 0\.\.9"),
}


@pytest.mark.parametrize("fault", SET_FAULTS)
def test_sets_of_the_wrong_shape(tmp_path: Path, fault: str) -> None:
    other, reason = SET_FAULTS[fault]
    path = write_npz(tmp_path / "mnist.npz", 28, 28, **other)
    refused(lambda: mnist.load_data(path), path, reason)


@pytest.mark.parametrize("path", ["nowhere/at/all", "/nowhere/mnist.npz", "nowhere"])
def test_paths_that_do_not_exist(path: str) -> None:
    with pytest.raises(BadFile, match=rf"mnist: expected a file or folder, got '{path}', which does not exist"):
        mnist.load_data(path)


def test_folder_without_the_set(tmp_path: Path) -> None:
    refused(lambda: mnist.load_data(tmp_path), tmp_path, r"does not hold it. Expected mnist.npz or the four files")
    refused(lambda: mnist.load_data("other.npz"), Path("other.npz"), "does not hold it")
