"""The examples of chapter 7 run offline and save the pictures that the documentation shows."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from kerato import image

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("7_[2-9]_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_and_saves_its_picture(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(example), str(tmp_path)])
    runpy.run_path(str(example), run_name="__main__")
    (saved,) = tmp_path.iterdir()
    assert saved.stem == example.stem and f"saved {saved}" in capsys.readouterr().out
    assert min(image.read(saved).shape[:2]) > 300
    assert (ROOT / "docs" / "pictures" / saved.name).exists()


def test_there_is_one_for_every_section() -> None:
    assert [path.stem[:3] for path in EXAMPLES] == [f"7_{section}" for section in range(2, 10)]


def test_the_code_of_the_chapter_runs_and_gives_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "book_7_pictures.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", page, re.DOTALL)
    for code, output in blocks:
        exec(code, names)
        assert capsys.readouterr().out == output
    assert len(blocks) >= 8
    for shown in re.findall(r"\]\((pictures/[^)]+)\)", page):
        assert (ROOT / "docs" / shown).exists()
