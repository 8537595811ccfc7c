"""The methods of explaining, each a formula: from a scene (a model, a batch of pictures, targets) to one map each.

A further method is one function and one row of `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerato import random
from kerato.see.hooks import guided, tap
from kerato.see.lens import Call, Lens, Weights
from kerato.variables import Hook

Array = Any


@dataclass(frozen=True)
class Scene:
    """What a method sees: it asks for scores, gradients and values of layers, and never for the model itself.

    `x` are all inputs, batch first; `place` says which of them is the picture, `channel_axis` where its channels are
    (-1 or 1); `target` (n,) is the class in question of the output number `output`; `layer` is the call that
    layer-wise methods look at; `low` is the value of black. `attentions` are the
    paths of the calls that give attention weights (n, heads, tokens, tokens).
    """

    lens: Lens
    weights: Weights
    x: list[Array]
    place: int
    channel_axis: int
    output: int
    target: Array
    layer: Call | None
    low: float = 0.0
    high: float = 1.0
    attentions: tuple[str, ...] = ()

    @property
    def picture(self) -> Array:
        """The pictures, (n, height, width, channels), channels first, or with a time axis before."""
        return self.x[self.place]

    def with_picture(self, picture: Array) -> list[Array]:
        """All inputs, with other pictures."""
        return [picture if i == self.place else value for i, value in enumerate(self.x)]

    def score(self, picture: Array, hook: Hook | None = None) -> Array:
        """(n,): how much the model's output for `picture` speaks for the target."""
        return self.lens.scores(self.weights, self.with_picture(picture), self.output, self.target, hook)

    def gradient(self, picture: Array, hook: Hook | None = None) -> Array:
        """The derivative of each picture's score with respect to the picture."""
        return jax.grad(lambda p: jnp.sum(self.score(p, hook)))(picture)

    def at_layer(self) -> tuple[Array, Array]:
        """(value, derivative of the score with respect to it) at the layer, both (n, ..., height, width, channels)."""
        call = self.layer
        if call is None:
            raise ValueError("the method needs a layer")
        seen: dict[str, Array] = {}

        def score(added: Array) -> tuple[Array, Array]:
            total = jnp.sum(self.score(self.picture, tap(call.path, added, seen)))
            return total, seen.pop(call.path)

        gradient, value = jax.grad(score, has_aux=True)(jnp.zeros(call.shape, jnp.float32))
        return as_map(value, call), as_map(gradient, call)

    def over_channels(self, values: Array, reduce: Callable[..., Array]) -> Array:
        """`values` of the picture's shape reduced over its channels."""
        return reduce(values, axis=-1 if self.channel_axis == -1 else -3)


def as_map(value: Array, call: Call) -> Array:
    """(n, height, width, channels) from what a layer gives; a transformer's tokens become a square."""
    if value.ndim > 3:
        return value if call.channel_axis == -1 else jnp.moveaxis(value, 1, -1)
    side = square_side(value.shape[1])
    return value[:, value.shape[1] - side * side :].reshape(value.shape[0], side, side, value.shape[-1])


def places(value: Array) -> tuple[int, ...]:
    """The axes of a map that are neither samples nor channels."""
    return tuple(range(1, value.ndim - 1))


def square_side(tokens: int) -> int:
    """The side of the square that `tokens` make, one class token not counted; 0 when they make none."""
    side = int(np.sqrt(tokens))
    return side if tokens - side * side in (0, 1) and side > 1 else 0


# -- by the picture's gradient -------------------------------------------------------------------------------------


def saliency(scene: Scene) -> Array:
    """`max_c |dS/dx|` (Simonyan et al. 2013, arXiv:1312.6034, section 3.1)."""
    return scene.over_channels(jnp.abs(scene.gradient(scene.picture)), jnp.max)


def gradient_x_input(scene: Scene) -> Array:
    """`sum_c x dS/dx` (Shrikumar et al. 2016, arXiv:1605.01713)."""
    return scene.over_channels(scene.gradient(scene.picture) * scene.picture, jnp.sum)


def smooth_grad(scene: Scene, samples: int = 24, noise: float = 0.15) -> Array:
    """The mean of `max_c |dS/dx|` over noisy copies (Smilkov et al. 2017, arXiv:1706.03825).

    samples: how many copies.
    noise: standard deviation, as a share of each picture's own range.
    """
    x = scene.picture
    axes = tuple(range(1, x.ndim))
    sigma = noise * (x.max(axes, keepdims=True) - x.min(axes, keepdims=True))

    def add(i: Array, total: Array) -> Array:
        noisy = x + sigma * random.normal_from(random.fold(random.key(0), i), x.shape)
        return total + jnp.abs(scene.gradient(noisy))

    mean = lax.fori_loop(0, samples, add, jnp.zeros_like(x)) / samples
    return scene.over_channels(mean, jnp.max)


def integrated_gradients(scene: Scene, steps: int = 128, baseline: float | None = None) -> Array:
    """`sum_c (x - b) * mean of dS/dx` on the straight way from b to x (Sundararajan et al., arXiv:1703.01365, eq. 1).

    The map sums to the difference of the scores of x and b, up to the error of the sum.

    steps: how many points on the way, in the middle of equal parts.
    baseline: the value of b everywhere; None takes black.
    """
    x = scene.picture
    b = jnp.full_like(x, scene.low if baseline is None else baseline)

    def add(i: Array, total: Array) -> Array:
        return total + scene.gradient(b + (i + 0.5) / steps * (x - b))

    mean = lax.fori_loop(0, steps, add, jnp.zeros_like(x)) / steps
    return scene.over_channels((x - b) * mean, jnp.sum)


