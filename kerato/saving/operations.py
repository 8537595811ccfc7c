"""Which class of Keras 3 an operation is in a file: `x * 2` is a `Multiply` of `keras.src.ops.numpy`.

Keras makes part of an operation's arguments parts of its configuration and gives the rest at the call. Operations
that Keras has not, or not with these arguments, are stored as Kerato's own, under `kerato.ops`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kerato import activations, ops

OURS = "kerato.ops"

#: operation -> its arguments in order; `=` marks those of the configuration, `mine=theirs` where names differ
_ARGUMENTS = {
    "core": {"cast": "x dtype=", "stop_gradient": "x"},
    "math": {"erf": "x", "logsumexp": "x axis= keepdims=", "rsqrt": "x", "top_k": "x k= sorted="},
    "nn": {
        **dict.fromkeys(["relu", "sigmoid", "softplus", "log_sigmoid"], "x"),
        "average_pool": "inputs pool_size= strides= padding= data_format=",
        "conv": "inputs kernel strides= padding= data_format= dilation_rate=",
        "elu": "x alpha=",
        "gelu": "x approximate=",
        "log_softmax": "x axis=",
        "max_pool": "inputs pool_size= strides= padding= data_format=",
        "one_hot": "x num_classes= axis= dtype=",
        "softmax": "x axis=",
    },
    "numpy": {
        **dict.fromkeys(
            """absolute arccos arccosh arcsin arcsinh arctan arctanh ceil cos cosh exp expm1 floor isfinite isinf isnan
            log log10 log1p log2 logical_not negative reciprocal sign sin sinh sqrt square tan tanh""".split(),
            "x",
        ),
        **dict.fromkeys(
            """add arctan2 divide equal floor_divide greater greater_equal less less_equal logaddexp logical_and
            logical_or matmul maximum minimum mod multiply not_equal outer power subtract true_divide vdot""".split(),
            "x1 x2",
        ),
        **dict.fromkeys("all any argmax argmin max mean median min prod std sum var".split(), "x axis= keepdims="),
        **dict.fromkeys("argsort expand_dims flip sort squeeze".split(), "x axis="),
        **dict.fromkeys("cumprod cumsum".split(), "x axis= dtype="),
        **dict.fromkeys("diagonal trace".split(), "x offset= axis1= axis2="),
        **dict.fromkeys("diag tril triu".split(), "x k="),
        **dict.fromkeys("concatenate stack".split(), "xs axis="),
        **dict.fromkeys("hstack vstack".split(), "xs"),
        **dict.fromkeys("ones_like zeros_like".split(), "x dtype="),
        "abs": "x",
        "average": "x axis= weights",
        "bitwise_and": "x y",
        "bitwise_or": "x y",
        "bitwise_xor": "x y",
        "broadcast_to": "x shape=",
        "clip": "x x_min= x_max=",
        "cross": "x1 x2 axisa= axisb= axisc= axis=",
        "full_like": "x fill_value dtype=",
        "getitem": "x key",
        "moveaxis": "x source= destination=",
        "pad": "x pad_width= mode= constant_values",
        "repeat": "x repeats= axis=",
        "reshape": "x newshape=",
        "roll": "x shift= axis=",
        "round": "x decimals=",
        "swapaxes": "x axis1= axis2=",
        "take": "x indices axis=",
        "take_along_axis": "x indices axis=",
        "tensordot": "x1 x2 axes=",
        "tile": "x reps=repeats",
        "transpose": "x axes=",
        "where": "condition x1 x2",
    },
}
#: parts of Keras's configurations that change no numbers here
_IGNORED = ("name", "sparse", "initial")
_NAMES = {"abs": "Absolute", "getitem": "GetItem"}

#: classes of Keras that are a formula of Kerato's activations
_FORMULAS = "celu hard_sigmoid hard_silu hard_tanh leaky_relu relu6 selu silu softsign"


def _class_name(operation: str) -> str:
    return _NAMES.get(operation) or "".join(word.capitalize() for word in operation.split("_"))


class Form:
    """How one operation is stored: its module and class in Keras, and which of its arguments go where."""

    def __init__(self, room: str, operation: str, arguments: str) -> None:
        self.module, self.class_name = f"keras.src.ops.{room}", _class_name(operation)
        parts = [word.partition("=") for word in arguments.split()]
        self.order = [mine for mine, _, _ in parts]
        self.at_call = [mine for mine, sign, _ in parts if not sign]
        self.stored = {mine: theirs or mine for mine, sign, theirs in parts if sign}

    def split(self, args: Any, kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
        """(arguments at the call, configuration) for a call of the operation; None where Keras has no such call."""
        given = {**dict(zip(self.order, args, strict=False)), **kwargs}
        at_call = [given.pop(name) for name in self.at_call if name in given]
        if len(args) > len(self.order) or not given.keys() <= self.stored.keys():
            return None
        return at_call, {self.stored[name]: value for name, value in given.items()}

    def join(self, args: Any, config: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of the operation, from those at the call and the configuration."""
        mine = {theirs: name for name, theirs in self.stored.items()}
        first = next((i for i, name in enumerate(self.order) if name in self.stored), len(self.order))
        named = dict(zip(self.at_call[first:], args[first:], strict=False))
        named |= {mine.get(name, name): value for name, value in config.items()}
        return list(args[:first]), named


FORMS = {name: Form(room, name, text) for room, table in _ARGUMENTS.items() for name, text in table.items()}

#: (module, class) of Keras -> operation; of two names for one class the last one of the table
_BY_CLASS = {(form.module, form.class_name): name for name, form in FORMS.items()}

#: what Keras's names for an element-wise operation stand for
_BY_FORMULA: dict[str, Callable[..., Any]] = {
    _class_name(name): activations.FAMILY.members[name] for name in _FORMULAS.split()
}


def stored_form(operation: str, args: Any, kwargs: dict[str, Any]) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """(record without its name, arguments at the call, keywords at the call) of an operation's call."""
    form = FORMS.get(operation)
    found = form.split(args, kwargs) if form else None
    if form is None or found is None:
        record = {"module": OURS, "class_name": operation, "config": {}, "registered_name": None}
        return record, list(args), dict(kwargs)
    record = {"module": form.module, "class_name": form.class_name, "registered_name": form.class_name}
    return {**record, "config": found[1]}, found[0], {}


def known_operation(module: Any, class_name: Any, config: dict[str, Any]) -> Callable[..., Any] | None:
    """The function that a stored operation calls, with its configuration filled in; None where there is no such one."""
    options = {key: value for key, value in config.items() if key not in _IGNORED and value is not None}
    if module == OURS:
        return ops.OPS.get(class_name)
    if (module, class_name) in _BY_CLASS:
        return _Call(_BY_CLASS[module, class_name], options)
    if module == "keras.src.ops.nn" and class_name in _BY_FORMULA:
        return functools.partial(_BY_FORMULA[class_name], **options)
    return None


class _Call:
    """An operation with the configuration that a file gives it."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.form, self.operation, self.options = FORMS[name], ops.OPS[name], options

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        positional, named = self.form.join(args, self.options)
        return self.operation(*positional, **named, **kwargs)
