"""Films: every oddity of containers, random access, ranges, clips, extraction, damage, and what errors say."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import os
import random
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from film_samples import KINDS, film, scene, sound_only
from hypothesis import given, settings
from hypothesis import strategies as st

import kerato.data
from kerato.commands.frames import frames as frames_command
from kerato.data import DamagedFilm, Film, clip, clips, evenly, extract, frames, properties, windows
from kerato.data.containers import Container
from kerato.data.decoding import Decoder
from kerato.errors import BadFile, InvalidValue, UnknownName
from kerato.image import read, write

MISC = "video/misc"
FILMS = (
    "abseiling_k400.mp4",
    "asl_no.mkv",
    "asl_yes.mkv",
    "bikes.mp4",
    "car-detection.mp4",
    "cockatoo.mp4",
    "v_Basketball_g01_c01.avi",
)


def told(path: Path | str, **choice: Any) -> list[tuple[int, float, str]]:
    """Index, time stamp and hash of the pixels of each frame."""
    return [(f.index, f.time_s, hashlib.sha1(f.picture.tobytes()).hexdigest()) for f in frames(path, **choice)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One film of each kind."""
    folder = tmp_path_factory.mktemp("films")
    return {name: film(folder / name, **options) for name, options in KINDS.items()}


@pytest.fixture
def plain(made: dict[str, Path]) -> Path:
    """30 frames at 25 per second, MP4."""
    return made["plain.mp4"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve frames as pictures, and something else beside them."""
    place = tmp_path / "帧"
    place.mkdir()
    for index in range(12):
        write(place / f"{index}.png", scene(index))
    (place / "notes.txt").write_text("x")
    (place / ".hidden.png").write_text("x")
    return place


@pytest.mark.parametrize("name", KINDS)
def test_a_frame_sought_is_the_frame_decoded_from_the_start(made: dict[str, Path], name: str) -> None:
    expected = told(made[name])
    assert len(expected) == 30
    assert all(a[1] < b[1] for a, b in itertools.pairwise(expected))
    with Film(made[name]) as opened:
        assert len(opened) == 30
        for index in random.Random(1).sample(range(30), 30):
            frame = opened[index]
            pixels = hashlib.sha1(frame.picture.tobytes()).hexdigest()
            assert (frame.index, frame.time_s, pixels) == expected[index]
        assert opened.times.tolist() == [time for _, time, _ in expected]
        assert opened.damage == ""


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"animation.gif", "turned.mp4"}))
def test_pixels_are_those_that_went_in(made: dict[str, Path], name: str) -> None:
    for frame in frames(made[name], every=7):
        assert np.abs(frame.picture.astype(int) - scene(frame.index)).mean() < 14


def test_a_film_starts_where_its_container_says(made: dict[str, Path]) -> None:
    facts = properties(made["programme.mpg"])
    assert facts.start_s == pytest.approx(0.54) and facts.duration_s == pytest.approx(1.2)
    assert next(frames(made["programme.mpg"])).time_s == facts.start_s


@pytest.mark.slow
def test_real_films_sought_in_random_order(data: Path) -> None:
    for name in FILMS:
        path = data / MISC / name
        expected = told(path, stop=3.2)
        with Film(path) as opened:
            order = random.Random(2).sample(range(len(expected)), 8)
            found = [opened[index] for index in order]
        pixels = [hashlib.sha1(f.picture.tobytes()).hexdigest() for f in found]
        assert [(f.index, f.time_s, p) for f, p in zip(found, pixels, strict=True)] == [expected[i] for i in order]


@pytest.mark.slow
def test_every_frame_of_the_real_films_sought_in_random_order(data: Path) -> None:
    for name in FILMS:
        path = data / MISC / name
        expected = told(path)
        with Film(path) as opened:
            for index in random.Random(3).sample(range(len(expected)), len(expected)):
                frame = opened[index]
                found = (frame.index, frame.time_s, hashlib.sha1(frame.picture.tobytes()).hexdigest())
                assert found == expected[index], f"{name} {index}"


def test_an_encoder_version_at_the_start_holds_for_frames_sought(data: Path) -> None:
    # 4:4:4 by x264 build 142: FFmpeg decodes it rightly only when it has read the version before the first frame.
    path = data / MISC / "cockatoo.mp4"
    with Film(path) as opened:
        sought = opened[80]
    straight = next(itertools.islice(frames(path), 80, None))
    np.testing.assert_array_equal(sought.picture, straight.picture)


def test_frames_can_be_taken_by_slice_and_from_the_end(plain: Path) -> None:
    expected = told(plain)
    with Film(plain) as opened:
        assert [f.index for f in opened[3:20:5]] == [3, 8, 13, 18]
        assert [f.index for f in opened[::-10]] == [29, 19, 9]
        assert opened[-1].time_s == expected[-1][1]
        assert [frame.index for frame in opened] == list(range(30))
        with pytest.raises(IndexError, match=r"frames 0 to 29. Got 30"):
            opened[30]


def test_the_frame_on_the_screen_at_a_time(made: dict[str, Path]) -> None:
    with Film(made["variable.mp4"]) as opened:
        assert [opened.at(t).index for t in (0, 0.009, 0.01, 0.0399, 0.04, 1.0, 99.0)] == [0, 0, 1, 1, 2, 10, 29]
        with pytest.raises(InvalidValue, match=r"time_s` must be >= 0, when .*variable.mp4 begins. Got -1"):
            opened.at(-1)


def test_two_walks_and_random_access_do_not_disturb_each_other(plain: Path) -> None:
    with Film(plain) as opened:
        pairs = [(a.index, b.index, opened[29 - a.index].index) for a, b in zip(opened, opened, strict=True)]
    assert pairs == [(i, i, 29 - i) for i in range(30)]


def test_properties_say_how_the_frames_were_counted(made: dict[str, Path]) -> None:
    facts = properties(made["b_frames.mp4"])
    assert (facts.height, facts.width, facts.fps, facts.frames) == (48, 64, 25, 30)
    assert (facts.frames_from, facts.codec, facts.audio, facts.variable_rate) == ("counted", "h264", "aac", False)
    assert facts.duration_s == pytest.approx(1.2)
    quick = properties(made["b_frames.mp4"], count=False)
    assert (quick.frames, quick.frames_from, quick.variable_rate) == (30, "header", None)
    guess = properties(made["open_groups.mkv"], count=False)
    assert (guess.frames, guess.frames_from) == (30, "estimate")


def test_variable_rate_is_seen_and_its_mean_given(made: dict[str, Path]) -> None:
    facts = properties(made["variable.mp4"])
    assert facts.variable_rate
    assert facts.fps == pytest.approx(29 / 8.41)
    assert told(made["variable.mp4"])[10][1] == 1.0


def test_rotation_is_applied(made: dict[str, Path]) -> None:
    facts = properties(made["turned.mp4"])
    assert (facts.height, facts.width, facts.rotation) == (64, 48, 90)
    picture = next(frames(made["turned.mp4"])).picture
    assert np.abs(picture.astype(int) - np.rot90(scene(0))).mean() < 10


@pytest.mark.parametrize("size", [(46, 62), (64, 64)])
def test_frames_are_contiguous_rgb(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = next(frames(film(tmp_path / "a.mp4", 2, size=size))).picture
    assert picture.shape == (*size, 3) and picture.dtype == np.uint8 and picture.flags.c_contiguous


def test_a_folder_of_pictures_is_a_film(folder: Path) -> None:
    with Film(folder, fps=10) as opened:
        assert len(opened) == 12
        assert [f.index for f in opened[::5]] == [0, 5, 10]
        np.testing.assert_array_equal(opened[10].picture, scene(10))
        assert opened.at(0.35).index == 3
        facts = opened.properties()
    assert (facts.container, facts.codec, facts.fps, facts.duration_s) == ("folder", "png", 10, 1.2)
    assert [f.time_s for f in frames(folder, every=5)] == [0.0, 0.2, 0.4]


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"must hold pictures .* this one holds none"):
        Film(tmp_path)


@given(every=st.integers(1, 40), start=st.integers(0, 28), length=st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_every_takes_a_ceiling_part_of_the_range(every: int, start: int, length: int) -> None:
    whole = range(30)
    chosen = [m.index for m in SHARED.moments(every, start=start / 25, stop=(start + length) / 25)]
    assert chosen == list(whole[start : start + length : every])


@given(step=st.fractions(Fraction(1, 60), 2, max_denominator=60))
@settings(max_examples=15, deadline=None)
def test_seconds_take_the_frame_on_the_screen(step: Fraction) -> None:
    chosen = [m.index for m in SHARED.moments(seconds=float(step))]
    times = [k * step for k in range(200) if k * step < Fraction(30, 25)]
    assert chosen == [int(time * 25) for time in times]


class _Shared:
    """The plain film, opened once for the properties above."""

    def __init__(self) -> None:
        self.film: Film | None = None

    def moments(self, every: int = 1, **choice: float) -> Any:
        """Its moments."""
        assert self.film is not None
        return self.film.moments(every, **choice)


SHARED = _Shared()


@pytest.fixture(scope="module", autouse=True)
def shared_film(made: dict[str, Path]) -> None:
    """Opened for the properties, which take no fixtures."""
    SHARED.film = Film(made["plain.mp4"])


def test_a_range_in_seconds_begins_with_the_frame_on_the_screen(made: dict[str, Path]) -> None:
    chosen = [f.index for f in frames(made["variable.mp4"], seconds=1, start=0.5, stop=4)]
    assert chosen == [7, 12, 15, 18]  # stamps n * n / 100 at 0.5, 1.5, 2.5, 3.5 s
    early = [f.index for f in frames(made["programme.mpg"], seconds=0.5, start=0)]
    assert early == [11, 24]  # nothing is on the screen at 0 and 0.5 is before 0.54


def test_a_range_that_begins_after_the_film_is_refused_at_once(plain: Path) -> None:
    with pytest.raises(InvalidValue, match=r"before the last frame of .*plain.mp4, which ends at 1.2 s. Got 7"):
        frames(plain, start=7)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"every": 0}, r"`every` must be an int >= 1. Got 0"),
        ({"every": 1.5}, r"`every` must be an int >= 1. Got 1.5"),
        ({"seconds": 0}, r"`seconds` must be a number >= 0.000001. Got 0"),
        ({"seconds": float("nan")}, r"`seconds` must be a number"),
        ({"seconds": 1.0, "every": 2}, r"exclude each other"),
        ({"start": 2.0, "stop": 1.0}, r"`stop` must be > start \(2\). Got 1.0"),
        ({"start": float("inf")}, r"`start` must be"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(plain: Path, choice: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        frames(plain, **choice)


def test_a_frame_that_would_stand_for_hours_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "jump.mkv", 3, pts=[0, 1, 9_000_000], clock=Fraction(1, 1))
    with pytest.raises(BadFile, match=r"would be shown for 8999999 s. Set a stop"):
        list(frames(path, seconds=0.01))
    assert len(list(frames(path, seconds=0.5, stop=2))) == 4


def test_a_frame_shows_and_saves_itself(plain: Path, tmp_path: Path) -> None:
    frame = next(frames(plain))
    assert repr(frame) == "Frame(index=0, time_s=0.0)"
    np.testing.assert_array_equal(read(frame.save(tmp_path / "a.png")), frame.picture)
    assert frame._repr_png_().startswith(b"\x89PNG")
    assert repr(Film(plain)).endswith("plain.mp4', 64x48, 25 fps, h264)")


def test_public_names_are_there() -> None:
    assert {"Film", "frames", "properties", "clips", "extract"} <= set(dir(kerato.data))


@given(count=st.integers(1, 200), wanted=st.integers(1, 40), parts=st.integers(1, 5))
def test_even_samples_ascend_and_cover_the_film(count: int, wanted: int, parts: int) -> None:
    rows = evenly(count, wanted, parts)
    assert rows.shape == (parts, wanted)
    for row in rows:
        real = row[row >= 0]
        assert len(real) >= 1 and (np.diff(real) > 0).all() and real.max() < count
        assert (row[len(real) :] == -1).all()
        if len(real) > 1 and len(real) == wanted:
            assert np.ptp(np.diff(real)) <= 1


def test_clips_have_one_shape_and_the_frames_of_the_film(made: dict[str, Path]) -> None:
    taken = clip(made["stored.avi"], 5)
    assert taken.shape == (1, 5, 48, 64, 3) and taken.dtype == np.uint8
    np.testing.assert_array_equal(taken[0], [scene(i) for i in (3, 9, 15, 21, 27)])
    grey = clips([made["plain.mp4"], made["old.avi"]], 4, (24, 32), color_mode="grayscale", parts=2)
    assert grey.shape == (4, 4, 24, 32, 1)


@pytest.mark.parametrize(("pad", "last"), [("last", 2), ("loop", 1), ("black", None)])
def test_short_films_are_padded(tmp_path: Path, pad: Any, last: int | None) -> None:
    short = film(tmp_path / "short.avi", 3, codec="rawvideo", pixels="bgr24")
    taken = clip(short, 5, pad=pad)[0]
    np.testing.assert_array_equal(taken[:3], [scene(i) for i in range(3)])
    np.testing.assert_array_equal(taken[4], np.zeros_like(scene(0)) if last is None else scene(last))


@pytest.mark.parametrize(("step", "starts"), [(None, [0, 8, 16]), (4, [0, 4, 8, 12, 16, 20]), (12, [0, 12])])
def test_windows_stream_over_the_film(made: dict[str, Path], step: int | None, starts: list[int]) -> None:
    found = list(windows(made["stored.avi"], 8, step=step))
    assert [round(time * 25) for time, _ in found] == starts
    np.testing.assert_array_equal(found[-1][1][0], scene(starts[-1]))


def test_clip_arguments_are_checked(plain: Path) -> None:
    with pytest.raises(InvalidValue, match=r"`frames` must be an int >= 1. Got 0"):
        clip(plain, 0)
    with pytest.raises(UnknownName, match=r"'lost' is not known .* Did you mean 'last'"):
        clip(plain, pad="lost")
    with pytest.raises(InvalidValue, match=r"`paths` must be one film or more. Got \[\]"):
        clips([])


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_extraction_writes_what_the_manifest_says(plain: Path, tmp_path: Path, suffix: str) -> None:
    done = extract(plain, tmp_path / "o", every=4, suffix=suffix, size=(24, 32), threads=3)
    written = json.loads(done.manifest.read_text(encoding="utf-8"))
    assert [entry["index"] for entry in written["frames"]] == list(range(0, 30, 4))
    assert (written["width"], written["codec"], written["frames_from"]) == (64, "h264", "header")
    for entry in written["frames"]:
        data = (tmp_path / "o" / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert read(tmp_path / "o" / entry["file"]).shape == (24, 32, 3)
    assert written["every"] == 4 and written["damage"] is None


def test_extraction_does_not_depend_on_threads(plain: Path, tmp_path: Path) -> None:
    first, second = (extract(plain, tmp_path / str(n), threads=n).entries for n in (1, 4))
    assert first == second


def test_extraction_in_colour_is_right(made: dict[str, Path], tmp_path: Path) -> None:
    extract(made["stored.avi"], tmp_path, every=29)
    assert np.abs(read(tmp_path / "000001.jpg").astype(int) - scene(29)).mean() < 6


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"suffix": "jgp"}, r"picture format 'jgp' is not known .* Did you mean 'jpg'"),
        ({"manifest": "xml"}, r"manifest format 'xml' is not known"),
        ({"quality": 0}, r"`quality` must be an int >= 1"),
        ({"start": 1.0, "stop": 1.001, "every": 1}, None),
        ({"start": 1.001, "stop": 1.002}, r"no frame of .* lies between 1.001 and 1.002 s"),
    ],
)
def test_extraction_checks_what_it_is_asked(
    plain: Path, tmp_path: Path, choice: dict[str, Any], message: str | None
) -> None:
    if message is None:
        assert len(extract(plain, tmp_path / "o", **choice).entries) == 1
        return
    with pytest.raises((InvalidValue, UnknownName), match=message):
        extract(plain, tmp_path / "o", **choice)


def test_a_folder_that_cannot_be_written_is_named(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "000000.jpg").mkdir()
    with pytest.raises(BadFile, match=r"000000.jpg cannot be written"):
        extract(plain, tmp_path)


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `kerato frames`; the code of an error is 1."""
    result = CliRunner().invoke(frames_command, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, str(result.exception) if result.exit_code == 1 else result.stderr


def test_the_command_writes_csv_and_tells_json(plain: Path, tmp_path: Path) -> None:
    code, out, _ = run(
        *(plain, "--seconds", "0.4", "--from", "0:00.1", "--to", "1.1", "--format", "png", "--manifest", "csv"),
        *("--out", tmp_path / "o", "--json"),
    )
    assert code == 0
    assert json.loads(out)["pictures"] == 3
    with (tmp_path / "o" / "frames.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["index"] for row in rows] == ["2", "12", "22"]
    assert sorted(os.listdir(tmp_path / "o")) == ["000000.png", "000001.png", "000002.png", "frames.csv"]


def test_the_command_tells_what_a_film_is(made: dict[str, Path]) -> None:
    code, out, _ = run(made["variable.mp4"], "--info")
    assert code == 0
    assert "64 x 48 pixels, 3.44828 fps on average, variable" in out
    assert "30 frames (counted)" in out


def test_the_command_refuses_what_makes_no_sense(plain: Path, tmp_path: Path) -> None:
    assert run(plain, "--every", 2, "--seconds", 1)[0] == 2
    assert "is no time" in run(plain, "--from", "soon")[2]
    code, _, error = run(tmp_path / "none.mp4", "--out", tmp_path / "o")
    assert code == 1 and "there is no such film" in error and not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", r"empty.mp4: the film is empty \(0 bytes\)"),
        ("text.mp4", b"no film at all\n" * 50, r"text.mp4: this is no film that can be read"),
        ("picture.mp4", None, r"picture.mp4: this is a PNG picture, not a film"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", r"this is no film that can be read"),
        ("list.txt", b"ffconcat version 1.0\nfile /etc/passwd\n", r"this is no film that can be read"),
    ],
)
def test_what_is_no_film_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is None:
        write(tmp_path / "a.png", scene(0)).rename(path)
    else:
        path.write_bytes(content)
    with pytest.raises(BadFile, match=message):
        Film(path)


def test_sound_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"must have a picture track. Got sound only \(aac\)"):
        Film(sound_only(tmp_path / "song.m4a"))


def test_a_cover_does_not_make_a_song_a_film(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as out:
        cover: Any = out.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 48, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(scene(0), format="rgb24")
        out.mux(cover.encode(frame))
        out.mux(cover.encode(None))
    with pytest.raises(BadFile, match=r"must have a picture track"):
        Film(tmp_path / "song.m4a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(BadFile, match=r"must be a file or a folder of pictures, this is neither"):
        Film(tmp_path / "pipe.mp4")


def test_names_with_colons_and_other_scripts_are_files(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 2).rename(tmp_path / "concat:电影 %03d.mp4")
    assert len(Film(path)) == 2


def test_an_interrupted_recording_is_named(plain: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(plain.read_bytes()[:2000])
    with pytest.raises(BadFile, match=r"its index \(the moov box\) is missing"):
        Film(cut)


def test_a_film_that_ends_too_soon_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    whole = index_first(tmp_path / "fast.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    with pytest.warns(DamagedFilm, match=r"cut.mp4 is damaged: .* frames of the 30 that its header announces"):
        found = told(cut)
    assert 5 < len(found) < 30
    assert found[:5] == told(whole)[:5]
    with Film(cut) as opened:
        assert len(opened) == len(found)
        assert opened[4].time_s == found[4][1]
    code, _, error = run(cut, "--out", tmp_path / "o")
    assert code == 0 and "is damaged" in error
    assert "30" in json.loads((tmp_path / "o" / "frames.json").read_text())["damage"]


def index_first(path: Path) -> Path:
    """An MP4 whose index comes before its frames."""
    import av

    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"g": "5"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for index in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(scene(index), format="rgb24")))
        out.mux(stream.encode(None))
    return path


def test_a_cut_gif_is_noticed(made: dict[str, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.gif"
    cut.write_bytes(made["animation.gif"].read_bytes()[:-1])
    with pytest.warns(DamagedFilm, match=r"the end of the file is missing"):
        assert len(told(cut)) == 30


def damaged(source: Path, folder: Path, number: int) -> Path:
    """A copy of a film that is cut, has bits turned, or has another name, by `number`."""
    chance = random.Random(number)
    content = bytearray(source.read_bytes())
    suffix = source.suffix
    if number % 3 == 0:
        content = content[: chance.randrange(len(content))]
    elif number % 3 == 1:
        for _ in range(chance.choice([1, 8, 64, 512])):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    else:
        suffix = chance.choice([".mp4", ".avi", ".mkv", ".gif", ".jpg", ".txt"])
    path = folder / f"{number:04d}_{source.stem}{suffix}"
    path.write_bytes(content)
    return path


def read_damaged(path: Path) -> str:
    """What reading a damaged film leads to: read, damaged or refused; anything else fails the test."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            with Film(path) as opened:
                opened.properties()
                count = sum(1 for _ in opened)
                assert count == len(opened)
                opened[count // 2]
        except BadFile as error:
            assert path.name in str(error)
            return "refused"
    assert bool(opened.damage) == bool(heard)
    assert all(path.name in str(warning.message) for warning in heard)
    return "damaged" if opened.damage else "read"


def spoil(made: dict[str, Path], folder: Path, count: int) -> dict[str, int]:
    """How many of `count` damaged films were read, found damaged, refused."""
    sources = list(made.values())
    outcomes = [read_damaged(damaged(sources[n // 3 % len(sources)], folder, n)) for n in range(count)]
    return {outcome: outcomes.count(outcome) for outcome in ("read", "damaged", "refused")}


def test_damaged_films_neither_crash_nor_hang(made: dict[str, Path], tmp_path: Path) -> None:
    outcomes = spoil(made, tmp_path, 60)
    assert outcomes["refused"] > 5 and outcomes["damaged"] > 5 and outcomes["read"] >= 15


@pytest.mark.slow
def test_a_thousand_damaged_films_neither_crash_nor_hang(made: dict[str, Path], tmp_path: Path) -> None:
    outcomes = spoil(made, tmp_path, 1000)
    assert sum(outcomes.values()) == 1000 and outcomes["refused"] > 100 and outcomes["damaged"] > 100


class Stumbling:
    """A container whose third packet is of an unlisted track, and whose reading then breaks off after some more."""

    def __init__(self, container: Any) -> None:
        self.container, self.demuxed = container, 0

    def demux(self, stream: Any) -> Any:
        """Packets, with an error at the end."""
        self.demuxed += 1
        yield from itertools.islice(self.container.demux(stream), 3 if self.demuxed == 1 else 12)
        raise IndexError if self.demuxed == 1 else OSError


def test_unlisted_tracks_are_passed_over_and_read_errors_counted(plain: Path) -> None:
    decoder = Decoder(plain)
    container = decoder.container
    decoder.container = Stumbling(container)  # type: ignore[assignment]
    assert sum(1 for _ in decoder.frames()) == 15
    assert decoder.trouble == {"an unreadable part": 1, "a damaged frame": 0}
    container.close()


def test_where_the_container_cannot_seek_frames_are_decoded_from_the_start(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = told(plain)
    monkeypatch.setattr(Decoder, "seek", lambda self, tick: False)
    with Film(plain) as opened:
        frame = opened[17]
    assert (frame.index, frame.time_s, hashlib.sha1(frame.picture.tobytes()).hexdigest()) == expected[17]


def test_too_many_pixels_are_refused(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kerato.data.decoding.MAX_PIXELS", 1000)
    with pytest.raises(BadFile):
        Film(plain)


def test_too_many_frames_are_refused(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kerato.data.containers.MAX_FRAMES", 10)
    with pytest.raises(BadFile, match=r"may have 10 frames, this one has more"):
        list(frames(plain))


def test_a_frame_that_is_not_there_is_named(plain: Path) -> None:
    source = Container(plain)
    stamps = source.stamps()
    stamps.ticks[7] += 1
    with pytest.raises(BadFile, match=r"frame 7 cannot be decoded, the file is damaged"):
        next(source.walk(7))
