"""Pictures as operations: (height, width, channels) or a batch of them, in either data format."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config, kernels
from kerato.errors import InvalidValue, invalid
from kerato.ops.base import op

Array = Any

RESIZES = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
_ORDERS = {"nearest": 0, "bilinear": 1}
_GREY = (0.2989, 0.587, 0.114)


def _batched(owner: str, images: Any, data_format: str | None, function: Callable[[Array], Array]) -> Array:
    """`function` of (batch, height, width, channels), for pictures in any form."""
    x = jnp.asarray(images)
    if x.ndim not in (3, 4):
        raise invalid(owner, "images", "of 3 axes, or 4 with a batch", x)
    first = (data_format or config.image_data_format()) == "channels_first"
    x = jnp.moveaxis(x, -3, -1) if first else x
    y = function(x) if x.ndim == 4 else function(x[None])[0]
    return jnp.moveaxis(y, -1, -3) if first else y


def _aspect(x: Array, size: Sequence[int], crop: bool) -> tuple[int, int]:
    """The sizes of the largest part (crop), or smallest frame, of a picture with the proportions of `size`."""
    height, width = x.shape[1:3]
    tall, wide = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    return (min(height, max(tall, 1)), min(width, max(wide, 1))) if crop else (max(height, tall), max(width, wide))


@op
def resize(
    images: Array,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Pictures of `size` = (height, width); their proportions change unless they are cropped or padded before."""
    if interpolation not in RESIZES:
        raise invalid("resize", "interpolation", ", ".join(map(repr, RESIZES)), interpolation)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise InvalidValue("resize: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` may be True.")
    if fill_mode != "constant":
        raise invalid("resize", "fill_mode", "'constant'", fill_mode)

    def enlarge(x: Array) -> Array:
        if crop_to_aspect_ratio:
            height, width = _aspect(x, size, True)
            top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
            x = x[:, top : top + height, left : left + width]
        elif pad_to_aspect_ratio:
            height, width = _aspect(x, size, False)
            tall, wide = (height - x.shape[1]) // 2, (width - x.shape[2]) // 2
            x = jnp.pad(x, ((0, 0), (tall, tall), (wide, wide), (0, 0)), constant_values=fill_value)
        return jax.image.resize(x, (x.shape[0], *size, x.shape[-1]), interpolation, antialias)

    return _batched("resize", images, data_format, enlarge)


@op
def rgb_to_grayscale(images: Array, data_format: str | None = None) -> Array:
    """`0.2989 r + 0.587 g + 0.114 b`, with one channel."""

    def grey(x: Array) -> Array:
        if x.shape[-1] == 1:
            return x
        if x.shape[-1] != 3:
            raise invalid("rgb_to_grayscale", "images", "pictures of 1 or 3 channels", x)
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32)) if x.dtype.kind in "iub" else x
        return jnp.sum(wide * jnp.asarray(_GREY, wide.dtype), -1, keepdims=True).astype(x.dtype)

    return _batched("rgb_to_grayscale", images, data_format, grey)


def _only_floats(owner: str, images: Any) -> None:
    if not jnp.issubdtype(jnp.asarray(images).dtype, jnp.floating):
        raise invalid(owner, "images", "floats", images, "Divide by 255 first.")


@op
def rgb_to_hsv(images: Array, data_format: str | None = None) -> Array:
    """Red, green, blue in [0, 1] as hue, saturation, value in [0, 1]."""
    _only_floats("rgb_to_hsv", images)

    def hsv(x: Array) -> Array:
        x = jnp.where(jnp.abs(x) < jnp.finfo(x.dtype).eps, 0, x)
        r, g, b = x[..., 0], x[..., 1], x[..., 2]
        value = jnp.max(x, -1)
        span = value - jnp.min(x, -1)
        part = 1 / (6 * jnp.where(span > 0, span, 1))
        hue = jnp.where(value == g, part * (b - r) + 1 / 3, part * (r - g) + 2 / 3)
        hue = jnp.where(value == r, part * (g - b), hue)
        hue = jnp.where(span > 0, hue % 1, 0)
        return jnp.stack([hue, jnp.where(value > 0, span / jnp.where(value > 0, value, 1), 0), value], -1)

    return _batched("rgb_to_hsv", images, data_format, hsv)


