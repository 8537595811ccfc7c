"""Every row of the book's checklist, as far as it is built, has a test that is named after it.

`rows.txt` has the rows of chapters 1 to 7, and those of the whole book, that are built. A test of row 3.2-05
is called `test_row_3_2_05_...`, or has `row_3_2_05` in its id.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = (HERE / "rows.txt").read_text().split()


def named(text: str) -> set[str]:
    """The rows in a test's name or id: `row_3_1_41` is 3.1-41, `row_x_01` X-01."""
    found = re.findall(r"row_(?:([1-8])_(\d)|(x))_(\d\d)(?!\d)", text, re.IGNORECASE)
    return {f"{chapter}.{section}-{number}" if chapter else f"X-{number}" for chapter, section, _, number in found}


def test_names_of_rows_are_read() -> None:
    assert named("test_row_3_2_06_and_row_3_2_05_several") == {"3.2-06", "3.2-05"}
    assert named("test_x[row_x_01-a]") == {"X-01"}
    assert named("test_row_3_2_0_or_row_3_2_061") == set()


def test_every_row_has_a_test(request: pytest.FixtureRequest) -> None:
    """Among the tests that run now; where these are only a part, collected anew."""
    tests = Collected()
    tests.pytest_collection_finish(request.session)
    if not tests.rows.issuperset(ROWS):
        assert pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", str(HERE)], plugins=[tests]) == 0
    assert [row for row in ROWS if row not in tests.rows] == []


class Collected:
    """A plugin that notes the rows of what pytest collects."""

    def __init__(self) -> None:
        self.rows: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            self.rows |= named(item.name)
