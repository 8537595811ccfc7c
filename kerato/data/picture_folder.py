"""A folder of photographs as data to learn from: `pictures(root)` gives a training, a validation and a test part.

The folder holds one folder per class, or `train`, `validation` (or `val`) and `test` with one folder per class in
each. What cannot be read is left out and named. Pictures in a folder inside that of their class belong together.
"""

from __future__ import annotations

import importlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from kerato.data.division import PARTS, TEST, TRAIN, VALIDATION, checked_split, divide
from kerato.data.folder import EXTENSIONS, existing_folder
from kerato.data.parts import Array, Part, Shape, decoded
from kerato.data.queue import in_order, worker_count
from kerato.data.sources import device_limit_bytes
from kerato.errors import BadFile, invalid, plural, show
from kerato.image.files import KINDS, READABLE

SIDES: Final = (32, 48, 64, 96)
"""Sides that pictures of several sizes are brought to: the largest one that most of them fill."""

MEMORY_BYTES: Final = 2**30
"""Pictures that take more than this, or than a device holds, stay in their files."""

NAMED_AT_MOST: Final = 10
"""Skipped files that the summary names."""


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """A file of a class: its path, its id, the part it lies in ('' where there are none), its class and group."""

    path: str
    name: str
    part: str
    kind: str
    group: str


@dataclass
class Pictures:
    """A folder of pictures, read and divided.

    `picture_shape` is (height, width, channels), `divided` says that the folder had parts of its own, `shares` are
    those of (validation, test) that were taken from the rest.
    """

    root: str
    class_names: list[str]
    picture_shape: Shape
    parts: dict[str, Part]
    skipped: list[Skipped]
    divided: bool
    shares: tuple[float, float]

    @property
    def train(self) -> Part:
        """The pictures to learn from."""
        return self.parts[TRAIN]

    @property
    def validation(self) -> Part | None:
        """The pictures to watch the training with, where there are some."""
        return self.parts.get(VALIDATION)

    @property
    def test(self) -> Part | None:
        """The pictures to measure the result on, where there are some."""
        return self.parts.get(TEST)

    def summary(self) -> list[str]:
        """What was found, in a few lines for a person."""
        counts = ", ".join(f"{part.samples:,} for {name}" for name, part in self.parts.items())
        height, width, channels = self.picture_shape
        colour = "grey" if channels == 1 else "colour"
        first = f"{plural(len(self.class_names), 'class', many='classes')}, {counts}, {width} x {height} {colour}"
        return [first, *skipped_lines(self.skipped)]


def skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    """How many files were left out, and the first of them with the reason, a line each; nothing for none."""
    if not skipped:
        return []
    more = len(skipped) - NAMED_AT_MOST
    named = [f"  {item.file}: {item.reason}" for item in skipped[:NAMED_AT_MOST]]
    return [f"skipped {plural(len(skipped), 'file')}", *named, *([f"  and {more:,} more"] if more > 0 else [])]


def pictures(
    root: str | os.PathLike[str],
    size: int | tuple[int, int] | None = None,
    batch_size: int = 32,
    split: tuple[float, float] | None = None,
    seed: int = 0,
) -> Pictures:
    """The pictures below `root`, decoded in threads, resized and divided.

    Every picture is brought to `size` and to grey or colour, whichever the folder has. Small folders are held in
    memory as uint8; of larger ones batches are decoded while training.

    Args:
        root: holds a folder per class, or `train`, `validation` and `test` with a folder per class in each.
        size: (height, width) or one number for both; None chooses by the sizes found, at most 96 a side unless all
            pictures are alike.
        batch_size: of the parts, for `fit(pictures.train)`.
        split: shares of (validation, test) taken from the training pictures, class by class; None takes 0.15 and
            0.15 where `root` is not divided, else nothing. Which part a picture belongs to depends on its name and on
            `seed` alone, so that a new picture moves no other (in a class of a few, a part that would be empty takes
            one). Groups stay together.
        seed: of the division, and of the order of batches.

    Raises:
        BadFile: there is no such folder, or too little in it that can be read.
        InvalidValue: `size` or `split` cannot be.
    """
    folder = existing_folder("pictures", root)
    wanted = None if size is None else _checked_size(size)
    entries, skipped = _listed(folder)
    _check_some(folder, entries)
    shape = _shape_of(entries, wanted)
    good, pixels = _read(entries, shape, skipped)
    divided = any(entry.part for entry in entries)
    _check_classes(folder, sorted({entry.kind for entry in entries}), good, divided)
    return _made(folder, good, pixels, shape, skipped, split, seed, batch_size)


