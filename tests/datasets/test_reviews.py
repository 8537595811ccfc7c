"""IMDB's reviews: numbers as Keras gives them, and files that hold more than lists of ints refused."""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_samples import refused, save
from test_damaged_sets import Shell

from kerato import datasets, keras, legacy
from kerato.datasets import download, imdb, pickles
from kerato.errors import BadFile, InvalidValue

LABELS = np.arange(6) % 2


def lists(values: list[Any]) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def tiny(path: Path, **other: Any) -> Path:
    """Six reviews of three words and four of one to four."""
    train, test = [[k, k + 1, 300] for k in range(1, 7)], [[9] * k for k in range(1, 5)]
    arrays = {"x_train": lists(train), "y_train": LABELS, "x_test": lists(test), "y_test": LABELS[:4]}
    return save(path, {**arrays, **other})


def read(path: Path, **options: Any) -> list[Any]:
    (x_train, y_train), (x_test, y_test) = imdb.load_data(path, **options)
    return [x_train.tolist(), y_train.tolist(), x_test.tolist(), y_test.tolist()]


def test_numbers_and_order_are_those_of_keras(tmp_path: Path) -> None:
    # What Keras 3.15.1's imdb.load_data made of this file.
    path = tiny(tmp_path / "any.npz")
    assert read(path) == [
        [[1, 5, 6, 2], [1, 4, 5, 2], [1, 7, 8, 2], [1, 6, 7, 2], [1, 8, 9, 2], [1, 9, 10, 2]],
        [1, 0, 1, 0, 0, 1],
        [[1, 12], [1, 12, 12], [1, 12, 12, 12, 12], [1, 12, 12, 12]],
        [0, 1, 1, 0],
    ]
    rare = [[1, 5, 6, 2], [1, 4, 5, 2], [1, 7, 2, 2], [1, 6, 7, 2], [1, 2, 2, 2], [1, 2, 2, 2]]
    assert read(path, num_words=8)[0] == rare


def test_what_is_left_out(tmp_path: Path) -> None:
    path = tiny(tmp_path / "any.npz")
    plain = {"start_char": None, "index_from": 0, "num_words": 301}
    assert sorted(read(path, **plain)[0]) == [[k, k + 1, 300] for k in range(1, 7)]
    assert sorted(read(path, **plain, skip_top=4, oov_char=0)[0])[:2] == [[0, 0, 300], [0, 0, 300]]
    assert sorted(read(path, **plain, skip_top=4, oov_char=None)[0])[-1] == [300]
    assert sorted(map(len, read(path, **plain, maxlen=4)[2])) == [1, 2, 3]
    assert read(path, **plain, seed=1)[0] != read(path, **plain, seed=2)[0]
    with pytest.raises(InvalidValue, match=r"`maxlen` must be above the length of the shortest review\. Got 3"):
        imdb.load_data(path, maxlen=3)


def test_found_by_name_through_keras_s_path_too(empty_home: Path) -> None:
    tiny(empty_home / ".keras/datasets/imdb.npz")
    assert datasets.imdb.load_data(num_words=20)[0][0].shape == (6,)
    with legacy.dialect(), pytest.warns(UserWarning, match=r"`nb_words` is `num_words` today"):
        (old, _), _ = keras.datasets.imdb.load_data(nb_words=8)
    assert old.tolist() == imdb.load_data(num_words=8)[0][0].tolist()


