"""`get_file`: a file of the user's choice from the network, kept in Keras's cache, checked, and unpacked safely."""

from __future__ import annotations

import hashlib
import http.client
import os
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from kerato import config
from kerato.datasets.download import TIMEOUT_S, Remote, copied, progress, reason_of
from kerato.errors import BadFile, invalid

#: a server that says no length may send so much
LIMIT_BYTES = 2**36

#: digits of a hash in hexadecimal -> how it is computed
_KINDS = {32: "md5", 64: "sha256"}


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file from the network: downloaded once into `~/.keras/<cache_subdir>`.

    Args:
        fname: what it is called there; None takes the name in the address.
        origin: the address, http, https or file.
        untar: unpack it (Keras 2's word for `extract` of a tar file).
        md5_hash: as `file_hash`.
        file_hash: md5 or sha256 in hexadecimal; a kept file with another one is downloaded anew.
        cache_subdir: the folder in the cache.
        hash_algorithm: `'auto'`, `'md5'` or `'sha256'`.
        extract: unpack a tar or zip file beside it; the folder's path is returned.
        archive_format: accepted; what the file is decides.
        cache_dir: instead of `~/.keras`.
        force_download: even if it is there.

    Raises:
        BadFile: the network fails, the hash is another one, or the archive would write outside of its folder.
    """
    if not origin or not origin.startswith(("https://", "http://", "file://")):
        raise invalid("get_file", "origin", "an address with https://, http:// or file://", origin)
    name = fname or origin.rstrip("/").rpartition("/")[2]
    folder = Path(cache_dir or config.keras_home()).expanduser() / cache_subdir
    target = folder / Path(name).name
    wanted = (file_hash or md5_hash or "").lower()
    if force_download or not target.is_file() or (wanted and _hash(target, wanted, hash_algorithm) != wanted):
        _download(origin, target, wanted, hash_algorithm)
    if not (extract or untar):
        return str(target)
    return str(_unpacked(target))


def _download(origin: str, target: Path, wanted: str, kind: str) -> None:
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(origin, timeout=TIMEOUT_S) as answer, part.open("wb") as file:
            length = int(answer.headers.get("Content-Length") or 0)
            with progress(Remote(f"{target.parent.name}/{target.name}", length, "")) as tick:
                copied(answer, file, length or LIMIT_BYTES, tick)
            have = file.tell()
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise BadFile(
            f"get_file: {origin} cannot be downloaded ({reason_of(error)}). "
            f"Put the file into {target.parent} by hand, as {target.name}."
        ) from None
    if length and have < length:
        raise BadFile(f"get_file: {origin} broke off after {have:,} of {length:,} bytes. Try again.")
    got = _hash(part, wanted, kind) if wanted else wanted
    if got != wanted:
        part.unlink()
        raise BadFile(f"get_file: {origin}: expected the hash {wanted}, got {got}. The file was discarded.")
    part.replace(target)


def _hash(path: Path, wanted: str, kind: str) -> str:
    chosen = _KINDS.get(len(wanted)) if kind == "auto" else kind
    if chosen not in _KINDS.values():
        raise invalid("get_file", "file_hash", "an md5 or sha256 in hexadecimal", wanted)
    with path.open("rb") as file:
        return hashlib.file_digest(file, str(chosen)).hexdigest()


def _unpacked(archive: Path) -> Path:
    """The folder beside an archive with what is in it; nothing is written outside of it."""
    folder = archive.with_name(archive.name.split(".")[0] + "_extracted")
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        elif zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)
        else:
            raise BadFile(f"get_file: {archive} is neither a tar nor a zip file. Leave `extract` out.")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise BadFile(f"get_file: {archive} cannot be unpacked ({error}). Download it anew.") from None
    return folder
