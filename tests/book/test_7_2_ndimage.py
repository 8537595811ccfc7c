"""Book 7.2: pictures as arrays, filters, interpolation, measurements, as scipy.ndimage has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from kerato import image

PLANE = np.random.default_rng(0).random((23, 31))
COLOURS = np.random.default_rng(1).random((23, 31, 3))
EIGHT = np.random.default_rng(2).integers(0, 256, (23, 31), dtype=np.uint8)
MODES = ("reflect", "constant", "nearest", "mirror", "wrap")
WEIGHTS = np.array([[1.0, 2, 0], [0, -3, 1], [2, 0, 5]])

FILTERS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "uniform": (
        lambda p, m: image.uniform(p, (3, 5), mode=m, cval=0.3),
        lambda p, m: ndimage.uniform_filter(p, (3, 5), mode=m, cval=0.3),
    ),
    "median": (lambda p, m: image.median(p, 5, mode=m), lambda p, m: ndimage.median_filter(p, 5, mode=m)),
    "footprint": (
        lambda p, m: image.median(p, footprint=np.eye(3), mode=m),
        lambda p, m: ndimage.median_filter(p, footprint=np.eye(3), mode=m),
    ),
    "maximum": (lambda p, m: image.maximum(p, (1, 4), mode=m), lambda p, m: ndimage.maximum_filter(p, (1, 4), mode=m)),
    "minimum": (lambda p, m: image.minimum(p, 3, mode=m), lambda p, m: ndimage.minimum_filter(p, 3, mode=m)),
    "percentile": (
        lambda p, m: image.percentile(p, 30, 4, mode=m),
        lambda p, m: ndimage.percentile_filter(p, 30, 4, mode=m),
    ),
    "rank": (lambda p, m: image.rank(p, -2, 3, mode=m), lambda p, m: ndimage.rank_filter(p, -2, 3, mode=m)),
    "gaussian": (
        lambda p, m: image.gaussian(p, (1, 2), mode=m),
        lambda p, m: ndimage.gaussian_filter(p, (1, 2), mode=m),
    ),
}
SIGNED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "convolve": (lambda p, m: image.convolve(p, WEIGHTS, mode=m), lambda p, m: ndimage.convolve(p, WEIGHTS, mode=m)),
    "correlate": (lambda p, m: image.correlate(p, WEIGHTS, mode=m), lambda p, m: ndimage.correlate(p, WEIGHTS, mode=m)),
    "sobel": (lambda p, m: image.sobel(p, 0, mode=m), lambda p, m: ndimage.sobel(p, 0, mode=m)),
    "prewitt": (lambda p, m: image.prewitt(p, 1, mode=m), lambda p, m: ndimage.prewitt(p, 1, mode=m)),
    "slope": (
        lambda p, m: image.sobel(p, mode=m),
        lambda p, m: np.hypot(ndimage.sobel(p, 0, mode=m), ndimage.sobel(p, 1, mode=m)),
    ),
    "laplace": (lambda p, m: image.laplace(p, mode=m), lambda p, m: ndimage.laplace(p, mode=m)),
    "gaussian_laplace": (
        lambda p, m: image.gaussian_laplace(p, 1.5, mode=m),
        lambda p, m: ndimage.gaussian_laplace(p, 1.5, mode=m),
    ),
    "gaussian_gradient": (
        lambda p, m: image.gaussian_gradient(p, 1.5, mode=m),
        lambda p, m: ndimage.gaussian_gradient_magnitude(p, 1.5, mode=m),
    ),
    "gaussian_order": (
        lambda p, m: image.gaussian(p, 1.5, order=(2, 0), mode=m),
        lambda p, m: ndimage.gaussian_filter(p, 1.5, order=(2, 0), mode=m),
    ),
}
MOVES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "rotate": (lambda p, o: image.rotate(p, 33, order=o), lambda p, o: ndimage.rotate(p, 33, order=o)),
    "rotate_within": (
        lambda p, o: image.rotate(p, -70, reshape=False, order=o, mode="mirror"),
        lambda p, o: ndimage.rotate(p, -70, reshape=False, order=o, mode="mirror"),
    ),
    "shift": (
        lambda p, o: image.shift(p, (1.5, -2.25), order=o, cval=0.5),
        lambda p, o: ndimage.shift(p, (1.5, -2.25), order=o, cval=0.5),
    ),
    "zoom": (lambda p, o: image.zoom(p, (1.5, 0.7), order=o), lambda p, o: ndimage.zoom(p, (1.5, 0.7), order=o)),
    "affine": (
        lambda p, o: image.affine(p, [[0.9, 0.1], [-0.2, 1.1]], (1, -2), (20, 25), order=o, mode="wrap"),
        lambda p, o: ndimage.affine_transform(
            p, [[0.9, 0.1], [-0.2, 1.1]], (1, -2), output_shape=(20, 25), order=o, mode="wrap"
        ),
    ),
    "map_coordinates": (
        lambda p, o: image.map_coordinates(p, [[0.5, 3.2, 22], [1, 7.7, 29.9]], order=o),
        lambda p, o: ndimage.map_coordinates(p, [[0.5, 3.2, 22], [1, 7.7, 29.9]], order=o),
    ),
}


def test_row_7_2_01_a_picture_is_read_cut_measured_and_saved_without_a_screen(tmp_path: Path) -> None:
    picture = (COLOURS * 255).astype(np.uint8)
    back = image.read(image.write(tmp_path / "a.png", picture))
    np.testing.assert_array_equal(back, picture)
    part = image.crop(back, x=4, y=2, width=10, height=7)
    np.testing.assert_array_equal(part, picture[2:9, 4:14])
    numbers = image.statistics(part)
    assert numbers["mean"] == pytest.approx(picture[2:9, 4:14].mean())
    assert numbers["channels"][1]["maximum"] == picture[2:9, 4:14, 1].max()
    shown = image.sheet([back, part], ["whole", "part"])
    assert image.write(tmp_path / "sheet.png", shown).stat().st_size > 0


@pytest.mark.parametrize("name", FILTERS, ids=lambda name: f"row_7_2_02-{name}")
def test_filters_equal_scipy_on_every_border(name: str) -> None:
    ours, theirs = FILTERS[name]
    for mode in MODES:
        np.testing.assert_allclose(ours(PLANE, mode), theirs(PLANE, mode), atol=1e-12)
        np.testing.assert_array_equal(ours(EIGHT, mode), theirs(EIGHT, mode))
        colours = np.stack([theirs(COLOURS[..., channel], mode) for channel in range(3)], axis=-1)
        np.testing.assert_allclose(ours(COLOURS, mode), colours, atol=1e-12)
    assert ours(EIGHT, "reflect").dtype == np.uint8
    assert ours(PLANE.astype(np.float32), "reflect").dtype == np.float32


@pytest.mark.parametrize("name", SIGNED, ids=lambda name: f"row_7_2_02-{name}")
def test_filters_with_negative_results_equal_scipy_in_floats(name: str) -> None:
    ours, theirs = SIGNED[name]
    for mode in MODES:
        np.testing.assert_allclose(ours(PLANE, mode), theirs(PLANE, mode), atol=1e-9)
        np.testing.assert_allclose(ours(EIGHT, mode), theirs(EIGHT.astype(np.float64), mode), atol=1e-6)
    assert ours(EIGHT, "reflect").min() < 0 or name in ("slope", "gaussian_gradient")


@pytest.mark.parametrize("name", MOVES, ids=lambda name: f"row_7_2_03-{name}")
def test_interpolation_equals_scipy_for_every_order(name: str) -> None:
    ours, theirs = MOVES[name]
    for order in (0, 1, 3):
        np.testing.assert_allclose(ours(PLANE, order), theirs(PLANE, order), atol=1e-9)
        np.testing.assert_array_equal(ours(EIGHT, order), theirs(EIGHT, order))
        np.testing.assert_allclose(ours(COLOURS, order)[..., 2], theirs(COLOURS[..., 2], order), atol=1e-9)


def test_row_7_2_04_two_boxes_are_labelled_found_and_measured_by_hand() -> None:
    mask = np.zeros((8, 12), bool)
    mask[1:3, 2:6] = True
    mask[5:8, 9:11] = True
    values = np.arange(96.0).reshape(8, 12)
    labels, count = image.label(mask)
    assert count == 2 and image.areas(labels).tolist() == [8, 6]
    assert image.find_objects(labels).tolist() == [[2, 1, 4, 2], [9, 5, 2, 3]]
    np.testing.assert_allclose(image.center_of_mass(mask, labels), [[3.5, 1.5], [9.5, 6.0]])
    np.testing.assert_allclose(image.sum_labels(values, labels), [values[1:3, 2:6].sum(), values[5:8, 9:11].sum()])
    np.testing.assert_allclose(image.mean_labels(values, labels), [values[1:3, 2:6].mean(), values[5:8, 9:11].mean()])
    np.testing.assert_allclose(image.center_of_mass(values), ndimage.center_of_mass(values)[::-1])


def test_row_7_2_04_corners_connect_only_with_connectivity_8() -> None:
    assert image.label(np.eye(4))[1] == 4
    assert image.label(np.eye(4), connectivity=8)[1] == 1
