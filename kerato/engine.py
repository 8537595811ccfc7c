"""The engine: one pure step per phase, and the one loop that runs it over a batch source.

A step maps (state, batch, key) to a new state. The state is one list of arrays (weights, statistics, optimizer
slots, metric sums) that lives in a `Slot`, is donated to every step and replaced as a whole. Data on the device is
cut into batches by the compiled program itself, which runs any number of steps per call (`lax.fori_loop` with traced
bounds): the host looks in about twice a second. Other batches are stepped singly and asynchronously. All ways run
the same step with keys folded from (seed, epoch, step), so all give the same numbers.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerato import random
from kerato.additions import Additions
from kerato.callbacks import CallbackList
from kerato.data.sources import Arrays, Batch
from kerato.errors import InvalidCall
from kerato.programs import Program, enter, slow_in_loops
from kerato.scoring import Objective
from kerato.variables import Run, Slot, Variable

Array = Any
Step = Callable[[list[Array], Batch, Array], list[Array]]

_log = logging.getLogger("kerato")

#: how long the host leaves the device alone
CHUNK_S = 0.5
#: steps with rows of up to so many bytes have them gathered together; a larger batch gains nothing
FEW_BYTES = 256 * 1024
#: how much is gathered together: more was no faster
GATHER_BYTES = 8 * FEW_BYTES
#: a prediction of up to so many samples has a program of its own; above, sizes are rounded up where nothing changes
OWN_SIZE = 32


class Engine:
    """The state and the programs of a compiled model.

    Args:
        model: gives `variables`, `trainable_variables`, and `forward(run, x)`, a context with the list of outputs.
        optimizer: built for the trainable variables.
        objective: built for the shapes of targets and outputs.
    """

    def __init__(self, model: Any, optimizer: Any, objective: Objective) -> None:
        self.model, self.optimizer, self.objective = model, optimizer, objective
        self.trainable: list[Variable] = list(model.trainable_variables)
        state = [*model.variables, *optimizer.variables, *objective.variables]
        self.variables: list[Variable] = list(dict.fromkeys(state))
        self.slot = Slot([])
        self.looped: dict[str, bool] = {}
        self.why = ""
        self._waits = False
        self._pace: dict[Any, float] = {}
        self._programs: dict[Any, Program] = {}
        self._sums = Program(self._results, "results")

    # -- pure functions --------------------------------------------------------------------------------------------

    def train_step(self, state: list[Array], batch: Batch, key: Array) -> list[Array]:
        """The state after one update of the weights; losses and metrics are those before it."""
        values = dict(zip(self.variables, state, strict=True))
        written: list[Variable] = []

        def loss_of(trained: list[Array]) -> tuple[Array, list[Array]]:
            with Run({**values, **dict(zip(self.trainable, trained, strict=True))}, True, key) as run:
                total = self._measure(run, batch)
                scaled = self.optimizer.scale_loss(total)
            written.extend(run.updates)
            return scaled, list(run.updates.values())

        grads, updates = jax.grad(loss_of, has_aux=True)([values[v] for v in self.trainable])
        with Run({**values, **dict(zip(written, updates, strict=True))}, True, key) as run:
            self.optimizer.apply(grads, self.trainable)
        return [run.values[v] for v in self.variables]

    def test_step(self, state: list[Array], batch: Batch, key: Array) -> list[Array]:
        """The state with a batch counted into the metrics."""
        with Run(dict(zip(self.variables, state, strict=True)), False, key) as run:
            self._measure(run, batch)
        return [run.values[v] for v in self.variables]

    def _measure(self, run: Run, batch: Batch) -> Array:
        """The loss of a batch with all that layers and regularizers add; its sums are counted."""
        x, y, w = batch
        with self.model.forward(run, x) as outputs:
            if self._own_loss:
                total, parts = self._loss_by_hand(run, x, y, outputs, w)
            else:
                total, parts = self.objective.value(run, y, outputs, w)
                penalties = self.model.penalties(run)
                if run.training and not (parts or penalties):
                    raise InvalidCall(
                        f"{self.model.name}: there is no loss to make smaller. "
                        "Name one: compile(optimizer, loss='mse')."
                    )
                for item in penalties:
                    total = total + jnp.sum(item)
            self.objective.update(run, y, outputs, w, *lax.stop_gradient((total, parts)))
            for metric, tensor in self.model.added_metrics:
                value = lax.stop_gradient(jnp.mean(run.frames[-1].values([tensor])[0]))
                metric.update_state(value, sample_weight=jnp.asarray(x[0].shape[0], jnp.float32))
        return total

    @property
    def _own_loss(self) -> bool:
        return type(self.model).compute_loss is not Additions.compute_loss

    def _loss_by_hand(self, run: Run, x: Any, y: Any, outputs: Any, w: Any) -> tuple[Array, list[Array]]:
        """What a subclass's `compute_loss` says, and the parts of `compile`'s loss if it asked for that."""
        self.model.__dict__["_loss_parts"] = [jnp.zeros(())] * len(self.objective.parts)
        given = [values[0] if len(values) == 1 else list(values) or None for values in (x, y, w)]
        total = self.model.compute_loss(
            x=given[0],
            y=given[1],
            y_pred=self.model.restore_structure(outputs),
            sample_weight=given[2],
            training=run.training,
        )
        return jnp.asarray(total), self.model.__dict__.pop("_loss_parts")

    def _results(self, state: list[Array]) -> list[Array]:
        with Run(dict(zip(self.objective.variables, state, strict=True))):
            return list(self.objective.results().values())

    # -- programs --------------------------------------------------------------------------------------------------

    def _program(self, phase: str, kind: str, size: int = 0, together: int = 1) -> Program:
        key = (phase, kind, size, together)
        if key not in self._programs:
            step: Step = self.train_step if phase == "train" else self.test_step
            made = {"chunk": many(step, size, together), "one": one(step, size), "batch": streamed(step)}[kind]
            self._programs[key] = Program(made, f"{phase}, {kind} of {size}" if size else f"{phase} step", donated=(0,))
        return self._programs[key]

    @property
    def compilations(self) -> int:
        """How many programs of this engine were compiled so far."""
        return sum(program.compilations for program in (*self._programs.values(), self._sums))

    # -- state -----------------------------------------------------------------------------------------------------

    def take_state(self) -> None:
        """Hold all variables in this engine's slot, wherever they live now."""
        if any(variable._slot is not self.slot for variable in self.variables):
            self.slot = Slot([variable.concrete() for variable in self.variables])
            for index, variable in enumerate(self.variables):
                variable.bind(self.slot, index)

    def reset(self) -> None:
        """All losses and metrics to zero."""
        self.objective.reset()

    def logs(self) -> dict[str, float]:
        """Losses and metrics so far, by name."""
        values = self._sums([variable.concrete() for variable in self.objective.variables])
        found = (value.item() if value.ndim == 0 else value for value in jax.device_get(values))
        return dict(zip(self.objective.result_names, found, strict=True))

    # -- the loop --------------------------------------------------------------------------------------------------

    def run(self, phase: str, source: Any, epoch: int, seed: int, callbacks: CallbackList) -> dict[str, float]:
        """Run `phase` (`train` or `test`) over one epoch of `source`; losses and metrics by name.

        Raises:
            KeyboardInterrupt: Ctrl-C, between two steps: the state is whole.
        """
        self.take_state()
        self.reset()
        key = random.fold(random.key(seed), phase, epoch)
        watched = callbacks.watches_batches(phase)
        steps = self._resident if isinstance(source, Arrays) and source.resident else self._streamed
        with interruptible(lambda: self._waits) as asked:
            for start, stop in steps(phase, source, epoch, key, watched, callbacks):
                if watched:
                    self._tell(callbacks, phase, "end", start, self.logs())
                if callbacks.shows_progress:
                    callbacks.progress(stop, self.logs())
                if asked.is_set():
                    raise KeyboardInterrupt(f"stopped after step {stop} of epoch {epoch + 1}")
                if watched and phase == "train" and self.model.stop_training:
                    break
            if asked.is_set():  # during the last steps of a stream, which are not looked at singly
                raise KeyboardInterrupt(f"stopped after epoch {epoch + 1}")
        return self.logs()

    def _tell(
        self, callbacks: CallbackList, phase: str, edge: str, step: int, logs: dict[str, float], samples: int = 0
    ) -> None:
        callbacks.samples = samples or callbacks.samples
        callbacks.call(f"on_{phase}_batch_{edge}", step, logs)
        if phase == "train":
            callbacks.call(f"on_batch_{edge}", step, logs)

    def _resident(
        self, phase: str, source: Arrays, epoch: int, key: Array, watched: bool, callbacks: CallbackList
    ) -> Iterator[tuple[int, int]]:
        """Chunks of steps over data on the device, then the smaller batch that is left."""
        data, size = source.on_device(), source.batch_size
        indices = source.order(epoch) if phase == "train" else None
        order = None if indices is None else jnp.asarray(indices)
        # A callback that wants every batch gets steps singly, for which gathering several would be idle.
        together = 1 if watched else gathered_together(data, order, size)
        whole, rest = divmod(source.samples, size)
        start = 0
        while start < whole:
            stop = start + 1 if watched else min(whole, start + self._chunk_length(phase, size))
            if watched:
                self._tell(callbacks, phase, "begin", start, {}, size)
            self._advance(phase, size, together, data, order, key, start, stop)
            yield start, stop
            start = stop
        if rest:
            if watched:
                self._tell(callbacks, phase, "begin", whole, {}, rest)
            self._step("one", phase, rest, data, order, np.int32(whole * size), np.int32(whole), key)
            yield whole, whole + 1

    def _advance(
        self, phase: str, size: int, together: int, data: Batch, order: Any, key: Array, start: int, stop: int
    ) -> None:
        """Steps `start` to `stop`, timed so that the next chunk is as long as it should be."""
        began, compiled = time.perf_counter(), self.compilations
        if self._loops(phase, size, together, data, order, key):
            self._step("chunk", phase, size, data, order, np.int32(start), np.int32(stop), key, together=together)
        else:
            for i in range(start, stop):
                self._step("one", phase, size, data, order, np.int32(i * size), np.int32(i), key)
        jax.block_until_ready(self.slot.values[-1:])
        if self.compilations == compiled:
            self._pace[phase, size] = (time.perf_counter() - began) / (stop - start)

    def _chunk_length(self, phase: str, size: int) -> int:
        return max(1, int(CHUNK_S / self._pace[phase, size])) if (phase, size) in self._pace else 1

    def _step(self, kind: str, phase: str, size: int, *args: Any, together: int = 1) -> None:
        program = self._program(phase, kind, size, together)
        self.slot.values = program(self.slot.values, *args)

    def _loops(self, phase: str, size: int, together: int, *args: Any) -> bool:
        """Whether many steps run as one program: not where an operation would be slow inside a loop."""
        if phase not in self.looped:
            data, order, key = args
            inside = self._program(phase, "chunk", size, together).operations(
                self.slot.values, data, order, np.int32(0), np.int32(1), key
            )
            slow = slow_in_loops(inside)
            self.looped[phase] = not slow
            self.why = (
                f"single steps, because {', '.join(slow)} would be slow in a loop"
                if slow
                else ("many steps per program: all operations keep their speed in a loop")
            )
            _log.info("%s: %s", self.model.name, self.why)
        return self.looped[phase]

    def _streamed(
        self, phase: str, source: Any, epoch: int, key: Array, watched: bool, callbacks: CallbackList
    ) -> Iterator[tuple[int, int]]:
        """One step per batch from the host, several of them under way at a time."""
        last_look = time.perf_counter()
        for index, batch in enumerate(self._awaited(source.batches(epoch))):
            if watched:
                self._tell(callbacks, phase, "begin", index, {}, len(batch[0][0]))
            self._step("batch", phase, 0, enter(batch), np.int32(index), key)
            now = time.perf_counter()
            if watched or now - last_look > CHUNK_S or index % 16 == 15:
                jax.block_until_ready(self.slot.values[-1:])
                last_look = now
                yield index, index + 1

    def _awaited(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches; while one is waited for, Ctrl-C need not wait for it, since no step is under way."""
        while True:
            self._waits = True
            try:
                batch = next(batches, None)
            finally:
                self._waits = False
            if batch is None:
                return
            yield batch

    def batch(self, phase: str, batch: Batch, key: Array) -> dict[str, float]:
        """One step on one batch; its losses and metrics by name."""
        self.take_state()
        self.reset()
        self._step("batch", phase, 0, enter(batch), np.int32(0), key)
        return self.logs()


def gathered_together(data: Batch, order: Array | None, size: int) -> int:
    """How many steps have their rows gathered at once: several on a CPU, where a few rows from all over the memory are
    waited for longer than it takes to copy them.

    One where the loss sums fractions of the data, targets or weights: beside rows that lie in a row already, XLA may
    sum in another order, to other bits than those of a batch of its own.
    """
    sums = any(array.dtype.kind not in "biu" for part in data[1:] for array in part)
    if order is None or sums or jax.default_backend() != "cpu":
        return 1
    step_bytes = max(1, sum(array.nbytes for array in jax.tree.leaves(data)) * size // len(order))
    return max(1, min(GATHER_BYTES // step_bytes, len(order) // size)) if step_bytes <= FEW_BYTES else 1


def many(step: Step, size: int, together: int = 1) -> Callable[..., list[Array]]:
    """Any number of steps over data on the device, as one function; gathers the rows of `together` steps at once."""

    def chunk(state: list[Array], data: Batch, order: Array, start: Array, stop: Array, key: Array) -> list[Array]:
        def steps(begin: Array, end: Array, state: list[Array], batch: Callable[[Array], Batch]) -> list[Array]:
            return lax.fori_loop(begin, end, lambda i, state: step(state, batch(i * size), random.fold(key, i)), state)

        def group(number: Array, state: list[Array]) -> list[Array]:
            begin = start + number * together
            # At the end of the order, where fewer steps may be left, some rows before theirs are gathered too.
            first = jnp.minimum(begin * size, len(order) - together * size)
            rows = cut(data, order, first, together * size)
            end = jnp.minimum(begin + together, stop)
            return steps(begin, end, state, lambda at: cut(rows, None, at - first, size))

        if together == 1:
            return steps(start, stop, state, lambda at: cut(data, order, at, size))
        return lax.fori_loop(0, -(-(stop - start) // together), group, state)

    return chunk


def one(step: Step, size: int) -> Callable[..., list[Array]]:
    """One step over data on the device."""

    def single(state: list[Array], data: Batch, order: Array, at: Array, i: Array, key: Array) -> list[Array]:
        return step(state, cut(data, order, at, size), random.fold(key, i))

    return single


def streamed(step: Step) -> Callable[..., list[Array]]:
    """One step over a batch from the host."""
    return lambda state, batch, i, key: step(state, batch, random.fold(key, i))


def cut(data: Batch, order: Array | None, at: Array, size: int) -> Batch:
    """The batch of `size` samples that begins at place `at` of the order."""
    if order is None:
        return jax.tree.map(lambda array: lax.dynamic_slice_in_dim(array, at, size), data)
    chosen = lax.dynamic_slice_in_dim(order, at, size)
    return jax.tree.map(lambda array: array.at[chosen].get(mode="promise_in_bounds"), data)


class Prediction:
    """The prediction program of a model, compiled or not."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.variables: list[Variable] = list(model.variables)
        self.remembered = [variable for variable in self.variables if not variable.saved]
        self.program = Program(self._step, "prediction")

    def _step(self, state: list[Array], x: list[Array]) -> tuple[list[Array], list[Array]]:
        with (
            Run(dict(zip(self.variables, state, strict=True)), False, random.key(0)) as run,
            self.model.forward(run, x) as outputs,
        ):
            return list(outputs), [run.values[variable] for variable in self.remembered]

    def batches(self, batches: Iterator[Sequence[Any]]) -> Iterator[list[np.ndarray[Any, Any]]]:
        """The outputs for every batch of inputs, computed a few batches ahead of being handed out."""
        state = [variable.concrete() for variable in self.variables]
        ahead: deque[tuple[int, list[Array]]] = deque()
        whole, ended = 0, itertools.chain[Any](batches, (None,))
        for x, following in itertools.pairwise(ended):
            # Only the last batch can be of any size; those before it are the caller's and computed as they are.
            size = len(x[0])
            given = self._padded(x) if following is None and size != whole else list(x)
            outputs, remembered = self.program(state, given)
            ahead.append((size, outputs))
            whole = size
            if remembered:
                for variable, value in zip(self.remembered, remembered, strict=True):
                    variable.assign(value)
                state = [variable.concrete() for variable in self.variables]
            if len(ahead) > 2:
                yield _fetched(*ahead.popleft())
        while ahead:
            yield _fetched(*ahead.popleft())

    def _padded(self, x: Sequence[Any]) -> list[Any]:
        """Inputs rounded up to a size that was compiled before, where the network treats samples separately."""
        size = len(x[0])
        if size <= OWN_SIZE or not self.model.separate_samples:
            return list(x)
        extra = (1 << (size - 1).bit_length()) - size
        return [np.concatenate([array, np.repeat(array[-1:], extra, axis=0)]) if extra else array for array in x]


def _fetched(size: int, outputs: list[Array]) -> list[np.ndarray[Any, Any]]:
    return [np.array(output[:size] if output.ndim and len(output) > size else output) for output in outputs]


@contextlib.contextmanager
def interruptible(idle: Callable[[], bool] = lambda: False) -> Iterator[threading.Event]:
    """Within the block Ctrl-C sets the event instead of breaking into a step; a second one, or one while `idle`, does.

    An interrupt between a donated call and the assignment of its result would lose both states.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(*_: Any) -> None:
        if asked.is_set() or idle():
            raise KeyboardInterrupt("stopped while waiting for a batch" if idle() else "stopped within a step")
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def check_compiled(engine_or_objective: Any) -> None:
    """Refuse training and evaluation of a model that was not compiled.

    Raises:
        InvalidCall: nobody called `compile`.
    """
    if engine_or_objective is None:
        raise InvalidCall(
            "The model needs to be compiled before being used. "
            "Call model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])."
        )
