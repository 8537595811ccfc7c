"""The floor: the perceptron's and the MNIST net's training written straight in JAX, as one who knows it would.

Same arithmetic as `works.py` (Adam, dropout, shuffling on the device, loss and accuracy kept), with XLA's
option that helps on a CPU, and the faster of one compiled loop and single dispatched steps:
`prepare` tries all and keeps the best. Once with XLA's own convolutions, once with Kerato's: beside the second,
what `fit` takes more is its overhead.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from works import NotWritten, Run, noise

Tree = Any
Unary = Callable[[jax.Array], jax.Array]
Binary = Callable[[jax.Array, jax.Array], jax.Array]
Loss = Callable[[Tree, jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]

CPU_OPTIONS: tuple[dict[str, Any], ...] = ({"xla_cpu_experimental_ynn_fusion_type": ""}, {})
PATIENCE_S = 1.5  # a variant whose single step takes longer is out


def scores(logits: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(mean cross-entropy, accuracy) of logits (n, 10) and labels (n,)."""
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
    return -picked.mean(), (logits.argmax(1) == y).mean()


def glorot(key: jax.Array, *shape: int) -> jax.Array:
    """Uniform initial weights (Glorot and Bengio 2010)."""
    return jax.nn.initializers.glorot_uniform()(key, shape)


def perceptron_weights(key: jax.Array) -> Tree:
    """784-32-10."""
    a, b = jax.random.split(key)
    return [(glorot(a, 784, 32), jnp.zeros(32)), (glorot(b, 32, 10), jnp.zeros(10))]