@op
def hsv_to_rgb(images: Array, data_format: str | None = None) -> Array:
    """The way back of `rgb_to_hsv`."""
    _only_floats("hsv_to_rgb", images)

    def rgb(x: Array) -> Array:
        hue, saturation, value = x[..., :1] * 6, x[..., 1:2], x[..., 2:]
        shift = jnp.asarray([5, 3, 1], x.dtype)
        k = (shift + hue) % 6
        return value - value * saturation * jnp.clip(jnp.minimum(k, 4 - k), 0, 1)

    return _batched("hsv_to_rgb", images, data_format, rgb)


@op
def map_coordinates(
    inputs: Array, coordinates: Array, order: int, fill_mode: str = "constant", fill_value: float = 0.0
) -> Array:
    """`inputs` read at `coordinates` (axes of the inputs, ...), between cells by `order` 0 or 1."""
    inputs, coordinates = jnp.asarray(inputs), jnp.asarray(coordinates)
    if coordinates.shape[0] != inputs.ndim:
        raise invalid("map_coordinates", "coordinates", f"of first size {inputs.ndim}", coordinates)
    if order not in (0, 1):
        raise invalid("map_coordinates", "order", "0 or 1", order)
    return jax.scipy.ndimage.map_coordinates(inputs, tuple(coordinates), order, fill_mode, fill_value)


def _read(x: Array, rows: Array, columns: Array, interpolation: str, fill_mode: str, fill_value: Any) -> Array:
    """Each picture of (batch, height, width, channels) at (batch, height, width) places."""

    def one(picture: Array, rows: Array, columns: Array) -> Array:
        wide = picture.astype(jnp.promote_types(picture.dtype, jnp.float32))
        order = _ORDERS[interpolation]

        def channel(plane: Array) -> Array:
            return jax.scipy.ndimage.map_coordinates(plane, (rows, columns), order, fill_mode, fill_value)

        return jax.vmap(channel, -1, -1)(wide).astype(picture.dtype)

    return jax.vmap(one)(x, rows, columns)


def _interpolation(owner: str, name: str) -> None:
    if name not in _ORDERS:
        raise invalid(owner, "interpolation", "'bilinear' or 'nearest'", name)


