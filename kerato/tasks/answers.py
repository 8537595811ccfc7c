"""A trained classifier at work: what is in a model file, its answers to pictures, its scores on labelled ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerato.data.division import TEST, TRAIN
from kerato.data.folder import EXTENSIONS
from kerato.data.parts import decoded
from kerato.data.picture_folder import pictures_as, printable
from kerato.data.queue import in_order, worker_count
from kerato.errors import BadFile, plural
from kerato.tasks.classify import answered, batch_for
from kerato.tasks.material import Material, material, same_classes
from kerato.tasks.scores import Scores, scores

ALL = "all"
BATCH = 256


@dataclass
class Classifier:
    """A model with what its file says about it: class names and the size of its pictures."""

    path: Path
    model: Any
    class_names: tuple[str, ...]
    picture_shape: tuple[int, int, int]
    extra: dict[str, Any]

    def probabilities(self, found: Sequence[Any]) -> Any:
        """The probabilities (n, classes) for pictures of `picture_shape`, uint8."""
        return self.model.predict(np.stack(found), batch_size=batch_for(self.picture_shape))


def load(path: str | os.PathLike[str]) -> Classifier:
    """The classifier in a `.keras` file that `kerato train` wrote, or in the folder of a run.

    Raises:
        BadFile: there is none: no such file, no model, or a model that does not say its class names.
    """
    from kerato.saving import load_model

    file = Path(path)
    file = file / "model.keras" if (file / "model.keras").is_file() else file
    model = load_model(file, compile=False)
    names, shape = model.extra.get("class_names"), model.extra.get("picture_shape")
    lists = isinstance(names, list) and isinstance(shape, list) and len(shape) == 3
    if not lists or model.output_shape != (None, len(names)):
        raise BadFile(
            f"{file}: expected a classifier with class names and a size of pictures, as `kerato train` writes it, and "
            "the file does not hold them. Train it with `kerato train`, or call the model from Python."
        )
    return Classifier(file, model, tuple(map(str, names)), (int(shape[0]), int(shape[1]), int(shape[2])), model.extra)


# -- answers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """The probabilities of one picture, the likeliest classes first."""

    file: str
    classes: tuple[tuple[str, float], ...]

    def as_json(self) -> dict[str, Any]:
        """The answer as plain data."""
        return {"file": self.file, "classes": [{"name": name, "probability": p} for name, p in self.classes]}


def predict(classifier: Classifier, files: Iterable[str]) -> tuple[list[Answer], list[tuple[str, str]]]:
    """The answers for pictures in files and folders, and (file, reason) of those that cannot be read.

    Every picture is brought to the model's size on its way from the file, as those were that it learned from.
    """

    def work(path: str) -> Any:
        try:
            return decoded(path, classifier.picture_shape)
        except BadFile as error:
            return str(error)

    answers: list[Answer] = []
    failed: list[tuple[str, str]] = []
    waiting: list[tuple[str, Any]] = []
    workers = worker_count("predict", None)
    paths = list(listed(files))
    for path, found in zip(paths, in_order(work, paths, workers, 4 * workers), strict=True):
        if isinstance(found, str):
            failed.append((path, found))
        else:
            waiting.append((path, found))
        if len(waiting) == BATCH:
            answers += _answers(classifier, waiting)
            waiting = []
    return answers + _answers(classifier, waiting), failed


def _answers(classifier: Classifier, waiting: list[tuple[str, Any]]) -> list[Answer]:
    if not waiting:
        return []
    found = classifier.probabilities([picture for _, picture in waiting])
    return [
        Answer(printable(path), ranked(row, classifier.class_names))
        for (path, _), row in zip(waiting, found, strict=True)
    ]


def ranked(row: Any, class_names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """(class, probability) of one picture, the likeliest first."""
    return tuple((class_names[i], float(row[i])) for i in np.argsort(-row, kind="stable").tolist())


def listed(files: Iterable[str]) -> Iterator[str]:
    """The files as they are, and for folders the pictures below them in the order of their names.

    Raises:
        BadFile: there is no picture in a folder.
    """
    endings = tuple(f".{ending}" for ending in EXTENSIONS)
    for name in files:
        if not os.path.isdir(name):
            yield name
            continue
        inside = [
            os.path.join(where, file)
            for where, _, names in sorted(os.walk(name))
            for file in sorted(names)
            if file.lower().endswith(endings) and not file.startswith(".")
        ]
        if not inside:
            raise BadFile(f"predict: there is no picture ({', '.join(EXTENSIONS)}) in the folder {name}.")
        yield from inside


# -- scores ------------------------------------------------------------------------------------------------------------


@dataclass
class Judgement:
    """The scores of a model on a part of some data; `remark` says what to know about them, or nothing."""

    data: str
    part: str
    scores: Scores
    skipped: list[Any]
    remark: str

    def as_json(self) -> dict[str, Any]:
        """The judgement as plain data."""
        left_out = [{"file": item.file, "reason": item.reason} for item in self.skipped]
        found = self.scores.as_json()
        return {"data": self.data, "part": self.part, **found, "skipped": left_out, "remark": self.remark}


def evaluate(classifier: Classifier, data: str, part: str | None = None) -> Judgement:
    """The scores of a classifier on a data set or a folder of pictures.

    Args:
        classifier: as `load` gives it.
        data: the name of a data set, or a folder with one folder per class, divided or not.
        part: `train`, `validation`, `test` or `all`; None takes the test part where there is one. A folder that is
            not divided is taken as a whole, but for the one that the model learned from: there, the test part that
            was kept then.

    Raises:
        BadFile: the model does not know a class, or there is no such part.
    """
    found = _material(classifier, data)
    same_classes("evaluate", found.class_names, classifier.class_names)
    if found.picture_shape != classifier.picture_shape:
        height, width, channels = classifier.picture_shape
        raise BadFile(
            f"evaluate: the model takes pictures of {width} x {height} with {plural(channels, 'channel')}, and those "
            f"of {found.name} have the shape {found.picture_shape}."
        )
    divided_here = found.shares is not None
    ours = divided_here and _learned_from(classifier, found)
    chosen = part or (ALL if divided_here and not ours else found.judged[0] if found.judged else ALL)
    return _judgement(classifier, found, chosen, _remark(found, chosen, divided_here, ours))


def _material(classifier: Classifier, data: str) -> Material:
    from kerato import datasets

    seed, shares = classifier.extra.get("seed", 0), classifier.extra.get("shares")
    if not Path(data).is_dir() or datasets.at(data) is not None:
        return material(data)
    return material(pictures_as(data, classifier.picture_shape, tuple(shares) if shares else None, seed))


def _learned_from(classifier: Classifier, found: Material) -> bool:
    return bool(classifier.extra.get("data") == found.name and classifier.extra.get("shares"))


def _remark(found: Material, part: str, divided_here: bool, ours: bool) -> str:
    if ours and part == TEST:
        return f"{found.name} is the folder that the model learned from; these are the pictures kept for testing then"
    if part in (TRAIN, ALL) and (ours or not divided_here):
        return "the model has seen these pictures in training; new ones say more"
    return ""


def _judgement(classifier: Classifier, found: Material, part: str, remark: str) -> Judgement:
    chosen = list(found.parts.values()) if part == ALL else [found.parts[part]] if part in found.parts else []
    if not chosen:
        raise BadFile(f"evaluate: {found.name} has no part {part!r}, only {', '.join(found.parts)}.")
    answers = np.concatenate([answered(classifier.model, one) for one in chosen])
    numbers = np.array([classifier.class_names.index(name) for name in found.class_names])
    labels = numbers[np.concatenate([one.labels for one in chosen])]
    return Judgement(found.name, part, scores(answers, labels, classifier.class_names), found.skipped, remark)
