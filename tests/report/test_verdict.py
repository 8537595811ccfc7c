"""The verdict: which numbers lead to which sentence and which next step."""

from __future__ import annotations

from typing import Any

import pytest

from kerato.report.verdict import Learning, judge, percent, remarks

FLAT = (1.0, 0.5, 0.4, 0.39, 0.39, 0.39, 0.39, 0.39)
FALLING = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)

#: train, test, what else is special -> rule, words of the sentence, words of the next step
TABLE: list[tuple[float, float | None, dict[str, Any], str, str, str]] = [
    (0.99, 0.71, {}, "overfitting", "train 99.0 %, test 71 %: overfitting", "--augment"),
    (0.99, 0.71, {"augmented": True}, "overfitting", "by heart", "Collect more pictures"),
    (0.99, 0.50, {"chance": 0.5}, "overfitting", "no better than always naming one class", "--augment"),
    (0.80, 0.70, {}, "overfitting", "new pictures are known less well", "--augment"),
    (0.80, 0.70, {"loss": FALLING}, "improving", "still improving", "--epochs 16"),
    (0.99, 0.71, {"part": "validation"}, "overfitting", "validation 71 %", "--augment"),
    (0.88, 0.87, {"loss": FALLING}, "improving", "still improving", "--epochs 16"),
    (0.88, 0.87, {"loss": (0.6,), "epochs": 1, "wanted_epochs": 1}, "improving", "one epoch", "--epochs 2"),
    (0.40, 0.40, {"loss": (), "epochs": 0}, "improving", "hardly begun", "--epochs 16"),
    (0.88, 0.87, {"loss": FALLING, "interrupted": True}, "improving", "still improving", "--resume"),
    (0.70, 0.69, {}, "underfitting", "does not even fit", "larger --model"),
    (0.70, 0.69, {"augmented": True}, "underfitting", "underfitting", "less --augment"),
    (0.99, 0.98, {}, "good", "good", "kerato predict"),
    (0.99, 0.98, {"loss": FALLING}, "good", "good", "kerato predict"),
    (0.96, 0.99, {}, "good", "good", "kerato predict"),
    (0.52, 0.50, {"chance": 0.5}, "clueless", "learned nothing", "labels right"),
    (0.52, 0.50, {"chance": 0.5, "loss": FALLING}, "clueless", "50 %", "--epochs 16"),
    (0.95, 0.90, {"counts": (400, 20), "found": (0.95, 0.2)}, "imbalance", "“dogs” has 20", "more pictures of “dogs”"),
    (0.99, 0.98, {"counts": (400, 20), "found": (0.99, 0.95)}, "good", "good", "kerato predict"),
    (0.99, 0.98, {"counts": (400, 0), "found": (0.99, 0.0)}, "imbalance", "“dogs” has 0", "dogs"),
    (0.10, 0.10, {"loss": (2.0, float("nan"), float("nan"))}, "diverged", "from epoch 2 on", "learning rate"),
    (0.90, None, {}, "unmeasured", "held out", "test"),
]


def learning(train: float, held: float | None, **more: Any) -> Learning:
    share = held or 0.0
    usual: dict[str, Any] = {
        "interval": (share - 0.02, share + 0.02),
        "chance": 0.1,
        "held_samples": 2000,
        "loss": FLAT,
        "epochs": 8,
        "wanted_epochs": 8,
        "class_names": ("cats", "dogs"),
        "counts": (100, 100),
        "found": (share, share),
    }
    return Learning(train, held, **{**usual, **more})


@pytest.mark.parametrize(("train", "held", "more", "rule", "words", "step"), TABLE)
def test_numbers_lead_to_a_verdict(
    train: float, held: float | None, more: dict[str, Any], rule: str, words: str, step: str
) -> None:
    found = judge(learning(train, held, **more))
    assert found.rule == rule
    assert words in found.sentence
    assert step in found.step


@pytest.mark.parametrize(
    ("share", "text"), [(0.714, "71 %"), (0.98873, "98.9 %"), (1.0, "100 %"), (0.0, "0 %"), (0.004, "0.4 %")]
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"interrupted": True, "epochs": 3}, "interrupted after 3 of 8 epochs"),
        ({"interval": (0.6, 0.8), "held_samples": 40}, "With 40 test pictures"),
        ({"part": "validation"}, "looked at during training"),
        ({"validation_loss": (1.0, 0.5, 0.7, 0.9)}, "lowest after epoch 2 of 4"),
    ],
)
def test_remarks(more: dict[str, Any], words: str) -> None:
    (found,) = remarks(learning(0.9, 0.7, **more))
    assert words in found


def test_no_remarks_on_a_plain_run() -> None:
    assert remarks(learning(0.99, 0.98, validation_loss=(1.0, 0.5, 0.5))) == []
