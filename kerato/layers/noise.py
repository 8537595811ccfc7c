"""Layers that draw numbers in training and are the identity afterwards: dropout and noise (book section 3.2).

What is drawn follows from the run's key and the layer's place in the network, see `kerato.random`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kerato import ops, random
from kerato.arguments import Rule, fraction, integer, number, optional
from kerato.layers.base import Array, Layer
from kerato.variables import evaluation


class Drawing(Layer):
    """Base of layers that draw numbers.

    Args:
        seed: fixes what is drawn apart from the process's seed.
    """

    checks = {"seed": optional(Rule("an int", lambda value, _: int(value))), "rate": fraction}
    supports_masking = True

    def fresh_key(self) -> Array:
        """The key of one draw, uint32 of shape (2,)."""
        with evaluation() as run:
            key = run.fresh_key()
        return key if self.seed is None else random.fold(key, self.seed)


def _noise_shape(value: Any, _: Any) -> tuple[int | None, ...]:
    return tuple(None if item is None else integer(1).convert(item, None) for item in value)


class Dropout(Drawing):
    """In training, each value is 0 with probability `rate`, else divided by `1 - rate`; afterwards the identity.

    Args:
        rate: a number from 0 to 1.
        noise_shape: the shape of the mask; size 1 shares it along an axis, None takes the input's size.
        seed: fixes the masks apart from the process's seed.

    Source: Srivastava et al. 2014, JMLR 15, section 4.
    """

    checks = {"noise_shape": optional(Rule("a tuple of ints >= 1 or None, one per axis", _noise_shape))}

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **common: Any
    ) -> None:
        super().__init__(**common)

    def call(self, x: Array, training: bool = False) -> Array:
        """The formula of the class."""
        if not training or self.rate == 0:
            return x
        if self.rate == 1:
            return ops.zeros_like(x)
        return ops.where(self.kept(x), x / (1 - self.rate), 0)

    def kept(self, x: Array) -> Array:
        """Booleans that broadcast to `x`, False with probability `rate`."""
        return random.bernoulli_from(self.fresh_key(), 1 - self.rate, self.mask_shape(x.shape))

    def mask_shape(self, found: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the mask for an input of shape `found`."""
        if self.noise_shape is None:
            return tuple(found)
        return tuple(size if noise is None else noise for noise, size in zip(self.noise_shape, found, strict=True))


class SpatialDropout(Dropout):
    """Base of dropout of whole feature maps: one draw per sample and channel.

    Source: Tompson et al. 2014, arXiv:1411.4280, section 3.2.
    """

    def __init__(self, rate: float, seed: int | None = None, **common: Any) -> None:
        super().__init__(rate, seed=seed, **common)

    def mask_shape(self, found: tuple[int, ...]) -> tuple[int, ...]:
        """(samples, channels) of the input, 1 along the other axes."""
        channels = 1 if self.__dict__.get("data_format") == "channels_first" else len(found) - 1
        return tuple(size if axis in (0, channels) else 1 for axis, size in enumerate(found))

    def get_config(self) -> dict[str, Any]:
        """The arguments; the mask's shape follows from the input, and Keras's class takes no `trainable`."""
        left_out = {"noise_shape"} | ({"trainable"} if self.trainable else set())
        return {name: value for name, value in super().get_config().items() if name not in left_out}


class SpatialDropout1D(SpatialDropout):
    """In training, whole channels of (batch, steps, channels) are 0 with probability `rate`, see `Dropout`."""

    input_rank = 3


class SpatialDropout2D(SpatialDropout):
    """In training, whole channels of (batch, height, width, channels) are 0 with probability `rate`, see `Dropout`."""

    input_rank = 4

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **common: Any) -> None:
        super().__init__(rate, seed, **common)


class SpatialDropout3D(SpatialDropout):
    """In training, whole channels of (batch, d1, d2, d3, channels) are 0 with probability `rate`, see `Dropout`."""

    input_rank = 5

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **common: Any) -> None:
        super().__init__(rate, seed, **common)


class GaussianNoise(Drawing):
    """In training, `x + stddev * z` with normal `z`; afterwards the identity.

    Args:
        stddev: of the noise, in units of `x`, >= 0. Differs: Keras 3 allows at most 1.
        seed: fixes the noise apart from the process's seed.
    """

    checks = {"stddev": number(0)}

    def __init__(self, stddev: float, seed: int | None = None, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array, training: bool = False) -> Array:
        """The formula of the class."""
        if not training or self.stddev == 0:
            return x
        return x + self.stddev * random.normal_from(self.fresh_key(), tuple(x.shape), x.dtype)


class GaussianDropout(Drawing):
    """In training, `x * (1 + sqrt(rate / (1 - rate)) * z)` with normal `z`: as much noise as `Dropout(rate)` makes.

    Args:
        rate: a number from 0 to below 1.
        seed: fixes the noise apart from the process's seed.

    Source: Srivastava et al. 2014, JMLR 15, section 10.
    """

    checks = {"rate": number(0, below=1)}

    def __init__(self, rate: float, seed: int | None = None, **common: Any) -> None:
        super().__init__(**common)

    def call(self, x: Array, training: bool = False) -> Array:
        """The formula of the class."""
        if not training or self.rate == 0:
            return x
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return x * (1 + stddev * random.normal_from(self.fresh_key(), tuple(x.shape), x.dtype))


class AlphaDropout(Dropout):
    """Dropout that keeps mean 0 and variance 1, for networks of `selu`: values become selu's limit, not 0.

    `a * (x or -alpha * scale) + b`, with `a` and `b` such that mean and variance stay.

    Args:
        rate: the probability to drop, from 0 to below 1.
        noise_shape: the shape of the mask, see `Dropout`.
        seed: fixes the masks apart from the process's seed.

    Source: Klambauer et al. 2017, arXiv:1706.02515, section "New Dropout Technique".
    """

    checks = {"rate": number(0, below=1)}

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **common: Any
    ) -> None:
        super().__init__(rate, noise_shape, seed, **common)

    def call(self, x: Array, training: bool = False) -> Array:
        """The formula of the class."""
        if not training or self.rate == 0:
            return x
        limit = -1.7580993408473766  # -alpha * scale of selu
        a = ((1 - self.rate) * (1 + self.rate * limit**2)) ** -0.5
        return a * ops.where(self.kept(x), x, limit) - a * limit * self.rate
