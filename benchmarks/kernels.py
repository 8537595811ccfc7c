"""Convolution and pooling and their gradients, singly and in a loop: `python benchmarks/kernels.py [word...]`.

One line per case and operation, the best of several rounds in milliseconds: ours at top level, ours in a `fori_loop`
with traced bounds, the ratio of the loop to the better of top level and jax.lax's own, and jax.lax's own at top level.
Words select cases whose name contains one of them. `--plain` leaves out the compile option that is better for most
programs on the CPU.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerato import kernels, spatial
from kerato.kernels import bilinear, stock
from kerato.kernels.windows import transpose_windows, windows

FAST = {"xla_cpu_experimental_ynn_fusion_type": ""}
ROUNDS, BUDGET_MS = 7, 60.0

# name: x shape, window, filters, strides, padding, dilation, groups
CONVOLUTIONS: dict[str, tuple[Any, ...]] = {
    "mnist 1": ((128, 28, 28, 1), 3, 32, 1, "valid", 1, 1),
    "mnist 2": ((128, 26, 26, 32), 3, 64, 1, "valid", 1, 1),
    "colour": ((128, 32, 32, 3), 3, 32, 1, "same", 1, 1),
    "resnet 16": ((128, 32, 32, 16), 3, 16, 1, "same", 1, 1),
    "resnet 32": ((128, 16, 16, 32), 3, 32, 1, "same", 1, 1),
    "resnet 64": ((128, 8, 8, 64), 3, 64, 1, "same", 1, 1),
    "stride 2": ((128, 32, 32, 16), 3, 32, 2, "same", 1, 1),
    "stride 2 valid": ((128, 16, 16, 32), 3, 64, 2, "valid", 1, 1),
    "1x1": ((128, 16, 16, 32), 1, 64, 1, "same", 1, 1),
    "1x1 stride 2": ((128, 32, 32, 16), 1, 32, 2, "same", 1, 1),
    "dilation 2": ((32, 32, 32, 16), 3, 32, 1, "same", 2, 1),
    "5x5": ((128, 14, 14, 6), 5, 16, 1, "valid", 1, 1),
    "7x7 stride 2": ((4, 96, 96, 3), 7, 64, 2, "same", 1, 1),
    "one picture": ((1, 64, 64, 64), 3, 64, 1, "same", 1, 1),
    "1-D": ((64, 200, 32), 5, 64, 1, "same", 1, 1),
    "1-D causal": ((64, 200, 16), 3, 16, 1, "causal", 2, 1),
    "3-D": ((8, 16, 16, 16, 8), 3, 16, 1, "same", 1, 1),
    "3-D stride 2": ((8, 16, 16, 16, 8), 3, 16, 2, "same", 1, 1),
    "groups 4": ((32, 16, 16, 32), 3, 64, 1, "same", 1, 4),
    "groups 16": ((32, 16, 16, 64), 3, 64, 1, "same", 1, 16),
    "depthwise": ((32, 32, 32, 32), 3, 32, 1, "same", 1, 32),
    "depthwise stride 2": ((32, 32, 32, 32), 3, 32, 2, "same", 1, 32),
    "depthwise x 2": ((32, 16, 16, 32), 3, 64, 1, "same", 1, 32),
}
# name: x shape, window, filters, strides, padding, output padding
TRANSPOSED: dict[str, tuple[Any, ...]] = {
    "transposed": ((32, 16, 16, 32), 3, 16, 1, "same", None),
    "transposed stride 2": ((32, 16, 16, 32), 3, 16, 2, "same", None),
    "transposed stride 2 valid": ((32, 16, 16, 32), 4, 16, 2, "valid", None),
    "transposed to 3 colours": ((32, 16, 16, 32), 3, 3, 2, "same", None),
    "transposed output padding": ((32, 16, 16, 32), 3, 16, 2, "valid", 1),
    "transposed 1-D stride 4": ((64, 50, 32), 8, 16, 4, "same", None),
    "transposed 3-D stride 2": ((8, 8, 8, 8, 16), 3, 8, 2, "same", None),
}
# name: x shape, window, multiplier, filters, strides, padding
SEPARABLE: dict[str, tuple[Any, ...]] = {
    "separable": ((32, 16, 16, 32), 3, 1, 64, 1, "same"),
    "separable stride 2": ((32, 32, 32, 32), 3, 1, 64, 2, "same"),
    "separable x 2 valid": ((32, 16, 16, 32), 3, 2, 32, 1, "valid"),
    "separable 1-D": ((64, 200, 32), 5, 1, 64, 1, "same"),
}
# name: x shape, window, filters, strides
LOCAL: dict[str, tuple[Any, ...]] = {
    "local": ((32, 16, 16, 16), 3, 16, 1),
    "local 1-D": ((64, 200, 16), 5, 16, 2),
}
# name: x shape, window, strides, padding
POOLS: dict[str, tuple[Any, ...]] = {
    "pool 2": ((128, 24, 24, 64), 2, 2, "valid"),
    "pool 3 stride 2": ((64, 32, 32, 32), 3, 2, "same"),
    "pool 3 stride 1": ((64, 16, 16, 32), 3, 1, "same"),
    "pool 8": ((128, 8, 8, 64), 8, 8, "valid"),
    "pool 1-D": ((64, 200, 32), 2, 2, "same"),
    "pool 3-D": ((8, 16, 16, 16, 8), 2, 2, "valid"),
    "pool 3-D 3 stride 2": ((8, 16, 16, 16, 8), 3, 2, "same"),
}


def draw(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def convolution_rows() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any], tuple[jax.Array, ...]]]:
    """(name, ours, lax's own, operands) for every case and operation."""
    for name, (shape, window, filters, strides, padding, dilation, groups) in CONVOLUTIONS.items():
        g = windows(name, shape[1:-1], window, strides, padding, dilation, groups)
        x, kernel = draw(*shape), draw(*g.window, shape[-1] // groups, filters, seed=1)
        y = draw(shape[0], *g.output, filters, seed=2)
        yield f"{name}: output", partial(bilinear.output, geometry=g), partial(stock.output, geometry=g), (x, kernel)
        ours = partial(bilinear.PRIMITIVES["x"].bind, geometry=g)
        yield f"{name}: input gradient", ours, partial(stock.input_gradient, geometry=g), (kernel, y)
        ours = partial(bilinear.kernel_gradient, geometry=g)
        yield f"{name}: kernel gradient", ours, partial(stock.kernel_gradient, geometry=g), (x, y)


def layer_rows() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any], tuple[jax.Array, ...]]]:
    """(name, ours, lax's own, operands) for the operations made of convolutions: values, and all gradients at once."""
    for name, (shape, window, filters, strides, padding, extra) in TRANSPOSED.items():
        g = transpose_windows(name, shape[1:-1], window, strides, padding, extra)
        x, kernel = draw(*shape), draw(*g.window, filters, shape[-1], seed=1)
        ours = partial(kernels.convolution_transpose, strides=strides, padding=padding, output_padding=extra)
        yield from with_gradients(name, ours, lambda x, k, g=g: stock.input_gradient(k, x, g), (x, kernel))
    for name, (shape, window, multiplier, filters, strides, padding) in SEPARABLE.items():
        channels, rank = shape[-1], len(shape) - 2
        g = windows(name, shape[1:-1], window, strides, padding, groups=channels)
        point = windows(name, g.output, 1, 1, "valid")
        apart = draw(*g.window, channels, multiplier, seed=1)
        mixing = draw(*(1,) * rank, channels * multiplier, filters, seed=2)
        ours = partial(spatial.separable_conv, strides=strides, padding=padding, data_format="channels_last")

        def theirs(x: Any, a: Any, b: Any, g: Any = g, point: Any = point) -> Any:
            return stock.output(stock.output(x, a.reshape(*a.shape[:-2], 1, -1), g), b, point)

        yield from with_gradients(name, ours, theirs, (draw(*shape), apart, mixing))
    for name, (shape, window, filters, strides) in LOCAL.items():
        g = windows(name, shape[1:-1], window, strides, "valid")
        kernel = draw(prod(g.output), prod(g.window) * shape[-1], filters, seed=1)
        ours = partial(kernels.local_convolution, window=window, strides=strides)
        yield from with_gradients(name, ours, ours, (draw(*shape), kernel))


