"""Charts: valid SVG with everything inside, whatever the numbers are."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import pytest

from kerato.charts import HEIGHT, WIDTH, curves

NAN, INF = math.nan, math.inf
CASES: dict[str, list[float]] = {
    "usual": [2.0, 1.0, 0.5],
    "one epoch": [0.7],
    "no epoch": [],
    "constant": [0.5] * 4,
    "zeros": [0.0, 0.0],
    "broken": [1.0, NAN, 0.5, INF, 0.2],
    "all broken": [NAN, NAN],
    "huge": [1e12, 3e-9],
    "long": [1 / (i + 1) for i in range(1000)],
    "ones": [1.0, 1.0],
}


@pytest.mark.parametrize("ceiling", [None, 1.0])
@pytest.mark.parametrize("name", CASES)
def test_charts_are_valid_and_stay_inside(name: str, ceiling: float | None) -> None:
    values = [min(v, 1.0) for v in CASES[name]] if ceiling else CASES[name]
    svg = ElementTree.fromstring(curves("x", {"train": values, "validation": values}, ceiling, {"test": 0.4, "b": NAN}))
    for element in svg.iter():
        for key in ("x", "x1", "x2", "cx"):
            assert 0 <= float(element.get(key, "0")) <= WIDTH
        for key in ("y", "y1", "y2", "cy"):
            assert 0 <= float(element.get(key, "0")) <= HEIGHT
        points = [float(v) for v in re.split("[ ,]", element.get("points", "")) if v]
        assert all(0 <= v <= WIDTH for v in points)


def test_a_line_goes_from_the_first_to_the_last_epoch() -> None:
    svg = ElementTree.fromstring(curves("loss", {"train": [1.0, 0.5, 0.0]}))
    (line,) = svg.iter("polyline")
    xs, ys = zip(*(map(float, point.split(",")) for point in str(line.get("points")).split()), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.2)
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "loss")


def test_labels_of_equal_ends_do_not_touch() -> None:
    svg = ElementTree.fromstring(curves("x", {"train": [1.0, 0.0], "validation": [1.0, 0.0]}, ends={"test": 0.0}))
    heights = sorted(float(str(text.get("y"))) for text in svg.iter("text") if "name" in str(text.get("class")))
    assert len(heights) == 3
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 12


def test_texts_are_escaped() -> None:
    text = curves('<b>"&', {"<script>": [1.0, 2.0]})
    assert "<script" not in text
    assert ElementTree.fromstring(text).get("aria-label") == '<b>"&'
