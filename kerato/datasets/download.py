"""One file from the network: resumed where it broke off, checked by size and sha256, then moved into place."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kerato.errors import BadFile

CHUNK_BYTES = 2**16
TIMEOUT_S = 30.0
ATTEMPTS = 3

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Remote:
    """A file that can be downloaded: where it is, how long it is, and what its sha256 must be.

    `md5` stands in where its owner publishes no sha256; without either only the size is checked.
    """

    url: str
    size: int
    sha256: str
    md5: str = ""

    @property
    def digest(self) -> tuple[str, str]:
        """(name of the digest, its value); the size, where there is none."""
        if not (self.sha256 or self.md5):
            return "size", str(self.size)
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)

    @property
    def name(self) -> str:
        """The file's name, the last part of the address."""
        return self.url.rsplit("/", 1)[-1]


def address(remote: Remote, folder: str) -> str:
    """Where the file is fetched from: `$KERATO_MIRROR/<folder>/<name>` when that is set, else its own address.

    The sha256 is the same either way, so a mirror needs no trust.

    Raises:
        BadFile: the mirror is no http or https address.
    """
    mirror = os.environ.get("KERATO_MIRROR", "").rstrip("/")
    if mirror and not mirror.startswith(("https://", "http://")):
        raise BadFile(f"KERATO_MIRROR: expected an address with https:// or http://, got {mirror!r}. Correct it.")
    return f"{mirror}/{folder}/{remote.name}" if mirror else remote.url


def fetch(remote: Remote, url: str, folder: Path) -> Path:
    """Download `url` into `folder` and return the file's path. A part that is there already is continued.

    The part lies beside the file as `NAME.part`; a broken connection leaves it there for the next time.

    Raises:
        BadFile: the network or the server fails, the file is not the expected one, or the folder is read-only.
    """
    from filelock import FileLock

    target, part = folder / remote.name, folder / f"{remote.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{part}.lock"):
            if not target.is_file():
                _complete(remote, url, part)
                part.replace(target)
    except OSError as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile(
            f"{target}: it could not be written ({error.strerror or error}). "
            "Free or name another folder with the environment variable KERATO_HOME."
        ) from error
    return target


def _complete(remote: Remote, url: str, part: Path) -> None:
    with progress(remote) as tick:
        reason = _attempts(remote, url, part, tick)
    have = _size(part)
    if have < remote.size:
        raise BadFile(
            f"{url}: expected {remote.size:,} bytes, got {have:,} ({reason}). Try again: it goes on from there."
        )
    kind, wanted = remote.digest
    got = _digest(part, kind)
    if got != wanted:
        part.unlink()
        raise BadFile(f"{url}: expected the {kind} {wanted}, got {got}. The file was discarded; try another mirror.")


def _attempts(remote: Remote, url: str, part: Path, tick: Tick) -> str:
    """Continue `part` until it is whole or the attempts are used up, and return what went wrong last."""
    reason = ""
    for _ in range(ATTEMPTS):
        if _size(part) >= remote.size:
            break
        try:
            reason = _continue(remote, url, part, tick)
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = reason_of(error)
            if isinstance(error, urllib.error.HTTPError) and error.code in (403, 404, 410):
                break
    return reason


def reason_of(error: Exception) -> str:
    """Why a server could not be read; the connection that an answer such as 404 holds is closed."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
    return str(getattr(error, "reason", "") or error)


def _continue(remote: Remote, url: str, part: Path, tick: Tick) -> str:
    start = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        with part.open("ab" if goes_on else "wb") as file:
            tick(file.tell())
            copied(answer, file, remote.size + 1, tick)
    return "the connection ended early"


def copied(answer: IO[bytes], file: IO[bytes], most: int, tick: Tick) -> None:
    """Write what a server sends to a file, `most` bytes at the most, and tell how many there are."""
    while file.tell() < most and (chunk := answer.read(min(CHUNK_BYTES, most - file.tell()))):
        file.write(chunk)
        tick(file.tell())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _digest(path: Path, kind: str) -> str:
    if kind == "size":
        return str(_size(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


@contextlib.contextmanager
def progress(remote: Remote) -> Iterator[Tick]:
    """A progress bar on standard error; a plain line where that is no terminal."""
    if not sys.stderr.isatty():
        print(f"downloading {remote.name} ({remote.size / 1e6:.1f} MB)", file=sys.stderr)
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(remote.name, total=remote.size or None)
        yield lambda done: bar.update(task, completed=done)
