"""docs/dialects.md, made from the tables of `kerato.legacy`: `python tests/dialect_page.py` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kerato
from kerato.legacy import FUNCTIONS, NAMES, TABLE, Old
from kerato.legacy.methods import AROUND, METHODS

PAGE = Path(kerato.__file__).parent.parent / "docs" / "dialects.md"

HEAD = """# Two dialects

`import kerato` speaks today's Keras (3). A script that imports `keras`, run with `kerato run` or after
`kerato.legacy.install()`, speaks that of Keras 2.0.5, the book's version, and knows the words of Keras 0.3 and 1 too.
Where the two mean different things by the same call, a row of a table gives the arguments of today's class that mean
what 2.0.5 meant; objects hold these values from then on, so what a script saves means the same everywhere. This page is
made from those tables (`kerato/legacy/`), and a test keeps it so. `oracle/signatures.py` compares every signature of
Keras 2.0.5's source with today's and finds none without a row or a reason.
"""

FORMULAS = """
## Names that meant other formulas

| name | in the old dialect | today |
|---|---|---|
| `activations.hard_sigmoid` | `0.2 x + 0.5`, cut to 0..1; here `hard_sigmoid_02` | `x / 6 + 0.5`, cut to 0..1 |
| `initializers.glorot_normal`, `he_normal`, `VarianceScaling` | cut at two deviations, variance 0.774 of that | \
widened, so that the variance is what it says |
| `losses.hinge`, `squared_hinge` (and as metrics) | labels as they are; here `hinge_of_signs` | 0 and 1 mean -1 and 1 |
| weighted losses | divided by the number of weights that are not 0; here the reduction `sum_over_counted` | \
divided by the number of samples |
| penalties on outputs (`activity_regularizer`) | summed over the batch; here `regularizers.SummedOverBatch` | \
divided by the number of samples |
| `clipnorm` | one norm of all gradients, today's `global_clipnorm` | one norm per weight |
| `RMSprop`, `Adagrad` | epsilon outside the root; here `epsilon_outside` | inside |
| `regularizers.l1_l2` | 0.01 and 0.01 where nothing is said | 0 and 0 |
| `'accuracy'` | chosen by the loss | chosen by the shapes of outputs and targets |

## Not followed

| what 2.0.5 did | why not here |
|---|---|
| fans of kernels of Conv1D and Conv3D multiplied two wrong axes | an error, corrected later; the values \
of `VarianceScaling` for Dense and Conv2D are the same |
| a BatchNormalization with `trainable = False` still normalised by the batch in training | today's meaning is what \
scripts that freeze layers hoped for |
| `Orthogonal` took the U or V of a singular value decomposition | another matrix of the same distribution |
"""


def words(row: Old) -> Iterator[tuple[str, str]]:
    """Old words and what they are today."""
    for old, today in [*row.names.items(), *row.older.items()]:
        yield f"`{old}`", f"`{today}`" if today else "not needed"
    for today, parts in row.joined.items():
        yield f"`{', '.join(parts)}`", f"`{today}`"


def table(title: str, head: str, rows: list[str]) -> str:
    """A table with its heading."""
    return f"\n## {title}\n\n| {head} |\n|{'---|' * (head.count('|') + 1)}\n" + "\n".join(rows) + "\n"


def _defaults(rows: dict[str, Old]) -> list[str]:
    found = []
    for owner, row in sorted(rows.items()):
        if row.defaults:
            said = ", ".join(f"`{name}={value!r}`" for name, value in row.defaults.items())
            found.append(f"| `{owner}` | {said} |")
    return found


def _words(rows: dict[str, Old]) -> list[str]:
    said: dict[tuple[str, str], list[str]] = {}
    for owner, row in sorted(rows.items()):
        for pair in words(row):
            said.setdefault(pair, []).append(f"`{owner}`")
    pairs = sorted(said.items(), key=lambda item: item[0][0].lower())
    return [f"| {old} | {today} | {', '.join(owners)} |" for (old, today), owners in pairs]


def _rewrites(rows: dict[str, Old]) -> list[str]:
    said: dict[str, list[str]] = {}
    rules: dict[str, Any] = {owner: row.rewrite for owner, row in rows.items() if row.rewrite is not dict}
    rules |= {name.removesuffix(".__init__"): rule for name, rule in AROUND.items()}
    for owner, rule in sorted(rules.items()):
        text: Any = rule.__doc__
        if text:
            said.setdefault(" ".join(text.partition("\n\n")[0].split()), []).append(f"`{owner}`")
    return [f"| {', '.join(owners)} | {text} |" for text, owners in said.items()]


def page() -> str:
    """The whole page."""
    everything = {**TABLE, **{name.removesuffix(".__init__"): row for name, row in METHODS.items()}}
    return (
        HEAD
        + FORMULAS
        + table("Defaults of 2.0.5", "what | a call that leaves it out means", _defaults(everything))
        + table("Meanings that no renaming gives", "what | what 2.0.5 meant", _rewrites(everything))
        + table("Words", "old word | today's | of", _words(everything))
    )


def unmentioned() -> set[str]:
    """Names of other formulas that the page does not speak of."""
    names = {name for family in NAMES.values() for name in family} | {name.partition(".")[2] for name in FUNCTIONS}
    return {name for name in names if name not in FORMULAS and name not in {"maxnorm", "nonneg", "unitnorm", "relu"}}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
