"""Layers in older words: every row of the table of layers, beside the same call in today's words."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

from kerato import config, layers, legacy, models, regularizers
from kerato.errors import InvalidType, InvalidValue
from kerato.legacy import objects
from kerato.legacy.layers import LAYERS

# Calls in words that today's signatures do not have.
L: Any = layers
Model: Any = models.Model

#: a call in older words -> the same in today's
CALLS = """
Dense(output_dim=3, input_dim=5) -> Dense(3, input_dim=5)
Dense(3, init='normal', bias=False) -> Dense(3, kernel_initializer='normal', use_bias=False)
Dense(3, W_regularizer='l2', b_regularizer='l1') -> Dense(3, kernel_regularizer='l2', bias_regularizer='l1')
Dense(3, W_constraint='non_neg', b_constraint='unit_norm')
    -> Dense(3, kernel_constraint='non_neg', bias_constraint='unit_norm')
Dropout(p=0.3) -> Dropout(rate=0.3)
SpatialDropout1D(p=0.3) -> SpatialDropout1D(rate=0.3)
SpatialDropout2D(p=0.3, dim_ordering='th') -> SpatialDropout2D(rate=0.3, data_format='channels_first')
SpatialDropout3D(p=0.3, dim_ordering='tf') -> SpatialDropout3D(rate=0.3, data_format='channels_last')
GaussianNoise(sigma=0.2) -> GaussianNoise(stddev=0.2)
GaussianDropout(p=0.3) -> GaussianDropout(rate=0.3)
Reshape(dims=(2, 3)) -> Reshape(target_shape=(2, 3))
Conv1D(nb_filter=8, filter_length=3, subsample_length=2, border_mode='same') -> Conv1D(8, 3, strides=2, padding='same')
Conv1D(8, 3, input_dim=4, input_length=9) -> Conv1D(8, 3, input_shape=(9, 4))
Conv1D(8, 3, input_dim=4) -> Conv1D(8, 3, input_shape=(None, 4))
Conv2D(64, 3, 3, border_mode='same') -> Conv2D(64, (3, 3), padding='same')
Conv2D(64, 3, nb_col=5) -> Conv2D(64, (3, 5))
Conv2D(64, nb_row=3, nb_col=5) -> Conv2D(64, (3, 5))
Conv2D(nb_filter=64, nb_row=3, nb_col=5) -> Conv2D(64, (3, 5))
Conv2D(64, 3, 3, 'normal', 'relu') -> Conv2D(64, (3, 3), kernel_initializer='normal', activation='relu')
Conv2D(64, (3, 3), (2, 2)) -> Conv2D(64, (3, 3), strides=(2, 2))
Conv2D(64, 3, 3, subsample=(2, 2), dim_ordering='th') -> Conv2D(64, 3, strides=2, data_format='channels_first')
Conv2D(64, 3, 3, atrous_rate=(2, 2), dim_ordering='default') -> Conv2D(64, 3, dilation_rate=2)
Conv2D(64, 3, 3, init='one', W_constraint='non_neg')
    -> Conv2D(64, 3, kernel_initializer='one', kernel_constraint='non_neg')
Conv3D(8, 3, 3, 2, dim_ordering='tf') -> Conv3D(8, (3, 3, 2), data_format='channels_last')
Conv3D(8, kernel_dim1=1, kernel_dim2=2, kernel_dim3=3) -> Conv3D(8, (1, 2, 3))
Conv3D(8, 1, 2, kernel_dim3=3) -> Conv3D(8, (1, 2, 3))
Conv2DTranspose(8, 3, 3, (None, 14, 14, 8), subsample=(2, 2)) -> Conv2DTranspose(8, 3, strides=2)
Conv2DTranspose(8, 3, 3, output_shape=(None, 14, 14, 8)) -> Conv2DTranspose(8, 3)
SeparableConv2D(8, 3, 3, init='he_uniform')
    -> SeparableConv2D(8, 3, depthwise_initializer='he_uniform', pointwise_initializer='he_uniform')
LocallyConnected1D(nb_filter=8, filter_length=3, input_dim=4, input_length=9)
    -> LocallyConnected1D(8, 3, input_shape=(9, 4))
LocallyConnected2D(8, 3, 2, bias=False) -> LocallyConnected2D(8, (3, 2), use_bias=False)
MaxPooling1D(pool_length=3, stride=2, border_mode='same') -> MaxPooling1D(pool_size=3, strides=2, padding='same')
AveragePooling1D(pool_length=3, stride=2, border_mode='same')
    -> AveragePooling1D(pool_size=3, strides=2, padding='same')
MaxPooling2D(2, 2, border_mode='same', dim_ordering='th')
    -> MaxPooling2D(pool_size=2, strides=2, padding='same', data_format='channels_first')
