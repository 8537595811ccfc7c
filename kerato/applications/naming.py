"""A model by what one types: the name of a net, the file of a model, the folder of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerato.applications import trained
from kerato.applications.lenet import LeNet5, concept_cnn
from kerato.applications.pretrained import CLASSES, assemble, rows, whole
from kerato.applications.small import NETS, build
from kerato.datasets.places import home
from kerato.errors import unknown

#: names in small letters -> what makes the net, without trained weights
BUILDERS: dict[str, Callable[[], Any]] = {"lenet5": LeNet5, "concept_cnn": concept_cnn}


def named(name: str, compile: bool = True) -> Any:
    """The net of that name with new weights, or the model in that file or folder of a run.

    Args:
        name: what one types.
        compile: whether a model from a file is compiled as it was.

    Raises:
        UnknownName: neither a net nor a path that exists.
        BadFile: the file holds no model.
    """
    from kerato.saving import load_model

    if is_net(name):
        return _net(name.lower())
    return load_model(file_of(name), compile=compile)


def file_of(name: str) -> Path:
    """The file of a model: that in the folder of a run, where `name` is one."""
    inside = Path(name) / "model.keras"
    return inside if inside.is_file() else Path(name)


def is_net(name: str) -> bool:
    """Whether a net is called so, and no file or folder lies there.

    Raises:
        UnknownName: neither a net nor a path that exists.
    """
    path = Path(name)
    if path.exists():
        return False
    known = (*BUILDERS, *NETS, *rows())
    if name.lower() not in known and not path.suffix and path.name == name:
        raise unknown("models", "the net or file", name, known)
    return name.lower() in known


def _net(name: str) -> Any:
    row = rows().get(name)
    if row is not None:
        return assemble(row, True, None, None, None, None, CLASSES, "softmax", None)
    return BUILDERS[name]() if name in BUILDERS else build(name, NETS[name].typical, 10)


def seen(name: str, include_top: bool = True) -> tuple[Any, str]:
    """The model of that name for raw pictures, and what to know of its weights before it is believed, mostly nothing.

    A net that there are trained weights for has them if they are on this machine; none are downloaded.

    Args:
        name: as `named` takes it; a model from a file is as it is, and not compiled.
        include_top: whether a net that there are trained weights for answers, or ends with its maps.

    Raises:
        UnknownName: neither a net nor a path that exists.
        BadFile: the file holds no model.
    """
    if not is_net(name):
        return named(name, compile=False), ""
    row = rows().get(name.lower())
    if row is None:
        return named(name), f"{name} is a net with random weights: what is seen was not learned."
    file = trained.files_of(row, include_top)
    here = trained.found(file) or trained.found(trained.files_of(row, include_top=True))
    if here:
        return whole(row, include_top, here), ""
    remark = (
        f"{name} has random weights, so that what is seen was not learned: {file.names[0]} is not on this machine. "
        f"Put it into {home() / 'weights'}; it comes from {file.remote}."
    )
    return whole(row, include_top, None), remark
