"""How good answers are: accuracy with its 95 % interval, which classes are taken for which, the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Z_95: Final = 1.959963984540054
"""The normal distribution's two-sided 95 % point."""


def wilson(right: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """(low, high) between which a share lies of which `right` of `total` were seen; (0, 1) for no trials.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if total == 0:
        return 0.0, 1.0
    share, square = right / total, z * z / total
    centre = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / total + square / (4 * total))
    # At 0 and at 1 the formula ends there exactly, and rounding does not.
    return (0.0 if right == 0 else centre - half), (1.0 if right == total else centre + half)


@dataclass(frozen=True)
class Scores:
    """The answers to labelled pictures, counted: `confusion[t, p]` pictures of class t were called p."""

    confusion: NDArray[np.int64]
    loss: float
    class_names: tuple[str, ...]

    @property
    def samples(self) -> int:
        """How many pictures were asked about."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """How many answers were right."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1."""
        return self.right / self.samples

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return wilson(self.right, self.samples)

    @property
    def chance(self) -> float:
        """The accuracy of always naming the commonest class."""
        return int(self.confusion.sum(axis=1).max()) / self.samples

    def per_class(self) -> dict[str, dict[str, float | int]]:
        """For each class: its pictures, the share of them found, and how often its name was right when given."""
        asked, called, right = self.confusion.sum(1), self.confusion.sum(0), np.diag(self.confusion)
        return {
            name: {"pictures": int(n), "found": _share(r, n), "right_when_named": _share(r, c)}
            for name, n, c, r in zip(self.class_names, asked.tolist(), called.tolist(), right.tolist(), strict=True)
        }

    def confused(self, most: int = 3) -> list[tuple[str, str, int]]:
        """The commonest mistakes: (class, what it was called, how often)."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most].tolist()
        pairs = [divmod(at, len(self.class_names)) for at in order]
        return [(self.class_names[t], self.class_names[p], int(wrong[t, p])) for t, p in pairs if wrong[t, p]]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "loss": self.loss,
            "samples": self.samples,
            "right": self.right,
            "chance": self.chance,
            "classes": self.per_class(),
            "confusion": self.confusion.tolist(),
        }

    def line(self) -> str:
        """The accuracy, its interval and the number of pictures in one line."""
        low, high = (100 * end for end in self.interval)
        return (
            f"{100 * self.accuracy:.2f} % of {self.samples:,} pictures right (95 % interval {low:.1f} to {high:.1f} %; "
            f"always naming the commonest class: {100 * self.chance:.1f} %)"
        )


def _share(right: int, total: int) -> float:
    return right / total if total else 0.0


def scores(probabilities: NDArray[Any], labels: NDArray[Any], class_names: Sequence[str]) -> Scores:
    """Count the answers `probabilities` (n, classes) to pictures of classes `labels` (n,); the largest is the answer.

    The loss is the mean cross-entropy, with probabilities of at least 1e-7.
    """
    count = len(class_names)
    cells = labels.astype(np.int64) * count + probabilities.argmax(axis=1)
    given = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-7, 1.0)
    confusion = np.bincount(cells, minlength=count * count).reshape(count, count)
    return Scores(confusion, float(-np.log(given).mean()), tuple(class_names))
