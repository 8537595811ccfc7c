"""Keras's public path for helpers; the code lives elsewhere."""

from kerato.data.labels import to_categorical
from kerato.data.supply import GeneratorEnqueuer, OrderedEnqueuer, PyDataset
from kerato.random import set_seed as set_random_seed

Sequence = PyDataset

__all__ = ["GeneratorEnqueuer", "OrderedEnqueuer", "PyDataset", "Sequence", "set_random_seed", "to_categorical"]
