"""Faces: boxes in the picture's own pixels, squares inside it, collections, commands, and what errors say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from film_samples import film, portrait, scene
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kerato.commands.faces import faces as faces_command
from kerato.errors import BadFile, InvalidValue, MissingExtra
from kerato.faces import Detector, Faces, Haar, YuNet, annotated, collect, crop, detector, find, pictures_of, square
from kerato.image import read, resize, write


class Fixed(Detector):
    """Finds the same rows in every prepared picture, and remembers the picture."""

    name = "fixed"

    def __init__(self, rows: Sequence[Sequence[float]]) -> None:
        self.rows = rows
        self.seen: NDArray[np.uint8] = np.zeros((1, 1, 3), np.uint8)

    def detect(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        self.seen = picture
        return np.array(self.rows, np.float64).reshape(-1, 5)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Three pictures with a face, one without, one that is broken."""
    folder = tmp_path / "source"
    folder.mkdir()
    face = resize(portrait(), (150, 150))
    for number in (1, 2, 10):
        write(folder / f"{number}.png", np.roll(face, number, axis=0))
    write(folder / "3.png", scene(0, 150, 150))
    (folder / "4.png").write_bytes(b"no picture")
    return folder


def test_boxes_come_back_in_the_pictures_own_pixels() -> None:
    using = Fixed([[15 + 10, 15 + 20, 30, 40, 5]])
    assert using(scene(0, 100, 100)).boxes.tolist() == [[10, 20, 30, 40]]
    assert using.seen.shape == (130, 130, 3)
    small = Fixed([[12 + 20, 12 + 20, 40, 40, 5]])
    assert small(scene(0, 40, 40)).boxes.tolist() == [[10, 10, 20, 20]]
    assert small.seen.shape == (104, 104, 3)
    large = Fixed([[192 + 320, 192 + 320, 64, 64, 5]])
    assert large(np.zeros((2560, 2560), np.uint8)).boxes.tolist() == [[640, 640, 128, 128]]


def test_boxes_are_cut_at_the_border_and_strangers_dropped() -> None:
    rows = [[0, 0, 60, 60, 1], [100, 100, 60, 60, 2], [0, 0, 12, 12, 3], [40, 40, 10, 10, 4]]
    found = Fixed(rows)(scene(0, 100, 100))
    assert found.boxes.tolist() == [[0, 0, 45, 45], [25, 25, 10, 10]]
    assert found.scores.tolist() == [1, 4]
    assert (len(found), len(Fixed([])(scene(0)))) == (2, 0)


@given(
    x=st.floats(-50, 250),
    y=st.floats(-50, 250),
    w=st.floats(0.1, 300),
    h=st.floats(0.1, 300),
    margin=st.floats(0, 2),
    height=st.integers(1, 200),
    width=st.integers(1, 200),
)
def test_squares_lie_in_the_picture(
    x: float, y: float, w: float, h: float, margin: float, height: int, width: int
) -> None:
    left, top, side, other = square((x, y, w, h), height, width, margin)
    assert side == other >= 1
    assert 0 <= left <= width - side and 0 <= top <= height - side
    assert side == max(1, min(round(max(w, h) * (1 + 2 * margin)), height, width))


def test_a_crop_is_the_square_resized() -> None:
    picture = scene(0, 100, 120)
    np.testing.assert_array_equal(crop(picture, (50, 40, 20, 20), 0.0), picture[40:60, 50:70])
    np.testing.assert_array_equal(crop(picture, (50, 40, 20, 10), 0.1), picture[33:57, 48:72])
    assert crop(picture, (0, 0, 20, 20), size=64).shape == (64, 64, 3)
    with pytest.raises(InvalidValue, match=r"`box` must be \(x, y, width, height\) with an area. Got \(0.0, 0.0, 0.0"):
        crop(picture, (0, 0, 0, 5))
    with pytest.raises(InvalidValue, match=r"`margin` must be a number >= 0. Got -1"):
        crop(picture, (0, 0, 5, 5), -1)


def test_the_default_finds_one_face_and_tells_how_sure() -> None:
    found = find(portrait())
    assert len(found) == 1 and found.scores[0] >= 5
    grey = find(portrait().mean(axis=-1).astype(np.uint8))
    assert len(grey) == 1


def test_other_cascades_are_found_by_name_and_path() -> None:
    import cv2.data

    by_name = Haar("frontalface_alt2")(portrait())
    by_path = Haar(f"{cv2.data.haarcascades}haarcascade_frontalface_alt2.xml")(portrait())
    np.testing.assert_array_equal(by_name.boxes, by_path.boxes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"neighbours": 0}, r"Haar: `neighbours` must be an int >= 1. Got 0"),
        ({"step": 1.0}, r"Haar: `step` must be a number >= 1.01. Got 1.0"),
        ({"smallest": 5}, r"Haar: `smallest` must be an int >= 20. Got 5"),
        ({"cascade": "frontalface_new"}, r"frontalface_new: a cascade must be one of OpenCV's names or an XML file"),
    ],
)
def test_haar_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((InvalidValue, BadFile), match=message):
        Haar(**arguments)


def test_a_broken_cascade_or_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.xml").write_text("<opencv_storage></opencv_storage>")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(BadFile, match=r"bad.xml: a cascade must be"):
        Haar(str(tmp_path / "bad.xml"))
    with pytest.raises(BadFile, match=r"bad.onnx: the model must be a YuNet"):
        YuNet(tmp_path / "bad.onnx")
    with pytest.raises(BadFile, match=r"none.onnx: there is no such model file"):
        detector(tmp_path / "none.onnx")
    with pytest.raises(InvalidValue, match=r"`threshold` must be a number from 0 to 1. Got 2"):
        YuNet(tmp_path / "bad.onnx", threshold=2)


