"""Losses and metrics beside those of `compile`: made of tensors of the graph, added by layers, or computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from kerato.arguments import title
from kerato.errors import InvalidCall, InvalidType, invalid, show
from kerato.graph import Tensor
from kerato.measures import Mean
from kerato.ops import leaves
from kerato.variables import Run, Variable, running

Array = Any

#: methods of Keras's trainers that a subclass may replace there
_STEPS = {"train_step": "trains", "test_step": "evaluates", "predict_step": "predicts"}
_STEPS |= {"make_train_function": "trains", "make_test_function": "evaluates", "make_predict_function": "predicts"}


class Additions:
    """The part of a trainer that counts more than the losses and metrics of `compile`."""

    if TYPE_CHECKING:
        name: str
        _objective: Any
        _engine: Any

        @property
        def trainable_variables(self) -> list[Variable]: ...

    @property
    def added_losses(self) -> list[Tensor]:
        """The tensors that `add_loss` added to the graph."""
        found: list[Tensor] = self.__dict__.setdefault("_added_losses", [])
        return found

    @property
    def added_metrics(self) -> list[tuple[Mean, Tensor]]:
        """The metrics that `add_metric` added, each with the tensor whose mean it is."""
        found: list[tuple[Mean, Tensor]] = self.__dict__.setdefault("_added_metrics", [])
        return found

    def add_loss(self, loss: Any, inputs: Any = None) -> None:
        """Add tensors of the graph (or, inside `call`, arrays) to what training makes small.

        Args:
            loss: a scalar, or a list of them; the values of a larger tensor are summed.
            inputs: what the loss depends on, as Keras 2 wants to be told; not needed.

        Raises:
            InvalidType: it is neither.
        """
        if running() is not None:
            super().add_loss(loss)  # type: ignore[misc]
            return
        for item in leaves(loss):
            if not isinstance(item, Tensor):
                raise InvalidType(f"{title(self)}: `loss` must be a tensor of the graph. Got {show(item)}.")
            self.added_losses.append(item)
        self._engine = None

    def add_metric(self, value: Any, name: str | None = None, aggregation: str | None = "mean") -> None:
        """Watch the mean of a tensor of the graph over each epoch.

        Raises:
            InvalidValue: `aggregation` is another one than the mean.
        """
        if aggregation not in (None, "mean"):
            raise invalid(title(self), "aggregation", "'mean'", aggregation)
        if not isinstance(value, Tensor):
            raise InvalidType(f"{title(self)}: `value` must be a tensor of the graph. Got {show(value)}.")
        self.added_metrics.append((Mean(name or value.name.partition(":")[0]), value))
        self._engine = None

    @property
    def losses(self) -> list[Any]:
        """What is added to the losses of `compile`: tensors given to `add_loss`, penalties of regularizers."""
        penalties = [v.regularizer(v.value) for v in self.trainable_variables if v.regularizer is not None]
        return [*self.added_losses, *penalties]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Array:
        """The loss of a batch, for subclasses to replace; this one is that of `compile`, with all additions.

        Raises:
            InvalidCall: it is called outside of training and evaluation.
        """
        run = running()
        if run is None or self._objective is None:
            raise InvalidCall(f"{title(self)}: compute_loss is called by training and evaluation.")
        targets, weights = list(leaves(y)), list(leaves(sample_weight))
        given = [[item for item in values if item is not None] for values in (targets, weights)]
        total, self.__dict__["_loss_parts"] = self._objective.value(run, given[0], list(leaves(y_pred)), given[1])
        for item in self.penalties(run):
            total = total + jnp.sum(item)
        return total

    def penalties(self, run: Run) -> list[Array]:
        """What regularizers and `add_loss` add to the loss in a running evaluation."""
        of_weights = [v.regularizer(v.value) for v in self.trainable_variables if v.regularizer is not None]
        return [*of_weights, *run.losses]

    def refuse_own_steps(self) -> None:
        """Refuse steps that a subclass wrote for another engine.

        Raises:
            InvalidCall: there is one, with what to write instead.
        """
        for step, does in _STEPS.items():
            if hasattr(type(self), step):
                raise InvalidCall(
                    f"{type(self).__name__}: `{step}` is not called, Kerato {does} by a compiled step of its own. "
                    "Define compute_loss(self, x, y, y_pred, sample_weight, training) or a call that uses add_loss, "
                    "or write the loop with train_on_batch."
                )
