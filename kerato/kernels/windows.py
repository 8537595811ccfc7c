"""Window arithmetic: where windows lie and how many fit, for convolution and pooling of any rank.

One axis at a time: a window of `window` cells, `dilation` apart, moves by `stride` over `length` cells that have
`low` and `high` cells of padding before and after them. Plain integers, no arrays; for `kerato.kernels` and for the
layers' shape inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

from kerato.errors import invalid, unknown

Pair = tuple[int, int]
Padding = str | Sequence[Sequence[int]]
PADDINGS = ("valid", "same", "causal")


@dataclass(frozen=True)
class Windows:
    """How a window moves over every spatial axis, as plain tuples with one entry per axis.

    `groups` belongs to convolutions only. Hashable, so that it can be a static parameter of a compiled operation.
    """

    lengths: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]
    groups: int = 1

    @property
    def rank(self) -> int:
        return len(self.lengths)

    @property
    def output(self) -> tuple[int, ...]:
        """How many windows fit along each axis."""
        axes = zip(self.lengths, self.window, self.strides, self.padding, self.dilation, strict=True)
        return tuple((n + sum(p) - span(k, d)) // s + 1 for n, k, s, p, d in axes)


def span(window: int, dilation: int = 1) -> int:
    """Cells from the first to the last one of a dilated window, both included: (window - 1) * dilation + 1."""
    return (window - 1) * dilation + 1


def output_length(length: int, window: int, stride: int = 1, padding: str | Pair = "valid", dilation: int = 1) -> int:
    """How many windows fit; 'same' and 'causal' give ceil(length / stride).

    >>> output_length(9, 3), output_length(32, 3, padding="same"), output_length(10, 3, dilation=2)
    (7, 32, 6)
    """
    low, high = padding_amount(length, window, stride, padding, dilation)
    return max(0, (length + low + high - span(window, dilation)) // stride + 1)


def padding_amount(length: int, window: int, stride: int, padding: str | Pair, dilation: int = 1) -> Pair:
    """(low, high) cells of padding. 'same' is TensorFlow's rule: half of the total, rounded down, before the rest."""
    if not isinstance(padding, str):
        return padding
    reach = span(window, dilation)
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    total = max(0, (-(-length // stride) - 1) * stride + reach - length)
    return total // 2, total - total // 2


def transpose_length(
    length: int,
    window: int,
    stride: int = 1,
    padding: str | Pair = "valid",
    output_padding: int | None = None,
    dilation: int = 1,
) -> int:
    """Length of a transposed convolution's output: Keras's rule, length * stride + what the window reaches beyond.

    >>> transpose_length(5, 3, 2), transpose_length(5, 3, 2, "same")
    (11, 10)
    """
    low, high = transpose_padding(window, stride, padding, output_padding, dilation)
    return (length - 1) * stride + span(window, dilation) - low - high


def transpose_padding(window: int, stride: int, padding: str | Pair, output_padding: int | None, dilation: int) -> Pair:
    """Padding of the convolution whose transpose is meant; a negative `high` lengthens the output.

    Source: keras/src/backend/common/backend_utils.py of Keras 3, in which 'same' with an explicit output padding gives
    (length - 1) * stride + reach % 2 + output_padding.
    """
    reach = span(window, dilation)
    if not isinstance(padding, str):
        return padding[0], padding[1] - (output_padding or 0)
    if padding == "valid":
        return 0, -(max(stride - reach, 0) if output_padding is None else output_padding)
    total = reach - stride if output_padding is None else reach - reach % 2 - output_padding
    low = max(0, total // 2)
    return low, total - low


def output_lengths(
    lengths: Sequence[int],
    window: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
) -> tuple[int, ...]:
    """`output_length` for every axis; an int stands for all axes."""
    return windows("output_lengths", lengths, window, strides, padding, dilation).output


def transpose_lengths(
    lengths: Sequence[int],
    window: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    output_padding: int | Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
) -> tuple[int, ...]:
    """`transpose_length` for every axis; an int stands for all axes."""
    return transpose_windows("transpose_lengths", lengths, window, strides, padding, output_padding, dilation).lengths


def windows(
    owner: str,
    lengths: Sequence[int],
    window: int | Sequence[int],
    strides: int | Sequence[int],
    padding: Padding,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Windows:
    """Check the arguments of `owner`, spell them out per axis, and refuse a window that does not fit."""
    rank = len(lengths)
    window, strides, dilation = _steps(owner, rank, window, strides, dilation)
    pads = _per_axis_padding(owner, padding, rank, PADDINGS if rank == 1 else PADDINGS[:2])
    axes = zip(lengths, window, strides, pads, dilation, strict=True)
    amounts = tuple(padding_amount(*axis) for axis in axes)
    result = Windows(tuple(lengths), window, strides, amounts, dilation, groups)
    if min(result.output, default=1) < 1:
        room = tuple(n + low + high for n, (low, high) in zip(lengths, amounts, strict=True))
        reach = tuple(map(span, window, dilation))
        raise invalid(
            owner, "window", f"no longer than the padded input {room}", reach, "Use padding='same', or a larger input."
        )
    return result


def transpose_windows(
    owner: str,
    lengths: Sequence[int],
    window: int | Sequence[int],
    strides: int | Sequence[int],
    padding: Padding,
    output_padding: int | Sequence[int] | None,
    dilation: int | Sequence[int] = 1,
) -> Windows:
    """The windows of the convolution that a transposed one is the transpose of: its `output` is `lengths`."""
    rank = len(lengths)
    window, strides, dilation = _steps(owner, rank, window, strides, dilation)
    pads = _per_axis_padding(owner, padding, rank, PADDINGS[:2])
    extra = (None,) * rank if output_padding is None else per_axis(owner, "output_padding", output_padding, rank, 0)
    amounts = tuple(map(transpose_padding, window, strides, pads, extra, dilation))
    reach = map(span, window, dilation)
    grown = tuple((n - 1) * s + k - sum(p) for n, s, k, p in zip(lengths, strides, reach, amounts, strict=True))
    if min(grown, default=1) < 1:
        rule = f"so large that something is left of an input of {tuple(lengths)}"
        raise invalid(owner, "output_padding", rule, output_padding, "Use a larger one, or None.")
    return Windows(grown, window, strides, amounts, dilation)


def per_axis(owner: str, name: str, value: int | Sequence[int], rank: int, least: int = 1) -> tuple[int, ...]:
    """`value` as one int per spatial axis, each at least `least`."""
    try:
        result = tuple(map(index, value)) if isinstance(value, Sequence) else (index(value),) * rank
    except TypeError:
        result = ()
    if len(result) != rank or min(result) < least:
        raise invalid(owner, name, f"an int >= {least}, or {rank} of them", value)
    return result


def _steps(owner: str, rank: int, window: Any, strides: Any, dilation: Any) -> tuple[tuple[int, ...], ...]:
    named = {"window": window, "strides": strides, "dilation": dilation}
    return tuple(per_axis(owner, name, value, rank) for name, value in named.items())


def _per_axis_padding(owner: str, padding: Any, rank: int, known: Sequence[str]) -> Sequence[str | Pair]:
    if isinstance(padding, str):
        if padding not in known:
            raise unknown(owner, "padding", padding, known)
        return (padding,) * rank
    try:
        pairs = tuple((index(low), index(high)) for low, high in padding)
    except (TypeError, ValueError):
        pairs = ()
    if len(pairs) != rank:
        raise invalid(owner, "padding", f"one of {', '.join(known)}, or {rank} pairs (low, high)", padding)
    return pairs
