"""Layers around layers: every step of a sequence, both directions of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from kerato import ops
from kerato.arguments import one_of, optional, title
from kerato.errors import InvalidValue
from kerato.layers import base, nesting
from kerato.layers.base import Array, Layer
from kerato.ops import leaves, tree_map
from kerato.variables import running


class Wrapper(Layer):
    """Base of layers around one layer, which is called `layer`."""

    checks = {"layer": nesting.layer}
    layer: Any

    def __init__(self, layer: Any, **common: Any) -> None:
        super().__init__(**common)

    def build(self, input_shape: Any = None) -> None:
        """The weights of the layer inside."""
        if not self.layer.built:
            self.layer._build(input_shape)


class TimeDistributed(Wrapper):
    """A layer applied to every step: (batch, time, ...) -> (batch, time, ...), with the same weights.

    Time is folded into the batch, so a layer that looks at the whole batch sees all steps at once.
    """

    supports_masking = True
    least_rank = 3

    def build(self, input_shape: Any = None) -> None:
        """The weights of the layer inside, for the shape of a step."""
        super().build((None, *input_shape[2:]))

    def call(self, x: Array, mask: Array | None = None) -> Any:
        """The steps of all samples as one batch."""
        batch, time = x.shape[:2]
        folded = ops.reshape(x, (batch * time, *x.shape[2:]))
        run = running()
        if run is not None and mask is not None and (mask.ndim > 2 or not hasattr(self.layer, "go_backwards")):
            run.set_mask(folded, ops.reshape(mask, (batch * time, *mask.shape[2:])))
        found = self.layer(folded)
        return tree_map(lambda y: ops.reshape(y, (batch, time, *y.shape[1:])), found)


#: how the outputs of the two directions become one
_MERGED: dict[str, Any] = {
    "concat": lambda y, z: jnp.concatenate([y, z], axis=-1),
    "sum": lambda y, z: y + z,
    "mul": lambda y, z: y * z,
    "ave": lambda y, z: (y + z) / 2,
}


class Bidirectional(Wrapper):
    """A recurrent layer in both directions of time, each with its own weights.

    Args:
        layer: an RNN, LSTM, GRU, ...; a copy of it with new weights reads forwards.
        merge_mode: `'concat'` (twice as many values), `'sum'`, `'mul'`, `'ave'`, or None for both outputs apart.
        weights: initial values, forwards first.
        backward_layer: the other direction; a copy of `layer` that goes backwards unless given.

    With `return_state` the states of both follow the output, forwards first; `initial_state` has the same order.
    Source: Schuster & Paliwal 1997.
    """

    checks = {"merge_mode": optional(one_of(*_MERGED)), "backward_layer": optional(nesting.layer)}
    supports_masking = True
    least_rank = 3
    backward_layer: Any

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Sequence[Any] | None = None,
        backward_layer: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(layer, weights=weights, **common)
        given = self.layer
        if not hasattr(given, "go_backwards"):
            raise InvalidValue(f"{title(self)}: `layer` must be a recurrent layer. Got {given!r}.")
        name = given.name.removeprefix("forward_")
        self.layer = self.forward_layer = nesting.copied(given, name=f"forward_{name}")
        if self.backward_layer is None:
            self.backward_layer = nesting.copied(given, name=f"backward_{name}", go_backwards=not given.go_backwards)
        self._check_pair()
        for one in (self.forward_layer, self.backward_layer):
            one.zero_output_for_mask = one.return_sequences
            one.trainable = self.trainable

    def _check_pair(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == getattr(other, "go_backwards", None):
            raise InvalidValue(f"{title(self)}: one of the two layers must have go_backwards=True, and one not.")
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(one, name) != getattr(other, name, None):
                raise InvalidValue(f"{title(self)}: both layers must have the same `{name}`.")

    return_sequences = property(lambda self: self.forward_layer.return_sequences)
    return_state = property(lambda self: self.forward_layer.return_state)
    stateful = property(lambda self: self.forward_layer.stateful)

    def build(self, input_shape: Any = None, initial_state_shape: Any = None) -> None:
        """The weights of both directions."""
        for one in (self.forward_layer, self.backward_layer):
            if not one.built:
                one._build(input_shape)

    def call(
        self, sequences: Array, initial_state: Any = None, mask: Array | None = None, training: bool = False
    ) -> Any:
        """The merged outputs, and the states if asked for."""
        half = len(initial_state) // 2 if initial_state is not None else 0
        pairs = [(self.forward_layer, initial_state and initial_state[:half])]
        pairs += [(self.backward_layer, initial_state and initial_state[half:])]
        found = []
        for one, first in pairs:
            options = {"mask": mask} if "mask" in base.accepted(type(one).call) else {}
            made = one(sequences, training=training, **({} if first is None else {"initial_state": first}), **options)
            found.append(made if self.return_state else (made,))
        (y, *states), (z, *others) = found
        z = ops.flip(z, 1) if self.return_sequences else z
        outputs = (y, z) if self.merge_mode is None else (_MERGED[self.merge_mode](y, z),)
        result = (*outputs, *states, *others)
        return result if len(result) > 1 else result[0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The input's mask where all outputs are returned; states have none."""
        mask = next(leaves(mask)) if self.return_sequences else None
        outputs = 2 if self.merge_mode is None else 1
        if outputs == 1 and not self.return_state:
            return mask
        states = 2 * len(self.forward_layer.state_size) if self.return_state else 0
        return [mask] * outputs + [None] * states
