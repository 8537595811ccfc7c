"""The weights of a layer and of the layers inside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from kerato import config
from kerato.arguments import title
from kerato.errors import InvalidCall, invalid
from kerato.variables import Variable


def _held(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _held(value)
        elif isinstance(value, dict):
            yield from _held(value.values())
        else:
            yield value


class Weights:
    """Variables, trainable or not, found among the attributes: nothing has to be registered."""

    built: bool
    _weights: list[Variable]

    def _attributes(self) -> Iterator[Any]:
        return _held(value for key, value in self.__dict__.items() if key not in ("_arguments", "_nodes"))

    @property
    def sublayers(self) -> list[Any]:
        """The layers that are attributes of this one, in lists and dicts too."""
        return list(dict.fromkeys(leaf for leaf in self._attributes() if isinstance(leaf, Weights)))

    def _own(self) -> list[Variable]:
        return list(dict.fromkeys([*self._weights, *(v for v in self._attributes() if isinstance(v, Variable))]))

    @property
    def variables(self) -> list[Variable]:
        """All variables, own ones first, then those of the sublayers."""
        return list(dict.fromkeys([*self._own(), *(v for layer in self.sublayers for v in layer.variables)]))

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that training changes; none when `trainable` is False."""
        if not self.trainable:
            return []
        own = [v for v in self._own() if v.trainable]
        return list(dict.fromkeys([*own, *(v for layer in self.sublayers for v in layer.trainable_weights)]))

    @trainable_weights.setter
    def trainable_weights(self, variables: Sequence[Variable]) -> None:
        """Keras 1's way to name the weights that a layer made itself."""
        self._name(variables, True)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that training does not change."""
        trained = set(self.trainable_weights)
        return [v for v in self.variables if v.saved and v not in trained]

    @non_trainable_weights.setter
    def non_trainable_weights(self, variables: Sequence[Variable]) -> None:
        """Keras 1's way to name statistics."""
        self._name(variables, False)

    def _name(self, variables: Sequence[Variable], trainable: bool) -> None:
        for variable in variables:
            variable.trainable = trainable
        self._weights = list(dict.fromkeys([*self._weights, *variables]))

    @property
    def weights(self) -> list[Variable]:
        """All weights, in Keras 3's order: a layer's own, its statistics last, then those inside; freezing keeps it."""
        own = sorted((v for v in self._own() if v.saved), key=lambda variable: not variable.trainable)
        return list(dict.fromkeys([*own, *(v for layer in self.sublayers for v in layer.weights)]))

    @property
    def trainable_variables(self) -> list[Variable]:
        """Same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it sets it for all layers inside."""
        return bool(self.__dict__.get("_trainable", True))

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.__dict__["_trainable"] = bool(value)
        for layer in self.sublayers:
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of all weights, as NumPy arrays in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from array-likes in the order of `weights`.

        Raises:
            InvalidValue: the number of arrays or a shape does not fit; nothing is changed then.
        """
        variables, arrays = self.weights, [np.asarray(item) for item in weights]
        arrays = config.in_dialect("set_weights", (), {"layer": self, "weights": arrays})[1]["weights"]
        if len(variables) != len(arrays):
            raise invalid(title(self), "weights", f"a list of {len(variables)} arrays", f"{len(arrays)} arrays")
        for variable, array in zip(variables, arrays, strict=True):
            if tuple(array.shape) != variable.shape:
                raise invalid(title(self), variable.path, f"an array of shape {variable.shape}", array)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def reset_states(self) -> None:
        """Set to zero what a stateful layer remembers from batch to batch, here and in all layers inside."""
        for variable in self.variables:
            if not variable.saved:
                variable.assign(np.zeros(variable.shape, variable.dtype))

    reset_state = reset_states

    def count_params(self) -> int:
        """The number of values in all weights.

        Raises:
            InvalidCall: the layer has no weights yet.
        """
        if not self.built:
            raise InvalidCall(f"{title(self)}: the weights do not exist yet. Call the layer, or build it, first.")
        return int(sum(np.prod(variable.shape, dtype=np.int64) for variable in self.weights))
