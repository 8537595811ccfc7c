"""Folders of pictures: order, endings, links, broken files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerato.data.folder import list_pictures, scan
from kerato.data.generator import ImageDataGenerator
from kerato.errors import BadFile

PIXELS = np.random.default_rng(2).integers(0, 256, (24, 32, 3)).astype(np.uint8)


def put(path: Any, **options: Any) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, **options)
    return path


def test_every_ending_in_either_case(tmp_path: Path) -> None:
    for number, ending in enumerate(["png", "jpg", "JPEG", "bmp", "gif", "tif", "tiff", "webp", "ppm", "PGM"]):
        put(tmp_path / "图片" / f"{number}.{ending}")
    (tmp_path / "图片" / "notes.txt").write_text("no")
    put(tmp_path / "图片" / ".hidden.png")
    put(tmp_path / ".ignored" / "x.png")
    found = scan(tmp_path, None, False)
    assert found.class_names == ["图片"]
    assert len(found.filenames) == 10
    assert not found.broken
    pictures, _ = next(ImageDataGenerator().flow_from_directory(tmp_path, (24, 32), shuffle=False))
    np.testing.assert_array_equal(pictures[0], PIXELS)


def test_sub_folders_count_and_order_is_alphabetical(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "b/deep/1.png", "a/x.png"):
        put(tmp_path / name)
    found = scan(tmp_path, None, False)
    assert [name.replace(os.sep, "/") for name in found.filenames] == ["a/x.png", "b/10.png", "b/2.png", "b/deep/1.png"]
    assert found.labels == [0, 1, 1, 1]
    chosen = scan(tmp_path, ["b", "a"], False)
    assert chosen.class_names == ["b", "a"]
    assert chosen.labels == [0, 0, 0, 1]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_when_asked_and_never_for_ever(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "1.png")
    put(tmp_path / "root" / "a" / "0.png")
    (tmp_path / "root" / "a" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "a" / "loop").symlink_to(tmp_path / "root" / "a")
    assert len(scan(tmp_path / "root", None, False).filenames) == 1
    assert len(scan(tmp_path / "root", None, True).filenames) == 2


def test_broken_files_are_named_and_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        put(tmp_path / "a" / f"{number}.jpg")
        put(tmp_path / "a" / f"{number}.png")
        put(tmp_path / "a" / f"{number}.bmp")
    for name in ("1.jpg", "1.png", "1.bmp"):
        path = tmp_path / "a" / name
        path.write_bytes(path.read_bytes()[:-400])
    (tmp_path / "a" / "empty.jpg").touch()
    (tmp_path / "a" / "text.png").write_text("no picture")
    put(tmp_path / "a" / "renamed.png", format="JPEG")
    source = ImageDataGenerator().flow_from_directory(tmp_path, (8, 8))
    told = capsys.readouterr().out.splitlines()
    bad = {os.path.join("a", name) for name in ("1.jpg", "1.png", "1.bmp", "empty.jpg", "text.png")}
    assert {name for name, _ in source.broken} == bad
    assert told[0] == "Found 7 images belonging to 1 classes."
    assert told[1].startswith("Skipped 5 broken files: ")
    assert all(repr(name) in told[1] for name in bad)
    assert len(told) == 2
    next(source)


def test_a_jpeg_with_something_after_its_end_is_good(tmp_path: Path) -> None:
    path = put(tmp_path / "a" / "0.jpg")
    path.write_bytes(path.read_bytes() + b"camera's notes")
    assert not scan(tmp_path, None, False).broken


def test_many_broken_files_make_one_short_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "a" / "good.png")
    for number in range(30):
        (tmp_path / "a" / f"{number:02}.png").write_bytes(b"x")
    ImageDataGenerator().flow_from_directory(tmp_path)
    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith("Skipped 30 broken files: ")
    assert line.endswith("and 20 more.")


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="must be an existing folder"):
        scan(tmp_path / "absent", None, False)
    with pytest.raises(BadFile, match=r"no pictures .* one folder of pictures per class"):
        scan(tmp_path, None, False)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"x")
    with pytest.raises(BadFile, match=r"all 1 picture .* are broken"):
        scan(tmp_path, None, False)
    with pytest.raises(BadFile, match=r"[\\/]b'"):
        scan(tmp_path, ["b"], False)
    with pytest.raises(BadFile, match="list_pictures"):
        list_pictures(tmp_path / "absent")


def test_the_cats_and_dogs(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data / "cats-dogs" / "train"
    if not folder.is_dir():
        pytest.skip("KERATO_DATA has no cats-dogs/train")
    source = ImageDataGenerator(rescale=1 / 255, rotation_range=40).flow_from_directory(
        folder, (64, 64), class_mode="binary", batch_size=25
    )
    assert capsys.readouterr().out == "Found 400 images belonging to 2 classes.\n"
    assert source.class_indices == {"cats": 0, "dogs": 1}
    assert source.labels is source.classes
    batches = [next(source) for _ in range(len(source))]
    assert sum(labels.sum() for _, labels in batches) == 200
    assert all(pictures.min() >= 0 and pictures.max() <= 1 for pictures, _ in batches)