def pictures_as(
    root: str | os.PathLike[str], picture_shape: Shape, split: tuple[float, float] | None = None, seed: int = 0
) -> Pictures:
    """The pictures below `root` as a trained model takes them, however few; `split` is for a folder without parts.

    Raises:
        BadFile: there is no such folder, or no picture in it that can be read.
    """
    folder = existing_folder("pictures", root)
    entries, skipped = _listed(folder)
    good, pixels = _read(entries, picture_shape, skipped)
    _check_some(folder, good)
    divided = any(entry.part for entry in entries)
    return _made(folder, good, pixels, picture_shape, skipped, None if divided else split, seed, 32)


def _made(
    root: str,
    good: Sequence[Entry],
    pixels: Array | None,
    shape: Shape,
    skipped: list[Skipped],
    split: Any,
    seed: int,
    batch_size: int,
) -> Pictures:
    divided = any(entry.part for entry in good)
    shares = checked_split(split, divided)
    names = sorted({entry.kind for entry in good})
    drawn = divide([(entry.kind, entry.group, entry.name, entry.part) for entry in good], shares, seed)
    parts: dict[str, Part] = {}
    for name in (TRAIN, VALIDATION, TEST):
        which = [i for i, part in enumerate(drawn) if part == name]
        if which:
            parts[name] = _part(good, pixels, which, names, shape, batch_size, seed)
            parts[name].shuffle = name == TRAIN
    return Pictures(root, names, shape, parts, skipped, divided, shares)


def _part(
    good: Sequence[Entry], pixels: Array | None, which: list[int], names: list[str], shape: Shape, batch: int, seed: int
) -> Part:
    chosen = [good[i] for i in which]
    return Part(
        names=[entry.name for entry in chosen],
        groups=[entry.group for entry in chosen],
        labels=np.array([names.index(entry.kind) for entry in chosen], np.int32),
        picture_shape=shape,
        pixels=None if pixels is None else pixels[which],
        paths=[entry.path for entry in chosen],
        batch_size=batch,
        seed=seed,
    )


# -- what lies in the folder -------------------------------------------------------------------------------------------


def _listed(root: str) -> tuple[list[Entry], list[Skipped]]:
    """All files in class folders, and the pictures that lie elsewhere.

    Raises:
        BadFile: there are no class folders.
    """
    inside = _subfolders(root)
    train = next((name for name in inside if PARTS.get(name.lower()) == TRAIN), None)
    divided = train is not None and bool(_subfolders(os.path.join(root, train))) and not _loose(root, train)
    if not divided:
        return list(_entries(root, "", "")), [
            Skipped(name, "it lies outside the class folders") for name in _loose(root, "")
        ]
    entries: list[Entry] = []
    skipped = [Skipped(name, "it lies outside the class folders") for name in _loose(root, "")]
    for name in inside:
        part = PARTS.get(name.lower())
        if part is None:
            skipped.append(Skipped(f"{printable(name)}/", "it is not train, validation or test"))
        else:
            entries += _entries(root, name, part)
            skipped += [Skipped(file, "it lies outside the class folders") for file in _loose(root, name)]
    return entries, skipped


def _subfolders(folder: str) -> list[str]:
    with os.scandir(folder) as found:
        return sorted(entry.name for entry in found if entry.is_dir() and not entry.name.startswith("."))


def _loose(root: str, folder: str) -> list[str]:
    """Picture files directly in a folder that should hold class folders."""
    endings = tuple(f".{ending}" for ending in EXTENSIONS)
    with os.scandir(os.path.join(root, folder)) as found:
        names = sorted(entry.name for entry in found if entry.is_file() and entry.name.lower().endswith(endings))
    return [printable(os.path.join(folder, name)) for name in names if not name.startswith(".")]


def _entries(root: str, folder: str, part: str) -> Iterator[Entry]:
    for kind in _subfolders(os.path.join(root, folder)):
        inside = os.path.join(root, folder, kind)
        for where, folders, files in os.walk(inside):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for file in sorted(name for name in files if not name.startswith(".")):
                path = os.path.join(where, file)
                name = printable(os.path.relpath(path, root))
                group = name if where == inside else printable(os.path.relpath(where, root))
                yield Entry(path, name, part, printable(kind), group)


