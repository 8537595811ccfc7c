"""Old code: what earlier versions of Keras understood differently, as tables. The only place that knows.

`arguments` is how a call is read, `rules` and `layers` have the rows of the old dialect, `tables` joins them.
"""

from kerato.legacy.arguments import Old
from kerato.legacy.tables import FUNCTIONS, NAMES, TABLE, dialect, translate

__all__ = ["FUNCTIONS", "NAMES", "TABLE", "Old", "dialect", "translate"]
