"""What the generator does to one picture, in which order, and what it refuses."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from kerato import config
from kerato.data.generator import ImageDataGenerator
from kerato.errors import InvalidType, InvalidValue

RNG = np.random.default_rng(5)
PICTURE = RNG.integers(0, 256, (14, 18, 3)).astype(np.uint8)


def test_the_order_of_operations() -> None:
    generator = ImageDataGenerator(
        preprocessing_function=lambda picture: picture + 1, rescale=0.5, samplewise_center=True, fill_mode="constant"
    )
    parameters = {"ty": 4, "channel_shift_intensity": 30, "flip_horizontal": True, "brightness": 2.0}
    moved = np.zeros(PICTURE.shape, np.float32)
    moved[:, :-4] = PICTURE[:, 4:]
    shifted = np.clip(moved + 30, moved.min(), moved.max())
    bright = np.clip(shifted[:, ::-1] * 2, 0, 255)
    transformed = generator.apply_transform(PICTURE, parameters)
    np.testing.assert_allclose(transformed, bright, atol=1e-3)
    standard = (bright + 1) * 0.5
    np.testing.assert_allclose(generator.standardize(transformed), standard - standard.mean(), atol=1e-3)


def test_feature_wise_steps_come_after_sample_wise_ones() -> None:
    sample = RNG.normal(5, 3, (40, 6, 6, 3))
    generator = ImageDataGenerator(samplewise_center=True, featurewise_center=True, featurewise_std_normalization=True)
    generator.fit(sample)
    centred = sample - sample.mean(axis=(1, 2, 3), keepdims=True)
    expected = (centred - centred.mean(axis=(0, 1, 2))) / centred.std(axis=(0, 1, 2))
    np.testing.assert_allclose(np.stack([generator.standardize(x) for x in sample]), expected, atol=1e-4)


def test_nothing_handed_in_is_changed() -> None:
    generator = ImageDataGenerator(rescale=2, channel_shift_range=9, data_format="channels_first")
    picture = PICTURE.transpose(2, 0, 1).astype(np.float32).copy()
    before = picture.copy()
    generator.standardize(picture)
    generator.fit(picture[None])
    unmoved = generator.apply_transform(picture, {})
    unmoved += 1
    next(generator.flow(picture[None]))
    np.testing.assert_array_equal(picture, before)


def test_each_transformation_has_its_own_draw() -> None:
    alone = ImageDataGenerator(rotation_range=40).get_random_transform(PICTURE.shape, seed=8)
    both = ImageDataGenerator(rotation_range=40, zoom_range=0.3, horizontal_flip=True, channel_shift_range=5)
    assert both.get_random_transform(PICTURE.shape, seed=8)["theta"] == alone["theta"]


def test_an_empty_choice_of_shifts_is_none() -> None:
    choices: list[Any] = [0, 0.0, []]
    for nothing in choices:
        assert ImageDataGenerator(width_shift_range=nothing).get_random_transform(PICTURE.shape, seed=1)["ty"] == 0


def test_random_transform_is_its_draw_applied() -> None:
    generator = ImageDataGenerator(rotation_range=40, zoom_range=0.3, channel_shift_range=20)
    parameters = generator.get_random_transform(PICTURE.shape, seed=3)
    np.testing.assert_array_equal(
        generator.random_transform(PICTURE, seed=3), generator.apply_transform(PICTURE, parameters)
    )
    np.random.seed(1337)
    first = generator.random_transform(PICTURE)
    np.random.seed(1337)
    np.testing.assert_array_equal(generator.random_transform(PICTURE), first)


def test_brightness() -> None:
    generator = ImageDataGenerator(brightness_range=(0.5, 2))
    factors = [generator.get_random_transform(PICTURE.shape, seed=seed)["brightness"] for seed in range(300)]
    assert 0.5 <= min(factors) < 0.55 < 1.95 < max(factors) <= 2
    dark = generator.apply_transform(PICTURE, {"brightness": 0.5})
    np.testing.assert_allclose(dark, PICTURE * 0.5)
    wide = np.linspace(-100, 400, 48).reshape(4, 4, 3)
    kept = generator.apply_transform(wide, {"brightness": 1.0})
    np.testing.assert_allclose(kept, wide, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype(dtype: str) -> None:
    batch = next(ImageDataGenerator(dtype=dtype, rescale=1 / 255).flow(PICTURE[None]))
    assert batch.dtype == dtype
    np.testing.assert_allclose(batch[0], PICTURE / 255, atol=1e-3 if dtype == "float16" else 1e-6)


def test_an_older_dialect_can_choose_its_own_meaning() -> None:
    def table(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        assert owner == "ImageDataGenerator"
        return args, {"interpolation_order": 0, "shear_unit": "radians"} | kwargs

    with config.dialect(table):
        old = ImageDataGenerator(shear_range=0.2)
    assert (old.interpolation_order, old.shear_unit) == (0, "radians")
    assert (ImageDataGenerator().interpolation_order, ImageDataGenerator().shear_unit) == (1, "degrees")
    assert old.get_config()["shear_unit"] == "radians"
    assert set(np.unique(old.random_transform(PICTURE, seed=1))) <= set(np.unique(PICTURE))


def test_the_configured_data_format_counts() -> None:
    config.set_image_data_format("channels_first")
    try:
        assert ImageDataGenerator().data_format == "channels_first"
    finally:
        config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rotation_range": -1}, r"`rotation_range` must be a number >= 0\. Got -1"),
        ({"fill_mode": "mirror"}, r"`fill_mode` must be one of 'constant', 'nearest', 'reflect', 'wrap'"),
        ({"zoom_range": 1.0}, r"`zoom_range` must be a number in \[0, 1\), or a pair"),
        ({"zoom_range": (2, 1)}, "`zoom_range` must be"),
        ({"width_shift_range": "wide"}, "`width_shift_range` must be a number or a sequence"),
        ({"width_shift_range": float("inf")}, "`width_shift_range` must be a number"),
        ({"brightness_range": (2, 1)}, "`brightness_range` must be a pair"),
        ({"brightness_range": 0.5}, "`brightness_range` must be a pair"),
        ({"validation_split": 1}, r"`validation_split` must be a number >= 0 and < 1"),
        ({"interpolation_order": 6}, "`interpolation_order` must be an int from 0"),
        ({"shear_unit": "grad"}, "`shear_unit` must be one of 'degrees', 'radians'"),
        ({"data_format": "last"}, "`data_format` must be one of"),
        ({"dtype": "int8"}, "`dtype` must be one of"),
        ({"horizontal_flip": 3}, "`horizontal_flip` must be True or False"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=f"ImageDataGenerator: {message}"):
        ImageDataGenerator(**arguments)


def test_wrong_calls() -> None:
    generator, generator_class = ImageDataGenerator(), cast(Any, ImageDataGenerator)
    with pytest.raises(InvalidType, match="'rotation' is not known"):
        generator_class(rotation=3)
    with pytest.raises(InvalidValue, match="rank 3"):
        generator.random_transform(PICTURE[None])
    with pytest.raises(InvalidValue, match="fit: `x` must be pictures in an array of rank 4"):
        generator.fit(PICTURE)
    with pytest.raises(InvalidValue, match="fit: `rounds` must be an int >= 1"):
        generator.fit(PICTURE[None], augment=True, rounds=0)
    with pytest.raises(InvalidValue, match=r"must be a function that keeps the shape \(14, 18, 3\)"):
        ImageDataGenerator(preprocessing_function=lambda picture: picture[1:]).standardize(PICTURE)
