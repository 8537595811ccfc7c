"""Book section 7.1, rows 7.1-05 to 7.1-25: augmentation with `kerato.preprocessing.image`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerato.data import affine
from kerato.preprocessing.image import (
    ImageDataGenerator,
    apply_transform,
    array_to_img,
    flip_axis,
    img_to_array,
    list_pictures,
    load_img,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
)

RNG = np.random.default_rng(71)
PICTURES = RNG.integers(0, 256, (60, 12, 10, 3)).astype(np.uint8)
BOOK: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "rescale": 1.0 / 255,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}


def transforms(count: int = 400, shape: tuple[int, int, int] = (100, 50, 3), **arguments: Any) -> Any:
    """Many draws of one generator."""
    generator = ImageDataGenerator(**arguments)
    return [generator.get_random_transform(shape, seed=seed) for seed in range(count)]


def spread(values: Any, low: Any, high: Any) -> Any:
    """All in [low, high], and reaching near both ends."""
    values = np.asarray(values)
    margin = 0.05 * (high - low)
    return low <= values.min() < low + margin and high - margin < values.max() <= high


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """Five cats and four dogs, 20 x 30."""
    for name, count in (("dogs", 4), ("cats", 5)):
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_the_signature_is_the_book_s() -> None:
    names = (
        "featurewise_center samplewise_center featurewise_std_normalization samplewise_std_normalization "
        "zca_whitening zca_epsilon rotation_range width_shift_range height_shift_range shear_range zoom_range "
        "channel_shift_range fill_mode cval horizontal_flip vertical_flip rescale preprocessing_function data_format"
    )
    defaults: list[Any] = [False] * 5 + [1e-6] + [0.0] * 6 + ["nearest", 0.0, False, False, None, None, None]
    parameters = list(inspect.signature(ImageDataGenerator).parameters.values())
    assert [(p.name, p.default) for p in parameters[:19]] == list(zip(names.split(" "), defaults, strict=True))
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[19:])


def test_the_page_of_the_book_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "book_7_1_augmentation.md"
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for language, block in re.findall(r"```(python)?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if language:
            exec(block, names)
        else:
            assert capsys.readouterr().out == block


def test_row_7_1_05_preview(tmp_path: Path) -> None:
    cat = Image.fromarray(RNG.integers(0, 256, (60, 80, 3)).astype(np.uint8))
    x = img_to_array(cat)
    x = x.reshape((1, *x.shape))
    generator = ImageDataGenerator(**BOOK)
    source = generator.flow(x, batch_size=1, save_to_dir=tmp_path / "preview", save_prefix="cat", save_format="jpeg")
    for i, _ in enumerate(source, 1):
        if i > 20:
            break
    names = [path.name for path in (tmp_path / "preview").iterdir()]
    assert len(names) == 21
    assert all(re.fullmatch(r"cat_0_[0-9a-f]{8}\.jpeg", name) for name in names)
    assert all(load_img(path).size == (80, 60) for path in (tmp_path / "preview").iterdir())


def test_row_7_1_06_featurewise_center() -> None:
    generator = ImageDataGenerator(featurewise_center=True)
    generator.fit(PICTURES)
    batch = next(generator.flow(PICTURES, batch_size=60))
    np.testing.assert_allclose(batch.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    assert batch.std() > 50


def test_row_7_1_07_samplewise_center() -> None:
    batch = next(ImageDataGenerator(samplewise_center=True).flow(PICTURES))
    np.testing.assert_allclose(batch.mean(axis=(1, 2, 3)), 0, atol=1e-4)


def test_row_7_1_08_featurewise_std_normalization() -> None:
    generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    generator.fit(PICTURES)
    batch = next(generator.flow(PICTURES, batch_size=60))
    np.testing.assert_allclose(batch.std(axis=(0, 1, 2)), 1, atol=1e-5)


def test_row_7_1_09_samplewise_std_normalization() -> None:
    batch = next(ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True).flow(PICTURES))
    np.testing.assert_allclose(batch.std(axis=(1, 2, 3)), 1, atol=1e-5)
    flat = np.full((1, 8, 8, 1), 9.0)
    flat_batch = next(ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True).flow(flat))
    assert not flat_batch.any()


def test_row_7_1_10_zca_whitening() -> None:
    x = RNG.normal(size=(2000, 4, 4, 1)) @ np.ones((1, 1)) + RNG.normal(size=(2000, 1, 1, 1)) * 3 + 5
    generator: Any = ImageDataGenerator(zca_whitening=True, zca_epsilon=1e-6)
    generator.fit(x)
    white = next(generator.flow(x, batch_size=2000)).reshape(2000, 16)
    np.testing.assert_allclose(white.T @ white / 2000, np.eye(16), atol=1e-3)
    flat = (x - x.mean()).reshape(2000, 16)
    u, s, _ = np.linalg.svd(flat.T @ flat / 2000)
    np.testing.assert_allclose(generator.principal_components, u @ np.diag(1 / np.sqrt(s + 1e-6)) @ u.T, atol=1e-4)


def test_row_7_1_11_rotation_range() -> None:
    draws = transforms(rotation_range=40)
    assert spread([draw["theta"] for draw in draws], -40, 40)
    assert all(draw["tx"] == draw["shear"] == 0 and draw["zx"] == 1 for draw in draws)


def test_row_7_1_12_shift_range() -> None:
    draws = transforms(width_shift_range=0.2, height_shift_range=0.1)
    assert spread([draw["tx"] for draw in draws], -10, 10)  # 0.1 of 100 rows
    assert spread([draw["ty"] for draw in draws], -10, 10)  # 0.2 of 50 columns
    assert spread([draw["ty"] for draw in transforms(width_shift_range=3.0)], -3, 3)
    assert {draw["ty"] for draw in transforms(width_shift_range=3)} == {-2, -1, 0, 1, 2}
    assert {draw["tx"] for draw in transforms(height_shift_range=[2, 7])} == {-7, -2, 2, 7}
    assert {draw["tx"] for draw in transforms(height_shift_range=(0.1, 0.5))} == {-50, -10, 10, 50}


def test_row_7_1_13_shear_range() -> None:
    assert spread([draw["shear"] for draw in transforms(shear_range=15)], -15, 15)
    angle = 0.2
    shear = np.array([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])
    np.testing.assert_allclose(affine.affine_matrix(shear=angle, shear_unit="radians"), shear)
    np.testing.assert_allclose(affine.affine_matrix(shear=np.rad2deg(angle)), shear)
    picture = PICTURES[0]
    radians = ImageDataGenerator(shear_unit="radians").apply_transform(picture, {"shear": angle})
    degrees = ImageDataGenerator().apply_transform(picture, {"shear": float(np.rad2deg(angle))})
    np.testing.assert_allclose(radians, degrees, atol=1e-3)


def test_row_7_1_14_zoom_range() -> None:
    draws = transforms(zoom_range=0.2)
    assert spread([draw["zx"] for draw in draws], 0.8, 1.2)
    assert spread([draw["zy"] for draw in draws], 0.8, 1.2)
    assert abs(np.corrcoef([(draw["zx"], draw["zy"]) for draw in draws], rowvar=False)[0, 1]) < 0.2
    assert spread([draw["zx"] for draw in transforms(zoom_range=(0.5, 2))], 0.5, 2)


def test_row_7_1_15_channel_shift_range() -> None:
    draws = np.array([draw["channel_shift_intensity"] for draw in transforms(channel_shift_range=20)])
    assert spread(draws, -20, 20)
    assert draws.shape == (400, 3)
    picture = PICTURES[0].astype(np.float32)
    shifted = ImageDataGenerator().apply_transform(picture, {"channel_shift_intensity": [20, 0, -20]})
    np.testing.assert_allclose(
        shifted, np.clip(picture + np.array([20, 0, -20], np.float32), picture.min(), picture.max())
    )


@pytest.mark.parametrize("mode", ["constant", "nearest", "reflect", "wrap"])
def test_row_7_1_16_fill_mode(mode: Any) -> None:
    row = np.arange(1, 6, dtype=np.float32).reshape(1, 1, 5, 1)
    generator = ImageDataGenerator(fill_mode=mode, cval=9)
    moved = generator.apply_transform(row[0], {"ty": -3.0})[0, :, 0]
    # As ndimage has them; its `wrap` repeats with period 4 here, so that 1 and 5 share a place.
    expected = {
        "constant": [9, 9, 9, 1, 2],
        "nearest": [1, 1, 1, 1, 2],
        "reflect": [3, 2, 1, 1, 2],
        "wrap": [2, 3, 4, 1, 2],
    }
    assert moved.tolist() == expected[mode]


def test_row_7_1_17_flips() -> None:
    draws = transforms(1000, horizontal_flip=True, vertical_flip=True)
    for name in ("flip_horizontal", "flip_vertical"):
        assert 450 < sum(draw[name] for draw in draws) < 550
    picture, generator = PICTURES[0], ImageDataGenerator()
    flipped = generator.apply_transform(picture, {"flip_horizontal": True})
    np.testing.assert_array_equal(flipped, picture[:, ::-1])
    np.testing.assert_array_equal(generator.apply_transform(picture, {"flip_vertical": True}), picture[::-1])
    assert not any(draw["flip_horizontal"] for draw in transforms())


@pytest.mark.parametrize(("rescale", "factor"), [(1 / 255, 1 / 255), (2, 2), (None, 1), (0, 1)])
def test_row_7_1_18_rescale(rescale: Any, factor: Any) -> None:
    batch = next(ImageDataGenerator(rescale=rescale).flow(PICTURES, shuffle=False))
    np.testing.assert_allclose(batch, PICTURES[:32] * np.float32(factor), rtol=1e-6)


def test_row_7_1_19_preprocessing_function() -> None:
    seen = []

    def negative(picture: Any) -> Any:
        seen.append((picture.shape, picture.dtype))
        return 255 - picture

    source = ImageDataGenerator(preprocessing_function=negative, rescale=2).flow(PICTURES, shuffle=False, workers=0)
    batch = next(source)
    assert seen == [((12, 10, 3), np.float32)] * 32
    np.testing.assert_array_equal(batch, (255.0 - PICTURES[:32]) * 2)


def test_row_7_1_20_data_format() -> None:
    arguments: dict[str, Any] = {**BOOK, "channel_shift_range": 30, "vertical_flip": True, "samplewise_center": True}
    last = ImageDataGenerator(**arguments, data_format="channels_last").flow(PICTURES, seed=3)
    first = ImageDataGenerator(**arguments, data_format="channels_first").flow(PICTURES.transpose(0, 3, 1, 2), seed=3)
    assert first.image_shape == (3, 12, 10)
    np.testing.assert_allclose(next(first).transpose(0, 2, 3, 1), next(last), atol=1e-5)


def test_row_7_1_21_fit() -> None:
    x = PICTURES.astype(np.float64)
    generator: Any = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, rescale=0.5)
    generator.fit(x)
    assert generator.mean.shape == generator.std.shape == (1, 1, 3)
    np.testing.assert_allclose(generator.mean.ravel(), x.mean(axis=(0, 1, 2)) / 2, rtol=1e-5)
    np.testing.assert_allclose(generator.std.ravel(), x.std(axis=(0, 1, 2)) / 2, rtol=1e-5)
    turning: Any = ImageDataGenerator(featurewise_center=True, rotation_range=90, fill_mode="constant")
    means = []
    for seed in (4, 4, 5):
        turning.fit(x, augment=True, rounds=2, seed=seed)
        means.append(turning.mean.tolist())
    assert means[0] == means[1] != means[2]
    assert turning.mean.mean() < 0.9 * x.mean()
    with pytest.warns(UserWarning, match="featurewise_center do nothing before fit"):
        ImageDataGenerator(featurewise_center=True).standardize(x[0])


def test_row_7_1_22_flow() -> None:
    y = np.arange(60)
    source = ImageDataGenerator().flow(PICTURES, y, batch_size=32, seed=1)
    assert (len(source), source.n, source.samples, source.batch_size) == (2, 60, 60, 32)
    orders = []
    for _ in range(3):
        epoch = [next(source) for _ in range(2)]
        assert [len(batch) for batch, _ in epoch] == [32, 28]
        labels = np.concatenate([labels for _, labels in epoch])
        np.testing.assert_array_equal(np.concatenate([batch for batch, _ in epoch]), PICTURES[labels])
        orders.append(labels.tolist())
    assert all(sorted(order) == list(range(60)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    alone = next(ImageDataGenerator().flow(PICTURES, shuffle=False))
    np.testing.assert_array_equal(alone, PICTURES[:32])
    assert alone.dtype == np.float32
    for wrong in (PICTURES[0], PICTURES[..., :2]):
        with pytest.raises(ValueError, match="flow: `x` must be"):
            ImageDataGenerator().flow(wrong)


def test_row_7_1_22_masks_follow_their_pictures() -> None:
    masks = (PICTURES[..., :1] > 100).astype(np.float32) * 255
    arguments: dict[str, Any] = {**BOOK, "rescale": None, "interpolation_order": 0}
    pictures = ImageDataGenerator(**arguments).flow(PICTURES, batch_size=7, seed=9)
    masked = ImageDataGenerator(**arguments).flow(masks, batch_size=7, seed=9)
    for _ in range(20):
        np.testing.assert_array_equal(next(pictures)[..., :1] > 100, next(masked) > 0)


@pytest.mark.parametrize("mode", ["categorical", "binary", "sparse", "input", None])
def test_row_7_1_23_flow_from_directory(folder: Path, capsys: pytest.CaptureFixture[str], mode: Any) -> None:
    source = ImageDataGenerator().flow_from_directory(
        folder, target_size=(16, 24), class_mode=mode, batch_size=4, shuffle=False
    )
    assert capsys.readouterr().out == "Found 9 images belonging to 2 classes.\n"
    assert source.class_indices == {"cats": 0, "dogs": 1}
    assert source.classes.tolist() == [0] * 5 + [1] * 4
    assert [name.replace("\\", "/") for name in source.filenames[:2]] == ["cats/0.png", "cats/1.png"]
    assert (source.samples, source.batch_size, source.image_shape) == (9, 4, (16, 24, 3))
    batches = [next(source) for _ in range(3)]
    pictures = np.concatenate([batch if mode is None else batch[0] for batch in batches])
    expected = [img_to_array(load_img(path, target_size=(16, 24))) for path in source.filepaths]
    np.testing.assert_array_equal(pictures, np.stack(expected))
    if mode is not None:
        targets = np.concatenate([batch[1] for batch in batches])
        labels = np.array([0] * 5 + [1] * 4)
        wanted = {
            "categorical": np.eye(2, dtype=np.float32)[labels],
            "binary": labels.astype(np.float32),
            "sparse": labels.astype(np.int32),
            "input": pictures,
        }[mode]
        assert targets.dtype == wanted.dtype
        np.testing.assert_array_equal(targets, wanted)


@pytest.mark.parametrize("form", ["png", "jpeg", "bmp"])
def test_row_7_1_24_save_to_dir(tmp_path: Path, form: str) -> None:
    where = tmp_path / "out"
    source = ImageDataGenerator(rescale=1 / 255).flow(
        PICTURES, batch_size=8, shuffle=False, save_to_dir=where, save_prefix="a", save_format=form
    )
    next(source)
    names = sorted(path.name for path in where.iterdir())
    assert len(names) == 8
    assert all(re.fullmatch(rf"a_\d+_[0-9a-f]{{8}}\.{form}", name) for name in names)
    if form == "png":
        saved = np.asarray(load_img(next(where.glob("a_3_*"))))
        low, high = int(PICTURES[3].min()), int(PICTURES[3].max())
        stretched = (PICTURES[3].astype(float) - low) / (high - low) * 255
        np.testing.assert_allclose(saved, stretched, atol=1)


def test_row_7_1_25_round_trip(tmp_path: Path) -> None:
    image = array_to_img(PICTURES[0], scale=False)
    np.testing.assert_array_equal(img_to_array(image), PICTURES[0])
    assert img_to_array(image).dtype == np.float32
    assert img_to_array(image, "channels_first").shape == (3, 12, 10)
    image.save(tmp_path / "猫 1.png")
    loaded = load_img(tmp_path / "猫 1.png")
    np.testing.assert_array_equal(img_to_array(loaded), PICTURES[0])
    assert load_img(tmp_path / "猫 1.png", target_size=(6, 5)).size == (5, 6)
    assert img_to_array(load_img(tmp_path / "猫 1.png", grayscale=True)).shape == (12, 10, 1)
    assert np.asarray(array_to_img(np.array([[[1.0], [3.0]]]))).tolist() == [[0, 255]]
    (tmp_path / "deeper").mkdir()
    image.save(tmp_path / "deeper" / "b.BMP")
    (tmp_path / "notes.txt").write_text("no picture")
    found = list_pictures(tmp_path)
    assert found == [str(tmp_path / "猫 1.png"), str(tmp_path / "deeper" / "b.BMP")]
    assert list_pictures(tmp_path, ext="bmp") == found[1:]


def test_row_7_1_25_random_helpers() -> None:
    picture = PICTURES[0].transpose(2, 0, 1).astype(np.float32)
    np.random.seed(1337)
    moved = [
        random_rotation(picture, 40),
        random_shift(picture, 0.2, 0.2),
        random_shear(picture, 20),
        random_zoom(picture, (0.8, 1.2)),
        random_channel_shift(picture, 30),
    ]
    assert all(result.shape == picture.shape and result.dtype == np.float32 for result in moved)
    assert all((result != picture).any() for result in moved)
    np.random.seed(1337)
    np.testing.assert_array_equal(random_rotation(picture, 40), moved[0])
    np.testing.assert_array_equal(flip_axis(flip_axis(picture, 2), 2), picture)
    centred = transform_matrix_offset_center(np.diag([-1.0, -1.0, 1.0]), 12, 10)
    np.testing.assert_array_equal(apply_transform(picture, centred), picture[:, ::-1, ::-1])
