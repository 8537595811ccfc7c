"""Tones, sharpness, patches, perspective and policies against Pillow, SciPy and formulas written out."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage, stats

from kerato import layers, models, random
from kerato.kernels import native
from kerato.layers.mixing import Mixing
from kerato.layers.warping import _smoothing
from kerato.variables import Run

BYTES = np.random.default_rng(0).integers(30, 220, (3, 12, 14, 3)).astype("uint8")
X = BYTES.astype("float32")
RGB = [Image.fromarray(picture) for picture in BYTES]


@pytest.fixture(autouse=True, scope="module")
def compiled_fast() -> Iterator[None]:
    """Programs that run once."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def keyed(function: Any, seed: int = 2) -> Any:
    """The value of a function that draws, in one program."""

    def run(key: Any) -> Any:
        with Run(key=key):
            return function()

    return np.asarray(jax.jit(run)(jnp.asarray(random.key(seed))), float)


@functools.partial(jax.jit, static_argnums=0)
def program(layer: Any, x: Any, key: Any) -> Any:
    """One program for a layer's value in training."""
    with Run(key=key, training=True):
        return layer(x)


def drawn(layer: Any, x: Any = X, seed: int = 3) -> Any:
    return jax.tree.map(np.asarray, program(layer, x, jnp.asarray(random.key(seed))))


def pillow(function: Any) -> Any:
    return np.stack([np.asarray(function(picture)) for picture in RGB]).astype(float)


def test_a_solarization_is_pillow_s() -> None:
    found = drawn(layers.Solarization(threshold_factor=(0.5, 0.5)))
    np.testing.assert_allclose(found, pillow(lambda p: ImageOps.solarize(p, 128)), atol=1e-3)
    added = drawn(layers.Solarization((0.2, 0.2), (0.5, 0.5)))
    brighter = np.clip(X + 51, 0, 255)
    np.testing.assert_allclose(added, np.where(brighter < 127.5, brighter, 255 - brighter), atol=1e-3)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_posterization_is_pillow_s(scaled: bool) -> None:
    options, x = ({"value_range": (0, 1)}, X / np.float32(255)) if scaled else ({}, X)
    found = drawn(layers.RandomPosterization(3, **options), x) * (255 if scaled else 1)
    np.testing.assert_allclose(found, pillow(lambda p: ImageOps.posterize(p, 3)), atol=1e-3)


def test_a_posterization_draws_bits_below_the_second_number() -> None:
    found = drawn(layers.RandomPosterization((1, 4)), np.repeat(X[:1], 60, 0))
    levels = {len(np.unique(picture)) for picture in found}
    assert levels == {2, 4, 7}  # of 190 tones above 30; the lowest of 8 levels is none of theirs


def test_contrast_and_equalization_are_those_of_pillow_and_opencv() -> None:
    found = drawn(layers.AutoContrast())
    np.testing.assert_allclose(found, pillow(ImageOps.autocontrast), atol=1.01)  # Pillow cuts fractions off
    assert (found.min((1, 2)), found.max((1, 2))) == (pytest.approx(0, abs=1e-3), pytest.approx(255))
    flat = np.full_like(X, 7)
    np.testing.assert_array_equal(drawn(layers.AutoContrast(), flat), flat)
    cv2 = pytest.importorskip("cv2")
    equal = np.stack([np.stack([cv2.equalizeHist(p[..., c]) for c in range(3)], -1) for p in BYTES])
    np.testing.assert_allclose(drawn(layers.Equalization()), equal, atol=1e-3)
    scaled = drawn(layers.Equalization((0, 1)), X / np.float32(255)) * 255
    np.testing.assert_allclose(scaled, equal, atol=1e-3)
    np.testing.assert_array_equal(drawn(layers.Equalization(), flat), flat)