def perceptron_loss(weights: Tree, x: jax.Array, y: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(loss, accuracy) of a batch x (n, 784)."""
    (w1, b1), (w2, b2) = weights
    return scores(jax.nn.relu(x @ w1 + b1) @ w2 + b2, y)


def plain_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """XLA's own convolution, valid, channels last."""
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def plain_pool(x: jax.Array) -> jax.Array:
    """XLA's own largest of 2 x 2."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def mnist_weights(key: jax.Array) -> Tree:
    """The book's network of section 8.1."""
    shapes = ((3, 3, 1, 32), (3, 3, 32, 64), (9216, 128), (128, 10))
    return [(glorot(k, *s), jnp.zeros(s[-1])) for k, s in zip(jax.random.split(key, 4), shapes, strict=True)]


def mnist_loss(
    weights: Tree,
    x: jax.Array,
    y: jax.Array,
    key: jax.Array,
    convolve: Binary = plain_convolution,
    pool: Unary = plain_pool,
) -> tuple[jax.Array, jax.Array]:
    """(loss, accuracy) of a batch x (n, 28, 28, 1)."""
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = weights
    first, second = jax.random.split(key)
    for w, b in ((w1, b1), (w2, b2)):
        x = jax.nn.relu(convolve(x, w) + b)
    x = dropped(first, pool(x), 0.25).reshape(x.shape[0], -1)
    return scores(dropped(second, jax.nn.relu(x @ w3 + b3), 0.5) @ w4 + b4, y)


def mnist_loss_with_kernels(weights: Tree, x: jax.Array, y: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The same with Kerato's convolution and pooling, which stay fast inside a loop."""
    from kerato import kernels

    return mnist_loss(weights, x, y, key, kernels.convolution, lambda x: kernels.max_pool(x, 2))


def dropped(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """Inverted dropout."""
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def adam(weights: Tree, gradient: Tree, slots: Tree, t: jax.Array) -> tuple[Tree, Tree]:
    """One update (Kingma and Ba 2014, arXiv:1412.6980, section 2) with Keras's settings."""
    m, v = slots
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), weights, m, v), (m, v)


class Training:
    """A state and the ways to advance it by an epoch."""

    def __init__(self, loss: Loss, weights: Tree, x: Any, y: Any, batch: int) -> None:
        self.loss, self.batch = loss, batch
        zeros = jax.tree.map(jnp.zeros_like, weights)
        self.state = (weights, (zeros, jax.tree.map(jnp.zeros_like, weights)), jnp.zeros(()), jnp.zeros(2))
        self.data = jnp.array(x), jnp.array(y)
        self.epochs = 0

    def step(self, state: Tree, data: Tree, order: jax.Array, index: jax.Array) -> Tree:
        """One training step on the batch number `index` of the shuffled data."""
        weights, slots, t, sums = state
        rows = lax.dynamic_slice_in_dim(order, index * self.batch, self.batch)
        key = jax.random.fold_in(jax.random.key(1), t.astype(jnp.int32))
        x, y = data[0][rows], data[1][rows]
        (loss, hits), gradient = jax.value_and_grad(self.loss, has_aux=True)(weights, x, y, key)
        weights, slots = adam(weights, gradient, slots, t + 1)
        return weights, slots, t + 1, sums + jnp.stack([loss, hits])

    def order(self) -> jax.Array:
        """The epoch's order of the samples."""
        self.epochs += 1
        return _order(self.epochs, len(self.data[0]))

    def loop(self, options: dict[str, Any]) -> Callable[[int], None]:
        """Many steps in one compiled program."""

        def program(state: Tree, data: Tree, order: jax.Array, stop: jax.Array) -> Tree:
            return lax.fori_loop(0, stop, lambda i, held: self.step(held, data, order, i), state)

        jitted = jax.jit(program, donate_argnums=0, compiler_options=options)

        def advance(steps: int) -> None:
            self.state = jax.block_until_ready(jitted(self.state, self.data, self.order(), jnp.int32(steps)))

        return advance

    def single(self, options: dict[str, Any]) -> Callable[[int], None]:
        """Steps dispatched one by one, without waiting."""
        jitted = jax.jit(self.step, donate_argnums=0, compiler_options=options)

        def advance(steps: int) -> None:
            order = self.order()
            for index in range(steps):
                self.state = jitted(self.state, self.data, order, jnp.int32(index))
            jax.block_until_ready(self.state)

        return advance


@functools.partial(jax.jit, static_argnums=1)
def _order(epoch: jax.Array, count: int) -> jax.Array:
    return jax.random.permutation(jax.random.key(epoch), count)


def seconds(advance: Callable[[int], None], steps: int) -> float:
    """Time of `steps` steps."""
    start = time.perf_counter()
    advance(steps)
    return time.perf_counter() - start


def fastest(training: Training, steps: int) -> tuple[Callable[[int], None], str]:
    """The way that takes the least time per step, and its name."""
    found: dict[float, tuple[Callable[[int], None], str]] = {}
    on_cpu = jax.default_backend() == "cpu"
    for options in CPU_OPTIONS if on_cpu else ({},):
        for way in (training.loop, training.single):
            advance = way(options)
            advance(1)
            if seconds(advance, 1) < PATIENCE_S:
                spent = min(seconds(advance, steps) for _ in range(3))
                found[spent] = advance, f"{way.__name__}{' + option' if options else ''}"
    return found[min(found)]


def prepare(side: str, name: str, most: int, fewest: int) -> tuple[Run, str]:
    """The work `name` by hand: a callable that does so many steps, and which way was the fastest.

    Raises:
        NotWritten: nobody did.
    """
    if (side, name) not in TRAININGS:
        raise NotWritten
    loss, weights, batch, shape = TRAININGS[side, name]
    training = Training(loss, weights(jax.random.key(0)), *noise(most * batch, *shape), batch)
    return fastest(training, fewest)


#: (side, work) -> loss, initial weights, batch size, shape of a sample
TRAININGS: dict[tuple[str, str], tuple[Loss, Callable[[jax.Array], Tree], int, tuple[int, ...]]] = {
    ("jax", "perceptron"): (perceptron_loss, perceptron_weights, 32, (784,)),
    ("jax", "mnist"): (mnist_loss, mnist_weights, 128, (28, 28, 1)),
    ("jax-kernels", "mnist"): (mnist_loss_with_kernels, mnist_weights, 128, (28, 28, 1)),
    ("jax-kernels", "mnist 32"): (mnist_loss_with_kernels, mnist_weights, 32, (28, 28, 1)),
    ("jax-kernels", "mnist 512"): (mnist_loss_with_kernels, mnist_weights, 512, (28, 28, 1)),
}
