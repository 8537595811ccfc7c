"""What the numbers of a run say about the learning, in one sentence, with the next step.

The rules are tried in their order; each gives a `Verdict` or None, and the first that does is the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

#: accuracy on pictures already seen, below which the network does not even fit those
FITTED: Final = 0.9
#: accuracy from which there is little left to gain
EXCELLENT: Final = 0.97
#: distance of training and held-out accuracy from which it counts as overfitting: below and above `SOLID`
GAP: Final = 0.05
SOLID: Final = 0.95
#: how many times larger the largest class must be for imbalance to be a cause
LOPSIDED: Final = 3
#: share by which the loss must still fall over the last quarter of the epochs
FALLING: Final = 0.1
#: an interval wider than this leaves the accuracy open
WIDE: Final = 0.1


@dataclass(frozen=True)
class Learning:
    """The numbers that the rules look at; shares are from 0 to 1.

    `train` is the finished network's accuracy on pictures that it learned from, `held` the one on pictures of the
    part `part` that it did not, None without such a part; `chance` is what always naming the commonest class gives.
    `found` is the share found of each class, `counts` how many pictures of it there were to learn from.
    """

    train: float
    held: float | None
    interval: tuple[float, float]
    chance: float
    held_samples: int
    loss: Sequence[float]
    validation_loss: Sequence[float] = ()
    part: str = "test"
    epochs: int = 1
    wanted_epochs: int = 1
    interrupted: bool = False
    augmented: bool = False
    class_names: Sequence[str] = ()
    counts: Sequence[int] = ()
    found: Sequence[float] = ()

    @property
    def scores(self) -> str:
        """`train 99 %, test 71 %`."""
        parts = [("train", self.train), *([(self.part, self.held)] if self.held is not None else [])]
        return ", ".join(f"{name} {percent(value)}" for name, value in parts)

    @property
    def is_falling(self) -> bool:
        """Whether the loss still went down at the end; of one epoch nobody knows, so that it counts as yes."""
        back = max(1, len(self.loss) // 4)
        return len(self.loss) < 2 or self.loss[-1] < (1 - FALLING) * self.loss[-1 - back]

    @property
    def more_epochs(self) -> str:
        """The option that trains for twice as long, or goes on where a run was interrupted."""
        return "--resume" if self.interrupted else f"--epochs {2 * max(self.epochs, self.wanted_epochs)}"


@dataclass(frozen=True)
class Verdict:
    """The name of the rule, a sentence about the learning, and what to do next."""

    rule: str
    sentence: str
    step: str


def percent(share: float, digits: int | None = None) -> str:
    """`71 %`; a digit more near 0 and 100, where whole numbers hide the difference."""
    if digits is None:
        digits = 1 if 0.98 <= share < 1 or 0 < share < 0.02 else 0
    return f"{100 * share:.{digits}f} %"


def diverged(seen: Learning) -> Verdict | None:
    """The loss is no number any more."""
    broken = [i + 1 for i, value in enumerate(seen.loss) if not math.isfinite(value)]
    if not broken:
        return None
    sentence = f"The training diverged: the loss is no number from epoch {broken[0]} on."
    return Verdict("diverged", sentence, "Train again with a lower learning rate or a larger --batch-size.")


def unmeasured(seen: Learning) -> Verdict | None:
    """Nothing was held out."""
    if seen.held is not None:
        return None
    sentence = f"{seen.scores}: no pictures were held out, so nobody knows how it does on new ones."
    return Verdict("unmeasured", sentence, "Put pictures that it does not train on into a folder named test.")


def clueless(seen: Learning) -> Verdict | None:
    """Neither old nor new pictures are told apart."""
    if _held(seen) > seen.chance + 0.02 or seen.train > seen.chance + 0.1:
        return None
    sentence = f"{seen.scores}: it has learned nothing yet; always naming one class gives {percent(seen.chance)}."
    look = "Look at the pictures below: are the labels right? Then try another --model."
    step = f"Train longer ({seen.more_epochs})." if seen.is_falling else look
    return Verdict("clueless", sentence, step)


def neglected(seen: Learning) -> Verdict | None:
    """A class of few pictures is hardly found."""
    if not seen.counts or max(seen.counts) < LOPSIDED * min(seen.counts):
        return None
    rare = [i for i, count in enumerate(seen.counts) if max(seen.counts) >= LOPSIDED * count]
    worst = min(rare, key=lambda i: seen.found[i])
    if seen.found[worst] > _held(seen) - 0.2:
        return None
    large, name = max(range(len(seen.counts)), key=lambda i: seen.counts[i]), seen.class_names[worst]
    sentence = (
        f"{seen.scores}: class imbalance. “{name}” has {seen.counts[worst]:,} training pictures and “"
        f"{seen.class_names[large]}” {seen.counts[large]:,}; of “{name}” only {percent(seen.found[worst])} are found."
    )
    return Verdict("imbalance", sentence, f"Collect more pictures of “{name}”.")


def memorised(seen: Learning) -> Verdict | None:
    """Pictures that were learned are known, new ones are not."""
    held, above = _held(seen), seen.train > seen.interval[1]
    still_learning = seen.train < FITTED and seen.is_falling
    if not above or still_learning or held >= SOLID or seen.train - held < GAP:
        return None
    how = "it knows its training pictures by heart" if seen.train >= FITTED else "new pictures are known less well"
    alone = " On new pictures it is no better than always naming one class." if held <= seen.chance + 0.02 else ""
    more = "Collect more pictures, or try another --model."
    step = more if seen.augmented else f"Try --augment light, or strong: it varies the training pictures. {more}"
    return Verdict("overfitting", f"{seen.scores}: overfitting, {how}.{alone}", step)


def unfinished(seen: Learning) -> Verdict | None:
    """The loss was still going down."""
    if not seen.is_falling or _held(seen) >= EXCELLENT:
        return None
    starts = {0: "the training has hardly begun", 1: "one epoch is only a start"}
    end = starts.get(seen.epochs, "still improving when the training ended")
    return Verdict("improving", f"{seen.scores}: {end}.", f"Train longer: {seen.more_epochs}.")


def underfitted(seen: Learning) -> Verdict | None:
    """Not even the training pictures are known."""
    if seen.train >= FITTED:
        return None
    sentence = f"{seen.scores}: underfitting, it does not even fit the pictures it learned from."
    weaker = "less --augment, " if seen.augmented else ""
    return Verdict("underfitting", sentence, f"Try {weaker}a larger --model, or train longer ({seen.more_epochs}).")


def good(seen: Learning) -> Verdict:
    """New pictures are known about as well as old ones."""
    sentence = f"{seen.scores}: good, new pictures are known about as well as those it learned from."
    return Verdict(
        "good", sentence, "Use it: kerato predict MODEL FILE. The mistakes below show where it is still weak."
    )


RULES: Final[tuple[Callable[[Learning], Verdict | None], ...]] = (
    diverged,
    unmeasured,
    clueless,
    neglected,
    memorised,
    unfinished,
    underfitted,
)


def judge(seen: Learning) -> Verdict:
    """The verdict of the first rule that has one."""
    return next((found for rule in RULES if (found := rule(seen)) is not None), None) or good(seen)


def remarks(seen: Learning) -> list[str]:
    """What else should be known before the number is believed."""
    low, high = seen.interval
    best = min(range(len(seen.validation_loss)), key=lambda i: seen.validation_loss[i], default=0)
    said = {
        f"Training was interrupted after {seen.epochs} of {seen.wanted_epochs} epochs.": seen.interrupted,
        f"With {seen.held_samples:,} {seen.part} pictures the accuracy is only known to lie between {percent(low)} and "
        f"{percent(high)}.": seen.held is not None and high - low > WIDE,
        "The validation pictures were looked at during training; only a test part is quite new.": seen.held is not None
        and seen.part == "validation",
        f"The validation loss was lowest after epoch {best + 1} of {len(seen.validation_loss)} and rose afterwards.": (
            len(seen.validation_loss) > 2 and seen.validation_loss[-1] > 1.1 * seen.validation_loss[best]
        ),
    }
    return [sentence for sentence, holds in said.items() if holds]


def _held(seen: Learning) -> float:
    return 0.0 if seen.held is None else seen.held
