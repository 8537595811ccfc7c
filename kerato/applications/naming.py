"""A model by what one types: the name of a net, the file of a model, the folder of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerato.applications.lenet import LeNet5, concept_cnn
from kerato.applications.small import NETS, build
from kerato.errors import unknown

#: names in small letters -> what makes the net, without trained weights
BUILDERS: dict[str, Callable[[], Any]] = {"lenet5": LeNet5, "concept_cnn": concept_cnn}
BUILDERS |= {name: (lambda name=name: build(name, NETS[name].typical, 10)) for name in NETS}  # type: ignore[misc]


def named(name: str) -> Any:
    """The net of that name with new weights, or the model in that file or folder of a run.

    Raises:
        UnknownName: neither a net nor a path that exists.
        BadFile: the file holds no model.
    """
    from kerato.saving import load_model

    path = Path(name)
    if name.lower() in BUILDERS:
        return BUILDERS[name.lower()]()
    if path.is_dir():
        return load_model(path / "model.keras")
    if path.exists() or path.suffix:
        return load_model(path)
    raise unknown("models", "the net or file", name, BUILDERS)
