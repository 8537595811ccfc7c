"""ResNet-50, as Keras names it: see `kerato.applications.resnet`."""

from kerato.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
