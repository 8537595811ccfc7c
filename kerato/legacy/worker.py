"""What a worker process that is spawned by a script under `kerato run` has as its main module."""

from kerato.legacy import scripts

if __name__ == "__mp_main__":
    scripts.in_worker(globals())
