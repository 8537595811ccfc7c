"""A run on one HTML page that needs nothing else: what was learned, what goes wrong, and what to do next.

`write(path, record, model, train, held_out, scores)` looks at all of it and writes the page; `Clock` measures where
the time of a run goes.
"""

from __future__ import annotations

from kerato.report.clock import Clock
from kerato.report.evidence import Evidence, Record, gather
from kerato.report.page import render, write
from kerato.report.verdict import Learning, Verdict, judge

__all__ = ["Clock", "Evidence", "Learning", "Record", "Verdict", "gather", "judge", "render", "write"]
