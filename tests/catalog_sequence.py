"""The table's rows of layers over time and of attention: embedding, recurrent, wrappers, attention."""

from __future__ import annotations

from catalog_row import Row

ROWS: list[Row] = []
