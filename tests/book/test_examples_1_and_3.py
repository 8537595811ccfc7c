"""The examples of sections 1.2, 3.1, 3.3 and 3.4 run and print what they are about."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

SAYS = {
    "1_2_symbolic": ("sums along axis 0: [10. 80.]",),
    "3_1_sequential": ("on digits it has never seen: loss",),
    "3_3_convolution": (
        "mean: (9, 9) -> (7, 7), first window 10, next 11",
        "strides 2: (4, 4)",
        "[[ 0 30 30  0]",
        "by hand, the window of rows 0 to 2 and columns 1 to 3: 30; by the layer: 30",
        "10 cells, windows of 3, {'strides': 2, 'padding': 'same'}: 5",
        "(None, 128, 128, 3) gives (None, 126, 126, 64) with 1792 weights",
    ),
    "3_4_pooling": (
        "MaxPooling1D      [3.0, 4.0, 9.0]",
        "GlobalAveragePooling2D [[2.375]]",
        "7 cells, windows of 2, {'padding': 'same'}: 4",
        "means of 4 with padding count real cells only: [2.667, 5.0]",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_the_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert [words for words in SAYS[name] if words not in printed] == []
