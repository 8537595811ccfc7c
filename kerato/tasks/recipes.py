"""`--recipe fast`: small colour pictures learned in minutes, by a net and a training made of public parts of Kerato.

The ideas are those of the CIFAR-10 speed record, one function or class each: the first layer is the whitening of 2 x 2
patches and does not learn; the other convolutions begin as partial identities; the biases of the normalisations learn
faster; slow weights follow the fast ones and take their place (lookahead); every picture is mirrored in every second
epoch; labels are smoothed; the learning rate rises for a quarter of the updates and then falls; an answer may be the
mean of those to a picture, its mirror image, and both moved by a pixel.
Source: Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU, arXiv:2404.00498, section 3.
Differs: the whitening's bias does not learn, and the rate falls along a cosine (docs/recipe.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from kerato.callbacks import Callback
from kerato.errors import InvalidValue, unknown
from kerato.report import Clock
from kerato.tasks.material import Material, material
from kerato.tasks.records import Run, versions

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Recipe:
    """The settings of a recipe; `shift` in pixels, the rates of SGD per update, `bias_rate` times those for biases,
    `lookahead` in updates."""

    widths: tuple[int, ...] = (64, 256, 256)
    epochs: int = 10
    batch_size: int = 512
    rate: float = 0.75
    momentum: float = 0.85
    weight_decay: float = 0.009
    smoothing: float = 0.2
    shift: int = 2
    bias_rate: float = 64.0
    lookahead: int = 5


RECIPES: Final = {"fast": Recipe()}

#: pictures whose patches are measured for the whitening, and what is added to the variances of those
MEASURED, LEAST_VARIANCE = 5000, 3e-5
#: the smallest pictures: three halvings leave one place
SMALLEST = 16
#: pictures come as files and data sets give them, whatever `keras.json` says
ORDER = "channels_last"


def check_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UnknownName: there is none.
    """
    if name not in RECIPES:
        raise unknown("train", "the recipe", name, RECIPES)
    return RECIPES[name]


def clash(wishes: dict[str, Any]) -> str:
    """The first option among settings of `classify` that a recipe brings itself; empty when there is none."""
    brought = {"net": "--model", "weights": "--weights", "fine_tune": "--fine-tune", "resume": "--resume"}
    found = [option for name, option in brought.items() if wishes[name]]
    return (found + ["--augment"] * (wishes["augment"] != "none") + [""])[0]


