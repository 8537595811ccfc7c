"""How a picture is looked for: where it starts, what is changed step by step, and how numbers become a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.ndimage import map_coordinates

from kerato import optimizers, random

Array = Any
Shape = tuple[int, ...]
Objective = Callable[[Array], Array]

#: How the colours of photographs vary together: the axes of the covariance of RGB values, each times its deviation,
#: brightness first; measured on 400 photographs of cats and dogs.
COLOURS = np.array([[0.242, 0.075, 0.016], [0.245, -0.009, -0.039], [0.241, -0.066, 0.023]], np.float32)


@dataclass(frozen=True)
class Recipe:
    """How pictures ascend: `start` draws what is changed, `show` makes the picture of it, `ascend` takes the steps.

    Args:
        steps: how many when the caller does not say.
        fourier: the picture is a sum of waves with decorrelated colours, not a table of pixels.
        robust: at every step the picture is moved, turned and scaled a little, so that no pixel-exact trick helps.
        smooth: weight of the total variation, which is subtracted from what is maximised.
    """

    steps: int
    fourier: bool = False
    robust: bool = False
    smooth: float = 0.0


RECIPES = {
    "book": Recipe(20),
    "fourier": Recipe(128, fourier=True, robust=True, smooth=0.02),
}


def grey_noise(shape: Shape, bounds: tuple[float, float], seed: int) -> np.ndarray[Any, Any]:
    """Grey with some noise, `128 + 20 u` of 255 with u in [0, 1) (book listing L6)."""
    low, high = bounds
    noise = random.host_generator("grey noise", seed).random(shape, dtype=np.float32)
    return np.asarray(low + (high - low) * (128 + 20 * noise) / 255, np.float32)


def normalized_ascent(objective: Objective, x: Array, steps: int, step: float) -> tuple[Array, Array]:
    """`steps` steps along each picture's gradient over its root mean square (book listings L5 and L6).

    objective: pictures (n, ...) -> (n,), each depending on its own picture.

    Returns: the pictures, and the values (steps + 1, n) before each step and after the last.
    """
    axes = tuple(range(1, x.ndim))

    def value_and_gradient(x: Array) -> tuple[Array, Array]:
        (_, values), gradient = jax.value_and_grad(lambda p: (jnp.sum(v := objective(p)), v), has_aux=True)(x)
        return values, gradient

    def one(i: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        x, trace = state
        values, g = value_and_gradient(x)
        g = g / (jnp.sqrt(jnp.mean(g**2, axes, keepdims=True)) + 1e-5)
        return x + step * g, trace.at[i].set(values)

    x, trace = lax.fori_loop(0, steps, one, (x, jnp.zeros((steps + 1, x.shape[0]))))
    return x, trace.at[steps].set(objective(x))


def fourier_start(shape: Shape, seed: int) -> np.ndarray[Any, Any]:
    """Small random amplitudes of waves, for pictures (n, height, width, channels): (n, height, waves, channels, 2)."""
    n, height, width, channels = shape
    generator = random.host_generator("fourier start", seed)
    return np.asarray(0.01 * generator.normal(size=(n, height, width // 2 + 1, channels, 2)), np.float32)


def from_waves(z: Array, size: tuple[int, int], bounds: tuple[float, float]) -> Array:
    """Pictures (n, height, width, channels) within `bounds` of amplitudes of waves; fine waves weigh less.

    Source: Olah, Mordvintsev, Schubert 2017, "Feature Visualization", preconditioning.
    """
    height, width = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    scale = np.sqrt(height * width) / np.maximum(frequency, 1 / max(height, width))
    waves = lax.complex(z[..., 0], z[..., 1]) * jnp.asarray(scale[..., None], jnp.float32)
    x = jnp.fft.irfft2(waves, (height, width), axes=(1, 2)) / 4
    if x.shape[-1] == 3:
        x = x @ jnp.asarray(COLOURS.T / np.linalg.norm(COLOURS, axis=0).max())
    low, high = bounds
    return low + (high - low) * jax.nn.sigmoid(x)


def fourier_ascent(
    objective: Objective, z: Array, size: tuple[int, int], bounds: tuple[float, float], steps: int, recipe: Recipe,
    key: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Adam on the waves; returns pictures and the values (steps + 1, n). `objective` as in `normalized_ascent`."""
    adam = optimizers.Adam(0.05)
    low, high = bounds

    def aim(z: Array, i: Array) -> tuple[Array, Array]:
        x = from_waves(z, size, bounds)
        seen = moved(x, random.fold(key, i)) if recipe.robust else x
        values = objective(seen)
        return jnp.sum(values - recipe.smooth * jnp.abs(values) * total_variation(x / (high - low))), values

    def one(i: Array, state: Any) -> Any:
        z, slots, trace = state
        (_, values), g = jax.value_and_grad(aim, has_aux=True)(z, i)
        # Adam takes no notice of how large a gradient is, so no value has to be scaled.
        z, slots = adam.rule(z, -g, slots, adam.constants(i + 1.0, jnp.float32(0.05)))
        return z, slots, trace.at[i].set(values)

    slots = {name: jnp.zeros_like(z) for group in adam.slot_groups() for name in group}
    z, _, trace = lax.fori_loop(0, steps, one, (z, slots, jnp.zeros((steps + 1, z.shape[0]))))
    x = from_waves(z, size, bounds)
    return x, trace.at[steps].set(objective(x))


def total_variation(x: Array) -> Array:
    """(n, height, width, channels) -> (n,): the mean difference between neighbours."""
    return jnp.abs(jnp.diff(x, axis=1)).mean((1, 2, 3)) + jnp.abs(jnp.diff(x, axis=2)).mean((1, 2, 3))


def moved(x: Array, key: Array) -> Array:
    """All pictures shifted by up to 6 %, turned by up to 8 degrees and scaled by up to 8 %, the same for all."""
    height, width = x.shape[1:3]
    u = 2 * random.uniform_from(key, (4,)) - 1
    angle, scale = u[0] * np.deg2rad(8), 1 + 0.08 * u[1]
    rows, columns = jnp.meshgrid(
        jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij"
    )
    cos, sin = jnp.cos(angle) / scale, jnp.sin(angle) / scale
    y = cos * rows - sin * columns + (height - 1) / 2 + 0.06 * height * u[2]
    z = sin * rows + cos * columns + (width - 1) / 2 + 0.06 * width * u[3]
    plane = jnp.moveaxis(x, -1, 1).reshape(-1, height, width)
    turned = jax.vmap(lambda p: map_coordinates(p, [y, z], 1, mode="nearest"))(plane)
    return jnp.moveaxis(turned.reshape(x.shape[0], -1, height, width), 1, -1)


def deprocess(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers (height, width, channels) as a picture, uint8: mean to the middle, deviation to a tenth of the range.

    Source: book listing L7.
    """
    x = (x - x.mean()) / (x.std() + 1e-5) * 0.1 + 0.5
    return np.asarray(np.clip(np.clip(x, 0, 1) * 255, 0, 255), "uint8")