MaxPooling3D(2, 2, border_mode='same', dim_ordering='th')
    -> MaxPooling3D(pool_size=2, strides=2, padding='same', data_format='channels_first')
AveragePooling2D(2, 2, border_mode='same', dim_ordering='th')
    -> AveragePooling2D(pool_size=2, strides=2, padding='same', data_format='channels_first')
AveragePooling3D(2, 2, border_mode='same', dim_ordering='th')
    -> AveragePooling3D(pool_size=2, strides=2, padding='same', data_format='channels_first')
GlobalMaxPooling2D(dim_ordering='th') -> GlobalMaxPooling2D(data_format='channels_first')
GlobalMaxPooling3D(dim_ordering='th') -> GlobalMaxPooling3D(data_format='channels_first')
GlobalAveragePooling2D(dim_ordering='th') -> GlobalAveragePooling2D(data_format='channels_first')
GlobalAveragePooling3D(dim_ordering='th') -> GlobalAveragePooling3D(data_format='channels_first')
UpSampling1D(length=3) -> UpSampling1D(size=3)
UpSampling2D((2, 3), dim_ordering='th') -> UpSampling2D(size=(2, 3), data_format='channels_first')
UpSampling3D((2, 3, 1), dim_ordering='th') -> UpSampling3D(size=(2, 3, 1), data_format='channels_first')
ZeroPadding2D((2, 1), dim_ordering='th') -> ZeroPadding2D(padding=(2, 1), data_format='channels_first')
ZeroPadding2D({'top_pad': 1, 'right_pad': 2}) -> ZeroPadding2D(padding=((1, 0), (0, 2)))
ZeroPadding3D(1, dim_ordering='tf') -> ZeroPadding3D(padding=1, data_format='channels_last')
Cropping2D(((1, 0), (0, 2)), dim_ordering='th') -> Cropping2D(cropping=((1, 0), (0, 2)), data_format='channels_first')
Cropping3D(1, dim_ordering='tf') -> Cropping3D(cropping=1, data_format='channels_last')
Flatten() -> Flatten(data_format='channels_last')
Embedding(9, 4, init='normal', input_length=7)
    -> Embedding(9, 4, embeddings_initializer='normal', input_shape=(7,))
Embedding(9, 4, W_regularizer='l2', W_constraint='non_neg', dropout=0.2)
    -> Embedding(9, 4, embeddings_regularizer='l2', embeddings_constraint='non_neg', input_shape=(None,))
SimpleRNN(output_dim=4, inner_init='identity', consume_less='gpu') -> SimpleRNN(4, recurrent_initializer='identity')
SimpleRNN(4, 'relu', input_dim=3, input_length=5) -> SimpleRNN(4, activation='relu', input_shape=(5, 3))
GRU(4, implementation=2) -> GRU(4, recurrent_activation='hard_sigmoid_02', reset_after=False)
GRU(4, inner_activation='sigmoid', dropout_W=0.2, dropout_U=0.1)
    -> GRU(4, recurrent_activation='sigmoid', reset_after=False, dropout=0.2, recurrent_dropout=0.1)
LSTM(4) -> LSTM(4, recurrent_activation='hard_sigmoid_02')
LSTM(4, 'relu', 'tanh') -> LSTM(4, activation='relu', recurrent_activation='tanh')
LSTM(4, forget_bias_init='one', U_regularizer='l2')
    -> LSTM(4, recurrent_activation='hard_sigmoid_02', recurrent_regularizer='l2')
LSTM(4, forget_bias_init='zero', recurrent_activation='sigmoid')
    -> LSTM(4, recurrent_activation='sigmoid', unit_forget_bias=False)
ConvLSTM2D(4, 3, 3, dim_ordering='tf', border_mode='same')
    -> ConvLSTM2D(4, 3, padding='same', data_format='channels_last', recurrent_activation='hard_sigmoid_02')
ConvLSTM2D(nb_filter=4, nb_row=3, nb_col=2, inner_activation='sigmoid')
    -> ConvLSTM2D(4, (3, 2), recurrent_activation='sigmoid')
ActivityRegularization(l1=0.1)
    -> ActivityRegularization(l1=0.1, activity_regularizer=regularizers.SummedOverBatch(regularizers.L1L2(0.1)))
BatchNormalization(mode=0, beta_init='one', gamma_init='zero')
    -> BatchNormalization(beta_initializer='one', gamma_initializer='zero')
