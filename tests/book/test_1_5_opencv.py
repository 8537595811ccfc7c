"""Book 1.5: a picture library that works without a network, under OpenCV's role."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerato import image


@pytest.mark.parametrize(
    ("suffix", "tolerance"),
    [(".png", 0.0), (".bmp", 0.0), (".jpg", 3.0)],
    ids=["row_1_5_01-png", "row_1_5_01-bmp", "row_1_5_01-jpg"],
)
def test_pictures_survive_a_file_are_resized_and_recoloured(tmp_path: Path, suffix: str, tolerance: float) -> None:
    rows, columns = np.mgrid[:60, :90]
    picture = np.stack([rows * 4, columns * 2, 255 - rows * 4], axis=-1).astype(np.uint8)
    back = image.read(image.write(tmp_path / f"图片{suffix}", picture))
    assert back.shape == (60, 90, 3) and back.dtype == np.uint8
    assert np.abs(back.astype(int) - picture).mean() <= tolerance
    assert image.resize(back, (30, 45)).shape == (30, 45, 3)
    assert image.to_grey(back).shape == (60, 90)
    pure = image.convert_colour(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8), "hsv")
    assert pure[0, :, 0].tolist() == [0, 60, 120]
    again = image.convert_colour(image.convert_colour(back, "hsv"), "rgb", "hsv")
    assert np.abs(again.astype(int) - back).max() <= 6


def test_row_1_5_01_opencv_of_the_supported_line_is_installed() -> None:
    cv2 = pytest.importorskip("cv2")
    assert (4, 10) <= tuple(map(int, cv2.__version__.split(".")[:2])) < (5, 0)
