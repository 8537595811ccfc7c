"""What a layer asks of its inputs: their number of axes, the sizes its weights were built for, an `InputSpec`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerato.arguments import title
from kerato.errors import InvalidValue, sentence
from kerato.layers.calls import shapes

Sizes = tuple[int | None, ...]


class InputSpec:
    """What one input of a layer must be; a layer's class or `build` sets it as `self.input_spec`, or a list of them.

    Args:
        dtype: kept, not asked for: inputs are cast to what the layer computes in.
        shape: the sizes with that of the batch, None for any.
        ndim: the number of axes; `max_ndim` and `min_ndim` are bounds of it.
        axes: axis -> size.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def wanted(self, found: Sizes) -> str:
        """In words what an input of shape `found` lacks; empty if it fits."""
        rank = len(found)
        if self.allow_last_axis_squeeze and self.ndim is not None and abs(rank - self.ndim) == 1:
            return ""
        sizes = {**dict(enumerate(self.shape or ())), **self.axes}
        limits = [
            (self.ndim is not None and rank != self.ndim, f"have {self.ndim} axes"),
            (self.min_ndim is not None and rank < self.min_ndim, f"have at least {self.min_ndim} axes"),
            (self.max_ndim is not None and rank > self.max_ndim, f"have at most {self.max_ndim} axes"),
        ]
        for axis, size in sizes.items():
            there = found[axis] if -rank <= axis < rank else -1
            limits.append((None not in (size, there) and size != there, f"have size {size} at axis {axis}"))
        return next((text for broken, text in limits if broken), "")

    def __repr__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value not in (None, False, {})}
        return f"InputSpec({', '.join(f'{name}={value!r}' for name, value in given.items())})"


class Fitting:
    """The checks of a layer's inputs, made before each call."""

    input_rank: int | None = None
    least_rank: int | None = None
    input_spec: Any = None
    _expected: dict[int, int]

    def expect(self, sizes: dict[int, int | None]) -> None:
        """From now on inputs must have these sizes: axis -> size."""
        self._expected.update({axis: size for axis, size in sizes.items() if size is not None})

    def _check_rank(self, found: Sizes) -> None:
        wanted = self.input_rank
        if wanted is not None and len(found) != wanted:
            raise InvalidValue(
                f"{title(self)}: the input must have {wanted} axes {self._axes()}. Got shape {found}."
                + (" Is the channel axis missing? Add it with x[..., None]." if len(found) == wanted - 1 else "")
            )
        if self.least_rank is not None and len(found) < self.least_rank:
            raise InvalidValue(
                f"{title(self)}: the input must have at least {self.least_rank} axes, the first for samples. "
                f"Got shape {found}."
            )

    def _axes(self) -> str:
        return "(samples first)"

    def _check_sizes(self, found: Sizes) -> None:
        for axis, size in self._expected.items():
            if -len(found) <= axis < len(found) and found[axis] not in (None, size):
                expected = list(found)
                expected[0], expected[axis] = None, size
                raise InvalidValue(
                    sentence(
                        f"{title(self)}: the input has {found[axis]} values at axis {axis}, the weights were built "
                        f"for {size}. Expected {tuple(expected)}, got {tuple(found)}.",
                        _channel_remedy(found[axis], size),
                    )
                )

    def _check_spec(self, found: Any) -> None:
        specs = self.input_spec if isinstance(self.input_spec, (list, tuple)) else [self.input_spec]
        for spec, sizes in zip(specs, found if isinstance(found, list) else [found], strict=False):
            wanted = spec.wanted(sizes) if isinstance(spec, InputSpec) and isinstance(sizes, tuple) else ""
            if wanted:
                raise InvalidValue(f"{title(self)}: the input must {wanted}. Got shape {sizes}.")


def build_shapes(build: Callable[..., None], call: Callable[..., Any], args: Any, kwargs: Any) -> list[Any]:
    """What `build` is called with: the first input's shape, or one shape per parameter that it names.

    `build(self, query_shape, value_shape)` gets the shapes of the arguments `query` and `value` of the call; other
    names are taken in the order of the call.
    """
    parameters = inspect.signature(build).parameters.values()
    names = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(names) < 2:
        return [shapes(args[0]) if args else None]
    given = inspect.signature(call).bind_partial(*args, **kwargs).arguments
    in_order = [*given.values(), *(None for _ in names)]
    chosen = [given.get(name.removesuffix("_shape"), in_order[i]) for i, name in enumerate(names)]
    return [None if value is None else shapes(value) for value in chosen]


def _channel_remedy(found: int | None, wanted: int) -> str:
    if (found, wanted) == (3, 1):
        return "Load the pictures with color_mode='grayscale'."
    if (found, wanted) == (1, 3):
        return "Load the pictures with color_mode='rgb', or repeat the channel: np.repeat(x, 3, axis=-1)."
    return ""
