"""Policies of augmentation on the device: operations drawn for each picture from a list of kinds.

All kinds are computed for a batch and each picture takes its own; those that move pixels are one resampling. A loop
over the rounds keeps the program as small as one round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerato import random
from kerato.arguments import flag, number, one_of, positive_int
from kerato.kernels import resample
from kerato.layers.augmentation import (
    Geometric,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    interval,
)
from kerato.layers.base import Array
from kerato.layers.color import Coloring, RandomBrightness, RandomColorDegeneration, RandomContrast
from kerato.layers.sharpness import RandomSharpness
from kerato.layers.tones import AutoContrast, Equalization, RandomPosterization, Solarization
from kerato.variables import Run


class Policy(Coloring):
    """Base of policies: `moves` and `tints` are the layers whose changes may be drawn, each as likely.

    Moves are a shear, a translation, a rotation; tints a posterization, a solarization, an autocontrast, an
    equalization, and unless left out brightness, degenerate colours, contrast and sharpness; all of strength `factor`.
    """

    checks = {"factor": interval(0, 1, lowest=0.0), "interpolation": one_of("bilinear", "nearest")}
    beside = ("labels",)
    moves: Sequence[Geometric]
    tints: Sequence[Coloring]

    def prepare(self, every: bool = True) -> None:
        """Make the layers."""
        f = self.factor
        moves: dict[Any, tuple[Any, ...]] = {RandomShear: (f, f), RandomTranslation: (f, f), RandomRotation: (f,)}
        tints: dict[Any, tuple[Any, ...]] = {RandomPosterization: (max(1, int(8 * f[1])),), Solarization: (f, f)}
        tints |= {AutoContrast: (), Equalization: ()}
        if every:
            kinds = (RandomBrightness, RandomColorDegeneration, RandomContrast, RandomSharpness)
            tints |= dict.fromkeys(kinds, (f,))
        # Names of their own: automatic ones are counted for the layers that a user makes.
        self.moves = [kind(*args, name=kind.__name__) for kind, args in moves.items()]
        values = {"value_range": self.value_range}
        self.tints = [kind(*args, name=kind.__name__, **values) for kind, args in tints.items()]

    def rounds(self, x: Array, count: int, key: Array, idle: int = 0) -> Array:
        """`x` after `count` draws for each picture; `idle` of the kinds to draw from are none."""
        return jax.lax.fori_loop(0, count, lambda i, y: self.round(y, random.fold(key, i), idle), x)

    def round(self, x: Array, key: Array, idle: int) -> Array:
        """`x` after one draw for each picture."""
        with Run(key=key):
            count, height, width, _ = x.shape
            kinds = len(self.moves) + len(self.tints)
            (u,) = self.uniform(count, (0, kinds + idle))
            drawn = jnp.floor(u).astype(jnp.int32)[:, None, None]
            matrix = jnp.broadcast_to(jnp.eye(3), (count, 3, 3))
            for k, move in enumerate(self.moves):
                matrix = jnp.where(drawn == k, move.matrix(count, height, width), matrix)
            x = y = resample(x, matrix, self.interpolation, "reflect", 0.0)
            for k, tint in enumerate(self.tints, len(self.moves)):
                y = jnp.where(drawn[..., None] == k, tint.change(x), y)
        return y.astype(x.dtype)


class RandAugment(Policy):
    """RGB pictures changed by `num_ops` operations after one another, drawn for each picture, see `Policy`.

    Args:
        value_range: of the values.
        num_ops: how many.
        factor: their strength, two numbers from 0 to 1; a number f is [0, f].
        interpolation: `'bilinear'` or `'nearest'`.
        seed: fixes the draws apart from the process's seed.

    Source: Cubuk et al. 2019, arXiv:1909.13719. Differs: Keras 3 draws the same operations for the whole batch.
    """

    checks = {"num_ops": positive_int}

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: float | Sequence[float] = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.prepare()

    def change(self, x: Array) -> Array:
        """The operations."""
        return self.rounds(x, self.num_ops, self.fresh_key())


class AugMix(Policy):
    """RGB pictures mixed with copies of themselves that went through chains of operations, drawn for each picture.

    `m * x + (1 - m) * sum(w[k] * chain[k](x))`, with `m` of Beta(alpha, alpha) and `w` of a Dirichlet distribution.

    Args:
        value_range: of the values.
        num_chains: how many chains.
        chain_depth: how many operations a chain has at most; each of them may be none.
        factor: their strength, two numbers from 0 to 1; a number f is [0, f].
        alpha: of both distributions.
        all_ops: whether brightness, colours, contrast and sharpness are among the operations, see `Policy`.
        interpolation: `'bilinear'` or `'nearest'`.
        seed: fixes the draws apart from the process's seed.

    Source: Hendrycks et al. 2019, arXiv:1912.02781. Differs: Keras 3 draws the operations once, when a program is
    compiled, for all pictures.
    """

    checks = {"num_chains": positive_int, "chain_depth": positive_int, "alpha": number(1e-3), "all_ops": flag}

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: float | Sequence[float] = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.prepare(self.all_ops)

    def change(self, x: Array) -> Array:
        """The formula of the class."""
        key = self.fresh_key()
        sizes = random.log_gamma_from(random.fold(key, "shares"), (len(x), 2 + self.num_chains), self.alpha)
        m = jax.nn.sigmoid(sizes[:, 0] - sizes[:, 1]).astype(x.dtype)[:, None, None, None]
        w = jax.nn.softmax(sizes[:, 2:]).astype(x.dtype)

        def add(k: Array, total: Array) -> Array:
            chain = self.rounds(x, self.chain_depth, random.fold(key, k), idle=1)
            return total + w[:, k, None, None, None] * chain

        mixed = jax.lax.fori_loop(0, self.num_chains, add, jnp.zeros_like(x))
        return self.clipped(m * x + (1 - m) * mixed)
