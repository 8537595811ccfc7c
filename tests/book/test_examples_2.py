"""The examples of chapter 2, and that of three ways with few pictures, run offline and save their pictures."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from kerato import image

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "pictures"),
    [
        ("2_1_lenet5", "together 60,000", ["2_1_lenet5"]),
        ("2_2_filters", "response", ["2_2_filters"]),
        ("2_3_all_filters", "never answer", ["2_3_conv1", "2_3_conv2"]),
        ("2_4_fooling", "noise is taken for 9 with 99", ["2_4_fooling"]),
        ("2_4_why", "taken for class", ["2_4_why_layer_cam", "2_4_why_integrated_gradients"]),
        ("7_1_small_data", "block 2 is bit for bit as it was: True", ["7_1_small_data"]),
    ],
)
def test_the_examples_run(
    name: str, words: str, pictures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = EXAMPLES / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path)])
    runpy.run_path(str(path), run_name="__main__")
    assert words in capsys.readouterr().out
    for picture in pictures:
        assert image.read(tmp_path / f"{picture}.png").std() > 1
