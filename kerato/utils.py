"""Keras's public path for helpers; the code lives elsewhere."""

from __future__ import annotations

import importlib
from typing import Any

#: name -> the module that has it, and its name there
_HOMES = {
    "CustomObjectScope": "saving:custom_object_scope",
    "GeneratorEnqueuer": "data.supply:GeneratorEnqueuer",
    "HDF5Matrix": "data.hdf5:HDF5Matrix",
    "OrderedEnqueuer": "data.supply:OrderedEnqueuer",
    "Progbar": "callbacks.progress:Progbar",
    "PyDataset": "data.supply:PyDataset",
    "Sequence": "data.supply:PyDataset",
    "array_to_img": "data.loading:array_to_img",
    "clear_session": "layers.base:clear_session",
    "custom_object_scope": "saving:custom_object_scope",
    "get_custom_objects": "saving:get_custom_objects",
    "get_file": "datasets.loose:get_file",
    "get_source_inputs": "graph:get_source_inputs",
    "img_to_array": "data.loading:img_to_array",
    "load_img": "data.loading:load_img",
    "model_to_dot": "drawing:model_to_dot",
    "normalize": "data.labels:normalize",
    "pad_sequences": "preprocessing.sequence:pad_sequences",
    "plot_model": "drawing:plot_model",
    "register_keras_serializable": "saving:register_keras_serializable",
    "set_random_seed": "random:set_seed",
    "to_categorical": "data.labels:to_categorical",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from kerato.errors import unknown

        if name.startswith("__"):
            raise AttributeError(name)
        raise unknown("kerato.utils", "the name", name, _HOMES)
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"kerato.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(_HOMES)
