"""The operations of chapter 7 by name, for the command `kerato image`: one table drives command, help and JSON.

An operation is a function that takes a picture (or a mask) first. It gives a picture, or a picture and a dictionary
of what was measured. Its options are the arguments of its signature, their help the lines `name: ...` of its
docstring or of its module's.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from kerato.image import arrays, edges, filters, findings, geometry, heat, histograms, morphology, noise
from kerato.image.arrays import Picture

Result: TypeAlias = Picture | tuple[Picture, dict[str, Any]]


@dataclass(frozen=True)
class Operation:
    """One operation of the table: the function, whether it takes a mask, and the heading it stands under."""

    name: str
    function: Callable[..., Any]
    section: str
    mask: bool = False

    @property
    def summary(self) -> str:
        """The first sentence of the docstring, without its shapes."""
        first = (inspect.getdoc(self.function) or "").split("\n\n")[0].replace("\n", " ")
        return re.split(r": (same|-> |\(h|uint8|mask|float|as )", first)[0].rstrip(".")

    def run(self, picture: Picture, mask: Picture | None = None, **settings: Any) -> Result:
        """The result for a picture, or for the mask made of it."""
        if not self.mask:
            return typing.cast(Result, self.function(picture, **settings))
        beside = {"picture": picture} if "picture" in inspect.signature(self.function).parameters else {}
        return typing.cast(Result, self.function(mask, **settings, **beside))


@dataclass(frozen=True)
class Setting:
    """One argument of an operation, as the command line sees it."""

    name: str
    kind: Literal["flag", "int", "float", "str", "choice", "ints", "floats"]
    default: Any
    help: str
    choices: tuple[Any, ...] = ()


_NAMED: dict[str, dict[str, Callable[..., Any]]] = {
    "Basics (7.2)": {
        "statistics": findings.measure,
        "grey": arrays.to_grey,
        "colour": findings.recolour,
        "crop": geometry.crop,
        "resize": geometry.resize,
        "zoom": geometry.zoom,
        "shift": geometry.shift,
        "affine": findings.transform,
    },
    "Filters (7.2, 7.4, 3.3)": {
        "gaussian": filters.gaussian,
        "gaussian-blur": filters.gaussian_blur,
        "median": filters.median,
        "uniform": filters.uniform,
        "maximum": filters.maximum,
        "minimum": filters.minimum,
        "percentile": filters.percentile,
        "rank": filters.rank,
        "unsharp": filters.unsharp,
        "convolve": findings.convolve_with,
        "laplace": filters.laplace,
        "gaussian-laplace": filters.gaussian_laplace,
        "gaussian-gradient": filters.gaussian_gradient,
        "gaussian-derivative": filters.gaussian_derivative,
        "gaussian-noise": noise.gaussian_noise,
        "salt-and-pepper": noise.salt_and_pepper,
        "windows": findings.blur_windows,
    },
    "Heat maps (7.3)": {"heat": heat.colormap, "corner-density": findings.corner_density},
    "Flips and rotations (7.5)": {"flip": geometry.flip, "rotate90": geometry.rotate90, "rotate": geometry.rotate},
    "Edges and contours (7.6)": {
        "threshold": findings.threshold_at,
        "adaptive-threshold": edges.adaptive_threshold,
        "canny": edges.canny,
        "sobel": filters.sobel,
        "prewitt": filters.prewitt,
        "contours": findings.find_contours,
        "level-lines": findings.find_level_lines,
    },
    "Corners (7.7)": {"harris": findings.find_harris, "shi-tomasi": findings.find_shi_tomasi},
    "Histograms (7.8)": {
        "histogram": findings.measure_histogram,
        "equalize": histograms.equalize,
        "clahe": histograms.clahe,
    },
    "Morphology (7.9)": {
        "erode": morphology.erode,
        "dilate": morphology.dilate,
        "opening": morphology.opening,
        "closing": morphology.closing,
        "gradient": morphology.gradient,
        "top-hat": morphology.top_hat,
        "black-hat": morphology.black_hat,
        "hit-or-miss": findings.find_pattern,
        "skeleton": morphology.skeleton,
        "fill-holes": morphology.fill_holes,
        "distance": morphology.distance,
        "label": findings.count_objects,
        "separate": findings.separate_objects,
    },
}
#: these take a mask: the command makes it of the picture by `threshold`
_ON_MASKS = {"contours", "hit-or-miss", "skeleton", "fill-holes", "distance", "label", "separate"}

OPERATIONS: dict[str, Operation] = {
    name: Operation(name, function, section, name in _ON_MASKS)
    for section, functions in _NAMED.items()
    for name, function in functions.items()
}


@cache
def settings(operation: Operation) -> tuple[Setting, ...]:
    """The arguments after the first that a command line can give, derived from the signature and its annotations."""
    hints = typing.get_type_hints(operation.function)
    given = list(inspect.signature(operation.function).parameters.values())[1:]
    return tuple(
        Setting(parameter.name, *kind[:1], parameter.default, _explained(operation.function, parameter.name), kind[1])
        for parameter in given
        if (kind := _kind(hints[parameter.name], parameter.default)) is not None
    )


def _kind(hint: Any, default: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """What an annotation means on a command line; None for arrays and functions, which it cannot give."""
    parts: tuple[Any, ...] = (
        typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    )
    if bytes in parts:  # numpy.typing.ArrayLike
        return None
    for part in parts:
        if typing.get_origin(part) is Literal:
            return "choice", typing.get_args(part)
    for part in parts:
        if typing.get_origin(part) is tuple:
            return ("floats" if float in typing.get_args(part) else "ints"), ()
    if isinstance(default, bool):
        return "flag", ()
    return next(((kind.__name__, ()) for kind in (float, int, str) if kind in parts), None)


def _explained(function: Callable[..., Any], name: str) -> str:
    """The line `name: ...` of the function's docstring, or else of its module's, with what is indented below it."""
    for text in (inspect.getdoc(function), inspect.getdoc(sys.modules[function.__module__])):
        if found := re.search(rf"^{name}: (.*(?:\n[ ]+.*)*)", text or "", re.MULTILINE):
            return " ".join(found[1].split())
    return ""