LeakyReLU(alpha=0.1) -> LeakyReLU(negative_slope=0.1)
PReLU(init='one') -> PReLU(alpha_initializer='one')
InputLayer(input_shape=(3,), input_dtype='int32') -> InputLayer(shape=(3,), dtype='int32')
InputLayer(batch_input_shape=(2, 3)) -> InputLayer(batch_shape=(2, 3))
"""

PAIRS = [tuple(line.split(" -> ")) for line in CALLS.strip().replace("\n    ->", " ->").splitlines()]
ROWS = [(old, today) for old, today in PAIRS if today.partition("(")[0] in layers.__all__]


def settings(layer: Any) -> dict[str, Any]:
    return {name: value for name, value in layer.get_config().items() if name != "name"}


def made(call: str) -> Any:
    return eval(call, {**vars(layers), "regularizers": regularizers})


@pytest.mark.filterwarnings("ignore:.* today[.]:UserWarning")
@pytest.mark.parametrize(("old", "today"), ROWS, ids=[old for old, _ in ROWS])
def test_older_words_mean_today_s(old: str, today: str) -> None:
    expected = made(today)
    with legacy.dialect():
        assert settings(made(old)) == settings(expected)
        assert settings(type(expected).from_config(expected.get_config())) == settings(expected)


def test_every_word_of_the_table_is_tried() -> None:
    said = {(old.partition("(")[0], word) for old, _ in PAIRS for word in re.findall(r"(\w+)=", old)}
    known = {word for kind in LAYERS for word in (*LAYERS[kind].older, *LAYERS[kind].names)}
    assert known - {word for _, word in said} <= {"input", "output"}  # of a Model, below
    assert {kind for kind in LAYERS if kind not in ("Model", "rnn_call")} == {old.partition("(")[0] for old, _ in PAIRS}


@pytest.mark.filterwarnings("ignore:.* today[.]:UserWarning")
def test_models_between_an_input_and_an_output() -> None:
    x = layers.Input((3,))
    y = layers.Dense(2)(x)
    with legacy.dialect():
        model = Model(input=x, output=y)
    assert model.output_shape == (None, 2)


def test_states_behind_the_input_of_a_recurrent_layer() -> None:
    x, h, c = layers.Input((5, 2)), layers.Input((3,)), layers.Input((3,))
    with legacy.dialect():
        layer = L.LSTM(3)
        assert layer([x, h, c]).shape == (None, 3)
        assert layer(x, [h, c]).shape == layer(x).shape == (None, 3)
    with pytest.raises(InvalidType, match=r"takes one input, got a list of 3\. Give states as initial_state="):
        L.LSTM(3)([x, h, c])


def test_dense_on_every_step() -> None:
    with legacy.dialect():
        assert objects.TimeDistributedDense(4, input_dim=3).batch_input_shape == (None, None, 3)
        with pytest.warns(UserWarning, match="`output_dim` is `units`"):
            dense = objects.TimeDistributedDense(output_dim=4, input_dim=3, input_length=7)
        assert models.Sequential([dense]).output_shape == (None, 7, 4)
        assert L.Dense(4, input_dim=3, input_length=7).batch_input_shape == (None, 7, 3)


def test_two_words_for_one_argument_are_refused() -> None:
    with (
        legacy.dialect(),
        pytest.raises(InvalidType, match=r"Dense: `output_dim` is an older name of `units`, and both"),
    ):
        L.Dense(units=3, output_dim=4)
    with legacy.dialect(), pytest.raises(InvalidType, match=r"Dropout: `rate` is given twice, by position and by name"):
        L.Dropout(0.3, rate=0.4)
    with legacy.dialect(), pytest.raises(InvalidType, match=r"Dropout: `p` is an older name of `rate`"):
        L.Dropout(0.3, p=0.4)


def test_normalisations_that_are_gone_are_refused() -> None:
    with legacy.dialect(), pytest.raises(InvalidValue, match=r"BatchNormalization: `mode` must be 0"):
        L.BatchNormalization(mode=1)


def test_old_words_are_unknown_outside_the_dialect() -> None:
    with pytest.raises(InvalidType, match=r"Conv2D: the argument 'nb_row' is not known"):
        L.Conv2D(64, nb_row=3, nb_col=3)


def test_a_line_of_a_script_is_told_once_what_its_words_are_today() -> None:
    script = compile(
        "for _ in 'ab':\n    layers.Conv2D(8, 3, 3, border_mode='same')\nlayers.Dense(output_dim=3, init='normal')",
        "script.py",
        "exec",
    )
    with legacy.dialect(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        exec(script, {"__name__": "__main__", "layers": L})
    assert [(w.filename, w.lineno, str(w.message)) for w in told] == [
        ("script.py", 2, "Conv2D: `nb_row, nb_col` is `kernel_size`, `border_mode` is `padding` today."),
        ("script.py", 3, "Dense: `output_dim` is `units`, `init` is `kernel_initializer` today."),
    ]


@pytest.mark.parametrize("first", [False, True])
def test_flatten_moved_no_channels(first: bool) -> None:
    config.set_image_data_format("channels_first" if first else "channels_last")
    try:
        with legacy.dialect():
            assert L.Flatten().data_format == "channels_last"
        assert L.Flatten().data_format == config.image_data_format()
    finally:
        config.set_image_data_format("channels_last")