@op
def affine_transform(
    images: Array,
    transform: Array,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Cell (x, y) becomes what stood at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    `transform` is (a0, a1, a2, b0, b1, b2, 0, 0), one row for all pictures or one for each.
    """
    return _projected("affine_transform", images, transform, interpolation, fill_mode, fill_value, data_format)


def _projected(
    owner: str, images: Any, rows: Any, interpolation: str, mode: str, value: Any, data_format: Any
) -> Array:
    _interpolation(owner, interpolation)
    rows = jnp.atleast_2d(jnp.asarray(rows, jnp.float32))

    def move(x: Array) -> Array:
        a0, a1, a2, b0, b1, b2, c0, c1 = (jnp.broadcast_to(part, (len(x),))[:, None, None] for part in rows.T)
        y, z = jnp.meshgrid(
            jnp.arange(x.shape[1], dtype=jnp.float32), jnp.arange(x.shape[2], dtype=jnp.float32), indexing="ij"
        )
        scale = c0 * z + c1 * y + 1
        return _read(x, (b0 * z + b1 * y + b2) / scale, (a0 * z + a1 * y + a2) / scale, interpolation, mode, value)

    return _batched(owner, images, data_format, move)


@op
def perspective_transform(
    images: Array,
    start_points: Array,
    end_points: Array,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Pictures whose `start_points` (4, 2) of (x, y) come to lie at `end_points`; the same for all, or each its own."""
    start, end = (jnp.asarray(p, jnp.float32).reshape(-1, 4, 2) for p in (start_points, end_points))
    zero, one = jnp.zeros_like(start[..., 0]), jnp.ones_like(start[..., 0])
    # The map from where a cell is to where it came from: (x, y) of the end to (u, v) of the start.
    (x, y), (u, v) = jnp.moveaxis(end, -1, 0), jnp.moveaxis(start, -1, 0)
    over = jnp.stack([x, y, one, zero, zero, zero, -x * u, -y * u], -1)
    down = jnp.stack([zero, zero, zero, x, y, one, -x * v, -y * v], -1)
    rows = jnp.linalg.solve(jnp.concatenate([over, down], 1), jnp.concatenate([u, v], 1)[..., None])[..., 0]
    return _projected("perspective_transform", images, rows, interpolation, "constant", fill_value, data_format)


@op
def scale_and_translate(
    images: Array,
    output_shape: Sequence[int],
    scale: Array,
    translation: Array,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """`images` enlarged by `scale` and moved by `translation` along `spatial_dims`, in a frame of `output_shape`."""
    scale, translation = jnp.asarray(scale), jnp.asarray(translation)
    return jax.image.scale_and_translate(
        images, tuple(output_shape), spatial_dims, scale, translation, method, antialias
    )


@op
def extract_patches(
    images: Array,
    size: int | Sequence[int],
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The windows of pictures, each laid out along the channels in the order row, column, channel."""
    window = (size, size) if isinstance(size, int) else tuple(size)
    depth = images.shape[-3 if (data_format or config.image_data_format()) == "channels_first" else -1]
    count = int(np.prod(window)) * depth
    kernel = jnp.eye(count, dtype=images.dtype).reshape(*window, depth, count)
    steps = window if strides is None else strides
    return _batched(
        "extract_patches", images, data_format, lambda x: kernels.convolution(x, kernel, steps, padding, dilation_rate)
    )


def _margins(owner: str, whole: int, before: Any, after: Any, target: Any, sign: int) -> tuple[int, int]:
    """(before, after) for one axis, from any two of before, after and the size aimed at."""
    if sum(part is None for part in (before, after, target)) != 1:
        raise InvalidValue(
            f"{owner}: give two of the margin before, the margin after and the target size of each axis."
        )
    room = None if target is None else sign * (target - whole)
    before = room - after if before is None else before
    after = room - before if after is None else after
    if min(before, after) < 0:
        raise InvalidValue(f"{owner}: the margins must be >= 0. Got {before} and {after} for {whole} cells.")
    return before, after


@op
def pad_images(
    images: Array,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Zeros around pictures, up to the target size where that is given in place of a margin."""

    def frame(x: Array) -> Array:
        rows = _margins("pad_images", x.shape[1], top_padding, bottom_padding, target_height, 1)
        columns = _margins("pad_images", x.shape[2], left_padding, right_padding, target_width, 1)
        return jnp.pad(x, ((0, 0), rows, columns, (0, 0)))

    return _batched("pad_images", images, data_format, frame)


@op
def crop_images(
    images: Array,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Pictures without margins, down to the target size where that is given in place of a margin."""

    def cut(x: Array) -> Array:
        top, bottom = _margins("crop_images", x.shape[1], top_cropping, bottom_cropping, target_height, -1)
        left, right = _margins("crop_images", x.shape[2], left_cropping, right_cropping, target_width, -1)
        return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]

    return _batched("crop_images", images, data_format, cut)


def _each_channel(x: Array, kernel: Any) -> Array:
    """A correlation of every channel with one window, of the same size."""
    kernel = jnp.asarray(kernel, x.dtype)[:, :, None, None]
    return kernels.depthwise_convolution(x, jnp.tile(kernel, (1, 1, x.shape[-1], 1)), 1, "same")


@op
def gaussian_blur(
    images: Array,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Array:
    """Pictures blurred by a Gaussian window; outside there are zeros."""
    lines = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / s) ** 2) for n, s in zip(kernel_size, sigma, strict=True)]
    across, down = (line / line.sum() for line in lines)
    window = np.outer(down, across)
    return _batched("gaussian_blur", images, data_format, lambda x: _each_channel(x, window))


_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


@op
def sobel_edges(images: Array, data_format: str | None = None) -> Array:
    """The slopes down and across of each channel, along a new last axis of size 2; outside there are zeros."""
    slopes = [
        _batched("sobel_edges", images, data_format, functools.partial(_each_channel, kernel=window))
        for window in (_SOBEL.T, _SOBEL)
    ]
    return jnp.stack(slopes, axis=-1)
