"""Where trained weights lie on a machine, and how they come there.

Looked through in this order, first find wins: `$KERATO_DATA` and its folder `weights`; `$KERATO_HOME/weights`, by
default `~/.kerato/weights`, where downloads go; `$KERAS_HOME/models`, by default `~/.keras/models`, Keras's own.
"""

from __future__ import annotations

import http.client
import os
import sys
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerato import config
from kerato.applications import mobilenet, mobilenet_v2
from kerato.datasets.download import TIMEOUT_S, Remote, address, fetch, reason_of
from kerato.datasets.places import home
from kerato.errors import BadFile

if TYPE_CHECKING:
    from kerato.applications.pretrained import Pretrained
    from kerato.models import Model

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
NAMES = "https://storage.googleapis.com/download.tensorflow.org/data"


@dataclass(frozen=True)
class File:
    """A published file: its address's folder, its names, and a digest, if its owner publishes one."""

    folder: str
    names: tuple[str, ...]
    md5: str = ""
    sha256: str = ""

    @property
    def remote(self) -> str:
        """Its address."""
        return f"{self.folder}/{self.names[0]}"


CLASS_INDEX = File(NAMES, ("imagenet_class_index.json",), md5="c2c37ea517e94d9795004a39431a14cb")

_KERNELS = "{}_weights_tf_dim_ordering_tf_kernels{}.h5"
_SQUEEZE = "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0"


def _pair(name: str, folder: str, with_top: str, without: str) -> tuple[File, File]:
    """The files of a net that Keras gives md5 digests for."""
    return (
        File(f"{KERAS}/{folder}", (_KERNELS.format(name, ""),), md5=with_top),
        File(f"{KERAS}/{folder}", (_KERNELS.format(name, "_notop"),), md5=without),
    )


def _mobile(folder: str, name: str) -> tuple[File, File]:
    """The files of a net that nobody publishes digests for."""
    return File(f"{KERAS}/{folder}", (f"{name}.h5",)), File(f"{KERAS}/{folder}", (f"{name}_no_top.h5",))


#: net -> its weights with the top, and without; the digests are those that Keras gives, or the file's own
FILES: dict[str, tuple[File, File]] = {
    "squeezenet": (
        File(_SQUEEZE, (_KERNELS.format("squeezenet", ""),)),
        File(
            _SQUEEZE,
            (_KERNELS.format("squeezenet", "_notop"), "squeezenet_v1.1_notop_keras.h5"),
            sha256="17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da",
        ),
    ),
    "vgg16": _pair("vgg16", "vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    "vgg19": _pair("vgg19", "vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    "resnet50": _pair("resnet50", "resnet", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
}
FILES |= {
    f"mobilenet_{width}_{side}": _mobile("mobilenet", f"mobilenet_{width}_{side}_tf")
    for width in mobilenet.WIDTHS.values()
    for side in mobilenet.SIDES
}
FILES |= {
    f"mobilenetv2_{width}_{side}": _mobile(
        "mobilenet_v2", f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{side}"
    )
    for width in mobilenet_v2.WIDTHS
    for side in mobilenet_v2.SIDES
}


def folders() -> list[Path]:
    """The folders that are looked through, in order."""
    named = [Path(part).expanduser() for part in os.environ.get("KERATO_DATA", "").split(os.pathsep) if part]
    return [*(one for part in named for one in (part, part / "weights")), *kept()]


def kept() -> list[Path]:
    """The folders in which weights are kept from one use to the next."""
    return [home() / "weights", config.keras_home() / "models"]


def found(file: File, where: Iterable[Path] | None = None) -> Path | None:
    """The file on this machine, if it is here."""
    paths = (folder / name for folder in (folders() if where is None else where) for name in file.names)
    return next((path for path in paths if path.is_file()), None)


def files_of(row: Pretrained, include_top: bool) -> File:
    """The trained weights of a net, with its top or without."""
    return FILES[row.files or row.name][0 if include_top else 1]


def remedy(file: File) -> str:
    """What to do where a file cannot be downloaded."""
    return f"Put the file {file.names[0]} into {home() / 'weights'}, or name a file of weights."


def place(file: File) -> Path:
    """The file on this machine; downloaded into `~/.kerato/weights` where it is not.

    Without a published digest it is taken from its owner's address only, never from a mirror.

    Raises:
        BadFile: it cannot be downloaded; the message says which file to put where.
    """
    here = found(file)
    if here is not None:
        return here
    remote = Remote(file.remote, 0, file.sha256, file.md5)
    if not (file.sha256 or file.md5):
        if os.environ.get("KERATO_MIRROR"):
            what = "is not on this machine, and no digest is known to check what a mirror sends"
            raise BadFile(f"{file.names[0]}: {what}. {remedy(file)}")
        print(f"{file.names[0]}: no digest of it is published; only its size can be checked", file=sys.stderr)
    url = address(remote, "weights")
    return fetch(replace(remote, size=_size(url, file)), url, home() / "weights")


def _size(url: str, file: File) -> int:
    """How many bytes a server says the file has."""
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            size = int(answer.headers.get("Content-Length") or 0)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BadFile(f"{url}: could not be downloaded ({reason_of(error)}). {remedy(file)}") from None
    if not size:
        raise BadFile(f"{url}: could not be downloaded (the server does not say how large it is). {remedy(file)}")
    return size


def load(row: Pretrained, model: Model, weights: Any, include_top: bool) -> None:
    """Give a net its trained weights: `'imagenet'`, or those of a file.

    Raises:
        BadFile: there is no such file, or it does not fit.
    """
    from kerato.applications.pretrained import stored_names

    path = place(files_of(row, include_top)) if weights == "imagenet" else Path(weights).expanduser()
    if not path.is_file():
        raise BadFile(f"{path}: expected a file of weights for {row.name}, 'imagenet' or None, and there is none.")
    names = stored_names(path)
    whole = not include_top and row.top in names
    model.load_weights(path, by_name=whole)
