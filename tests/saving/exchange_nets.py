"""What happens to networks between Kerato and Keras 3 in one process. Run by a Python that has both; prints JSON."""

from __future__ import annotations

import json
import warnings
from typing import Any

import keras  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import saving_nets as nets

import kerato


def distance(first: Any, second: Any) -> float:
    """The largest difference between two models' outputs, relative where numbers are above 1."""
    pairs = zip(nets.outputs_of(first), nets.outputs_of(second), strict=True)
    return max(float(np.max(np.abs(a - b)) / max(1.0, float(np.max(np.abs(a))))) for a, b in pairs)


def there_and_back(build: Any) -> list[float]:
    theirs = build(keras)
    nets.fill(theirs)
    ours = kerato.from_keras(theirs)
    return [distance(theirs, ours), distance(theirs, ours.to_keras())]


def trained(optimizer: str) -> list[float]:
    L = kerato.layers
    ours = kerato.Sequential([L.Input((5,)), L.Dense(4, activation="tanh"), L.Dense(3, activation="softmax")])
    nets.fill(ours)
    ours.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    nets.train(ours, 3)
    theirs = ours.to_keras()
    back = kerato.from_keras(theirs)
    for model in (ours, theirs, back):
        nets.train(model, 2)
    return [distance(ours, theirs), distance(ours, back)]


def said(function: Any, *args: Any, **options: Any) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            function(*args, **options)
        except kerato.errors.KeratoError as error:
            return f"{type(error).__name__}: {error}"
    return "; ".join(str(item.message) for item in caught)


@keras.saving.register_keras_serializable("mine")
class Doubled(keras.layers.Dense):  # type: ignore[misc,unused-ignore]
    """A class of the user's in Keras."""


class Counterpart(kerato.layers.Dense):
    """The user's class in Kerato."""


def mean_difference(y: Any, p: Any) -> Any:
    return abs(y - p)


def messages() -> dict[str, str]:
    K, L = keras.layers, kerato.layers
    theirs = keras.Sequential([K.Input((5,)), K.Lambda(lambda x: x * 2, name="twice"), Doubled(3, name="doubled")])
    ours = kerato.Sequential(
        [L.Input((5,)), L.Lambda(lambda x: x * 2, name="twice"), L.Dense(3, activation="hard_sigmoid_02", name="old")]
    )
    plain = keras.Sequential([K.Input((5,)), K.Dense(3)])
    plain.compile("adam", mean_difference)
    old = kerato.Sequential([L.Input((5,)), L.Dense(3)])
    old.compile("sgd", mean_difference)
    return {
        "in": said(kerato.from_keras, theirs),
        "out": said(ours.to_keras),
        "unbuilt": said(kerato.from_keras, keras.Sequential([K.Dense(3)])),
        "compiled in": said(kerato.from_keras, plain),
        "compiled out": said(old.to_keras),
    }


def with_counterparts() -> list[float]:
    theirs = keras.Sequential([keras.layers.Input((5,)), Doubled(3)])
    ours = kerato.from_keras(theirs, {"mine>Doubled": Counterpart})
    known = {"Counterpart": Doubled, "twice": lambda x: x * 2}
    return [distance(theirs, ours), distance(ours, ours.to_keras(known))]


if __name__ == "__main__":
    found = {name: there_and_back(build) for name, build in nets.NETS.items()}
    found |= {f"trained_{name}": trained(name) for name in nets.TRAINED}
    found["counterparts"] = with_counterparts()
    print(json.dumps({"distances": found, "messages": messages()}))