def test_colours_and_sharpness_are_pillow_s() -> None:
    half = drawn(layers.RandomColorDegeneration((0.5, 0.5)))
    np.testing.assert_allclose(half, pillow(lambda p: ImageEnhance.Color(p).enhance(0.5)), atol=1.6)  # whole greys
    for f in (0.0, 0.5, 1.0):
        found = drawn(layers.RandomSharpness((f, f)))
        expected = pillow(lambda p, f=f: ImageEnhance.Sharpness(p).enhance(2 * f))
        np.testing.assert_allclose(found[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1.01)


def test_a_blur_is_a_gaussian_with_pixels_beyond_the_border() -> None:
    found = drawn(layers.RandomGaussianBlur((1, 1), 9, (1.2, 1.2)))
    expected = ndimage.gaussian_filter(X.astype(float), (0, 1.2, 1.2, 0), radius=(0, 4, 4, 0), mode="nearest")
    np.testing.assert_allclose(found, expected, atol=1e-3)
    many = np.repeat(X[:1], 200, 0)
    rare = drawn(layers.RandomGaussianBlur((0.3, 0.3)), many)
    assert np.mean((rare != many).any((1, 2, 3))) == pytest.approx(0.3, abs=0.1)


def test_a_jitter_is_its_steps() -> None:
    jitter = layers.RandomColorJitter(brightness_factor=(0.1, 0.1), saturation_factor=(0.0, 0.0))
    expected = np.clip(X + 25.5, 0, 255).max(-1, keepdims=True)
    np.testing.assert_allclose(drawn(jitter), np.broadcast_to(expected, X.shape), rtol=1e-5)
    assert layers.RandomColorJitter(hue_factor=0.1).get_config()["hue_factor"] == (0.0, 0.1)


def test_erased_patches_are_rectangles_of_their_scale() -> None:
    wide = np.zeros((50, 40, 60, 3), "float32")
    found = drawn(layers.RandomErasing((1, 1), (0.04, 0.25), (9, 8, 7)), wide)
    erased = found[..., 0] == 9
    np.testing.assert_array_equal(found, np.where(erased[..., None], np.float32([9, 8, 7]), 0))
    for mask in erased:
        rows, columns = mask.any(1), mask.any(0)
        np.testing.assert_array_equal(mask, rows[:, None] & columns)
        assert 0.19 * 40 <= rows.sum() <= 0.53 * 40
        assert 0.19 * 60 <= columns.sum() <= 0.53 * 60
    noise = drawn(layers.RandomErasing((1, 1), (1, 1), value_range=(0, 1)), wide)
    assert noise.min() == 0
    assert noise.max() == 1
    assert (drawn(layers.RandomErasing((0, 0))) == X).all()


@pytest.mark.parametrize("kind", [layers.MixUp, layers.CutMix])
def test_labels_are_mixed_as_the_pictures_are(kind: type[Mixing]) -> None:
    count = 64
    x = np.broadcast_to(np.arange(count, dtype="float32")[:, None, None, None], (count, 6, 5, 3))
    mix = kind(name="mix")
    out = drawn(mix, {"images": x, "labels": np.eye(count, dtype="float32")})
    np.testing.assert_allclose(out["labels"].sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(out["labels"] @ np.arange(count), out["images"].mean((1, 2, 3)), atol=1e-3)
    assert (out["labels"].max(-1) < 1).any()
    first = kind(name="mix", data_format="channels_first")
    turned = drawn(first, {"images": np.moveaxis(x, -1, 1), "labels": np.eye(count, dtype="float32")})
    np.testing.assert_allclose(np.moveaxis(turned["images"], 1, -1), out["images"], atol=1e-4)
    whole = mix({"images": BYTES, "labels": np.eye(3)}, training=False)
    np.testing.assert_array_equal(whole["images"], X)
    for bad in ({"images": X, "labels": np.arange(3)}, {"labels": np.eye(3)}, {"images": X, "boxes": X}):
        with pytest.raises(ValueError, match=r"mix \(\w+Mix\w*\)|mix \(MixUp\)"):
            mix(bad)


def test_pictures_come_with_labels_where_these_still_fit() -> None:
    data = {"images": X, "labels": np.arange(3)}
    found = layers.RandomFlip()(data)
    assert (found["labels"] == data["labels"]).all()
    assert found["images"].shape == X.shape
    with pytest.raises(ValueError, match="must be pictures, or a dict of 'images' and 'labels'"):
        layers.RandomFlip()({**data, "segmentation_masks": X})
    assert layers.AutoContrast()({**data, "segmentation_masks": X})["segmentation_masks"] is X
    given = {"images": layers.Input(X.shape[1:], name="images"), "labels": layers.Input((3,), name="labels")}
    model = models.Model(given, layers.MixUp()(given))
    assert model.predict({"images": X, "labels": np.eye(3)}, verbose=0)["images"].shape == X.shape


def test_gamma_numbers_have_their_distribution() -> None:
    numbers = jax.jit(random.log_gamma_from, static_argnums=1)
    for alpha in (0.2, 1.0, 3.0):
        one, other = np.asarray(numbers(random.key(5), (2, 4000), alpha), float)
        assert stats.kstest(np.exp(one), stats.gamma(alpha).cdf).pvalue > 1e-3
        assert stats.kstest(1 / (1 + np.exp(other - one)), stats.beta(alpha, alpha).cdf).pvalue > 1e-3


def test_a_perspective_takes_corners_to_corners() -> None:
    layer = layers.RandomPerspective((1, 1), 0.6)
    maps = keyed(lambda: layer.matrix(4, 12, 14))
    corners = np.array([(0, 0), (0, 13), (11, 0), (11, 13)])
    for m in maps:
        seen = [np.linalg.solve(m, (*corner, 1)) for corner in corners]
        moved = np.array([place[:2] / place[2] for place in seen])
        factors = moved[corners > 0] / corners[corners > 0]
        assert np.abs(factors - 1).max() <= 0.3 + 1e-6
        assert moved[0] == pytest.approx((0, 0))
        assert (moved[1][0], moved[2][1]) == (pytest.approx(0, abs=1e-5), pytest.approx(0, abs=1e-5))
    still = drawn(layers.RandomPerspective((0, 0)))
    np.testing.assert_array_equal(still, X)


def test_perspective_joins_the_one_pass_and_a_deformation_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "resamples", lambda *_: False)  # a native pass has no gathers to count
    turn, seen = layers.RandomRotation((0.1, 0.1), "constant"), layers.RandomPerspective((1, 1), 0.3)
    bent = layers.RandomElasticTransform((1, 1), fill_mode="constant")

    def reads(x: Any, key: Any) -> Any:
        with Run(key=key, training=True):
            return bent(seen(turn(x)))

    jax.config.update("jax_disable_most_optimizations", False)
    compiled = jax.jit(reads).lower(X, jnp.asarray(random.key(1))).compile().as_text()
    jax.config.update("jax_disable_most_optimizations", True)
    assert sum(" gather(" in line for line in compiled.splitlines()) == 4


def test_a_deformation_smooths_its_shifts() -> None:
    blur = keyed(lambda: _smoothing(30, jnp.full(1, 1.5)))[0]
    impulse = np.zeros(30)
    impulse[14] = 1
    expected = ndimage.gaussian_filter1d(impulse, 1.5, radius=4, mode="constant")
    np.testing.assert_allclose(blur @ impulse, expected, atol=1e-6)
    shift = keyed(lambda: layers.RandomElasticTransform((1, 1), (1, 1)).shift(6, 40, 60))
    # noise of deviation sigma = 2, less by 2 sigma sqrt(pi) where it is smoothed, times 6
    assert shift.std() == pytest.approx(6 * 2 / (2 * 2 * np.sqrt(np.pi)), rel=0.15)


@pytest.mark.parametrize("layer", [layers.RandAugment(num_ops=1), layers.AugMix(all_ops=False)])
@pytest.mark.slow
def test_policies_draw_for_each_picture(layer: Any) -> None:
    found = drawn(layer, np.repeat(X[:1, :6, :5], 24, 0))
    assert found.min() >= 0
    assert found.max() <= 255
    assert len({picture.tobytes() for picture in found}) > 12


@pytest.mark.slow
def test_a_policy_gives_each_picture_its_own_operation() -> None:
    policy = layers.RandAugment(num_ops=1)
    policy.moves, policy.tints = [], [layers.RandomInvert((1, 1)), layers.Solarization((1, 1), (1, 1))]
    found = drawn(policy, np.repeat(X[:1], 16, 0))
    kinds = [(found == kind).all((1, 2, 3)) for kind in (255 - X[0], np.zeros_like(X[0]))]
    assert (kinds[0] ^ kinds[1]).all()
    assert 2 <= kinds[0].sum() <= 14


def test_a_pipeline_is_its_layers_after_one_another() -> None:
    steps = layers.Pipeline([layers.RandomInvert((1, 1)), layers.Rescaling(0.5)], name="steps")
    np.testing.assert_allclose(steps(X), (255 - X) / 2)
    np.testing.assert_allclose(steps(X, training=False), X / 2)
    assert layers.Pipeline.from_config(steps.get_config()).get_config() == steps.get_config()
    assert steps.get_config().keys() == {"layers", "name"}
    with pytest.raises(ValueError, match="`layers` must be a list of layers"):
        layers.Pipeline([3])


@pytest.mark.slow
def test_a_spectral_norm_goes_to_one_and_gradients_pass_it() -> None:
    layer = layers.SpectralNormalization(layers.Dense(3, use_bias=False), power_iterations=40)
    layer(X[0, :2, :4, 0])
    kernel = layer.kernel.numpy()
    values, x = [v.value for v in layer.weights], jnp.asarray(X[0, :2, :4, 0])

    def total(w: Any) -> Any:
        with Run(dict(zip(layer.weights, [w, values[1]], strict=True)), training=True) as run:
            return jnp.sum(layer(x)), run.values[layer.kernel]

    (value, divided), slope = jax.jit(jax.value_and_grad(total, has_aux=True))(values[0])
    u, s, v = np.linalg.svd(kernel)
    np.testing.assert_allclose(divided, kernel / s[0], rtol=1e-4, atol=1e-6)
    plain = np.repeat(np.asarray(x).sum(0)[:, None], 3, 1)
    expected = plain / s[0] - (plain * kernel).sum() / s[0] ** 2 * np.outer(u[:, 0], v[0])
    np.testing.assert_allclose(slope, expected, rtol=1e-2, atol=0.05)
    assert float(value) == pytest.approx(float((plain * kernel).sum() / s[0]), rel=1e-4)
    with pytest.raises(ValueError, match="must have a kernel or embeddings"):
        layers.SpectralNormalization(layers.ReLU())(X)


def test_numbers_are_encoded_and_put_into_bins() -> None:
    codes = np.array([[0, 3, 3], [1, 2, 7]])
    found = layers.CategoryEncoding(4, output_mode="count")(codes)
    np.testing.assert_array_equal(found, [[1, 0, 0, 2], [0, 1, 1, 0]])
    np.testing.assert_array_equal(layers.CategoryEncoding(4)(codes), np.minimum(found, 1))
    weighed = layers.CategoryEncoding(4, output_mode="count")(codes, count_weights=codes / 2)
    np.testing.assert_array_equal(weighed, [[0, 0, 0, 3], [0, 0.5, 1, 0]])
    with pytest.raises(ValueError, match="count_weights need output_mode='count'"):
        layers.CategoryEncoding(4)(codes, count_weights=codes)
    values = np.random.default_rng(2).normal(size=(50, 4))
    bins = layers.Discretization(num_bins=5)
    with pytest.raises(RuntimeError, match=r"Call adapt\(data\) first"):
        bins(values)
    bins.adapt([values[:20], values[20:]])
    assert np.bincount(np.ravel(bins(values))).tolist() == pytest.approx([40] * 5, abs=1)
    again = layers.Discretization.from_config(bins.get_config())
    np.testing.assert_array_equal(again(values), bins(values))
    with pytest.raises(ValueError, match="needs `bin_boundaries`, or `num_bins`"):
        layers.Discretization()