def with_gradients(name: str, ours: Any, theirs: Any, operands: tuple[jax.Array, ...]) -> Iterator[Any]:
    """A row for the value and one for the gradients by all operands."""
    yield f"{name}: output", ours, theirs, operands
    y = draw(*jax.eval_shape(ours, *operands).shape, seed=3)

    def pulled_back(f: Any) -> Callable[..., Any]:
        # y comes first: it is what changes from turn to turn, and all gradients depend on it
        return lambda y, *values: jnp.concatenate([g.ravel() for g in jax.vjp(f, *values)[1](y)])

    yield f"{name}: gradients", pulled_back(ours), pulled_back(theirs), (y, *operands)


def pool_rows() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any], tuple[jax.Array, ...]]]:
    for name, (shape, window, strides, padding) in POOLS.items():
        g, x = windows(name, shape[1:-1], window, strides, padding), draw(*shape)
        y = draw(shape[0], *g.output, shape[-1], seed=2)
        cells = ((1, *g.window, 1), (1, *g.strides, 1), ((0, 0), *g.padding, (0, 0)))
        theirs = {
            "max": lambda x, cells=cells: lax.reduce_window(x, -jnp.inf, lax.max, *cells),
            "average": lambda x, cells=cells: lax.reduce_window(x, 0.0, lax.add, *cells),
        }
        for kind, pool in {"max": kernels.max_pool, "average": kernels.average_pool}.items():
            ours = partial(pool, window=window, strides=strides, padding=padding)
            yield f"{name} {kind}: output", ours, theirs[kind], (x,)
            yield f"{name} {kind}: gradient", pulled(ours), pulled(theirs[kind]), (x, y)


