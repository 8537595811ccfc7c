"""The three roles of a convolution, of which any two give the third: their order and their shapes."""

from __future__ import annotations

from kerato.kernels.windows import Windows

ROLES = ("x", "kernel", "y")


def operands(role: str) -> tuple[str, ...]:
    """The other two roles, in the order of ROLES."""
    return tuple(other for other in ROLES if other != role)


def shape_of(role: str, shapes: dict[str, tuple[int, ...]], geometry: Windows) -> tuple[int, ...]:
    """The shape of one role from those of the other two."""
    if role == "y":
        return (shapes["x"][0], *geometry.output, shapes["kernel"][-1])
    if role == "x":
        return (shapes["y"][0], *geometry.lengths, shapes["kernel"][-2] * geometry.groups)
    return (*geometry.window, shapes["x"][-1] // geometry.groups, shapes["y"][-1])
