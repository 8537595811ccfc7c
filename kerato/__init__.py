"""Kerato: image deep learning with the API that Keras users know, compiled end to end by XLA.

Every public name is loaded when it is first used: `import kerato` touches neither JAX nor a device.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kerato import memory

if TYPE_CHECKING:
    from kerato.layers import Input as Input
    from kerato.layers import Layer as Layer
    from kerato.models import Model as Model
    from kerato.models import Sequential as Sequential

__version__ = "0.1.0"

#: name -> where it lives; the module itself where nothing follows the colon
_HOMES = {
    "Input": "layers:Input",
    "Layer": "layers:Layer",
    "Model": "models:Model",
    "Sequential": "models:Sequential",
    "Variable": "variables:Variable",
    "from_keras": "saving.exchange:from_keras",
    "load_model": "saving:load_model",
    "set_random_seed": "random:set_seed",
    "clear_session": "layers.base:clear_session",
}

_ROOMS = (
    "activations applications backend callbacks config constraints data datasets errors faces graph image"
    " initializers keras kernels layers legacy losses metrics models ops optimizers preprocessing random regularizers"
    " saving schedules see tasks utils"
)


memory.keep()


def __getattr__(name: str) -> Any:
    if name in _ROOMS.split():
        return importlib.import_module(f"kerato.{name}")
    if name not in _HOMES:
        from kerato.errors import unknown

        if name.startswith("__"):
            raise AttributeError(name)
        raise unknown("kerato", "the name", name, __dir__())
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"kerato.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted([*_HOMES, *_ROOMS.split(), "__version__"])


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext kerato`: `import keras` means Kerato in this notebook."""
    importlib.import_module("kerato.legacy.notebooks").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext kerato`."""
    importlib.import_module("kerato.legacy.notebooks").unload(shell)
