"""What users pass to `fit`, `evaluate` and `predict`, as batch sources for the engine, checked before it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerato.data.sources import (
    Arrays,
    Batch,
    as_arrays,
    check_finite,
    check_lengths,
    count,
    warn_of_range,
)
from kerato.data.streams import Stream, is_stream
from kerato.data.supply import Supply
from kerato.engine import Engine
from kerato.errors import InvalidValue, invalid, unknown
from kerato.scoring import Objective, check_batch
from kerato.variables import Variable


class Feeding:
    """The part of a trainer that prepares: data into sources, and the engine for the model as it is."""

    _optimizer: Any = None
    _compiled: dict[str, Any]
    _objective: Objective | None = None
    _engine: Engine | None = None
    _seen: tuple[float, float] | None = None

    if TYPE_CHECKING:
        name: str
        output_names: Sequence[str]

        @property
        def variables(self) -> list[Variable]: ...
        @property
        def trainable_variables(self) -> list[Variable]: ...
        @property
        def compute_dtype(self) -> str: ...
        @property
        def added_metrics(self) -> list[tuple[Any, Any]]: ...
        def check_begun(self) -> None: ...
        def refuse_own_steps(self) -> None: ...
        def in_order(self, x: Any, owner: str) -> list[Any]: ...
        def ensure_built(self, x: Sequence[Any], owner: str) -> None: ...
        def output_specs(self, x: Sequence[Any]) -> list[Any]: ...
        def restore_structure(self, values: Sequence[Any]) -> Any: ...

    def _new_objective(self) -> Objective:
        made = self._compiled
        return Objective(
            made["loss"], made["loss_weights"], made["metrics"], made["weighted_metrics"], self.output_names
        )

    def _validation_source(self, data: Any, held_out: Batch | None, batch_size: int | None, steps: int | None) -> Any:
        if data is not None and is_stream(data):
            given = data.source if isinstance(data, Supply) else data
            if steps is None and not hasattr(given, "__len__") and iter(given) is given:
                raise invalid("fit", "validation_steps", "the number of batches to take from a generator", steps)
            source = Stream(data, steps, self._arranging("fit"), "fit")
            source.check = self._check
            return source
        if data is not None:
            if not isinstance(data, (tuple, list)) or not 2 <= len(data) <= 3:
                raise invalid("fit", "validation_data", "(x, y), (x, y, sample_weight) or a batch source", data)
            x, y, w = (*data, None)[:3]
            held_out = self._parts(x, y, w, "fit")
        if held_out is None:
            return None
        self._check(held_out)
        return Arrays(held_out, batch_size_of(batch_size, "fit"), False, 0)

    def _prediction_source(self, x: Any, batch_size: int, steps: int | None) -> Any:
        if is_stream(x):
            source: Any = Stream(x, steps, lambda x, y, w: (self.in_order(x, "predict"), [], []), "predict")
        else:
            parts = self._parts(x, None, None, "predict")
            source = Arrays(parts, batch_size, False, 0)
            warn_of_range(self._seen, parts[0][0], "predict", 4)
        self.ensure_built(source.first[0], "predict")
        return source

    # -- preparing -------------------------------------------------------------------------------------------------

    def _parts(self, x: Any, y: Any, w: Any, owner: str) -> Batch:
        """Inputs, targets and weights as lists of arrays, checked against each other."""
        parts = self._arranging(owner)(x, y, w)
        for name, arrays in zip(("x", "y", "sample_weight"), parts, strict=True):
            for array in arrays:
                check_finite(array, name, owner)
        return parts

    def _arranging(self, owner: str, weigh: Any = None) -> Callable[[Any, Any, Any], Batch]:
        """`(x, y, w) -> Batch` in the order of inputs and outputs, with class weights; lengths are checked."""

        def arrange(x: Any, y: Any, w: Any) -> Batch:
            targets, weights = self._by_output(y, "y", owner), self._weights_by_output(w, owner)
            found = (self.in_order(x, owner), targets, weights)
            check_lengths(found, owner)
            return found if weigh is None else (found[0], found[1], weigh(found[1], found[2]))

        return arrange

    def _by_output(self, values: Any, what: str, owner: str) -> list[Any]:
        if isinstance(values, dict):
            missing = [name for name in self.output_names if name not in values]
            if missing:
                raise InvalidValue(
                    f"{owner}: `{what}` must have an entry for every output. Got {tuple(values)}, none for {missing}."
                )
            return [as_arrays(values[name], owner)[0] for name in self.output_names]
        return as_arrays(values, owner)

    def _weights_by_output(self, values: Any, owner: str) -> list[Any]:
        """Sample weights; an output for which none are given weighs its samples alike."""
        if isinstance(values, dict):
            for name in values:
                if name not in self.output_names:
                    raise unknown(owner, "`sample_weight` for an output", name, self.output_names)
            values = [values.get(name) for name in self.output_names]
        several = isinstance(values, (list, tuple)) and any(item is None for item in values)
        known = next((len(item) for item in values if item is not None), None) if several else None
        if known is None:
            return [] if several else as_arrays(values, owner)
        filled = [np.ones(known, "float32") if item is None else item for item in values]
        return [as_arrays(item, owner)[0] for item in filled]

    def _check(self, batch: Batch, owner: str = "fit") -> None:
        """Refuse targets and weights that cannot belong to the outputs for these inputs."""
        self.ensure_built(batch[0], owner)
        if self._objective is not None:
            check_batch(self._objective, batch, self.output_specs(batch[0]), owner)

    def _ready(self, source: Any, owner: str) -> Engine:
        """The engine for the model as it is now, its variables in place, the data checked."""
        self.refuse_own_steps()
        first: Batch = source.first
        self.ensure_built(first[0], owner)
        if self._objective is None:
            self._objective = self._new_objective()
        outputs = self.output_specs(first[0])
        check_batch(self._objective, source.parts if isinstance(source, Arrays) else first, outputs, owner)
        if isinstance(source, Stream):
            source.check = lambda batch: self._check(batch, owner)
        self._objective.build(first[1], outputs)
        self._objective.added = [metric for metric, _ in self.added_metrics]
        trainable = list(self.trainable_variables)
        if not self._optimizer.built:
            self._optimizer.build(trainable)
        if self._engine is None or self._engine.trainable != trainable:
            self._optimizer.build(trainable)
            self._engine = Engine(self, self._optimizer, self._objective)
        if owner == "fit" and first[0][0].dtype.kind == "f":
            self._seen = (float(first[0][0].min()), float(first[0][0].max()))
        return self._engine


def batch_size_of(value: int | None, owner: str) -> int:
    """`batch_size` as `fit` takes it: 32 unless given."""
    return 32 if value is None else count(owner, "batch_size", value)
