"""Data sets: every form read, every damaged or hostile file refused with its name, downloads against a local server."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerato import config, datasets
from kerato.datasets import catalog, cifar10, digits, download, fashion_mnist, mnist, places, readers
from kerato.datasets.download import Remote
from kerato.errors import BadFile, InvalidValue, UnknownName

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data set is on the machine, and Kerato's folder is the test's own."""
    for name in ("KERATO_DATA", "KERATO_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERATO_HOME", str(tmp_path / "home/.kerato"))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    return tmp_path / "home"


# Small sets in every form.


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


def write_npz(path: Path, *shape: int, **other: Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"x_train": pictures(20, *shape), "y_train": labels(20), "x_test": pictures(10, *shape)}
    np.savez_compressed(path, **{**arrays, "y_test": labels(10), **other})
    return path


def python2_batch(count: int = 3) -> bytes:
    """A batch in the very opcodes of the published files, which Python 2 and its cPickle wrote."""
    pixels = pictures(count, 3072)
    text = lambda word: b"U" + bytes([len(word)]) + word  # noqa: E731
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


# digits


def test_digits_is_embedded_split_by_class_and_the_same_each_time() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1442, 8, 8) and x_test.shape == (355, 8, 8)
    assert x_train.dtype == x_test.dtype == y_train.dtype == y_test.dtype == np.uint8
    assert x_train.min() == 0 and x_train.max() == 255
    shares = np.bincount(y_test) / np.bincount(np.concatenate([y_train, y_test]))
    assert np.all(np.abs(shares - 0.2) < 0.01)
    known = "456fd9dc824d7276c4f2e6050cb26672"
    assert hashlib.sha256(x_test.tobytes() + y_test.tobytes()).hexdigest()[:32] == known


def test_digits_takes_no_path() -> None:
    with pytest.raises(InvalidValue, match="digits: `path` must be None"):
        digits.load_data("somewhere")


# The forms, in the places.


@pytest.mark.parametrize(("packed", "dot"), [(True, False), (False, False), (False, True)])
def test_idx_folder_by_path(tmp_path: Path, packed: bool, dot: bool) -> None:
    (x, y), (x_test, y_test) = mnist.load_data(write_idx(tmp_path / "d", packed=packed, dot=dot))
    assert np.array_equal(x, pictures(20, 28, 28)) and np.array_equal(y, labels(20))
    assert np.array_equal(x_test, pictures(10, 28, 28)) and np.array_equal(y_test, labels(10))
    assert x.flags.writeable


def test_one_of_the_idx_files_stands_for_its_folder(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "d")
    assert mnist.load_data(folder / f"{places.IDX[3]}.gz")[0][0].shape == (20, 28, 28)


@pytest.mark.parametrize("form", ["npz", "batches", "tar", "jpegs"])
@pytest.mark.parametrize("place", ["file", "folder", "above", "KERATO_DATA", "own", "keras"])
def test_cifar10_in_every_form_and_place(tmp_path: Path, monkeypatch: Any, form: str, place: str) -> None:
    above = {"own": tmp_path / "home/.kerato/datasets", "keras": tmp_path / "home/.keras/datasets"}.get(place, tmp_path)
    folder = above / "cifar10"
    made: dict[str, Callable[[], Any]] = {
        "npz": lambda: write_npz(folder / "cifar10.npz", 32, 32, 3),
        "batches": lambda: write_batches(folder / "cifar-10-batches-py") / "test_batch",
        "tar": lambda: write_tar(folder / "cifar-10-python.tar.gz"),
        "jpegs": lambda: (folder.mkdir(parents=True), np.savez(folder / "cifar10_jpeg.npz", **jpeg_arrays(9, 200))),
    }
    file = made[form]()
    if form == "jpegs":
        file = folder / "cifar10_jpeg.npz"
    if place == "KERATO_DATA":
        monkeypatch.setenv("KERATO_DATA", f"{tmp_path / 'nothing'}{os.pathsep}{above}")
    path = {"file": file, "folder": folder, "above": above}.get(place)
    (x, y), (x_test, y_test) = cifar10.load_data(path)
    assert x.shape[1:] == x_test.shape[1:] == (32, 32, 3) and x.dtype == y.dtype == np.uint8
    assert y.shape == (len(x), 1) and y_test.shape == (len(x_test), 1)
    assert cifar10.where(path) is not None


