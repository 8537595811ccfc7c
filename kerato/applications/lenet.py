"""LeNet-5 as published, and the concept network from which book section 2.1 explains it.

Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition", section II.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerato import layers
from kerato.initializers import Constant
from kerato.models import Sequential

#: which maps of S2 each map of C3 sees, the paper's table I: three neighbours, four, two pairs of neighbours, all
CONNECTIONS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)

#: the digits 0 to 9 drawn on 12 rows of 7 pixels, a row in two hexadecimal figures
DIGITS = (
    *("001C22414141414141221C00", "000818280808080808083E00", "003E410101020C1020407F00"),
    *("003E4101011E010101413E00", "0002060A1222427F02020200", "007F40407E01010101413E00"),
    *("001E20405E61414141211E00", "007F01020204040808101000", "003E4141413E414141413E00", "003C424141433D0101023C00"),
)


def LeNet5(
    input_shape: Sequence[int | None] = (32, 32, 1),
    classes: int = 10,
    activation: str = "scaled_tanh",
    probabilities: bool = False,
    name: str = "lenet5",
) -> Sequential:
    """LeNet-5: C1, S2, C3 with its table of connections, S4, C5, F6 and a Euclidean RBF unit for each class.

    60,000 weights are trained; the RBF units' centres are the classes' codes and stay as they are. The answer is the
    class with the smallest output. The paper scales pixels so that white is -0.1 and black 1.175.

    Args:
        input_shape: (height, width, channels) of the pictures; 32 x 32 gives C5 one cell a map.
        classes: how many; for 10 the codes are drawings of the digits on 7 x 12 pixels, else random ones.
        activation: `'scaled_tanh'` as in the paper, after every layer up to F6; `'sigmoid'` as in the book, after
            S2, S4 and F6 only.
        probabilities: whether the distances are made into probabilities, `softmax(-distance)`, for training with a
            cross-entropy: the paper's criterion without its constant.
    """
    everywhere = None if activation == "sigmoid" else activation
    mean = Constant(0.25)
    kind = {"data_format": "channels_last", "activation": everywhere}
    pool = {"data_format": "channels_last", "activation": activation, "coefficient_initializer": mean}
    net = Sequential(
        [
            layers.Input(tuple(input_shape), name="picture"),
            layers.Conv2D(6, 5, name="C1", **kind),  # type: ignore[arg-type]
            layers.Subsampling2D(2, name="S2", **pool),  # type: ignore[arg-type]
            layers.PartialConv2D(CONNECTIONS, 5, name="C3", **kind),  # type: ignore[arg-type]
            layers.Subsampling2D(2, name="S4", **pool),  # type: ignore[arg-type]
            layers.Conv2D(120, 5, name="C5", **kind),  # type: ignore[arg-type]
            layers.Flatten(name="vector"),
            layers.Dense(84, activation=activation, name="F6"),
            layers.RBF(classes, name="output", trainable=False),
            *([layers.Rescaling(-1.0, name="likeness"), layers.Softmax(name="classes")] if probabilities else []),
        ],
        name=name,
    )
    net.get_layer("output").set_weights([_codes(classes, 0.0 if activation == "sigmoid" else -1.0)])
    return net


def _codes(classes: int, low: float) -> np.ndarray[Any, Any]:
    """The codes (84, classes) of 1 and `low`, what F6 can give."""
    if classes == len(DIGITS):
        rows = [np.frombuffer(bytes.fromhex(digit), "uint8") for digit in DIGITS]
        bits = np.array([np.unpackbits(row[:, None], axis=1)[:, 1:].reshape(-1) for row in rows])
    else:
        bits = np.random.default_rng(5).integers(0, 2, (classes, 84))
    return np.where(bits, 1.0, low).T.astype("float32")


def concept_cnn(
    input_shape: Sequence[int] = (32, 32, 1), classes: int = 10, units: int = 64, name: str = "concept_cnn"
) -> Sequential:
    """Book 2.1's first network: three filters, C1, S2, C3, S4, a vector, and a conventional network behind it."""
    kind: dict[str, Any] = {"data_format": "channels_last"}
    mean = Constant(0.25)
    return Sequential(
        [
            layers.Input(tuple(input_shape), name="picture"),
            layers.Conv2D(3, 5, name="C1", **kind),
            layers.Subsampling2D(2, name="S2", coefficient_initializer=mean, **kind),
            layers.Conv2D(3, 5, name="C3", **kind),
            layers.Subsampling2D(2, name="S4", coefficient_initializer=mean, **kind),
            layers.Flatten(name="vector"),
            layers.Dense(units, activation="sigmoid", name="hidden"),
            layers.Dense(classes, activation="softmax", name="classes"),
        ],
        name=name,
    )
