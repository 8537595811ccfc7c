"""What other packages have dropped since: there while a script runs, gone afterwards."""

from __future__ import annotations

import collections
import importlib
import importlib.util
import itertools
import pickle
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kerato import image
from kerato.errors import KeratoError
from kerato.legacy import scipy_misc, vanished


def execute(source: str) -> dict[str, Any]:
    with vanished.supplied() as names:
        space = {"__name__": "script", **names}
        exec(source, space)
    return space


@pytest.mark.parametrize("name", vanished.MODULES)
def test_modules_that_are_gone_have_their_names(name: str) -> None:
    if not all(importlib.util.find_spec(home.split(".")[0]) for home in vanished.MODULES[name].split()):
        pytest.skip("its successor is not installed")
    found = execute(f"import {name}")[name.split(".")[0]]
    assert found is not None
    assert not isinstance(sys.modules.get(name), vanished.Moved)


def test_old_names_of_python_2_modules() -> None:
    source = """
from Queue import Queue, Empty
from StringIO import StringIO
from urllib2 import urlopen, URLError
import ConfigParser, urlparse, urllib, itertools, time, os, string, sys, collections
pairs = list(itertools.izip([1], [2]))
made = (ConfigParser.ConfigParser, urlparse.urljoin('http://a/b', 'c'), urllib.quote('a b'), time.clock(), os.getcwdu())
sys.setdefaultencoding('utf8')
limit, letters, kind = sys.maxint, string.letters, collections.Iterable
from sklearn.cross_validation import train_test_split
"""
    found = execute(source)
    assert (found["pairs"], found["made"][1:3]) == ([(1, 2)], ("http://a/c", "a%20b"))
    assert found["limit"] == sys.maxsize and found["letters"].startswith("abc")
    for module, name in ((itertools, "izip"), (sys, "maxint"), (collections, "Iterable")):
        assert not hasattr(module, name)


def test_pickles_of_python_2_are_read(tmp_path: Path) -> None:
    stream = b"(dp0\nS'data'\np1\nS'\\xe9'\np2\ns."  # {'data': '\xe9'} of Python 2, protocol 0
    (tmp_path / "a.pkl").write_bytes(stream)
    found = execute(f"import cPickle\nwith open({str(tmp_path / 'a.pkl')!r}, 'rb') as f: found = cPickle.load(f)")[
        "found"
    ]
    assert found == {"data": "\xe9"}
    with pytest.raises(UnicodeDecodeError):
        getattr(pickle, "loads")(stream)  # noqa: B009


def test_numpy_s_old_names() -> None:
    found = execute("import numpy as n\nx = n.array([1], n.float), n.int(2.5), n.Inf, n.asscalar(n.ones(1))")
    assert (found["x"][0].dtype, found["x"][1:]) == (np.float64, (2, np.inf, 1.0))
    assert not hasattr(np, "asscalar")
    assert "float" not in vars(np)


def test_h5py_makes_a_file_and_reads_a_value(tmp_path: Path) -> None:
    path = str(tmp_path / "new.h5")
    source = (
        f"import h5py\nf = h5py.File({path!r})\nf['a'] = [1, 2]\nf.close()\ng = h5py.File({path!r})\nx = g['a'].value"
    )
    found = execute(source)
    assert (found["x"].tolist(), found["g"].mode) == ([1, 2], "r")
    found["g"].close()
    assert not hasattr(h5py.Dataset, "value")
    with pytest.raises(OSError):
        h5py.File(str(tmp_path / "other.h5"))


def test_a_module_that_is_loaded_later_gets_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vanished.ATTRIBUTES, "loaded_later", {"old": "builtins:int"})
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loaded_later.py").write_text("new = 1\n")
    found = execute("import loaded_later\nold = loaded_later.old")
    assert found["old"] is int
    assert not hasattr(sys.modules["loaded_later"], "old")
    del sys.modules["loaded_later"]


# -- scipy.misc ----------------------------------------------------------------------------------------------------

#: the example in SciPy 1.0's documentation of bytescale
NUMBERS = [
    [91.06794177, 3.39058326, 84.4221549],
    [73.88003259, 80.91433048, 4.88878881],
    [51.53875334, 34.45808177, 27.5873488],
]


def test_bytescale() -> None:
    assert scipy_misc.bytescale(NUMBERS).tolist() == [[255, 0, 236], [205, 225, 4], [140, 90, 70]]
    narrow = scipy_misc.bytescale(NUMBERS, high=200, low=100)
    assert narrow.tolist() == [[200, 100, 192], [180, 188, 102], [155, 135, 128]]
    assert scipy_misc.bytescale(NUMBERS, cmin=0, cmax=255).tolist() == [[91, 3, 84], [74, 81, 5], [52, 34, 28]]
    same = np.arange(3, dtype=np.uint8)
    assert scipy_misc.bytescale(same) is same
    with pytest.raises(KeratoError, match="`low` must be from 0"):
        scipy_misc.bytescale(NUMBERS, low=300)


def test_pictures_are_written_and_read(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    source = f"from scipy.misc import imsave, imread, imresize\nimsave({str(tmp_path / 'a.png')!r}, x)"
    with vanished.supplied():
        exec(source, {"x": x})
    np.testing.assert_array_equal(image.read(tmp_path / "a.png"), x)
    assert scipy_misc.imread(tmp_path / "a.png").shape == (5, 7, 3)
    grey = scipy_misc.imread(tmp_path / "a.png", flatten=True)
    assert (grey.shape, grey.dtype) == ((5, 7), np.float32)
    scipy_misc.imsave(tmp_path / "b.png", np.float32([[0, 0.5], [1, 0]]))
    assert scipy_misc.imread(tmp_path / "b.png").tolist() == [[0, 128], [255, 0]]


@pytest.mark.parametrize(
    ("size", "shape"), [(50, (4, 3, 3)), (0.5, (4, 3, 3)), ((3, 5), (3, 5, 3)), ((3, 5, 3), (3, 5, 3))]
)
def test_sizes(size: Any, shape: tuple[int, ...]) -> None:
    assert scipy_misc.imresize(np.zeros((8, 6, 3), np.uint8), size).shape == shape


def test_channels_are_found_on_any_axis() -> None:
    assert scipy_misc.toimage(np.zeros((3, 8, 6))).size == (6, 8)
    assert scipy_misc.toimage(np.zeros((8, 6)), mode="RGB").mode == "RGB"
    assert scipy_misc.fromimage(scipy_misc.toimage(NUMBERS, mode="F"))[0, 0] == pytest.approx(91.06794)
    turned = scipy_misc.imrotate(np.uint8([[0, 0, 9], [0, 0, 0], [0, 0, 0]]), 90)
    assert turned[0, 0] == 9
    with pytest.raises(ValueError, match="3 or 4 channels"):
        scipy_misc.toimage(np.zeros((2, 8, 6)))
