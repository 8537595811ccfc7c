"""The examples of the chapters on layers and training run offline and print what they promise.

Those that save pictures are tested with the pictures (`tests/image`).
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

#: example -> lines that it must print, as a reader works them out by hand
PRINTED = {
    "3_3_convolution": (
        "mean: (9, 9) -> (7, 7), the first window gives 10, the next 11",
        "strides 2: (4, 4)",
        " [[ 0 30 30  0]",
        "10 cells, windows of 3, {'strides': 2, 'padding': 'same'}: 5",
        "Conv2D(64, (3, 3)) of (None, 128, 128, 3) gives (None, 126, 126, 64) with 1792 weights",
    ),
    "3_4_pooling": (
        "MaxPooling1D      [3.0, 4.0, 9.0]",
        "GlobalAveragePooling2D [[2.375]]",
        "7 cells, windows of 2, {'padding': 'same'}: 4",
        "means of 4 with padding count real cells only: [2.667, 5.0]",
    ),
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_example_prints_the_numbers_of_its_section(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in PRINTED[name] if line not in printed] == []
