"""What is done to the values of layers while a model is evaluated: see `kerato.see.lens`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerato.variables import running

Array = Any


def tap(path: str, added: Array, seen: dict[str, Array]) -> Callable[[str, Array], Array]:
    """A hook that adds `added` to what the call at `path` gives, and puts the value into `seen`.

    The derivative with respect to `added` is that with respect to the layer's value.
    """

    def hook(found: str, value: Array) -> Array:
        if found != path:
            return value
        seen[path] = value
        return value + added.astype(value.dtype)

    return hook


def guided(path: str, value: Array) -> Array:
    """A hook for guided backpropagation: behind a ReLU only positive gradients go on (Springenberg et al. 2014)."""
    run = running()
    return _positive_gradient(value) if run is not None and run.logits_of(value, "relu") is not None else value


def _same(value: Array) -> Array:
    return value


_positive_gradient = jax.custom_vjp(_same)
_positive_gradient.defvjp(lambda value: (value, None), lambda _, gradient: (jnp.maximum(gradient, 0),))