def test_an_opencv_without_cascades_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(MissingExtra, match=r"has no Haar cascades, .* or give a YuNet model"):
        Haar()


def test_yunet_finds_the_faces_of_orl(data: Path) -> None:
    using = detector(data / "weights/face_detection_yunet_2023mar.onnx")
    found = [using(read(data / f"orl-faces/s{person}/1.pgm")) for person in range(1, 41)]
    assert [len(faces) for faces in found] == [1] * 40
    assert all(0.8 <= faces.scores[0] <= 1 for faces in found)
    assert len(using(scene(0, 200, 300))) == 0


def test_annotated_pictures_have_a_box() -> None:
    faces = Faces(np.array([[30, 40, 50, 60]]), np.array([12.0]))
    shown = annotated(scene(0, 150, 200), faces)
    assert (shown[99, 31:79] == (0, 255, 0)).all()
    assert annotated(scene(0, 150, 200), Faces(np.zeros((0, 4), np.int64), np.zeros(0))).shape == (150, 200, 3)


def test_sources_are_pictures_folders_and_films(album: Path, tmp_path: Path) -> None:
    assert [name for name, _ in pictures_of(album / "1.png")] == ["1.png"]
    skipped: dict[str, str] = {}
    assert [name for name, _ in pictures_of(album, skipped=skipped)] == ["1.png", "2.png", "3.png", "10.png"]
    assert "4.png cannot be read as a picture" in skipped["4.png"]
    with pytest.raises(BadFile, match=r"4.png cannot be read"):
        list(pictures_of(album))
    names = [name for name, _ in pictures_of(film(tmp_path / "a.mp4", 10), seconds=0.2)]
    assert names == ["a.mp4 frame 0 at 0.000 s", "a.mp4 frame 5 at 0.200 s"]


def test_a_collection_says_where_everything_came_from(album: Path, tmp_path: Path) -> None:
    done = collect(album, "grace", tmp_path / "album")
    assert [entry.source for entry in done.crops] == ["1.png", "2.png", "10.png"]
    assert (done.seen, done.empty, list(done.skipped)) == (4, ["3.png"], ["4.png"])
    for entry in done.crops:
        x, y, side, _ = entry.box
        cut = read(album / entry.source)[y : y + side, x : x + side]
        np.testing.assert_array_equal(read(done.folder / entry.file), cut)
    assert done.sheet == tmp_path / "album" / "grace-sheet.png"


def test_a_person_is_never_overwritten(album: Path, tmp_path: Path) -> None:
    collect(album, "grace", tmp_path, count=1)
    with pytest.raises(BadFile, match=r"grace: the person's folder must be new or empty"):
        collect(album, "grace", tmp_path)


@pytest.mark.parametrize("name", ["", "..", "a/b", "/root"])
def test_names_that_are_no_folder_are_refused(album: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValue, match=r"`name` must be a name that a folder can have"):
        collect(album, name, tmp_path)


def test_a_source_without_faces_leaves_nothing_behind(tmp_path: Path) -> None:
    picture = write(tmp_path / "a.png", scene(0))
    with pytest.raises(BadFile, match=r"a.png: there must be a face in it, but none was found in 1 picture"):
        collect(picture, "nobody", tmp_path / "album")
    assert not (tmp_path / "album" / "nobody").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadFile, match=r"cannot be made"):
        collect(picture, "nobody", tmp_path / "file")


def test_large_collections_fit_on_a_sheet(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 130, fps=130, size=(32, 32))
    done = collect(path, "anyone", tmp_path, using=Fixed([[20, 20, 40, 40, 7]]))
    assert len(done.crops) == 130
    height, width, _ = read(done.sheet).shape
    assert (width, height) < (1400, 1500)


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, and standard error or the error's message."""
    result = CliRunner().invoke(faces_command, [str(argument) for argument in arguments])
    refused = result.exception if not isinstance(result.exception, SystemExit) else None
    return result.exit_code, result.stdout, str(refused or result.stderr)


def test_find_marks_pictures_and_films_and_names_what_failed(album: Path, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 60)
    code, out, error = run("find", album / "1.png", path, album / "4.png", "--out", tmp_path / "o", "--json")
    assert code == 1 and "4.png cannot be read as a picture" in error
    told = json.loads(out)
    assert [len(entry["faces"]) for entry in told["pictures"]] == [1, 0, 0, 0]
    assert [entry["reason"] for entry in told["failed"]] == [error.strip()]
    assert told == json.loads((tmp_path / "o" / "faces.json").read_text(encoding="utf-8"))
    assert all((tmp_path / "o" / entry["marked"]).is_file() for entry in told["pictures"])


def test_find_says_where_the_faces_are(album: Path, tmp_path: Path) -> None:
    code, out, _ = run("find", album / "1.png", album / "3.png", "--out", tmp_path / "o")
    first, second, last = out.splitlines()
    assert code == 0
    assert first.startswith("1.png: ") and " at (" in first and second == "3.png: no face"
    assert last.startswith("1 face in 2 pictures, marked in")


def test_collect_fills_an_album_person_by_person(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "album"
    assert run("collect", album, "--name", "葛丽丝", "--size", 32, "--out", out)[0] == 0
    code, told, error = run("collect", album / "2.png", "--name", "hopper", "--out", out, "--json")
    assert code == 0 and json.loads(told)["crops"][0]["source"] == "2.png"
    assert read(out / "葛丽丝" / "000002.png").shape == (32, 32, 3)
    assert json.loads((out / "葛丽丝.json").read_text(encoding="utf-8"))["skipped"].keys() == {"4.png"}
    code, told, error = run("collect", album, "--name", "again", "--out", out)
    assert "3 crops of 4 pictures, 1 without a face in" in told and "4.png cannot be read" in error
