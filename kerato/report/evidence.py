"""What there is to know about a finished run, as plain numbers and small pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from kerato.data.parts import Part
from kerato.data.queue import in_order, worker_count
from kerato.report.sight import Sight, sight
from kerato.report.thumbnails import Filters, Thumbnail, as_seen, filters, thumbnail
from kerato.report.verdict import Learning
from kerato.summary import summary_text

if TYPE_CHECKING:
    from kerato.tasks.scores import Scores

Array = NDArray[Any]

#: pictures looked at to say how well the training pictures are known
TRAIN_SAMPLE: Final = 2_000
#: held-out pictures among which mistakes are searched
HELD_SAMPLE: Final = 20_000
MISTAKES: Final = 24
#: held-out pictures among which those are chosen that are explained and attacked
LOOKED_AT: Final = 256
SEEN: Final = 24
#: pictures per prediction; every prediction has this size, so that one program serves all
BATCH: Final = 64


@dataclass(frozen=True)
class Record:
    """What the caller knows about a run.

    `part` is what the held-out part is called, `skipped` the files left out with the reasons, `seconds` what
    `Clock.split` gave, `command` the line that repeats the run, `finished` when it ended.
    """

    data: str
    net: str
    class_names: Sequence[str]
    history: Mapping[str, Sequence[float]]
    part: str = "test"
    epochs: int = 1
    wanted_epochs: int = 1
    interrupted: bool = False
    command: str = ""
    finished: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    skipped: Sequence[tuple[str, str]] = ()

    def series(self, name: str) -> list[float]:
        """The numbers of the history under `name`, or under Keras 2's name of an accuracy; empty without them."""
        return list(self.history.get(name) or self.history.get(name.replace("accuracy", "acc")) or ())


@dataclass(frozen=True)
class Mistake:
    """A picture that was called something else than it is, with the probability of the wrong name."""

    name: str
    truth: str
    said: str
    probability: float
    picture: Thumbnail


@dataclass(frozen=True)
class Seen:
    """A training picture as the network saw it, with its class."""

    label: str
    picture: Thumbnail


@dataclass(frozen=True)
class Evidence:
    """Everything that the page shows.

    `train_accuracy` was measured with the finished network on `train_sample` training pictures; `counts` has the
    pictures per class for each part.
    """

    record: Record
    scores: Scores | None
    train_accuracy: float
    train_sample: int
    counts: dict[str, list[int]]
    mistakes: list[Mistake]
    seen: list[Seen]
    filters: Filters | None
    layers: str
    parameters: int
    picture_shape: tuple[int, int, int]
    sight: Sight = field(default_factory=Sight)

    @property
    def learning(self) -> Learning:
        """The numbers that the verdict is made from."""
        record, scores = self.record, self.scores
        found = shares(scores.confusion, axis=1) if scores else []
        return Learning(
            train=self.train_accuracy,
            held=None if scores is None else scores.accuracy,
            interval=(0.0, 1.0) if scores is None else scores.interval,
            chance=0.0 if scores is None else scores.chance,
            held_samples=0 if scores is None else scores.samples,
            loss=record.series("loss"),
            validation_loss=record.series("val_loss"),
            part=record.part,
            epochs=record.epochs,
            wanted_epochs=record.wanted_epochs,
            interrupted=record.interrupted,
            augmented=record.settings.get("augment", "none") != "none",
            class_names=record.class_names,
            counts=self.counts["training"],
            found=found,
        )


