"""Book 3.3: Keras 1's words for convolution and pooling layers, in scripts that import `keras`."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from kerato import layers as today
from kerato.errors import InvalidType
from kerato.keras import layers

#: an old call, today's, and the old words that the warning names
CALLS: list[tuple[str, Any, Any, str]] = [
    (
        "positions",
        lambda: layers.Convolution2D(64, 3, 5, border_mode="same", activation="relu"),
        lambda: today.Conv2D(64, (3, 5), padding="same", activation="relu"),
        "`nb_row, nb_col` is `kernel_size`, `border_mode` is `padding`",
    ),
    (
        "words",
        lambda: layers.Convolution2D(
            nb_filter=4, nb_row=3, nb_col=3, subsample=(2, 1), dim_ordering="th", bias=False, init="he_uniform"
        ),
        lambda: today.Conv2D(
            4, 3, strides=(2, 1), data_format="channels_first", use_bias=False, kernel_initializer="he_uniform"
        ),
        "`subsample` is `strides`",
    ),
    (
        "one dimension",
        lambda: layers.Convolution1D(4, 3, border_mode="valid", subsample_length=2),
        lambda: today.Conv1D(4, 3, strides=2),
        "`subsample_length` is `strides`",
    ),
    (
        "atrous",
        lambda: layers.AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2)),
        lambda: today.Conv2D(4, 3, dilation_rate=(2, 2)),
        "`atrous_rate` is `dilation_rate`",
    ),
    (
        "pooling",
        lambda: layers.MaxPooling2D((2, 2), strides=(2, 2), border_mode="same", dim_ordering="tf"),
        lambda: today.MaxPooling2D((2, 2), (2, 2), padding="same", data_format="channels_last"),
        "`border_mode` is `padding`",
    ),
]


def settings(layer: Any) -> Any:
    return type(layer), {name: value for name, value in layer.get_config().items() if name != "name"}


@pytest.mark.parametrize(
    ("old", "new", "words"), [call[1:] for call in CALLS], ids=[f"row_3_3_15-{call[0]}" for call in CALLS]
)
def test_old_calls_make_today_s_layers_and_say_so(old: Any, new: Any, words: str) -> None:
    with pytest.warns(UserWarning) as told:
        layer = old()
    assert settings(layer) == settings(new())
    assert words in " ".join(str(warning.message) for warning in told)


def test_row_3_3_15_both_names_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InvalidType, match=r"`border_mode` is an older name of `padding`, and both are given"):
            layers.Conv2D(4, (3, 3), border_mode="same", padding="valid")
        with pytest.raises(TypeError, match=r"`nb_filter` is an older name of `filters`"):
            layers.Conv2D(filters=4, nb_filter=4, kernel_size=3)
