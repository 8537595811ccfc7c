"""Reading and writing pictures: every format, depth and orientation; limits; damage; whole files or none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerato.errors import BadFile, InvalidValue, UnknownName
from kerato.image import files

DRAW = np.random.default_rng(0)
ROWS, COLUMNS = np.mgrid[:40, :60]
SMOOTH = np.stack([ROWS * 6, COLUMNS * 4, 255 - ROWS * 3], axis=-1).astype(np.uint8)
GREY = SMOOTH[..., 1]
ALPHA = np.dstack([SMOOTH, np.where(COLUMNS < 30, 255, 0)]).astype(np.uint8)
DEEP = DRAW.integers(0, 65536, (20, 30), dtype=np.uint16)
DEEP_COLOURS = DRAW.integers(0, 65536, (20, 30, 3), dtype=np.uint16)


def _saved(picture: Image.Image, kind: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".ppm"])
def test_lossless_formats_give_the_same_pixels(tmp_path: Path, suffix: str) -> None:
    path = files.write(tmp_path / f"图片 猫{suffix}", SMOOTH)
    np.testing.assert_array_equal(files.read(path), SMOOTH)
    np.testing.assert_array_equal(files.read(str(path), "stored"), SMOOTH)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".gif", ".JPG"])
def test_lossy_formats_give_nearly_the_same(tmp_path: Path, suffix: str) -> None:
    back = files.read(files.write(tmp_path / f"a{suffix}", SMOOTH))
    assert back.shape == SMOOTH.shape and back.dtype == np.uint8
    assert np.abs(back.astype(int) - SMOOTH).mean() < 6


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".pgm", ".gif", ".jpg", ".webp"])
def test_grey_pictures_come_as_rgb_or_grey(tmp_path: Path, suffix: str) -> None:
    path = files.write(tmp_path / f"grey{suffix}", GREY)
    assert files.read(path).shape == (40, 60, 3)
    assert files.read(path, "grey").shape == (40, 60)
    assert np.abs(files.read(path, "grey").astype(int) - GREY).max() <= 4
    assert files.read(path, "rgba")[..., 3].min() == 255


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_grey(tmp_path: Path, suffix: str) -> None:
    path = files.write(tmp_path / f"deep{suffix}", DEEP)
    np.testing.assert_array_equal(files.read(path, "grey", 16), DEEP)
    np.testing.assert_array_equal(files.read(path, "stored", None), DEEP)
    np.testing.assert_array_equal(files.read(path, "grey"), DEEP >> 8)
    assert files.read(path).dtype == np.uint8


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
def test_sixteen_bits_colours(tmp_path: Path, suffix: str) -> None:
    path = files.write(tmp_path / f"deep{suffix}", DEEP_COLOURS)
    np.testing.assert_array_equal(files.read(path, depth=16), DEEP_COLOURS)
    assert np.abs(files.read(path).astype(int) - (DEEP_COLOURS >> 8)).max() <= 1


def test_sixteen_bits_with_transparency_and_eight_bits_as_sixteen(tmp_path: Path) -> None:
    deep = np.dstack([DEEP_COLOURS, np.full((20, 30), 40000, np.uint16)])
    np.testing.assert_array_equal(files.read(files.write(tmp_path / "a.png", deep), "rgba", 16), deep)
    for suffix in (".png", ".jpg"):
        path = files.write(tmp_path / f"b{suffix}", SMOOTH)
        np.testing.assert_array_equal(files.read(path, depth=16), files.read(path).astype(np.uint16) * 257)


def test_a_pnm_of_ten_bits_is_stretched_to_sixteen() -> None:
    values = np.array([[[0, 511, 1023]]], ">u2")
    data = b"P6\n# a comment\n1 1\n1023\n" + values.tobytes()
    assert files.decode(data, depth=16).tolist() == [[[0, 32735, 65535]]]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_transparency_is_kept_or_laid_over_white(tmp_path: Path, suffix: str) -> None:
    path = files.write(tmp_path / f"a{suffix}", ALPHA)
    assert files.read(path, "stored").shape == (40, 60, 4)
    laid = files.read(path)
    assert (laid[:, 31:] == 255).all()
    assert np.abs(laid[:, :29].astype(int) - SMOOTH[:, :29]).mean() < 4
    assert files.read(path, "grey")[0, 59] == 255


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr", "LA", "L"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    picture = Image.fromarray(SMOOTH).convert(mode)
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    back = files.decode(_saved(picture, kind))
    assert back.shape == (40, 60, 3) and back.dtype == np.uint8
    expected = np.asarray(picture.convert("RGB"))
    assert np.abs(back.astype(int) - expected).mean() < 4


def test_cmyk_jpeg_and_palette_with_transparency() -> None:
    back = files.decode(_saved(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(back.astype(int) - SMOOTH).mean() < 6
    palette = Image.fromarray(SMOOTH).convert("P")
    corner = palette.getpixel((0, 0))
    back = files.decode(_saved(palette, "PNG", transparency=corner), "stored")
    assert back.shape == (40, 60, 4) and back[0, 0, 3] == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turns_the_picture_upright(orientation: int, kind: str) -> None:
    way = Image.Transpose
    undo = {
        2: way.FLIP_LEFT_RIGHT,
        3: way.ROTATE_180,
        4: way.FLIP_TOP_BOTTOM,
        5: way.TRANSPOSE,
        6: way.ROTATE_90,
        7: way.TRANSVERSE,
        8: way.ROTATE_270,
    }
    upright = Image.fromarray(SMOOTH)
    held = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    back = files.decode(_saved(held, kind, exif=exif, **settings))
    assert back.shape == SMOOTH.shape
    assert np.abs(back.astype(int) - SMOOTH).mean() < 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_does_not_spoil_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(_saved(Image.fromarray(SMOOTH), "JPEG", exif=exif))
    start = data.index(b"Exif\0\0") + 6
    for damage in (b"\xff" * 8, b"II*\0\xff\xff\xff\x7f"):
        data[start : start + 8] = damage
        assert files.decode(bytes(data)).shape == SMOOTH.shape
    as_number = _saved(Image.fromarray(SMOOTH), "JPEG", exif=exif)
    as_text = as_number.replace(b"\x01\x12\0\x03", b"\x01\x12\0\x02").replace(b"\x12\x01\x03\0", b"\x12\x01\x02\0")
    assert as_text != as_number
    assert files.decode(as_text).shape == SMOOTH.shape


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(files.encode(SMOOTH, ".png"))
    np.testing.assert_array_equal(files.read(path), SMOOTH)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"hello, I am no picture\n", "it is text"),
        (b"<!DOCTYPE html><html>not found</html>", "it is a web page"),
        (b'<?xml version="1.0"?><svg></svg>', "it is XML or SVG text"),
        (b"%PDF-1.7 ...", "it is a PDF document"),
        (b"PK\x03\x04....", "it is an archive"),
        (b"\0\0\0\x18ftypheic....", "it is a HEIC picture"),
        (b"\0\0\0\x18ftypmp42....", "it is a film"),
        (bytes(range(200)), "it is of an unknown kind"),
        (b"\x89PNG\r\n\x1a\n", "it is damaged or cut short"),
        (b"\xff\xd8\xff", "it is damaged or cut short"),
        (b"P5\n", "it is damaged or cut short"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_is_named(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "猫.jpg"
    path.write_bytes(data)
    with pytest.raises(BadFile) as caught:
        files.read(path)
    assert str(path) in str(caught.value) and reason in str(caught.value) and "\n" not in str(caught.value)


def test_missing_files_folders_and_pipes_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no such file"):
        files.read(tmp_path / "missing.png")
    with pytest.raises(BadFile, match="it is a folder"):
        files.read(tmp_path)
    with pytest.raises(BadFile, match="null"):
        files.read("a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(BadFile, match="no ordinary file"):
            files.read(tmp_path / "pipe.png")


def test_limits_refuse_before_decoding_and_fifty_megapixels_pass(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (8000, 6250)).save(path)
    picture = files.read(path, "grey")
    assert picture.shape == (6250, 8000)
    with pytest.raises(BadFile, match=r"8,000 x 6,250 pixels, and the limit is 1,000,000"):
        files.read(path, limit_pixels=1_000_000)
    with pytest.raises(BadFile, match=r"bytes, and the limit is 10"):
        files.read(path, limit_bytes=10)


def _bomb(kind: str) -> bytes:
    """A small file whose header announces billions of pixels."""
    if kind == "GIF":
        return b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;"
    if kind == "BMP":
        return b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x60\xea\0\0\x60\xea\0\0\x01\0\x18\0" + bytes(24)
    if kind == "PPM":
        return b"P6 60000 60000 255\n"
    header = b"IHDR" + (60000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    chunks = [b"\0\0\0\r" + header + zlib.crc32(header).to_bytes(4, "big")]
    chunks.append(b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "PPM"])
def test_a_decompression_bomb_is_refused_by_one_sentence(kind: str) -> None:
    start = time.perf_counter()
    with pytest.raises(BadFile, match="pixels, and the limit is 100,000,000"):
        files.decode(_bomb(kind), name="bomb")
    assert time.perf_counter() - start < 1


def _damaged(count: int) -> list[tuple[str, bytes]]:
    """Files cut, with bits flipped, with a foreign middle, and under the beginning of another format."""
    draw = np.random.default_rng(7)
    suffixes = (".png", ".jpg", ".bmp", ".tif", ".webp", ".gif", ".pgm", ".ppm")
    whole = {suffix: files.encode(GREY if suffix == ".pgm" else SMOOTH, suffix) for suffix in suffixes}
    made = []
    for number in range(count):
        suffix = suffixes[number % len(suffixes)]
        data = bytearray(whole[suffix])
        way = ("cut", "flipped", "header", "zeros", "mixed")[number // len(suffixes) % 5]
        if way == "cut":
            data = data[: int(draw.integers(0, len(data)))]
        elif way in ("flipped", "header"):
            end = len(data) if way == "flipped" else min(64, len(data))
            for place in draw.integers(0, end, int(draw.integers(1, 20))):
                data[place] ^= 1 << int(draw.integers(8))
        elif way == "zeros":
            start = int(draw.integers(0, len(data)))
            data[start : start + 200] = bytes(min(200, len(data) - start))
        else:
            other = whole[suffixes[(number + 3) % len(suffixes)]]
            data = data[: int(draw.integers(2, 40))] + bytearray(other[20:])
        made.append((f"{way}-{number}{suffix}", bytes(data)))
    return made


def test_damaged_files_are_read_or_named_and_nothing_else(tmp_path: Path) -> None:
    refused = 0
    count = int(os.environ.get("KERATO_FUZZ", "160"))
    for name, data in _damaged(count):
        path = tmp_path / name
        path.write_bytes(data)
        start = time.perf_counter()
        try:
            picture = files.read(path, limit_pixels=4_000_000)
        except BadFile as error:
            refused += 1
            assert name in str(error) and "\n" not in str(error)
        else:
            assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        assert time.perf_counter() - start < 5
    assert count * 0.4 < refused <= count


def test_writing_replaces_whole_files_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: Any) -> None:
    path = files.write(tmp_path / "a.png", SMOOTH)
    files.write(path, SMOOTH[::-1])
    np.testing.assert_array_equal(files.read(path), SMOOTH[::-1])
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(BadFile, match=r"a\.png cannot be written \(no space left\)"):
        files.write(path, SMOOTH)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(files.read(path), SMOOTH[::-1])


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be written"):
        files.write(tmp_path / "none" / "a.png", SMOOTH)
    refused: list[tuple[Any, str, str]] = [
        (SMOOTH, ".pn", "Did you mean '.png'"),
        (SMOOTH, "", "Known are"),
        (SMOOTH / 255.0, ".png", "to_uint8"),
        (DEEP, ".jpg", "of dtype uint8 for JPEG"),
        (ALPHA, ".jpg", "without a fourth channel"),
        (SMOOTH, ".pgm", "grey for PGM"),
    ]
    for picture, suffix, message in refused:
        with pytest.raises(InvalidValue, match=message):
            files.write(tmp_path / f"a{suffix}", picture)
    with pytest.raises(InvalidValue, match="from 1 to 100"):
        files.encode(SMOOTH, ".jpg", quality=101)


def test_masks_and_single_channels_are_written(tmp_path: Path) -> None:
    path = files.write(tmp_path / "mask.png", GREY[..., None] > 100)
    np.testing.assert_array_equal(files.read(path, "grey"), np.where(GREY > 100, 255, 0))


def test_floating_point_tiffs_come_as_stored_or_are_refused() -> None:
    data = _saved(Image.fromarray(GREY / np.float32(3)), "TIFF")
    np.testing.assert_allclose(files.decode(data, "stored", None), GREY / np.float32(3))
    with pytest.raises(BadFile, match="float32, of a range that is not known"):
        files.decode(data)
    small = _saved(Image.fromarray(GREY.astype(np.int32)), "TIFF")
    np.testing.assert_array_equal(files.decode(small, "grey", 16), GREY)


def test_wrong_words_are_named() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'grey'"):
        files.decode(b"x", "gray")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="`depth` must be 8, 16 or None"):
        files.decode(b"x", depth=12)  # type: ignore[arg-type]


def test_threads_read_the_same(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.png", SMOOTH)
    read: list[Any] = []
    threads = [threading.Thread(target=lambda: read.append(files.read(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 8 and all((picture == SMOOTH).all() for picture in read)


def test_reading_needs_neither_opencv_nor_scipy_nor_jax(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.png", SMOOTH)
    code = (
        "import sys\nfrom kerato.image import read\n"
        f"assert read({str(path)!r}).shape == (40, 60, 3)\n"
        "assert not {'cv2', 'scipy', 'jax', 'matplotlib'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_the_pictures_of_the_data_sets_are_read(data: Path) -> None:
    faces = sorted((data / "orl-faces").glob("s*/*.pgm"))[::20]
    assert {files.read(face, "grey").shape for face in faces} == {(112, 92)}
    animals = sorted((data / "cats-dogs").rglob("*.jpg"))[::20]
    assert faces and animals
    for animal in animals:
        picture = files.read(animal)
        assert picture.dtype == np.uint8 and picture.shape[2] == 3
        np.testing.assert_array_equal(picture, np.asarray(Image.open(animal).convert("RGB")))
