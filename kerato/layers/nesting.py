"""Layers as arguments of layers: from a configuration, and copied with other arguments."""

from __future__ import annotations

from typing import Any

from kerato.arguments import Configurable, Rule
from kerato.layers.base import Layer


def revived(value: Any) -> Any:
    """The public layer that a record `{"class_name": ..., "config": ...}` describes; other values as they are.

    Files are read by `kerato.saving`, which also knows the classes that a program registered.
    """
    if not isinstance(value, dict):
        return value
    from kerato import layers

    return getattr(layers, str(value.get("class_name"))).from_config(dict(value.get("config") or {}))


def _layer(value: Any, _: Any) -> Any:
    value = revived(value)
    if not isinstance(value, Layer):
        raise TypeError
    return value


layer = Rule("a layer", _layer)


def copied(original: Any, **changes: Any) -> Any:
    """A layer with the arguments of `original` but for `changes`, and with new weights."""
    options = original.get_config()
    given = original.__dict__.get("_arguments", {})
    for name in options.keys() & given.keys():
        value = original.__dict__.get(name, given[name])
        if isinstance(value, Layer):
            options[name] = copied(value)
        elif isinstance(value, (list, tuple)) and any(isinstance(item, Layer) for item in value):
            options[name] = [copied(item) if isinstance(item, Layer) else item for item in value]
        elif callable(value) and not isinstance(value, Configurable):
            options[name] = value
    return type(original).from_config({**options, **changes})
