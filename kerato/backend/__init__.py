"""The book's `K`: the functions of Keras 2.0.5's backend, for laying pipes and for letting the water through.

Here a variable is a symbolic tensor, as it was then: `K.sum(v)` is a graph to be evaluated by `K.function` or
`K.eval`, and `K.gradients(K.sum(v ** 2), [v])` is its gradient. Arrays compute at once.
"""

from __future__ import annotations

from typing import Any

from kerato.backend.arithmetic import (
    abs,
    all,
    any,
    argmax,
    argmin,
    batch_dot,
    cast,
    clip,
    cos,
    cumprod,
    cumsum,
    dot,
    equal,
    exp,
    greater,
    greater_equal,
    identity,
    less,
    less_equal,
    log,
    logsumexp,
    max,
    maximum,
    mean,
    min,
    minimum,
    not_equal,
    pow,
    prod,
    round,
    sign,
    sin,
    sqrt,
    square,
    std,
    stop_gradient,
    sum,
    transpose,
    var,
)
from kerato.backend.arrangement import (
    arange,
    batch_flatten,
    bias_add,
    concatenate,
    expand_dims,
    flatten,
    gather,
    one_hot,
    ones_like,
    permute_dimensions,
    repeat,
    repeat_elements,
    reshape,
    resize_images,
    resize_volumes,
    reverse,
    shape,
    spatial_2d_padding,
    spatial_3d_padding,
    squeeze,
    stack,
    temporal_padding,
    tile,
    zeros_like,
)
from kerato.backend.evaluation import (
    Function,
    batch_get_value,
    batch_set_value,
    clear_session,
    eval,
    function,
    get_value,
    gradients,
    in_test_phase,
    in_train_phase,
    learning_phase,
    moving_average_update,
    print_tensor,
    set_learning_phase,
    set_value,
    switch,
    update,
    update_add,
    update_sub,
)
from kerato.backend.loops import (
    ctc_batch_cost,
    ctc_decode,
    ctc_label_dense_to_sparse,
    foldl,
    foldr,
    map_fn,
    rnn,
)
from kerato.backend.networks import (
    batch_normalization,
    binary_crossentropy,
    categorical_crossentropy,
    dropout,
    elu,
    hard_sigmoid,
    in_top_k,
    l2_normalize,
    normalize_batch_in_training,
    random_binomial,
    random_normal,
    random_uniform,
    relu,
    sigmoid,
    softmax,
    softplus,
    softsign,
    sparse_categorical_crossentropy,
    tanh,
    truncated_normal,
)
from kerato.backend.pipes import (
    SymbolicVariable,
    cast_to_floatx,
    constant,
    count_params,
    dtype,
    eye,
    get_session,
    get_uid,
    get_variable_shape,
    image_dim_ordering,
    int_shape,
    is_keras_tensor,
    is_placeholder,
    is_sparse,
    lays_pipes,
    manual_variable_initialization,
    name_scope,
    ndim,
    ones,
    pattern_broadcast,
    placeholder,
    random_normal_variable,
    random_uniform_variable,
    reset_uids,
    set_image_dim_ordering,
    set_session,
    to_dense,
    variable,
    zeros,
)
from kerato.backend.windows import (
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    deconv2d,
    depthwise_conv2d,
    local_conv1d,
    local_conv2d,
    pool2d,
    pool3d,
    separable_conv2d,
)
from kerato.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from kerato.errors import UnknownName, unknown
from kerato.ops import OPS

__all__ = [
    "Function", "SymbolicVariable", "abs", "all", "any", "arange", "argmax", "argmin", "backend", "batch_dot",
    "batch_flatten", "batch_get_value", "batch_normalization", "batch_set_value", "bias_add", "binary_crossentropy",
    "cast", "cast_to_floatx", "categorical_crossentropy", "clear_session", "clip", "concatenate", "constant",
    "conv1d", "conv2d", "conv2d_transpose", "conv3d", "cos", "count_params", "ctc_batch_cost", "ctc_decode",
    "ctc_label_dense_to_sparse", "cumprod", "cumsum", "deconv2d", "depthwise_conv2d", "dot", "dropout", "dtype",
    "elu", "epsilon", "equal", "eval", "exp", "expand_dims", "eye", "flatten", "floatx", "foldl", "foldr",
    "function", "gather", "get_session", "get_uid", "get_value", "get_variable_shape", "gradients", "greater",
    "greater_equal", "hard_sigmoid", "identity", "image_data_format", "image_dim_ordering", "in_test_phase",
    "in_top_k", "in_train_phase", "int_shape", "is_keras_tensor", "is_placeholder", "is_sparse", "l2_normalize",
    "learning_phase", "less", "less_equal", "local_conv1d", "local_conv2d", "log", "logsumexp",
    "manual_variable_initialization", "map_fn", "max", "maximum", "mean", "min", "minimum", "moving_average_update",
    "name_scope", "ndim", "normalize_batch_in_training", "not_equal", "one_hot", "ones", "ones_like",
    "pattern_broadcast", "permute_dimensions", "placeholder", "pool2d", "pool3d", "pow", "print_tensor", "prod",
    "random_binomial", "random_normal", "random_normal_variable", "random_uniform", "random_uniform_variable",
    "relu", "repeat", "repeat_elements", "reset_uids", "reshape", "resize_images", "resize_volumes", "reverse", "rnn",
    "round", "separable_conv2d", "set_epsilon", "set_floatx", "set_image_data_format", "set_image_dim_ordering",
    "set_learning_phase", "set_session", "set_value", "shape", "sigmoid", "sign", "sin", "softmax", "softplus",
    "softsign", "sparse_categorical_crossentropy", "spatial_2d_padding", "spatial_3d_padding", "sqrt", "square",
    "squeeze", "stack", "std", "stop_gradient", "sum", "switch", "tanh", "temporal_padding", "tile", "to_dense",
    "transpose", "truncated_normal", "update", "update_add", "update_sub", "var", "variable", "zeros", "zeros_like",
]  # fmt: skip

#: engines and their modules, which scripts reached through K
_ENGINES = {
    "tf": "TensorFlow",
    "theano": "Theano",
    "T": "Theano",
    "th_sparse_module": "Theano",
    "ctc_cost": "Theano",
    "ctc_create_skip_idxs": "Theano",
    "ctc_interleave_blanks": "Theano",
    "ctc_path_probs": "Theano",
    "ctc_update_log_p": "Theano",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in _ENGINES:
        raise UnknownName(
            f"kerato.backend: K.{name} belongs to {_ENGINES[name]}, which is not there. "
            "Use the functions of K, or kerato.ops."
        )
    if name in OPS:
        return lays_pipes(OPS[name])
    raise unknown("kerato.backend", "the function", name, [*OPS, *__all__])
