"""Counterparts of small layers that nets of `keras.applications` hold and `keras.layers` has not.

Files and `from_keras` name them by their module; they are not for new networks, where Multiply, Add and Rescaling do.
"""

from __future__ import annotations

from typing import Any

from kerato import initializers
from kerato.arguments import number, positive_int
from kerato.layers.base import Array, Layer


class CustomScaleLayer(Layer):
    """`x + scale * y` of two inputs, as in Inception-ResNet. Source: Szegedy et al. 2016, arXiv:1602.07261."""

    checks = {"scale": number()}

    def __init__(self, scale: float, **common: Any) -> None:
        super().__init__(**common)

    def call(self, inputs: Any) -> Array:
        """The formula of the class."""
        return inputs[0] + inputs[1] * self.scale


class LayerScale(Layer):
    """`gamma * x`, gamma one number per channel: ConvNeXt's scale. Source: Touvron et al. 2021, arXiv:2103.17239."""

    checks = {"init_values": number(), "projection_dim": positive_int}

    def __init__(self, init_values: float, projection_dim: int, **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any) -> None:
        """gamma (projection_dim,)."""
        start = initializers.Constant(self.init_values)
        self.gamma = self.add_weight("gamma", (self.projection_dim,), initializer=start)
        self.expect({-1: self.projection_dim})

    def call(self, x: Array) -> Array:
        """The formula of the class."""
        return x * self.gamma


#: module of Keras, less its first part -> its layers by name
FAMILIES: dict[str, dict[str, Any]] = {
    "src.applications.convnext": {"LayerScale": LayerScale},
    "src.applications.inception_resnet_v2": {"CustomScaleLayer": CustomScaleLayer},
}
