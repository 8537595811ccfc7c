"""Data sets by name and by path: forms, places, shapes, classes, real files."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_samples import (
    batch,
    jpeg_arrays,
    labels,
    pictures,
    python2_batch,
    save,
    write_batches,
    write_idx,
    write_npz,
    write_tar,
)

from kerato import config, datasets
from kerato.datasets import catalog, cifar10, digits, fashion_mnist, mnist, places, readers
from kerato.errors import BadFile, InvalidValue, UnknownName

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
    made: dict[str, Callable[[], Path]] = {
        "npz": lambda: write_npz(folder / "cifar10.npz", 32, 32, 3),
        "batches": lambda: write_batches(folder / "cifar-10-batches-py") / "test_batch",
        "tar": lambda: write_tar(folder / "cifar-10-python.tar.gz"),
        "jpegs": lambda: save(folder / "cifar10_jpeg.npz", jpeg_arrays(9, 200)),
    }
    file = made[form]()
    if place == "KERATO_DATA":
        monkeypatch.setenv("KERATO_DATA", f"{tmp_path / 'nothing'}{os.pathsep}{above}")
    path = {"file": file, "folder": folder, "above": above}.get(place)
    (x, y), (x_test, y_test) = cifar10.load_data(path)
    assert x.shape[1:] == x_test.shape[1:] == (32, 32, 3) and x.dtype == y.dtype == np.uint8
    assert y.shape == (len(x), 1) and y_test.shape == (len(x_test), 1)
    assert cifar10.where(path) is not None


def test_jpegs_are_decoded_in_order(tmp_path: Path) -> None:
    save(tmp_path / "any_name.npz", jpeg_arrays(9, 200, 90))
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
    save(tmp_path / "j.npz", jpeg_arrays(1))
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


@pytest.mark.slow
def test_real_cifar10(data: Path) -> None:
    (x, y), (x_test, y_test) = cifar10.load_data(data)
    assert x.shape == (50000, 32, 32, 3) and x_test.shape == (10000, 32, 32, 3)
    assert np.all(np.bincount(y.ravel()) == 5000) and np.all(np.bincount(y_test.ravel()) == 1000)
    assert np.allclose(x.mean((0, 1, 2)), (125.27, 122.93, 113.86), atol=0.02)


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
