"""Book 8.6: pictures out of a film."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from film_samples import film, scene

from kerato.data import Film, extract, frames, properties
from kerato.errors import BadFile
from kerato.image import read, write


@pytest.mark.parametrize("every", [1, 4, 7, 10, 29, 30, 31])
def test_row_8_6_01_every_nth_frame_gives_a_ceiling_part_of_ordered_files(tmp_path: Path, every: int) -> None:
    path = film(tmp_path / "film.mp4", 30, bf="2", g="10")
    done = extract(path, tmp_path / "out", every=every)
    files = sorted(file.name for file in (tmp_path / "out").glob("*.jpg"))
    assert len(files) == math.ceil(30 / every)
    assert [entry.file for entry in done.entries] == files
    assert [entry.index for entry in done.entries] == list(range(0, 30, every))
    for entry in done.entries:
        picture = read(tmp_path / "out" / entry.file)
        assert np.abs(picture.astype(int) - scene(entry.index)).mean() < 10


@pytest.mark.parametrize(("suffix", "seconds"), [("png", 0.2), ("jpg", 0.5), ("webp", 0.03), ("bmp", 5.0)])
def test_row_8_6_02_seconds_range_size_and_format_are_honoured(tmp_path: Path, suffix: str, seconds: float) -> None:
    path = film(tmp_path / "film.mp4", 50)
    done = extract(path, tmp_path / "out", seconds=seconds, start=0.4, stop=1.4, size=(20, 30), suffix=suffix)
    times = [0.4 + k * seconds for k in range(100) if 0.4 + k * seconds < 1.4 - 1e-9]
    assert [entry.index for entry in done.entries] == [math.floor(time * 25 + 1e-9) for time in times]
    for entry in done.entries:
        assert entry.file.endswith(suffix)
        assert read(tmp_path / "out" / entry.file).shape == (20, 30, 3)


def test_row_8_6_02_seconds_are_every_so_many_frames_at_a_constant_rate(tmp_path: Path) -> None:
    path = film(tmp_path / "film.avi", 50, codec="mjpeg", pixels="yuvj420p", fps=10)
    assert [frame.index for frame in frames(path, seconds=0.7)] == list(range(0, 50, round(10 * 0.7)))


def test_row_8_6_03_properties_are_reported(tmp_path: Path) -> None:
    facts = properties(film(tmp_path / "film.mkv", 20, fps=12, size=(32, 80), sound=True))
    assert (facts.width, facts.height, facts.fps, facts.frames) == (80, 32, 12, 20)
    assert (facts.frames_from, facts.audio) == ("counted", "aac")


def test_row_8_6_03_a_bad_path_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"nothing.mp4: there is no such film. Check the path."):
        Film(tmp_path / "nothing.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"\x00\x01" * 500)
    command = [sys.executable, "-m", "kerato", "frames", "broken.mp4", "--out", "o"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("kerato: broken.mp4: this is no film that can be read")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["film.avi", "film.gif", "film.mp4", "film.mkv", "film.webm", "folder"])
def test_row_8_6_03_common_containers_and_folders_are_read(tmp_path: Path, name: str) -> None:
    options = {
        "film.avi": {"codec": "rawvideo", "pixels": "bgr24"},
        "film.gif": {"codec": "gif", "pixels": "rgb8"},
        "film.webm": {"codec": "libvpx-vp9", "deadline": "realtime", "cpu_used": "8"},
    }
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        for index in range(8):
            write(path / f"{index}.png", scene(index))
    else:
        film(path, 8, **options.get(name, {}))  # type: ignore[arg-type]
    assert [frame.index for frame in frames(path)] == list(range(8))


def test_row_8_6_01_the_command_does_it_on_a_real_film(data: Path, tmp_path: Path) -> None:
    path = data / "video/misc/v_Basketball_g01_c01.avi"
    command = [sys.executable, "-m", "kerato", "frames", str(path), "--every", "10", "--out", "o", "--json"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(result.stdout)["pictures"] == math.ceil(141 / 10)
