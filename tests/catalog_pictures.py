"""The table's rows of layers that merge, that are activations or noise, and that change pictures on the device."""

from __future__ import annotations

from catalog_row import Row

ROWS: list[Row] = []
