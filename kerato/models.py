"""`Model` and `Sequential`: graphs with names, which train, evaluate, predict, and are layers themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerato import config
from kerato.arguments import title
from kerato.data.sources import as_arrays
from kerato.errors import InvalidCall, InvalidType, InvalidValue, sentence, show, suggest, unknown
from kerato.graph import Frame, Node, Tensor, order, placeholders
from kerato.layers.base import Layer, automatic_name
from kerato.layers.calls import shapes
from kerato.layers.core import Input, InputLayer
from kerato.ops import leaves, tree_map
from kerato.saving import Saveable
from kerato.saving import load_model as load_model
from kerato.saving import model_from_config as model_from_config
from kerato.saving import model_from_json as model_from_json
from kerato.saving import model_from_yaml as model_from_yaml
from kerato.saving import save_model as save_model
from kerato.saving.arrangement import arranged
from kerato.saving.configuration import clone
from kerato.saving.records import MODELS
from kerato.shapes import Spec
from kerato.summary import summary_html, summary_text
from kerato.synonyms import synonym
from kerato.training import Trainer
from kerato.variables import Run, running

Array = Any


class Model(Trainer, Saveable, Layer):
    """Layers between inputs and outputs: `Model(inputs, outputs)`, or a subclass that defines `call`.

    Args:
        inputs: a tensor made by `Input`, or a list or dict of them.
        outputs: tensors computed from them, single or as a list or dict.
        name: of the model.

    Raises:
        InvalidValue: an output depends on an input that is not among `inputs`.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **common: Any) -> None:
        super().__init__(name=name, **common)
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        if inputs is not None or outputs is not None:
            self.connect(inputs, outputs)

    def connect(self, inputs: Any, outputs: Any) -> None:
        """Make this the graph from `inputs` to `outputs`."""
        for what, given in (("inputs", inputs), ("outputs", outputs)):
            if not given_tensors(given):
                raise InvalidType(
                    f"{title(self)}: `{what}` must be symbolic tensors made by Input(...). Got {show(given)}."
                )
        self.__dict__["_input_structure"], self.__dict__["_output_structure"] = inputs, outputs
        self.__dict__["inputs"], self.__dict__["outputs"] = list(leaves(inputs)), list(leaves(outputs))
        for tensor in self.inputs:
            if tensor.layer is None and tensor.node is None:
                InputLayer(input_tensor=tensor, name=automatic_name("input_layer"))
        missing = [t for t in placeholders(self.outputs, set(self.inputs)) if t not in set(self.inputs)]
        if missing:
            raise InvalidValue(
                f"{title(self)}: the outputs also depend on {', '.join(t.name for t in missing)}, which is not among "
                f"the inputs ({', '.join(t.name for t in self.inputs)}). Add it to `inputs`."
            )
        # In Keras's order, by which weights are listed, so that files of Keras fit.
        self._layers = [owner for owner in arranged(self.inputs, outputs) if isinstance(owner, Layer)]
        self._refuse_namesakes()
        self.output_names = _output_names(self.outputs)
        self.built = True

    def _refuse_namesakes(self) -> None:
        names: set[str] = set()
        for layer in self._layers:
            if layer.name in names:
                raise InvalidValue(
                    f"{title(self)}: every layer must have a name of its own. Two are called {layer.name!r}."
                )
            names.add(layer.name)

    # -- structure -------------------------------------------------------------------------------------------------

    output_names: Sequence[str] = ()
    _layers: Sequence[Layer] = ()

    @property
    def is_graph(self) -> bool:
        """Whether inputs and outputs are known as tensors; a subclassed model only has its `call`."""
        return bool(self.outputs)

    @property
    def layers(self) -> list[Any]:
        """The layers, from input to output."""
        return list(self._layers) if self._layers else [item for item in self.sublayers if isinstance(item, Layer)]

    @property
    def sublayers(self) -> list[Any]:
        """The layers whose weights are the model's."""
        return list(self._layers) or super().sublayers

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [(tensor.layer or tensor).name for tensor in self.inputs]

    @property
    def input(self) -> Any:
        """The input tensor, or the structure of them."""
        return self._only("input", self.__dict__.get("_input_structure"))

    @property
    def output(self) -> Any:
        """The output tensor, or the structure of them."""
        return self._only("output", self.__dict__.get("_output_structure"))

    def _only(self, what: str, found: Any) -> Any:
        if found is None:
            raise AttributeError(
                f"{title(self)}: has no `{what}` yet. Give the first layer an input shape, or call it."
            )
        return found

    @property
    def input_shape(self) -> Any:
        """The shapes of the inputs."""
        return shapes(self.input)

    @property
    def output_shape(self) -> Any:
        """The shapes of the outputs."""
        return shapes(self.output)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of that name, or at that index; VGG's also by the names of its authors, see `kerato.synonyms`.

        Raises:
            UnknownName: no layer is called so.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise InvalidValue(f"{title(self)}: `index` must be below {len(self.layers)}. Got {index}.")
            return self.layers[index]
        named = {layer.name: layer for layer in reversed(self.layers)}
        found = named.get(name, named.get(synonym(name)))
        if found is None:
            raise unknown(title(self), "layer", name, [layer.name for layer in self.layers])
        return found

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], None] | None = None) -> None:
        """Print the layers with their output shapes and numbers of parameters."""
        (print_fn or print)(summary_text(self, line_length))

    # -- computing -------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The outputs for values of the inputs."""
        run = running()
        if run is None or not self.is_graph:
            raise InvalidCall(f"{title(self)}: a subclass of Model must define `call(self, inputs)`.")
        with self.forward(run, self._in_order(inputs)) as outputs:
            return self.restore_structure(outputs)

    @contextlib.contextmanager
    def forward(self, run: Run, x: list[Array]) -> Iterator[list[Array]]:
        """The list of outputs for a list of inputs; within the block, the graph's other tensors can be asked for."""
        if not self.is_graph:
            found = self.compute_values((self._restored_inputs(x),), {}, 0)
            yield list(leaves(found))
            return
        frame = Frame(run, self._feeds(x))
        run.frames.append(frame)
        try:
            run.losses.extend(frame.values(self.added_losses))
            yield frame.values(self.outputs)
        finally:
            run.frames.pop()

    def _feeds(self, x: Sequence[Array]) -> dict[Tensor, Array]:
        return {tensor: _entering(value, tensor.dtype) for tensor, value in zip(self.inputs, x, strict=True)}

    def _in_order(self, inputs: Any) -> list[Any]:
        """The values of the inputs as a list, from a dict by names, a list, or a single one."""
        if isinstance(inputs, dict):
            return [_by_name(inputs, name, title(self)) for name in self.input_names]
        found = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(found) != len(self.inputs):
            raise InvalidValue(
                f"{title(self)}: there must be {len(self.inputs)} inputs ({', '.join(self.input_names)}). "
                f"Got {len(found)}."
            )
        return found

    def _prepare(self, args: Any, kwargs: Any = None) -> None:
        if self.is_graph:
            for tensor, value in zip(self.inputs, self._in_order(args[0]), strict=True):
                self._check_input(tensor, tuple(np.shape(value)) if not hasattr(value, "shape") else tuple(value.shape))
        else:
            super()._prepare(args, kwargs)
            self.built_for = shapes(args[0])

    def _check_input(self, tensor: Tensor, found: tuple[int | None, ...]) -> None:
        wanted = tensor.shape
        fits = len(found) == len(wanted) and all(
            a in (None, b) or b is None for a, b in zip(wanted, found, strict=True)
        )
        if not fits:
            hint = ""
            if len(found) == len(wanted) - 1 and all(a in (None, b) for a, b in zip(wanted[:-1], found, strict=True)):
                hint = "Is the channel axis missing? Add it with x[..., None]."
            elif len(found) == len(wanted) - 1 and all(a in (None, b) for a, b in zip(wanted[1:], found, strict=True)):
                hint = "A single sample needs an axis for samples: x[None]."
            name = (tensor.layer or tensor).name
            raise InvalidValue(
                f"{self.name}: the input {name!r} must have shape {wanted}. Got {found}. {hint}".rstrip()
            )

    def restore_structure(self, values: Sequence[Any]) -> Any:
        """A list of outputs in the structure that the model was made with."""
        structure = self.__dict__.get("_output_structure")
        if structure is None:
            return values[0] if len(values) == 1 else list(values)
        remaining = iter(values)
        return tree_map(lambda _: next(remaining), structure)

    # -- what the trainer asks -------------------------------------------------------------------------------------

    def in_order(self, x: Any, owner: str) -> list[Any]:
        """Inputs as a list of arrays in the order of the model's inputs."""
        if isinstance(x, dict) and self.is_graph:
            return [as_arrays(_by_name(x, name, owner), owner)[0] for name in self.input_names]
        self._restored_inputs = _restorer(x)
        return as_arrays(x, owner)

    _restored_inputs: Callable[[list[Any]], Any] = staticmethod(lambda x: x[0] if len(x) == 1 else x)

    def ensure_built(self, x: Sequence[Any], owner: str) -> None:
        """Make the weights for inputs like `x`, and refuse inputs of another shape.

        Raises:
            InvalidValue: a shape that the model cannot take, with what it expected.
        """
        if self.is_graph:
            self._prepare((list(x),))
        elif not self.built or not self.output_names:
            specs = self.output_specs(x)
            self.output_names = [f"output_{i + 1}" for i in range(len(specs))] if len(specs) > 1 else ["output"]

    def output_specs(self, x: Sequence[Any]) -> list[Any]:
        """Shapes and dtypes of the outputs for inputs like `x`."""
        if self.is_graph:
            return [Spec(tensor.shape, tensor.dtype) for tensor in self.outputs]

        def outputs(*given: Array) -> list[Array]:
            with Run(abstract=True):
                return list(leaves(self.compute_values((self._restored_inputs(list(given)),), {}, 0)))

        return list(jax.eval_shape(outputs, *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in x)))

    @property
    def separate_samples(self) -> bool:
        """Whether no layer mixes samples in the test phase, so that a batch may be padded: true of Kerato's own."""
        return self.is_graph and all(_separate(node) for node in order(self.outputs, set(self.inputs)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name} layers={len(self.layers)}>"

    def _repr_html_(self) -> str:
        return summary_html(self)


def given_tensors(structure: Any) -> bool:
    """Whether a structure holds symbolic tensors, and nothing else."""
    found = list(leaves(structure))
    return bool(found) and all(isinstance(leaf, Tensor) for leaf in found)


def _by_name(values: dict[str, Any], name: str, owner: str) -> Any:
    if name not in values:
        raise InvalidValue(
            sentence(
                f"{owner}: the data must have an entry for every input. Got {tuple(values)}, none for {name!r}.",
                suggest(name, values),
            )
        )
    return values[name]


def _restorer(x: Any) -> Callable[[list[Any]], Any]:
    if isinstance(x, dict):
        return lambda values: dict(zip(x, values, strict=True))
    if isinstance(x, (list, tuple)):
        return lambda values: list(values)
    return lambda values: values[0] if len(values) == 1 else values


def _entering(value: Any, dtype: str) -> Array:
    return value if str(getattr(value, "dtype", "")) == dtype else jnp.asarray(value).astype(dtype)


def _separate(node: Node) -> bool:
    if isinstance(node.owner, Model):
        return node.owner.separate_samples
    kind = type(node.owner)
    ours = node.is_layer and kind.__module__.startswith("kerato.layers.") and kind.__name__ != "Lambda"
    return ours and all(variable.saved for variable in node.owner.variables)


def _output_names(outputs: Sequence[Tensor]) -> list[str]:
    names: list[str] = []
    for tensor in outputs:
        name = tensor.node.name if tensor.node else (tensor.layer or tensor).name
        twins = sum(1 for other in names if other == name or other.rpartition("_")[0] == name)
        names.append(f"{name}_{twins}" if twins else name)
    return names


class Sequential(Model):
    """A stack of layers, each taking what the one before gives.

    The shape of the input comes from an `Input`, from the first layer's `input_shape`, or from the first data.
    """

    def __init__(self, layers: Sequence[Any] = (), name: str | None = None, **common: Any) -> None:
        super().__init__(name=name, **common)
        self._stack: list[Any] = []
        for layer in layers or ():
            self.add(layer)

    layers = property(lambda self: [item for item in self._stack if not isinstance(item, InputLayer)], lambda *_: None)

    @property
    def sublayers(self) -> list[Any]:
        """The layers of the stack."""
        return list(self.__dict__.get("_stack", ()))

    def add(self, layer: Any) -> None:
        """Put a layer on top.

        Raises:
            InvalidType: it is no layer.
        """
        if isinstance(layer, Tensor) and layer.layer is not None:
            layer = layer.layer
        if not isinstance(layer, Layer):
            raise InvalidType(f"{title(self)}: `layer` must be a layer. Got {show(layer)}.")
        if any(item.name == layer.name and item is not layer for item in self._stack):
            raise InvalidValue(
                f"{title(self)}: every layer must have a name of its own. Two are called {layer.name!r}."
            )
        first = not self._stack
        self._stack.append(layer)
        if first:
            self._begin(layer)
        elif self.outputs:
            self._extend(layer)

    def _begin(self, layer: Any) -> None:
        if isinstance(layer, InputLayer):
            self.connect(layer.tensor, layer.tensor)
        elif layer.batch_input_shape is not None:
            dtype = layer._arguments.get("input_dtype") or config.floatx()
            tensor = Input(batch_shape=layer.batch_input_shape, dtype=dtype, name=f"{layer.name}_input")
            self.connect(tensor, layer(tensor))
        elif isinstance(layer, Model) and layer.is_graph:
            entries = [
                Input(batch_shape=given.shape, dtype=given.dtype, name=f"{layer.name}_input{f'_{i}' if i else ''}")
                for i, given in enumerate(layer.inputs)
            ]
            x = entries if len(entries) > 1 else entries[0]
            self.connect(x, layer(x))

    def _extend(self, layer: Any) -> None:
        result = layer(self.outputs[0])
        if not isinstance(result, Tensor):
            self._stack.pop()
            raise InvalidType(f"{title(layer)}: a layer of a Sequential must give one tensor. Use Model for several.")
        self.connect(self.input, result)

    def pop(self) -> None:
        """Take the top layer away.

        Raises:
            InvalidType: there is none.
        """
        if not self.layers:
            raise InvalidType(f"{title(self)}: there are no layers to take away.")
        self._stack[-1]._nodes.clear()
        self._stack.pop()
        self._engine = None
        if not self.layers:
            self.__dict__["inputs"], self.__dict__["outputs"] = [], []
        elif self.outputs:
            last = self._stack[-1]  # a model's own output is inside it
            self.connect(self.input, last.get_output_at(-1) if isinstance(last, Model) else last.output)

    def build(self, input_shape: Any) -> None:
        """Connect the layers for inputs of that shape, `(None, height, width, channels)`."""
        if not self._stack:
            raise InvalidCall(f"{title(self)}: there are no layers. Add some first.")
        if self.outputs or input_shape is None:
            return
        x = tensor = Input(batch_shape=(None, *tuple(input_shape)[1:]), name=f"{self._stack[0].name}_input")
        for layer in self._stack:
            x = layer(x)
        self.connect(tensor, x)

    def ensure_built(self, x: Sequence[Any], owner: str) -> None:
        """Connect the layers for the first data, then as every model."""
        self.build((None, *x[0].shape[1:]))
        super().ensure_built(x, owner)

    def _prepare(self, args: Any, kwargs: Any = None) -> None:
        self.build(shapes(args[0]))
        super()._prepare(args, kwargs)

    def predict_classes(self, x: Any, batch_size: int = 32, verbose: int = 1) -> np.ndarray[Any, Any]:
        """The index of the most likely class per sample; 0 or 1 for a single sigmoid output (book section 3.1)."""
        p = self.predict(x, batch_size, verbose)
        return np.asarray(p.argmax(-1) if p.shape[-1] > 1 else (p > 0.5).astype("int32"))

    def predict_proba(self, x: Any, batch_size: int = 32, verbose: int = 1) -> np.ndarray[Any, Any]:
        """The outputs, as `predict`."""
        return np.asarray(self.predict(x, batch_size, verbose))


def clone_model(model: Model, clone_function: Callable[[Any], Any] | None = None) -> Any:
    """A model of the same layers and calls with new weights; `clone_function(layer)` gives each layer's copy.

    Raises:
        InvalidValue: the model is a subclass with a constructor of its own.
    """
    return clone(model, clone_function)


MODELS.update(Functional=Model, Model=Model, Sequential=Sequential)
