"""What the arrays of earlier files looked like: a table of layers, and how each one's weights become today's.

Keras 0 and 1 stored kernels of channels_first layers as (out, in, *window), those of Conv1D with an axis of size 1,
and the gates of recurrent layers one by one. Theano convolves, all others correlate, so its kernels are flipped.
Keras 2.0.5 reads old files the same way (`engine/topology.py`, `preprocess_weights_for_loading`). The rows of a Dense
layer behind a Flatten stay in the order of the data format that it was trained in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerato import config
from kerato.saving.layered import Origin, in_order

Array = Any
Arrays = list[Array]


def _from_first(kernel: Array, wanted: tuple[int, ...], swap: bool = False) -> Array:
    """(out, in, *window) -> (*window, in, out), or with `swap` (*window, out, in), if that is the shape wanted."""
    ends = (0, 1) if swap else (1, 0)
    turned = np.transpose(kernel, (*range(2, kernel.ndim), *ends))
    return turned if turned.shape == wanted else kernel


def _conv(layer: Any, arrays: Arrays) -> Arrays:
    first, *rest = arrays
    wanted = layer.weights[0].shape
    if first.shape != wanted or layer.data_format == "channels_first":
        first = _from_first(first, wanted)
    return [first, *rest]


def _series(layer: Any, arrays: Arrays) -> Arrays:
    """(length, 1, in, out), before Keras 1.2 (out, in, length, 1) -> (length, in, out)."""
    first, *rest = arrays
    if first.ndim != 4:
        return arrays
    wanted = layer.weights[0].shape
    if first.shape[1] != 1 or first[:, 0].shape != wanted:
        first = np.transpose(first, (2, 3, 1, 0))
    return [first[:, 0], *rest]


def _transposed(layer: Any, arrays: Arrays) -> Arrays:
    first, *rest = arrays
    if layer.data_format == "channels_first":
        return [_from_first(first, layer.weights[0].shape, swap=True), *rest]
    return [np.swapaxes(first, -1, -2), *rest]


def _gates(order: Sequence[int]) -> Callable[[Any, Arrays], Arrays]:
    """Kernel, recurrent kernel and bias of each gate one after another -> three arrays, gates in today's order."""

    def merged(layer: Any, arrays: Arrays) -> Arrays:
        if len(arrays) != 3 * len(order):
            return arrays
        return [np.concatenate([arrays[3 * gate + part] for gate in order], axis=-1) for part in range(3)]

    return merged


#: old: input, cell, forget, output; today: input, forget, cell, output
_LSTM = _gates((0, 2, 1, 3))


def _conv_lstm(layer: Any, arrays: Arrays) -> Arrays:
    """Gates merged; the kernels of channels_first are merged along their first axis before they turn."""
    if len(arrays) == 12 and layer.data_format == "channels_first":
        arrays = [np.transpose(a, (2, 3, 1, 0)) if a.ndim == 4 else a for a in arrays]
    return _LSTM(layer, arrays)


#: class -> its arrays in Keras 0 and 1 -> today's
ARRAYS: dict[str, Callable[[Any, Arrays], Arrays]] = {
    "Conv1D": _series,
    "Conv2D": _conv,
    "Conv2DTranspose": _transposed,
    "Conv3D": _conv,
    "ConvLSTM2D": _conv_lstm,
    "GRU": _gates((0, 1, 2)),
    "LSTM": _LSTM,
}

#: class -> how many of its first arrays are kernels that Theano flips
FLIPPED = {"Conv1D": 1, "Conv2D": 1, "Conv2DTranspose": 1, "Conv3D": 1, "ConvLSTM2D": 2}


def flipped(kernel: Array) -> Array:
    """A kernel with its window reversed along every axis: a convolution as a correlation, and back."""
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


def todays(layer: Any, arrays: Sequence[Array], origin: Origin) -> Arrays:
    """The arrays of a layer in a file, as today's layer has them; of the wrong number or shape they are left so.

    Args:
        layer: with its weights made.
        arrays: in the order of the file.
        origin: which program wrote them.
    """
    found = list(arrays)
    parts = _parts(layer)
    if parts:
        return _split(parts, found, origin)
    name = _name(layer)
    if not found:
        return found
    if origin.number < (2,) and name in ARRAYS:
        found = ARRAYS[name](layer, found)
    if origin.backend == "theano":
        found[: FLIPPED.get(name, 0)] = [flipped(kernel) for kernel in found[: FLIPPED.get(name, 0)]]
    return found


def _name(layer: Any) -> str:
    return next((kind.__name__ for kind in type(layer).__mro__ if kind.__name__ in ARRAYS), type(layer).__name__)


def _parts(layer: Any) -> list[Any]:
    """The layers inside a model or a wrapper, each of which has some of its arrays."""
    if type(layer).__name__ == "Bidirectional":
        return [layer.forward_layer, layer.backward_layer]
    if type(layer).__name__ == "TimeDistributed":
        return [layer.layer]
    return list(layer.layers) if hasattr(layer, "layers") else []


def _split(parts: list[Any], arrays: Arrays, origin: Origin) -> Arrays:
    """The arrays of several layers, trained ones first: each layer's in turn.

    What separate gates add to an old file is known from the number of arrays only if there is one kind of layer.
    """
    sizes = [(len(part.trainable_weights), len(part.non_trainable_weights)) for part in parts]
    if sum(map(sum, sizes)) != len(arrays):
        share, rest = divmod(len(arrays), len(parts))
        return (
            arrays if rest else [a for i, p in enumerate(parts) for a in todays(p, arrays[i * share :][:share], origin)]
        )
    trained: Arrays = []
    others: Arrays = []
    at, after = 0, sum(first for first, _ in sizes)
    for part, (first, second) in zip(parts, sizes, strict=True):
        own = todays(part, [*arrays[at : at + first], *arrays[after : after + second]], origin)
        trained, others = [*trained, *own[:first]], [*others, *own[first:]]
        at, after = at + first, after + second
    return [*trained, *others]


def as_given(kwargs: dict[str, Any]) -> dict[str, Any]:
    """`layer.set_weights(weights)` in the old dialect: arrays that do not fit are read as those of an old file are.

    The book's listing in section 2.2 gives kernels as (out, in, rows, cols); with Theano's convention they are flipped
    too. A kernel whose shape is the wanted one is taken as it is, even where both orders have that shape.
    """
    layer, arrays = kwargs["layer"], kwargs["weights"]
    wanted = [variable.shape for variable in layer.weights]
    if [tuple(array.shape) for array in arrays] == wanted:
        return kwargs
    origin = Origin("1", config.backend())
    found = todays(layer, arrays, origin) if len(in_order(layer)) == len(layer.weights) else arrays
    return {**kwargs, "weights": found}
