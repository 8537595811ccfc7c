"""Scores: the interval against known values, confusion by hand, the loss."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kerato.tasks.scores import scores, wilson


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3, but for the last: closed forms
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 1 - 0.1611, 1.0),
    ],
)
def test_the_interval_is_wilsons(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=6e-5)


def test_nothing_seen_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    draws = generator.binomial(150, 0.7, 4000)
    inside = [low <= 0.7 <= high for low, high in (wilson(int(right), 150) for right in draws)]
    assert 0.935 < np.mean(inside) < 0.965


def test_counting_by_hand() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6]], np.float32)
    found = scores(probabilities, np.array([0, 1, 0, 1]), ("a", "b", "c"))
    assert found.confusion.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert (found.right, found.samples, found.accuracy, found.chance) == (2, 4, 0.5, 0.5)
    assert found.loss == pytest.approx(-np.mean(np.log([0.7, 0.8, 0.3, 0.2])), rel=1e-6)
    assert found.per_class()["b"] == {"pictures": 2, "found": 0.5, "right_when_named": 0.5}
    assert found.per_class()["c"] == {"pictures": 0, "found": 0.0, "right_when_named": 0.0}
    assert found.confused() == [("a", "b", 1), ("b", "c", 1)]
    assert found.as_json()["interval"] == list(found.interval)
    assert "50.00 % of 4 pictures right" in found.line()


def test_a_probability_of_nothing_costs_a_finite_loss() -> None:
    found = scores(np.array([[1.0, 0.0]]), np.array([1]), ("a", "b"))
    assert found.loss == pytest.approx(-math.log(1e-7))
