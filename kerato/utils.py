"""Keras's public path for helpers; the code lives elsewhere."""

from kerato.data.labels import to_categorical
from kerato.random import set_seed as set_random_seed

__all__ = ["set_random_seed", "to_categorical"]