def test_jpegs_are_decoded_in_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "any_name.npz", **jpeg_arrays(9, 200, 90))
    (x, y), _ = cifar10.load_data(tmp_path / "any_name.npz")
    assert np.abs(x[:, 0, 0, 0].astype(int) - [9, 200, 90]).max() <= 1 and y.ravel().tolist() == [0, 1, 2]


@pytest.mark.parametrize("raw", [python2_batch(4), batch(4, 2), batch(4, 3), batch(4, 4)])
def test_batches_of_every_python(raw: bytes) -> None:
    x, y = readers.read_batch(raw)
    rows = pictures(4, 3072)
    assert np.array_equal(x[1, 2, 3], rows[1].reshape(3, 32, 32)[:, 2, 3]) and y.tolist() == [0, 1, 2, 3]


def test_channels_first(tmp_path: Path, monkeypatch: Any) -> None:
    path = write_npz(tmp_path / "cifar10.npz", 32, 32, 3)
    last, first = (cifar10.load_data(path, data_format=f"channels_{end}")[0][0] for end in ("last", "first"))
    assert np.array_equal(last.transpose(0, 3, 1, 2), first)
    monkeypatch.setitem(config._settings, "image_data_format", config.image_data_format())
    config.set_image_data_format("channels_first")
    assert np.array_equal(cifar10.load_data(path)[0][0], first)
    with pytest.raises(InvalidValue, match="'channels_last' or 'channels_first'"):
        cifar10.load_data(path, data_format="last")


@pytest.mark.parametrize("name", ["mnist.npz", "other.npz"])
def test_a_bare_name_means_a_file_in_the_known_folders(empty_home: Path, name: str) -> None:
    write_npz(empty_home / ".keras/datasets" / name, 28, 28)
    assert mnist.load_data(name)[0][0].shape == (20, 28, 28)


def test_the_default_name_finds_other_forms_too(empty_home: Path) -> None:
    write_idx(empty_home / ".keras/datasets/mnist")
    assert mnist.load_data("mnist.npz")[0][0].shape == (20, 28, 28)


def test_the_order_of_the_places(empty_home: Path, tmp_path: Path, monkeypatch: Any) -> None:
    write_idx(empty_home / ".keras/datasets/mnist", train=11)
    assert len(mnist.load_data()[0][0]) == 11
    write_idx(empty_home / ".kerato/datasets/mnist", train=12)
    assert len(mnist.load_data()[0][0]) == 12
    monkeypatch.setenv("KERATO_DATA", str(write_idx(tmp_path / "mnist", train=13)))
    assert len(mnist.load_data()[0][0]) == 13
    assert len(mnist.load_data(write_idx(tmp_path / "given", train=14))[0][0]) == 14


def test_idx_files_of_an_unnamed_folder_are_nobodys(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("KERATO_DATA", str(write_idx(tmp_path / "mnist")))
    assert mnist.where() == tmp_path / "mnist" and fashion_mnist.where() is None


# Names, paths, what they are.


def test_names_and_spellings(tmp_path: Path) -> None:
    assert datasets.names() == ("digits", "mnist", "fashion_mnist", "cifar10")
    assert datasets.get("Fashion-MNIST") is fashion_mnist
    assert datasets.load("mnist", write_idx(tmp_path / "d"))[0][0].shape == (20, 28, 28)
    with pytest.raises(UnknownName, match=r"'mnits' is not known .*Did you mean 'mnist'"):
        datasets.load("mnits")


@pytest.mark.parametrize("name", datasets.names())
def test_every_set_names_its_ten_classes(name: str) -> None:
    assert len(set(datasets.get(name).class_names)) == 10


def test_an_idx_folder_of_an_unknown_set(tmp_path: Path) -> None:
    found = datasets.at(write_idx(tmp_path / "kanji"))
    assert found is not None and found.name == "kanji" and found.class_names == tuple("0123456789")
    assert found.load_data()[0][0].shape == (20, 28, 28)


def test_what_a_path_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "j.npz", **jpeg_arrays(1))
    assert datasets.at(tmp_path / "j.npz") == cifar10
    assert datasets.at(write_tar(tmp_path / "t/cifar-10-python.tar.gz").parent) == cifar10
    assert datasets.at(tmp_path) is None and datasets.at(tmp_path / "nowhere") is None
    (tmp_path / "note.txt").write_text("no data")
    assert datasets.at(tmp_path / "note.txt") is None


