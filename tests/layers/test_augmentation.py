"""Pictures changed on the device: geometry in one pass, colours, windows, and statistics of a training set."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from kerato import layers, random
from kerato.graph import evaluate
from kerato.kernels import native, resample
from kerato.layers import Input
from kerato.models import Sequential

X = np.random.default_rng(0).uniform(0, 255, (4, 8, 10, 3)).astype("float32")
KEY = random.key(3)
SCIPY = {"reflect": "reflect", "nearest": "nearest", "wrap": "grid-wrap", "constant": "grid-constant"}


def pipe(stack: list[Any], x: Any = X, training: bool = True) -> Any:
    """(function of pictures and key, its value)"""
    given = Input(batch_shape=x.shape)
    y = given
    for layer in stack:
        y = layer(y)

    def run(value: Any, key: Any) -> Any:
        return evaluate([y], {given: value}, training=training, key=key).outputs[0]

    return run


def drawn(stack: list[Any], x: Any = X, key: Any = KEY) -> np.ndarray[Any, Any]:
    return np.asarray(pipe(stack, x)(jnp.asarray(x), key))


@pytest.mark.parametrize("mode", list(SCIPY))
@pytest.mark.parametrize("order", [0, 1])
def test_resampling_is_scipy_s(mode: str, order: int) -> None:
    first = [[0.9137, 0.3071, -2.3113], [-0.4073, 1.2041, 3.1019], [0, 0, 1]]
    second = [[1.6121, 0.0013, -1.2171], [0.1031, 0.7057, -4.4093], [0, 0, 1]]
    matrix = np.float32([first, second])
    found = np.asarray(resample(jnp.asarray(X[:2]), jnp.asarray(matrix), ["nearest", "bilinear"][order], mode, 7.0))
    for n, m in enumerate(matrix.astype(float)):
        for c in range(3):
            plane = ndimage.affine_transform(
                X[n, :, :, c].astype(float),
                m[:2, :2],
                m[:2, 2],
                order=order,
                mode=SCIPY[mode],
                cval=7.0,
                prefilter=False,
            )
            np.testing.assert_allclose(found[n, :, :, c], plane, atol=2e-3)


def test_flips_are_exact_and_half_of_them() -> None:
    many = np.repeat(X[:1], 400, axis=0)
    for mode, axes in {
        "horizontal": [(2,)],
        "vertical": [(1,)],
        "horizontal_and_vertical": [(1,), (2,), (1, 2)],
    }.items():
        found = drawn([layers.RandomFlip(mode)], many)
        kinds = [X[0], *(np.flip(X[:1], axis)[0] for axis in axes)]
        shares = [np.mean([(picture == kind).all() for picture in found]) for kind in kinds]
        assert sum(shares) == 1
        assert shares == pytest.approx([1 / len(kinds)] * len(kinds), abs=0.08)


def test_whole_pixels_move_exactly() -> None:
    layer = layers.RandomTranslation((0.25, 0.25), (-0.5, -0.5), fill_mode="constant", fill_value=9)
    expected = np.full_like(X, 9)
    expected[:, 2:, :5] = X[:, :6, 5:]
    np.testing.assert_array_equal(drawn([layer]), expected)


@pytest.mark.slow
def test_half_a_turn_and_a_zoom_are_what_they_say() -> None:
    np.testing.assert_allclose(drawn([layers.RandomRotation((0.5, 0.5))]), X[:, ::-1, ::-1], atol=1e-3)
    square = X[:, :, :8]
    np.testing.assert_allclose(
        drawn([layers.RandomRotation((0.25, 0.25))], square), np.rot90(square, 1, (1, 2)), atol=1e-3
    )
    zoomed = drawn([layers.RandomZoom((-0.5, -0.5))])
    np.testing.assert_allclose(zoomed[:, 0, 0], _at(X, 1.75, 2.25), rtol=1e-5)


def _at(x: Any, row: float, column: float) -> Any:
    i, j, a, b = int(row), int(column), row % 1, column % 1
    upper = x[:, i, j] * (1 - b) + x[:, i, j + 1] * b
    return upper * (1 - a) + (x[:, i + 1, j] * (1 - b) + x[:, i + 1, j + 1] * b) * a


def test_shifts_and_flips_after_one_another_are_composed() -> None:
    """Nothing is lost that later steps bring back; what stays inside is the same as step by step."""
    there = layers.RandomTranslation((0.25, 0.25), (0.5, 0.5), fill_mode="constant")
    back = layers.RandomTranslation((-0.25, -0.25), (-0.5, -0.5), fill_mode="constant")
    flip = layers.RandomFlip(name="flip")
    np.testing.assert_array_equal(drawn([there, back]), X)
    apart = drawn([there, layers.Activation("relu"), back])
    np.testing.assert_array_equal(apart[:, :6, :5], X[:, :6, :5])
    assert (apart[:, 6:] == 0).all()
    mirrored = drawn([layers.RandomFlip(name="flip")])
    np.testing.assert_array_equal(drawn([flip, there])[:, 2:, 5:], mirrored[:, :6, :5])
    np.testing.assert_array_equal(drawn([there, back, layers.RandomFlip(name="flip")]), mirrored)


def gathers(stack: list[Any]) -> int:
    """How many reads of picture values the compiled program has; bilinear resampling has four."""
    text = jax.jit(pipe(stack)).lower(jnp.asarray(X), jnp.asarray(KEY)).compile().as_text()
    return sum(" gather(" in line and "f32" in line.partition("gather(")[0] for line in text.splitlines())


def test_geometric_layers_after_one_another_are_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "resamples", lambda *_: False)  # a native pass has no gathers to count
    geometric = [
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
    ]
    once = gathers(geometric[1:2])
    assert once == 4
    assert gathers([*geometric, layers.RandomShear(0.1, 0.1), layers.RandomFlip("vertical")]) == once
    assert gathers([geometric[1], layers.RandomZoom(0.1, fill_mode="nearest")]) == 2 * once
    assert gathers([geometric[1], layers.Activation("relu"), geometric[2]]) == 2 * once
    nested = Sequential([Input(X.shape[1:]), layers.RandomFlip(), layers.RandomRotation(0.1)])
    assert gathers([nested, layers.RandomZoom(0.1)]) == once


def test_draws_are_in_their_intervals_and_differ_per_picture() -> None:
    ramp = np.broadcast_to(np.arange(100, dtype="float32")[:, None, None], (300, 100, 3, 1))
    down = drawn([layers.RandomTranslation((0.05, 0.2), 0.0)], ramp)[:, 50, 1, 0]
    shifts = 50 - down
    assert 5 <= shifts.min() < 5.5
    assert 19.5 < shifts.max() <= 20
    assert shifts.mean() == pytest.approx(12.5, abs=0.7)
    assert len(np.unique(shifts)) == 300


def test_augmentation_follows_the_key_and_rests_afterwards() -> None:
    def stack() -> list[Any]:
        bright = layers.RandomBrightness(0.3, name="b")
        return [layers.RandomFlip(name="f"), layers.RandomRotation(0.2, name="r"), bright]

    np.testing.assert_array_equal(drawn(stack()), drawn(stack()))
    assert (drawn(stack()) != drawn(stack(), key=random.key(4))).any()
    np.testing.assert_array_equal(pipe(stack(), training=False)(jnp.asarray(X), KEY), X)
    bytes_ = np.asarray(layers.RandomRotation(0.2)(X.astype("uint8"), training=True))
    assert bytes_.dtype == "float32"


def test_channels_first_is_the_same_picture() -> None:
    for kind, arguments in [(layers.RandomRotation, {"factor": 0.2}), (layers.RandomContrast, {"factor": 0.5})]:
        last = drawn([kind(**arguments, name="a"), kind(**arguments, name="b")])
        stack = [kind(**arguments, name=name, data_format="channels_first") for name in "ab"]
        found = np.moveaxis(drawn(stack, np.moveaxis(X, -1, 1)), 1, -1)
        np.testing.assert_allclose(found, last, atol=1e-3)


def test_a_crop_is_one_window_for_the_batch() -> None:
    found = drawn([layers.RandomCrop(3, 4)])
    places = [(i, j) for i in range(6) for j in range(7) if (found == X[:, i : i + 3, j : j + 4]).all()]
    assert len(places) == 1
    assert len({drawn([layers.RandomCrop(3, 4)], key=random.key(k)).tobytes() for k in range(8)}) > 4
    assert drawn([layers.RandomCrop(20, 30)]).shape == (4, 20, 30, 3)


def test_colours_are_the_formulas() -> None:
    fixed = {"value_range": (0, 255), "name": "c"}
    bright = drawn([layers.RandomBrightness((0.1, 0.1), **fixed)])
    np.testing.assert_allclose(bright, np.clip(X + 25.5, 0, 255), rtol=1e-5)
    mean = X.mean((1, 2), keepdims=True)
    flat = drawn([layers.RandomContrast(0.3, value_range=(-1000, 1000))])
    share = np.median((flat - mean) / (X - mean), (1, 2, 3))
    assert ((share >= 0.7) & (share <= 1.3)).all()
    np.testing.assert_allclose(flat, (X - mean) * share[:, None, None, None] + mean, atol=0.05)
    grey = np.repeat(X @ np.float32([0.2989, 0.587, 0.114])[:, None], 3, -1)
    np.testing.assert_allclose(drawn([layers.RandomGrayscale(1.0)]), grey, rtol=1e-5)
    np.testing.assert_allclose(drawn([layers.RandomInvert((1.0, 1.0))]), 255 - X, rtol=1e-5)
    np.testing.assert_allclose(drawn([layers.RandomSaturation((0.5, 0.5))]), X, atol=1e-3)
    top = np.repeat(X.max(-1, keepdims=True), 3, -1)
    np.testing.assert_allclose(drawn([layers.RandomSaturation((0.0, 0.0))]), top, rtol=1e-6)
    np.testing.assert_allclose(drawn([layers.RandomHue((0.0, 0.0))]), X, atol=1e-2)
    with pytest.raises(ValueError, match=r"must be RGB pictures with 3 channels"):
        layers.RandomHue(0.5)(X[..., :1], training=True)


def test_hue_turns_round_the_circle() -> None:
    red = np.float32([255, 0, 0]) * np.ones((1, 1, 1, 1), "float32")
    # a third of the circle, one way or the other: green or blue
    found = drawn([layers.RandomHue((2 / 3, 2 / 3))], red)[0, 0, 0]
    assert sorted(np.round(found, 2).tolist()) == [0, 0, 255]
    assert found[0] < 0.01


def test_normalisation_adapts_to_the_training_set() -> None:
    data = np.random.default_rng(1).normal(5, 3, (60, 4)).astype("float32")
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(data)
    parts.adapt([data[:10], data[10:33], data[33:]])
    for layer in (whole, parts):
        np.testing.assert_allclose(layer(data), (data - data.mean(0)) / data.std(0), atol=1e-4)
    back = layers.Normalization(mean=data.mean(0), variance=data.var(0), invert=True)
    np.testing.assert_allclose(back(whole(data)), data, atol=1e-4)
    scalar = layers.Normalization(axis=None, mean=2.0, variance=9.0)
    np.testing.assert_allclose(scalar(data), (data - 2) / 3, rtol=1e-5, atol=1e-6)
    pictures = layers.Normalization()
    pictures.adapt(X)
    np.testing.assert_allclose(np.asarray(pictures(X)).mean((0, 1, 2)), 0, atol=1e-5)
    assert pictures.trainable_weights == []
    for bad, message in [
        (lambda: layers.Normalization(mean=1.0), "`variance` must be given where `mean` is"),
        (lambda: scalar.adapt(data), "mean and variance were given"),
        (lambda: layers.Normalization(axis=0)(data), "must name axes of known size"),
        (lambda: layers.Normalization().adapt([]), "at least one sample"),
    ]:
        with pytest.raises((ValueError, RuntimeError), match=message):
            bad()


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({"crop_to_aspect_ratio": True}, [2.5, 4.5]),
        ({"pad_to_aspect_ratio": True, "fill_value": -1.0}, [0.25, 2.25]),
    ],
)
def test_resizing_may_keep_the_aspect_ratio(options: dict[str, Any], row: list[float]) -> None:
    wide = np.broadcast_to(np.arange(8, dtype="float32")[:, None], (1, 4, 8, 1))
    found = np.asarray(layers.Resizing(2, 2, **options)(wide))
    assert found[0, 0, :, 0].tolist() == row
    with pytest.raises(ValueError, match="cannot both be True"):
        layers.Resizing(2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)


def test_alone_a_layer_changes_pictures_unless_told_not_to() -> None:
    invert = layers.RandomInvert((1.0, 1.0))
    np.testing.assert_allclose(invert(X), 255 - X, rtol=1e-5)
    np.testing.assert_array_equal(invert(X, training=False), X)
    np.testing.assert_array_equal(Sequential([layers.Input(X.shape[1:]), invert]).predict(X, verbose=0), X)


def test_alone_a_layer_takes_a_single_picture() -> None:
    np.testing.assert_allclose(layers.RandomInvert((1.0, 1.0))(X[0]), 255 - X[0], rtol=1e-5)
    assert layers.RandomCrop(3, 4)(X[0]).shape == (3, 4, 3)
    for layer in (layers.Resizing(5, 6), layers.CenterCrop(5, 6)):
        np.testing.assert_array_equal(layer(X[0]), layer(X)[0])


def test_a_saturation_below_0_is_grey() -> None:
    """A number f is [-f, f], as Keras 3 writes it to files."""
    assert layers.RandomSaturation(0.2).factor == (-0.2, 0.2)
    top = np.repeat(X.max(-1, keepdims=True), 3, -1)
    np.testing.assert_allclose(layers.RandomSaturation((-0.2, -0.2))(X), top, rtol=1e-6)