def gather(
    record: Record,
    model: Any,
    train: Part,
    held_out: Part | None = None,
    scores: Scores | None = None,
    probabilities: Array | None = None,
) -> Evidence:
    """Look at a trained model and its pictures.

    Args:
        record: what is known about the run.
        model: takes pictures as the parts have them, and gives a probability for every class.
        train: the pictures that it learned from.
        held_out: those of `record.part`, if there are any.
        scores: of the model on `held_out`.
        probabilities: what the model answered to `held_out` (n, classes), where that was computed already.

    Raises:
        BadFile: a picture that stays in its file cannot be read any more.
    """
    count = len(record.class_names)
    parts = {"training": train, **({record.part: held_out} if held_out else {})}
    held = _held(model, held_out, probabilities) if held_out else None
    chosen = _some(train.samples, TRAIN_SAMPLE)
    right = _answers(model, train, chosen).argmax(axis=1) == train.labels[chosen]
    return Evidence(
        record=record,
        scores=scores,
        train_accuracy=float(right.mean()),
        train_sample=len(chosen),
        counts={name: np.bincount(part.labels, minlength=count).tolist() for name, part in parts.items()},
        mistakes=_mistakes(record, held) if held else [],
        seen=_seen(record, model, train),
        filters=filters(model, train.picture_shape),
        layers=summary_text(model),
        parameters=model.count_params(),
        picture_shape=train.picture_shape,
        sight=_sight(record, model, held, train.picture_shape),
    )


def shares(confusion: NDArray[np.int64], axis: int) -> list[float]:
    """Right answers per class, of its pictures (axis 1) or of the answers with its name (axis 0); 0 for none."""
    right, total = np.diag(confusion), confusion.sum(axis=axis)
    return [float(share) for share in right / np.maximum(total, 1)]


def _some(samples: int, most: int) -> NDArray[np.int64]:
    """All indices, or `most` of them drawn always alike, in order."""
    if samples <= most:
        return np.arange(samples)
    return np.sort(np.random.default_rng(0).choice(samples, most, replace=False))


def _answers(model: Any, part: Part, chosen: NDArray[np.int64]) -> Array:
    """Probabilities (n, classes) for the pictures at these places."""
    filled = np.resize(chosen, -(-len(chosen) // BATCH) * BATCH)
    found = [model.predict(_pictures(part, places), batch_size=BATCH) for places in filled.reshape(-1, BATCH)]
    return np.concatenate(found)[: len(chosen)]


def _pictures(part: Part, places: NDArray[np.int64]) -> Array:
    if part.pixels is not None:
        return part.pixels[places]
    workers = worker_count("pictures", None)
    return np.stack(list(in_order(part.picture, places.tolist(), workers, BATCH)))


@dataclass(frozen=True)
class Held:
    """The places in a held-out part that are looked at, and the probabilities (n, classes) that came for them."""

    part: Part
    places: NDArray[np.int64]
    answers: Array


def _held(model: Any, part: Part, probabilities: Array | None) -> Held:
    places = _some(part.samples, HELD_SAMPLE)
    return Held(part, places, _answers(model, part, places) if probabilities is None else probabilities[places])


def _mistakes(record: Record, held: Held) -> list[Mistake]:
    """The wrong answers that were given with the greatest certainty."""
    part, chosen, found = held.part, held.places, held.answers
    said, sure = found.argmax(axis=1), found.max(axis=1)
    wrong = np.flatnonzero(said != part.labels[chosen])
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    names = record.class_names
    return [
        Mistake(
            name=part.names[chosen[i]],
            truth=names[part.labels[chosen[i]]],
            said=names[said[i]],
            probability=float(sure[i]),
            picture=thumbnail(part.picture(int(chosen[i]))),
        )
        for i in order
    ]


def _sight(record: Record, model: Any, held: Held | None, shape: tuple[int, int, int]) -> Sight:
    """What the network sees in a sample of held-out pictures."""
    if held is None:
        none = np.zeros((0, *shape), np.uint8)
        return sight(model, none, np.zeros(0, np.int32), np.zeros((0, len(record.class_names))), record.class_names)
    few = _some(len(held.places), LOOKED_AT)
    places = held.places[few]
    return sight(model, _pictures(held.part, places), held.part.labels[places], held.answers[few], record.class_names)


def _seen(record: Record, model: Any, train: Part) -> list[Seen]:
    """The first training pictures of the first epoch, augmented and prepared as they were then."""
    found: list[Seen] = []
    for step in range(len(train)):
        x, y = train.batch(0, step)
        shown = as_seen(model, x[: SEEN - len(found)])
        found += [Seen(record.class_names[label], thumbnail(p)) for p, label in zip(shown, y, strict=False)]
        if len(found) >= SEEN:
            break
    return found
