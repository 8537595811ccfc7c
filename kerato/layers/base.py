"""`Layer`: everything that layers share, so that a layer is its formula and little else.

A subclass declares its arguments in `__init__` and their rules in `checks`, makes its weights in `build` and
computes in `call`. Attributes, configuration, shapes, masks, dtypes, nodes and messages are the base's business.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from kerato import activations, config, constraints, initializers, memory, random, regularizers
from kerato.arguments import Configurable, Rule, flag, one_of, optional, shape, snake_case, title
from kerato.errors import InvalidCall, InvalidValue, KeratoError, invalid
from kerato.graph import NeedsArray, Node, Tensor, worth
from kerato.layers.calls import Calls, first_in_place, further_arguments, shapes
from kerato.layers.fitting import Fitting, build_shapes
from kerato.layers.weights import Weights
from kerato.ops import leaves, tree_map
from kerato.shapes import Spec
from kerato.variables import Run, Variable, evaluation, running

Array = Any

_names: Counter[str] = Counter()


def automatic_name(prefix: str) -> str:
    """`dense`, then `dense_1`, `dense_2`, ..."""
    number = _names[prefix]
    _names[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def clear_session() -> None:
    """Begin the automatic names anew, and give the system the memory that is free."""
    _names.clear()
    memory.give_back()


def _script_line() -> str:
    """`line 14 of train.py`: where the user's code stands now."""
    frame = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "kerato":
        frame = frame.f_back  # type: ignore[assignment]
    return (
        f"line {frame.f_lineno} of {frame.f_code.co_filename.replace(chr(92), '/').rpartition('/')[2]}" if frame else ""
    )


