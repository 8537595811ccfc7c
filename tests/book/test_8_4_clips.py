"""Book 8.4: films as clips of equal shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from film_samples import film, scene

from kerato.data import clips, evenly, windows


def test_row_8_4_01_films_become_one_array_of_evenly_sampled_frames(tmp_path: Path) -> None:
    lossless = {"codec": "rawvideo", "pixels": "bgr24"}
    paths = [film(tmp_path / f"{count}.avi", count, **lossless) for count in (12, 40, 5)]  # type: ignore[arg-type]
    taken = clips(paths, 8, size=(48, 64))
    assert taken.shape == (3, 8, 48, 64, 3) and taken.dtype == np.uint8
    expected = [[0, 2, 3, 5, 6, 8, 9, 11], [2, 7, 12, 17, 22, 27, 32, 37], [0, 1, 2, 3, 4, 4, 4, 4]]
    for got, wanted in zip(taken, expected, strict=True):
        np.testing.assert_array_equal(got, [scene(index) for index in wanted])


def test_row_8_4_01_sampling_is_even_and_missing_frames_are_marked() -> None:
    assert evenly(100, 4).tolist() == [[12, 37, 62, 87]]
    assert evenly(3, 5).tolist() == [[0, 1, 2, -1, -1]]
    assert evenly(12, 3, parts=2).tolist() == [[1, 3, 5], [7, 9, 11]]


def test_row_8_4_01_a_long_film_streams_as_clips(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 50)
    found = list(windows(path, 16, (12, 16), step=8, color_mode="grayscale"))
    assert [round(time * 25) for time, _ in found] == [0, 8, 16, 24, 32]
    assert {clip.shape for _, clip in found} == {(16, 12, 16, 1)}


@pytest.mark.parametrize("pad", ["last", "loop", "black"])
def test_row_8_4_01_short_real_films_are_padded(data: Path, pad: str) -> None:
    paths = sorted((data / "video/arid/val/Jump").glob("*.mp4"))[:2]
    taken = clips(paths, 120, (30, 40), pad=pad)
    assert taken.shape == (2, 120, 30, 40, 3)
    if pad == "last":
        assert (taken[:, -1] == taken[:, -2]).all()
    if pad == "black":
        assert not taken[:, -1].any()
