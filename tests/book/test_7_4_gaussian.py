"""Book 7.4: the Gaussian filter, its derivatives, noise, sharpening."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
from scipy import ndimage

from kerato import image

BELL = [0.39894347, 0.24197145, 0.05399113, 0.00443186, 0.00013383]
PICTURE = np.random.default_rng(0).random((32, 40))


def _scene() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    y, x = np.mgrid[:96, :128]
    discs = 60.0 + 120 * ((x - 40) ** 2 + (y - 40) ** 2 < 700) + 50 * (x > 90)
    return image.to_uint8(image.gaussian(discs, 1.5), 0, 255)


def test_row_7_4_01_the_impulse_response_is_the_bell_of_the_book() -> None:
    impulse = np.zeros((21, 21))
    impulse[10, 10] = 1
    response = image.gaussian(impulse, 1.0)
    np.testing.assert_allclose(response.sum(axis=0)[10:15], BELL, atol=5e-9)
    assert response.sum() == pytest.approx(1)
    assert np.count_nonzero(response.sum(axis=0)) == 2 * int(4 * 1 + 0.5) + 1
    assert np.count_nonzero(image.gaussian(impulse, 1, truncate=2).sum(axis=0)) == 5


def test_row_7_4_01_constant_stays_axes_separate_and_blurs_add_up() -> None:
    np.testing.assert_allclose(image.gaussian(np.full((9, 9), 7.0), 3), 7, rtol=1e-12)
    one_by_one = image.gaussian(image.gaussian(PICTURE, (2, 0)), (0, 1))
    np.testing.assert_allclose(image.gaussian(PICTURE, (2, 1)), one_by_one, atol=1e-12)
    np.testing.assert_allclose(image.gaussian(image.gaussian(PICTURE, 3), 4), image.gaussian(PICTURE, 5), atol=2e-3)


@pytest.mark.parametrize(
    ("mode", "beyond"),
    [
        pytest.param("reflect", "symmetric", id="row_7_4_01-reflect"),
        pytest.param("mirror", "reflect", id="row_7_4_01-mirror"),
        pytest.param("nearest", "edge", id="row_7_4_01-nearest"),
        pytest.param("wrap", "wrap", id="row_7_4_01-wrap"),
        pytest.param("constant", "constant", id="row_7_4_01-constant"),
    ],
)
def test_border_modes_are_what_the_book_draws(
    mode: Literal["reflect", "mirror", "nearest", "wrap", "constant"],
    beyond: Literal["symmetric", "reflect", "edge", "wrap", "constant"],
) -> None:
    padded = image.gaussian(np.pad(PICTURE, 12, mode=beyond), 2)[12:-12, 12:-12]
    np.testing.assert_allclose(image.gaussian(PICTURE, 2, mode=mode), padded, atol=1e-12)


def test_row_7_4_01_colours_are_blurred_channel_by_channel() -> None:
    picture = np.zeros((9, 9, 3))
    picture[4, 4, 0] = 1
    blurred = image.gaussian(picture, 2)
    assert blurred[..., 0].sum() == pytest.approx(1) and blurred[..., 1:].sum() == 0


@pytest.mark.parametrize("size", [3, 5, 7, 9, (3, 11)], ids=lambda size: f"row_7_4_01-{size}")
def test_the_window_form_is_opencvs(size: int | tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    rows, columns = (size, size) if isinstance(size, int) else size
    np.testing.assert_array_equal(image.gaussian_blur(picture, size), cv2.GaussianBlur(picture, (columns, rows), 0))
    np.testing.assert_allclose(
        image.gaussian_blur(PICTURE, size, 1.3), cv2.GaussianBlur(PICTURE, (columns, rows), 1.3), atol=1e-12
    )


def test_row_7_4_01_windows_of_five_have_the_fixed_weights() -> None:
    impulse = np.zeros((1, 11), np.float64)
    impulse[0, 5] = 16
    np.testing.assert_allclose(image.gaussian_blur(impulse, (1, 5))[0, 3:8], [1, 4, 6, 4, 1], atol=1e-12)


def test_row_7_4_02_gaussian_removes_normal_noise_and_median_removes_specks() -> None:
    scene = _scene()
    normal, specks = image.gaussian_noise(scene, 25, seed=1), image.salt_and_pepper(scene, 0.1, seed=1)
    assert image.psnr(image.gaussian(normal, 1.5), scene) > image.psnr(normal, scene) + 6
    assert image.psnr(image.median(specks, 3), scene) > image.psnr(specks, scene) + 10
    assert image.psnr(image.median(specks, 3), scene) > image.psnr(image.gaussian(specks, 1.5), scene) + 3
    np.testing.assert_array_equal(normal, image.gaussian_noise(scene, 25, seed=1))
    assert (normal != image.gaussian_noise(scene, 25, seed=2)).any()


def test_row_7_4_02_specks_have_the_share_asked_for_in_every_dtype() -> None:
    grey = np.full((200, 200), 100, np.uint8)
    specks = image.salt_and_pepper(grey, 0.2)
    assert (specks == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert (specks == 255).mean() == pytest.approx(0.1, abs=0.01)
    assert set(np.unique(image.salt_and_pepper(np.full((9, 9), 0.5), 1.0))) == {0.0, 1.0}
    assert image.psnr(grey, grey) == float("inf")


def test_row_7_4_03_the_derivative_is_positive_where_values_grow() -> None:
    step = np.zeros((20, 40))
    step[:, 20:] = 1
    slope = image.gaussian_derivative(step, 2, axis=1)
    assert slope[10].argmax() in (19, 20) and slope.min() >= 0
    assert slope[10].sum() == pytest.approx(1, abs=1e-3)  # the bell is cut off at 4 sigma
    assert np.abs(image.gaussian_derivative(step, 2, axis=0)).max() < 1e-12
    assert image.gaussian_derivative(1 - step, 2).max() <= 0
    np.testing.assert_allclose(slope, ndimage.gaussian_filter(step, 2, order=(0, 1)), atol=1e-12)


def test_row_7_4_03_the_unsharp_mask_overshoots_on_both_sides_of_a_step() -> None:
    step = np.full((20, 40), 80, np.uint8)
    step[:, 20:] = 160
    sharp = image.unsharp(step, 2, 1.0)
    assert sharp.dtype == np.uint8 and sharp[10, 19] < 80 and sharp[10, 20] > 160
    np.testing.assert_array_equal(image.unsharp(step, 2, 0), step)
    assert image.unsharp(np.array([[0, 255]] * 2, np.uint8), 1, 5).tolist() == [[0, 255]] * 2
