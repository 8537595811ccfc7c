"""`kerato image`: every operation on files, its options, its answers, its errors."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kerato import image
from kerato.__main__ import kerato
from kerato.commands.image import _caption
from kerato.errors import MissingExtra
from kerato.image.operations import OPERATIONS, _explained, settings

NEEDED = {
    "resize": ["--size", "20,30"],
    "zoom": ["--factor", "1.5"],
    "shift": ["--offset", "-3,5"],
    "rotate": ["--angle", "20"],
}
#: names of `kerato.image` that are no operation on one file, and why they are not
NOT_OPERATIONS = {
    "read write encode decode": "the command itself",
    "to_uint8 to_float to_rgb to_grey convert_colour": "what is written is uint8; grey and colour are there",
    "approximate bounding_box centroid contour_area convex_hull describe enclosing_circle fit_ellipse fit_line "
    "is_convex moments perimeter rotated_box contour_mask contours draw_contours": "measured by contours",
    "level_lines": "level-lines",
    "peaks refine shi_tomasi_response harris_gaussian mark": "part of harris and shi-tomasi",
    "draw_boxes sheet text": "--sheet",
    "otsu": "threshold",
    "affine map_coordinates correlate": "affine, convolve",
    "overlay density colormap": "heat, corner-density",
    "draw_histogram histogram_2d": "histogram",
    "areas center_of_mass find_objects mean_labels sum_labels": "label",
    "reconstruct structuring_element": "two masks; --structure",
    "psnr": "two pictures",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a colour and a grey picture, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[:48, :64]
    picture = np.zeros((48, 64, 3), np.uint8) + 30
    picture[10:30, 8:28] = (220, 180, 40)
    picture[(x - 45) ** 2 + (y - 28) ** 2 < 120] = (60, 200, 230)
    (tmp_path / "图片").mkdir()
    image.write("图片/shapes.png", picture)
    image.write("grey.png", image.to_grey(picture))
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(kerato, ["image", *arguments])


def _numbers(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_runs_on_colours_and_grey(folder: Path, name: str) -> None:
    result = _run(name, "图片/shapes.png", "grey.png", "--out", "out", "--sheet", *NEEDED.get(name, []))
    assert result.exit_code == 0, result.output
    written = sorted(path.name for path in (folder / "out").iterdir())
    assert written == ["grey.png", "grey.sheet.png", "measured.json", "shapes.png", "shapes.sheet.png"]
    numbers = _numbers(folder / "out")
    assert [entry["file"] for entry in numbers["files"]] == ["图片/shapes.png", "grey.png"]
    for entry in numbers["files"]:
        assert image.read(entry["picture"], "stored").shape[:2] == tuple(entry["shape"][:2])
    assert "2 pictures of 2 in out" in result.output


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_help_explains_every_option(name: str) -> None:
    result = _run(name, "--help")
    assert result.exit_code == 0
    for setting in settings(OPERATIONS[name]):
        assert f"--{setting.name.replace('_', '-')}" in result.output and setting.help
    assert OPERATIONS[name].summary.split()[0] in result.output


def test_every_function_is_an_operation_or_has_its_reason() -> None:
    excused = {name for names in NOT_OPERATIONS for name in names.split()}
    functions = {name for name in image.__all__ if callable(getattr(image, name))}
    assert {name for name in functions - excused if name.replace("_", "-") not in OPERATIONS} == set()
    assert excused <= functions


def test_the_list_of_operations_stands_under_the_sections_of_the_book() -> None:
    result = _run("--help")
    for section in ("7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8", "7.9"):
        assert f"{section}" in result.output
    assert all(re.search(rf"^  {name}\s", result.output, re.MULTILINE) for name in OPERATIONS)
    group = kerato.get_command(click.Context(kerato), "image")
    assert isinstance(group, click.Group) and group.list_commands(click.Context(group)) == list(OPERATIONS)


def test_results_are_those_of_the_functions(folder: Path) -> None:
    picture = image.read("图片/shapes.png")
    assert _run("gaussian", "图片/shapes.png", "--sigma", "2,0.5", "--mode", "wrap", "--out", "a").exit_code == 0
    np.testing.assert_array_equal(image.read("a/shapes.png"), image.gaussian(picture, (2, 0.5), mode="wrap"))
    assert _run("erode", "图片/shapes.png", "--structure", "ellipse", "--size", "5x3", "--out", "b").exit_code == 0
    np.testing.assert_array_equal(image.read("b/shapes.png"), image.erode(picture, "ellipse", (5, 3)))
    assert _run("sobel", "grey.png", "--axis", "1", "--out", "c").exit_code == 0
    slopes = image.sobel(image.read("grey.png", "grey"), 1)
    np.testing.assert_array_equal(image.read("c/grey.png", "grey"), image.to_uint8(slopes))
    assert _numbers(folder / "c")["files"][0]["shown_from_to"] == [slopes.min(), slopes.max()]
    assert _run("affine", "grey.png", "--matrix", "1,0/0,1", "--out", "d").exit_code == 0
    np.testing.assert_array_equal(image.read("d/grey.png"), image.read("grey.png"))


def test_contours_objects_and_corners_are_measured(folder: Path) -> None:
    result = _run("contours", "图片/shapes.png", "--threshold", "60", "--retrieve", "external", "--out", "a", "--json")
    answer = json.loads(result.stdout)
    (entry,) = answer["files"]
    assert entry["measured"]["count"] == 2 and answer == _numbers(folder / "a")
    assert sorted(contour["bounding_box"] for contour in entry["measured"]["contours"])[0] == [8, 10, 20, 20]
    _run("label", "图片/shapes.png", "--out", "b", "--min-area", "399")
    assert [thing["area"] for thing in _numbers(folder / "b")["files"][0]["measured"]["objects"]] == [400]
    _run("shi_tomasi", "图片/shapes.png", "--count", "3", "--out", "c")
    assert len(_numbers(folder / "c")["files"][0]["measured"]["corners"]) == 3
    _run("histogram", "grey.png", "--bins", "4", "--out", "d")
    assert sum(_numbers(folder / "d")["files"][0]["measured"]["counts"]) == 48 * 64
    _run("threshold", "grey.png", "--dark", "--out", "e")
    assert "inside" in _numbers(folder / "e")["files"][0]["measured"]
    _run("hit-or-miss", "grey.png", "--pattern", "00./01./...", "--out", "f")
    assert _numbers(folder / "f")["files"][0]["measured"]["count"] >= 1
    empty = _run("label", "grey.png", "--threshold", "255", "--out", "g")
    assert empty.exit_code == 0 and "count: 0" in empty.output


def test_unreadable_files_are_named_and_the_others_processed(folder: Path) -> None:
    (folder / "notes.jpg").write_text("hello")
    result = _run("flip", "grey.png", "notes.jpg", "图片", "missing.png", "--out", "out")
    assert result.exit_code == 1
    assert "1 picture of 4 in out" in result.stdout
    for reason in (
        "notes.jpg cannot be read as a picture: it is text",
        "图片 cannot be read as a picture: it is a folder",
    ):
        assert reason in result.stderr
    assert [entry["file"] for entry in _numbers(folder / "out")["failed"]] == ["notes.jpg", "图片", "missing.png"]


def test_names_that_collide_are_numbered(folder: Path) -> None:
    image.write("图片/grey.png", np.zeros((5, 5), np.uint8))
    assert _run("flip", "grey.png", "图片/grey.png", "--out", "out").exit_code == 0
    assert {path.name for path in (folder / "out").iterdir()} == {"grey.png", "grey-2.png", "measured.json"}


def test_results_are_never_overwritten(folder: Path) -> None:
    for number in (1, 2):
        assert f"runs/image-flip-{number}" in _run("flip", "grey.png").output.replace("\\", "/")
    result = CliRunner().invoke(kerato, ["image", "flip", "grey.png", "--out", "runs"])
    assert result.exit_code == 1 and "must be empty or new" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gausian", "a.png"], "no operation 'gausian'. Did you mean 'gaussian'?"),
        (["zzz", "a.png"], "`kerato image --help` lists them."),
        (["gaussian"], "Missing argument 'FILE...'"),
        (["gaussian", "a.png", "--sigma", "a"], "'a' is neither one number nor two separated by a comma."),
        (["median", "a.png", "--size", "3.5"], "neither one whole number"),
        (["gaussian", "a.png", "--mode", "reflekt"], "'reflekt' is not one of"),
        (["gaussian", "a.png", "--sigm", "2"], "--sigma"),
        (["resize", "a.png"], "Missing option '--size'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], message: str) -> None:
    result = _run(*arguments)
    assert result.exit_code == 2 and message in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gaussian", "--sigma", "-1"], "gaussian: `sigma` must be"),
        (["crop", "--x", "999"], "a box inside the picture of 64 x 48"),
        (["hit-or-miss", "--pattern", "01/1"], "rows of 1, 0 and . of equal length"),
        (["convolve", "--weights", "1,a"], "rows of numbers of equal length"),
        (["affine", "--matrix", "1,2,3"], "2 rows of 2 numbers"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_setting_that_cannot_work_is_exit_code_1(folder: Path, arguments: list[str], message: str) -> None:
    result = _run(*arguments, "grey.png", "--out", "out")
    assert result.exit_code == 1 and message in result.stderr and "0 pictures of 1" in result.stdout


def test_characters_without_a_font_are_said_once_and_the_sheet_is_drawn(folder: Path) -> None:
    for number in (1, 2):
        image.write(f"\U00012000{number}.png", np.zeros((9, 9), np.uint8))
    result = _run("flip", "\U000120001.png", "\U000120002.png", "--sheet", "--out", "out")
    assert result.exit_code == 0
    assert result.stderr.count("no installed font has") <= 1
    assert (folder / "out" / "\U000120001.sheet.png").exists()


def test_transparent_pictures_are_laid_over_white(folder: Path) -> None:
    image.write("clear.png", np.zeros((5, 5, 4), np.uint8))
    assert _run("statistics", "clear.png", "--out", "out").exit_code == 0
    assert _numbers(folder / "out")["files"][0]["measured"]["minimum"] == 255


def test_a_missing_package_stops_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    result = _run("canny", "grey.png", "--out", "out")
    assert result.exit_code == 1 and isinstance(result.exception, MissingExtra)
    assert 'pip install "kerato[image]"' in str(result.exception)


def test_an_argument_without_a_word_in_the_docstrings_has_no_help() -> None:
    assert _explained(json.dumps, "skipkeys") == ""


def test_captions_say_what_was_set_and_found() -> None:
    given = {"min_area": 300.0, "points": "simple", "dark": True, "level": None, "thickness": 2, "size": (3, 5.5)}
    caption = _caption(OPERATIONS["contours"], given, {"count": 12, "contours": []})
    assert caption == "contours min-area 300 dark size 3,5.5, count: 12"
