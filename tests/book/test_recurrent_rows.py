"""Rows 1.1-07, 3.2-00 and 8.4-04: what the book names of layers over time."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerato
from kerato import layers

EXAMPLE = Path(__file__).parents[2] / "examples/1_6_installation_check.py"


def reviews(count: int, seed: int) -> tuple[Any, Any]:
    """Word numbers in IMDB's form: a liked film's lie above 300, in part."""
    draws = np.random.default_rng(seed)
    liked, texts = draws.integers(0, 2, count), np.empty(count, object)
    texts[:] = [(draws.integers(1, 300, 30) + 300 * y * draws.integers(0, 2, 30)).tolist() for y in liked]
    return texts, liked


@pytest.mark.slow
def test_row_1_1_07_the_example_takes_imdb_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (x, y), (x_test, y_test) = reviews(1200, 1), reviews(200, 2)
    np.savez(tmp_path / "imdb.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test, allow_pickle=True)
    monkeypatch.setenv("KERATO_DATA", str(tmp_path))
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert "IMDB's reviews: 1,200 to learn from, 200 to test with" in printed
    assert "the installation works" in printed


def test_row_1_1_07_the_substitute_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERATO_DATA", str(tmp_path))
    said: list[str] = []

    class Said(Exception):
        """The example has begun; the rest is the other test's."""

    def told(text: str) -> None:
        said.append(text)
        raise Said

    with pytest.raises(Said):
        runpy.run_path(str(EXAMPLE), {"print": told}, run_name="__main__")
    assert said == ["reviews made by rule (imdb.npz is not on this machine): 2,000 to learn from, 500 to test with"]


def test_row_3_2_00_families_that_the_book_only_names_work_together() -> None:
    words, more = kerato.Input((5,)), kerato.Input((3,))
    x = layers.GaussianNoise(0.1)(layers.Embedding(9, 4, mask_zero=True)(words))
    x = layers.Concatenate()([layers.GRU(3)(x), more])
    model = kerato.Model([words, more], layers.Dense(1)(x))
    found = model.predict([np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 7]]), np.ones((2, 3))], verbose=0)
    assert found.shape == (2, 1) and np.isfinite(found).all()


@pytest.mark.slow
def test_row_8_4_04_frames_by_convolution_and_time_by_recurrence() -> None:
    """A bar moves left or right: no single frame tells which way."""
    kerato.set_random_seed(0)
    draws = np.random.default_rng(0)
    y = np.arange(64) % 2
    films = np.zeros((64, 5, 6, 8, 1), "float32")
    for film, way, begin in zip(films, y, draws.integers(0, 8, 64), strict=True):
        for t, frame in enumerate(film):
            frame[:, (begin + (t if way else -t)) % 8] = 1
    model = kerato.Sequential(
        [
            kerato.Input((5, 6, 8, 1)),
            layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu")),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(16),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(kerato.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(films[:48], y[:48], batch_size=16, epochs=15, verbose=0)
    assert model.evaluate(films[48:], y[48:], verbose=0)[1] >= 0.9
