"""A small training script as a user has it: prints the seconds of the import and from there to the first step."""

from __future__ import annotations

import importlib
import json
import sys
import time

start = time.perf_counter()
keras = importlib.import_module(sys.argv[1])
imported = time.perf_counter()

nets, works = importlib.import_module("nets"), importlib.import_module("works")
nets.mnist_net(keras).fit(*works.noise(128, 28, 28, 1), batch_size=128, epochs=1, verbose=0)
done = time.perf_counter()

print(json.dumps({"import": imported - start, "first step": done - imported, "whole": done - start}))
