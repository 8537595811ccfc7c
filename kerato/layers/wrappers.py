"""Layers around layers: every step of a sequence, both directions of time, a bounded kernel, several in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax.lax import stop_gradient

from kerato import config, initializers, ops
from kerato.arguments import Rule, one_of, optional, positive_int, title
from kerato.errors import InvalidValue
from kerato.layers import base, nesting
from kerato.layers.augmentation import in_phase
from kerato.layers.base import Array, Layer
from kerato.ops import leaves, tree_map
from kerato.variables import Variable, running


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


class SpectralNormalization(Wrapper):
    """A layer whose kernel is, in training, divided by its largest singular value before each call.

    Args:
        layer: one with a `kernel`, such as Dense or Conv2D, or with `embeddings`.
        power_iterations: steps towards the singular vectors in each call; they go on from `vector_u`.

    Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
    """

    checks = {"power_iterations": positive_int}

    def __init__(self, layer: Any, power_iterations: int = 1, **common: Any) -> None:
        super().__init__(layer, **common)

    def build(self, input_shape: Any = None) -> None:
        """The weights of the layer inside; vector_u (1, last axis of its kernel)."""
        super().build(input_shape)
        kernel = next((v for v in map(self.layer.__dict__.get, ("kernel", "embeddings")) if v is not None), None)
        if not isinstance(kernel, Variable):
            raise InvalidValue(f"{title(self)}: `layer` must have a kernel or embeddings. Got {self.layer!r}.")
        self.kernel = kernel
        start = initializers.TruncatedNormal(stddev=0.02)
        options = {"initializer": start, "dtype": kernel.dtype, "trainable": False}
        self.vector_u = self.add_weight("vector_u", (1, kernel.shape[-1]), **options)
        self._weights = [kernel, self.vector_u]  # as in Keras, where the kernel is the wrapper's too

    def call(self, x: Array, training: bool = False) -> Any:
        """The layer's value, after a step in training."""
        if training:
            self.normalize()
        return self.layer(x)

    def normalize(self) -> None:
        """Divide the kernel by `v W u`, the vectors taken as constants; a kernel of zeros stays."""
        kernel, u = (jnp.asarray(v.value, v.dtype) for v in (self.kernel, self.vector_u))
        w = kernel.reshape(-1, kernel.shape[-1])
        for _ in range(self.power_iterations):
            v = _unit(u @ w.T)
            u = _unit(v @ w)
        u, v = stop_gradient(u), stop_gradient(v)
        sigma, empty = jnp.sum(v @ w * u), jnp.all(kernel == 0)
        self.vector_u.assign(jnp.where(empty, self.vector_u.value, u))
        self.kernel.assign(kernel / jnp.where(empty, 1, sigma))


def _unit(x: Array) -> Array:
    return x / jnp.maximum(jnp.sqrt(jnp.sum(x * x)), 1e-7)


class Pipeline(Layer):
    """Layers after one another as one layer: steps of preparing pictures, for example, which need no model.

    Args:
        layers: a list of layers.

    Called outside of a network, layers that change pictures in training do so unless `training=False` is said.
    """

    checks = {
        "layers": Rule("a list of layers", lambda value, _: [nesting.layer.convert(item, None) for item in value])
    }

    def __init__(self, layers: Sequence[Any], **common: Any) -> None:
        super().__init__(**common)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **in_phase(args, kwargs))

    def call(self, x: Any, training: bool = False) -> Any:
        """Layer by layer."""
        for layer in self.layers:
            x = layer(x, **({"training": training} if "training" in base.accepted(type(layer).call) else {}))
        return x

    def get_config(self) -> dict[str, Any]:
        """The layers and the name; Keras's class takes no `trainable` and no `dtype`."""
        found = super().get_config()
        usual = {"trainable": True, "dtype": config.dtype_policy()}
        return {name: value for name, value in found.items() if usual.get(name, found) != value}
