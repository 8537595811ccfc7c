"""Geometric augmentation on the device, in one resampling pass.

Each layer draws a map for every picture: a 3 x 3 matrix that takes a pixel (row, column, 1) of the result to the place
in the picture that it is read from. A layer whose input was itself resampled multiplies the two matrices and reads from
the first picture: layers that follow each other blur, and cost, as much as one. What the first one moved out of the
picture can then come back; `fill_mode` fills only what is outside of the first picture. Layers with different filling
or interpolation, or with another layer between them, are passes of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerato import ops, random
from kerato.arguments import Rule, number, one_of, optional, positive_int, title
from kerato.errors import invalid
from kerato.graph import Tensor
from kerato.kernels import resample
from kerato.layers.base import Array
from kerato.layers.image import Pictures, resized
from kerato.layers.noise import Drawing
from kerato.ops import leaves
from kerato.variables import evaluation, running

#: (interpolation, fill mode, fill value)
Style = tuple[str, str, float]


def interval(low: float, high: float, lowest: float | None = None) -> Rule:
    """A number f, meaning [-f, f] (or [`lowest`, f]), or two numbers, in [low, high]."""

    def convert(value: Any, _: Any) -> tuple[float, float]:
        items = sorted(value) if isinstance(value, (list, tuple)) else None
        inside = number(low, most=high).convert
        if items is None:
            size = abs(inside(value, None))
            return (-size if lowest is None else lowest, size)
        first, second = items
        return (inside(first, None), inside(second, None))

    return Rule(f"a number, or two, from {low:g} to {high:g}", convert)


def in_phase(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a call, which trains where a layer is called on arrays outside of a network."""
    symbolic = any(isinstance(leaf, Tensor) for leaf in leaves((args, kwargs)))
    alone = running() is None and not symbolic and len(args) < 2
    return {"training": True, **kwargs} if alone else kwargs


