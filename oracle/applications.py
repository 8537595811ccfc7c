"""One net of each family of `keras.applications`, taken into Kerato and back: do all three predict the same?

A net that `kerato.applications` has is also built there, and takes its weights from files such as Keras publishes.
`python applications.py FOLDER [NAME...]` runs where both packages can be imported and writes
`FOLDER/applications.json`: name -> the largest difference of Kerato's, of the returned model's, and of the built net's
predictions.
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import h5py
import keras  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from keras.src.legacy.saving import legacy_h5_format  # type: ignore[import-not-found,unused-ignore]

import kerato

#: name -> size of its pictures here: small ones, where the net is large
NETS = {
    "VGG16": 64,
    "VGG19": 64,
    "ResNet50": 64,
    "ResNet50V2": 64,
    "MobileNet": 96,
    "MobileNetV2": 96,
    "MobileNetV3Small": 96,
    "Xception": 96,
    "InceptionV3": 96,
    "InceptionResNetV2": 96,
    "DenseNet121": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "NASNetMobile": 96,
    "ConvNeXtTiny": 64,
}


def distance(mine: Any, theirs: Any) -> float:
    """The largest difference in units of the largest value."""
    return float(np.abs(mine - theirs).max() / np.abs(theirs).max())


def crossing(name: str, size: int) -> dict[str, Any]:
    """Differences of a net's logits after it came in, and after it went out again."""
    keras.utils.set_random_seed(1)
    build = getattr(keras.applications, name)
    model = build(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None)
    x = np.random.default_rng(3).uniform(0, 255, (2, size, size, 3)).astype("float32")
    if name not in ("EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny", "MobileNetV3Small"):
        x = x / 127.5 - 1  # those four scale by themselves
    theirs = np.asarray(model.predict(x, verbose=0))
    ours = kerato.from_keras(model)
    came = np.asarray(ours.predict(x, verbose=0))
    back = np.asarray(ours.to_keras().predict(x, verbose=0))
    found = {"in": distance(came, theirs), "out": distance(back, theirs)}
    if hasattr(kerato.applications, name):
        found["built"] = max(built(name, size, include_top) for include_top in (True, False))
    return found


def built(name: str, size: int, include_top: bool) -> float:
    """The difference of the net that Kerato builds, with weights from a file in the layout of Keras 2."""
    keras.utils.clear_session()
    kerato.clear_session()
    shape = {"weights": None, "include_top": include_top, "input_shape": (size, size, 3)}
    options = {"classifier_activation": None} if include_top else {"pooling": "avg"}
    model = getattr(keras.applications, name)(**shape, **options)
    numbers = np.random.default_rng(5)
    for variable in model.weights:  # statistics of batches that are not 0 and 1, so that each must find its place
        if variable.path.endswith(("moving_mean", "beta", "gamma", "moving_variance", "bias")):
            variable.assign(np.abs(np.asarray(variable)) + numbers.uniform(0, 0.2, variable.shape))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.h5"
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
        ours = getattr(kerato.applications, name)(**{**shape, "weights": path}, **options)
    names, others = ([layer.name for layer in net.layers][1:] for net in (ours, model))
    if names != others:
        raise ValueError(f"{name}: its layers are {names} and not {others}")
    x = numbers.uniform(-1, 1, (2, size, size, 3)).astype("float32")
    return distance(np.asarray(ours.predict(x, verbose=0)), np.asarray(model.predict(x, verbose=0)))


def main(folder: Path, names: list[str]) -> None:
    """Let every net cross."""
    found: dict[str, Any] = {}
    for name in names or NETS:
        try:
            found[name] = crossing(name, NETS[name])
        except Exception:
            found[name] = {"failed": traceback.format_exc(limit=-3)}
        keras.utils.clear_session()
    (folder / "applications.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
