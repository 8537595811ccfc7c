"""The book's `K`: placeholders, variables, functions, gradients, the learning phase, and old names."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from old_backend import SIGNATURES

from kerato import backend as K
from kerato import config, layers
from kerato.backend import evaluation
from kerato.errors import KeratoError
from kerato.graph import evaluate
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


@pytest.mark.parametrize("value", [np.float64(X)[::-1, ::2], np.float32(3), np.ones((0, 3)), np.int64(X), X.tolist()])
def test_a_fed_array_may_lie_in_memory_in_any_way(value: Any) -> None:
    double = run(lambda x: x * 2, value)
    assert double.dtype == "float32"
    np.testing.assert_array_equal(double, 2 * np.asarray(value))


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


@pytest.mark.parametrize("old", [line for line in SIGNATURES.strip().splitlines()], ids=lambda line: line.split("(")[0])
def test_every_function_of_keras_2_0_5_is_there_with_its_arguments(old: str) -> None:
    wanted = ast.parse(f"def {old}: ...").body[0]
    assert isinstance(wanted, ast.FunctionDef)
    function = getattr(K, wanted.name)
    assert wanted.name in K.__all__
    names = [item.arg for item in wanted.args.args]
    found = inspect.signature(function).parameters
    assert list(found)[: len(names)] == names or wanted.name in CONFIGURED
    defaults = dict(zip(names[len(names) - len(wanted.args.defaults) :], wanted.args.defaults, strict=True))
    assert {name: found[name].default for name in defaults} == {k: ast.literal_eval(v) for k, v in defaults.items()}


#: their only argument has today's name
CONFIGURED = ("set_epsilon", "set_floatx", "set_image_data_format")

R = np.random.default_rng(0)
CUBE = R.normal(size=(2, 3, 4)).astype("float32")
PICTURE = R.normal(size=(1, 4, 5, 2)).astype("float32")
P = np.float32([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])


def log(x: Any) -> Any:
    return np.log(np.clip(x, 1e-7, 1 - 1e-7))


#: (function of K, arguments, value by NumPy); arrays are fed to placeholders
CASES: list[tuple[str, Any, list[Any], Any]] = [
    ("all", lambda x: K.all(x > 1, axis=1), [X], (X > 1).all(1)),
    ("any", lambda x: K.any(x > 5, axis=1, keepdims=True), [X], (X > 5).any(1, keepdims=True)),
    ("arange", lambda x: x[0] + K.arange(3, dtype="float32"), [X], X[0] + [0, 1, 2]),
    ("arange from", lambda x: x[0] + K.cast(K.arange(1, 7, 2), "float32"), [X], X[0] + [1, 3, 5]),
    ("argmin", K.argmin, [X], X.argmin(-1)),
    ("batch_dot rows", lambda x, y: K.batch_dot(x, y, 1), [X, X], (X * X).sum(1, keepdims=True)),
    ("batch_dot matrices", lambda x: K.batch_dot(x, x, (1, 1)), [CUBE], np.einsum("bij,bik->bjk", CUBE, CUBE)),
    ("batch_dot last", lambda x: K.batch_dot(x, x, 2), [CUBE], np.einsum("bij,bkj->bik", CUBE, CUBE)),
    ("batch_dot 3 and 2", lambda x, y: K.batch_dot(x, y, (1, 1)), [CUBE, X], np.einsum("bij,bi->bj", CUBE, X)),
    ("batch_dot 2 and 3", lambda x, y: K.batch_dot(x, y, (1, 1)), [X, CUBE], np.einsum("bi,bij->bj", X, CUBE)),
    ("batch_normalization", lambda x: K.batch_normalization(x, 1.0, 4.0, 0.5, 2.0, 0.0), [X], (X - 1) / 2 * 2 + 0.5),
    ("bias_add", lambda x, b: K.bias_add(x, b, "channels_first"), [CUBE, P[0]], CUBE + P[0][:, None]),
    ("bias_add cells", lambda x, b: K.bias_add(x, b), [PICTURE, PICTURE[0]], PICTURE + PICTURE),
    ("binary_crossentropy", lambda p: K.binary_crossentropy(p, X > 2), [P], -np.where(X > 2, log(P), log(1 - P))),
    ("binary logits", lambda p: K.binary_crossentropy(p, P > 0.4, True), [X],
     np.log1p(np.exp(X)) - X * (P > 0.4)),
    ("categorical_crossentropy", lambda p: K.categorical_crossentropy(p * 2, np.eye(3)[[0, 2]].astype("float32")), [P],
     -log(P[[0, 1], [0, 2]])),
    ("categorical logits", lambda p: K.categorical_crossentropy(p, np.eye(3)[[0, 2]].astype("float32"), True), [X],
     -np.log(np.exp(X[[0, 1], [0, 2]]) / np.exp(X).sum(1))),
    ("sparse_categorical", lambda p: K.sparse_categorical_crossentropy(p, np.array([[1], [0]])), [P],
     -log(P[[0, 1], [1, 0]])),
    ("clip above nothing", lambda x: K.clip(x, 2, None), [X], X.clip(2)),
    ("cos", K.cos, [X], np.cos(X)),
    ("cumprod", lambda x: K.cumprod(x, 1), [X], X.cumprod(1)),
    ("cumsum", K.cumsum, [X], X.cumsum(0)),
    ("dot 3 and 2", lambda x, y: K.dot(x, y), [CUBE, R.normal(size=(4, 5)).astype("float32")], None),
    ("dot 2 and 3", lambda x, y: K.dot(x, y), [X, R.normal(size=(2, 3, 5)).astype("float32")], None),
    ("elu", lambda x: K.elu(x - 3, 0.5), [X], np.where(X > 3, X - 3, 0.5 * np.expm1(X - 3))),
    ("hard_sigmoid", lambda x: K.hard_sigmoid(x - 3), [X], np.clip(0.2 * (X - 3) + 0.5, 0, 1)),
    ("identity", K.identity, [X], X),
    ("in_top_k", lambda p: K.in_top_k(p, np.array([2, 2]), 2), [P], [True, True]),
    ("logsumexp", lambda x: K.logsumexp(x, axis=1), [X], np.log(np.exp(X).sum(1))),
    ("mean of booleans", lambda x: K.mean(x > 2), [X], (X > 2).mean()),
    ("one_hot", lambda x: K.one_hot(K.cast(x[0], "int32"), 4), [X], np.eye(4)[[1, 2, 3]]),
    ("repeat", lambda x: K.repeat(x, 3), [X], np.repeat(X[:, None], 3, 1)),
    ("repeat_elements", lambda x: K.repeat_elements(x, 2, 1), [X], X.repeat(2, 1)),
    ("resize_images", lambda x: K.resize_images(x, 2, 3), [PICTURE], PICTURE.repeat(2, 1).repeat(3, 2)),
    ("round", lambda x: K.round(x / 2), [X], np.round(X / 2)),
    ("softsign", K.softsign, [X], X / (1 + X)),
    ("spatial_2d_padding", lambda x: K.spatial_2d_padding(x, ((1, 0), (2, 1))), [PICTURE],
     np.pad(PICTURE, ((0, 0), (1, 0), (2, 1), (0, 0)))),
    ("sqrt of less than nothing", lambda x: K.sqrt(x - 4), [X], np.sqrt((X - 4).clip(0))),
    ("squeeze", lambda x: K.squeeze(x, 0), [PICTURE], PICTURE[0]),
    ("std", lambda x: K.std(x, axis=0), [X], X.std(0)),
    ("switch scalar", lambda x: K.switch(K.sum(x) > 100, lambda: x * 2, lambda: x + 1), [X], X + 1),
    ("switch rows", lambda x: K.switch(x[:, 0] > 2, x, -x), [X], X * [[-1], [1]]),
    ("temporal_padding", lambda x: K.temporal_padding(x, (0, 2)), [CUBE], np.pad(CUBE, ((0, 0), (0, 2), (0, 0)))),
    ("tile", lambda x: K.tile(x, (2, 1)), [X], np.tile(X, (2, 1))),
    ("var", lambda x: K.var(x, axis=1, keepdims=True), [X], X.var(1, keepdims=True)),
    ("map_fn", lambda x: K.map_fn(lambda row: K.sum(row) * row, x), [X], X * X.sum(1, keepdims=True)),
    ("map_fn over others", lambda x, y: K.map_fn(lambda row: row + y[1], x), [X, X], X + X[1]),
    ("foldl", lambda x: K.foldl(lambda a, row: a * 2 + row, x), [X], X[0] * 2 + X[1]),
    ("foldr", lambda x: K.foldr(lambda a, row: a * 2 + row, x, X[0]), [X], (X[0] * 2 + X[1]) * 2 + X[0]),
    ("pool2d", lambda x: K.pool2d(x, (2, 5), (2, 5), pool_mode="avg"), [PICTURE],
     PICTURE.reshape(1, 2, 2, 5, 2).mean((2, 3))[:, :, None]),
    ("conv1d causal", lambda x: K.conv1d(x, np.ones((2, 4, 1), "float32"), padding="causal"), [CUBE],
     np.add(CUBE, np.pad(CUBE, ((0, 0), (1, 0), (0, 0)))[:, :-1]).sum(-1, keepdims=True)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "build", "values", "expected"), CASES, ids=[case[0] for case in CASES])
def test_more_functions_of_k_give_their_values(name: str, build: Any, values: list[Any], expected: Any) -> None:
    if name.startswith("dot"):
        expected = np.dot(*values)
    given = [K.placeholder(np.shape(value)) for value in values]
    y = build(*given)
    symbolic = evaluate([y], dict(zip(given, map(jnp.asarray, values), strict=True))).outputs[0]
    assert symbolic.shape == y.shape == np.shape(expected)
    np.testing.assert_allclose(symbolic, expected, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(build(*values), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("padding", "size"), [("valid", (9, 11)), ("same", (8, 9))])
def test_conv2d_transpose_is_the_derivative_of_conv2d(padding: str, size: Any, data_format: str) -> None:
    kernel = R.normal(size=(3, 3, 4, 2)).astype("float32")
    first = data_format == "channels_first"
    x = np.moveaxis(PICTURE, -1, 1) if first else PICTURE
    shape = (1, 4, *size) if first else (1, *size, 4)
    big = K.placeholder(shape)
    options = {"strides": (2, 2), "padding": padding, "data_format": data_format}
    product = K.sum(K.conv2d(big, kernel, **options) * x)
    slope = K.function([big], K.gradients(product, big))([np.zeros(shape)])[0]
    np.testing.assert_allclose(K.conv2d_transpose(x, kernel, shape, **options), slope, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"K\.conv2d_transpose: `output_shape` must be one whose convolution gives"):
        K.conv2d_transpose(x, kernel, (1, 30, 30, 30), **options)


def test_batches_are_normalised() -> None:
    y, mean, var = K.normalize_batch_in_training(K.variable(PICTURE), K.variable([2.0, 2.0]), None, [0, 1, 2], 0.0)
    np.testing.assert_allclose(K.eval(mean), PICTURE.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(K.eval(var), PICTURE.var((0, 1, 2)), rtol=1e-5)
    assert K.eval(y).std((0, 1, 2)) == pytest.approx([2, 2], rel=1e-4)


def test_moving_averages_move_once_per_call() -> None:
    v = K.variable(1.0)
    K.function([], [], [K.moving_average_update(v, K.constant(3.0), 0.75)])([])
    assert K.get_value(v) == 1.5


def test_variables_are_made_by_shape() -> None:
    assert K.count_params(K.zeros((2, 3))) == 6
    assert K.eval(K.ones((2,))).tolist() == [1, 1]
    assert K.eval(K.eye(2)).tolist() == [[1, 0], [0, 1]]
    assert np.abs(K.eval(K.random_uniform_variable((50,), 1, 2, seed=1)) - 1.5).max() <= 0.5
    assert K.eval(K.random_normal_variable((50,), 9, 0.1, seed=1)).mean() == pytest.approx(9, abs=0.1)
    assert K.eval(K.variable(K.random_uniform((3,), 4, 5))).min() >= 4
    x = K.placeholder((2,))
    assert (K.is_placeholder(x), K.is_placeholder(x + 1), K.is_sparse(x)) == (True, False, False)
    assert (K.is_keras_tensor(Input((2,))), K.is_keras_tensor(x)) == (True, False)
    assert K.is_keras_tensor(layers.Dense(1)(Input((2,))))


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda n: K.random_normal((n,), 2.0, 3.0), 2, 3),
        (lambda n: K.random_uniform((n,), 1.0, 3.0, seed=4), 2, 4 / 12),
        (lambda n: K.random_binomial((n,), 0.25), 0.25, 0.1875),
        (lambda n: K.truncated_normal((n,), 1.0, 2.0), 1, 2 * 0.8796),
        (lambda n: K.dropout(K.ones((n,)), 0.5, seed=3), 1, 1),
    ],
    ids=["normal", "uniform", "binomial", "truncated", "dropout"],
)
def test_draws_are_pipes_and_differ_each_time(draw: Any, mean: float, deviation: float) -> None:
    look = K.function([], [draw(4000)])
    first, second = look([])[0], look([])[0]
    assert (first != second).any()
    assert first.mean() == pytest.approx(mean, abs=5 * max(deviation, 1) / 4000**0.5)


def test_an_initializer_may_be_written_with_k() -> None:
    dense = layers.Dense(
        3, kernel_initializer=lambda shape, dtype=None: K.random_normal(shape, stddev=0.1, dtype=dtype)
    )
    dense.build((None, 4))
    values = dense.get_weights()[0]
    assert values.shape == (4, 3)
    assert 0 < np.abs(values).max() < 1


def test_a_print_shows_the_value_when_it_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    x = K.placeholder((2,))
    K.function([x], [K.print_tensor(x, "x is") * 2])([[1.0, 2.0]])
    jax.effects_barrier()
    assert "x is [1. 2.]" in capsys.readouterr().out


def test_names_of_keras_1_for_data_formats() -> None:
    assert K.image_dim_ordering() == "tf"
    K.set_image_dim_ordering("th")
    try:
        assert K.image_data_format() == "channels_first"
    finally:
        K.set_image_dim_ordering("tf")


def test_uids_count_until_the_session_is_cleared() -> None:
    K.reset_uids()
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]
    K.set_learning_phase(1)
    K.clear_session()
    assert K.get_uid("a") == 1
    assert not isinstance(K.learning_phase(), int)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: K.tf, r"K\.tf belongs to TensorFlow, which is not there"),
        (lambda: K.get_session(), r"K\.get_session: there is no TensorFlow session"),
        (lambda: K.placeholder((2,), sparse=True), r"K\.placeholder: `sparse` must be False"),
        (lambda: K.set_learning_phase(2), r"K\.set_learning_phase: `value` must be 0 \(test\) or 1"),
        (lambda: K.set_value(3, 4), r"K\.set_value: `x` must be a variable\. Got 3"),
        (lambda: K.repeat(PICTURE, 2), r"K\.repeat: `x` must be of shape \(batch, values\)"),
        (lambda: K.conv2d(X, X), r"K\.conv2d: `x` must be of 4 axes"),
        (lambda: K.conv2d(PICTURE, X, padding="full"), r"K\.conv2d: `padding` must be 'valid' or 'same'. Got 'full'"),
        (lambda: K.pool2d(PICTURE, 2, pool_mode="min"), r"K\.pool2d: `pool_mode` must be 'max' or 'avg'. Got 'min'"),
        (lambda: K.bias_add(PICTURE, X), r"K\.bias_add: `bias` must have 1 or 3 axes. Got 2"),
        (lambda: K.spatial_2d_padding(PICTURE, 1), r"K\.spatial_2d_padding: `padding` must be 2 pairs"),
        (lambda: K.is_keras_tensor(X), r"K\.is_keras_tensor: `x` must be a symbolic tensor or a variable"),
        (lambda: K.set_image_dim_ordering("x"), r"`dim_ordering` must be 'tf' or 'th'. Got 'x'"),
        (lambda: K.ctc_decode(P, P, greedy=False), r"K\.ctc_decode: a beam search is not there"),
        (lambda: K.ctc_label_dense_to_sparse(P, P), r"all tensors here are dense"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_sentence(act: Any, message: str) -> None:
    with pytest.raises(KeratoError, match=message):
        act()
