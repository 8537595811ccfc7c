"""A folder of odd files, as people's disks hold them: what is a picture in it, and what must be named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

#: files per kind in each of the two classes
GOOD = ("photo.jpg", "grey.png", "palette.gif", "deep.png", "cmyk.jpg", "alpha.png", "turned.jpg", "bilevel.tif")
BAD = ("empty.jpg", "text.jpg", "cut.jpg", "page.png", "notes.txt", "noise.bmp")


def scene(seed: int, bright: bool, side: int = 24) -> np.ndarray:
    """A picture that a small net can tell: noise below or above the middle, (side, side + 8, 3) uint8."""
    low = 140 if bright else 0
    return np.random.default_rng(seed).integers(low, low + 110, (side, side + 8, 3)).astype(np.uint8)


def night_and_day(root: Path, count: int, side: int) -> Path:
    """A folder with `count` PNG files of each of two classes, day and night."""
    for kind, bright in (("day", True), ("night", False)):
        (root / kind).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(scene(number, bright, side)).save(root / kind / f"{number}.png")
    return root


def put_good(path: Path, name: str, seed: int, bright: bool) -> None:
    """Write one readable picture of the kind that `name` says."""
    picture = Image.fromarray(scene(seed, bright))
    converted = {"grey.png": "L", "palette.gif": "P", "cmyk.jpg": "CMYK", "alpha.png": "RGBA", "bilevel.tif": "1"}
    file = path / f"{seed}-{name}"
    if name == "deep.png":
        Image.fromarray(scene(seed, bright)[..., 0].astype(np.uint16) * 257).save(file)
    elif name == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.save(file, exif=exif)
    else:
        picture.convert(converted.get(name, "RGB")).save(file)


def put_bad(path: Path, name: str, seed: int) -> None:
    """Write one file that is no readable picture."""
    file = path / f"{seed}-{name}"
    contents = {
        "empty.jpg": b"",
        "text.jpg": b"this is no picture, only some text",
        "page.png": b"<!DOCTYPE html><html><body>404</body></html>",
        "notes.txt": b"remember the milk",
        "noise.bmp": bytes(range(256)),
    }
    if name == "cut.jpg":
        Image.fromarray(scene(seed, True, 64)).save(file)
        file.write_bytes(file.read_bytes()[:900])
    else:
        file.write_bytes(contents[name])


def odd_folder(root: Path, count: int = 100) -> tuple[int, int]:
    """Fill `root` with two classes of `count` files in all, under Unicode names; how many are (good, bad)."""
    made = {True: 0, False: 0}
    kinds = [*((name, True) for name in GOOD), *((name, False) for name in BAD)]
    for number in range(count):
        bright = number % 2 == 0
        folder = root / ("图片" if bright else "été & <b>")
        folder.mkdir(parents=True, exist_ok=True)
        name, good = kinds[(number // 2) % len(kinds)]
        put_good(folder, name, number, bright) if good else put_bad(folder, name, number)
        made[good] += 1
    return made[True], made[False]
