"""A folder of pictures: what lies in it, in an order that no file system decides, and which files are broken."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from kerato import errors
from kerato.data.loading import Path, load_img

EXTENSIONS: Final = ("png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp", "ppm", "pgm")
"""Endings that count as pictures, in either case: those of the book and today's."""

NAMED_AT_MOST: Final = 10
"""Broken files that the summary line names; `broken` has them all."""


@dataclass
class Listing:
    """The pictures of a folder with one sub-folder per class."""

    root: str
    class_names: list[str]
    filenames: list[str] = field(default_factory=list)
    """Paths below `root`, by class, then in alphabetical order."""
    labels: list[int] = field(default_factory=list)
    """The index of each file's class in `class_names`."""
    broken: list[tuple[str, str]] = field(default_factory=list)
    """(path below `root`, reason) of files that were skipped."""


def list_pictures(directory: Path, ext: str = "jpg|jpeg|bmp|png|ppm") -> list[str]:
    """The paths of all pictures in `directory` and its sub-folders, sorted; `ext` are endings separated by `|`.

    Raises:
        BadFile: `directory` is no folder.

    Source: Keras 2.0.5, which gives them in the file system's order.
    """
    root = existing_folder("list_pictures", directory)
    return [os.path.join(root, name) for name in _files(root, tuple(ext.split("|")), follow_links=False)]


def existing_folder(owner: str, directory: Path) -> str:
    """`directory` as a str.

    Raises:
        BadFile: it is no folder.
    """
    root = os.fspath(directory)
    if not os.path.isdir(root):
        raise errors.BadFile(f"{owner}: `directory` must be an existing folder. Got {errors.show(root)}.")
    return root


def scan(directory: Path, classes: Sequence[str] | None, follow_links: bool, subset: slice | None = None) -> Listing:
    """The pictures below `directory`, a class for each sub-folder: those named in `classes`, else all in sorted order.

    Names that begin with a dot are no pictures and no classes. `subset` is the part that is taken of the files of
    each class. Files that cannot be read are left out and listed in `broken`.

    Raises:
        BadFile: `directory` or a folder of `classes` does not exist, there is no picture, or all are broken.
    """
    root = existing_folder("flow_from_directory", directory)
    found = Listing(root, list(classes) if classes else _subfolders(root))
    for label, name in enumerate(found.class_names):
        existing_folder("flow_from_directory", os.path.join(root, name))
        inside = [os.path.join(name, file) for file in _files(os.path.join(root, name), EXTENSIONS, follow_links)]
        good = [file for file in inside if _is_good(root, file, found.broken)]
        taken = good if subset is None else good[_part(subset, len(good))]
        found.filenames += taken
        found.labels += [label] * len(taken)
    _see_that_something_is_there(found)
    return found


def _part(fraction: slice, count: int) -> slice:
    return slice(int(fraction.start * count), int(fraction.stop * count))


def _subfolders(root: str) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _files(root: str, extensions: tuple[str, ...], follow_links: bool) -> Iterator[str]:
    """Paths below `root` of files with one of the endings, folder by folder in sorted order."""
    wanted = re.compile(rf"[^.].*\.({'|'.join(map(re.escape, extensions))})", re.IGNORECASE | re.DOTALL)
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=follow_links):
        # A link to a folder above would be walked for ever.
        real = os.path.realpath(folder)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        inside = [] if real in seen else sorted(filter(wanted.fullmatch, files))
        seen.add(real)
        yield from (os.path.relpath(os.path.join(folder, name), root) for name in inside)


def _is_good(root: str, filename: str, broken: list[tuple[str, str]]) -> bool:
    path = os.path.join(root, filename)
    if _looks_whole(path):
        return True
    try:
        load_img(path)
    except errors.BadFile as error:
        broken.append((filename, str(error)))
        return False
    return True


def _looks_whole(path: str) -> bool:
    """Whether a JPEG or PNG has a readable header and its end mark; for anything else decoding has to tell."""
    from PIL import Image

    try:
        with Image.open(path, formats=("JPEG", "PNG")) as picture:
            mark = b"\xff\xd9" if picture.format == "JPEG" else b"IEND\xaeB`\x82"
        with open(path, "rb") as file:
            file.seek(-len(mark), os.SEEK_END)
            return file.read() == mark
    except Exception:
        return False


def _see_that_something_is_there(found: Listing) -> None:
    if found.filenames:
        return
    where = errors.show(found.root)
    if found.broken:
        name, reason = found.broken[0]
        count = errors.plural(len(found.broken), "picture")
        raise errors.BadFile(f"flow_from_directory: all {count} in {where} are broken. The first is {name!r}: {reason}")
    raise errors.BadFile(
        f"flow_from_directory: no pictures ({', '.join(EXTENSIONS)}) in the sub-folders of {where}. "
        "It must hold one folder of pictures per class; `classes` can name them."
    )


def broken_line(broken: list[tuple[str, str]]) -> str:
    """One line that says how many files were skipped and which."""
    names = [repr(name) for name, _ in broken[:NAMED_AT_MOST]]
    more = [f"and {len(broken) - NAMED_AT_MOST:,} more"] if len(broken) > NAMED_AT_MOST else []
    return f"Skipped {errors.plural(len(broken), 'broken file')}: {', '.join(names + more)}."
