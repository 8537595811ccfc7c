"""Keras as the book knew it: `from kerato.keras.layers import Dense` is today's class, called in the words of 2.0.5.

The modules below it are those of Keras 0.3, 1 and 2; what they hold is Kerato's.
"""

import sys

from kerato.legacy import imports

imports.listen()
imports.as_proxy(sys.modules[__name__])
