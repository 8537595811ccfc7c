"""Book 7.3: numbers in colours, points as density, both over a picture; where a net looks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from toy_nets import scene_net, scenes

from kerato import image, see

RAMP = np.arange(256, dtype=np.uint8)[None]


def test_row_7_3_01_hot_leads_from_black_to_white_and_is_saved(tmp_path: Path) -> None:
    shown = image.colormap(np.linspace(0, 1, 256)[None], "hot")
    assert shown[0, 0].tolist() == [0, 0, 0] and shown[0, -1].tolist() == [255, 255, 255]
    assert (np.diff(shown[0] @ [0.299, 0.587, 0.114]) > 0).all()
    np.testing.assert_array_equal(image.read(image.write(tmp_path / "hot.png", shown)), shown)


@pytest.mark.parametrize("name", image.COLORMAPS, ids=lambda name: f"row_7_3_01-{name}")
def test_colour_maps_are_those_of_opencv(name: str) -> None:
    twin = cv2.applyColorMap(RAMP, getattr(cv2, f"COLORMAP_{name.upper()}"))[..., ::-1]
    np.testing.assert_array_equal(image.colormap(RAMP, name), twin)


def test_row_7_3_01_low_and_high_are_the_ends_of_the_scale() -> None:
    shown = image.colormap([[-5.0, 0.0, 10.0, 99.0]], "hot", low=0, high=10)
    assert shown[0].tolist() == [[0, 0, 0], [0, 0, 0], [255, 255, 255], [255, 255, 255]]


@pytest.mark.parametrize("sigma", [0.0, 2.0, (1.0, 30.0)], ids=lambda sigma: f"row_7_3_02-{sigma}")
def test_density_sums_to_the_number_of_points(sigma: float | tuple[float, float]) -> None:
    points = np.random.default_rng(0).uniform(0, (40, 30), (500, 2))
    points[:4] = [[0.0, 0.0], [39.99, 0.0], [0.0, 29.99], [39.99, 29.99]]
    density = image.density(points, (30, 40), sigma)
    assert density.shape == (30, 40)
    assert density.sum() == pytest.approx(500, abs=1e-9)


def test_row_7_3_02_points_lie_on_their_pixels_and_those_outside_do_not_count() -> None:
    density = image.density([[2.9, 0.0], [2.0, 0.5], [5.0, 0.0], [-0.1, 0.0], [4.99, 2.99]], (3, 5))
    assert density.tolist() == [[0, 0, 2, 0, 0], [0] * 5, [0, 0, 0, 0, 1]]
    assert image.density(np.empty((0, 2)), (3, 5)).sum() == 0


def test_row_7_3_02_the_overlay_is_the_weighted_mean_of_colours_and_picture() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    heat = np.random.default_rng(2).random((20, 30))
    colours = image.colormap(heat, "jet").astype(float)
    for alpha in (0.0, 0.3, 1.0):
        mixed = image.overlay(picture, heat, alpha)
        np.testing.assert_array_equal(mixed, np.rint(alpha * colours + (1 - alpha) * picture))


def test_row_7_3_02_a_coarse_map_is_stretched_over_the_picture() -> None:
    coarse = np.zeros((4, 4))
    coarse[1, 2] = 1
    laid = image.overlay(np.zeros((40, 80), np.uint8), coarse, alpha=1.0, name="hot")
    y, x = np.unravel_index(image.to_grey(laid).argmax(), (40, 80))
    assert laid.shape == (40, 80, 3) and 10 <= y < 20 and 40 <= x < 60


@pytest.mark.slow
def test_row_7_3_03_the_hottest_cell_lies_on_the_object() -> None:
    """A square, a cross or a ring on noise: the truth is known."""
    x, y, corners = scenes(64, 2)
    model = scene_net()
    found = see.explain(model, x, y, trust=False)
    assert (model.predict(x, verbose=0).argmax(1) == y).mean() > 0.95
    hottest = [np.unravel_index(m.argmax(), m.shape) for m in found.maps]
    # A cell of the last map is two pixels wide.
    on = [
        all(-1 <= at - c < 8 for at, c in zip(h, corner, strict=True))
        for h, corner in zip(hottest, corners, strict=True)
    ]
    assert np.mean(on) >= 0.95
    assert found.layer == "last"
    assert found.why_layer == "the last one that still has places"