def test_one_set_is_not_taken_for_another(tmp_path: Path, monkeypatch: Any) -> None:
    digest = hashlib.sha256(labels(20).tobytes()).hexdigest()
    monkeypatch.setitem(catalog.TABLE, "fashion_mnist", replace(fashion_mnist, labels_sha256=digest))
    folder = write_idx(tmp_path / "d")
    found = datasets.at(folder)
    assert found is not None and found.name == "fashion_mnist"
    with pytest.raises(BadFile, match=r"mnist: .* holds fashion_mnist. Load it as 'fashion_mnist'"):
        mnist.load_data(folder)


def test_import_loads_neither_jax_nor_scikit_learn() -> None:
    code = "import sys, kerato.datasets; print([m for m in ('jax', 'sklearn', 'PIL', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Real files.


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_mnist(data: Path, name: str) -> None:
    (x, y), (x_test, y_test) = datasets.load(name, data)
    assert x.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28) and y.shape == (60000,)
    first = {"mnist": 5923, "fashion_mnist": 6000}[name]
    assert np.bincount(y)[0] == first and y_test.shape == (10000,)
    found = datasets.at(data / name.replace("_", "-"))
    assert found is not None and found.name == name


def test_real_mnist_folder_is_not_fashion(data: Path) -> None:
    with pytest.raises(BadFile, match="holds mnist"):
        fashion_mnist.load_data(data / "mnist")


def test_real_cifar10(data: Path) -> None:
    (x, y), (x_test, y_test) = cifar10.load_data(data)
    assert x.shape == (50000, 32, 32, 3) and x_test.shape == (10000, 32, 32, 3)
    assert np.all(np.bincount(y.ravel()) == 5000) and np.all(np.bincount(y_test.ravel()) == 1000)
    assert np.allclose(x.mean((0, 1, 2)), (125.27, 122.93, 113.86), atol=0.02)


# Hostile and damaged files: each refused, with its name and its reason, before memory is taken.


def refused(run: Callable[[], object], path: Path, reason: str) -> None:
    with pytest.raises(BadFile, match=reason) as caught:
        run()
    text = str(caught.value)
    assert str(path) in text and "\n" not in text


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
    np.savez(tmp_path / "mnist.npz", x_train=labels(3))
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
    np.savez(tmp_path / "cifar10_jpeg.npz", **arrays)
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


