"""Augmentation by mixing on the device: noise over a patch of a picture, and pictures with others of their batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerato import ops, random
from kerato.arguments import Rule, number, optional, title
from kerato.errors import invalid
from kerato.layers.augmentation import Augmenting, interval
from kerato.layers.base import Array
from kerato.layers.color import Coloring


def _fill(value: Any, _: Any) -> float | tuple[float, ...]:
    one = number().convert
    return tuple(one(item, None) for item in value) if isinstance(value, (list, tuple)) else one(value, None)


class RandomErasing(Coloring):
    """A patch of each picture filled, with a probability that is itself drawn from `factor`.

    Args:
        factor: two numbers from 0 to 1; a number f is [0, f].
        scale: two bounds of the patch's height and width, drawn apart, as the square of their share of the picture's.
        fill_value: a number, or one for each channel; None for noise: normal numbers times the range's upper end.
        value_range: of the values.
        seed: fixes the draws apart from the process's seed.

    Source: Zhong et al. 2017, arXiv:1708.04896.
    """

    checks = {
        "factor": interval(0, 1, lowest=0.0),
        "scale": interval(0, 1, lowest=0.0),
        "fill_value": optional(Rule("a number, or one for each channel,", _fill)),
    }

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def change(self, x: Array) -> Array:
        """Noise, or the colour, inside of the patch."""
        u, probability = self.one(x, (0, 1), self.factor)
        across, down = self.uniform(len(x), self.scale, self.scale)
        if self.fill_value is None:
            filling = random.normal_from(self.fresh_key(), x.shape, x.dtype) * self.value_range[1]
        else:
            filling = jnp.broadcast_to(jnp.asarray(self.fill_value, x.dtype), x.shape)
        erased = patch(self, x, jnp.sqrt(down), jnp.sqrt(across)) & (u < probability)
        return jnp.where(erased, self.clipped(filling), x)


class Mixing(Augmenting):
    """Base of layers that mix each picture with another of its batch, and their labels.

    `layer({"images": x, "labels": y})` gives both mixed, with the shares of the pictures; the labels are one-hot,
    (batch, classes), or whatever else may be averaged. Pictures alone are mixed too.
    """

    beside = ()

    def call(self, x: Any, training: bool = False) -> Any:
        """The mixed pictures, and labels where they were given."""
        data = x if isinstance(x, dict) else {"images": x}
        if "images" not in data or data.keys() - {"images", "labels"}:
            raise invalid(title(self), "input", "pictures, or a dict of 'images' and 'labels'", sorted(data))
        data = {name: ops.cast(item, self.compute_dtype) for name, item in data.items()}
        if data["images"].ndim != 4 or data.get("labels", data["images"]).ndim < 2:
            shapes = {name: tuple(item.shape) for name, item in data.items()}
            raise invalid(title(self), "input", "pictures of 4 axes and one-hot labels (batch, classes)", shapes)
        if training:
            first = self.data_format == "channels_first"
            picture = jnp.moveaxis(data["images"], 1, -1) if first else data["images"]
            order = jnp.argsort(random.bits_from(self.fresh_key(), (len(picture),)))
            mixed, share = self.mixed(picture, picture[order])
            data["images"] = jnp.moveaxis(mixed, -1, 1) if first else mixed
            if "labels" in data:
                y = data["labels"]
                kept = share.reshape(-1, *[1] * (y.ndim - 1)).astype(y.dtype)
                data["labels"] = kept * y + (1 - kept) * y[order]
        return data if isinstance(x, dict) else data["images"]

    def mixed(self, x: Array, other: Array) -> tuple[Array, Array]:
        """The mixed pictures, and how much of `x` is in each, (batch,)."""
        raise NotImplementedError(f"{type(self).__name__}: define mixed(self, x, other).")

    def beta(self, count: int, alpha: Any) -> Array:
        """`count` numbers of the distribution Beta(alpha, alpha)."""
        one, other = random.log_gamma_from(self.fresh_key(), (2, count), alpha)
        return jax.nn.sigmoid(one - other)


class MixUp(Mixing):
    """`w * x + (1 - w) * other`, with `w` of Beta(alpha, alpha) for each picture, and labels alike, see `Mixing`.

    Source: Zhang et al. 2017, arXiv:1710.09412.
    """

    checks = {"alpha": number(1e-3)}

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **common: Any
    ) -> None:
        super().__init__(**common)

    def mixed(self, x: Array, other: Array) -> tuple[Array, Array]:
        """The formula of the class."""
        share = self.beta(len(x), self.alpha)
        w = share.astype(x.dtype)[:, None, None, None]
        return w * x + (1 - w) * other, share


class CutMix(Mixing):
    """A patch of another picture in each, of a share `1 - w` of its pixels, `w` of Beta(a, a), see `Mixing`.

    Args:
        factor: where `a` is drawn from, two numbers from 0 to 1; a number f is [0, f].
        seed: fixes the draws apart from the process's seed.

    Labels are mixed by the pixels that were taken. Source: Yun et al. 2019, arXiv:1905.04899.
    Differs: Keras 3 draws one `a` for all pictures of a batch, and takes the patch's area before it falls on pixels.
    """

    checks = {"factor": interval(0, 1, lowest=0.0)}

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)

    def mixed(self, x: Array, other: Array) -> tuple[Array, Array]:
        """The other picture inside of the patch."""
        (a,) = self.uniform(len(x), self.factor)
        side = jnp.sqrt(1 - self.beta(len(x), a + 1e-6))
        cut = patch(self, x, side, side)
        return jnp.where(cut, other, x), 1 - jnp.mean(cut, axis=(1, 2, 3), dtype="float32")


def patch(layer: Augmenting, x: Array, height: Array, width: Array) -> Array:
    """(batch, h, w, 1): whether a pixel is in a patch at a random place, of these shares of the pictures' sides."""
    inside = []
    sizes = zip(x.shape[1:3], (height, width), layer.uniform(len(x), (0, 1), (0, 1)), strict=True)
    for size, share, place in sizes:
        start = (place * (1 - share) * size)[:, None]
        along = jnp.arange(size)
        inside.append((along >= start) & (along < start + (share * size)[:, None]))
    return (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
