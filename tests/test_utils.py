"""Helpers under Keras's names: files from the network, drawings of models, bars, arrays in HDF5 files."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kerato import layers, models, utils
from kerato.errors import BadFile, InvalidCall, InvalidValue

BODY = bytes(range(256)) * 40


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a folder on a server of this machine, and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_is_downloaded_once_and_checked(served: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = served
    (folder / "a.bin").write_bytes(BODY)
    right = hashlib.sha256(BODY).hexdigest()
    path = utils.get_file(origin=f"{address}/a.bin", file_hash=right, cache_dir=tmp_path)
    assert Path(path) == tmp_path / "datasets" / "a.bin"
    assert Path(path).read_bytes() == BODY
    (folder / "a.bin").write_bytes(b"changed")
    assert Path(utils.get_file("a.bin", f"{address}/a.bin", cache_dir=tmp_path)).read_bytes() == BODY
    again = utils.get_file("a.bin", f"{address}/a.bin", cache_dir=tmp_path, force_download=True)
    assert Path(again).read_bytes() == b"changed"
    with pytest.raises(BadFile, match=r"expected the hash .*The file was discarded"):
        utils.get_file("a.bin", f"{address}/a.bin", md5_hash=hashlib.md5(BODY).hexdigest(), cache_dir=tmp_path)
    assert Path(again).read_bytes() == b"changed", "what was there stays"


def test_a_missing_file_is_one_sentence(served: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"get_file: .* cannot be downloaded \(.*\)\. Put the file into .* by hand"):
        utils.get_file(origin=f"{served[0]}/none.bin", cache_dir=tmp_path)
    with pytest.raises(InvalidValue, match="`origin` must be an address"):
        utils.get_file("x", "ftp://127.0.0.1/x")


def archives(folder: Path, name: str) -> None:
    with tarfile.open(folder / "set.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = 2
        tar.addfile(entry, io.BytesIO(b"hi"))
    with zipfile.ZipFile(folder / "set.zip", "w") as packed:
        packed.writestr(name, "hi")


@pytest.mark.parametrize("file", ["set.tar.gz", "set.zip"])
def test_archives_are_unpacked_into_a_folder_of_their_own(file: str, served: tuple[str, Path], tmp_path: Path) -> None:
    archives(served[1], "in/x.txt")
    found = Path(utils.get_file(origin=f"{served[0]}/{file}", extract=True, cache_dir=tmp_path))
    assert (found / "in" / "x.txt").read_text() == "hi"


def test_no_archive_writes_outside(served: tuple[str, Path], tmp_path: Path) -> None:
    archives(served[1], "../../out.txt")
    with pytest.raises(BadFile, match="cannot be unpacked"):
        utils.get_file(origin=f"{served[0]}/set.tar.gz", untar=True, cache_dir=tmp_path)
    utils.get_file(origin=f"{served[0]}/set.zip", extract=True, cache_dir=tmp_path)
    assert not list(tmp_path.rglob("../out.txt")) and not (tmp_path / "out.txt").exists()
    assert [p.parent.name for p in tmp_path.rglob("out.txt")] == ["set_extracted"]


def net() -> Any:
    x = layers.Input((4,), name="given")
    y = layers.Dense(3, name="first")(x)
    return models.Model(x, layers.add([layers.Dense(3, name='a "b"')(y), y]), name="net")


def test_a_model_is_drawn(tmp_path: Path) -> None:
    text = utils.model_to_dot(net(), show_shapes=True, rankdir="LR")
    assert text.startswith('digraph "net" {\n  rankdir=LR;')
    assert 'in0 [label="given\\n(None, 4)", shape=box];' in text
    assert 'n1 [label="a \\"b\\" (Dense)\\n(None, 3)", shape=box];' in text
    assert {line.strip() for line in text.splitlines() if "->" in line} == {
        "in0 -> n0;", "n0 -> n1;", "n1 -> n2;", "n0 -> n2;"
    }  # fmt: skip
    model = net()
    utils.plot_model(model, tmp_path / "net.dot")
    assert (tmp_path / "net.dot").read_text() == utils.model_to_dot(model)


def test_a_drawing_that_cannot_be_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadFile, match="needs the program dot of Graphviz, which is not installed"):
        utils.plot_model(net(), tmp_path / "net.png")
    with pytest.raises(InvalidValue, match="a file name that ends in png"):
        utils.plot_model(net(), tmp_path / "net.docx")
    with pytest.raises(InvalidCall, match="not connected yet"):
        utils.model_to_dot(models.Sequential([layers.Dense(1)]))


def test_rows_of_an_hdf5_file_train(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"], file["y"] = x, x.sum(1, keepdims=True)
    given = utils.HDF5Matrix(tmp_path / "data.h5", "x", 2, 18, normalizer=lambda v: v * 2)
    assert (len(given), given.shape, given.ndim, given.size, given.dtype) == (16, (16, 4), 2, 64, np.float32)
    np.testing.assert_array_equal(given[3:5], 2 * x[5:7])
    np.testing.assert_array_equal(given[[4, 1, 4]], 2 * x[[6, 3, 6]])
    np.testing.assert_array_equal(given[0], 2 * x[2])
    np.testing.assert_array_equal(np.asarray(given), 2 * x[2:18])
    model = models.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    target = utils.HDF5Matrix(tmp_path / "data.h5", "y", 2, 18)
    losses = model.fit(given, target, batch_size=4, epochs=5, shuffle="batch", verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with pytest.raises(BadFile, match=r"data\.h5 has no array 'z' to read"):
        utils.HDF5Matrix(tmp_path / "data.h5", "z")


def test_a_bar_for_own_loops(capsys: pytest.CaptureFixture[str]) -> None:
    bar = utils.Progbar(3, stateful_metrics=["lr"])
    for step in (1, 2, 3):
        bar.update(step, [("loss", float(step)), ("lr", 1 / step)])
    said = capsys.readouterr().err
    assert "3/3 step" in said and "loss: 2.0000" in said and "lr: 0.3333" in said
    utils.Progbar(3, verbose=0).add(3)
    assert capsys.readouterr().err == ""


def test_vectors_of_norm_one() -> None:
    np.testing.assert_allclose(utils.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(utils.normalize(np.array([1.0, 3.0]), order=1), [0.25, 0.75])
    with pytest.raises(InvalidValue, match="`order` must be a number > 0"):
        utils.normalize([1.0], order=0)


def test_names_of_keras_are_there() -> None:
    x = layers.Input((2,))
    assert utils.get_source_inputs(layers.Dense(1)(x)) == [x]
    for name in utils.__all__:
        assert getattr(utils, name) is not None
    with pytest.raises(AttributeError, match="Did you mean 'to_categorical'"):
        utils.to_categorial  # noqa: B018
