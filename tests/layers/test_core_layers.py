"""What the laws do not say of the core layers: Input, Dense, Dropout, Reshape, merging, Lambda, Masking."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kerato import backend as K
from kerato import layers, random
from kerato.graph import Expansion, evaluate
from kerato.layers import Input
from kerato.models import Model, Sequential


def dropped(layer: Any, shape: tuple[int, ...], seed: int = 0) -> np.ndarray[Any, Any]:
    """What a layer makes of ones in training."""
    x = Input(batch_shape=shape)
    return np.asarray(evaluate([layer(x)], {x: jnp.ones(shape)}, training=True, key=random.key(seed)).outputs[0])


def test_an_input_is_described_by_sample_or_by_batch() -> None:
    assert Input((28, 28, 1)).shape == (None, 28, 28, 1)
    assert Input(batch_shape=(5, 2)).shape == (5, 2)
    assert Input((2,), batch_size=5, dtype="int32", name="ids").dtype == "int32"
    assert Input(7).shape == (None, 7)
    assert Input(()).shape == (None,)


@pytest.mark.parametrize("bad", [{}, {"shape": "abc"}, {"shape": (1.5,)}, {"shape": (2,), "dtype": "float31"}])
def test_an_input_without_a_shape_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"`(shape|dtype)` must be "):
        Input(**bad)


def test_dense_over_more_axes_keeps_them() -> None:
    """The book says inputs of rank over 2 are flattened; they are not (9.4, 7)."""
    layer = layers.Dense(2, kernel_initializer="ones")
    found = layer(np.arange(24, dtype="float32").reshape(2, 3, 4))
    assert found.shape == (2, 3, 2)
    assert layer.kernel.shape == (4, 2)
    assert found[1, 2].tolist() == [20 + 21 + 22 + 23] * 2


@pytest.mark.parametrize(
    ("make", "given", "message"),
    [
        (lambda: layers.Dense(2), np.ones(3), r"at least 2 axes, the first for samples\. Got shape \(3,\)"),
        (lambda: layers.Conv2D(2, 3), np.ones((5, 5, 1)), r"4 axes \(samples, height, width, channels\)"),
        (lambda: layers.Conv1D(2, 3), np.ones((5, 5)), r"3 axes \(samples, steps, channels\)"),
        (lambda: layers.Conv2D(2, 6), np.ones((1, 5, 5, 1)), r"a window of \(6, 6\) does not fit .* \(5, 5\)"),
        (lambda: layers.Conv2D(2, 3, groups=2), np.ones((1, 5, 5, 1)), r"multiple of `groups` \(2\)\. Got 1"),
        (lambda: layers.Reshape((3, 3)), np.ones((1, 4)), r"must hold the 4 values of the input \(4,\)\. Got \(3, 3\)"),
        (lambda: layers.Reshape((-1, 3)), np.ones((1, 4)), r"must hold the 4 values"),
        (lambda: layers.Reshape((-1, -1)), np.ones((1, 4)), r"must hold the 4 values"),
        (lambda: layers.Add(), np.ones((1, 2)), r"must be a list of tensors\. Got \(1, 2\)"),
        (lambda: layers.Add(), [np.ones((1, 2)), np.ones((1, 3))], r"shapes that broadcast\. Got \[\(1, 2\), \(1, 3\)"),
        (lambda: layers.Subtract(), [np.ones((1, 2))], r"must be a list of 2 tensors"),
        (lambda: layers.Dot(1), [np.ones((1, 2)), np.ones((1, 3))], r"equal sizes along their axes \(1, 1\)"),
        (lambda: layers.Dot(2), [np.ones((1, 2)), np.ones((1, 2))], r"`axes` must be axes of the inputs"),
        (lambda: layers.Permute((2, 1)), np.ones((1, 2)), r"must have 3 axes"),
        (lambda: layers.RepeatVector(2), np.ones((1, 2, 3)), r"must have 2 axes"),
        (lambda: layers.PReLU(shared_axes=3), np.ones((1, 2, 3)), r"`shared_axes` must be below 3"),
        (lambda: layers.Concatenate(), np.ones((1, 2)), r"must be a list of tensors"),
        (lambda: layers.EinsumDense("abc,cd->abd", (9, 4)), np.ones((1, 2, 3)), r"axis 'b' .* size 2\. Got 9"),
        (lambda: layers.EinsumDense("abc,cd->abd", 4), np.ones((1, 2, 3)), r"`output_shape` and `bias_axes` must fit"),
        (lambda: layers.EinsumDense("abc,cd->abd", (2, 4)), np.ones((1, 2)), r"must have the axes of 'abc,cd->abd'"),
        (lambda: layers.Concatenate(), [np.ones((1, 2, 3)), np.ones((1, 4, 3))], r"agree in all axes but -1"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_get_one_sentence(make: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()(given)


def test_a_built_layer_says_what_it_was_built_for() -> None:
    conv = layers.Conv2D(1, 3, name="c")
    conv(np.ones((1, 5, 5, 1)))
    with pytest.raises(ValueError, match=r"c \(Conv2D\): .*3 values at axis -1.*built for 1.*color_mode='grayscale'"):
        conv(np.ones((1, 5, 5, 3)))


def test_strides_and_dilation_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"`strides` \(2, 2\) and `dilation_rate` \(2, 2\) cannot both"):
        layers.Conv2D(1, 3, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match=r"`filters` must be a multiple of `groups` \(2\)\. Got 3"):
        layers.Conv2D(3, 3, groups=2)


def test_dropout_keeps_the_mean() -> None:
    found = dropped(layers.Dropout(0.25), (100, 100))
    assert set(np.round(np.unique(found), 6)) == {0, np.float32(1.333333)}
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert (found == 0).mean() == pytest.approx(0.25, abs=0.02)


def test_dropout_of_nothing_and_of_everything() -> None:
    assert (dropped(layers.Dropout(0), (5, 5)) == 1).all()
    assert (dropped(layers.Dropout(1), (5, 5)) == 0).all()
    assert (np.asarray(layers.Dropout(0.9)(np.ones((5, 5)))) == 1).all()


def test_a_noise_shape_shares_the_mask() -> None:
    found = dropped(layers.Dropout(0.5, noise_shape=(None, 1, 8)), (4, 6, 8))
    assert (found == found[:, :1]).all()
    assert len({tuple(sample) for sample in found[:, 0]}) > 1


def test_a_dropout_s_seed_changes_its_masks() -> None:
    first, again, other = (dropped(layers.Dropout(0.5, seed=seed, name="d"), (4, 50)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_training_is_said_at_the_call() -> None:
    x, drop = np.ones((1, 100)), layers.Dropout(0.5)
    assert (np.asarray(drop(x, training=True)) == 0).any()
    assert (np.asarray(drop(x, training=False)) == 1).all()
    model = Sequential([Input((100,)), drop])
    assert (np.asarray(model(x, training=True)) == 0).any()
    assert (np.asarray(model(x)) == 1).all()


def test_flatten_moves_channels_last_before() -> None:
    x = np.arange(8).reshape(1, 2, 2, 2)
    assert layers.Flatten()(x).tolist() == [list(range(8))]
    assert layers.Flatten(data_format="channels_first")(x).tolist() == [[0, 4, 1, 5, 2, 6, 3, 7]]
    assert layers.Flatten()(np.ones(3)).shape == (3, 1)


def test_merging_functions_are_the_layers() -> None:
    a, b = np.float32([[1, 2]]), np.float32([[3, 4]])
    np.testing.assert_array_equal(layers.add([a, b]), [[4, 6]])
    np.testing.assert_array_equal(layers.concatenate([a, b], axis=0), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(layers.Add()([np.ones((2, 3, 1)), np.ones((2, 1, 4))]), np.full((2, 3, 4), 2))


def test_a_lambda_takes_arguments_and_the_phase() -> None:
    scaled = layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 3})
    assert scaled(np.ones((1, 1))).tolist() == [[3]]
    noisy = layers.Lambda(lambda x, training=False: x * (2 if training else 1))
    assert noisy(np.ones((1, 1)), training=True).tolist() == [[2]]


def test_a_lambda_of_several_tensors_gives_several() -> None:
    a, b = Input((2,)), Input((2,))
    layer = layers.Lambda(lambda pair: [pair[0] + pair[1], pair[0] * 2])
    first, second = layer([a, b])
    found = Model([a, b], [first, second]).predict([np.ones((1, 2)), np.full((1, 2), 5)])
    assert [part.tolist() for part in found] == [[[6, 6]], [[2, 2]]]
    assert layer.output_shape == [(None, 2), (None, 2)]


def test_a_lambda_must_be_given_a_function_that_gives_a_tensor() -> None:
    with pytest.raises(TypeError, match=r"Lambda: `function` must be a function of the input\. Got 3"):
        layers.Lambda(3)
    with pytest.raises(TypeError, match=r"the function must return a tensor\. Got None"):
        layers.Lambda(lambda x: None)(Input((2,)))


def test_gradients_reach_the_weights_before_an_expanded_lambda() -> None:
    x = Input((2,))
    dense = layers.Dense(2, kernel_initializer="ones")
    y = layers.Lambda(lambda t: K.square(t))(dense(x))
    assert isinstance(y.node, Expansion)
    slope = K.function([x], K.gradients(K.sum(y), [dense.kernel]))([[[1.0, 2]]])[0]
    np.testing.assert_array_equal(slope, [[6, 6], [12, 12]])


def test_masks_travel_through_layers_that_know_them_and_end_at_others() -> None:
    seen: list[Any] = []

    class Look(layers.Layer):
        def call(self, x: Any, mask: Any = None) -> Any:
            seen.append(mask)
            return x

    data = np.float32([[[1, 1], [0, 0], [2, 0]]])
    known = [layers.Masking(), layers.Dense(2), layers.Activation("relu"), layers.Dropout(0.5)]
    Sequential([Input((3, 2)), *known, layers.BatchNormalization(), Look()])(data)
    assert np.asarray(seen[-1]).tolist() == [[True, False, True]]
    Sequential([Input((3, 2)), layers.Masking(), layers.Flatten(), Look()])(data)
    assert seen[-1] is None


def test_masks_of_merged_inputs_agree_or_are_joined() -> None:
    seen: list[Any] = []

    class Look(layers.Layer):
        def call(self, x: Any, mask: Any = None) -> Any:
            seen.append(None if mask is None else np.asarray(mask).tolist())
            return x

    a, b = np.float32([[[1], [0]]]), np.float32([[[0], [0]]])
    masking = layers.Masking()
    x, y = Input((2, 1)), Input((2, 1))
    both = Model(
        [x, y], [Look()(merge([masking(x), masking(y)])) for merge in (layers.Add(), layers.Concatenate(axis=1))]
    )
    seen.clear()
    both([a, b])
    assert seen == [[[True, False]], [[True, False, False, False]]]


def test_initial_weights_are_given_to_the_constructor() -> None:
    layer = layers.Dense(1, weights=[np.full((2, 1), 3.0), np.ones(1)])
    assert layer(np.ones((1, 2))).tolist() == [[7]]


def test_regularizers_and_constraints_come_with_the_weight() -> None:
    layer = layers.Dense(1, kernel_regularizer="l2", kernel_constraint="non_neg")
    layer(np.ones((1, 2)))
    assert float(layer.kernel.regularizer(np.float32([1, 2]))) == pytest.approx(0.05)
    assert layer.kernel.constraint(np.float32([-1, 2])).tolist() == [0, 2]
    assert layer.bias.regularizer is None