class Layer(Calls, Fitting, Weights, Configurable):
    """A computation with weights: `layer(x)` on arrays computes, on symbolic tensors it lays a pipe.

    Args:
        name: unique in a model; made from the class name when not given.
        trainable: whether training changes the weights.
        dtype: `'float32'`, ..., or a policy: `'mixed_bfloat16'` computes in bfloat16 and keeps float32 weights.
        activity_regularizer: penalty on the output, per sample, added to the loss.
        input_shape: shape of one sample, for the first layer of a Sequential; `batch_input_shape` and `input_dim`
            are other ways to say it.
        weights: initial values, a list of arrays.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "activation": activations.FAMILY.rule,
        "*_initializer": initializers.FAMILY.rule,
        "*_regularizer": regularizers.FAMILY.rule,
        "*_constraint": constraints.FAMILY.rule,
        "use_bias": flag,
        "data_format": Rule(
            "'channels_last', 'channels_first' or None",
            lambda value, _: one_of(*config.DATA_FORMATS).convert(value or config.image_data_format(), _),
        ),
        "batch_input_shape": optional(shape),
    }
    supports_masking = False
    autocast = True  # whether float inputs are brought to `compute_dtype`

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        activity_regularizer: Any = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        batch_size: int | None = None,
        input_dtype: str | None = None,
        weights: Sequence[Any] | None = None,
    ) -> None:
        self.name = name or automatic_name(snake_case(type(self).__name__))
        self.built = False
        self.trainable = trainable
        self.dtype_policy = policy_name(dtype)
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is not None:
            batch_input_shape = (batch_size, *_as_shape(input_shape))
        self.batch_input_shape = batch_input_shape
        self._initial_weights = weights
        self._where = _script_line()
        self._nodes: list[Node] = []
        self._weights: list[Variable] = []
        self._expected: dict[int, int] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "build" in cls.__dict__:
            cls.build = _marked(cls.build)  # type: ignore[method-assign]

    # -- what a subclass writes ----------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights; called once, with the shape of the input (a list of shapes for several inputs)."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The formula: arrays in, arrays out. `training` and `mask` are passed to calls that name them."""
        raise InvalidCall(f"{title(self)}: the class must define `call(self, inputs)`.")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output; the input's own where the layer `supports_masking`."""
        return mask if self.supports_masking else None

    def weight(
        self, name: str, shape: Sequence[int | None], trainable: bool = True, prefix: str | None = None
    ) -> Variable:
        """A weight called `name`, set as attribute, made as `<name>_initializer` and its companions say.

        `prefix` stands in the place of `<name>` where the arguments are called otherwise.
        """
        kinds = ("initializer", "regularizer", "constraint")
        options = {kind: getattr(self, f"{prefix or name}_{kind}", None) for kind in kinds}
        variable = self.add_weight(name=name, shape=shape, trainable=trainable, **options)
        setattr(self, name, variable)
        return variable

    def add_weight(self, *args: Any, **options: Any) -> Variable:
        """A new weight: `add_weight(shape=None, initializer=None, dtype=None, trainable=True, ..., name=None)`.

        Keras 2's order, with the name first, works too.
        """
        names = ("name", "shape") if args and isinstance(args[0], str) else ("shape", "initializer", "dtype")
        options.update(zip(names, args, strict=False))
        return self._new_weight(**options)

    def _new_weight(
        self,
        shape: Sequence[int | None] | None = None,
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        **_: Any,
    ) -> Variable:
        sizes = tuple(shape or ())
        if None in sizes:
            raise invalid(title(self), "input shape", f"known where the weight {name!r} {sizes} needs it", None)
        made = initializers.get(initializer or ("zeros" if name == "bias" else "glorot_uniform"))
        variable = Variable(_keyed(made), sizes, dtype or self.variable_dtype, trainable, name)  # type: ignore[arg-type]
        variable.path = f"{self.name}/{variable.name}"
        variable.key = random.occurrence(variable.path)
        variable.autocast = autocast and variable.dtype in config.FLOAT_TYPES
        variable.regularizer, variable.constraint = regularizers.get(regularizer), constraints.get(constraint)
        self._weights.append(variable)
        return variable

    def activate(self, y: Array) -> Array:
        """The activation's value; what it was made from stays known to the losses."""
        if self.activation is None:
            return y
        value = self.activation(y)
        ours = str(getattr(self.activation, "__module__", "")).startswith("kerato.")
        return self.made_from(y, getattr(self.activation, "__name__", "") if ours else "", value)

    def made_from(self, y: Array, activation: str, value: Array) -> Array:
        """`value`, noted as what `activation` makes of `y`: for losses that are exact on logits, and for seeing."""
        run = running()
        if run is not None:
            run.logits[id(value)] = (value, activation, y)
        return value

    def add_loss(self, loss: Any, inputs: Any = None) -> None:
        """Add a scalar, or a list of them, to the training loss; inside `call`. Keras 2's `inputs` is not needed."""
        with evaluation() as run:
            run.losses.extend(leaves(loss))

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Keras 2's way to change weights in training: pairs that `K.update` and its kin give; inside `call`."""
        pairs = [updates] if isinstance(updates, tuple) else updates
        with evaluation() as run:
            for variable, value in pairs if run.training else ():
                variable.assign(value)

    @property
    def losses(self) -> list[Any]:
        """What the weights' regularizers give now, and what the last call outside of a network added."""
        penalties = [v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None]
        return [*penalties, *self.__dict__.get("_added", ())]

    # -- calling ---------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.check_begun()
        if not args and not kwargs:
            raise InvalidCall(f"{title(self)}: must be called with an input: layer(x).")
        run = running()
        args, kwargs = first_in_place(type(self).call, args, kwargs)
        if run is not None:
            args, kwargs = tree_map(lambda leaf: worth(leaf, run), (args, kwargs))
        if any(isinstance(leaf, Tensor) for leaf in leaves((args, kwargs))):
            return self.lay(args, kwargs)
        with evaluation() as current:
            value = self.compute_values(args, kwargs)
            if run is None:
                self._added = [loss for loss in current.losses if not isinstance(loss, jax.core.Tracer)]
            return value

    def check_begun(self) -> None:
        """Refuse an object whose class forgot to call the base's `__init__`."""
        if "_nodes" not in self.__dict__:
            raise InvalidCall(f"{type(self).__name__}: its __init__ must call super().__init__() before anything else.")

    def lay(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record a call on symbolic tensors as a node of the graph."""
        self._prepare(args, kwargs)
        stated = self._stated_shape(args)
        try:
            node = Node(self, args, kwargs, stated)
        except (NeedsArray, KeratoError):
            raise
        except (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError) as error:
            raise self._cannot_take(args, error) from error
        return self.remember(node)

    def remember(self, node: Node) -> Any:
        """Count `node` as one of this layer's calls; its result."""
        node.position = len(self._nodes)
        self._nodes.append(node)
        return node.result

    def compute_values(self, args: Any, kwargs: Any, position: int | None = None) -> Any:
        """Compute on arrays, inside the running evaluation."""
        run = running()
        if run is None:
            raise InvalidCall(f"{title(self)}: nothing is being evaluated. Call the layer itself.")
        self._prepare(args, kwargs)
        masks = tree_map(run.mask_of, args[0]) if args else None
        with run.inside(self.name, position) as path, run.layer(self.compute_dtype, kwargs.get("training")):
            context = self._context(args, kwargs, run, masks)
            value = self.call(*(self._cast(args) if self.autocast else args), **context)
            self._after(run, args, value, masks)
            return value if run.hook is None else run.shown(path, value)

    def _context(self, args: Any, kwargs: dict[str, Any], run: Run, masks: Any) -> dict[str, Any]:
        known = accepted(type(self).call)
        given = {name: value for name, value in kwargs.items() if name != "training" or "training" in known}
        if "training" in known and given.get("training") is None:
            given["training"] = run.training
        if "mask" in known and given.get("mask") is None and _any(masks):
            given["mask"] = masks
        for name, value in further_arguments(type(self).call, args, kwargs, "_mask").items():
            found = tree_map(run.mask_of, value)
            if _any(found):
                given[f"{name}_mask"] = found
        return given

    def _after(self, run: Run, args: Any, value: Any, masks: Any) -> None:
        if self.activity_regularizer is not None:
            run.losses.extend(self.activity_regularizer(leaf) / leaf.shape[0] for leaf in leaves(value))
        if _any(masks) or type(self).compute_mask is not Layer.compute_mask:
            run.set_mask(value, self.compute_mask(args[0] if args else None, masks if _any(masks) else None))

    def _cast(self, args: Any) -> Any:
        wanted = self.compute_dtype

        def cast(leaf: Any) -> Any:
            kind = getattr(leaf, "dtype", None)
            if kind is None or str(kind) == wanted or not jnp.issubdtype(kind, jnp.floating):
                return leaf
            return jnp.asarray(leaf).astype(wanted)

        return tree_map(cast, args)

    def _prepare(self, args: Any, kwargs: Any = None) -> None:
        """Build before the first use, and refuse inputs that cannot fit."""
        found = shapes(args[0]) if args else None
        if isinstance(found, tuple):
            self._check_rank(found)
        if not self.built:
            self._build(*build_shapes(self.build, self.call, args, kwargs or {}))
        if isinstance(found, tuple):
            self._check_sizes(found)
        if self.input_spec is not None:
            self._check_spec(found)

    def _build(self, *input_shapes: Any) -> None:
        self.build(*input_shapes)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def _stated_shape(self, args: Any) -> Any:
        """What the user's own `compute_output_shape` says; None lets abstract evaluation find out."""
        if type(self).compute_output_shape is Layer.compute_output_shape or not args:
            return None
        found = self.compute_output_shape(shapes(args[0]))
        return _specs(found, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's shape, by abstract evaluation."""
        wanted = _specs(input_shape, self.compute_dtype)
        result = type(self)._abstract(self, tree_map(lambda spec: Tensor(spec.shape, spec.dtype), wanted))
        return tree_map(lambda tensor: tensor.shape, result)

    def _abstract(self, inputs: Any) -> Any:
        self._prepare((inputs,))
        return Node(self, (inputs,), {}).result

    def _cannot_take(self, args: Any, error: Exception) -> InvalidValue:
        reason = str(error).strip().partition("\n")[0]
        if type(error).__module__.startswith("jax"):  # TracerArrayConversionError and its kin
            reason = "It asks for numbers before there are any. Use kerato.ops instead of NumPy and Python's `if`."
        return InvalidValue(f"{title(self)}: cannot compute on an input of shape {shapes(args[0])}. {reason}")

    # -- configuration and dtype ---------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the layer with `from_config`; weights are not part of it."""
        own = super().get_config()
        for name in ("input_shape", "batch_input_shape", "input_dim", "batch_size", "input_dtype", "weights"):
            own.pop(name, None)
        if own.get("activity_regularizer", 0) is None and "activity_regularizer" not in _parameters(type(self)):
            own.pop("activity_regularizer")
        return {**own, "name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy}

    @property
    def compute_dtype(self) -> str:
        """The dtype of the arithmetic."""
        return self.dtype_policy.removeprefix("mixed_")

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return "float32" if self.dtype_policy.startswith("mixed_") else self.dtype_policy

    @property
    def dtype(self) -> str:
        """Same as `variable_dtype`."""
        return self.variable_dtype

    @property
    def updates(self) -> list[Any]:
        """Empty: writes to variables are results of an evaluation. Kept for Keras 2 scripts."""
        return []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name} built={self.built}>"


def policy_name(dtype: Any) -> str:
    """The name of a dtype or policy: a string, None for `config.floatx()`, or Keras 3's configuration of one.

    Raises:
        InvalidValue: no such type.
    """
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    name = config.dtype_policy() if dtype is None else str(getattr(dtype, "name", dtype))
    plain = name.removeprefix("mixed_")
    if plain not in (*config.FLOAT_TYPES, "uint8", "int8", "int16", "int32", "int64", "bool"):
        raise invalid("Layer", "dtype", "a float type or a policy such as 'mixed_bfloat16'", dtype)
    if plain == "float64" and not jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", True)  # asked for by name; JAX would silently compute in float32
    return name


def _marked(build: Callable[..., None]) -> Callable[..., None]:
    """`build`, after which the layer counts as built, also when it is called by hand."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.built = True

    return wrapper


def _keyed(made: Any) -> Callable[..., Any]:
    """An initializer as Kerato's variables call it: `(shape, dtype, path)`."""
    if isinstance(made, initializers.Initializer):
        return made
    return lambda shape, dtype, path: made(shape, dtype=dtype)


def _as_shape(value: Any) -> tuple[int | None, ...]:
    return (value,) if value is None or isinstance(value, int) else tuple(value)


def _any(masks: Any) -> bool:
    return any(mask is not None for mask in leaves(masks))


def accepted(call: Callable[..., Any]) -> frozenset[str]:
    """The names of the parameters of a `call`."""
    return frozenset(inspect.signature(call).parameters)


def _parameters(kind: type[Any]) -> list[str]:
    return list(inspect.signature(kind.__init__).parameters)


def _specs(sizes: Any, dtype: str) -> Any:
    if isinstance(sizes, dict):
        return {key: _specs(item, dtype) for key, item in sizes.items()}
    if any(isinstance(item, (list, tuple)) for item in sizes):
        return [_specs(item, dtype) for item in sizes]
    return Spec(tuple(sizes), dtype)