# Downloads.


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `faults` makes the next answers wrong: cut, 404, 500, whole (no ranges), more."""

    files: ClassVar[dict[str, bytes]] = {}
    faults: ClassVar[list[str]] = []
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        span = self.headers.get("Range", "")
        self.asked.append((self.path, span))
        fault = self.faults.pop(0) if self.faults else ""
        body = self.files.get(self.path)
        if body is None or fault in ("404", "500"):
            self.send_error(500 if fault == "500" else 404)
            return
        start = int(span.removeprefix("bytes=").rstrip("-") or 0) if fault != "whole" else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        rest = body[start:]
        self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    Server.files, Server.faults, Server.asked = {}, [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def small(server: str, tmp_path: Path, monkeypatch: Any) -> datasets.Dataset:
    """MNIST with small files, each of which the server has."""
    folder = write_idx(tmp_path / "origin")
    remotes = []
    for name in places.IDX:
        body = (folder / f"{name}.gz").read_bytes()
        Server.files[f"/mnist/{name}.gz"] = body
        remotes.append(Remote(f"{server}/mnist/{name}.gz", len(body), hashlib.sha256(body).hexdigest()))
    return replace(mnist, remotes=tuple(remotes))


def test_download_into_the_own_folder_once(small: datasets.Dataset, empty_home: Path, capsys: Any) -> None:
    assert small.where() is None
    assert small.load_data()[0][0].shape == (20, 28, 28)
    assert small.load_data()[0][0].shape == (20, 28, 28)
    assert len(Server.asked) == 4
    folder = empty_home / ".kerato/datasets/mnist"
    assert {path.name for path in folder.iterdir()} >= {f"{name}.gz" for name in places.IDX}
    assert not list(folder.glob("*.part"))
    out, err = capsys.readouterr()
    assert out == "" and "downloading train-images-idx3-ubyte.gz" in err


def test_download_goes_on_after_a_broken_connection(small: datasets.Dataset) -> None:
    Server.faults = ["cut", "500"]
    assert small.load_data()[0][0].shape == (20, 28, 28)
    spans = [span for path, span in Server.asked if "train-images" in path]
    assert spans[0] == "" and spans[1] == spans[2] == f"bytes={small.remotes[0].size // 2}-"


def test_download_starts_anew_where_the_server_knows_no_ranges(small: datasets.Dataset) -> None:
    Server.faults = ["cut", "whole"]
    assert small.load_data()[0][0].shape == (20, 28, 28)


def test_download_goes_on_in_the_next_process(small: datasets.Dataset, empty_home: Path) -> None:
    Server.faults = ["cut"] * 3
    with pytest.raises(BadFile, match=r"expected [\d,]+ bytes, got [\d,]+ \(the connection ended early\)"):
        small.load_data()
    part = empty_home / ".kerato/datasets/mnist/train-images-idx3-ubyte.gz.part"
    kept = part.stat().st_size
    assert 0 < kept < small.remotes[0].size
    assert small.load_data()[0][0].shape == (20, 28, 28)
    assert Server.asked[3][1] == f"bytes={kept}-"


def test_download_of_another_file_is_discarded(small: datasets.Dataset, empty_home: Path) -> None:
    name = f"{places.IDX[0]}.gz"
    Server.files[f"/mnist/{name}"] = bytes(small.remotes[0].size)
    refused(small.load_data, empty_home / ".kerato/datasets/mnist", f"expected the sha256 {small.remotes[0].sha256}")
    assert not list((empty_home / ".kerato/datasets/mnist").glob("*.gz*part"))


def test_download_longer_than_expected_stops(small: datasets.Dataset) -> None:
    Server.files[f"/mnist/{places.IDX[0]}.gz"] += bytes(10**6)
    with pytest.raises(BadFile, match="expected the sha256"):
        small.load_data()


def test_download_absent(small: datasets.Dataset, empty_home: Path) -> None:
    Server.files.clear()
    with pytest.raises(BadFile, match=r"Not Found") as caught:
        small.load_data()
    assert "put mnist.npz or the four files train-images-idx3-ubyte.gz" in str(caught.value)
    assert str(empty_home / ".kerato/datasets/mnist") in str(caught.value)
    assert len(Server.asked) == 1


def test_download_with_nobody_there(small: datasets.Dataset, monkeypatch: Any) -> None:
    monkeypatch.setenv("KERATO_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(BadFile, match=r"mnist: it is not on this machine and could not be downloaded.*refused"):
        small.load_data()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_offline_says_which_file_to_put_where(name: str, empty_home: Path) -> None:
    with pytest.raises(BadFile, match=f"^{name}: it is not on this machine") as caught:
        datasets.load(name)
    text = str(caught.value)
    assert datasets.get(name).formats[0].describe in text and "KERATO_DATA" in text and "\n" not in text
    assert str(empty_home / ".kerato/datasets") in text


def test_mirror(server: str, small: datasets.Dataset, monkeypatch: Any) -> None:
    remotes = tuple(replace(one, url=one.url.replace(server, "http://127.0.0.1:9")) for one in small.remotes)
    monkeypatch.setenv("KERATO_MIRROR", f"{server}/")
    assert replace(small, remotes=remotes).load_data()[0][0].shape == (20, 28, 28)
    assert Server.asked[0][0] == "/mnist/train-images-idx3-ubyte.gz"


def test_mirror_must_be_an_address(monkeypatch: Any) -> None:
    monkeypatch.setenv("KERATO_MIRROR", "file:///etc")
    with pytest.raises(BadFile, match="KERATO_MIRROR: expected an address with https"):
        mnist.load_data()


def test_download_into_a_folder_that_cannot_be(small: datasets.Dataset, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "occupied").write_text("a file")
    monkeypatch.setenv("KERATO_HOME", str(tmp_path / "occupied"))
    with pytest.raises(BadFile, match=r"could not be written .*KERATO_HOME"):
        small.load_data()


def test_download_with_a_bar_on_a_terminal(small: datasets.Dataset, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert download.fetch(small.remotes[0], small.remotes[0].url, places.home()).is_file()
    assert "downloading" not in capsys.readouterr().err


def test_addresses_are_safe_and_sizes_agree() -> None:
    for row in catalog.TABLE.values():
        for remote in row.remotes:
            assert remote.url.startswith("https://") and len(remote.sha256) == 64 and remote.size < 2**28
            assert "/" not in remote.name and remote.name


def test_real_files_have_the_sums_of_the_table(data: Path) -> None:
    for row in (mnist, fashion_mnist):
        for remote in row.remotes:
            body = (data / row.folders[0] / remote.name).read_bytes()
            assert (len(body), hashlib.sha256(body).hexdigest()) == (remote.size, remote.sha256)
