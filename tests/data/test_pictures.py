"""Folders of pictures: what is a class, what is left out, which part a picture belongs to, batches."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from odd_pictures import odd_folder, scene
from PIL import Image

from kerato.data import parts, picture_folder, pictures
from kerato.data.division import divide, place
from kerato.data.generator import ImageDataGenerator
from kerato.errors import BadFile, InvalidValue


def fill(folder: Path, count: int, bright: bool = True, start: int = 0, side: int = 12) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        Image.fromarray(scene(number, bright, side)).save(folder / f"{number:03}.png")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    fill(tmp_path / "photos/cats", 40)
    fill(tmp_path / "photos/dogs", 30, bright=False)
    return tmp_path / "photos"


def parts_of(root: Path, seed: int = 0) -> dict[str, str]:
    found = pictures(root, seed=seed)
    return {name: part for part, one in found.parts.items() for name in one.names}


def test_a_folder_of_classes_is_divided(two: Path) -> None:
    found = pictures(two)
    assert found.class_names == ["cats", "dogs"]
    assert found.picture_shape == (12, 20, 3)
    assert not found.divided
    assert found.validation is not None and found.test is not None
    assert sum(part.samples for part in found.parts.values()) == 70
    assert all(set(part.labels) == {0, 1} for part in found.parts.values())
    assert found.train.samples > 35
    at = found.test.names.index(next(name for name in found.test.names if name.startswith("cats/")))
    file = two / found.test.names[at]
    np.testing.assert_array_equal(found.test.picture(at), np.asarray(Image.open(file)))


def test_the_division_repeats_and_follows_the_seed(two: Path) -> None:
    assert parts_of(two) == parts_of(two)
    assert parts_of(two) != parts_of(two, seed=1)


def test_a_new_picture_moves_no_other(two: Path) -> None:
    before = parts_of(two)
    fill(two / "cats", 5, start=200)
    after = parts_of(two)
    assert len(after) == 75
    assert {name: after[name] for name in before} == before


def test_own_parts_are_kept_under_any_of_their_names(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        fill(tmp_path / part / "a", 3)
        fill(tmp_path / part / "b", 2)
    fill(tmp_path / "extra" / "a", 1)
    found = pictures(tmp_path)
    assert found.divided
    assert {name: part.samples for name, part in found.parts.items()} == {"train": 5, "validation": 5, "test": 5}
    assert [item.file for item in found.skipped] == ["extra/"]
    with pytest.raises(InvalidValue, match="has that part already"):
        pictures(tmp_path, split=(0.2, 0.0))


def test_own_training_part_can_give_a_validation(tmp_path: Path) -> None:
    for part, count in (("train", 30), ("test", 4)):
        fill(tmp_path / part / "a", count)
        fill(tmp_path / part / "b", count)
    found = pictures(tmp_path, split=(0.3, 0.0))
    assert found.test is not None and found.test.samples == 8
    assert found.validation is not None and found.train.samples + found.validation.samples == 60


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    for kind in ("bus", "train"):
        fill(tmp_path / kind, 4)
    assert pictures(tmp_path).class_names == ["bus", "train"]


def test_pictures_of_one_folder_stay_together(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        for person in range(8):
            fill(tmp_path / kind / f"person{person}", 3)
    found = pictures(tmp_path)
    seen = [set(part.groups) for part in found.parts.values()]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 16


def test_small_classes_have_something_in_train_and_test() -> None:
    for seed in range(40):
        samples = [(kind, f"{kind}/{i}", f"{kind}/{i}", "") for kind in "ab" for i in range(2)]
        drawn = divide(samples, (0.15, 0.15), seed)
        assert all({"train", "test"} == set(drawn[at : at + 2]) for at in (0, 2))


def test_places_are_uniform() -> None:
    places = np.array([place(3, f"class/{i}.jpg") for i in range(2000)])
    assert abs(places.mean() - 0.5) < 0.02
    assert abs((places < 0.15).mean() - 0.15) < 0.02


def test_odd_files_are_read_or_named(tmp_path: Path) -> None:
    good, bad = odd_folder(tmp_path)
    big = np.zeros((5000, 10000, 3), np.uint8)
    Image.fromarray(big).save(tmp_path / "图片" / "50-megapixels.jpg", quality=20)
    found = pictures(tmp_path)
    assert sum(part.samples for part in found.parts.values()) == good + 1
    assert len(found.skipped) == bad
    assert found.class_names == sorted(["图片", unicodedata.normalize("NFC", "été & <b>")])
    reasons = {item.file.partition("-")[2]: item.reason for item in found.skipped}
    assert reasons["empty.jpg"] == "it is empty"
    assert reasons["text.jpg"] == "it is text"
    assert reasons["page.png"] == "it is a web page"
    assert reasons["cut.jpg"].startswith("it is damaged or cut short")
    assert str(tmp_path) not in " ".join(found.summary())
    assert found.summary()[1] == f"skipped {bad} files"
    assert found.summary()[-1] == f"  and {bad - 10} more"


def test_grey_and_sizes_are_chosen_from_the_pictures(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number, side in enumerate((70, 80, 500)):
            Image.new("L", (side, side + 9), number).save(tmp_path / kind / f"{number}.png")
    assert pictures(tmp_path).picture_shape == (64, 64, 1)
    assert pictures(tmp_path, size=10).picture_shape == (10, 10, 1)
    Image.new("RGB", (70, 70)).save(tmp_path / "a" / "colour.png")
    assert pictures(tmp_path, size=(8, 9)).picture_shape == (8, 9, 3)


def test_loose_pictures_are_named(two: Path) -> None:
    fill(two, 1)
    assert [(item.file, item.reason) for item in pictures(two).skipped] == [
        ("000.png", "it lies outside the class folders")
    ]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "no readable picture"),
        ({"cats": 3}, r"one class only \(cats\)"),
        ({"cats": 3, "dogs": 1}, "the class 'dogs' in .* has 1 readable picture, and at least 2 are needed"),
        ({"cats": 3, "dogs": 0}, "one class only"),
    ],
)
def test_too_little_is_refused_in_a_sentence(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    for kind, count in counts.items():
        fill(tmp_path / kind, count)
    with pytest.raises(BadFile, match=message):
        pictures(tmp_path)


def test_wrong_arguments_are_refused(two: Path) -> None:
    with pytest.raises(BadFile, match="existing folder"):
        pictures(two / "nowhere")
    for size in (0, (3,), "64", True):
        with pytest.raises(InvalidValue, match="`size` must be"):
            pictures(two, size=size)
    for split in (0.2, (0.5, 0.5), (-0.1, 0.2), ("a", "b")):
        with pytest.raises(InvalidValue, match="`split` must be"):
            pictures(two, split=split)


def test_streamed_batches_equal_those_from_memory(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = pictures(two, batch_size=7)
    monkeypatch.setattr(picture_folder, "MEMORY_BYTES", 0)
    streamed = pictures(two, batch_size=7)
    assert held.train.pixels is not None and streamed.train.pixels is None
    for step in range(len(held.train)):
        for mine, theirs in zip(held.train[step], streamed.train[step], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(held.train.arrays()[0], streamed.train.arrays()[0])
    os.unlink(streamed.train.paths[0])
    with pytest.raises(BadFile, match="cannot be read"):
        streamed.train.arrays()


def test_a_batch_is_a_function_of_epoch_and_step(two: Path) -> None:
    part = pictures(two, batch_size=8).train
    part.generator = ImageDataGenerator(rotation_range=20.0, horizontal_flip=True)
    first = [part[step] for step in range(len(part))]
    part.on_epoch_end()
    second = part[0]
    assert part.epoch == 1
    assert not np.array_equal(first[0][0], second[0])
    np.testing.assert_array_equal(part.batch(1, 0)[0], second[0])
    np.testing.assert_array_equal(part.batch(0, 2)[0], first[2][0])
    assert first[0][0].dtype == np.uint8
    assert sorted(np.concatenate([y for _, y in first]).tolist()) == sorted(part.labels.tolist())
    with pytest.raises(IndexError):
        part[len(part)]


def test_every_sample_comes_once_per_epoch(two: Path) -> None:
    part = pictures(two, batch_size=9).train
    seen = np.concatenate([x for x, _ in part])
    assert len(np.unique(seen.reshape(len(seen), -1), axis=0)) == part.samples
    assert parts.decoded(part.paths[0], part.picture_shape).dtype == np.uint8
