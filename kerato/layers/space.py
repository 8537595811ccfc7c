"""What all layers over space share: where the axes are, whether a window fits, how a border is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from kerato.arguments import Rule, integer, one_of, title
from kerato.errors import InvalidValue
from kerato.layers.base import Layer


class Spatial(Layer):
    """Base of layers over 1 to 3 spatial axes: (batch, *spatial, channels), or channels before the spatial axes."""

    rank: ClassVar[int] = 2

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.input_rank = cls.rank + 2

    @property
    def channel_axis(self) -> int:
        """-1 or 1, as `data_format` says."""
        return -1 if self.data_format == "channels_last" else 1

    @property
    def spatial_axes(self) -> tuple[int, ...]:
        """The axes of height, width, ..."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def check_window(
        self, input_shape: tuple[int | None, ...], name: str, reach: Sequence[int], remedy: str = "padding='same', "
    ) -> None:
        """Refuse a window that is larger than the picture and not padded; `name` is its argument."""
        sizes = [input_shape[axis] for axis in self.spatial_axes]
        if self.padding == "valid" and any(n is not None and n < k for n, k in zip(sizes, reach, strict=True)):
            raise InvalidValue(
                f"{title(self)}: a window of {tuple(reach)} does not fit into an input of {tuple(sizes)} without "
                f"padding. Use a smaller {name}, {remedy}or larger pictures."
            )

    def _axes(self) -> str:
        sizes = ("steps",) if self.rank == 1 else ("depth", "height", "width")[-self.rank :]
        inner = (*sizes, "channels") if self.data_format == "channels_last" else ("channels", *sizes)
        return f"({', '.join(('samples', *inner))})"


def padding_of(*names: str) -> Rule:
    """The argument `padding`: one of `names`, in small or large letters."""
    rule = one_of(*names)
    return Rule(rule.text, lambda value, _: rule.convert(value.lower() if isinstance(value, str) else value, _))


_cells = integer(0)


def _pair(value: Any, owner: Any) -> tuple[int, int]:
    low, high = value if isinstance(value, Iterable) else (value, value)
    return _cells.convert(low, owner), _cells.convert(high, owner)


def _pairs(value: Any, owner: Any) -> tuple[tuple[int, int], ...]:
    items = tuple(value) if isinstance(value, Iterable) else (value,) * owner.rank
    if len(items) != owner.rank:
        raise ValueError
    return tuple(_pair(item, owner) for item in items)


#: cells before and after the steps of a series
ends = Rule("an int >= 0, or a pair (before, after)", _pair)
#: cells before and after each axis of a picture
border = Rule("an int >= 0, one per axis, or a pair (before, after) per axis", _pairs)
