"""Old code: what earlier versions of Keras understood differently, as tables. The only place that knows.

`arguments` has the old dialect of arguments, defaults and formulas.
"""

from kerato.legacy.arguments import FUNCTIONS, NAMES, TABLE, Old, dialect, translate

__all__ = ["FUNCTIONS", "NAMES", "TABLE", "Old", "dialect", "translate"]
