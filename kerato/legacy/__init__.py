"""Old code: what earlier versions of Keras understood differently, as tables. The only place that knows.

`arguments` is how a call is read, `rules` and `layers` have the rows of the old dialect, `tables` joins them; `methods`
has `fit` and its companions, `modules` says where `keras.*` is. `install()` lets `import keras` mean Kerato.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from typing import Any

from kerato.legacy.arguments import Old
from kerato.legacy.tables import FUNCTIONS, NAMES, TABLE, translate
from kerato.legacy.tables import dialect as _dialect

__all__ = ["FUNCTIONS", "NAMES", "TABLE", "Old", "dialect", "install", "translate", "uninstall"]


def dialect() -> AbstractContextManager[None]:
    """Within the block, calls mean what they meant in Keras 2.0.5, whoever makes them."""
    importlib.import_module("kerato.legacy.methods").teach()
    return _dialect()


def install(dialect: str | None = None) -> None:
    """From now on `import keras`, `tensorflow.keras` and all their modules mean Kerato in this process.

    Args:
        dialect: what calls mean, `'keras2'` (defaults, words and formulas of Keras 0.3 to 2.0.5) or `'keras3'`
            (today's); None goes by the name that a file imports: `keras` is 2.0.5, `tensorflow.keras` today's with
            older words. A file that imports none of them but `kerato` speaks today's in any case.

    Raises:
        InvalidCall: the real Keras or TensorFlow has been imported already.
        UnknownName: there is no such dialect.
    """
    _imports().install(dialect)


def uninstall() -> None:
    """`import keras` means again what is installed; objects that scripts hold go on working."""
    _imports().uninstall()


def _imports() -> Any:
    return importlib.import_module("kerato.legacy.imports")
