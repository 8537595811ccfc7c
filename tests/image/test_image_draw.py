"""Words in any script, boxes, sheets: what is drawn, what is left out and said."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]

from kerato import image
from kerato.image import fonts

PAPER = np.full((60, 400, 3), 255, np.uint8)


def _font(path: Path, characters: str, width: int) -> None:
    """A font whose letters are black bars of a width of their own."""
    pen = TTGlyphPen(None)
    for number, corner in enumerate([(0, 0), (0, 800), (width, 800), (width, 0)]):
        (pen.lineTo if number else pen.moveTo)(corner)
    pen.closePath()
    names = [".notdef", *(f"u{ord(character):04X}" for character in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): f"u{ord(character):04X}" for character in characters})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


@pytest.fixture
def system_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A system whose fonts are those in the folder given."""
    monkeypatch.setattr(fonts, "FOLDERS", {"linux": (str(tmp_path),)})
    caches: tuple[Any, ...] = (fonts._installed, fonts._fonts_for)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


def _ink(picture: Any) -> int:
    return int((picture[..., 0] < 128).sum())


@pytest.mark.parametrize("words", ["kerato", "Ελληνικά", "Русский", "العربية", "ß ñ ő", "½ → √2"])
def test_scripts_of_the_first_font_are_written(words: str) -> None:
    assert fonts.missing(words) == ""
    written = image.text(PAPER, words, (10, 10), 32)
    assert _ink(written) > 100 and written.shape == PAPER.shape
    assert (PAPER == 255).all()


def test_characters_without_a_font_are_left_out_and_said_in_one_line(system_fonts: Path) -> None:
    with pytest.warns(UserWarning, match=r"^text: no installed font has '猫犬', left out\. A font such as Noto.*\.$"):
        written = image.text(PAPER, "猫 cat 犬猫", (10, 10), 32)
    assert _ink(written) == _ink(image.text(PAPER, " cat ", (10, 10), 32))
    assert fonts.runs("猫", 16) == []


def test_the_font_that_has_most_of_the_missing_characters_is_taken(system_fonts: Path) -> None:
    _font(system_fonts / "one-regular.ttf", "猫", 200)
    _font(system_fonts / "two.ttf", "猫犬鳥", 400)
    (system_fonts / "broken.ttf").write_bytes(b"no font")
    pieces = fonts.runs("a 猫犬 b", 20)
    assert [(Path(font).name, words) for font, words in pieces] == [
        ("DejaVuSans.ttf", "a "),
        ("two.ttf", "猫犬 "),
        ("DejaVuSans.ttf", "b"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _ink(image.text(PAPER, "猫犬", (10, 10), 32)) > 200
    assert fonts.missing("猫龍") == "龍"


def test_control_characters_and_undecodable_bytes_are_never_written() -> None:
    assert "".join(words for _, words in fonts.runs("a\n\tb\udcff\x00c", 16)) == "abc"
    assert fonts.missing("a\n\udcff") == ""
    marked = "e\u0301 \u200d"
    assert [words for _, words in fonts.runs(marked, 16)] == [marked]
    assert [words for _, words in fonts.runs("\u0301", 16)] == ["\u0301"]


def test_boxes_cover_their_pixels_and_their_labels_stay_inside() -> None:
    picture = np.zeros((80, 120), np.uint8)
    drawn = image.draw_boxes(
        picture, [[10, 40, 20, 10], [100, 2, 20, 30]], ["猫"[:0] + "left", "far right"], (0, 255, 0), 1
    )
    green = (drawn == [0, 255, 0]).all(axis=2)
    assert green[40, 10] and green[49, 29] and not green[50, 29] and not green[45, 20]
    assert (drawn[20:40, 10:40].astype(int).sum(axis=2) < 200).any()
    assert picture.sum() == 0
    np.testing.assert_array_equal(image.draw_boxes(picture, np.empty((0, 4))), image.to_rgb(picture))


def test_a_sheet_holds_every_picture_at_its_place() -> None:
    small, large = np.zeros((10, 10), np.uint8), np.zeros((300, 900, 3), np.uint8)
    sheet = image.sheet([small, large, small], ["a", "b c", "d"], columns=2, cell=(100, 150))
    assert sheet.dtype == np.uint8 and sheet.shape[1] == 2 * (150 + 8) + 8
    assert (sheet[8 + 50, 8 + 75] == 0).all()  # the small one, grown by whole numbers, in the middle of its cell
    assert (sheet[8 + 50, 8 + 158 + 75] == 0).all()
    plain = image.sheet([small] * 7)
    assert plain.shape[1] == 6 * (128 + 8) + 8
    assert image.sheet([np.zeros((5, 3000), np.uint8)]).shape[1] == 640 + 16


def test_long_captions_are_broken_and_keep_their_words() -> None:
    picture = np.zeros((64, 128), np.uint8)
    one = image.sheet([picture], ["short"])
    many = image.sheet([picture], ["several words that do not fit into one line and " + "x" * 60])
    assert many.shape[0] >= one.shape[0] + 4 * 20 and many.shape[1] == one.shape[1]


def test_the_text_bar_has_its_background() -> None:
    written = image.text(PAPER, "hi", (10, 10), 20, (255, 255, 255), (200, 0, 0))
    assert (written[12, 11] == [200, 0, 0]).all()


def test_fonts_of_one_size_only_are_passed_over(system_fonts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _font(system_fonts / "bitmaps.ttf", "猫犬", 200)
    _font(system_fonts / "outlines.ttf", "猫", 400)
    (system_fonts / "broken.otf").write_bytes(b"no font at all")
    load = fonts.load

    def refusing(path: str, size: int) -> Any:
        if "bitmaps" in path:
            raise OSError("invalid pixel size")
        return load(path, size)

    monkeypatch.setattr(fonts, "load", refusing)
    assert [Path(font).name for font, _ in fonts.runs("猫", 18)] == ["outlines.ttf"]
    assert fonts.missing("猫犬", 18) == "犬"
