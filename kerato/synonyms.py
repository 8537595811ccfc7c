"""Names of layers that mean the same: VGG's, as its authors' files and the book have them, and as Keras has them."""

from __future__ import annotations

import re

#: a name, with a digit in each pair of braces, and the other one
PAIRS = (
    ("conv{}_{}", "block{}_conv{}"),
    ("pool{}", "block{}_pool"),
    ("fc6", "fc1"),
    ("fc7", "fc2"),
    ("fc8", "predictions"),
)


def synonym(name: object) -> str | None:
    """The other name of a layer, if there is one: that of `conv5_1` is `block5_conv1`, and the reverse.

    Of a path, the last part is exchanged.
    """
    before, slash, own = str(name).rpartition("/")
    for pair in PAIRS:
        for this, other in (pair, pair[::-1]):
            match = re.fullmatch(this.replace("{}", r"(\d)"), own)
            if match:
                return before + slash + other.format(*match.groups())
    return None