class Augmenting(Drawing, Pictures):
    """Base of layers that change pictures (batch, height, width, channels) in training; afterwards the identity.

    Pictures come as floats or whole numbers and leave as floats. Called outside of a network, these layers change
    pictures unless `training=False` is said, as in Keras 3; within one the network says. Pictures may come in a dict,
    `{"images": ..., "labels": ...}`, and leave in one.
    """

    supports_masking = False
    always = False  # whether pictures change in the test phase too
    beside: tuple[str, ...] = ("labels",)  # what stays as it is when pictures come in a dict

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], dict) and "labels" in self.beside:
            return self.of_dict(*args, **kwargs)
        return super().__call__(*args, **in_phase(args, kwargs))

    def of_dict(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """`{"images": ..., "labels": ...}` with its pictures changed; other parts would no longer fit to them.

        Raises:
            InvalidValue: there are such parts, or no pictures.
        """
        if "images" not in data or data.keys() - {"images", *self.beside}:
            known = ", ".join(map(repr, self.beside))
            raise invalid(title(self), "input", f"pictures, or a dict of 'images' and {known}", sorted(data))
        return {**data, "images": self(data["images"], **kwargs)}

    def call(self, x: Array, training: bool = False) -> Array:
        """The change, where it trains."""
        if not training and not self.always:
            return ops.cast(x, self.compute_dtype)
        picture = ops.cast(x, self.compute_dtype)
        first = self.data_format == "channels_first"
        changed = self.change(jnp.moveaxis(picture, 1, -1) if first else picture)
        return jnp.moveaxis(changed, -1, 1) if first else changed

    def change(self, x: Array) -> Array:
        """The changed pictures, channels last."""
        raise NotImplementedError(f"{type(self).__name__}: define change(self, x).")

    def uniform(self, count: int, *intervals: tuple[float, float]) -> list[Array]:
        """For each interval `count` numbers in it, one per picture."""
        u = random.uniform_from(self.fresh_key(), (len(intervals), count))
        return [low + (high - low) * u[i] for i, (low, high) in enumerate(intervals)]


class Geometric(Augmenting):
    """Base of layers that draw a map for each picture, see the module.

    `fill_mode` says what is outside of the picture: `'reflect'` d c b a | a b c d | d c b a, `'constant'`
    (`fill_value`), `'wrap'` a b c d | a b c d | a b c d, or `'nearest'` a a a a | a b c d | d d d d.
    """

    checks = {
        "fill_mode": one_of("reflect", "constant", "wrap", "nearest"),
        "interpolation": one_of("bilinear", "nearest"),
        "fill_value": number(),
    }
    composed = True  # whether its matrix is all there is to its map

    def call(self, x: Array, training: bool = False) -> Array:
        """The resampled pictures."""
        if not training:
            return ops.cast(x, self.compute_dtype)
        first = self.data_format == "channels_first"
        given = ops.cast(x, self.compute_dtype)
        picture = jnp.moveaxis(given, 1, -1) if first else given
        count, height, width, _ = picture.shape
        own = self.matrix(count, height, width)
        with evaluation() as run:
            source, before, style = run.sources.get(id(x), (x, picture, None, None))[1:]
            fits = before is not None and (self.style is None or style is None or style == self.style)
            source, matrix = (source, _product(before, own)) if fits else (picture, own)
            style = self.style or (style if fits else None)
            found = self.moved(picture, source, own, matrix)
            value = jnp.moveaxis(found, -1, 1) if first else found
            if self.composed:
                run.sources[id(value)] = (value, source, matrix, style)
        return value

    @property
    def style(self) -> Style | None:
        """How this layer reads between and outside of pixels; None if it never does."""
        return (self.interpolation, self.fill_mode, self.fill_value)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """The maps of `count` pictures, float32 (count, 3, 3)."""
        raise NotImplementedError(f"{type(self).__name__}: define matrix(self, count, height, width).")

    def moved(self, picture: Array, source: Array, own: Array, matrix: Array) -> Array:
        """The value: `picture` through `own`, or `source` through `matrix`, which is the same."""
        return resample(source, matrix, self.interpolation, self.fill_mode, self.fill_value)


def _product(first: Array, second: Array) -> Array:
    # Written out: a matrix product would round to bfloat16 on a GPU or TPU.
    return jnp.sum(first[:, :, :, None] * second[:, None, :, :], axis=2)


def _rows(*rows: Sequence[Any]) -> Array:
    """(count, 3, 3) from two rows of numbers and arrays (count,)."""
    whole = jnp.broadcast_arrays(*(jnp.asarray(item, jnp.float32) for row in (*rows, (0, 0, 1)) for item in row))
    return jnp.stack(whole, axis=-1).reshape(-1, 3, 3)


class RandomFlip(Geometric):
    """Pictures mirrored with probability 1/2, `'horizontal'`, `'vertical'`, or each of both by itself.

    Differs: Keras 3 mirrors both ways or none in the mode `'horizontal_and_vertical'`.
    """

    checks = {"mode": one_of("horizontal", "vertical", "horizontal_and_vertical")}
    style = None

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """-1 on the diagonal where an axis is mirrored."""
        down, across = (jnp.sign(u) for u in self.uniform(count, (-1, 1), (-1, 1)))
        a = down if "vertical" in self.mode else jnp.ones(count)
        b = across if "horizontal" in self.mode else jnp.ones(count)
        return _rows((a, 0, (1 - a) / 2 * (height - 1)), (0, b, (1 - b) / 2 * (width - 1)))

    def moved(self, picture: Array, source: Array, own: Array, matrix: Array) -> Array:
        """Whole pixels change places: cheaper than resampling, and exact."""
        for axis in (1, 2):
            mirrored = own[:, axis - 1, axis - 1] < 0
            picture = jnp.where(mirrored[:, None, None, None], jnp.flip(picture, axis), picture)
        return picture


class RandomRotation(Geometric):
    """Pictures turned about their centre.

    Args:
        factor: the angle as a share of a whole turn, counter-clockwise: 0.1 is from -36 to 36 degrees, or two bounds.
        fill_mode, interpolation, fill_value: see `Geometric`.
        seed: fixes the draws apart from the process's seed.
    """

    checks = {"factor": interval(-1, 1)}

    def __init__(
        self,
        factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """A rotation about ((height - 1) / 2, (width - 1) / 2)."""
        (turn,) = self.uniform(count, self.factor)
        c, s = jnp.cos(2 * math.pi * turn), jnp.sin(2 * math.pi * turn)
        y, x = (height - 1) / 2, (width - 1) / 2
        return _rows((c, s, y - c * y - s * x), (-s, c, x + s * y - c * x))


class RandomTranslation(Geometric):
    """Pictures moved down and right.

    Args:
        height_factor, width_factor: the way as a share of the height and width: 0.1 is up to a tenth either way, or
            two bounds from -1 to 1; positive is down and right.
        fill_mode, interpolation, fill_value: see `Geometric`.
        seed: fixes the draws apart from the process's seed.
    """

    checks = {"height_factor": interval(-1, 1), "width_factor": interval(-1, 1)}

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """A shift."""
        down, right = self.uniform(count, self.height_factor, self.width_factor)
        return _rows((1, 0, -down * height), (0, 1, -right * width))


class RandomZoom(Geometric):
    """Pictures made smaller or larger about their centre.

    Args:
        height_factor: 0.2 is from 20 % in to 20 % out, or two bounds; positive shows more of the scene.
        width_factor: the same along rows; None keeps the aspect ratio.
        fill_mode, interpolation, fill_value: see `Geometric`.
        seed: fixes the draws apart from the process's seed.
    """

    checks = {"height_factor": interval(-1, 1), "width_factor": optional(interval(-1, 1))}

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float] | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """Factors about the centre."""
        y, x = self.uniform(count, self.height_factor, self.width_factor or self.height_factor)
        y, x = 1 + y, 1 + (y if self.width_factor is None else x)
        return _rows((y, 0, (1 - y) * (height - 1) / 2), (0, x, (1 - x) * (width - 1) / 2))


class RandomShear(Geometric):
    """Pictures slanted, to one side or the other, about their upper left corner.

    Args:
        x_factor: columns by which the picture slants per row: a number f for [-f, f], or two from 0 to 1.
        y_factor: rows per column.
        interpolation, fill_mode, fill_value: see `Geometric`.
        seed: fixes the draws apart from the process's seed.
    """

    checks = {"x_factor": interval(-1, 1), "y_factor": interval(-1, 1)}

    def __init__(
        self,
        x_factor: float | Sequence[float] = 0.0,
        y_factor: float | Sequence[float] = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def matrix(self, count: int, height: int, width: int) -> Array:
        """Off-diagonal entries."""
        x, y, side = self.uniform(count, self.x_factor, self.y_factor, (-1, 1))
        return _rows((1, y * jnp.sign(side), 0), (x * jnp.sign(side), 1, 0))


class RandomCrop(Augmenting):
    """A window of (height, width) at a random place, one for the whole batch; afterwards the largest in the middle.

    Pictures smaller than the window are cropped to its aspect ratio and resized.
    """

    checks = {"height": positive_int, "width": positive_int}

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None, **common: Any
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array, training: bool = False) -> Array:
        """The window."""
        given = ops.cast(x, self.compute_dtype)
        rows, columns = (x.shape[axis] - size for axis, size in zip(self.spatial_axes, self.size, strict=True))
        if not training or rows <= 0 or columns <= 0:
            return resized(given, self.size, self.spatial_axes, crop=True)
        u = random.uniform_from(self.fresh_key(), (2,))
        starts = [jnp.int32(0)] * 4
        for i, (axis, room) in enumerate(zip(self.spatial_axes, (rows, columns), strict=True)):
            starts[axis] = jnp.minimum(jnp.floor(u[i] * (room + 1)), room).astype(jnp.int32)
        sizes = [*given.shape]
        sizes[self.spatial_axes[0]], sizes[self.spatial_axes[1]] = self.size
        return jax.lax.dynamic_slice(given, starts, sizes)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width
