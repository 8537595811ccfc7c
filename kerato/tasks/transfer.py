"""A classifier from a pretrained net (book 7.1): its features, a linear classifier on them, then fine-tuning.

The net computes the features of every picture once. The saved model is whole: raw pictures go in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerato.errors import BadFile, InvalidValue, unknown
from kerato.report import Clock
from kerato.tasks.augmentation import generator
from kerato.tasks.material import Material, material
from kerato.tasks.records import Run, versions

if TYPE_CHECKING:
    from kerato.applications.pretrained import Pretrained

Array = Any

#: strengths of the penalty on the classifier's weights, of which the best is taken (scikit-learn's 1 / C)
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
#: parts that the training pictures are divided into to choose one, where none are kept for validation
FOLDS = 5
#: the learning rate and momentum of fine-tuning, book 7.1
RATE, MOMENTUM = 1e-4, 0.9
#: the net that starts when nobody names one, and from which side photographs are worth it
USUAL, SMALLEST = "squeezenet", 48


def start(data: Any, weights: Any, net: str | None, plain: bool) -> Any:
    """The weights to start from, or None for a new net.

    Args:
        data: what to learn from.
        weights: the wish, see `classify`.
        net: the net that is asked for.
        plain: whether nothing else is asked for, so that weights on this machine may be used.

    Raises:
        InvalidValue: a net that is there for its trained weights shall begin without.
    """
    from kerato.applications.pretrained import rows

    if net in rows():
        if weights == "none":
            raise InvalidValue(f"train: {net} starts from trained weights only. Leave --weights none out.")
        return weights or "imagenet"
    if weights is not None:
        return None if weights == "none" else weights
    if not plain or not isinstance(data, (str, Path)) or not Path(data).is_dir():
        return None
    from kerato import datasets
    from kerato.applications.trained import FILES, found, kept

    here = found(FILES[USUAL][1], kept())
    if here is None or datasets.at(data) is not None:
        return None
    height, width, channels = material(data).picture_shape
    return here if channels == 3 and min(height, width) >= SMALLEST else None


def learn(
    data: Any,
    out: Any,
    weights: Any,
    *,
    net: str | None,
    fine_tune: int,
    batch_size: int | None,
    size: Any,
    augment: str,
    epochs: int | None,
    seed: int,
    verbose: int,
    say: Callable[[str], None],
) -> Run:
    """`classify` with trained weights; see there.

    Raises:
        BadFile: the weights cannot be found or are of no known net.
        InvalidValue: `epochs` is given: the features are gone through once.
    """
    from kerato import random
    from kerato.tasks.classify import begun, finish, fit, judge

    if epochs is not None:
        raise InvalidValue("train: `epochs` must be None with `weights`. Use `fine_tune` for epochs after the first.")
    row = _row(net, weights)
    began, clock = time.perf_counter(), Clock()
    with clock.data():
        found = _colour(material(data, size or row.side, seed), row)
    for line in found.summary:
        say(line)
    run = begun(found, out, row.name, augment, seed)
    run.weights, run.fine_tune, run.versions = str(weights), fine_tune, versions()
    run.batch_size, run.wanted_epochs = batch_size or 32, 1 + fine_tune
    run.spent("data", began)
    random.set_seed(seed)
    began = time.perf_counter()
    _classifier(run, found, row, weights, say)
    run.spent("training", began)
    run.seconds, run.epochs = run.times["training"], 1
    if fine_tune:
        _loosen(run, row, say)
        found.train.generator = generator(augment, True)
        for part in found.parts.values():
            part.batch_size = run.batch_size
        fit(run, found, verbose, clock)
    answers = judge(run, found)
    finish(run, found, answers, clock.split())
    return run


def _row(net: str | None, weights: Any) -> Pretrained:
    from kerato.applications.pretrained import row_for, rows

    if net is not None:
        if net not in rows():
            raise unknown("train", "the net with trained weights", net, rows())
        return rows()[net]
    if weights == "imagenet":
        return rows()[USUAL]
    if not Path(weights).is_file():
        raise BadFile(f"{weights}: expected a file of weights, 'imagenet' or 'none' for --weights, and there is none.")
    return row_for(Path(weights))


def _colour(found: Material, row: Pretrained) -> Material:
    if found.picture_shape[2] != 3:
        raise InvalidValue(f"train: {row.name} takes colour pictures, and these are grey. Leave --weights out.")
    if min(found.picture_shape[:2]) < row.least:
        raise InvalidValue(f"train: {row.name} takes pictures from {row.least} pixels a side. Use a larger --size.")
    return found


def _classifier(run: Run, found: Material, row: Pretrained, weights: Any, say: Callable[[str], None]) -> None:
    """The model of the run: the net as it was trained, and the best linear classifier on its features."""
    from kerato.tasks.classify import answered

    features = _features_of(row, weights, found.picture_shape)
    say(f"net: {row.name} ({row.purpose}), weights {weights}, {features.count_params():,} parameters")
    parts = {name: (answered(features, part), part.labels) for name, part in found.parts.items() if name != "test"}
    train, held = parts["train"], parts.get("validation")
    penalty = _chosen(train, held)
    say(f"a linear classifier on {train[0].shape[1]} features, penalty {penalty:g}")
    classes = len(found.class_names)
    kernel, bias = _linear(*train, penalty, classes)
    run.model = _whole(features, classes)
    run.model.get_layer("classes").set_weights([kernel, bias])
    run.parameters = run.model.count_params()
    for prefix, part in (("", train), ("val_", held)):
        if part is not None:
            accuracy, loss = _measured(part[0] @ kernel + bias, part[1])
            run.history |= {f"{prefix}loss": [loss], f"{prefix}accuracy": [accuracy]}


def _features_of(row: Pretrained, weights: Any, picture_shape: tuple[int, int, int]) -> Any:
    """A model from raw pictures of any size to the net's features, its channels' means; nothing in it is trained."""
    from kerato import layers
    from kerato.applications.imagenet_utils import preparation
    from kerato.applications.pretrained import assemble
    from kerato.models import Sequential

    shape = picture_shape if row.least <= min(picture_shape[:2]) else (row.side, row.side, 3)
    base = assemble(row, False, weights, None, shape, "avg", 1000, None, None)
    base.trainable = False
    return Sequential(
        [
            layers.Input((None, None, 3), dtype="uint8", name="picture"),
            layers.Rescaling(1.0, name="floats"),
            layers.Resizing(*shape[:2], antialias=True, data_format="channels_last", name="resizing"),
            *preparation(row.mode),
            base,
        ],
        name="features",
    )


def _whole(features: Any, classes: int) -> Any:
    from kerato import layers
    from kerato.models import Sequential

    parts = [layer for layer in features.layers if type(layer).__name__ != "InputLayer"]
    net = [layers.Input((None, None, 3), dtype="uint8", name="picture"), *parts]
    model = Sequential([*net, layers.Dense(classes, activation="softmax", name="classes")], name=parts[-1].name)
    _compile(model)
    return model


def _compile(model: Any) -> None:
    from kerato import optimizers

    model.compile(optimizers.SGD(RATE, momentum=MOMENTUM), "sparse_categorical_crossentropy", metrics=["accuracy"])


def _loosen(run: Run, row: Pretrained, say: Callable[[str], None]) -> None:
    """Let the last block of the net learn, all before it stay as it is."""
    base = run.model.get_layer(row.name)
    base.trainable = True  # a model that is frozen as a whole has nothing to train, whatever its layers say
    for layer in base.layers:
        layer.trainable = layer.name.startswith(row.last) and type(layer).__name__ != "BatchNormalization"
    _compile(run.model)
    learned = sum(int(np.prod(v.shape)) for v in run.model.trainable_weights)
    say(f"fine-tuning {', '.join(row.last)} and the classifier: {learned:,} of {run.parameters:,} parameters")


# -- the linear classifier ---------------------------------------------------------------------------------------------


def _chosen(train: tuple[Array, Array], held: tuple[Array, Array] | None) -> float:
    """The penalty with the smallest loss on pictures that the classifier has not learned from."""
    from sklearn.model_selection import StratifiedKFold

    x, y = train
    classes = int(y.max()) + 1
    if held is not None:
        rounds = [(x, y, *held)]
    else:
        folds = min(FOLDS, int(np.bincount(y).min()))
        if folds < 2:
            return PENALTIES[len(PENALTIES) // 2]
        split = StratifiedKFold(folds, shuffle=True, random_state=0).split(x, y)
        rounds = [(x[one], y[one], x[other], y[other]) for one, other in split]

    def loss(penalty: float) -> float:
        total = 0.0
        for learned, labels, tested, answers in rounds:
            kernel, bias = _linear(learned, labels, penalty, classes)
            total += _measured(tested @ kernel + bias, answers)[1]
        return total

    return min(PENALTIES, key=loss)


def _linear(x: Array, y: Array, penalty: float, classes: int) -> tuple[Array, Array]:
    """The kernel (features, classes) and bias of the logistic regression on standardized features."""
    from sklearn.linear_model import LogisticRegression

    middle, spread = x.mean(0), x.std(0) + 1e-6
    found = LogisticRegression(C=1 / penalty, max_iter=500).fit((x - middle) / spread, y)
    slopes, shift = found.coef_, found.intercept_
    if len(slopes) == 1:  # two classes: one row that speaks for the second
        slopes, shift = np.concatenate([-slopes, slopes]) / 2, np.concatenate([-shift, shift]) / 2
    kernel, bias = np.zeros((x.shape[1], classes)), np.full(classes, -30.0)
    kernel[:, found.classes_] = (slopes / spread).T
    bias[found.classes_] = shift - (slopes / spread) @ middle
    return kernel.astype("float32"), bias.astype("float32")


def _measured(logits: Array, y: Array) -> tuple[float, float]:
    """(accuracy, cross-entropy) of logits (n, classes)."""
    top = logits.max(1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    return float((logits.argmax(1) == y).mean()), float(-logs[np.arange(len(y)), y].mean())
