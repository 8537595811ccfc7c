"""Book 2.3 and 2.5: all filters of every layer, ranked, on a sheet; filters that are turned copies of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerato
from kerato import image, layers, see
from kerato.see.ascend import Sheet


@pytest.fixture(scope="module")
def model() -> Any:
    kerato.set_random_seed(0)
    net = kerato.Sequential(
        [
            layers.Input((None, None, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv1"),
            layers.Conv2D(5, 3, activation="relu", name="conv2"),
        ]
    )
    kernel, bias = net.layers[0].get_weights()
    bias[2] = -1000  # a dead filter
    net.layers[0].set_weights([kernel, bias])
    return net


def test_row_2_3_01_a_sheet_of_every_layer_without_dead_filters(model: Any, tmp_path: Path) -> None:
    for layer in model.layers:
        sheet = see.filters(model, layer, size=16, steps=5, bounds=(0, 255))
        sheet.save(tmp_path / f"{layer.name}.png")
        assert image.read(tmp_path / f"{layer.name}.png").shape == sheet.grid().shape
        assert layer.name != "conv1" or 2 in sheet.dead
        assert sorted([*sheet.numbers, *sheet.dead]) == list(range(layer.filters))
        assert (np.diff(sheet.losses) <= 0).all()
        assert (sheet.trace[-1] > sheet.trace[0]).all()


def test_row_2_3_01_a_filter_alone_is_what_it_is_among_others(model: Any) -> None:
    together = see.filters(model, "conv2", size=16, steps=4, bounds=(0, 255))
    number = int(together.numbers[0])
    alone = see.filters(model, "conv2", [number], 16, 4, bounds=(0, 255))
    np.testing.assert_allclose(alone.values[0], together.values[0], atol=1e-3)


def test_row_2_2_10_the_ascent_is_the_loop_of_listing_6(model: Any) -> None:
    """The same steps from the same start, one at a time, with gradients by differences of the model's own values."""
    found = see.filters(model, "conv1", [0], 5, 2, bounds=(0, 255), step=1.0)
    x = np.asarray(see.filters(model, "conv1", [0], 5, 0, bounds=(0, 255)).values, "float64")
    kernel = model.layers[0].get_weights()[0][..., 0].astype("float64")

    def loss(p: Any) -> float:
        maps = [max((p[i : i + 3, j : j + 3] * kernel).sum(), 0) for i in range(3) for j in range(3)]
        return float(np.mean(maps))

    p, trace = x[0], []
    assert ((p >= 128) & (p < 148)).all()
    for _ in range(2):
        g = np.zeros_like(p)
        for place in np.ndindex(p.shape):
            step = np.zeros_like(p)
            step[place] = 1e-4
            g[place] = (loss(p + step) - loss(p - step)) / 2e-4
        trace.append(loss(p))
        p = p + g / (np.sqrt(np.mean(g**2)) + 1e-5)
    np.testing.assert_allclose(found.values[0], p, atol=1e-3)
    np.testing.assert_allclose(found.trace[:, 0], [*trace, loss(p)], rtol=1e-4)


def test_row_2_3_02_sixty_four_pictures_in_a_square_with_a_margin_of_five() -> None:
    pictures = np.random.default_rng(0).integers(1, 255, (64, 128, 128, 3), dtype=np.uint8)
    blank = np.zeros(64)
    sheet = Sheet(pictures, blank, blank[None], np.arange(64), [""] * 64, pictures, "conv5_1", "book")
    grid = sheet.grid()
    side = 128 * 8 + 5 * 7
    assert grid.shape == (side, side, 3)
    for number in (0, 7, 8, 63):
        top, left = 133 * (number // 8), 133 * (number % 8)
        np.testing.assert_array_equal(grid[top : top + 128, left : left + 128], pictures[number])
    assert (grid[128:133] == 0).all()
    assert (grid[:, 128:133] == 0).all()


def test_row_2_3_03_turned_copies_are_found() -> None:
    draws = np.random.default_rng(0)
    net = kerato.Sequential([layers.Input((9, 9, 3)), layers.Conv2D(4, 5, name="conv")])
    kernel = draws.normal(size=(5, 5, 3, 4)).astype("float32")
    kernel[..., 3] = np.rot90(kernel[..., 1])
    net.set_weights([kernel, np.zeros(4)])
    (pair,) = see.rotations(net, "conv")
    assert {pair.first, pair.second} == {1, 3}
    assert pair.likeness == pytest.approx(1)
    turned = np.rot90(kernel[..., pair.second], pair.degrees // 90)
    np.testing.assert_array_equal(turned, kernel[..., pair.first])
    waves = np.sin(np.arange(32) / 2)[None] + np.zeros((32, 1))
    stripes = np.uint8(127 + 100 * np.stack([waves, waves.T, draws.uniform(-1, 1, (32, 32))]))[..., None]
    blank = np.zeros(3)
    (pair,) = see.rotations(Sheet(stripes, blank, blank[None], np.arange(3), [""] * 3, stripes, "conv", "book"))
    assert (pair.first, pair.second, pair.degrees) == (0, 1, 90)


def test_row_2_5_01_what_a_net_sees_is_one_call_each(model: Any) -> None:
    """The outlook has nothing to run; what it hopes for, looking into any network, is what `kerato.see` offers."""
    assert {"filters", "maximize", "dream", "fool", "explain", "rotations"} <= set(see.__all__)
    dreamt = see.dream(model, np.full((20, 24, 3), 0.5), octaves=2, steps=2)
    assert (dreamt.shape, dreamt.dtype) == ((20, 24, 3), np.uint8)
    assert dreamt.std() > 0
