"""Numbers about pictures and about the objects in them (book 7.2, measurements). SciPy counts.

Labels are an int array (h, w): 0 is background, 1 ... n are the objects. Results hold one row per object.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid
from kerato.image.arrays import Picture, Points, checked, checked_mask, ndimage, one_of, signed, to_grey

Labels = NDArray[np.int32]


def statistics(picture: ArrayLike, mask: ArrayLike | None = None) -> dict[str, Any]:
    """Minimum, maximum, mean, standard deviation and median of all pixels and of each channel.

    mask: only pixels inside count.

    Raises: InvalidValue for a mask of another size or with nothing inside.
    Source: book 7.2.
    """
    array = checked("statistics", picture)
    planes = array.reshape(*array.shape[:2], -1)
    inside = planes.reshape(-1, planes.shape[2])
    if mask is not None:
        inside = planes[checked_mask("statistics", mask, array)]
    if inside.size == 0:
        raise invalid("statistics", "mask", "a mask with something inside", mask)
    result: dict[str, Any] = {"height": array.shape[0], "width": array.shape[1], "dtype": str(array.dtype)}
    per_channel = [_five(inside[:, channel]) for channel in range(inside.shape[1])]
    return result | _five(inside) | ({"channels": per_channel} if array.ndim == 3 else {})


def _five(values: Picture) -> dict[str, float]:
    return {
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "mean": float(values.mean()),
        "standard_deviation": float(values.std()),
        "median": float(np.median(values)),
    }


def label(mask: ArrayLike, connectivity: Literal[4, 8] = 4) -> tuple[Labels, int]:
    """Number the connected parts of a mask: (h, w) -> labels (h, w) int32 and how many there are.

    connectivity: 4: pixels touch at their sides; 8: corners count too.

    Raises: InvalidValue when `mask` is none; UnknownName for another connectivity.
    Source: book 7.2 and 7.9; scipy.ndimage.label.
    """
    one_of("label", "the connectivity", connectivity, (4, 8))
    structure = ndimage().generate_binary_structure(2, 1 if connectivity == 4 else 2)
    labels, count = ndimage().label(checked_mask("label", mask), structure)
    return np.asarray(labels, np.int32), int(count)


def find_objects(labels: ArrayLike) -> NDArray[np.int64]:
    """The box (x, y, width, height) around every object: labels (h, w) -> (n, 4); zeros for a missing label.

    Raises: InvalidValue for labels that are no int array (h, w).
    Source: book 7.2; scipy.ndimage.find_objects.
    """
    found = ndimage().find_objects(_labels("find_objects", labels))
    boxes = [(s[1].start, s[0].start, s[1].stop - s[1].start, s[0].stop - s[0].start) if s else (0,) * 4 for s in found]
    return np.array(boxes, np.int64).reshape(-1, 4)


def areas(labels: ArrayLike) -> NDArray[np.int64]:
    """How many pixels every object has: labels (h, w) -> (n,).

    Raises: InvalidValue for labels that are no int array (h, w).
    Source: book 7.2.
    """
    return np.bincount(_labels("areas", labels).ravel())[1:].astype(np.int64)


def sum_labels(picture: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Sum of the picture's values (grey, h, w) over every object: -> (n,).

    Raises: InvalidValue for labels of another size.
    Source: book 7.2; scipy.ndimage.sum_labels.
    """
    return _over_objects("sum_labels", "sum_labels", picture, labels)


def mean_labels(picture: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Mean of the picture's values (grey, h, w) over every object: -> (n,).

    Raises: InvalidValue for labels of another size.
    Source: book 7.2; scipy.ndimage.mean.
    """
    return _over_objects("mean_labels", "mean", picture, labels)


def center_of_mass(picture: ArrayLike, labels: ArrayLike | None = None) -> Points:
    """Where the values of a grey picture or mask balance: -> (x, y) as (2,), or (n, 2) with labels, float64.

    Raises: InvalidValue for labels of another size, or values that sum to 0.
    Source: book 7.2; scipy.ndimage.center_of_mass.
    """
    values = signed(to_grey(checked("center_of_mass", picture)))
    numbers = None if labels is None else _labels("center_of_mass", labels, values)
    sums = values.sum() if numbers is None else sum_labels(values, numbers)
    if not np.all(sums):
        raise invalid("center_of_mass", "picture", "one whose values (of every object) do not sum to 0", values)
    index = None if numbers is None else np.arange(1, numbers.max(initial=0) + 1)
    return np.asarray(ndimage().center_of_mass(values, numbers, index), np.float64)[..., ::-1]


def _labels(owner: str, labels: ArrayLike, like: Picture | None = None) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.ndim != 2 or array.dtype.kind not in "iu" or array.min(initial=0) < 0:
        raise invalid(owner, "labels", "an array (h, w) of ints >= 0", array, "label(mask) makes one.")
    if like is not None and array.shape != like.shape[:2]:
        raise invalid(owner, "labels", f"of the picture's height and width {like.shape[:2]}", array)
    return array


def _over_objects(owner: str, function: str, picture: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    values = signed(to_grey(checked(owner, picture)))
    numbers = _labels(owner, labels, values)
    index = np.arange(1, numbers.max(initial=0) + 1)
    return np.asarray(getattr(ndimage(), function)(values, numbers, index), np.float64)
