"""Results as a picture: each work's time on every side, as a multiple of the fastest peer's.

    python benchmarks/plot.py [RESULTS.csv ...] [PICTURE.png]

By default the newest file of `results/`, as `docs/pictures/bench.png`, 900 pixels wide. Needs Matplotlib.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from works import LINES

HERE = Path(__file__).parent
OURS = "kerato"
#: side -> its name and colour: ours stands out from greys by lightness, too
SIDES = {
    OURS: ("Kerato", "#0b5fb0"),
    "keras-tensorflow": ("Keras on TensorFlow", "#6b6b6b"),
    "keras-jax": ("Keras on JAX", "#969696"),
    "keras-torch": ("Keras on torch", "#bdbdbd"),
    "torch by hand": ("torch by hand", "#dedede"),
}
SHOWN = (
    *("mnist", "cifar", "resnet", "resnet augmented", "resnet50", "mobilenet", "perceptron"),
    *("predict", "gradient", "augment", "folder", "whole cold", "whole warm"),
)
MOST = 4.0  # longer bars are cut, and their labels say how long they are
BAR = 0.17  # inches
PLAIN = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # behind labels, before the line at 1


def medians(paths: list[Path]) -> dict[str, dict[str, float]]:
    """work -> side -> median, in the work's unit."""
    found: dict[str, dict[str, float]] = {}
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    for row in csv.DictReader(lines):
        if row["side"] in SIDES and row["median"]:
            found.setdefault(row["work"], {})[row["side"]] = float(row["median"])
    return {work: found[work] for work in SHOWN if len(found.get(work, {})) > 1}


def label(value: float, ratio: float, unit: str) -> str:
    """What stands at the end of a bar."""
    amount = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    return f"{amount} {unit}" + (f", {ratio:.1f} times" if ratio > MOST else "")


def draw(found: dict[str, dict[str, float]], path: Path) -> None:
    """Save the bars, works down, sides in each from ours on."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    height = 0.9 + BAR * sum(len(times) + 1 for times in found.values())
    figure, axes = plt.subplots(figsize=(9, height), dpi=100, layout="constrained")
    at, ticks = 0.0, {}
    for work, times in found.items():
        fastest = min(value for side, value in times.items() if side != OURS)
        ticks[at + (len(times) - 1) / 2] = LINES[work].title.replace(", ", "\n", 1)
        for side in (side for side in SIDES if side in times):
            ratio = times[side] / fastest
            axes.barh(at, min(ratio, MOST), 0.9, color=SIDES[side][1])
            bold = {"fontweight": "bold", "color": SIDES[side][1]} if side == OURS else {"color": "#333333"}
            text = label(times[side], ratio, LINES[work].unit)
            axes.text(min(ratio, MOST) + 0.04, at, text, va="center", fontsize=8, bbox=PLAIN, **bold)
            at += 1
        at += 1
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(
        xlim=(0, MOST * 1.3), ylim=(at - 1, -1), xlabel="time, as a multiple of the fastest peer's: shorter is faster"
    )
    axes.set_yticks(list(ticks), list(ticks.values()), fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    present = {side for times in found.values() for side in times}
    keys = [plt.Rectangle((0, 0), 1, 1, color=colour) for side, (_, colour) in SIDES.items() if side in present]
    names = [name for side, (name, _) in SIDES.items() if side in present]
    figure.legend(keys, names, loc="outside upper center", ncols=len(names), frameon=False, fontsize=9)
    figure.savefig(path)


def main() -> None:
    """The command."""
    given = [Path(argument) for argument in sys.argv[1:]]
    sources = [path for path in given if path.suffix == ".csv"] or [max((HERE / "results").glob("*.csv"))]
    path = next((path for path in given if path not in sources), HERE.parent / "docs" / "pictures" / "bench.png")
    draw(medians(sources), path)
    print(f"{', '.join(map(str, sources))} drawn as {path}")


if __name__ == "__main__":
    main()
