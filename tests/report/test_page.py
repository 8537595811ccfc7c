"""The page: complete, escaped, small, without anything from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report_samples import HOSTILE, evidence

from kerato.errors import BadFile
from kerato.report import render, write
from kerato.report.page import clean, seconds

EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
DRAWN = {"line", "circle", "polyline", "text", "svg"}


class Page(HTMLParser):
    """The tags of a page in their order, its text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


PAGES: dict[str, dict[str, Any]] = {
    "two classes": {},
    "ten classes": {"class_names": [str(i) for i in range(10)]},
    "hostile names": {"class_names": HOSTILE},
    "a thousand classes": {"class_names": [f"class {i}" for i in range(1000)]},
    "validation": {"part": "validation"},
    "no mistakes": {"mistakes": []},
    "nothing held out": {"scores": None, "mistakes": [], "counts": {"training": [5, 5]}},
    "interrupted at once": {"record": {"epochs": 0, "history": {}, "interrupted": True}},
    "one epoch": {"record": {"epochs": 1, "wanted_epochs": 1, "history": {"loss": [0.5], "acc": [0.9]}}},
    "diverged": {"record": {"history": {"loss": [1.0, float("nan"), float("inf")]}}},
    "many skipped": {"record": {"skipped": [(f"{i}.jpg", "empty") for i in range(100)]}},
    "little known": {"record": {"skipped": (), "seconds": {}, "settings": {}, "versions": {}, "command": ""}},
}


@pytest.mark.parametrize("name", PAGES)
def test_every_kind_of_run_has_a_whole_page(name: str) -> None:
    text = render(evidence(**PAGES[name]))
    page = Page(text)
    assert page.open == []
    assert len(text) < 2_000_000
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a} <= set(ids)
    assert all("alt" in image and str(image["src"]).startswith("data:image/") for image in page.all("img"))
    assert [tag for tag, _ in page.tags if tag in ("h1", "h2")][:2] == ["h1", "h2"]
    assert all("scope" in head for head in page.all("th"))


@pytest.mark.parametrize("name", PAGES)
def test_nothing_comes_from_elsewhere(name: str) -> None:
    page = Page(render(evidence(**PAGES[name])))
    assert {"script", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags} == set()
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    addresses = [a[key] or "" for _, a in page.tags for key in ("src", "href", "srcset", "action") if key in a]
    assert [one for one in addresses if not one.startswith(("data:", "#"))] == []
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert str(policy).startswith("default-src 'none'; img-src data:;")


def test_names_are_shown_as_they_are() -> None:
    page = Page(render(evidence(HOSTILE)))
    assert [name for name in HOSTILE if clean(name) not in page.text] == []
    assert "\u202e" not in page.text
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in Page(render(evidence("abcdefg"))).tags}


def test_what_the_page_says() -> None:
    text = Page(render(evidence())).text
    words = " ".join(text.replace("\u00a0", " ").split())
    for part in (
        *("81.8 %", "18 of 22 test pictures right.", "95 % interval 61.5 to 92.7 %", "commonest class: 50.0 %"),
        *("Train 99.0 %, test 82 %", "Next:", "cats → dogs 97 %", "data 1.0 s (10 %)", "compute 7.0 s (70 %)"),
        *("kerato train dogs", "kerato 0.1.0", "2 files were left out", "augment none"),
    ):
        assert part in words


def test_a_large_matrix_becomes_the_commonest_mistakes() -> None:
    few, many = (Page(render(evidence([f"c{i}" for i in range(count)]))) for count in (20, 21))
    assert "was called" in few.text
    assert len([a for a in few.all("table") if "matrix" in str(a.get("class"))]) == 1
    assert len([a for a in many.all("table") if "matrix" in str(a.get("class"))]) == 0
    assert "The commonest mistakes among 21 classes" in many.text


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write(tmp_path / "report.html", evidence(HOSTILE))
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(BadFile, match="cannot be written"):
        write(tmp_path / "nowhere" / "report.html", evidence())


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0 s"), (9.96, "10.0 s"), (12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


# -- contrast (WCAG 2.2, 1.4.3) ----------------------------------------------------------------------------------------

RGB = tuple[float, ...]


def schemes() -> list[dict[str, str]]:
    """The colours of the light, the dark and the printed form."""
    style = render(evidence()).partition("<style>")[2].partition("</style>")[0]
    found = [dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)]
    assert len(found) == 3
    return found


def rgb(colour: str) -> RGB:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    return tuple(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))


def luminance(colour: RGB) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: RGB, b: RGB) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("form", range(3), ids=["light", "dark", "print"])
def test_text_can_be_read_on_its_ground(form: int) -> None:
    colours = schemes()[form]
    share = float(colours["scale"].rstrip("%")) / 100
    for name in ("ink", "soft", "one", "two", "bad"):
        assert contrast(rgb(colours[name]), rgb(colours["paper"])) >= 4.5, name
    for name in ("good", "bad"):
        pairs = zip(rgb(colours[name]), rgb(colours["faint"]), strict=True)
        full = tuple(share * a + (1 - share) * b for a, b in pairs)
        assert contrast(rgb(colours["ink"]), full) >= 4.5, name
