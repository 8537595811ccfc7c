"""Small networks of every layer, written once for Kerato and for Keras 3: `k` is either package.

Run as a program with Keras 3, it loads what Kerato saved and saves what Kerato shall load.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

NETS: dict[str, Callable[[Any], Any]] = {}


def net(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    NETS[build.__name__] = build
    return build


def line(k: Any, shape: tuple[int, ...], *layers: Any) -> Any:
    return k.Sequential([k.layers.Input(shape), *layers])


@net
def dense(k: Any) -> Any:
    L = k.layers
    return line(
        k,
        (5,),
        L.Dense(4, activation="relu", kernel_regularizer="l2"),
        L.Dropout(0.3),
        L.Dense(6, use_bias=False, kernel_constraint="max_norm", bias_initializer="ones"),
        L.Activation("tanh"),
        L.Reshape((3, 2)),
        L.Flatten(),
        L.Dense(3, activation="softmax", kernel_initializer="he_normal"),
    )


@net
def pictures(k: Any) -> Any:
    L = k.layers
    return line(
        k,
        (8, 8, 4),
        L.ZeroPadding2D(((1, 0), (2, 1))),
        L.Conv2D(6, (3, 2), strides=2, padding="same", groups=2, activation="relu"),
        L.BatchNormalization(),
        L.Conv2D(4, 3, dilation_rate=2, padding="same", use_bias=False),
        L.MaxPooling2D(2, strides=1),
        L.AveragePooling2D(2, padding="same"),
        L.UpSampling2D(2),
        L.UpSampling2D((1, 2), interpolation="bilinear"),
        L.GlobalAveragePooling2D(keepdims=True),
    )


@net
def channels_first(k: Any) -> Any:
    L = k.layers
    first = {"data_format": "channels_first"}
    return line(
        k,
        (2, 6, 6),
        L.ZeroPadding2D(1, **first),
        L.Conv2D(4, 3, **first),
        L.BatchNormalization(axis=1, scale=False),
        L.MaxPooling2D(2, padding="same", **first),
        L.UpSampling2D(2, **first),
        L.Flatten(**first),
        L.Dense(2),
    )


@net
def steps(k: Any) -> Any:
    L = k.layers
    return line(k, (7, 3), L.Masking(0.5), L.Conv1D(4, 3, padding="causal"), L.Conv1D(2, 2, strides=2), L.Flatten())


@net
def shared(k: Any) -> Any:
    L = k.layers
    a, b = L.Input((4,), name="a"), L.Input((4,), name="b")
    one = L.Dense(4, activation="tanh")
    left, right = one(a), one(one(b))
    both = L.Concatenate()([L.Dense(3)(left), right, a])
    return k.Model([a, b], [L.Add()([left, right]), L.Dense(2)(both)])


@net
def nested(k: Any) -> Any:
    L = k.layers
    inner = line(k, (3,), L.Dense(3), L.BatchNormalization())
    x = L.Input((3,))
    graph = k.Model(x, [L.Dense(2)(x), L.Dense(3, activation="relu")(x)], name="graph")
    y = L.Input((3,))
    two, three = graph(inner(y))
    _, again = graph(three)
    return k.Model(y, {"p": two, "q": L.Add()([inner(again), three])})


@net
def nested_output(k: Any) -> Any:
    L = k.layers
    x = L.Input((3,))
    graph = k.Model(x, L.Dense(2)(x), name="graph")
    y = L.Input((3,))
    return k.Model(y, [graph(L.Dense(3)(y)), graph(y)])


@net
def operations(k: Any) -> Any:
    L, ops = k.layers, k.ops
    x = L.Input((4, 6))
    y = ops.relu(x * 2 + 1) - x / 3
    y = 1.0 - ops.exp(-ops.abs(y)) ** 2
    y = ops.concatenate([y[:, 1:3, ...], ops.transpose(y, (0, 2, 1))[:, :2, None, 0] + y[:, :2]], axis=-1)
    z = ops.mean(y, axis=-1, keepdims=True) + ops.max(y, axis=[1, 2], keepdims=True)
    z = ops.clip(ops.reshape(z, (-1, 2)), -1.0, 1.0)
    z = ops.where(ops.greater(z, 0.1), z, ops.softmax(z, axis=-1)) @ np.ones((2, 3), "float32")
    return k.Model(x, L.Dense(2)(ops.stack([z, ops.sigmoid(z)], axis=1)))


@net
def more_operations(k: Any) -> Any:
    L, ops = k.layers, k.ops
    x = L.Input((4, 6))
    y = ops.pad(x, ((0, 0), (1, 1), (0, 2)), mode="reflect") + ops.pad(x, ((0, 0), (1, 1), (0, 2)), constant_values=2)
    y = ops.tile(ops.expand_dims(ops.sum(y, axis=1), 1), (1, 2, 1)) + ops.repeat(y[:, :1], 2, axis=1)
    y = ops.swapaxes(ops.moveaxis(y, 1, 2), 1, 2) + ops.cumsum(ops.flip(y, axis=1), axis=1) + ops.roll(y, 1, axis=2)
    z = ops.elu(ops.logsumexp(y, axis=1), alpha=0.5) + ops.var(y, axis=1) + ops.cast(ops.argmax(y, axis=1), "float32")
    z = ops.take(ops.sqrt(ops.square(z) + 1), np.array([1, 0, 3]), axis=1) + ops.gelu(
        ops.squeeze(z[:, None, :3], axis=1)
    )
    return k.Model(x, ops.log_softmax(ops.one_hot(ops.argmin(z, axis=-1), 3) + ops.minimum(z, ops.mod(z, 2.0))))


@net
def forks(k: Any) -> Any:
    L = k.layers
    x = L.Input((4,))
    late, early = L.Dense(4, name="late"), L.Dense(4, name="early")
    a = late(L.Dense(4)(L.Dense(4)(x)))
    b = early(x)
    c = L.Dense(4)(b) + late(b)
    return k.Model(x, [b, L.Dense(4)(L.Add()([a, c, early(a)])), L.Dense(4)(c)])


@net
def augmented(k: Any) -> Any:
    """Layers that change pictures, less those of which Keras 3.15.1 makes no net, or none that it saves as .h5."""
    L = k.layers
    return line(
        k,
        (8, 9, 3),
        L.RandomColorJitter(brightness_factor=0.1, contrast_factor=(0.1, 0.2), saturation_factor=0.2, hue_factor=0.1),
        L.RandomGaussianBlur(0.5, (3, 5), (0.1, 0.9)),
        L.RandomErasing(0.3, fill_value=(1, 2, 3)),
        L.MixUp(0.3),
        L.CutMix(0.7),
        L.RandomPerspective(0.5, 0.4),
        L.RandomElasticTransform(0.5, (0.2, 0.4), fill_mode="wrap"),
        L.RandAugment(num_ops=1),
        L.AugMix(all_ops=False),
        L.AutoContrast((0, 1)),
        L.ContrastLimitedAdaptiveHistogramEqualization((0, 1), tile_grid_size=(2, 3)),
        L.Conv2D(2, 3),
        L.Flatten(),
        L.Discretization([-0.5, 0.0, 0.5]),
        L.CategoryEncoding(4, output_mode="count"),
    )


def random_graph(seed: int) -> Callable[[Any], Any]:
    """A graph of Dense layers, some shared, between two inputs and three outputs."""

    def build(k: Any) -> Any:
        dice = np.random.default_rng(seed)
        inputs = [k.layers.Input((3,)), k.layers.Input((3,))]
        owners = [k.layers.Dense(3) for _ in range(6)]
        tensors = list(inputs)
        for _ in range(14):
            picked = [tensors[i] for i in dice.integers(max(0, len(tensors) - 6), len(tensors), 2)]
            kind = dice.integers(4)
            owner = owners[dice.integers(6)]
            tensors.append(
                [owner(picked[0]), k.layers.Add()(picked), picked[0] * 0.5, k.layers.Dense(3)(picked[0])][kind]
            )
        return k.Model(inputs, [tensors[i] for i in dice.integers(4, len(tensors), 3)])

    return build


NETS.update({f"random_{seed}": random_graph(seed) for seed in range(4)})


def fill(model: Any) -> None:
    """Other weights than the first ones; variances stay positive."""
    dice = np.random.default_rng(1)
    model.set_weights([dice.uniform(0.1, 0.9, w.shape).astype("float32") for w in model.get_weights()])


def inputs_of(model: Any) -> list[Any]:
    """Numbers for all inputs, by their shapes."""
    dice = np.random.default_rng(2)
    return [dice.uniform(-1, 1, (5, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]


def outputs_of(model: Any) -> list[Any]:
    found = model.predict(inputs_of(model) if len(model.inputs) > 1 else inputs_of(model)[0], verbose=0)
    if isinstance(found, dict):
        return [found[name] for name in sorted(found)]
    return list(found) if isinstance(found, (list, tuple)) else [found]


def train(model: Any, steps: int) -> None:
    """A few steps of training on fixed numbers."""
    x = inputs_of(model)[0]
    y = np.eye(3, dtype="float32")[np.arange(len(x)) % 3]
    for _ in range(steps):
        model.train_on_batch(x, y)


def exchange(k: Any, folder: Path) -> None:
    """Load all files that end in `.mine.keras`, keep their outputs, and save the same networks of our own."""
    for name, build in NETS.items():
        loaded = k.models.load_model(folder / f"{name}.mine.keras")
        again = folder / f"{name}.again.npz"
        np.savez(again, *outputs_of(loaded))
        own = build(k)
        fill(own)
        own.save(folder / f"{name}.theirs.keras")
        own.save_weights(folder / f"{name}.theirs.weights.h5")
        if name not in UNKNOWN_TO_H5:
            own.save(folder / f"{name}.theirs.h5")
            np.savez(folder / f"{name}.h5.npz", *outputs_of(k.models.load_model(folder / f"{name}.mine.h5")))
        np.savez(folder / f"{name}.theirs.npz", *outputs_of(own))
    for name in TRAINED:
        loaded = k.models.load_model(folder / f"trained_{name}.mine.keras")
        train(loaded, 2)
        np.savez(folder / f"trained_{name}.again.npz", *outputs_of(loaded))
        loaded.save(folder / f"trained_{name}.theirs.keras")
        loaded.save(folder / f"trained_{name}.theirs.h5")
        np.savez(
            folder / f"trained_{name}.h5.npz", *outputs_of(k.models.load_model(folder / f"trained_{name}.mine.h5"))
        )
        train(loaded, 2)
        np.savez(folder / f"trained_{name}.theirs.npz", *outputs_of(loaded))


#: networks with operations, which Keras itself cannot load from its own `.h5` files
UNKNOWN_TO_H5 = ("forks", "operations", "more_operations", *(f"random_{seed}" for seed in range(4)))

#: optimizers whose state has to survive
TRAINED = ("sgd", "rmsprop", "adam", "adamw", "nadam", "adagrad", "adadelta", "adamax", "lion")


if __name__ == "__main__":
    import keras  # type: ignore[import-not-found,unused-ignore]

    exchange(keras, Path(sys.argv[1]))
