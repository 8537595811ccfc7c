"""Runs side by side: what differs, what the intervals say, curves as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kerato.errors import BadFile
from kerato.tasks.comparison import compare, curve_text


def run(folder: Path, accuracy: float, interval: list[float], **settings: Any) -> Path:
    folder.mkdir()
    kept = {"data": "cats", "net": "photo_cnn", "judged": "test", "seconds": 3.0, **settings}
    kept |= {"test_accuracy": accuracy, "test_interval": interval}
    (folder / "run.json").write_text(json.dumps(kept))
    (folder / "history.csv").write_text("epoch,loss,accuracy\n1,0.9,0.5\n2,0.4,0.8\n")
    return folder


def test_settings_that_differ_are_shown_and_no_others(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", 0.7, [0.62, 0.77], seed=0), run(tmp_path / "b", 0.74, [0.66, 0.8], seed=1)]
    found = compare(runs)
    assert found.differing() == {"seed": {str(runs[0]): 0, str(runs[1]): 1}}
    assert found.verdict().startswith(f"{runs[1]} has the highest score, but the intervals overlap")
    text = "\n".join(found.lines())
    assert "test accuracy 70.00 % (62.0 to 77.0 %), 3.0 s of training" in text
    assert "loss, 0.4 to 0.9" in text
    assert "█▁" in text and "▁█" in text
    assert found.as_json()["scores"][str(runs[0])]["accuracy"] == 0.7


def test_a_clear_winner_is_named(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", 0.9, [0.85, 0.94]), run(tmp_path / "b", 0.7, [0.6, 0.78])]
    assert compare(runs).verdict() == f"{runs[0]} is better: its interval lies above all others"
    assert compare(runs).lines()[0] == "settings: all the same"


def test_a_run_without_a_score_is_shown(tmp_path: Path) -> None:
    bare = run(tmp_path / "a", 0.9, [0.85, 0.94])
    (bare / "run.json").write_text("{}")
    found = compare([bare, run(tmp_path / "b", 0.7, [0.6, 0.78])])
    assert found.verdict() == "there are no two scores to compare"
    assert any("not measured" in line for line in found.lines())


def test_long_curves_are_thinned_and_gaps_shown() -> None:
    assert len(curve_text(list(range(400)), 0, 399)) == 40
    assert curve_text([float("nan"), 1.0], 0, 1) == "?█"
    assert curve_text([2.0, 2.0], 2, 2) == "▁▁"


@pytest.mark.parametrize("damage", ["missing", "no json", "a list"])
def test_what_is_no_run_is_named(tmp_path: Path, damage: str) -> None:
    bad = tmp_path / "bad"
    if damage != "missing":
        run(bad, 0.7, [0.6, 0.8])
        (bad / "run.json").write_text("[]" if damage == "a list" else "{")
    with pytest.raises(BadFile, match=r"compare: .* must be the folder of an earlier run"):
        compare([bad, bad])