def learn(
    data: Any,
    out: Any,
    name: str,
    *,
    epochs: int | None,
    batch_size: int | None,
    size: Any,
    seed: int,
    verbose: int,
    say: Callable[[str], None],
) -> Run:
    """`classify` by a recipe; see there.

    Raises:
        UnknownName: there is no such recipe.
        InvalidValue: the pictures are too small.
    """
    from kerato import random
    from kerato.tasks.classify import begun, finish, judge

    recipe = check_recipe(name)
    began, clock = time.perf_counter(), Clock()
    with clock.data():
        found = material(data, size, seed)
        if min(found.picture_shape[:2]) < SMALLEST:
            raise InvalidValue(f"--recipe {name}: pictures must have {SMALLEST} pixels a side. Use a larger --size.")
        x, y = found.train.arrays()
    for line in found.summary:
        say(line)
    run = begun(found, out, f"{name} recipe", "none", seed)
    run.recipe, run.versions = name, versions()
    run.batch_size, run.wanted_epochs = batch_size or recipe.batch_size, epochs or recipe.epochs
    run.spent("data", began)
    random.set_seed(seed)
    began = time.perf_counter()
    run.model = net(recipe, x, len(found.class_names), found.picture_shape)
    run.parameters = run.model.count_params()
    say(f"recipe: {name}, {run.parameters:,} parameters, {arithmetic()}")
    updates = run.wanted_epochs * -(-len(x) // run.batch_size)
    ready(run.model, recipe, updates)
    fit(run, found, x, y, Lookahead(recipe.lookahead, updates), say if verbose else lambda line: None)
    run.spent("training", began)
    run.seconds = run.times["training"]
    answers = judge(run, found)
    if found.judged and found.picture_shape[2] == 3:
        part = found.judged[1]
        views = answers_to_views(run.model, part.arrays()[0], answers)
        say(f"by six views of each picture: {np.mean(views.argmax(1) == part.labels):.2%} right")
    finish(run, found, answers, clock.split())
    return run


def net(recipe: Recipe, pictures: Array, classes: int, shape: tuple[int, int, int]) -> Any:
    """The net of a recipe for raw pictures, its first layer measured on `pictures`."""
    from kerato import Sequential, layers

    height, width, channels = shape
    dtype = arithmetic()
    model = Sequential(
        [
            layers.Input((None, None, channels), dtype="uint8", name="picture"),
            layers.Rescaling(1 / 255, name="shares"),
            layers.Resizing(height, width, antialias=True, data_format=ORDER, name="size"),
            layers.RandomTranslation(
                recipe.shift / height, recipe.shift / width, interpolation="nearest", data_format=ORDER, name="shift"
            ),
            layers.Conv2D(8 * channels, 2, data_format=ORDER, dtype=dtype, name="whitening"),
            layers.Activation("gelu", dtype=dtype, name="whitened"),
            *blocks(recipe.widths, dtype),
            layers.GlobalMaxPooling2D(data_format=ORDER, dtype=dtype, name="strongest"),
            layers.Dense(classes, use_bias=False, dtype=dtype, name="scores"),
            layers.Rescaling(1 / 9, name="calmer"),
            layers.Activation("softmax", name="classes"),
        ],
        name="fast",
    )
    whiten(model.get_layer("whitening"), pictures[:MEASURED] / np.float32(255))
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D) and layer.trainable:
            pass_on(layer)
    return model


def blocks(widths: tuple[int, ...], dtype: str) -> Iterator[Any]:
    """Per width two convolutions, the first of which halves the sides."""
    from kerato import layers

    for block, filters in enumerate(widths, 1):
        for half in "ab":
            at = f"{block}{half}"
            shape: dict[str, Any] = {"padding": "same", "use_bias": False, "data_format": ORDER}
            yield layers.Conv2D(filters, 3, **shape, dtype=dtype, name=f"conv{at}")
            if half == "a":
                yield layers.MaxPooling2D(2, data_format=ORDER, dtype=dtype, name=f"max{block}")
            yield layers.BatchNormalization(momentum=0.6, scale=False, epsilon=1e-5, dtype=dtype, name=f"norm{at}")
            yield layers.Activation("gelu", dtype=dtype, name=f"gelu{at}")


def arithmetic() -> str:
    """bfloat16 with float32 weights where the processor multiplies such numbers itself, else float32."""
    import jax

    from kerato.kernels import native

    fast = jax.default_backend() == "gpu" or native.narrow()
    return "mixed_bfloat16" if fast else "float32"


def whiten(layer: Any, pictures: Array) -> None:
    """Make a convolution with windows of 2 x 2 whiten: its filters are the principal directions of the patches of
    `pictures` (n, height, width, channels), each over the spread along it, and the same turned round (section 3.2)."""
    channels = pictures.shape[-1]
    mean = pictures.mean((0, 1, 2))
    patches = np.lib.stride_tricks.sliding_window_view(pictures - mean, (2, 2), axis=(1, 2))
    patches = np.moveaxis(patches, 3, -1).reshape(-1, 4 * channels)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    kernel = (directions / np.sqrt(variances + LEAST_VARIANCE)).reshape(2, 2, channels, -1)
    kernel = np.concatenate([kernel, -kernel], -1)
    layer.kernel.assign(kernel)
    layer.bias.assign(-np.einsum("hwcf,c->f", kernel, mean))
    layer.trainable = False


