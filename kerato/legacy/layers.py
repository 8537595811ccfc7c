"""The old arguments and defaults of layers, by today's class: words of Keras 0 and 1, defaults of 2.0.5."""

from __future__ import annotations

from typing import Any

from kerato import regularizers
from kerato.errors import invalid
from kerato.legacy.arguments import Arguments, Old

#: weights and what belongs to them
_WEIGHTS: dict[str, str | None] = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_UNITS: dict[str, str | None] = {"output_dim": "units", **_WEIGHTS}
_WINDOW: dict[str, str | None] = {
    "nb_filter": "filters",
    "subsample": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "atrous_rate": "dilation_rate",
    **_WEIGHTS,
}
_SERIES: dict[str, str | None] = {
    **_WINDOW,
    "filter_length": "kernel_size",
    "subsample_length": "strides",
}
_POOL: dict[str, str | None] = {"border_mode": "padding", "dim_ordering": "data_format"}
_ORDERING: dict[str, str | None] = {"dim_ordering": "data_format"}

_VALUES = {"data_format": {"tf": "channels_last", "th": "channels_first", "default": None}}

_CONV = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "use_bias")
_CONV_1 = ("init", "activation", "weights", "border_mode", "subsample", "dim_ordering")
_LOCAL = ("filters", "kernel_size", "strides", "padding", "data_format", "activation", "use_bias")
_PLANE = {"kernel_size": ("nb_row", "nb_col")}
_VOLUME = {"kernel_size": ("kernel_dim1", "kernel_dim2", "kernel_dim3")}


def of_series(kwargs: Arguments) -> Arguments:
    """`input_dim` and `input_length` gave the shape of a series."""
    rest = dict(kwargs)
    length, size = rest.pop("input_length", None), rest.pop("input_dim", None)
    return rest if size is None else {"input_shape": (length, size), **rest}


def _of_steps(kwargs: Arguments) -> Arguments:
    """A Dense with `input_length` was a TimeDistributedDense: its input is a series."""
    return of_series(kwargs) if "input_length" in kwargs else kwargs


def _states_apart(kwargs: Arguments) -> Arguments:
    """`layer([x, h, c])` gave the states behind the input."""
    given = kwargs.get("sequences")
    if not isinstance(given, (list, tuple)) or len(given) < 2 or "initial_state" in kwargs:
        return kwargs
    return {**kwargs, "sequences": given[0], "initial_state": list(given[1:])}


def _of_words(kwargs: Arguments) -> Arguments:
    """`input_length` of an Embedding: the length of its series of integers, any if not given."""
    rest = dict(kwargs)
    length = rest.pop("input_length", None)
    given = {"input_shape", "batch_input_shape"} & rest.keys()
    return rest if given else {**rest, "input_shape": tuple(length) if isinstance(length, (list, tuple)) else (length,)}


def _both_kernels(kwargs: Arguments) -> Arguments:
    """`init` was that of the depthwise and of the pointwise kernel."""
    rest = dict(kwargs)
    if "kernel_initializer" in rest:
        init = rest.pop("kernel_initializer")
        rest = {"depthwise_initializer": init, "pointwise_initializer": init, **rest}
    return rest


def _normalized(kwargs: Arguments) -> Arguments:
    """`mode` chose between three kinds of normalisation, of which one was kept."""
    rest = dict(kwargs)
    mode = rest.pop("mode", 0)
    if mode != 0:
        raise invalid("BatchNormalization", "mode", "0, the only one that Keras 2 kept", mode)
    return rest


