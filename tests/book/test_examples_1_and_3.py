"""The examples of sections 1.2 and 3.1 run and print what they are about."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

SAYS = {"1_2_symbolic": "sums along axis 0: [10. 80.]", "3_1_sequential": "on digits it has never seen: loss"}


@pytest.mark.parametrize("name", SAYS)
def test_the_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert SAYS[name] in capsys.readouterr().out