def guided_backprop(scene: Scene) -> Array:
    """`max_c |dS/dx|`, where behind a ReLU only positive gradients go on (Springenberg et al., arXiv:1412.6806)."""
    return scene.over_channels(jnp.abs(scene.gradient(scene.picture, guided)), jnp.max)


# -- by hiding parts -----------------------------------------------------------------------------------------------


def occlusion(scene: Scene, size: int | None = None, stride: int | None = None, value: float | None = None) -> Array:
    """How much the score falls when a window is hidden, averaged over the windows (Zeiler, Fergus, arXiv:1311.2901).

    size: side of the window in pixels; None takes a sixth of the picture.
    stride: distance of windows; None takes half of `size`.
    value: what the window is filled with; None takes the middle of the picture's range.
    """
    x = scene.picture
    height, width = grid_of(x.shape, scene.channel_axis)
    corners = windows(height, width, size, stride)
    side = window_side(height, width, size)
    fill = (scene.low + scene.high) / 2 if value is None else value
    whole = scene.score(x)

    def add(i: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        total, count = found
        top, left = jnp.asarray(corners)[i]
        rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
        hidden = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
        mask = hidden[..., None] if scene.channel_axis == -1 else hidden
        drop = whole - scene.score(jnp.where(mask, fill, x))
        return total + drop[:, None, None] * hidden, count + hidden

    zero = jnp.zeros((x.shape[0], height, width))
    total, count = lax.fori_loop(0, len(corners), add, (zero, jnp.zeros((height, width))))
    found = total / count
    return found if x.ndim == 4 else jnp.broadcast_to(found[:, None], (*x.shape[:2], height, width))


def grid_of(shape: tuple[int, ...], channel_axis: int) -> tuple[int, int]:
    """(height, width) of pictures of that shape."""
    return (shape[-3], shape[-2]) if channel_axis == -1 else (shape[-2], shape[-1])


def window_side(height: int, width: int, size: int | None) -> int:
    """The side of an occlusion's window."""
    return max(min(height, width) // 6, 1) if size is None else size


def windows(height: int, width: int, size: int | None, stride: int | None) -> list[tuple[int, int]]:
    """The upper left corners of windows that cover the picture, those at the far borders moved inside."""
    side = window_side(height, width, size)
    step = max(side // 2, 1) if stride is None else stride
    tops, lefts = (
        sorted({min(at, max(length - side, 0)) for at in range(0, length, step)}) for length in (height, width)
    )
    return [(top, left) for top in tops for left in lefts]


# -- by a layer ----------------------------------------------------------------------------------------------------


def grad_cam(scene: Scene) -> Array:
    """`relu(sum_k a_k A_k)`, `a_k` the mean of dS/dA_k over the map (Selvaraju et al., arXiv:1610.02391, eq. 1, 2)."""
    a, g = scene.at_layer()
    return jax.nn.relu(jnp.sum(a * g.mean(places(g), keepdims=True), -1))


def grad_cam_pp(scene: Scene) -> Array:
    """Grad-CAM++: the positive gradients weighed by their share (Chattopadhay et al., arXiv:1710.11063, eq. 10, 19)."""
    a, g = scene.at_layer()
    below = 2 * g**2 + a.sum(places(a), keepdims=True) * g**3
    alpha = jnp.where(g != 0, g**2 / jnp.where(below != 0, below, 1.0), 0.0)
    return jax.nn.relu(jnp.sum(a * jnp.sum(alpha * jax.nn.relu(g), places(g), keepdims=True), -1))


def layer_cam(scene: Scene) -> Array:
    """`relu(sum_k relu(dS/dA_k) A_k)`, cell by cell (Jiang et al. 2021, doi:10.1109/TIP.2021.3089943, eq. 3 to 5)."""
    a, g = scene.at_layer()
    return jax.nn.relu(jnp.sum(a * jax.nn.relu(g), -1))


def attention_rollout(scene: Scene) -> Array:
    """Where attention goes through all layers: the product of `(A + I) / 2`, A the mean over the heads of each layer's
    attention; the row of the class token, or the mean of all rows (Abnar, Zuidema 2020, arXiv:2005.00928, eq. 1).

    It is the same for every class.
    """
    seen: list[Array] = []

    def hook(path: str, value: Any) -> Any:
        if path in scene.attentions:
            seen.append(value)
        return value

    scene.score(scene.picture, hook)
    tokens = seen[0].shape[-1]
    rolled = jnp.eye(tokens)
    for attention in seen:
        rolled = (attention.mean(1) + jnp.eye(tokens)) / 2 @ rolled
    side = square_side(tokens)
    spare = tokens - side * side
    row = rolled[:, 0] if spare else rolled.mean(1)
    return row[:, spare:].reshape(-1, side, side)


def activation(scene: Scene) -> Array:
    """The mean of the layer's channels, whatever the class."""
    a, _ = scene.at_layer()
    return jnp.mean(a, -1)


@dataclass(frozen=True)
class Method:
    """A row: the formula; whether it looks at a layer, has a sign that means for or against, needs attention."""

    compute: Callable[..., Array]
    layerwise: bool = False
    signed: bool = False
    attends: bool = False


METHODS: dict[str, Method] = {
    "grad_cam": Method(grad_cam, layerwise=True),
    "grad_cam_pp": Method(grad_cam_pp, layerwise=True),
    "layer_cam": Method(layer_cam, layerwise=True),
    "activation": Method(activation, layerwise=True),
    "attention_rollout": Method(attention_rollout, attends=True),
    "saliency": Method(saliency),
    "gradient_x_input": Method(gradient_x_input, signed=True),
    "smooth_grad": Method(smooth_grad),
    "integrated_gradients": Method(integrated_gradients, signed=True),
    "guided_backprop": Method(guided_backprop),
    "occlusion": Method(occlusion, signed=True),
}
