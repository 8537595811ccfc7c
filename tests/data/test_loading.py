"""Files to pictures: the same pixels as Pillow's, upright, of every kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerato import config
from kerato.data.loading import array_to_img, img_to_array, load_img
from kerato.errors import BadFile, InvalidValue, UnknownName

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (30, 44, 3)).astype(np.uint8)


def smooth(height: int, width: int) -> Any:
    """A picture with content at several scales, as photographs have it."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / a + phase) * np.cos(columns / b) for a, b, phase in ((9, 7, 0), (31, 40, 1), (4, 60, 2))]
    return (127 + 120 * np.stack(waves, -1)).astype(np.uint8)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
@pytest.mark.parametrize(("color_mode", "mode"), [("rgb", "RGB"), ("grayscale", "L"), ("rgba", "RGBA")])
def test_resizing_is_pillow_s(tmp_path: Path, interpolation: str, color_mode: str, mode: Any) -> None:
    path = tmp_path / "p.png"
    Image.fromarray(PIXELS).save(path)
    expected = Image.fromarray(PIXELS).convert(mode).resize((20, 10), Image.Resampling[interpolation.upper()])
    np.testing.assert_array_equal(np.asarray(load_img(path, color_mode, (10, 20), interpolation)), np.asarray(expected))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "box"])
def test_a_large_jpeg_is_decoded_in_full(tmp_path: Path, interpolation: str) -> None:
    path = tmp_path / "p.jpg"
    Image.fromarray(smooth(600, 800)).save(path)
    with Image.open(path) as picture:
        expected = np.asarray(picture.resize((40, 30), Image.Resampling[interpolation.upper()]))
    np.testing.assert_array_equal(np.asarray(load_img(path, "rgb", (30, 40), interpolation)), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["jpg", "png"])
def test_pictures_are_upright(tmp_path: Path, orientation: Any, form: str) -> None:
    path = tmp_path / f"p.{form}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(smooth(40, 60)).save(path, exif=exif)
    with Image.open(path) as picture:
        stored = np.asarray(picture)
    turned = [
        stored,
        stored[:, ::-1],
        stored[::-1, ::-1],
        stored[::-1],
        stored.swapaxes(0, 1),
        np.rot90(stored, -1),
        np.rot90(stored, -1)[:, ::-1][::-1, ::-1],
        np.rot90(stored),
    ]
    np.testing.assert_array_equal(np.asarray(load_img(path)), np.asarray(turned[orientation - 1]))


def test_unusual_kinds_are_read(tmp_path: Path) -> None:
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(np.asarray(load_img(tmp_path / "deep.png", "grayscale")), deep // 257)
    Image.fromarray(PIXELS).convert("P").save(tmp_path / "palette.gif")
    Image.fromarray(PIXELS).convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(PIXELS[..., 0]).convert("1").save(tmp_path / "bilevel.png")
    Image.fromarray(np.dstack([PIXELS, PIXELS[..., 0]])).save(tmp_path / "clear.png")
    for name in ("palette.gif", "cmyk.jpg", "bilevel.png", "clear.png"):
        assert load_img(tmp_path / name).mode == "RGB"
        assert load_img(tmp_path / name, "rgba", (9, 8)).size == (8, 9)
        assert load_img(tmp_path / name, grayscale=True).mode == "L"


def test_keep_aspect_ratio_cuts_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    square = np.asarray(load_img(tmp_path / "wide.png", target_size=(10, 10), keep_aspect_ratio=True))
    assert (square == 255).all()
    assert not (np.asarray(load_img(tmp_path / "wide.png", target_size=(10, 10))) == 255).all()


def test_bad_files_are_named(tmp_path: Path) -> None:
    for name, content in (("empty.jpg", b""), ("text.png", b"hello"), ("half.png", None)):
        path = tmp_path / name
        if content is None:
            Image.fromarray(PIXELS).save(path)
            content = path.read_bytes()[:500]
        path.write_bytes(content)
        with pytest.raises(BadFile, match=name):
            load_img(path)
    with pytest.raises(BadFile, match="absent"):
        load_img(tmp_path / "absent.png")


def test_arrays_to_pictures_and_back() -> None:
    for shape in ((5, 7, 1), (5, 7, 3), (5, 7, 4)):
        picture = RNG.integers(0, 256, shape).astype(np.float32)
        np.testing.assert_array_equal(img_to_array(array_to_img(picture, scale=False)), picture)
        first = picture.transpose(2, 0, 1)
        np.testing.assert_array_equal(
            img_to_array(array_to_img(first, "channels_first", scale=False), "channels_first"), first
        )
    assert img_to_array(PIXELS[..., 0]).shape == (30, 44, 1)
    assert img_to_array(PIXELS, dtype="float64").dtype == np.float64
    assert img_to_array(PIXELS).flags.writeable
    dark = array_to_img(np.full((2, 2, 3), 7.0))
    assert not np.asarray(dark).any()


def test_the_configured_data_format_counts() -> None:
    config.set_image_data_format("channels_first")
    try:
        assert img_to_array(PIXELS).shape == (3, 30, 44)
        assert array_to_img(np.zeros((3, 4, 5))).size == (5, 4)
    finally:
        config.set_image_data_format("channels_last")


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="color_mode 'bgr' is not known"):
        load_img(tmp_path / "x.png", "bgr")
    with pytest.raises(UnknownName, match="Did you mean 'bicubic'"):
        load_img(tmp_path / "x.png", interpolation="bicubik")
    with pytest.raises(UnknownName, match="Did you mean 'channels_last'"):
        img_to_array(PIXELS, "channel_last")
    with pytest.raises(InvalidValue, match="two or three dimensions"):
        img_to_array(np.zeros((2, 2, 2, 2)))
    with pytest.raises(InvalidValue, match="rank 3"):
        array_to_img(np.zeros((2, 2)))
    with pytest.raises(InvalidValue, match="1, 3 or 4 channels"):
        array_to_img(np.zeros((2, 2, 2)))
