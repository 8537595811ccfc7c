"""The operations, under today's names (`kerato.ops.relu`, `ops.mean`, `ops.image.resize`, ...).

Each works on arrays, inside `jax.jit`, on variables and on symbolic tensors. They are sorted by Keras's families:
`ops.numpy`, `ops.nn`, `ops.linalg`, `ops.image`; all but those of `ops.image` are also names of `kerato.ops` itself.
"""

from __future__ import annotations

from typing import Any

from kerato.errors import unknown
from kerato.ops import base, core, image, labellings, linalg, math, nn, numpy
from kerato.ops.base import OPS, Operators, leaves, op, tree_map
from kerato.ops.core import (
    cond,
    convert_to_numpy,
    convert_to_tensor,
    custom_gradient,
    dtype,
    is_tensor,
    switch,
)
from kerato.ops.linalg import jvp
from kerato.ops.numpy import ndim, vectorize

__all__ = [
    "OPS",
    "Operators",
    "base",
    "cond",
    "convert_to_numpy",
    "convert_to_tensor",
    "core",
    "custom_gradient",
    "dtype",
    "image",
    "is_tensor",
    "jvp",
    "labellings",
    "leaves",
    "linalg",
    "math",
    "ndim",
    "nn",
    "numpy",
    "op",
    "switch",
    "tree_map",
    "vectorize",
]


globals().update(OPS)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in OPS:
        return OPS[name]
    raise unknown("kerato.ops", "the operation", name, OPS)
