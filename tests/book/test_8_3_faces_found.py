"""Book 8.3: faces found in pictures, collected from folders and films."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from film_samples import film, portrait, scene
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image

from kerato.faces import Detector, Haar, YuNet, collect, crop, detector, find
from kerato.image import read, resize, write

pytestmark = pytest.mark.slow


def overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    common = np.prod(np.clip(high - low, 0, None))
    return float(common / (one[2:].prod() + other[2:].prod() - common))


def test_row_8_3_01_faces_are_found_where_they_were_put() -> None:
    face, rng = portrait(), np.random.default_rng(0)
    using = detector()
    for side in (80, 140, 260):
        picture = resize(scene(side), (400, 600))
        y, x = rng.integers(0, 400 - side), rng.integers(0, 600 - side)
        picture[y : y + side, x : x + side] = resize(face, (side, side))
        faces = using(picture)
        assert len(faces) == 1
        assert overlap(faces.boxes[0], np.array([x, y, side, side])) > 0.35


def test_row_8_3_01_pictures_without_faces_have_few() -> None:
    using = detector()
    pictures = [scene(0, 300, 400), load_sample_image("flower.jpg"), load_sample_image("china.jpg")]
    assert sum(len(using(picture)) for picture in pictures) <= 1


def test_row_8_3_01_the_detector_is_pluggable(data: Path) -> None:
    class Middle(Detector):
        margin = 0.0

        def detect(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
            height, width = picture.shape[:2]
            return np.array([[width / 4, height / 4, width / 2, height / 2, 1.0]])

    assert find(scene(0, 100, 200), Middle()).boxes.tolist() == [[50, 25, 100, 50]]
    yunet = YuNet(data / "weights/face_detection_yunet_2023mar.onnx")
    both = [find(portrait(), using) for using in (Haar(), yunet)]
    assert [len(faces) for faces in both] == [1, 1]
    assert overlap(both[0].boxes[0], both[1].boxes[0]) > 0.4


def test_row_8_3_01_the_faces_of_orl(data: Path) -> None:
    using = detector()
    found = false = 0
    for person, number in itertools.product(range(1, 41), range(1, 11)):
        faces = using(read(data / f"orl-faces/s{person}/{number}.pgm"))
        # Every picture is one head: a true box has the picture's middle in it and a third of its width.
        true = [x <= 46 < x + w and y <= 60 < y + h and w > 30 for x, y, w, h in faces.boxes.tolist()]
        found += any(true)
        false += len(true) - any(true)
    assert found >= 380
    assert false <= 4


def test_row_8_3_02_crops_of_a_person_from_a_folder(data: Path, tmp_path: Path) -> None:
    done = collect(data / "orl-faces/s7", "七号", tmp_path, size=64)
    files = sorted((tmp_path / "七号").iterdir())
    assert len(files) == len(done.crops) == 10
    assert {read(file).shape for file in files} == {(64, 64, 3)}
    assert read(done.sheet).shape[1] > 500


def test_row_8_3_02_crops_of_a_person_from_a_film(tmp_path: Path) -> None:
    shown = resize(portrait(), (240, 240))
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(6):
        write(folder / f"{index}.png", np.roll(shown, 6 * index, axis=1) if index < 5 else scene(0, 240, 240))
    done = collect(folder, "grace", tmp_path / "album", count=4)
    assert [entry.source for entry in done.crops] == ["0.png", "1.png", "2.png", "3.png"]
    path = film(tmp_path / "film.mp4", 10, pictures=[shown] * 10, size=(240, 240))
    filmed = collect(path, "hopper", tmp_path / "album", seconds=0.08)
    assert len(filmed.crops) == 5
    assert filmed.crops[1].source == "film.mp4 frame 2 at 0.080 s"


@pytest.mark.parametrize("x", [-30, 0, 70, 95])
@pytest.mark.parametrize("y", [-30, 0, 60, 75])
def test_row_8_3_02_crops_at_the_border_are_whole_squares(x: int, y: int) -> None:
    cut = crop(scene(0, 80, 100), (x, y, 40, 30))
    assert cut.shape[0] == cut.shape[1] >= 40
