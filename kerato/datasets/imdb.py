"""IMDB's film reviews: 25,000 to learn from and 25,000 to test with, each a list of word numbers and liked or not.

The number of a word is its rank by frequency: 1 for the most frequent one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from kerato.datasets import download, loose, places
from kerato.datasets.download import Remote
from kerato.datasets.readers import Array, reading
from kerato.datasets.stored import Stored
from kerato.errors import BadFile, invalid

Texts = list[list[int]]

_HOME = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
_INDEX = Remote(f"{_HOME}/imdb_word_index.json", 1_641_221, "")
_INDEX_MD5 = "bfafd718b763782e994055a2d397834f"

FILES = Stored(
    name="imdb",
    folders=("imdb",),
    formats=(places.lists("imdb.npz"),),
    remotes=(
        Remote(f"{_HOME}/imdb.npz", 17_464_789, "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    ),
)


def load_data(
    path: str | Path | None = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Reviews and labels: `(x_train, y_train), (x_test, y_test)`.

    x is an array of objects (n,), each a list of ints of any length; y int64 (n,), 1 where the film was liked. 0 is
    no word: it is left for `pad_sequences`.

    Args:
        path: as in `Dataset.load_data`.
        num_words: numbers from this one on become `oov_char`; None means the largest number there is, which
            therefore becomes `oov_char` too, as in Keras.
        skip_top: numbers below this one become `oov_char`.
        maxlen: only reviews shorter than this, the start included.
        seed: of the order.
        start_char: each review begins with this number; None leaves it out.
        oov_char: stands for words left out; None drops them.
        index_from: added to the number of every word.

    Raises:
        BadFile: the set is nowhere and cannot be downloaded, or its file is damaged.
        InvalidValue: no review is shorter than `maxlen`.
    """
    form, files = FILES.obtained(path)
    x_train, y_train, x_test, y_test = form.read(files)
    for x, y in ((x_train, y_train), (x_test, y_test)):
        if y.shape != x.shape or y.dtype.kind not in "iu" or not np.isin(y, (0, 1)).all():
            raise BadFile(f"imdb: {files[0]}: expected one label 0 or 1 per review, got {y.dtype} {y.shape}.")
    random = np.random.RandomState(seed)  # Keras's generator, for its order
    parts = []
    for x, y in ((x_train, y_train), (x_test, y_test)):
        order = random.permutation(len(x))
        texts = [[*_start(start_char), *(word + index_from for word in text)] for text in x[order]]
        parts.append(_short(texts, y[order], maxlen))
    most = num_words or max((max(text, default=0) for texts, _ in parts for text in texts), default=0)
    (train, y_train), (test, y_test) = ((_kept(texts, skip_top, most, oov_char), y) for texts, y in parts)
    return (train, y_train), (test, y_test)


def _start(start_char: int | None) -> tuple[int, ...]:
    return () if start_char is None else (start_char,)


def _short(texts: Texts, labels: Array, maxlen: int | None) -> tuple[Texts, Array]:
    if not maxlen:
        return texts, labels
    kept = [at for at, text in enumerate(texts) if len(text) < maxlen]
    if not kept:
        raise invalid("imdb", "maxlen", "above the length of the shortest review", maxlen)
    return [texts[at] for at in kept], labels[kept]


def _kept(texts: Texts, least: int, most: int, other: int | None) -> Array:
    found = np.empty(len(texts), object)
    for at, text in enumerate(texts):
        if other is None:
            found[at] = [word for word in text if least <= word < most]
        else:
            found[at] = [word if least <= word < most else other for word in text]
    return found


def get_word_index(path: str | Path = "imdb_word_index.json") -> dict[str, int]:
    """Word -> number, without `index_from`: 1 for the most frequent word.

    Args:
        path: a file; a bare name is looked for where the data sets lie, then downloaded.

    Raises:
        BadFile: the file is nowhere and cannot be downloaded, or is no such file.
    """
    file = _index_file(Path(path).expanduser())
    with reading(file, "JSON file of words"):
        found: Any = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or {*map(type, found.values())} - {int}:
            raise ValueError("it holds something else than words with numbers")
    return found


def _index_file(given: Path) -> Path:
    if given.is_absolute() or given.is_file():
        return given
    near = [folder / inside / given for folder in places.shared() for inside in ("imdb", "")]
    found = next((path for path in near if path.is_file()), None)
    if found is not None:
        return found
    address, folder = download.address(_INDEX, "imdb"), "datasets/imdb"
    return Path(loose.get_file(given.name, address, file_hash=_INDEX_MD5, cache_subdir=folder, cache_dir=places.home()))
