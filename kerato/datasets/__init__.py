"""The data sets that have a name: `from kerato.datasets import mnist; mnist.load_data()`.

`digits` comes with scikit-learn and needs no network. The others are looked for on this machine first and
downloaded only when they are nowhere; `kerato.datasets.places` says where.
"""

from __future__ import annotations

from kerato.datasets import imdb
from kerato.datasets.catalog import Dataset, at, cifar10, digits, fashion_mnist, get, load, mnist, names

__all__ = ["Dataset", "at", "cifar10", "digits", "fashion_mnist", "get", "imdb", "load", "mnist", "names"]
