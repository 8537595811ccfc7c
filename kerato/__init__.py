"""Kerato: image deep learning with the API that Keras users know, compiled end to end by XLA."""

__version__ = "0.1.0"
