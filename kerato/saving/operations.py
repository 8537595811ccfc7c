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

#: (room in `keras.src.ops`, arguments in order) -> operations; `=` marks arguments of the configuration, and stands
#: between Kerato's name and Keras's where they differ
_ARGUMENTS = {
    ("core", "indices values shape="): "scatter",
    ("core", "inputs indices updates reduction="): "scatter_update",
    ("core", "inputs start_indices shape="): "slice",
    ("core", "inputs start_indices updates"): "slice_update",
    ("core", "x"): "stop_gradient",
    ("core", "x dtype="): "cast saturate_cast",
    ("core", "x num= axis="): "unstack",
    ("linalg", "a b"): "solve",
    ("linalg", "a b lower="): "solve_triangular",
    ("linalg", "a b rcond="): "lstsq",
    ("linalg", "x"): "det eig eigh inv lu_factor",
    ("linalg", "x mode="): "qr",
    ("linalg", "x ord= axis= keepdims="): "norm",
    ("linalg", "x rcond="): "pinv",
    ("linalg", "x tol="): "matrix_rank",
    ("linalg", "x upper="): "cholesky cholesky_inverse",
    ("math", "data segment_ids num_segments= sorted="): "segment_max segment_min segment_prod segment_sum",
    ("math", "targets predictions k="): "in_top_k",
    ("math", "x"): "erf erfc erfinv logdet rsqrt view_as_complex view_as_real",
    ("math", "x axis= keepdims="): "logsumexp",
    ("math", "x k= sorted="): "top_k",
    ("math", "x sequence_length= sequence_stride="): "extract_sequences",
    ("nn", "abs_ angle"): "polar",
    ("nn", "inputs depthwise_kernel pointwise_kernel strides= padding= data_format= dilation_rate="): """
        separable_conv""",
    ("nn", "inputs kernel strides= padding= data_format= dilation_rate="): "conv depthwise_conv",
    ("nn", "inputs kernel strides= padding= output_padding= data_format= dilation_rate="): "conv_transpose",
    ("nn", "inputs num_classes= axis= dtype="): "multi_hot",
    ("nn", "inputs output_size= data_format="): "adaptive_average_pool adaptive_max_pool",
    ("nn", "inputs pool_size= strides= padding= data_format="): "average_pool max_pool",
    ("nn", "query key value bias mask scale is_causal= flash_attention= attn_logits_soft_cap="): """
        dot_product_attention""",
    ("nn", "target output from_logits="): "binary_crossentropy",
    ("nn", "target output from_logits= axis="): "categorical_crossentropy sparse_categorical_crossentropy",
    ("nn", "x"): "log_sigmoid relu sigmoid softplus sparse_plus sparse_sigmoid tanh_shrink",
    ("nn", "x alpha="): "elu",
    ("nn", "x approximate="): "gelu",
    ("nn", "x axes= keepdims= synchronized="): "moments",
    ("nn", "x axis="): "glu log_softmax softmax sparsemax",
    ("nn", "x axis= order= epsilon="): "normalize",
    ("nn", "x block_size= data_format="): "depth_to_space space_to_depth",
    ("nn", "x b="): "squareplus",
    ("nn", "x num_classes= axis= dtype="): "one_hot",
    ("nn", "x threshold="): "hard_shrink soft_shrink",
    ("nn", "x threshold= default_value="): "threshold",
    ("numpy", "a n= axis="): "diff",
    ("numpy", "array k= axes="): "rot90",
    ("numpy", "condition x1 x2"): "where",
    ("numpy", "indices shape="): "unravel_index",
    ("numpy", "start stop num= endpoint= base= dtype= axis="): "logspace",
    ("numpy", "start stop num= endpoint= dtype= axis="): "geomspace",
    ("numpy", "start stop num= endpoint= retstep= dtype= axis="): "linspace",
    ("numpy", "x"): """
        abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert bitwise_not cbrt ceil
        conj corrcoef cos cosh deg2rad exp exp2 expm1 fabs fliplr flipud floor hstack i0 imag isfinite isinf
        isnan isneginf isposinf isreal log log10 log1p log2 logical_not negative nonzero rad2deg ravel real
        reciprocal sign signbit sin sinc sinh slogdet sqrt square tan tanh trunc vstack""",
    ("numpy", "x N= increasing="): "vander",
    ("numpy", "x axes="): "transpose",
    ("numpy", "x axis1= axis2="): "swapaxes",
    ("numpy", "x axis="): "argsort concatenate count_nonzero expand_dims flip sort squeeze stack",
    ("numpy", "x axis= dtype="): "cumprod cumsum nancumprod nancumsum",
    ("numpy", "x axis= keepdims="): """
        all any argmax argmin max mean median min nanargmax nanargmin nanmax nanmean nanmedian nanmin nanprod
        nanstd nansum nanvar prod ptp std sum var""",
    ("numpy", "x axis= weights"): "average",
    ("numpy", "x bins"): "digitize",
    ("numpy", "x decimals="): "round",
    ("numpy", "x dtype="): "ones_like zeros_like",
    ("numpy", "x fill_value dtype="): "full_like",
    ("numpy", "x indices axis="): "take take_along_axis",
    ("numpy", "x indices_or_sections="): "dsplit hsplit vsplit",
    ("numpy", "x indices_or_sections= axis="): "array_split split",
    ("numpy", "x kth= axis="): "argpartition",
    ("numpy", "x k="): "diag diagflat tril triu",
    ("numpy", "x nan= posinf= neginf="): "nan_to_num",
    ("numpy", "x newshape="): "reshape",
    ("numpy", "x offset= axis1= axis2="): "diagonal trace",
    ("numpy", "x pad_width= mode= constant_values"): "pad",
    ("numpy", "x q axis= method= keepdims="): "nanpercentile nanquantile percentile quantile",
    ("numpy", "x repeats= axis="): "repeat",
    ("numpy", "x reps=repeats"): "tile",
    ("numpy", "x shape="): "broadcast_to",
    ("numpy", "x shift= axis="): "roll",
    ("numpy", "x source= destination="): "moveaxis",
    ("numpy", "x weights= minlength= sparse="): "bincount",
    ("numpy", "x x_min= x_max="): "clip",
    ("numpy", "x y"): "bitwise_left_shift bitwise_right_shift left_shift right_shift",
    ("numpy", "x1 x2"): """
        add arctan2 bitwise_and bitwise_or bitwise_xor divide divide_no_nan dot equal floor_divide fmax fmin
        fmod gcd getitem greater greater_equal heaviside hypot inner kron lcm ldexp less less_equal logaddexp
        logaddexp2 logical_and logical_or logical_xor matmul maximum minimum mod multiply nextafter not_equal
        outer power subtract true_divide vdot""",
    ("numpy", "x1 x2 axes="): "tensordot",
    ("numpy", "x1 x2 axisa= axisb= axisc= axis="): "cross",
    ("numpy", "x1 x2 axis="): "append",
    ("numpy", "x1 x2 mode="): "correlate",
    ("numpy", "x1 x2 rtol atol equal_nan="): "isclose",
    ("numpy", "xs"): "dstack",
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


FORMS = {name: Form(room, name, arguments) for (room, arguments), names in _ARGUMENTS.items() for name in names.split()}

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
        record: dict[str, Any] = {"module": OURS, "class_name": operation, "config": {}, "registered_name": None}
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
