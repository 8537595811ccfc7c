"""Files: `.keras` archives, and writing beside the old file, which stays whole until the new one is complete."""

from __future__ import annotations

import io
import json
import os
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from kerato.errors import BadFile, plural

CONFIG, METADATA, WEIGHTS, EXTRA = "config.json", "metadata.json", "model.weights.h5", "kerato.json"

#: an archive with more members, or larger JSON, is no model's
LIMIT_MEMBERS, LIMIT_JSON_BYTES = 1000, 32 * 2**20
#: how many times larger than packed a member may be, from this size on
LIMIT_RATIO, RATIO_FROM_BYTES = 100, 2**20

#: the time that all members carry: the same model gives the same bytes
_TIME = (1980, 1, 1, 0, 0, 0)

PathLike = str | os.PathLike[str]


# -- writing -----------------------------------------------------------------------------------------------------------


def write_beside(path: PathLike, write: Callable[[BinaryIO], Any], overwrite: bool = True) -> None:
    """Let `write` fill a new file beside `path`, which then takes its place at once.

    Raises:
        BadFile: `path` is a folder, exists although `overwrite` is False, or cannot be written. An old file is whole
            then, and nothing is left beside it.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise BadFile(f"{path}: cannot be written, because it is a folder. Give a file name.")
    if target.exists() and not overwrite:
        raise BadFile(f"{path}: exists already. Give another name, or overwrite=True.")
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        _fill(part, write)
        os.replace(part, target)
        _settle(target.parent)
    except OSError as error:
        kept = " The old file is as it was." if target.exists() else ""
        raise BadFile(f"{path}: cannot be written ({error.strerror or error}).{kept}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _fill(part: Path, write: Callable[[BinaryIO], Any]) -> None:
    with open(part, "xb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Make the new name last through a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_archive(path: PathLike, members: dict[str, bytes], overwrite: bool = True) -> None:
    """Write an archive of these members, unpacked and without times.

    Raises:
        BadFile: as `write_beside`.
    """

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name, _TIME), data)

    write_beside(path, write, overwrite)


def json_bytes(value: Any) -> bytes:
    """Plain data as JSON.

    Raises:
        ValueError, TypeError: `value` holds something that JSON cannot.
    """
    return json.dumps(value, allow_nan=True).encode()


# -- reading -----------------------------------------------------------------------------------------------------------


def begins(path: PathLike, what: str = "a model file") -> bytes:
    """The first 8 bytes of a file.

    Raises:
        BadFile: it is missing, empty, a folder, or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            found = file.read(8)
    except IsADirectoryError:
        raise BadFile(f"{path}: is a folder, not {what}. Give the path of the file in it.") from None
    except FileNotFoundError:
        raise BadFile(f"{path}: there is no such file. Expected {what}.") from None
    except OSError as error:
        raise BadFile(f"{path}: cannot be read ({error.strerror or error}).") from None
    if not found:
        raise BadFile(f"{path}: is empty. Expected {what}; save or copy it again.")
    return found


def is_hdf5(start: bytes) -> bool:
    """Whether a file that begins so is HDF5."""
    return start == b"\x89HDF\r\n\x1a\n"


class Archive:
    """An open `.keras` archive, its table of members checked before anything is read."""

    def __init__(self, path: PathLike, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        infos = archive.infolist()
        self._check_names([info.filename for info in infos])
        self._infos = {info.filename: info for info in infos}
        for needed in (CONFIG, WEIGHTS):
            if needed not in self._infos:
                raise self.bad(f"is an archive without {needed}, not one of a model. Save the model again")

    def bad(self, what: str) -> BadFile:
        """The file and what is wrong with it, as an exception to raise."""
        return BadFile(f"{self.path}: {what}.")

    def _check_names(self, names: list[str]) -> None:
        if len(names) > LIMIT_MEMBERS:
            raise self.bad(f"holds {plural(len(names), 'member')}, more than any model ({LIMIT_MEMBERS:,})")
        for name in names:
            if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name:
                raise self.bad(f"names a member {name!r} outside the archive. No program writes that; not loaded")
        if len(set(names)) < len(names):
            raise self.bad("names a member twice. No program writes that; not loaded")

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def read(self, name: str, limit_bytes: int | None = None) -> bytes:
        """The bytes of a member.

        Raises:
            BadFile: it is damaged, or larger than `limit_bytes` or than its packed size allows.
        """
        info = self._infos[name]
        most = max(RATIO_FROM_BYTES, LIMIT_RATIO * info.compress_size)
        if info.file_size > min(most, limit_bytes or most) or info.compress_size > os.path.getsize(self.path):
            raise self.bad(f"{name} in it declares {info.file_size:,} bytes in {info.compress_size:,}; not loaded")
        try:
            return self._archive.read(info)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            raise self.bad(f"is damaged at {name} ({error}). Copy or save it again") from None

    def json(self, name: str) -> Any:
        """The data in a JSON member.

        Raises:
            BadFile: it is damaged or too large.
        """
        try:
            return json.loads(self.read(name, LIMIT_JSON_BYTES))
        except (ValueError, RecursionError) as error:
            raise self.bad(f"{name} in it is no JSON ({error}). Save the model again") from None

    def weights(self) -> io.BytesIO:
        """The HDF5 file in the archive."""
        return io.BytesIO(self.read(WEIGHTS))


@contextmanager
def opened(path: PathLike) -> Iterator[Archive]:
    """The `.keras` archive at `path`.

    Raises:
        BadFile: it is missing, cut, or something else.
    """
    start = begins(path, "a .keras file")
    if not start.startswith(b"PK"):
        raise BadFile(f"{path}: is no .keras file (a zip archive); it begins with {start!r}. Save the model again.")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadFile(f"{path}: is cut short or damaged ({error}). Copy or save it again.") from None
    with archive:
        yield Archive(path, archive)
