"""Counterparts of small layers that nets of `keras.applications` hold and `keras.layers` has not.

Files and `from_keras` name them by their module; they are not for new networks, where Multiply, Add and Rescaling do.
"""

from __future__ import annotations

from typing import Any

from kerato import initializers
from kerato.arguments import number, positive_int
from kerato.layers.base import Array, Layer
from kerato.layers.noise import Dropout


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


class StochasticDepth(Dropout):
    """In training, whole samples are 0 with probability `drop_path_rate`, else divided by the rest; ConvNeXt's paths.

    Source: Huang et al. 2016, arXiv:1603.09382.
    """

    checks = {"drop_path_rate": number(0, most=1)}

    def __init__(self, drop_path_rate: float, **common: Any) -> None:
        super().__init__(drop_path_rate, **common)

    def mask_shape(self, found: tuple[int, ...]) -> tuple[int, ...]:
        """One number for each sample."""
        return (found[0], *(1,) * (len(found) - 1))

    def get_config(self) -> dict[str, Any]:
        """The rate under its own name."""
        return {
            name: item for name, item in super().get_config().items() if name not in ("rate", "noise_shape", "seed")
        }


#: module of Keras, less its first part -> its layers by name
FAMILIES: dict[str, dict[str, Any]] = {
    "src.applications.convnext": {"LayerScale": LayerScale, "StochasticDepth": StochasticDepth},
    "src.applications.inception_resnet_v2": {"CustomScaleLayer": CustomScaleLayer},
}
