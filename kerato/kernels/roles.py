"""The three roles of a convolution, of which any two give the third: their order and their shapes."""

from __future__ import annotations

from math import prod
from typing import Any

from kerato.kernels.windows import Windows

Shapes = dict[str, tuple[int, ...]]
ROLES = ("x", "kernel", "y")


def operands(role: str) -> tuple[str, ...]:
    """The other two roles, in the order of ROLES."""
    return tuple(other for other in ROLES if other != role)


def shape_of(role: str, shapes: Shapes, geometry: Windows) -> tuple[int, ...]:
    """The shape of one role from those of the other two."""
    if role == "y":
        return (shapes["x"][0], *geometry.output, shapes["kernel"][-1])
    if role == "x":
        return (shapes["y"][0], *geometry.lengths, shapes["kernel"][-2] * geometry.groups)
    return (*geometry.window, shapes["x"][-1] // geometry.groups, shapes["y"][-1])


def shapes_of(role: str, a: Any, b: Any, geometry: Windows) -> Shapes:
    """The shapes of all three roles, where a and b are the operands of `role`."""
    shapes = {name: value.shape for name, value in zip(operands(role), (a, b), strict=True)}
    return {**shapes, role: shape_of(role, shapes, geometry)}


def kernel_outweighs(shapes: Shapes) -> bool:
    """Whether the kernel has many more numbers than the pictures: a few small ones, with many channels."""
    return prod(shapes["kernel"]) > 8 * prod(shapes["x"])
