"""Filters that are turned copies of each other (book 2.3): what a network could have saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerato.errors import InvalidValue
from kerato.see.ascend import Sheet

Map = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Turned:
    """Filter `second` turned by `degrees` against the clock is like `first`; `likeness` is a correlation up to 1."""

    first: int
    second: int
    degrees: int
    likeness: float


def rotations(what: Any, layer: Any = None, least: float = 0.8) -> list[Turned]:
    """Pairs of filters that are equal up to a quarter turn or two, the likest first.

    Args:
        what: a `Sheet` of pictures, compared by the strength of their waves (which does not mind where a pattern
            lies, and cannot tell half a turn); or a model, whose kernels are compared weight by weight.
        layer: of the model: a convolution or its name.
        least: the least likeness.

    Raises:
        InvalidValue: the layer has no kernel over a picture.
    """
    if isinstance(what, Sheet):
        things = np.stack([_spectrum(picture.mean(-1)) for picture in what.pictures.astype("float64")])
        numbers, turns = what.numbers.tolist(), [1]
    else:
        kernel = _kernel(what, layer)
        things, numbers, turns = np.moveaxis(kernel, -1, 0), list(range(kernel.shape[-1])), [1, 2, 3]
    square = min(things.shape[1:3])
    things = things[:, :square, :square]
    flat = _normal(things)
    found = []
    for k in turns:
        likeness = flat @ _normal(np.rot90(things, k, (1, 2))).T
        pairs = zip(*np.nonzero(np.triu(likeness, 1) >= least), strict=True)
        found += [Turned(numbers[i], numbers[j], 90 * k, float(likeness[i, j])) for i, j in pairs]
    return sorted(found, key=lambda pair: -pair.likeness)


def _normal(things: Map) -> Map:
    flat = things.reshape(len(things), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12))


def _spectrum(grey: Map) -> Map:
    """The logarithm of how strong each wave is, low ones in the middle; square."""
    side = min(grey.shape) // 2 * 2 - 1
    waves = np.fft.fftshift(np.abs(np.fft.fft2(grey[:side, :side] - grey.mean())))
    return np.log1p(waves)


def _kernel(model: Any, layer: Any) -> Map:
    found = model.get_layer(layer) if isinstance(layer, str) else layer
    kernel = getattr(found, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        raise InvalidValue("rotations: `layer` must be a convolution over pictures, or its name. Give model and layer.")
    return np.asarray(kernel, "float64")
