"""How far a picture reaches: borders of zeros, cropping, enlarging."""

from __future__ import annotations

from typing import Any

from kerato import ops
from kerato.arguments import one_of, per_axis, positive_int, title
from kerato.errors import invalid
from kerato.layers.base import Array
from kerato.layers.space import Spatial, border, ends


class ZeroPadding(Spatial):
    """Base of borders of zeros around series, pictures and volumes."""

    checks = {"padding": border}

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        widths = [(0, 0)] * (self.rank + 2)
        for axis, pair in zip(self.spatial_axes, _per_axis(self.padding, self.rank), strict=True):
            widths[axis] = pair
        return ops.pad(x, widths)


def _per_axis(value: Any, rank: int) -> Any:
    return (value,) if rank == 1 else value


class ZeroPadding1D(ZeroPadding):
    """Steps of zeros before and after: (batch, steps, channels) -> (batch, more_steps, channels).

    Args:
        padding: an int, or a pair (before, after).
    """

    rank = 1
    checks = {"padding": ends}

    def __init__(self, padding: Any = 1, data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)


class ZeroPadding2D(ZeroPadding):
    """Rows and columns of zeros around the picture.

    Args:
        padding: an int, a pair (rows, columns), or a pair of pairs ((top, bottom), (left, right)).
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)


class ZeroPadding3D(ZeroPadding):
    """Layers of zeros around the volume.

    Args:
        padding: an int, three (depth, rows, columns), or three pairs (before, after).
    """

    rank = 3

    def __init__(self, padding: Any = (1, 1, 1), data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)


class Cropping(Spatial):
    """Base of layers that cut a border off; something must be left."""

    checks = {"cropping": border}

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        taken = [slice(None)] * (self.rank + 2)
        sizes = tuple(x.shape[axis] for axis in self.spatial_axes)
        for axis, (low, high) in zip(self.spatial_axes, _per_axis(self.cropping, self.rank), strict=True):
            if low + high >= x.shape[axis]:
                rule = f"less in all than the input's size {sizes}"
                raise invalid(title(self), "cropping", rule, self.cropping, "Nothing would be left.")
            taken[axis] = slice(low, x.shape[axis] - high)
        return x[tuple(taken)]


class Cropping1D(Cropping):
    """The first and last steps cut off: (batch, steps, channels) -> (batch, fewer_steps, channels).

    Args:
        cropping: an int, or a pair (before, after).
    """

    rank = 1
    data_format = "channels_last"
    checks = {"cropping": ends}

    def __init__(self, cropping: Any = (1, 1), **common: Any) -> None:
        super().__init__(**common)


class Cropping2D(Cropping):
    """Rows and columns cut off the picture.

    Args:
        cropping: an int, a pair (rows, columns), or a pair of pairs ((top, bottom), (left, right)).
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)


class Cropping3D(Cropping):
    """Layers cut off the volume.

    Args:
        cropping: an int, three (depth, rows, columns), or three pairs (before, after).
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)


class UpSampling1D(Spatial):
    """Every step repeated `size` times: (batch, steps, channels) -> (batch, steps * size, channels)."""

    rank = 1
    data_format = "channels_last"
    checks = {"size": positive_int}

    def __init__(self, size: int = 2, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.repeat_axes(x, (self.size,), self.spatial_axes)


class UpSampling2D(Spatial):
    """Rows and columns repeated `size` times, or interpolated.

    Args:
        size: an int, or a pair (rows, columns).
        interpolation: `'nearest'`, `'bilinear'`, `'bicubic'`, `'lanczos3'` or `'lanczos5'`.
    """

    rank = 2
    checks = {"size": per_axis(), "interpolation": one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")}

    def __init__(
        self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest", **common: Any
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        if self.interpolation == "nearest":
            return ops.repeat_axes(x, self.size, self.spatial_axes)
        return ops.scale_axes(x, self.size, self.spatial_axes, self.interpolation)


class UpSampling3D(Spatial):
    """Every cell of the volume repeated `size` times along its axis.

    Args:
        size: an int, or three (depth, rows, columns).
    """

    rank = 3
    checks = {"size": per_axis()}

    def __init__(self, size: Any = 2, data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return ops.repeat_axes(x, self.size, self.spatial_axes)
