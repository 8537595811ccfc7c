"""Chapter 4: what every objective says of two small predictions, in the words and numbers of the book.

    python examples/4_objectives.py

Each line has the value of a loss on targets y and predictions p, and its slope with respect to p. The old dialect is
that of the book's Keras, 2.0.5.
"""

import jax
import numpy as np

from kerato import legacy, losses

A = ([1.0, 2.0, 3.0], [1.5, 2.0, 2.0])
B = ([1.0, -1.0, 1.0], [0.5, -2.0, -0.5])
C = ([1.0, 0.0], [0.9, 0.2])
D = ([0.0, 1.0, 0.0], [0.1, 0.7, 0.2])
LABEL = ([[1]], [[0.1, 0.7, 0.2]])

SECTIONS = [
    ("4.1", "mean_squared_error", A),
    ("4.2", "mean_absolute_error", A),
    ("4.3", "mean_absolute_percentage_error", A),
    ("4.4", "mean_squared_logarithmic_error", A),
    ("4.5", "squared_hinge", B),
    ("4.6", "hinge", B),
    ("4.7", "binary_crossentropy", C),
    ("4.8", "categorical_crossentropy", D),
    ("4.9", "sparse_categorical_crossentropy", LABEL),
]

if __name__ == "__main__":
    with legacy.dialect():
        for section, name, (y, p) in SECTIONS:
            loss = losses.get(name)
            value = np.asarray(loss(np.array(y), np.array(p))).item()
            slope = jax.grad(lambda p, loss=loss, y=y: loss(np.array(y), p).sum())(np.array(p, "float32"))
            print(f"{section} {name:32} {value:11.7f}   slope {np.round(np.ravel(slope), 4)}")
