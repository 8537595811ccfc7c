"""Pictures as nets trained on ImageNet take them, and what their 1000 answers are called."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from kerato import config, layers
from kerato.errors import invalid

Array = Any

#: mode -> scale, mean and deviation per channel after scaling, and whether colours are in the order blue, green, red
MODES: dict[str, tuple[float, tuple[float, float, float], tuple[float, float, float], bool]] = {
    "caffe": (1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0), True),
    "tf": (1 / 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), False),
    "torch": (1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), False),
}


def preprocess_input(x: Array, data_format: str | None = None, mode: str = "caffe") -> Array:
    """Pixels as the weights expect them.

    Args:
        x: (height, width, 3) or (batch, height, width, 3) in 0..255, RGB; or with channels first.
        mode: `'caffe'`: BGR less the means of ImageNet; `'tf'`: -1 to 1; `'torch'`: 0 to 1, then normalized per
            channel.

    Returns:
        An array of floats of the same shape; `x` stays as it is.

    Raises:
        InvalidValue: there is no such mode or order of axes.
    """
    from kerato import ops

    if mode not in MODES:
        raise invalid("preprocess_input", "mode", "'caffe', 'tf' or 'torch'", mode)
    if data_format not in (None, *config.DATA_FORMATS):
        raise invalid("preprocess_input", "data_format", "'channels_last', 'channels_first' or None", data_format)
    first = (data_format or config.image_data_format()) == "channels_first"
    axis = -3 if first else -1
    if np.ndim(x) not in (3, 4) or x.shape[axis] != 3:
        raise invalid("preprocess_input", "x", f"pictures with 3 channels in axis {axis}", getattr(x, "shape", x))
    scale, mean, deviation, bgr = MODES[mode]
    numbers = np if isinstance(x, np.ndarray) else ops
    kind = str(x.dtype) if "float" in str(x.dtype) else config.floatx()
    y = x.astype(kind) if numbers is np else ops.cast(x, kind)
    y = numbers.flip(y, axis) if bgr else y
    shape = (3, 1, 1) if first else (3,)
    low, size = (np.reshape(np.asarray(part, kind), shape) for part in (mean, deviation))
    return (y * np.asarray(scale, kind) - low) / size


def prepares(mode: str) -> Callable[..., Array]:
    """The `preprocess_input` of a net, with its mode."""

    def preprocess_input(x: Array, data_format: str | None = None) -> Array:
        return _preprocess(x, data_format, mode)

    preprocess_input.__doc__ = f"Pixels in 0..255 as the weights expect them: mode {mode!r} of `imagenet_utils`."
    return preprocess_input


_preprocess = preprocess_input


def preparation(mode: str, data_format: str = "channels_last") -> list[Any]:
    """`preprocess_input` as layers for pictures (batch, height, width, 3): parts of a model and of its file.

    It is a convolution over single pixels, with weights that are not trained: it orders, scales and shifts
    channels.
    """
    scale, mean, deviation, bgr = MODES[mode]
    order = np.eye(3)[::-1] if bgr else np.eye(3)
    size = np.asarray(deviation)
    kernel = (order * scale / size).reshape(1, 1, 3, 3).astype("float32")
    shift = (-np.asarray(mean) / size).astype("float32")
    pixels = layers.Conv2D(
        3, 1, name="preprocessing", trainable=False, data_format=data_format, weights=[kernel, shift]
    )
    return [pixels]


def decode_predictions(preds: Array, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """The likeliest classes of each picture: (identifier in WordNet, name, probability), the likeliest first.

    Args:
        preds: (batch, 1000), what a net with its top says.
        top: how many for each picture.

    Raises:
        InvalidValue: these are no answers to ImageNet's classes.
        BadFile: the names are not on this machine and cannot be downloaded.
    """
    shape = tuple(getattr(preds, "shape", ()))
    if len(shape) != 2 or shape[1] != 1000:
        raise invalid("decode_predictions", "preds", "an array of shape (batch, 1000)", shape or preds)
    names = class_index()
    found = np.asarray(preds)
    return [[(*names[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:top].tolist()] for row in found]


@functools.cache
def class_index() -> list[tuple[str, str]]:
    """ImageNet's 1000 classes in the nets' order: (identifier in WordNet, name).

    From `imagenet_class_index.json` where weights lie, as Keras keeps it, else downloaded.

    Raises:
        BadFile: it is not there and cannot be downloaded, or it is damaged.
    """
    from kerato.applications.trained import CLASS_INDEX, place
    from kerato.errors import BadFile

    path = place(CLASS_INDEX)
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return [(str(table[str(i)][0]), str(table[str(i)][1])) for i in range(1000)]
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadFile(f"{path}: expected ImageNet's 1000 classes, and it is damaged ({error}). Delete it.") from None
