"""Book section 2.2: weights of a file of 2014 by hand (listing L4), kernels in the order and direction of that time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.signal import convolve, correlate

import kerato
from kerato import config, layers, legacy

dice = np.random.default_rng(0)


def generated(path: Path, shapes: list[list[tuple[int, ...]]]) -> list[list[Any]]:
    """A file with `nb_layers`, `layer_k` and `param_p`, and what is in it."""
    arrays = [[dice.normal(size=shape).astype("float32") for shape in layer] for layer in shapes]
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = len(arrays)
        for k, layer in enumerate(arrays):
            group = file.create_group(f"layer_{k}")
            group.attrs["nb_params"] = len(layer)
            for p, array in enumerate(layer):
                group[f"param_{p}"] = array
    return arrays


def model_of_channels_first() -> Any:
    first = {"data_format": "channels_first"}
    return kerato.Sequential(
        [
            layers.ZeroPadding2D(1, batch_input_shape=(1, 3, 6, 6), **first),
            layers.Conv2D(4, 3, activation="relu", name="conv1_1", **first),
            layers.ZeroPadding2D(1, **first),
            layers.Conv2D(4, 3, name="conv1_2", **first),
        ]
    )


def reference(x: Any, arrays: list[list[Any]], flip: bool) -> Any:
    """The two convolutions by SciPy; Theano convolves, TensorFlow correlates."""
    apply = convolve if flip else correlate
    for number in (1, 3):
        kernel, bias = arrays[number]
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        planes = [sum(apply(p, k, mode="valid") for p, k in zip(padded, taps, strict=True)) for taps in kernel]
        x = np.stack(planes) + bias[:, None, None]
        x = np.maximum(x, 0) if number == 1 else x
    return x


@pytest.mark.parametrize("backend", ["tensorflow", "theano"], ids=["row_2_2_05", "row_2_2_05-flipped"])
def test_row_2_2_04_weights_by_hand(backend: str, tmp_path: Path) -> None:
    """The loop of listing L4; the file has layers beyond the model's, which are not looked at."""
    path = tmp_path / "vgg16_weights.h5"
    shapes = [[], [(4, 3, 3, 3), (4,)], [], [(4, 4, 3, 3), (4,)], [(64, 10), (10,)], [(10, 2), (2,)]]
    arrays = generated(path, shapes)
    model = model_of_channels_first()
    before = config.backend()
    config._set("backend", backend)
    try:
        with legacy.dialect(), h5py.File(path, "r") as f:
            for k in range(f.attrs["nb_layers"]):
                if k >= len(model.layers):
                    break
                g = f[f"layer_{k}"]
                weights = [g[f"param_{p}"] for p in range(g.attrs["nb_params"])]
                model.layers[k].set_weights(weights)
    finally:
        config._set("backend", before)
    x = dice.normal(size=(3, 6, 6)).astype("float32")
    wanted = reference(x, arrays, backend == "theano")
    np.testing.assert_allclose(model.predict(x[None], verbose=0)[0], wanted, rtol=1e-3, atol=1e-4)
