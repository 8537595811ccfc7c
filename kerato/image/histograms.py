"""Histograms: how often each value occurs, and pictures made better by them (book 7.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid, require
from kerato.image.arrays import (
    Picture,
    Size,
    at_least,
    checked,
    checked_mask,
    checked_uint8,
    each_channel,
    one_of,
    opencv,
    pair,
    whole,
)

Counts = NDArray[np.int64]


def histogram(
    picture: ArrayLike, bins: int = 256, mask: ArrayLike | None = None, range: tuple[float, float] | None = None
) -> tuple[Counts, NDArray[np.float64]]:
    """How many pixels have which value: (h, w) -> counts (bins,), (h, w, c) -> (c, bins); and the edges (bins + 1,).

    A bin holds its lower edge and not its upper one, except the last, which holds both.

    bins: how many, >= 1.
    mask: only pixels inside count.
    range: lowest and highest value counted; by default (0, 256) for uint8, (0, 65536) for uint16, else the smallest
        and the largest value.

    Raises: InvalidValue for bins below 1, a range that is empty, or values that are not finite.
    Source: book 7.8; numpy.histogram, cv2.calcHist, scipy.ndimage.histogram.
    """
    array = checked("histogram", picture)
    planes = array.reshape(*array.shape[:2], -1)
    inside = planes.reshape(-1, planes.shape[2]) if mask is None else planes[checked_mask("histogram", mask, array)]
    whole("histogram", "bins", bins)
    low, high = _range(array) if range is None else range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise invalid("histogram", "range", "two finite numbers, low < high", (low, high))
    counted = [np.histogram(channel.astype(np.float64), bins, (low, high)) for channel in inside.T]
    counts = np.stack([count for count, _ in counted]).astype(np.int64)
    return (counts if array.ndim == 3 else counts[0]), np.asarray(counted[0][1], np.float64)


def _range(picture: Picture) -> tuple[float, float]:
    if picture.dtype in (np.uint8, np.uint16):
        return 0.0, np.iinfo(picture.dtype).max + 1.0
    low, high = float(picture.min()), float(picture.max())
    return low, high if high > low else low + 1.0


def histogram_2d(
    picture: ArrayLike, channels: tuple[int, int] = (0, 1), bins: Size = 32, mask: ArrayLike | None = None
) -> Counts:
    """How often each pair of values occurs in two channels: uint8 (h, w, c) -> (bins, bins), values 0..255.

    Raises: InvalidValue for a picture that is not uint8 with channels, a channel it lacks, or bins below 1.
    Source: book 7.8; cv2.calcHist with two channels.
    """
    array = checked_uint8("histogram_2d", picture)
    if array.ndim != 3 or not all(-array.shape[2] <= channel < array.shape[2] for channel in channels):
        raise invalid("histogram_2d", "channels", "two channels that the picture has", channels)
    sides = pair("histogram_2d", "bins", bins, 1, integer=True)
    inside = np.ones(array.shape[:2], bool) if mask is None else checked_mask("histogram_2d", mask, array)
    first, second = (array[..., channel][inside] for channel in channels)
    cells = first.astype(np.int64) * sides[0] // 256 * sides[1] + second.astype(np.int64) * sides[1] // 256
    return np.bincount(cells, minlength=sides[0] * sides[1]).reshape(sides)


def equalize(
    picture: ArrayLike, mask: ArrayLike | None = None, colour: Literal["lightness", "channels"] = "lightness"
) -> Picture:
    """Values spread so that all occur about equally often: uint8 (any shape) or uint16 grey -> same shape and dtype.

    mask: only pixels inside are counted; all are changed.
    colour: lightness keeps the hues of an RGB picture; channels treats each channel by itself.

    Raises: InvalidValue for other dtypes, or a mask of another size or with nothing inside.
    Source: book 7.8; for uint8 equal to cv2.equalizeHist.
    """
    array = _eight_or_sixteen("equalize", picture)
    inside = None if mask is None else checked_mask("equalize", mask, array)
    if inside is not None and not inside.any():
        raise invalid("equalize", "mask", "a mask with something inside", inside)
    return _on_lightness("equalize", array, colour, lambda plane: _equalized(plane, inside))


def _equalized(plane: Picture, inside: NDArray[np.bool_] | None) -> Picture:
    """v -> (cdf(v) - cdf_min) * peak / (pixels - cdf_min), as OpenCV computes it, in single precision."""
    peak = int(np.iinfo(plane.dtype).max)
    counts = np.bincount((plane if inside is None else plane[inside]).ravel(), minlength=peak + 1)
    first = int(np.flatnonzero(counts)[0])
    total = int(counts.sum())
    if counts[first] == total:
        return plane.copy()
    kind = np.float32 if peak == 255 else np.float64
    scale = kind(peak) / kind(total - counts[first])
    table = np.clip(np.rint((np.cumsum(counts) - counts[first]).astype(kind) * scale), 0, peak)
    return np.asarray(table.astype(plane.dtype)[plane])


def clahe(
    picture: ArrayLike,
    clip: float = 2.0,
    tiles: Size = 8,
    colour: Literal["lightness", "channels"] = "lightness",
) -> Picture:
    """Equalisation tile by tile, with limited contrast (CLAHE): uint8 (any shape) or uint16 grey -> same.

    clip: how many times the mean a bin may hold before it is cut off, > 0; larger gives more contrast and noise.
    tiles: how many tiles down and across, one number or rows,columns.
    colour: lightness keeps the hues of an RGB picture; channels treats each channel by itself.

    Raises: InvalidValue for other dtypes, a clip that is not above 0, or tiles below 1.
    Source: K. Zuiderveld 1994, Graphics Gems IV; book 7.8; cv2.createCLAHE.
    """
    array = _eight_or_sixteen("clahe", picture)
    rows, columns = pair("clahe", "tiles", tiles, 1, integer=True)
    if at_least("clahe", "clip", clip, 0) == 0:
        raise invalid("clahe", "clip", "a number > 0", clip)
    method = opencv().createCLAHE(clip, (columns, rows))
    return _on_lightness("clahe", array, colour, lambda plane: np.asarray(method.apply(plane)))


def _eight_or_sixteen(owner: str, picture: ArrayLike) -> Picture:
    array = checked(owner, picture)
    if array.dtype == np.uint16 and (array.ndim == 2 or array.shape[2] == 1):
        return array
    return checked_uint8(owner, array)


def _on_lightness(owner: str, picture: Picture, colour: str, change: Callable[[Picture], Picture]) -> Picture:
    """`change` on a grey picture, on L of Lab of a colour picture, or on each channel; a fourth channel stays."""
    one_of(owner, "colour", colour, ("lightness", "channels"))
    if picture.ndim == 2 or picture.shape[2] == 1:
        return each_channel(picture, lambda plane: change(np.ascontiguousarray(plane)))
    alpha, rgb = picture[..., 3:], np.ascontiguousarray(picture[..., :3])
    if colour == "channels":
        changed = each_channel(rgb, lambda plane: change(np.ascontiguousarray(plane)))
    else:
        cv2 = opencv()
        lab = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab))
        lab[..., 0] = change(np.ascontiguousarray(lab[..., 0]))
        changed = np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB))
    return np.concatenate([changed, alpha], axis=2)


def draw_histogram(
    picture: ArrayLike,
    bins: int = 256,
    mask: ArrayLike | None = None,
    *,
    size: tuple[int, int] = (480, 640),
    logarithmic: bool = False,
    cumulative: bool = False,
) -> NDArray[np.uint8]:
    """The histogram as a plot, one curve per channel: -> uint8 RGB (height, width, 3).

    bins: how many, >= 1.
    size: height,width of the plot in pixels, each >= 100.
    logarithmic: counts on a logarithmic axis.
    cumulative: add the share of pixels up to each value, as a dashed line.

    Raises: InvalidValue as for `histogram`, or for a size below 100.
    Source: book 7.8.
    """
    counts, edges = histogram(picture, bins, mask)
    height, width = pair("draw_histogram", "size", size, 100, integer=True)
    figure = require("matplotlib.figure", "image", "kerato.image.draw_histogram").Figure(
        figsize=(width / 100, height / 100), dpi=100, layout="constrained"
    )
    canvas = require("matplotlib.backends.backend_agg", "image", "drawing").FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="value", ylabel="pixels", xlim=(edges[0], edges[-1]))
    if logarithmic:
        axes.set_yscale("symlog")
    _plot_counts(axes, np.atleast_2d(counts), edges, cumulative)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _plot_counts(axes: Any, counts: Counts, edges: NDArray[np.float64], cumulative: bool) -> None:
    grey = ("#404040", "grey")
    names = [grey] if len(counts) == 1 else [("#d62728", "red"), ("#2ca02c", "green"), ("#1f77b4", "blue"), grey]
    shares = axes.twinx() if cumulative else None
    if shares:
        shares.set(ylabel="share of pixels", ylim=(0, 1))
    for row, (colour, name) in zip(counts, names[: len(counts)], strict=True):
        axes.stairs(row, edges, color=colour, label=name, fill=True, alpha=0.25)
        axes.stairs(row, edges, color=colour, linewidth=1)
        if shares:
            shares.plot(edges[1:], np.cumsum(row) / max(row.sum(), 1), color=colour, linestyle="--", linewidth=1)
    if len(counts) > 1:
        axes.legend()
    axes.set_ylim(bottom=0)
