"""What a classifier learns from: a data set with a name, a folder that holds one, or a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerato.data.division import TEST, TRAIN, VALIDATION
from kerato.data.parts import Part, Shape
from kerato.data.picture_folder import Pictures, Skipped, pictures, printable
from kerato.errors import BadFile, UnknownName, plural, suggest


@dataclass
class Material:
    """Pictures with labels, in parts; `name` names the run, `source` is what one types to get the same again."""

    name: str
    source: str
    class_names: tuple[str, ...]
    picture_shape: Shape
    parts: dict[str, Part]
    skipped: list[Skipped]
    summary: list[str]
    shares: tuple[float, float] | None = None
    """The shares of (validation, test) where a folder was divided here; None where the parts came with the data."""

    @property
    def train(self) -> Part:
        """The pictures to learn from."""
        return self.parts[TRAIN]

    @property
    def validation(self) -> Part | None:
        """The pictures to watch the training with."""
        return self.parts.get(VALIDATION)

    @property
    def judged(self) -> tuple[str, Part] | None:
        """The part that the result is measured on, with its name: the test part, else the one for validation."""
        return next(((name, self.parts[name]) for name in (TEST, VALIDATION) if name in self.parts), None)


def material(data: Any, size: int | tuple[int, int] | None = None, seed: int = 0) -> Material:
    """The material that `data` means: the name of a data set, a folder, a `Dataset`, or `Pictures`.

    Args:
        data: as said.
        size: (height, width) that the pictures of a folder are brought to; None chooses.
        seed: of the division of a folder, and of the order of pictures.

    Raises:
        UnknownName: neither a data set nor a path that exists.
        BadFile: nothing to learn from in that folder.
    """
    from kerato import datasets

    if isinstance(data, Pictures):
        return _of_folder(data)
    if isinstance(data, datasets.Dataset):
        return _of_dataset(data, seed)
    if not Path(data).exists():
        return _of_dataset(named(str(data)), seed)
    found = datasets.at(data)
    if found is None and Path(data).is_file():
        raise BadFile(f"{data}: expected a folder of pictures or a data set, and this is a file of another kind.")
    return _of_folder(pictures(data, size, seed=seed)) if found is None else _of_dataset(found, seed)


def named(data: str) -> Any:
    """The data set of that name.

    Raises:
        UnknownName: there is none.
    """
    from kerato import datasets

    try:
        return datasets.get(data)
    except UnknownName:
        names = datasets.names()
        hint = suggest(data, names) or "Is the path right?"
        raise UnknownName(
            f"{data}: expected a data set ({', '.join(names)}) or a folder, and there is none of that name. {hint}"
        ) from None


def _of_folder(found: Pictures) -> Material:
    name = printable(Path(found.root).resolve().name) or "pictures"
    summary = [f"{name}: {line}" if i == 0 else line for i, line in enumerate(found.summary())]
    shares = found.shares if any(found.shares) else None
    names = tuple(found.class_names)
    return Material(
        name, printable(found.root), names, found.picture_shape, found.parts, found.skipped, summary, shares
    )


def _of_dataset(data: Any, seed: int) -> Material:
    (x, y), (x_test, y_test) = data.load_data(data_format="channels_last")
    parts = {TRAIN: _part(TRAIN, x, y, seed), TEST: _part(TEST, x_test, y_test, seed)}
    parts[TRAIN].shuffle = True
    count = plural(len(data.class_names), "class", many="classes")
    summary = [f"{data.name}: {len(x):,} pictures to train on, {len(x_test):,} to test on, {count}"]
    shape = parts[TRAIN].picture_shape
    return Material(data.name, str(data.path or data.name), tuple(data.class_names), shape, parts, [], summary)


def _part(name: str, x: Any, y: Any, seed: int) -> Part:
    pixels = x[..., None] if x.ndim == 3 else x
    ids = [f"{name}/{i}" for i in range(len(x))]
    labels = y.reshape(-1).astype(np.int32)
    return Part(ids, ids, labels, pixels.shape[1:], pixels, seed=seed)


def same_classes(owner: str, theirs: Iterable[str], ours: Iterable[str]) -> None:
    """Refuse pictures of classes that a model does not know.

    Raises:
        BadFile: a class of `theirs` is not among `ours`, the model's.
    """
    known = list(ours)
    strange = [name for name in theirs if name not in known]
    if strange:
        raise BadFile(
            f"{owner}: the model knows the classes {', '.join(known)}, and the pictures have {', '.join(strange)} too. "
            "Rename the folders, or train a model on them."
        )
