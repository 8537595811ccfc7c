"""The robustness curve: how many answers stay right under attacks of growing size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerato.errors import InvalidValue, unknown
from kerato.see.attacks import perturb, plan
from kerato.see.lens import Lens, batches, lens_of

Map = np.ndarray[Any, Any]


@dataclass
class Robustness:
    """How often a network is fooled by how little: `success` (classes, epsilons) is the share of pictures of a class
    that were answered rightly and are no longer; `accuracy` (epsilons,) over all pictures; the first epsilon is 0."""

    epsilons: tuple[float, ...]
    success: Map
    accuracy: Map
    counts: Map
    class_names: tuple[str, ...]
    method: str

    def halving(self) -> float | None:
        """The smallest change that halves the accuracy, on straight lines between those tested; None if none does."""
        half = self.accuracy[0] / 2
        for i in range(1, len(self.epsilons)):
            if self.accuracy[i] <= half:
                a, b = self.accuracy[i - 1], self.accuracy[i]
                share = (a - half) / max(a - b, 1e-12)
                return float(self.epsilons[i - 1] + share * (self.epsilons[i] - self.epsilons[i - 1]))
        return None

    def as_json(self) -> dict[str, Any]:
        """The curves as plain data."""
        return {
            "method": self.method,
            "epsilons": list(self.epsilons),
            "accuracy": self.accuracy.tolist(),
            "success": {name: row.tolist() for name, row in zip(self.class_names, self.success, strict=True)},
            "counts": dict(zip(self.class_names, self.counts.tolist(), strict=True)),
            "halving": self.halving(),
        }

    def __repr__(self) -> str:
        pairs = ", ".join(f"{e:.3g}: {100 * a:.1f} %" for e, a in zip(self.epsilons, self.accuracy, strict=True))
        return f"<Robustness {self.method} accuracy at {pairs}>"


def robustness(
    model: Any,
    pictures: Any,
    labels: Any,
    epsilons: Sequence[float] = (1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255, 32 / 255),
    method: str = "pgd",
    *,
    steps: int | None = None,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Robustness:
    """The curve of answers that stay right under attacks of growing size.

    Args:
        model: a classifier.
        pictures: (n, height, width, channels), values as the model takes them.
        labels: (n,) class numbers.
        epsilons: the sizes of change, as shares of the range of values, growing.
        method: `'fgsm'` or `'pgd'`.
        steps: of pgd; 10 unless given.
        bounds: range of the values; None asks the model.
        seed: of pgd's start.

    Raises:
        InvalidValue: labels do not fit the pictures, or sizes do not grow.
    """
    lens = lens_of(model, "robustness")
    x, labels = lens.arrange(pictures), np.asarray(labels).reshape(-1).astype("int32")
    if len(labels) != len(x[0]) or list(epsilons) != sorted(set(epsilons)):
        raise InvalidValue(
            f"robustness: there must be one label per picture and growing epsilons. Got {len(x[0])} pictures, "
            f"{len(labels)} labels and {tuple(epsilons)}."
        )
    if method not in ("fgsm", "pgd"):
        raise unknown("robustness", "the method", method, ("fgsm", "pgd"))
    right = [_right(lens, x, labels)]
    size = min(lens.batch_size(x), len(labels))
    for epsilon in epsilons:
        attack = plan(method, epsilon, (steps or 10) if method == "pgd" else None, toward=False)
        found = []
        for rows in batches(len(labels), size):
            batch = [item[rows] for item in x]
            batch[lens.picture_input] = perturb(lens, batch, labels[rows], attack, bounds or lens.bounds, 0, seed)[0]
            found.append(_right(lens, batch, labels[rows]))
        right.append(np.concatenate(found)[: len(labels)] & right[0])
    kept = np.stack(right)
    classes = int(labels.max()) + 1
    counts = np.asarray([int(right[0][labels == c].sum()) for c in range(classes)])
    success = np.stack(
        [1 - kept[:, (labels == c) & right[0]].mean(1) if counts[c] else np.zeros(len(kept)) for c in range(classes)]
    )
    names = tuple(map(str, lens.model.extra.get("class_names", ()))) or tuple(f"class {c}" for c in range(classes))
    return Robustness((0.0, *map(float, epsilons)), success, kept.mean(1), counts, names[:classes], method)


def _right(lens: Lens, x: Sequence[Map], labels: Map) -> Map:
    size = min(lens.batch_size(x), len(labels))
    program = lens.program(("likeliest", 0), lambda w, g: lens.likeliest(w, g, 0), "robustness: answer")
    weights = lens.weights()
    found = [np.asarray(program(weights, [item[rows] for item in x])) for rows in batches(len(labels), size)]
    return np.asarray(np.concatenate(found)[: len(labels)] == labels)