def printable(name: str) -> str:
    """A file's name as text that can be written anywhere: folders by /, accents in one form, foreign bytes replaced."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text.replace(os.sep, "/"))


# -- sizes and colours -------------------------------------------------------------------------------------------------


def header(path: str) -> Shape | None:
    """(height, width, 1 | 3) as the head of a picture file announces it, None where that cannot be read."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
            module, kind = next(home for how, home in KINDS.items() if re.match(how, start, re.DOTALL))
            file.seek(0)
            with getattr(importlib.import_module(f"PIL.{module}"), kind)(file) as image:
                grey = image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")
                width, height = image.size
                turned = image.format == "JPEG" and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                return (width, height, 1 if grey else 3) if turned else (height, width, 1 if grey else 3)
    # Whatever a damaged head makes a decoder raise, reading the file finds it again and says it.
    except Exception:
        return None


def _shape_of(entries: Sequence[Entry], wanted: tuple[int, int] | None) -> Shape:
    """The size that all pictures are brought to, `wanted` or by theirs, and whether in colour."""
    workers = worker_count("pictures", None)
    found = [shape for shape in in_order(header, [entry.path for entry in entries], workers, 64) if shape is not None]
    sizes = {shape[:2] for shape in found}
    channels = max((shape[2] for shape in found), default=3)
    if wanted is not None:
        return (*wanted, channels)
    if len(sizes) == 1 and max(found[0][:2]) <= 128:
        return (*found[0][:2], channels)
    shorter = int(np.median([min(shape[:2]) for shape in found])) if found else SIDES[0]
    side = max((s for s in SIDES if s <= shorter), default=max(8, shorter))
    return side, side, channels


def _checked_size(size: Any) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else size
    fits = isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(side, int) for side in pair)
    if not fits or isinstance(size, bool) or min(pair) < 1:
        raise invalid("pictures", "size", "(height, width) in pixels, or one number for both", size)
    return pair[0], pair[1]


# -- reading -----------------------------------------------------------------------------------------------------------


def _read(entries: Sequence[Entry], shape: Shape, skipped: list[Skipped]) -> tuple[list[Entry], Array | None]:
    """The entries that are good pictures, and their pixels unless they are too many to keep."""

    def work(entry: Entry) -> Array | str:
        try:
            return decoded(entry.path, shape)
        except BadFile as error:
            return reason(error)

    keep = len(entries) * int(np.prod(shape)) <= min(MEMORY_BYTES, device_limit_bytes() // 2)
    workers = worker_count("pictures", None)
    good: list[Entry] = []
    pixels: list[Array] = []
    for entry, found in zip(entries, in_order(work, entries, workers, 4 * workers), strict=True):
        if isinstance(found, str):
            skipped.append(Skipped(entry.name, found))
        else:
            good.append(entry)
            pixels += [found] if keep else []
    return good, np.stack(pixels) if pixels else None


def reason(error: BadFile) -> str:
    """Why a file is no picture, without its name: `it is empty`."""
    text = str(error).partition("as a picture: ")[2] or str(error)
    return text.rstrip(".").removesuffix(f" ({READABLE})")


EXPECTED = "Expected a folder of pictures per class, such as photos/cats and photos/dogs"


def _check_some(root: str, found: Sequence[Entry]) -> None:
    if not found:
        raise BadFile(f"pictures: there is no readable picture in the folders inside {show(root)}. {EXPECTED}.")


def _check_classes(root: str, names: list[str], good: Sequence[Entry], divided: bool) -> None:
    """Refuse what no network can learn from.

    Raises:
        BadFile: no picture, one class, or a class with too few pictures, named.
    """
    _check_some(root, good)
    where = show(root)
    if len(names) < 2:
        raise BadFile(f"pictures: {where} has one class only ({names[0]}), and at least 2 are needed. {EXPECTED}.")
    counts = Counter(entry.kind for entry in good if entry.part in ("", TRAIN))
    least, what = (1, "to learn from") if divided else (2, "one to learn from and one to test")
    for name in names:
        if counts[name] < least:
            raise BadFile(
                f"pictures: the class {name!r} in {where} has {plural(counts[name], 'readable picture')}, and at least "
                f"{least} are needed, {what}. Add pictures, or take the folder away."
            )
