"""Geometry against SciPy: the warp equals `scipy.ndimage.affine_transform`, channel by channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from kerato.data import affine
from kerato.errors import InvalidValue, UnknownName

RNG = np.random.default_rng(7)
PICTURE = RNG.integers(0, 256, (3, 37, 52)).astype(np.float32)


def reference(planes: Any, matrix: Any, order: int, mode: Any, cval: Any) -> Any:
    """SciPy's answer, (channels, height, width)."""
    how = {"order": order, "mode": mode, "cval": cval}
    return np.stack([ndimage.affine_transform(plane, matrix[:2, :2], matrix[:2, 2], **how) for plane in planes])


def random_matrix(rng: Any, height: int = 37, width: int = 52) -> Any:
    matrix = affine.affine_matrix(*rng.uniform((-180, -40, -40, -40, 0.3, 0.3), (180, 40, 40, 40, 3, 3)))
    return affine.transform_matrix_offset_center(matrix, height, width)


@pytest.mark.parametrize("mode", affine.FILL_MODES)
@pytest.mark.parametrize("order", [0, 1, 3])
def test_warp_equals_scipy(mode: Any, order: int) -> None:
    for _ in range(25):
        matrix = random_matrix(RNG)
        ours = affine.warp(PICTURE, matrix, order, mode, 7.0)
        expected = reference(PICTURE, matrix, order, mode, 7.0)
        np.testing.assert_allclose(ours, expected, atol=0 if order == 0 else 1e-3)
        assert ours.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(sorted(affine.FILL_MODES)),
    st.sampled_from([0, 1]),
    st.integers(0, 10**6),
)
def test_warp_equals_scipy_on_small_pictures(height: int, width: int, mode: Any, order: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = rng.uniform(-5, 300, (2, height, width)).astype(np.float32)
    matrix = random_matrix(rng, height, width)
    ours = affine.warp(planes, matrix, order, mode, -1.0)
    np.testing.assert_allclose(ours, reference(planes, matrix, order, mode, -1.0), atol=1e-3)


@pytest.mark.parametrize("mode", affine.FILL_MODES)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shift", [(-60, 0), (-37, 52), (3, -5), (36, 51), (72, 104)])
def test_whole_shifts_equal_scipy(mode: Any, order: int, shift: Any) -> None:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]], dtype=float)
    np.testing.assert_array_equal(
        affine.warp(PICTURE, matrix, order, mode, 9.0), reference(PICTURE, matrix, order, mode, 9.0)
    )


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = random_matrix(RNG)
    whole = affine.warp(PICTURE, matrix, 1, "constant", 3.0)
    monkeypatch.setattr(affine, "BAND_PIXELS", 60)
    np.testing.assert_array_equal(affine.warp(PICTURE, matrix, 1, "constant", 3.0), whole)


@pytest.mark.parametrize("order", [0, 1])
def test_a_quarter_turn_is_exact(order: int) -> None:
    square = PICTURE[:, :30, :30]
    turned = affine.apply_affine_transform(square, theta=90, fill_mode="constant", cval=-1, order=order)
    np.testing.assert_allclose(turned, np.rot90(square, -1, axes=(1, 2)), atol=1e-3)


def test_a_flat_picture_stays_flat() -> None:
    flat = np.full((1, 40, 40), 0.1, dtype=np.float32)
    assert (affine.warp(flat, random_matrix(RNG, 40, 40)) == np.float32(0.1)).all()


def test_the_matrix_is_the_product_of_its_parts() -> None:
    parts: list[dict[str, Any]] = [{"theta": 20}, {"tx": 3, "ty": -2}, {"shear": 10}, {"zx": 0.8, "zy": 1.3}]
    product = np.eye(3)
    for part in parts:
        product = product @ affine.affine_matrix(**part)
    whole = affine.affine_matrix(20, 3, -2, 10, 0.8, 1.3)
    np.testing.assert_allclose(whole, product, atol=1e-12)


def test_shear_in_radians_and_degrees() -> None:
    np.testing.assert_allclose(
        affine.affine_matrix(shear=np.deg2rad(30), shear_unit="radians"), affine.affine_matrix(shear=30)
    )


def test_tx_moves_rows_and_ty_columns() -> None:
    picture = np.zeros((1, 9, 13), np.float32)
    picture[0, 4, 6] = 1
    assert np.argwhere(affine.apply_affine_transform(picture, tx=2)[0]).tolist() == [[2, 6]]
    assert np.argwhere(affine.apply_affine_transform(picture, ty=2)[0]).tolist() == [[4, 4]]


def test_the_centre_stays() -> None:
    picture = np.zeros((1, 9, 13), np.float32)
    picture[0, 4, 6] = 1
    moved = affine.apply_affine_transform(picture, theta=33, shear=12, zx=0.7, zy=1.2, order=0)
    assert moved[0, 4, 6] == 1


def test_channels_last_is_channels_first_transposed() -> None:
    matrix = random_matrix(RNG)
    last = affine.apply_transform(PICTURE.transpose(1, 2, 0), matrix, channel_axis=2)
    np.testing.assert_array_equal(last.transpose(2, 0, 1), affine.apply_transform(PICTURE, matrix))


def test_errors() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'nearest'"):
        affine.apply_transform(PICTURE, np.eye(3), fill_mode="nearst")
    with pytest.raises(InvalidValue, match="apply_transform: `interpolation_order` must be"):
        affine.apply_transform(PICTURE, np.eye(3), interpolation_order=6)
    with pytest.raises(UnknownName, match="shear_unit 'grad'"):
        affine.apply_affine_transform(PICTURE, shear_unit="grad")
    with pytest.raises(InvalidValue, match="rank 3"):
        affine.apply_transform(PICTURE[0], np.eye(3))