def pulled(pool: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """(x, y) -> the gradient of sum(y * pool(x)) by x."""
    return lambda x, y: jax.vjp(pool, x)[1](y)[0]


def compiled(f: Callable[..., Any], operands: tuple[jax.Array, ...], options: Any, looped: bool) -> Callable[..., Any]:
    """`run(n)` computes f n times, in one program or one program each."""
    if not looped:
        single = jax.jit(f, compiler_options=options).lower(*operands).compile()
        return lambda n: [single(*operands) for _ in range(n)][-1]

    def many(n: jax.Array, first: jax.Array, *rest: jax.Array) -> jax.Array:
        def body(i: jax.Array, _: jax.Array) -> jax.Array:
            # the operand seems to depend on the turn, else XLA would take f out of the loop
            now, _ = lax.optimization_barrier((first, i))
            result: jax.Array = f(now, *rest)
            return result

        return lax.fori_loop(0, n, body, jnp.zeros(jax.eval_shape(f, first, *rest).shape))

    program = jax.jit(many, compiler_options=options).lower(1, *operands).compile()
    return lambda n: program(n, *operands)


def measure(runs: dict[str, Callable[[int], Any]]) -> dict[str, float]:
    """Least milliseconds per computation, the candidates taking turns: other work on the machine only ever adds."""
    counts, seen = {}, {name: [] for name in runs}
    for name, run in runs.items():
        first = seconds(run, 1)
        counts[name] = max(1, min(50, int(BUDGET_MS / (first * 1e3))))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            if counts[name] > 1 or len(seen[name]) < 2:
                seen[name].append(seconds(run, counts[name]) / counts[name] * 1e3)
    return {name: min(values) for name, values in seen.items()}


def seconds(run: Callable[[int], Any], n: int) -> float:
    start = time.perf_counter()
    jax.block_until_ready(run(n))
    return time.perf_counter() - start


def main(words: list[str]) -> None:
    options = None if "--plain" in words else FAST
    words = [word for word in words if not word.startswith("-")]
    print(f"{'case: operation':38s} {'top':>8s} {'loop':>8s} {'ratio':>6s} {'lax':>8s}")
    for rows in (convolution_rows(), layer_rows(), pool_rows()):
        for name, ours, theirs, operands in rows:
            if words and not any(word in name for word in words):
                continue
            runs = {
                "top": compiled(ours, operands, options, False),
                "loop": compiled(ours, operands, options, True),
                "lax": compiled(theirs, operands, options, False),
            }
            t = measure(runs)
            ratio = t["loop"] / min(t["top"], t["lax"])
            print(f"{name:38s} {t['top']:8.2f} {t['loop']:8.2f} {ratio:6.2f} {t['lax']:8.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
