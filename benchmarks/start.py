"""A small training script as a user has it: prints the seconds of the import and from there to the first step."""

from __future__ import annotations

import importlib
import json
import sys
import time

start = time.perf_counter()
keras = importlib.import_module(sys.argv[1])
imported = time.perf_counter()

if len(sys.argv) > 2:
    from works import mnist_net, noise

    mnist_net(keras).fit(*noise(128, 28, 28, 1), batch_size=128, epochs=1, verbose=0)

print(json.dumps({"import": imported - start, "first_step": time.perf_counter() - imported}))
