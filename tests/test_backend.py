"""The book's `K`: placeholders, variables, functions, gradients, the learning phase, and old names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import config, layers
from kerato.backend import evaluation
from kerato.layers import Input
from kerato.models import Sequential

X = np.float32([[1, 2, 3], [4, 5, 6]])


def run(build: Any, *values: Any) -> Any:
    """The value of `build` for placeholders that are fed with `values`."""
    given = [K.placeholder(np.shape(value)) for value in values]
    return K.function(given, [build(*given)])(list(values))[0]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: K.sum(x, axis=0), [5, 7, 9]),
        (lambda x: K.mean(x, axis=1, keepdims=True), [[2], [5]]),
        (lambda x: K.square(x)[0], [1, 4, 9]),
        (lambda x: K.sqrt(x)[:, :1], [[1], [2]]),
        (lambda x: K.pow(x, 2)[1], [16, 25, 36]),
        (lambda x: K.clip(x, 2, 5), [[2, 2, 3], [4, 5, 5]]),
        (lambda x: K.dot(x, K.transpose(x)), [[14, 32], [32, 77]]),
        (lambda x: K.permute_dimensions(x, (1, 0))[0], [1, 4]),
        (lambda x: K.reshape(x, (3, 2))[2], [5, 6]),
        (lambda x: K.flatten(x), [1, 2, 3, 4, 5, 6]),
        (lambda x: K.batch_flatten(K.expand_dims(x)), X),
        (lambda x: K.expand_dims(x, 0), [X]),
        (lambda x: K.concatenate([x, x], axis=0)[2:], X),
        (lambda x: K.stack([x, x])[1], X),
        (lambda x: K.relu(x - 3), [[0, 0, 0], [1, 2, 3]]),
        (lambda x: K.relu(x - 3, alpha=0.5, max_value=2), [[-1, -0.5, 0], [1, 2, 2]]),
        (lambda x: K.argmax(x, axis=-1), [2, 2]),
        (lambda x: K.cast(K.equal(x, 2), "int32")[0], [0, 1, 0]),
        (lambda x: K.not_equal(x, 2)[0], [True, False, True]),
        (lambda x: K.maximum(x, 3)[0], [3, 3, 3]),
        (lambda x: K.zeros_like(x)[0] + K.ones_like(x)[0], [1, 1, 1]),
        (lambda x: K.reverse(x, 1)[0], [3, 2, 1]),
        (lambda x: K.gather(x, np.array([1]), axis=0), [[4, 5, 6]]),
        (lambda x: x * K.constant([1, 0, 2]), [[1, 0, 6], [4, 0, 12]]),
        (lambda x: K.l2_normalize(K.constant([[3.0, 4]]) + 0 * K.sum(x), axis=1), [[0.6, 0.8]]),
    ],
)
def test_functions_of_k_give_their_values(build: Any, expected: Any) -> None:
    np.testing.assert_allclose(run(build, X), expected, rtol=1e-6)


def test_a_function_of_no_inputs_reads_variables_and_updates_them_once_per_call() -> None:
    v, x = K.variable([1.0, 2.0]), K.placeholder((2,))
    step = K.function([x], [K.sum(v)], [K.update_add(v, x)])
    assert step([np.float32([1, 1])])[0] == 3  # before the update
    assert step([np.float32([1, 1])])[0] == 5
    np.testing.assert_array_equal(K.get_value(v), [3, 4])
    double = K.function([], [v * 2], updates=[K.update(v, v * 0), K.update_sub(K.variable(0.0), 1.0)])
    np.testing.assert_array_equal(double([])[0], [6, 8])
    np.testing.assert_array_equal(K.eval(v), [0, 0])


def test_variables_make_graphs_with_gradients() -> None:
    v = K.variable(3.0)
    loss = K.square(v) * v
    assert K.eval(loss) == 27
    assert K.eval(K.gradients(loss, [v])[0]) == 27
    K.set_value(v, 1)
    assert K.eval(K.gradients(loss, v)[0]) == 3
    K.batch_set_value([(v, 2.0)])
    assert K.batch_get_value([v]) == [2]


def test_a_single_output_comes_without_its_list() -> None:
    x = K.placeholder((None, 3))
    assert K.function([x], x * 2)([X]).shape == (2, 3)
    assert [y.shape for y in K.function([x], [x * 2])([X])] == [(2, 3)]


def test_results_are_numpy_arrays_of_their_own() -> None:
    x = K.placeholder((3,))
    found = K.function([x], [x])([X[0]])[0]
    assert type(found) is np.ndarray
    found[:] = 0
    np.testing.assert_array_equal(X[0], [1, 2, 3])


def test_the_learning_phase_is_an_input() -> None:
    model = Sequential([Input((100,)), layers.Dropout(0.5)])
    look = K.function([model.input, K.learning_phase()], [model.output])
    ones = np.ones((1, 100))
    assert (look([ones, 0])[0] == 1).all()
    assert set(look([ones, 1])[0].ravel()) == {0, 2}
    choose = K.function([K.learning_phase()], [K.in_train_phase(K.constant(1.0) * 1, lambda: K.constant(2.0) * 1)])
    assert [float(choose([phase])[0]) for phase in (0, 1)] == [2, 1]


def test_a_fixed_phase_holds_where_none_is_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_fixed_phase", None)
    drop = K.function([x := K.placeholder((50,))], [layers.Dropout(0.5)(x)])
    assert drop([np.ones(50)])[0].all()
    K.set_learning_phase(1)
    assert not drop([np.ones(50)])[0].all()
    assert K.learning_phase() == 1
    assert K.in_test_phase(1, 2) == 2


def test_the_middle_of_a_model_is_computed_and_fed() -> None:
    first, second = (layers.Dense(units, kernel_initializer="ones") for units in (2, 1))
    model = Sequential([Input((2,)), first, second])
    np.testing.assert_array_equal(K.function([model.input], [first.output])([[[1.0, 2]]])[0], [[3, 3]])
    np.testing.assert_array_equal(K.function([first.output], [second.output])([[[1.0, 2]]])[0], [[3]])


def test_each_call_draws_other_numbers() -> None:
    x = K.placeholder((1, 200))
    draw = K.function([x, K.learning_phase()], [layers.Dropout(0.5)(x)])
    assert (draw([np.ones((1, 200)), 1])[0] != draw([np.ones((1, 200)), 1])[0]).any()


def test_shapes_and_dtypes_are_told() -> None:
    x = K.placeholder((None, 3), dtype="int32")
    assert (K.int_shape(x), K.ndim(x), K.dtype(x)) == ((None, 3), 2, "int32")
    assert K.placeholder(ndim=2).shape == (None, None)
    assert run(lambda x: K.shape(x)[1] * x, X)[0, 0] == 3


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: K.function([K.placeholder((2,))], [])([np.ones(3)]), r"the input \w+ must have shape \(2,\)"),
        (lambda: K.function([K.placeholder((2,))], [])(np.ones(2)), r"a list of 1 values, one per input"),
        (lambda: K.function([3], []), r"K\.function: `inputs` must be a list of placeholders\. Got 3"),
        (lambda: K.gradients(3, []), r"K\.gradients: `loss` must be a symbolic tensor\. Got 3"),
        (lambda: K.sofmax, r"the function 'sofmax' is not known.*Did you mean 'softmax'"),
    ],
)
def test_mistakes_get_one_sentence(act: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError), match=message):
        act()


def test_settings_are_found_under_k() -> None:
    assert K.image_data_format() == "channels_last"
    assert (K.floatx(), K.epsilon(), K.backend()) == (config.floatx(), 1e-7, "tensorflow")
