step = 1.
