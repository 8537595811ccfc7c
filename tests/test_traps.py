"""What went wrong in the experiments before the first line was written, 10 to 20: each must not go wrong again."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from catalog import LABELS, ONE_HOT, X, perceptron

from kerato import backend as K
from kerato import callbacks, graph, layers, ops, random
from kerato.graph import Expansion, Node, evaluate
from kerato.layers import Input
from kerato.models import Model, Sequential
from kerato.variables import Variable


def nodes(tensor: Any) -> list[Node]:
    return graph.order([tensor])


def compiled(caplog: pytest.LogCaptureFixture, what: str = "") -> list[str]:
    """What was compiled since the last question, by name, without the cause."""
    found = [line.partition(" (")[0].removeprefix("compiling ") for line in caplog.messages if "compiling" in line]
    caplog.clear()
    return [name for name in found if what in name]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "kerato")
    return caplog


def alone(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python running `code` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# -- 10: nodes have names -----------------------------------------------------------------------------------------


def test_trap_10_operators_are_nodes_of_the_table_with_their_constants() -> None:
    x = Input((3,))
    multiply, add = nodes(x * 2 + 1)
    assert (multiply.name, add.name) == ("multiply", "add")
    assert ops.OPS["multiply"] is multiply.owner
    assert multiply.args == (x, 2)
    assert add.args[1] == 1


def test_trap_10_every_node_is_an_operation_or_a_layer() -> None:
    x = Input((4, 4, 1))
    y = layers.Lambda(lambda t: ops.concatenate([t[:, 1:, ::2], -t[:, 1:, ::2]], axis=-1))(layers.Conv2D(2, 1)(x))
    y = ops.mean(y, axis=[1, 2]) @ np.ones((4, 2), "float32")
    for node in nodes(y):
        assert isinstance(node.owner, layers.Layer) or ops.OPS[node.owner.__name__] is node.owner


def test_trap_10_tensors_may_stand_anywhere_in_the_arguments() -> None:
    x = Input((3,))
    node = ops.where(x > 0, ops.stack([x, x * 2])[1], {"a": 0}["a"]).node
    assert len(node.inputs) == 2
    assert ops.concatenate([x, [x][0]], axis=1).node.inputs == [x, x]


# -- 11: Lambda, custom calls, losses and metrics become part of the graph ----------------------------------------


def test_trap_11_a_lambda_of_operations_expands() -> None:
    x = Input((3,))
    layer = layers.Lambda(lambda t: ops.square(t) * 2)
    y = layer(x)
    assert [node.name for node in nodes(y)] == ["square", "multiply", layer.name]
    assert isinstance(y.node, Expansion)
    assert layer.input is x


@pytest.mark.parametrize(
    "function",
    [lambda t: jnp.sin(t) * 2, lambda t: jnp.concatenate([t, t], 1), lambda t: jnp.asarray(t) + 1],
    ids=["ufunc", "several", "asarray"],
)
def test_trap_11_a_lambda_of_jax_functions_is_one_node(function: Any) -> None:
    x = Input((3,))
    y = layers.Lambda(function)(x)
    assert len(nodes(y)) == 1
    value = np.float32([[1, 2, 3]])
    np.testing.assert_allclose(K.function([x], [y])([value])[0], function(value), rtol=1e-6)


def test_trap_11_numpy_functions_inside_a_lambda_are_operations_where_there_is_one() -> None:
    x = Input((3,))
    y = layers.Lambda(lambda t: np.tanh(t) + np.mean(t, axis=1, keepdims=True))(x)
    assert [node.name for node in nodes(y)][:1] == ["tanh"]
    value = np.float32([[1, 2, 3]])
    np.testing.assert_allclose(K.function([x], [y])([value])[0], np.tanh(value) + 2, rtol=1e-6)


def test_trap_11_other_numpy_inside_a_lambda_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"^lambda\w* \(Lambda\): .*Use kerato\.ops instead of NumPy"):
        layers.Lambda(lambda t: np.interp(t, [0.0, 1.0], [0.0, 1.0]))(Input((3,)))


def test_trap_11_tensors_that_an_opaque_lambda_mentions_are_its_inputs() -> None:
    x = Input((2,))
    outer = layers.Dense(2, use_bias=False)
    mentioned = outer(x)
    y = layers.Lambda(lambda t: jnp.sin(t) * mentioned)(x)
    assert mentioned in y.node.inputs
    model = Model(x, y)
    assert model.trainable_weights == [outer.kernel]
    value = np.float32([[0.5, 2]])
    slope = K.function([x], K.gradients(K.sum(y), [mentioned]))([value])[0]
    np.testing.assert_allclose(slope, np.sin(value), rtol=1e-6)
    np.testing.assert_allclose(model.predict(value), np.sin(value) * (value @ outer.get_weights()[0]), rtol=1e-5)


def test_trap_11_gradients_between_the_two_inputs_of_a_lambda() -> None:
    """mnist_swwae takes `K.gradients` of a pooling with respect to its input, inside a Lambda."""
    x = Input((4, 4, 1))
    pooled = layers.MaxPooling2D(2)(x)
    where = layers.Lambda(lambda pair: K.gradients(K.sum(pair[1]), [pair[0]])[0])([x, pooled])
    picture = np.random.default_rng(0).permutation(16).reshape(1, 4, 4, 1).astype("float32")
    found = Model(x, where).predict(picture)
    assert found.sum() == 4
    blocks = picture.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    assert set(picture[found == 1]) == set(blocks.max(axis=1))


def test_trap_11_a_loss_that_mentions_other_tensors_trains_what_they_depend_on() -> None:
    """The variational autoencoders close over the tensors of the code in the middle."""
    x = Input((4,))
    code = layers.Dense(2, name="code")(x)
    model = Model(x, layers.Dense(4, name="out", trainable=False)(code))

    def loss(y: Any, p: Any) -> Any:
        return 0 * K.mean(K.square(y - p), axis=-1) + K.mean(K.square(code), axis=-1)

    model.compile("sgd", loss)
    frozen, before = model.get_layer("out").get_weights(), model.get_layer("code").get_weights()[0]
    history = model.fit(X, X, epochs=2, verbose=0, shuffle=False, batch_size=20).history["loss"]
    np.testing.assert_allclose(history[0], np.square(X @ before).mean(), rtol=1e-5)
    assert history[1] < history[0]
    np.testing.assert_array_equal(frozen[0], model.get_layer("out").get_weights()[0])


def test_trap_11_a_loss_takes_gradients_of_the_graph() -> None:
    """A contractive penalty: the loss grows with the slope of the output by the input."""
    x = Input((1,))
    y = layers.Dense(1, use_bias=False, kernel_initializer="ones")(x)
    model = Model(x, y)
    model.compile("sgd", lambda t, p: K.square(K.gradients(K.sum(p), [x])[0][:, 0] - 3))
    assert model.evaluate(np.ones((2, 1)), np.ones((2, 1)), verbose=0) == pytest.approx(4)
    model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0)
    assert model.get_weights()[0][0, 0] == pytest.approx(1 + 0.01 * 2 * 2)


def test_trap_11_losses_and_metrics_may_be_written_in_jax() -> None:
    model = perceptron(lambda y, p: jnp.square(y - p).mean(-1), metrics=[lambda y, p: jnp.abs(jnp.sin(y - p)).mean(-1)])
    p = model.predict(X)
    loss, metric = model.evaluate(X, ONE_HOT, verbose=0)
    assert loss == pytest.approx(np.square(ONE_HOT - p).mean(), rel=1e-5)
    assert metric == pytest.approx(np.abs(np.sin(ONE_HOT - p)).mean(), rel=1e-5)


def test_trap_11_gradients_cut_the_graph_and_say_none_where_there_is_no_path() -> None:
    x, other = Input((2,)), Input((2,))
    y = x * x
    z = y + x
    assert K.gradients(K.sum(z), [other]) == [None]
    by_y, by_x = K.function([x], K.gradients(K.sum(z), [y, x]))([np.float32([[3, 5]])])
    np.testing.assert_array_equal(by_y, [[1, 1]])
    np.testing.assert_array_equal(by_x, [[7, 11]])


# -- 12: sizes that are not known yet -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: ops.reshape(x, (-1, 6)), (None, 6)),
        (lambda x: x[:, ::2], (None, None, 3)),
        (lambda x: ops.reshape(x, (x.shape[0] or -1, ops.shape(x)[1] * 3)), (None, None)),
        (lambda x: ops.mean(x, axis=1), (None, 3)),
        (lambda x: ops.concatenate([x, x], axis=1), (None, None, 6 // 2)),
        (lambda x: ops.tile(x, (1, 1, 2)), (None, None, 6)),
        (lambda x: ops.expand_dims(x, 1), (None, 1, None, 3)),
    ],
    ids=["flat", "slice", "product", "mean", "joined", "tile", "axis"],
)
def test_trap_12_shapes_with_unknown_sizes_are_found_by_evaluation(function: Any, shape: tuple[Any, ...]) -> None:
    assert tuple(function(Input((None, 3))).shape) == shape


def test_trap_12_sizes_are_ints_when_the_graph_is_computed() -> None:
    seen: list[Any] = []

    def halves(x: Any) -> Any:
        size = ops.shape(x)[1] // 2
        return ops.reshape(x, (ops.shape(x)[0], size, 2, 3))

    class Watch(layers.Layer):
        def call(self, x: Any) -> Any:
            seen.extend(type(size) for size in x.shape)
            return sum((x[:, i] for i in range(x.shape[1])), 0.0) * float(np.prod(x.shape[1:]))

    x = Input((None, 3))
    y = Watch()(halves(x))
    found = K.function([x], [y])([np.ones((2, 8, 3), "float32")])[0]
    assert found.shape == (2, 2, 3)
    assert (found == 4 * 4 * 2 * 3).all()
    assert set(seen) == {int}


def test_trap_12_a_user_s_own_shape_comes_first() -> None:
    class Odd(layers.Layer):
        def call(self, x: Any) -> Any:
            return x[:, : max(1, x.shape[1] // 7)]

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (input_shape[0], None)

    assert Odd()(Input((21,))).shape == (None, None)
    assert layers.Lambda(lambda x: jnp.sin(x), output_shape=(5,))(Input((None,))).shape == (None, 5)


# -- 13: every layer shows its value ------------------------------------------------------------------------------


def test_trap_13_the_hook_sees_nested_and_shared_layers_and_may_replace_values() -> None:
    inner = Sequential(
        [Input((2,)), layers.Dense(2, name="d", kernel_initializer="identity"), layers.Dropout(0.5, name="dropout")]
    )
    inner.name = "inner"
    x = Input((2,))
    y = layers.Add(name="sum")([inner(x), inner(inner(x))])
    seen: dict[str, Any] = {}

    def hook(path: str, value: Any) -> Any:
        seen[path] = value
        return value * 10 if path == "inner/d" else value

    found = evaluate([y], {x: jnp.ones((1, 2))}, hook=hook).outputs[0]
    calls = ("inner", "inner@1", "inner@2")
    assert list(seen) == [*(f"{call}{layer}" for call in calls for layer in ("/d", "/dropout", "")), "sum"]
    np.testing.assert_array_equal(found, [[11, 11]])


def test_trap_13_evaluate_gives_outputs_updates_and_losses_and_writes_nothing() -> None:
    x = Input((2,))
    normal = layers.BatchNormalization()
    y = layers.Dense(1, activity_regularizer="l2")(normal(x))
    before = normal.get_weights()
    result = evaluate([y], {x: jnp.asarray([[0.0, 2], [4, 2]])}, training=True, key=random.key(0))
    assert set(result.updates) == {normal.moving_mean, normal.moving_variance}
    np.testing.assert_allclose(result.updates[normal.moving_mean], [0.02, 0.02], rtol=1e-6)
    assert len(result.losses) == 1
    for a, b in zip(before, normal.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_trap_13_masks_and_policies_are_the_base_s() -> None:
    x = Input((3, 2))
    masked = layers.Masking()(x)
    through = layers.Activation("relu")(layers.Dense(2, use_bias=False, kernel_initializer="ones")(masked))
    model = Model(x, through)
    model.compile("sgd", "mse")
    data = np.float32([[[1, 1], [0, 0], [0, 0]]])
    # one step counts: (2 - 0)**2
    assert model.evaluate(data, np.zeros((1, 3, 2)), verbose=0) == pytest.approx(4)


def test_trap_13_the_learning_rate_is_state(log: pytest.LogCaptureFixture) -> None:
    model = perceptron()
    model.fit(X, LABELS, verbose=0)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    compiled(log)
    model.fit(X, LABELS, verbose=0)
    assert compiled(log) == []
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# -- 14: keys -----------------------------------------------------------------------------------------------------


def test_trap_14_a_shared_dropout_called_twice_draws_two_masks() -> None:
    x, drop = Input((64,)), layers.Dropout(0.5)
    both = evaluate([drop(x), drop(x)], {x: jnp.ones((1, 64))}, training=True, key=random.key(0)).outputs
    assert (np.asarray(both[0]) != np.asarray(both[1])).any()
    shared = Sequential([Input((64,)), drop])
    twice = evaluate([shared(x), shared(x)], {x: jnp.ones((1, 64))}, training=True, key=random.key(0)).outputs
    assert (np.asarray(twice[0]) != np.asarray(twice[1])).any()


def test_trap_14_masks_differ_from_step_to_step_and_from_epoch_to_epoch() -> None:
    masks: list[Any] = []
    drop = layers.Dropout(0.5)
    model = Sequential([Input((64,)), drop, layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile("sgd", lambda y, p: -p[:, 0] * 64)  # the step of the kernel is the mean of the mask
    for epoch in range(2):
        for _ in range(2):
            before = model.get_weights()[0]
            model.fit(np.ones((1, 64)), np.zeros(1), epochs=epoch + 1, initial_epoch=epoch, verbose=0)
            masks.append((model.get_weights()[0] - before)[:, 0] > 0.1)
    assert (masks[0] == masks[1]).all()  # the same seed, epoch and step
    assert (masks[0] != masks[2]).any()


NUMBERS = """
import numpy as np, kerato
from kerato import layers
for seed in {seeds}:
    np.random.seed(seed)
    kerato.set_random_seed(None)
    kerato.clear_session()
    x = np.random.rand(16, 3)
    model = kerato.Sequential([layers.Input((3,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("sgd", "mse")
    loss = model.fit(x, x[:, 0], epochs=2, batch_size=4, verbose=0).history["loss"]
    print(loss, model.get_weights()[0].tobytes().hex())
"""


@pytest.mark.slow
def test_trap_14_a_script_that_only_seeds_numpy_repeats() -> None:
    one, other = alone(NUMBERS.format(seeds=[1337])), alone(NUMBERS.format(seeds=[1338, 1337]))
    assert one.returncode == other.returncode == 0, one.stderr + other.stderr
    different, same = other.stdout.splitlines()
    assert [same] == one.stdout.splitlines() != [different]


# -- 15: initial weights ------------------------------------------------------------------------------------------


def test_trap_15_initial_weights_are_drawn_on_the_host_when_somebody_asks(log: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def initializer(shape: Any, dtype: Any, path: str) -> Any:
        asked.append(path)
        return np.zeros(shape, dtype)

    variable = Variable(initializer, (2, 2), name="late")
    assert asked == []
    assert variable.numpy().shape == (2, 2)
    assert variable.value.shape == (2, 2)
    assert asked == ["late"]


def test_trap_15_weights_depend_on_seed_and_path_only() -> None:
    def weights(seed: int, first: bool) -> Any:
        random.set_seed(seed)
        made = [layers.Dense(3, name=name) for name in (("a", "b") if first else ("b", "a"))]
        for layer in made:
            layer(Input((4,)))
        return {layer.name: layer.get_weights()[0] for layer in made}

    one, other_order, other_seed = weights(1, True), weights(1, False), weights(2, True)
    np.testing.assert_array_equal(one["a"], other_order["a"])
    assert (one["a"] != one["b"]).all()
    assert (one["a"] != other_seed["a"]).all()


def test_trap_15_millions_of_weights_take_no_compilation() -> None:
    model = Sequential([Input((2000,)), *(layers.Dense(700 + i) for i in range(6))])
    began = time.perf_counter()
    weights = model.get_weights()
    assert time.perf_counter() - began < 3
    assert sum(w.size for w in weights) > 3e6


# -- 16: the order of imports -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("early", "late"),
    [("errors", "config"), ("ops", "graph"), ("graph", "layers"), ("layers", "models")],
)
def test_trap_16_a_module_does_not_need_those_above_it(early: str, late: str) -> None:
    done = alone(f"import sys, kerato.{early}; sys.exit('kerato.{late}' in sys.modules)")
    assert done.returncode == 0, done.stderr


# -- 17: the last, smaller batch ----------------------------------------------------------------------------------


def test_trap_17_two_traces_per_fit_and_none_per_epoch(log: pytest.LogCaptureFixture) -> None:
    model = perceptron()
    model.fit(X, LABELS, batch_size=8, epochs=5, verbose=0)
    assert compiled(log, "train") == ["train, chunk of 8", "train, one of 4"]
    model.fit(X, LABELS, batch_size=8, epochs=3, verbose=0, validation_split=0.0)
    assert compiled(log) == []


def test_trap_17_statistics_of_the_last_batch_are_its_own() -> None:
    """4 samples of 5s after 8 of 1s: padding would have shifted the moving mean."""
    normal = layers.BatchNormalization(momentum=0.5)
    model = Sequential([Input((1,)), normal])
    model.compile("sgd", "mse", metrics=[])
    model.optimizer.learning_rate = 0.0
    data = np.float32([[1]] * 8 + [[5]] * 4)
    model.fit(data, data, batch_size=8, shuffle=False, verbose=0)
    assert normal.moving_mean.numpy()[0] == pytest.approx((0 * 0.5 + 1 * 0.5) * 0.5 + 5 * 0.5)


def test_trap_17_a_lambda_over_the_batch_sees_no_padding() -> None:
    x = Input((1,))
    model = Model(x, layers.Lambda(lambda t: t - K.mean(t, axis=0, keepdims=True))(x))
    data = np.arange(45, dtype="float32")[:, None]
    found = model.predict(data, batch_size=40)
    np.testing.assert_allclose(found[:40], data[:40] - 19.5)
    np.testing.assert_allclose(found[40:], data[40:] - 42)
    np.testing.assert_allclose(model.predict(data, batch_size=45), data - 22, rtol=1e-6)


def test_trap_17_predictions_of_many_sizes_share_programs(log: pytest.LogCaptureFixture) -> None:
    model = perceptron()
    whole = model.predict(np.tile(X, (5, 1)), batch_size=100)
    compiled(log)
    for size in (33, 40, 50, 64):
        np.testing.assert_allclose(model.predict(np.tile(X, (5, 1))[:size], batch_size=100), whole[:size], rtol=1e-5)
    assert len(compiled(log, "prediction")) == 1
    model.predict(X[:7])
    model.predict(X[:7] + 1)
    assert len(compiled(log, "prediction")) == 1


# -- 18: any chunk length with one program ------------------------------------------------------------------------


def net() -> Sequential:
    """Everything that could depend on how the steps are run: dropout, batch statistics, momentum."""
    random.set_seed(5)
    stack = [Input((4,)), layers.Dense(6, name="h"), layers.BatchNormalization(name="n"), layers.Dropout(0.4, name="d")]
    model = Sequential([*stack, layers.Dense(3, activation="softmax", name="o")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def chunked(monkeypatch: pytest.MonkeyPatch, lengths: list[int]) -> tuple[list[Any], dict[str, Any]]:
    """The weights and history of 20 steps an epoch, run in chunks of these lengths."""
    model, waiting = net(), [*lengths] * 2
    monkeypatch.setattr("kerato.engine.Engine._chunk_length", lambda *_: waiting.pop(0))
    history = model.fit(np.repeat(X, 4, 0), np.repeat(LABELS, 4), batch_size=4, epochs=2, verbose=0).history
    assert not waiting
    return model.get_weights(), history


def assert_same_bits(one: tuple[list[Any], Any], other: tuple[list[Any], Any]) -> None:
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert one[1] == other[1]


@pytest.mark.parametrize("lengths", [[7, 1, 12], [1] * 20], ids=["7-1-12", "singles"])
def test_trap_18_any_chunks_give_the_same_bits(monkeypatch: pytest.MonkeyPatch, lengths: list[int]) -> None:
    assert_same_bits(chunked(monkeypatch, [20]), chunked(monkeypatch, lengths))


class EveryBatch(callbacks.Callback):
    """Wants to see every batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Nothing."""


def test_trap_18_single_steps_for_callbacks_give_the_same_bits() -> None:
    def run(*watching: Any) -> tuple[list[Any], Any]:
        model = net()
        history = model.fit(X, LABELS, batch_size=8, epochs=3, verbose=0, callbacks=list(watching)).history
        return model.get_weights(), history

    assert_same_bits(run(), run(EveryBatch()))


def test_trap_18_one_program_serves_all_chunk_lengths(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    chunked(monkeypatch, [7, 1, 12])
    assert compiled(log, "chunk") == ["train, chunk of 4"]


def test_trap_18_what_is_slow_in_a_loop_runs_in_single_steps(log: pytest.LogCaptureFixture) -> None:
    import jax

    class Slow(layers.Layer):
        def call(self, x: Any) -> Any:
            return jax.lax.conv(x[:, None], jnp.ones((1, 1, 2)), (1,), "SAME")[:, 0]

    model = Sequential([Input((4,)), Slow(), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, batch_size=10, verbose=0)
    assert any("single steps, because a convolution written with jax.lax" in line for line in log.messages)
    perceptron().fit(X, LABELS, batch_size=10, verbose=0)
    assert any("many steps per program" in line for line in log.messages)


# -- 19: donation -------------------------------------------------------------------------------------------------


def test_trap_19_views_of_weights_neither_block_training_nor_change() -> None:
    model = perceptron()
    model.fit(X, LABELS, verbose=0)
    views = [np.asarray(v.value) for v in model.variables]
    copies = [view.copy() for view in views]
    handed_out = model.get_weights()
    model.fit(X, LABELS, epochs=3, verbose=0)
    for view, copy, handed in zip(views, copies, handed_out, strict=True):
        np.testing.assert_array_equal(view, copy)
        np.testing.assert_array_equal(handed, copy)
    assert any((v.numpy() != copy).any() for v, copy in zip(model.variables, copies, strict=True))


def test_trap_19_what_is_handed_out_is_a_copy() -> None:
    model = perceptron()
    before = model.predict(X)
    for array in model.get_weights():
        array[...] = 0
    model.variables[0].numpy()[...] = 0
    np.testing.assert_array_equal(model.predict(X), before)
    before[...] = 0
    assert model.predict(X).any()


def aligned(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """Zeros at an address that a device array could take over."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, "uint8")
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def test_trap_19_data_enters_by_copy() -> None:
    weight = aligned((4, 5), "float32")
    weight[...] = 1
    model = perceptron()
    model.set_weights([weight, *model.get_weights()[1:]])
    data = aligned((20, 4), "float32")
    data[...] = X
    before = model.predict(X)
    weight[...] = 0
    np.testing.assert_array_equal(model.predict(X), before)

    class Spoil(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            data[...] = 0 if epoch else data

    changed = model.fit(data, LABELS, epochs=2, shuffle=False, verbose=0, callbacks=[Spoil()])
    model.set_weights([np.ones((4, 5)), *perceptron().get_weights()[1:]])
    kept = model.fit(X, LABELS, epochs=2, shuffle=False, verbose=0)
    assert changed.history == kept.history


def test_trap_19_two_models_with_shared_layers_train_in_turn() -> None:
    shared = layers.Dense(4, name="shared")
    x = Input((4,))
    models = [Model(x, layers.Dense(1, name=name)(shared(x))) for name in ("one", "two")]
    for model in models:
        model.compile("sgd", "mse")
    steps = [shared.get_weights()[0]]
    for model in (*models, *models):
        model.fit(X, X[:, 0], verbose=0)
        steps.append(shared.get_weights()[0])
        np.testing.assert_array_equal(models[0].get_weights()[0], models[1].get_weights()[0])
    assert all((a != b).any() for a, b in itertools.pairwise(steps))


def test_trap_19_pictures_stay_bytes_on_the_device() -> None:
    from kerato.data.sources import Arrays

    source = Arrays(([np.zeros((4, 2, 2, 1), "uint8")], [], []), 2, False, 0)
    assert str(source.on_device()[0][0].dtype) == "uint8"


INTERRUPTED = """
import os, signal, threading, time
import numpy as np, kerato
from kerato import layers
kerato.set_random_seed(0)
x = np.random.default_rng(0).random((4096, 64), dtype="float32")
model = kerato.Sequential([layers.Input((64,)), layers.Dense(64), layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, x[:, 0], batch_size=32, verbose=0)
steps = int(model.optimizer.iterations.numpy())
def interrupt():
    time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
DATA
try:
    model.fit(*data, epochs=10**6, verbose=0, **options)
except KeyboardInterrupt as stop:
    print("stopped:", stop)
assert all(np.isfinite(w).all() for w in model.get_weights())
assert int(model.optimizer.iterations.numpy()) > steps
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("usable:", np.isfinite(model.evaluate(x, x[:, 0], verbose=0)), model.fit(x, x[:, 0], verbose=0).epoch)
"""
RESIDENT = "data, options = (x, x[:, 0]), {'batch_size': 32}"
STREAM = "data, options = ((lambda: (yield from iter(lambda: (x[:32], x[:32, 0]), 0)))(),), {'steps_per_epoch': 10}"


@pytest.mark.slow
@pytest.mark.parametrize("source", [RESIDENT, STREAM], ids=["resident", "short stream"])
def test_trap_19_an_interrupt_leaves_the_state_whole(source: str) -> None:
    done = alone(INTERRUPTED.replace("DATA", source))
    assert done.returncode == 0, done.stderr
    assert "stopped:" in done.stdout
    assert "usable: True [0]" in done.stdout


TWICE = """
import os, signal, threading, time
import numpy as np, kerato
from kerato import layers
model = kerato.Sequential([layers.Input((2,)), layers.Dense(2)])
model.compile("sgd", "mse")
class Slow(kerato.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(30)
def interrupt():
    for _ in range(2):
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
began = time.perf_counter()
try:
    model.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0, callbacks=[Slow()])
except KeyboardInterrupt:
    print("broke in after", time.perf_counter() - began < 15)
"""


@pytest.mark.slow
def test_trap_19_a_second_interrupt_breaks_in() -> None:
    done = alone(TWICE)
    assert "broke in after True" in done.stdout, done.stderr


def test_trap_19_training_in_another_thread_leaves_signals_alone() -> None:
    import threading

    model, errors = perceptron(), []

    def work() -> None:
        try:
            model.fit(X, LABELS, verbose=0)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


# -- 20: the compile cache ----------------------------------------------------------------------------------------

SMALL = """
import time, numpy as np, kerato
from kerato import layers
model = kerato.Sequential([layers.Input((2,)), layers.Dense(2)])
print(model.predict(np.ones((1, 2))).shape)
import jax
print(jax.config.jax_compilation_cache_dir)
"""


@pytest.mark.slow
def test_trap_20_compiled_programs_are_kept_in_the_user_s_cache_folder(tmp_path: Path) -> None:
    first = alone(SMALL, KERATO_CACHE=str(tmp_path))
    assert first.returncode == 0, first.stderr  # warnings are errors: filelock is there
    kept = {path.name for path in tmp_path.rglob("*-cache")}
    assert kept
    assert str(tmp_path) in first.stdout
    second = alone(SMALL, KERATO_CACHE=str(tmp_path))
    assert second.returncode == 0, second.stderr
    assert {path.name for path in tmp_path.rglob("*-cache")} == kept


def test_trap_20_the_cache_is_bounded_and_what_was_read_last_stays(tmp_path: Path) -> None:
    from kerato.programs import prune

    for age in range(10):
        (tmp_path / str(age)).write_bytes(bytes(100))
        os.utime(tmp_path / str(age), (10_000 - age, 5_000))
    prune(tmp_path, 1_000)
    assert len(list(tmp_path.iterdir())) == 10
    prune(tmp_path, 800)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "3", "4", "5"}
    prune(tmp_path / "nowhere", 800)


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [{"KERATO_COMPILE_CACHE": "0"}, {"JAX_COMPILATION_CACHE_DIR": "ELSEWHERE"}],
    ids=["switched off", "chosen by the user"],
)
def test_trap_20_one_setting_turns_it_off_and_the_user_s_choice_stays(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    environment = {key: str(theirs) if value == "ELSEWHERE" else value for key, value in environment.items()}
    done = alone(SMALL, KERATO_CACHE=str(ours), **environment)
    assert done.returncode == 0, done.stderr
    assert not ours.exists()


def test_trap_20_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = alone(SMALL, KERATO_CACHE=str(blocked))
    assert done.returncode == 0, done.stderr


def test_trap_20_the_engine_s_programs_hold_no_host_callback() -> None:
    from kerato.data.sources import Arrays
    from kerato.random import fold, key

    model = net()
    model.fit(X, LABELS, batch_size=10, verbose=0)
    engine: Any = model._engine
    source = Arrays(([X], [LABELS.astype("int32")], []), 10, False, 0)
    used = engine._program("train", "chunk", 10).operations(
        engine.slot.values, source.on_device(), None, np.int32(0), np.int32(2), fold(key(0), 1)
    )
    assert not {name for name in used if "callback" in name}