def test_absent(monkeypatch: Any, empty_home: Path) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    monkeypatch.setenv("KERATO_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(BadFile, match=r"imdb: it is not on this machine .* put imdb\.npz into .*datasets/imdb, or set"):
        imdb.load_data()
    with pytest.raises(BadFile, match=r"127.0.0.1:9/imdb/imdb_word_index.json cannot be downloaded .* Put the file"):
        imdb.get_word_index()
    assert imdb.FILES.where() is None and imdb.FILES.remotes[0].size == 17_464_789


def test_the_index_of_words(empty_home: Path, tmp_path: Path) -> None:
    folder = empty_home / ".kerato/datasets/imdb"
    folder.mkdir(parents=True)
    (folder / "imdb_word_index.json").write_text('{"the": 1, "fawn": 34701}')
    assert imdb.get_word_index() == {"the": 1, "fawn": 34701}
    path = tmp_path / "words.json"
    for text in ('{"the": "1"}', "[1]", "<html>"):
        path.write_text(text)
        refused(lambda: imdb.get_word_index(path), path, "JSON file of words")
    path.write_text('{"é": 5}', encoding="utf-8")
    assert imdb.get_word_index(path) == {"é": 5}


# -- pickles of lists -------------------------------------------------------------------------------------------------

VALUES = [[], [1], [300, 70_000, 2**31 - 1], list(range(2500)), [0] * 300]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_lists_of_every_protocol(protocol: int) -> None:
    assert pickles.lists_of(pickle.dumps(lists(VALUES), protocol), len(VALUES)) == VALUES
    many = [[k] for k in range(400)]  # memory slots above 255, LONG_BINPUT
    many += [many[0], many[399], many[0]]  # the same list again, BINGET and LONG_BINGET
    assert pickles.lists_of(pickle.dumps(lists(many), protocol), 403) == many


def test_the_opcodes_are_all_seen() -> None:
    raw = pickle.dumps(lists(VALUES), 2)
    ints = {"BININT", "BININT1", "BININT2"}
    seen = [(op.name, arg) for op, arg in pickles._opcodes(raw)]
    everything = [(op.name, arg) for op, arg, _ in pickletools.genops(raw)]
    assert [one for one in seen if one[0] not in ints] == [one for one in everything if one[0] not in ints]


def array_of(body: bytes) -> bytes:
    """A pickled array of one object, whose list of objects is what `body` makes."""
    raw = pickle.dumps(lists([[77]]), 2)
    place = raw.index(b"K\x4da")
    begin = raw.rindex(b"]", 0, raw.rindex(b"]", 0, place))
    end = raw.index(b"a", place + 3) + 1
    return raw[:begin] + body + raw[end:]


FAULTS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "os.system in a list": (lambda mark: pickle.dumps(lists([[Shell(mark)]]), 2), "it names posix.system"),
    "os.system, protocol 5": (lambda mark: pickle.dumps(lists([Shell(mark)]), 5), "it names posix.system"),
    "instances": (lambda mark: array_of(b"](cos\nsystem\noa"), "it asks for OBJ, which no array of lists needs"),
    "new objects": (lambda mark: array_of(b"]cnumpy\nndarray\n)\x81a"), "it asks for NEWOBJ"),
    "inst": (lambda mark: array_of(b"](ios\nsystem\na"), "it asks for INST"),
    "extension registry": (lambda mark: array_of(b"]\x82\x01a"), "it asks for EXT1"),
    "persistent id": (lambda mark: array_of(b"]U\x01aQa"), "it asks for BINPERSID"),
    "memory slots": (lambda mark: array_of(b"]]r\xff\xff\xff\x7fa"), "memory slots are not in order"),
    "slots after ints": (lambda mark: array_of(b"](" + b"K\x01" * 9000 + b"e]r\x00\x10\x00\x00a"), "memory slots"),
    "no such slot": (lambda mark: array_of(b"]h\xf0a"), "cannot be read"),
    "a list in itself": (lambda mark: array_of(b"]]q\xc8h\xc8aa").replace(b"q\xc8", b"q\x14", 1), "cannot be read"),
    "no opcode": (lambda mark: array_of(b"]\xffa"), "is no opcode"),
    "texts": (lambda mark: pickle.dumps(lists([["a"]]), 2), "something else than numbers"),
    "negative": (lambda mark: pickle.dumps(lists([[-1]]), 2), "something else than numbers in 0"),
    "truths": (lambda mark: pickle.dumps(lists([[True]]), 2), "something else than numbers"),
    "large": (lambda mark: pickle.dumps(lists([[2**40]]), 2), "something else than numbers"),
    "tuples": (lambda mark: pickle.dumps(lists([(1, 2)]), 2), "does not hold 1 lists"),
    "two": (lambda mark: pickle.dumps(lists([[1], [2]]), 2), "does not hold 1 lists"),
    "a list": (lambda mark: pickle.dumps([[1]], 2), "holds no array of objects"),
    "bytes": (lambda mark: pickle.dumps(np.zeros(1, np.uint8), 2), "holds no array of objects"),
    "cut": (lambda mark: pickle.dumps(lists([[1]]), 2)[:-9], "cannot be read"),
    "empty": (lambda mark: b"", "is no opcode"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_hostile_lists(tmp_path: Path, fault: str) -> None:
    make, reason = FAULTS[fault]
    mark, path = tmp_path / "harmed", tmp_path / "imdb.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    with zipfile.ZipFile(tiny(tmp_path / "whole.npz")) as whole, zipfile.ZipFile(path, "w") as archive:
        for name in whole.namelist():
            body = header.getvalue() + make(mark) if name == "x_train.npy" else whole.read(name)
            archive.writestr(name, body)
    refused(lambda: imdb.load_data(path), path, reason)
    assert not mark.exists()


def test_a_list_named_too_often(monkeypatch: Any) -> None:
    monkeypatch.setattr(pickles, "WORDS", 1000)
    one = list(range(200))
    with pytest.raises(ValueError, match="more than 1,000 numbers"):
        pickles.lists_of(pickle.dumps(lists([one] * 6), 4), 6)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"x_train": np.zeros((3, 4), np.int64)}, "'x_train' is int64 of shape"),
        ({"y_train": LABELS[:5]}, "one label 0 or 1 per review"),
        ({"y_test": LABELS[:4] + 1}, "one label 0 or 1 per review"),
        ({"y_test": LABELS[:4] * 0.5}, "one label 0 or 1 per review"),
    ],
)
def test_arrays_of_another_kind(tmp_path: Path, other: dict[str, Any], reason: str) -> None:
    path = tiny(tmp_path / "imdb.npz", **other)
    refused(lambda: imdb.load_data(path), path, reason)


def test_an_array_less_and_a_size_that_is_not_there(tmp_path: Path, monkeypatch: Any) -> None:
    path = save(tmp_path / "imdb.npz", {"x_train": lists([[1]]), "y_train": LABELS[:1]})
    refused(lambda: imdb.load_data(path), path, "it has no array 'x_test'")
    monkeypatch.setattr("kerato.datasets.readers.LISTS_BYTES", 100)
    path = tiny(tmp_path / "large.npz")
    refused(lambda: imdb.load_data(path), path, "more than such a file can hold")
