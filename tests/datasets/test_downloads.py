"""Downloads against a server on this machine: broken, wrong, absent, resumed."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dataset_samples import (
    refused,
    write_idx,
)
from file_server import Server, serving

from kerato import datasets
from kerato.datasets import download, mnist, places
from kerato.datasets.download import Remote
from kerato.errors import BadFile


@pytest.fixture
def server() -> Iterator[str]:
    with serving() as address:
        yield address


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
