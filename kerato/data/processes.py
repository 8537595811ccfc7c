"""Batches made by other processes: each holds a copy of the source and gives the batches it is asked for.

The processes are spawned, never forked: JAX's threads would not survive a fork. So the source travels by pickling, and
a script that trains when it is imported needs `if __name__ == "__main__":` around that.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from queue import SimpleQueue
from typing import Any

from kerato.errors import InvalidCall

Worker = tuple[Any, Any]


class CannotTravel(InvalidCall):
    """A source cannot be sent to another process, or not be rebuilt there."""


class RemoteTraceback(Exception):
    """Where an error happened in the other process, in its own words."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Processes:
    """Processes that index a source: `load(source)`, then `processes(index)` from as many threads as there are.

    Args:
        count: how many.

    Raises:
        CannotTravel: the processes could not begin.
    """

    def __init__(self, count: int) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._workers: list[Worker] = []
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(count):
            ours, theirs = spawning.Pipe()
            process = spawning.Process(target=serve, args=(theirs,), name="kerato-data", daemon=True)
            try:
                process.start()
            except (RuntimeError, OSError) as error:
                self.close()
                raise CannotTravel(str(error).strip().partition("\n")[0]) from None
            theirs.close()
            self._workers.append((process, ours))

    def load(self, source: Any) -> None:
        """Give every process a copy of `source` as it is now.

        Raises:
            CannotTravel: it cannot be pickled, or the processes do not know its class.
        """
        try:
            for _, pipe in self._workers:
                pipe.send(("source", source))
            answers = [pipe.recv() for _, pipe in self._workers]
        except (EOFError, OSError):
            raise CannotTravel("a process died while it began") from None
        except Exception as error:  # pickling calls the source's own code
            raise CannotTravel(f"{type(error).__name__}: {error}") from None
        for fine, found in answers:
            if not fine:
                raise CannotTravel(str(found[0] or found[1]).strip().splitlines()[-1])
        self._idle = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def __call__(self, index: int) -> Any:
        """`source[index]`, made by the next process that is idle.

        Raises:
            InvalidCall: the process died.
            Exception: what the source raised there, with that traceback as its cause.
        """
        process, pipe = worker = self._idle.get()
        try:
            pipe.send(("index", index))
            fine, found = pipe.recv()
        except (EOFError, OSError):
            process.join(1)
            raise InvalidCall(
                f"fit: a process that makes batches died at batch {index} (exit code {process.exitcode}). "
                "Was memory short? Fewer workers need less."
            ) from None
        finally:
            self._idle.put(worker)
        if fine:
            return found
        error, text = found
        raise (error or InvalidCall(text.strip().splitlines()[-1])) from RemoteTraceback(text)

    def close(self) -> None:
        """End the processes; who waits for one of them gets an error."""
        # The pipes close when the last thread lets go of them: a number closed here could be another file's the moment
        # a thread writes to it.
        for process, _ in self._workers:
            process.terminate()
        self._workers = []


def serve(pipe: Any) -> None:
    """What one of the processes does: take a source, then make the batches of the indices that come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the reader decides
    source: Any = None
    while True:
        try:
            what, value = pipe.recv()
            source = value if what == "source" else source
            answer = True, None if what == "source" else source[value]
        except (EOFError, OSError):
            return
        except Exception as error:
            answer = False, (error, traceback.format_exc())
        try:
            pipe.send(answer)
        except OSError:
            return
        except Exception as error:  # what was made, or the error itself, cannot be pickled
            text = answer[1][1] if not answer[0] else f"{type(error).__name__}: {error}"  # type: ignore[index]
            pipe.send((False, (None, text)))
