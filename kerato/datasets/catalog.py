"""The table of data sets, and what one can ask of it: by name, by path, with class names.

A data set is a row: its classes, the shape of a picture, the forms in which it lies on a disk
(`kerato.datasets.places`) and the files to download when it does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerato import config
from kerato.datasets import places, readers
from kerato.datasets.download import Remote
from kerato.datasets.places import Files
from kerato.datasets.readers import Array, Raw
from kerato.datasets.stored import Source, Stored
from kerato.errors import BadFile, invalid, unknown

Split = tuple[Array, Array]


@dataclass(frozen=True, kw_only=True)
class Dataset(Stored):
    """A data set of pictures with labels: `load_data()` gives it, `class_names` says what the labels mean."""

    class_names: tuple[str, ...]
    picture_shape: tuple[int, ...]  # (height, width), or (height, width, channels)
    label_axes: int = 1  # 2: labels of shape (n, 1), as Keras has them for CIFAR
    labels_sha256: str = ""  # of the training labels, by which one set is not taken for another
    embedded: Callable[[], Raw] | None = None

    def load_data(self, path: Source = None, *, data_format: str | None = None) -> tuple[Split, Split]:
        """Pictures and labels: `(x_train, y_train), (x_test, y_test)`.

        Pictures are uint8 in 0..255 of shape (n, height, width), or (n, height, width, channels) for colour;
        labels are uint8 of shape (n,), for CIFAR (n, 1).

        path: a file or folder that holds the set. Without one it is looked for in `$KERATO_DATA`,
            `~/.kerato/datasets` and `~/.keras/datasets`, then downloaded into the second. A bare name such as
            `"mnist.npz"`, Keras's default, means a file of that name in those folders.
        data_format: "channels_first" moves the channel axis of colour pictures to the front; None means
            `kerato.config.image_data_format()`.

        Raises:
            BadFile: the set is nowhere and cannot be downloaded, or its file is damaged or of another set.
            InvalidValue: `data_format` is neither of the two.
        """
        data_format = config.image_data_format() if data_format is None else data_format
        if data_format not in ("channels_last", "channels_first"):
            raise invalid(self.name, "data_format", "'channels_last' or 'channels_first'", data_format)
        x_train, y_train, x_test, y_test = self._raw(path if path is not None else self.path)
        shape = (-1, 1) if self.label_axes == 2 else (-1,)
        if data_format == "channels_first" and len(self.picture_shape) == 3:
            x_train, x_test = (np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x in (x_train, x_test))
        return (x_train, y_train.reshape(shape)), (x_test, y_test.reshape(shape))

    def _raw(self, path: Source) -> Raw:
        if self.embedded is not None:
            if path is not None:
                raise invalid(self.name, "path", "None, since the set comes with scikit-learn", path)
            return self.embedded()
        form, files = self.obtained(path)
        return self._checked(form.read(files), files[0])

    def _checked(self, raw: Raw, where: Path) -> Raw:
        x_train, y_train, x_test, y_test = raw
        train, test = self._split(x_train, y_train, where), self._split(x_test, y_test, where)
        digest = hashlib.sha256(train[1].tobytes()).hexdigest()
        other = next((row.name for row in TABLE.values() if row.labels_sha256 == digest), self.name)
        if self.labels_sha256 and other != self.name:
            raise BadFile(f"{self.name}: {where} holds {other}. Load it as {other!r}, or name another path.")
        return (*train, *test)

    def _split(self, pictures: Array, labels: Array, where: Path) -> Split:
        flat = labels.reshape(-1) if labels.shape == (len(labels), 1) else labels
        if pictures.dtype != np.uint8 or pictures.shape != (len(flat), *self.picture_shape) or flat.ndim != 1:
            wanted = ("n", *self.picture_shape)
            raise BadFile(
                f"{self.name}: {where}: expected uint8 pictures {wanted} with one label each, "
                f"got {pictures.dtype} {pictures.shape} with labels {labels.shape}."
            )
        if flat.dtype.kind not in "iu" or (flat.size and not 0 <= flat.min() <= flat.max() < len(self.class_names)):
            raise BadFile(f"{self.name}: {where}: expected labels in 0..{len(self.class_names) - 1}, got others.")
        return pictures, flat.astype(np.uint8)


def _digits() -> Raw:
    from sklearn.datasets import load_digits

    content = load_digits()
    pictures = np.rint(content.images * (255 / 16)).astype(np.uint8)
    labels = content.target.astype(np.uint8)
    test = np.zeros(len(labels), bool)
    for label in range(10):
        test[np.flatnonzero(labels == label)[4::5]] = True
    return pictures[~test], labels[~test], pictures[test], labels[test]


def _idx_remotes(base: str, *rows: tuple[int, str]) -> tuple[Remote, ...]:
    return tuple(Remote(f"{base}/{name}.gz", *row) for name, row in zip(places.IDX, rows, strict=True))


NUMERALS = tuple("0123456789")

digits = Dataset(
    name="digits",  # every fifth picture of each class is a test picture; the values 0..16 are scaled to 0..255
    class_names=NUMERALS,
    picture_shape=(8, 8),
    embedded=_digits,
)
mnist = Dataset(
    name="mnist",
    class_names=NUMERALS,
    picture_shape=(28, 28),
    folders=("mnist",),
    formats=(places.npz("mnist.npz"), places.idx()),
    labels_sha256="1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    remotes=_idx_remotes(
        "https://storage.googleapis.com/cvdf-datasets/mnist",
        (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
)
fashion_mnist = Dataset(
    name="fashion_mnist",
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    picture_shape=(28, 28),
    folders=("fashion-mnist", "fashion_mnist"),
    formats=(places.npz("fashion_mnist.npz", "fashion-mnist.npz"), places.idx()),
    labels_sha256="657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    remotes=_idx_remotes(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
)
cifar10 = Dataset(
    name="cifar10",
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    picture_shape=(32, 32, 3),
    folders=("cifar10", "cifar-10", "cifar-10-batches-py", "cifar-10-batches-py-target"),
    formats=(
        places.npz("cifar10.npz"),
        places.batches(),
        places.tar("cifar-10-python.tar.gz", "cifar-10-batches-py.tar.gz"),
        places.jpegs((32, 32), "cifar10_jpeg.npz"),
    ),
    label_axes=2,
    remotes=(
        Remote(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            170_498_071,
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
    ),
)

TABLE = {row.name: row for row in (digits, mnist, fashion_mnist, cifar10)}


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(TABLE)


def get(name: str) -> Dataset:
    """The data set of that name; `fashion-mnist` and `Fashion_MNIST` mean the same.

    Raises:
        UnknownName: there is none, with the nearest name.
    """
    row = TABLE.get(name.lower().replace("-", "_"))
    if row is None:
        raise unknown("datasets", "data set", name, TABLE)
    return row


def load(name: str, path: Source = None) -> tuple[Split, Split]:
    """`get(name).load_data(path)`: `(x_train, y_train), (x_test, y_test)`, see `Dataset.load_data`.

    Raises:
        UnknownName: there is no set of that name.
        BadFile: its files are missing or damaged.
    """
    return get(name).load_data(path)


def at(path: str | Path) -> Dataset | None:
    """The data set that a file or folder holds, bound to it, or None when it holds none.

    Four idx files of an unknown set make a data set too: named after the folder, classes by their numbers.

    Raises:
        BadFile: the files are there but damaged.
    """
    given = Path(path).expanduser()
    form = places.idx()
    files = form.around(given) if given.is_file() else form.locate(given)
    if files:
        return replace(_idx_row(files), path=given)
    return next((replace(row, path=given) for row in TABLE.values() if _holds(row, given)), None)


def _holds(row: Dataset, given: Path) -> bool:
    """Whether the path is the set itself; a folder that holds the set's folder beside others is not."""
    return row.held_by(given) is not None if given.is_file() else any(form.locate(given) for form in row.formats)


def _idx_row(files: Files) -> Dataset:
    labels = readers.read_idx(files[1])
    digest = hashlib.sha256(labels.tobytes()).hexdigest()
    known = next((row for row in TABLE.values() if row.labels_sha256 == digest), None)
    if known is not None:
        return known
    classes = tuple(str(label) for label in range(int(labels.max(initial=0)) + 1))
    shape = readers.read_idx(files[2]).shape[1:]
    name = files[1].resolve().parent.name
    return Dataset(name=name, class_names=classes, picture_shape=shape, formats=(places.idx(),))