def pass_on(layer: Any) -> None:
    """Let the first filters of a convolution give their inputs as they are (section 3.3)."""
    kernel = layer.kernel.numpy()
    same = range(min(kernel.shape[2:]))
    kernel[..., same] = 0
    kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, same, same] = 1
    layer.kernel.assign(kernel)


def ready(model: Any, recipe: Recipe, updates: int) -> None:
    """Compile the net for so many updates."""
    from kerato import losses, optimizers, schedules

    rise = round(0.23 * updates)
    rate = schedules.CosineDecay(
        0.2 * recipe.rate, max(updates - rise, 1), alpha=0.07, warmup_target=recipe.rate, warmup_steps=rise
    )
    optimizer = optimizers.SGD(rate, recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay)
    optimizer.multiply_learning_rate(recipe.bias_rate, var_names=["beta"])
    model.compile(
        optimizer,
        losses.CategoricalCrossentropy(label_smoothing=recipe.smoothing),
        metrics=["accuracy"],
    )


class Lookahead(Callback):
    """Every `period` updates, and after the last, slow weights follow the weights, which then go on from there: all the
    way in the beginning, with a period of 5 by 23 % of it at the end of `updates` updates (section 3.4)."""

    def __init__(self, period: int, updates: int) -> None:
        super().__init__()
        self.period, self.updates, self.done = period, updates, 0
        self.slow: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count, and let them follow."""
        self.done += 1
        if self.done % self.period and self.done != self.updates:
            return
        kept = 0.95**self.period * (self.done / self.updates) ** 3
        fast = self.model.get_weights()
        self.slow = [kept * a + (1 - kept) * b for a, b in zip(self.slow or fast, fast, strict=True)]
        self.model.set_weights(self.slow)


def fit(run: Run, found: Material, x: Array, y: Array, lookahead: Lookahead, say: Callable[[str], None]) -> None:
    """Train epoch by epoch; every colour picture is mirrored in every second one, half of them in the first."""
    rows, colour = np.eye(len(run.class_names), dtype="float32"), x.shape[-1] == 3
    truth = rows[y]
    side = np.random.default_rng(run.seed).random(len(x)) < 0.5
    turned = np.where(side[:, None, None, None], x[:, :, ::-1], x) if colour else x
    watched = None
    if found.validation is not None:
        pictures, labels = found.validation.arrays()
        watched = pictures, rows[labels]
    began = time.perf_counter()
    try:
        for epoch in range(run.wanted_epochs):
            done = run.model.fit(
                turned[:, :, ::-1] if colour and epoch % 2 else turned,
                truth,
                run.batch_size,
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=watched,
                callbacks=[lookahead],
                verbose=0,
            )
            for name, values in done.history.items():
                run.history.setdefault(name, []).extend(values)
            run.epochs = epoch + 1
            latest = " · ".join(f"{name} {values[-1]:.3f}" for name, values in run.history.items())
            say(f"epoch {run.epochs} of {run.wanted_epochs}: {latest} ({time.perf_counter() - began:.0f} s)")
    except KeyboardInterrupt:
        run.interrupted = True


def answers_to_views(model: Any, pictures: Array, answers: Array) -> Array:
    """Probabilities (n, classes), where `answers` are those to the pictures as they are: half of these and of those to
    the mirror images, half of those to both moved by a pixel up and left, and down and right (section 3.5)."""
    from kerato.tasks.classify import batch_for

    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    height, width = pictures.shape[1:3]
    moved = [wide[:, at : at + height, at : at + width] for at in (0, 2)]
    views = [(2, pictures[:, :, ::-1]), *((1, view) for one in moved for view in (one, one[:, :, ::-1]))]
    found = 2 / 8 * answers
    for share, view in views:
        found = found + share / 8 * model.predict(view, batch_size=batch_for(pictures.shape[1:]), verbose=0)
    return found
