"""Book 7.8: histograms, equalisation, plots, Otsu and CLAHE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage

from kerato import image

DRAW = np.random.default_rng(0)
EIGHT = DRAW.integers(0, 256, (40, 50), dtype=np.uint8)
COLOURS = DRAW.integers(0, 256, (40, 50, 3), dtype=np.uint8)
MASK = DRAW.random((40, 50)) < 0.3


def test_row_7_8_01_counts_are_those_of_numpy_scipy_and_opencv() -> None:
    counts, edges = image.histogram(EIGHT)
    np.testing.assert_array_equal(counts, np.bincount(EIGHT.ravel(), minlength=256))
    np.testing.assert_array_equal(counts, ndimage.histogram(EIGHT, 0, 256, 256))
    np.testing.assert_array_equal(counts, cv2.calcHist([EIGHT], [0], None, [256], [0, 256])[:, 0])
    np.testing.assert_array_equal(edges, np.arange(257))


@pytest.mark.parametrize("bins", [1, 7, 64, 256], ids=lambda bins: f"row_7_8_01-{bins}")
def test_counts_sum_to_the_pixels_in_every_channel(bins: int) -> None:
    counts, _ = image.histogram(COLOURS, bins)
    assert counts.shape == (3, bins) and (counts.sum(axis=1) == 40 * 50).all()
    inside, _ = image.histogram(COLOURS, bins, MASK)
    assert (inside.sum(axis=1) == MASK.sum()).all()
    twin = cv2.calcHist([COLOURS], [1], MASK.astype(np.uint8), [bins], [0, 256])[:, 0]
    np.testing.assert_array_equal(inside[1], twin)


def test_row_7_8_01_floats_take_their_own_range_and_two_channels_a_table() -> None:
    counts, edges = image.histogram(np.linspace(-1, 1, 100)[None], 4)
    assert counts.tolist() == [25] * 4 and edges.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert image.histogram(np.full((3, 3), 2.0), 5)[0].sum() == 9
    assert image.histogram(np.array([[0.0, 0.5, 9]]), 2, range=(0, 1))[0].tolist() == [1, 1]
    table = image.histogram_2d(COLOURS, (0, 2), 16, MASK)
    twin = cv2.calcHist([COLOURS], [0, 2], MASK.astype(np.uint8), [16, 16], [0, 256, 0, 256])
    np.testing.assert_array_equal(table, twin)


def _dull() -> Any:
    y, x = np.mgrid[:128, :128]
    return (100 + 30 * np.sin(x / 20) * np.cos(y / 30) + DRAW.normal(0, 2, (128, 128))).astype(np.uint8)


def test_row_7_8_02_the_equalised_distribution_is_nearly_linear() -> None:
    dull = _dull()
    even = image.equalize(dull)
    np.testing.assert_array_equal(even, cv2.equalizeHist(dull))
    shares = np.cumsum(image.histogram(even)[0]) / even.size
    present = np.unique(even)
    assert np.abs(shares[present] - present / 255).max() < 0.05
    assert even.min() == 0 and even.max() == 255


@pytest.mark.parametrize("value", [0, 7, 255], ids=lambda value: f"row_7_8_02-{value}")
def test_a_constant_picture_stays_what_it_is(value: int) -> None:
    grey = np.full((8, 9), value, np.uint8)
    np.testing.assert_array_equal(image.equalize(grey), grey)
    np.testing.assert_array_equal(image.equalize(np.dstack([grey] * 3), colour="channels"), np.dstack([grey] * 3))
    np.testing.assert_array_equal(image.equalize(grey.astype(np.uint16)), grey)


def test_row_7_8_02_colours_masks_and_sixteen_bits() -> None:
    each = image.equalize(COLOURS, colour="channels")
    np.testing.assert_array_equal(each[..., 2], cv2.equalizeHist(np.ascontiguousarray(COLOURS[..., 2])))
    alpha = np.dstack([COLOURS, EIGHT])
    np.testing.assert_array_equal(image.equalize(alpha)[..., 3], EIGHT)
    dull = _dull()
    deep = image.equalize(dull.astype(np.uint16) * 100)
    assert deep.dtype == np.uint16 and deep.max() == 65535
    half = np.zeros(dull.shape, bool)
    half[:64] = True
    np.testing.assert_array_equal(image.equalize(dull, half)[:64], image.equalize(dull[:64]))


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3), (40, 50, 4)], ids=lambda shape: f"row_7_8_03-{len(shape)}")
def test_the_plot_is_written_to_a_file(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = DRAW.integers(0, 256, shape, dtype=np.uint8)
    plot = image.draw_histogram(picture, 32, size=(200, 300), logarithmic=True, cumulative=True)
    assert plot.shape == (200, 300, 3) and plot.std() > 5
    back = image.read(image.write(tmp_path / "plot.png", plot))
    np.testing.assert_array_equal(back, plot)


def test_row_7_8_04_otsu_splits_two_peaks_between_them_in_every_dtype() -> None:
    two = np.concatenate([DRAW.normal(60, 10, 5000), DRAW.normal(180, 12, 3000)]).reshape(80, 100)
    eight = two.clip(0, 255).astype(np.uint8)
    assert image.otsu(eight) == cv2.threshold(eight, 0, 255, cv2.THRESH_OTSU)[0]
    for picture, scale in ((eight, 1), (eight.astype(np.uint16) * 200, 200), (eight / 255.0, 1 / 255)):
        assert 90 * scale < image.otsu(picture) < 150 * scale
        assert image.threshold(picture).mean() == pytest.approx(3 / 8, abs=0.01)
    assert image.otsu(eight, eight < 100) < 100


def test_row_7_8_04_clahe_is_opencvs_and_raises_local_contrast() -> None:
    dull = _dull()
    np.testing.assert_array_equal(image.clahe(dull, 3, (4, 6)), cv2.createCLAHE(3, (6, 4)).apply(dull))
    assert image.clahe(dull).std() > dull.std() * 1.2
    deep = image.clahe(dull.astype(np.uint16) * 100)
    np.testing.assert_array_equal(deep, cv2.createCLAHE(2, (8, 8)).apply(dull.astype(np.uint16) * 100))
    assert image.clahe(COLOURS, colour="channels").shape == COLOURS.shape
