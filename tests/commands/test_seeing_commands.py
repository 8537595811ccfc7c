"""`look`, `explain` and `fool`: pictures, JSON, a page that a browser opens without a word, faults in one sentence."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerato import layers
from kerato.__main__ import main
from kerato.applications import NETS, Net
from kerato.image import read, write
from kerato.models import Sequential
from kerato.report.gallery import Gallery, Section, Shown
from kerato.see.pages import enlarged, heat_over, scale_bar, with_scale

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"),
    *("--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--no-proxy-server"),
)

#: looks at a page in frames of both widths and writes down what it finds
LOOKER = """<!DOCTYPE html><meta charset="utf-8"><pre id="found"></pre>
{frames}
<script>
addEventListener("load", () => {{
  const found = [...document.querySelectorAll("iframe")].map((frame) => {{
    const page = frame.contentDocument;
    return {{
      over: page.documentElement.scrollWidth - frame.width, pictures: page.images.length, scripts: page.scripts.length,
      broken: [...page.images].filter((image) => !image.naturalWidth).length,
      paper: getComputedStyle(page.body).backgroundColor,
      asked: frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name),
    }};
  }});
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A net that tells bright pictures from dark ones, with names."""
    stack = [
        layers.Input((8, 8, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(3, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    ]
    net = Sequential(stack)
    kernel = np.zeros((3, 3, 1, 3), "float32")
    kernel[1, 1, 0, :2] = 1, 2
    net.layers[1].set_weights([kernel, np.zeros(3, "float32")])
    net.layers[-1].set_weights([np.array([[-3, 3], [-3, 3], [0, 0]], "float32"), np.array([4, -4], "float32")])
    net.extra["class_names"] = ["night <b>", "day"]
    net.save(tmp_path_factory.mktemp("model") / "light.keras")
    return next(tmp_path_factory.getbasetemp().glob("model*/light.keras"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, noise = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    kinds = {"dark": (0, 60), "bright": (180, 256)}
    return [write(folder / f"{name}.png", noise.integers(*span, (8, 8, 1), np.uint8)) for name, span in kinds.items()]


def call(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def from_json(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 0) -> Any:
    capsys.readouterr()
    assert call(*arguments, "--json") == code
    return json.loads(capsys.readouterr().out)


def sentence(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 1) -> str:
    capsys.readouterr()
    assert call(*arguments) == code
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err
    return captured.err.strip().splitlines()[-1]


def kept(out: Path, name: str) -> Any:
    """The JSON that a command wrote; every picture that it names is there and can be read."""
    facts = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    assert {file.name for file in out.iterdir()} == {*facts["files"], f"{name}.json", "index.html"}
    assert all(min(read(out / file).shape[:2]) >= 8 for file in facts["files"])
    return facts


def test_looking_draws_filters_and_classes(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = from_json(capsys, "look", model, "--recipe", "book", "--steps", 3, "--out", tmp_path)
    assert found["out"] == str(tmp_path) and not found["untrained"]
    facts = kept(tmp_path, "look")
    assert facts["files"] == ["conv_filters.png", "classes.png"]
    (layer,) = facts["layers"]
    assert (layer["layer"], layer["dead"]) == ("conv", [2])
    ends = [one["response"] for one in layer["pictures"]]
    assert ends == sorted(ends, reverse=True) and {one["number"] for one in layer["pictures"]} == {0, 1}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "2 filters, the strongest first; 1 never responded" in page
    assert "night &lt;b&gt;" in page and "night <b>" not in page


def test_explaining_puts_heat_over_pictures(
    model: Path, files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    out = tmp_path / "out"
    arguments = ("explain", model, *files, bad, "--class", "day", "--out", out)
    found = from_json(capsys, *arguments, code=1)
    assert found["method"] == "grad_cam" and found["layer"] == "conv"
    assert len(found["failed"]) == 1 and str(bad) in found["failed"][0]
    facts = kept(out, "explain")
    assert facts["files"] == ["sheet.png", "000_dark_heat.png", "001_bright_heat.png"]
    assert [one["name"] for one in facts["pictures"]] == ["day", "day"]
    assert [Path(one["file"]).stem for one in facts["pictures"]] == ["dark", "bright"]
    assert all(0 <= one["trust"]["score"] <= 1 for one in facts["pictures"])
    assert facts["pictures"][0]["score"] < facts["pictures"][1]["score"]
    assert facts["pictures"][0]["trust"]["sentence"] in (out / "index.html").read_text(encoding="utf-8")
    assert read(out / "001_bright_heat.png").shape == (192, 192, 3)


def test_fooling_from_noise_and_from_a_picture(
    model: Path, files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = from_json(capsys, "fool", model, "--class", "day", "--out", tmp_path / "a")
    assert (found["target"], found["name"]) == (1, "day")
    assert found["probability"] >= 0.99 and found["fooled"]
    facts = kept(tmp_path / "a", "fool")
    assert facts["files"] == ["day.png", "sheet.png"]
    assert facts["probability"] == found["probability"]
    assert read(tmp_path / "a" / "day.png").shape[:2] == (8, 8)
    started = ("fool", model, "--class", "0", "--start", files[1], "--method", "fgsm", "--epsilon", "0.02")
    capsys.readouterr()
    assert call(*started, "--out", tmp_path / "b") == 0
    said = capsys.readouterr().out
    assert said.startswith('the picture is not taken for "night <b>"')
    facts = kept(tmp_path / "b", "fool")
    assert facts["largest_change"] <= 0.021 and not facts["fooled"]


def test_faults_are_one_sentence(
    model: Path,
    files: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # a reader of the README has runs where the tests begin
    assert "Did you mean 'day'?" in sentence(capsys, "fool", model, "--class", "dya", code=2)
    assert "a number below 2" in sentence(capsys, "fool", model, "--class", "7")
    assert "Did you mean 'conv'?" in sentence(capsys, "look", model, "--layer", "cnv", code=2)
    assert "Did you mean 'mnist_cnn'?" in sentence(capsys, "look", "mnist_cn", code=2)
    assert "there is no such file" in sentence(capsys, "explain", "none.keras", files[0])
    assert "is a folder" in sentence(capsys, "explain", files[0].parent, files[0])
    assert "no such file" in sentence(capsys, "explain", model, "none.png")
    assert call("explain", model, files[0], "--method", "magic") == 2
    assert not list(Path("runs").glob("*"))


def test_a_model_without_convolution_cannot_be_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = Sequential([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    flat.save(tmp_path / "flat.keras")
    assert "has no convolution" in sentence(capsys, "look", tmp_path / "flat.keras", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    Sequential([layers.Input((4,)), layers.Dense(2)]).save(tmp_path / "numbers.keras")
    assert "must have an input of pictures" in sentence(capsys, "fool", tmp_path / "numbers.keras", "--class", "1")


def test_a_net_by_name_has_random_weights_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(NETS, "tiny", Net("for tests", "4 mean", typical=(8, 8, 1)))
    assert call("look", "tiny", "--filters", 2, "--recipe", "book", "--steps", 1, "--out", tmp_path) == 0
    assert "random weights" in capsys.readouterr().err
    assert kept(tmp_path, "look")["untrained"]
    assert "random weights" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_heat_leaves_cold_places_grey_and_hot_ones_coloured() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    shown = heat_over(picture, np.array([[0, 1], [0.5, 0]]), 0.7).astype(int)
    assert np.ptp(shown[0, 0]) == 0 and shown[0, 0, 0] > 20, "a dark picture is not lost"
    red = shown[0, 1]
    assert red[0] > red[1] + 60 and red[0] > red[2] + 60
    large, heat = enlarged(np.zeros((8, 6, 1), np.uint8), np.eye(8, 6))
    assert large.shape == (192, 144, 1) and heat.shape == (192, 144)
    bar = scale_bar(100, 10)
    assert bar.shape == (10, 100, 3) and np.ptp(bar[0, 0]) == 0 and np.ptp(bar[0, -1].astype(int)) > 80
    assert with_scale(np.zeros((50, 300, 3), np.uint8), "heat").shape == (86, 300, 3)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")
@pytest.mark.parametrize("form", ["light", "dark"])
def test_the_page_opens_offline_without_a_word(form: str, tmp_path: Path) -> None:
    hostile = "<script>document.title='taken'</script> \u202etxt \x00" + "long" * 60
    pictures = [Shown(np.full((9, 12, 3), 20 * i, np.uint8), hostile) for i in range(9)]
    sections = [Section(hostile, hostile, pictures), Section("two", "", pictures[:2])]
    Gallery(hostile, "kerato look", {"Model": hostile}, Shown(scale_bar(), hostile), sections).write(
        tmp_path / "p.html"
    )
    frames = "\n".join(f'<iframe src="p.html" width={width} height=844></iframe>' for width in (390, 1400))
    (tmp_path / "looker.html").write_text(LOOKER.format(frames=frames), encoding="utf-8")
    dark = ["--blink-settings=preferredColorScheme=0"] if form == "dark" else []
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [str(CHROMIUM), *FLAGS, *dark, profile, (tmp_path / "looker.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match is not None, done.stderr
    for frame in json.loads(match[1]):
        assert frame["over"] <= 0
        assert (frame["pictures"], frame["broken"], frame["scripts"]) == (12, 0, 0)
        assert [url for url in frame["asked"] if not url.startswith("data:")] == []
        assert frame["paper"] == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 27)"}[form]
