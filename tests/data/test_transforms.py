"""Single steps of augmentation."""

from __future__ import annotations

import numpy as np
import pytest

from kerato.data import transforms
from kerato.errors import InvalidValue, UnknownName

PICTURE = np.random.default_rng(6).integers(0, 256, (3, 10, 12)).astype(np.float32)


def test_channel_shift_of_one_number_or_one_per_channel() -> None:
    low, high = PICTURE.min(), PICTURE.max()
    np.testing.assert_array_equal(transforms.apply_channel_shift(PICTURE, 9), np.clip(PICTURE + 9, low, high))
    last = PICTURE.transpose(1, 2, 0)
    shifted = transforms.apply_channel_shift(last, [9, 0, -9], channel_axis=2)
    np.testing.assert_array_equal(shifted, np.clip(last + np.array([9, 0, -9], np.float32), low, high))


def test_random_channel_shift_draws_for_each_channel() -> None:
    middle = np.full((3, 4, 4), 100.0)
    middle[:, 0, 0], middle[:, 0, 1] = 0, 255
    offsets = transforms.random_channel_shift(middle, 50)[:, 2, 2] - 100
    assert len(np.unique(offsets)) == 3
    assert np.abs(offsets).max() <= 50


def test_brightness_scaled() -> None:
    stretched = transforms.apply_brightness_shift(np.array([[[10.0, 20.0]]]), 1.0, scale=True)
    assert stretched.ravel().tolist() == [0, 255]
    flat = transforms.apply_brightness_shift(np.full((1, 2, 2), 300.0), 1.0)
    assert (flat == 300).all()
    np.random.seed(3)
    assert (transforms.random_brightness(PICTURE, (0.2, 0.4)) <= PICTURE * 0.4 + 1e-3).all()


def test_the_helpers_stay_within_their_range() -> None:
    picture = np.zeros((1, 41, 41), np.float32)
    picture[0, 20, 20] = 1
    for _ in range(30):
        moved = transforms.random_shift(picture, 0, 0.2, interpolation_order=0)
        row, column = np.argwhere(moved[0])[0]
        assert column == 20 and abs(row - 20) <= 8
    turned = transforms.random_rotation(picture, 0)
    np.testing.assert_array_equal(turned, picture)


def test_wrong_arguments() -> None:
    with pytest.raises(InvalidValue, match="random_zoom: `zoom_range` must be a pair"):
        transforms.random_zoom(PICTURE, [0.2])
    with pytest.raises(InvalidValue, match="random_brightness: `brightness_range` must be a pair"):
        transforms.random_brightness(PICTURE, (1, 2, 3))
    with pytest.raises(UnknownName, match="shear_unit"):
        transforms.random_shear(PICTURE, 3, shear_unit="turns")