def _sides(kwargs: Arguments) -> Arguments:
    """`padding` as a dictionary of four sides."""
    padding = kwargs.get("padding")
    if not isinstance(padding, dict):
        return kwargs
    top, bottom, left, right = (padding.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right"))
    return {**kwargs, "padding": ((top, bottom), (left, right))}


def _series_pool() -> Old:
    older: dict[str, str | None] = {"pool_length": "pool_size", "stride": "strides", **_POOL}
    return Old(("pool_size", "strides", "padding"), older=older)


def _pool() -> Old:
    return Old(("pool_size", "strides", "padding", "data_format"), older=_POOL, values=_VALUES)


def _ordered(*order: str, **more: Any) -> Old:
    """A layer whose one old word is `dim_ordering`."""
    return Old((*order, "data_format"), older={**_ORDERING, **more}, values=_VALUES)


_RECURRENT: dict[str, str | None] = {
    **_UNITS,
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": None,
    "forget_bias_init": "unit_forget_bias",
}
_GATES = ("units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer")
#: 'one' began the forget gate's bias with ones; anything else was ignored by 2.0.5, which kept the default
_BIAS = {"unit_forget_bias": {"one": True, "ones": True, "zero": False, "zeros": False}}


def _without_implementation(kwargs: Arguments) -> Arguments:
    """`implementation` chose between computations of the same numbers."""
    return of_series({name: value for name, value in kwargs.items() if name != "implementation"})


def _summed(kwargs: Arguments) -> Arguments:
    """The penalty was the sum over the batch."""
    regularizer = regularizers.L1L2(kwargs.get("l1", 0.0), kwargs.get("l2", 0.0))
    return {"activity_regularizer": regularizers.SummedOverBatch(regularizer), **kwargs}


#: class -> how its arguments were read
LAYERS: dict[str, Old] = {
    "ActivityRegularization": Old(("l1", "l2"), rewrite=_summed),
    "Dense": Old(older=_UNITS, rewrite=_of_steps),
    "Dropout": Old(("rate", "noise_shape", "seed"), older={"p": "rate"}),
    "SpatialDropout1D": Old(older={"p": "rate"}),
    "SpatialDropout2D": _ordered("rate", p="rate"),
    "SpatialDropout3D": _ordered("rate", p="rate"),
    "GaussianNoise": Old(older={"sigma": "stddev"}),
    "GaussianDropout": Old(older={"p": "rate"}),
    "Reshape": Old(older={"dims": "target_shape"}),
    "Conv1D": Old(_CONV, older=_SERIES, values=_VALUES, rewrite=of_series),
    "Conv2D": Old(_CONV, older=_WINDOW, joined=_PLANE, then=_CONV_1, values=_VALUES),
    "Conv3D": Old(_CONV, older=_WINDOW, joined=_VOLUME, then=_CONV_1, values=_VALUES),
    "Conv2DTranspose": Old(
        ("filters", "kernel_size", "strides", "padding", "data_format"),
        older={**_WINDOW, "output_shape": None},
        joined=_PLANE,
        then=("output_shape", *_CONV_1),
        values=_VALUES,
    ),
    "SeparableConv2D": Old(_CONV, older=_WINDOW, joined=_PLANE, then=_CONV_1, values=_VALUES, rewrite=_both_kernels),
    "LocallyConnected1D": Old(_LOCAL, older=_SERIES, values=_VALUES, rewrite=of_series),
    "LocallyConnected2D": Old(_LOCAL, older=_WINDOW, joined=_PLANE, then=_CONV_1, values=_VALUES),
    "MaxPooling1D": _series_pool(),
    "AveragePooling1D": _series_pool(),
    "MaxPooling2D": _pool(),
    "AveragePooling2D": _pool(),
    "MaxPooling3D": _pool(),
    "AveragePooling3D": _pool(),
    "GlobalMaxPooling2D": _ordered(),
    "GlobalAveragePooling2D": _ordered(),
    "GlobalMaxPooling3D": _ordered(),
    "GlobalAveragePooling3D": _ordered(),
    "UpSampling1D": Old(older={"length": "size"}),
    "UpSampling2D": _ordered("size"),
    "UpSampling3D": _ordered("size"),
    "ZeroPadding2D": Old(("padding", "data_format"), older=_ORDERING, values=_VALUES, rewrite=_sides),
    "ZeroPadding3D": _ordered("padding"),
    "Cropping2D": _ordered("cropping"),
    "Cropping3D": _ordered("cropping"),
    # The channels were not moved behind the rest, whatever the data format.
    "Flatten": Old(defaults={"data_format": "channels_last"}),
    "Embedding": Old(
        ("input_dim", "output_dim"),
        older={
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
            "dropout": None,
        },
        rewrite=_of_words,
    ),
    "rnn_call": Old(("sequences", "initial_state"), rewrite=_states_apart),
    "SimpleRNN": Old(("units", "activation"), older=_RECURRENT, rewrite=_without_implementation),
    "GRU": Old(
        _GATES,
        older=_RECURRENT,
        defaults={"recurrent_activation": "hard_sigmoid", "reset_after": False},
        rewrite=_without_implementation,
    ),
    "LSTM": Old(
        _GATES,
        older=_RECURRENT,
        values=_BIAS,
        defaults={"recurrent_activation": "hard_sigmoid"},
        rewrite=_without_implementation,
    ),
    "ConvLSTM2D": Old(
        (*_CONV[:6], "activation", "recurrent_activation"),
        older={**_WINDOW, **_RECURRENT},
        joined=_PLANE,
        then=("init", "inner_init", "forget_bias_init", "activation", "inner_activation", "dim_ordering"),
        values={**_VALUES, **_BIAS},
        defaults={"recurrent_activation": "hard_sigmoid"},
        rewrite=_without_implementation,
    ),
    "BatchNormalization": Old(
        older={"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"}, rewrite=_normalized
    ),
    "LeakyReLU": Old(names={"alpha": "negative_slope"}),
    "PReLU": Old(older={"init": "alpha_initializer"}),
    "InputLayer": Old(
        names={"input_shape": "shape", "batch_input_shape": "batch_shape"}, older={"input_dtype": "dtype"}
    ),
    "Model": Old(("inputs", "outputs", "name"), older={"input": "inputs", "output": "outputs"}),
}
