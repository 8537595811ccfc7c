"""Where data sets lie on a machine, and what they look like there.

Looked through in this order, first find wins:

1. the path given to `load_data`, a file or a folder;
2. `$KERATO_DATA`, one folder or several separated as in `$PATH`;
3. `$KERATO_HOME/datasets`, by default `~/.kerato/datasets`: downloads go there;
4. `$KERAS_HOME/datasets`, by default `~/.keras/datasets`.

In the last three a set may lie in a folder of its name (`mnist/`, `fashion-mnist/`, `cifar10/`) or, when its
file carries the set's name, directly.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerato import config
from kerato.datasets import readers
from kerato.datasets.readers import Raw

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
NPZ = ("x_train", "y_train", "x_test", "y_test")
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")

Files = tuple[Path, ...]


def home() -> Path:
    """Kerato's own folder: `$KERATO_HOME`, by default `~/.kerato`."""
    return Path(os.environ.get("KERATO_HOME") or "~/.kerato").expanduser()


def shared() -> list[Path]:
    """The folders that hold data sets of any name, in the order in which they are looked through."""
    named = [Path(part).expanduser() for part in os.environ.get("KERATO_DATA", "").split(os.pathsep) if part]
    return [*named, home() / "datasets", config.keras_home() / "datasets"]


@dataclass(frozen=True)
class Format:
    """One form in which a data set lies on a disk."""

    describe: str
    named: bool  # its files carry the set's name, so that it may lie in a folder shared with others
    locate: Callable[[Path], Files | None]  # the files that make it up in a folder
    around: Callable[[Path], Files | None]  # the files that make it up, given one of them under any name
    read: Callable[[Files], Raw]


def npz(*names: str) -> Format:
    """Keras's form: one npz with x_train, y_train, x_test, y_test, under one of these file names."""
    return _single(names, lambda path: _is_npz(path, NPZ[0]), _read_npz)


def lists(*names: str) -> Format:
    """Keras's form of texts: as `npz`, with a list of word numbers per text."""
    return _single(names, lambda path: _is_npz(path, NPZ[0]), _read_lists)


def tar(*names: str) -> Format:
    """CIFAR-10's six batch files in the tar archive in which they are published."""
    return _single(names, tarfile.is_tarfile, lambda path: readers.read_batches_tar(path, BATCHES))


def jpegs(size: tuple[int, int], *names: str) -> Format:
    """An npz of JPEG files (`readers.read_jpegs`), pictures of `size` = (height, width)."""
    return _single(names, lambda path: _is_npz(path, "train_jpeg"), lambda path: readers.read_jpegs(path, size))


def idx() -> Format:
    """The four idx files of MNIST, gzipped or not. Other sets use the same names, so the folder's name decides."""
    names = ", ".join(f"{name}.gz" for name in IDX)
    return Format(f"the four files {names}", False, _locate_idx, _beside(_locate_idx), _read_idx)


def batches() -> Format:
    """CIFAR-10's six batch files."""
    describe = "the files of cifar-10-batches-py"
    return Format(describe, False, _locate_batches, _beside(_locate_batches), readers.read_batches)


def _single(names: Sequence[str], accepts: Callable[[Path], bool], read: Callable[[Path], Raw]) -> Format:
    return Format(
        names[0],
        True,
        lambda folder: _first(folder, names),
        lambda path: (path,) if accepts(path) else None,
        lambda files: read(files[0]),
    )


def _beside(locate: Callable[[Path], Files | None]) -> Callable[[Path], Files | None]:
    def around(path: Path) -> Files | None:
        files = locate(path.parent)
        return files if files and path in files else None

    return around


def _is_npz(path: Path, name: str) -> bool:
    return path.suffix == ".npz" and name in readers.npz_names(path)


def _first(folder: Path, names: Sequence[str]) -> Files | None:
    return next(((folder / name,) for name in names if (folder / name).is_file()), None)


def _locate_idx(folder: Path) -> Files | None:
    found = [_first(folder, (f"{name}.gz", name, name.replace("-idx", ".idx"))) for name in IDX]
    return tuple(files[0] for files in found if files) if all(found) else None


def _locate_batches(folder: Path) -> Files | None:
    inside = (folder, folder / "cifar-10-batches-py")
    return next((tuple(f / name for name in BATCHES) for f in inside if (f / BATCHES[-1]).is_file()), None)


def _read_npz(path: Path) -> Raw:
    arrays = readers.read_npz(path, NPZ)
    return arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"]


def _read_lists(path: Path) -> Raw:
    texts, labels = readers.read_lists(path, NPZ[::2]), readers.read_npz(path, NPZ[1::2])
    return texts["x_train"], labels["y_train"], texts["x_test"], labels["y_test"]


def _read_idx(files: Files) -> Raw:
    x_train, y_train, x_test, y_test = (readers.read_idx(path) for path in files)
    return x_train, y_train, x_test, y_test
