"""Optimizers: trajectories of Keras 3.15.1 and of independent loops, problems solved, state, configurations."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import reference
from reference import compiled

from kerato import config, constraints, optimizers, schedules
from kerato.errors import InvalidCall, InvalidType, InvalidValue, UnknownName
from kerato.variables import Run, Variable

#: class, arguments, the three weights after 20 updates of Keras 3.15.1 in float64 (see `_gradients`)
KERAS: list[tuple[str, dict[str, Any], list[float]]] = [
    ("SGD", {}, [0.669638534, -1.818379781, 0.4477415051]),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}, [-0.2234358111, 0.4875150814, 0.08639266883]),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}, [0.1926262664, 0.2940267917, 0.1026301352]),
    ("RMSprop", {}, [0.973872955, -1.973382471, 0.4919945723]),
    ("RMSprop", {"learning_rate": 0.02, "momentum": 0.5}, [0.2568427306, -1.094382219, 0.305980504]),
    ("RMSprop", {"learning_rate": 0.02, "centered": True, "momentum": 0.5}, [0.161375865, -0.9574351168, 0.2942153134]),
    ("Adagrad", {"learning_rate": 0.1}, [0.4382697191, -1.401293367, 0.3578085708]),
    ("Adadelta", {"learning_rate": 1.0}, [0.9749223956, -1.96704473, 0.4904140304]),
    ("Adam", {"learning_rate": 0.05}, [0.1845175686, -1.213752309, 0.2517894489]),
    ("Adam", {"learning_rate": 0.05, "amsgrad": True}, [0.1845334014, -1.213763671, 0.2517926176]),
    ("AdamW", {"learning_rate": 0.05, "weight_decay": 0.1}, [0.1439825412, -1.073210311, 0.2297478494]),
    ("Adamax", {"learning_rate": 0.05}, [0.3806355595, -1.497857365, 0.3558055667]),
    ("Nadam", {"learning_rate": 0.05}, [0.3594715799, -1.31721028, 0.3104823036]),
    ("Lion", {"learning_rate": 0.01}, [0.8, -1.8, 0.44]),
    ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}, [0.3303633187, -1.507310341, 0.3937163535]),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.5}, [0.3716533267, -1.55614747, 0.462300493]),
    ("SGD", {"learning_rate": 0.1, "clipvalue": 0.25}, [0.5061397492, -1.632672176, 0.4198549862]),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.1, "momentum": 0.5}, [0.1484269685, -0.126948905, 0.1248970135]),
    ("Adafactor", {"learning_rate": 0.1}, [0.1051046339, -0.8005099499, 0.3800434875]),
    ("Adafactor", {"learning_rate": 0.5, "relative_step": False}, [-0.01761500202, -0.1769571135, 0.07954398058]),
    ("Ftrl", {"learning_rate": 0.1}, [0.3314135686, -0.1270525054, 0.2754802503]),
    ("Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.7, "l1_regularization_strength": 0.1,
              "l2_regularization_strength": 0.2, "l2_shrinkage_regularization_strength": 0.05, "beta": 0.1},
     [0.5327626016, -0.05895649763, 0.2563267489]),
    ("Lamb", {"learning_rate": 0.05}, [-0.03794186263, -0.9243490722, 0.2189643931]),
    ("Lamb", {"learning_rate": 0.05, "weight_decay": 0.1}, [-0.03573874538, -0.8372404815, 0.1980774848]),
    ("Muon", {"learning_rate": 0.05}, [0.1827827833, -1.207833406, 0.3867354033]),
    ("Muon", {"learning_rate": 0.05, "nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.5},
     [0.5518366212, -1.585662995, -0.05833819262]),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 6},
     [0.2402333812, -1.590686867, 0.5346778671]),
    ("Adam", {"learning_rate": 0.05, "gradient_accumulation_steps": 3}, [0.7129003549, -1.74448121, 0.3370923103]),
    ("Nadam", {"learning_rate": 0.05, "gradient_accumulation_steps": 4, "use_ema": True, "ema_overwrite_frequency": 2},
     [0.9169101223, -1.906347777, 0.4287038544]),
    ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 4.0}, [0.3703523774, -1.575326247, 0.3972352181]),
]  # fmt: skip

#: class, arguments, a matrix of two rows and three columns after 20 updates of Keras 3.15.1 in float64
MATRICES: list[tuple[str, dict[str, Any], list[float]]] = [
    ("Adafactor", {"learning_rate": 0.1},
     [-0.3260522817, -0.2363181468, -0.08518780983, 0.1140903816, 0.3176737903, 0.406162884]),
    ("Muon", {"learning_rate": 0.05},
     [-0.5289589051, -0.3912160644, -0.199134744, 0.2520217751, 0.4616908525, 0.6029026275]),
    ("Lamb", {"learning_rate": 0.05},
     [-0.3043882983, -0.2309704603, -0.04869939619, 0.112516587, 0.262963999, 0.3675002478]),
]  # fmt: skip

#: row of `KERAS` -> the same rule as a loop
LOOPS: dict[int, Callable[..., list[float]]] = {
    0: partial(reference.sgd, lr=0.01),
    1: partial(reference.sgd, lr=0.1, momentum=0.9),
    2: partial(reference.sgd, lr=0.1, momentum=0.9, nesterov=True),
    3: partial(reference.rmsprop, lr=0.001),
    6: partial(reference.adagrad, lr=0.1),
    7: partial(reference.adadelta, lr=1.0),
    8: partial(reference.adam, lr=0.05),
    9: partial(reference.adam, lr=0.05, amsgrad=True),
    11: partial(reference.adamax, lr=0.05),
    12: partial(reference.nadam, lr=0.05),
    13: partial(reference.lion, lr=0.01),
}


def weights(dtype: str = "float32") -> list[Variable]:
    kernel = Variable(np.array([1.0, -2.0]), dtype=dtype, name="kernel")
    bias = Variable(np.array([[0.5]]), dtype=dtype, name="bias")
    kernel.path, bias.path = "dense/kernel", "dense/bias"
    return [kernel, bias]


def _gradients(a: Any, b: Any, t: Any) -> list[Any]:
    slope = jnp.array([2.0, 0.5], a.dtype) * a + jnp.sin((t + jnp.arange(2)).astype(a.dtype))
    return [slope, 3 * b**3 - jnp.cos(t.astype(b.dtype))]


def follow(optimizer: Any, variables: list[Variable], gradients: Callable[..., list[Any]], steps: int) -> list[Any]:
    """The weights after `steps` updates, in a loop on the device: the optimizer's state travels in a run."""
    optimizer.build(variables)
    state = [*variables, *optimizer.variables]

    def step(t: Any, values: list[Any]) -> list[Any]:
        with Run(dict(zip(state, values, strict=True))) as run:
            optimizer.apply(gradients(*values[: len(variables)], t), variables)
            return [run.values[v] for v in state]

    return jax.lax.fori_loop(0, steps, step, [v.concrete() for v in state])[: len(variables)]


def _table(dtype: str) -> list[Any]:
    def table() -> list[Any]:
        return [follow(getattr(optimizers, name)(**kw), weights(dtype), _gradients, 20) for name, kw, _ in KERAS]

    return [np.concatenate([np.ravel(w) for w in row]) for row in compiled(table)()]


@pytest.fixture(scope="module")
def exact_numbers() -> Any:
    config.set_floatx("float64")
    try:
        with jax.enable_x64(True):
            return _table("float64")
    finally:
        config.set_floatx("float32")


@pytest.fixture(scope="module")
def single_numbers() -> Any:
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        return _table("float32")


@pytest.mark.parametrize("number", range(len(KERAS)), ids=[f"{row[0]}{json.dumps(row[1])}" for row in KERAS])
def test_twenty_updates_are_those_of_keras(number: int, exact_numbers: Any, single_numbers: Any) -> None:
    # Keras computes parts of these two in float32.
    near = 1e-6 if KERAS[number][0] in ("Adafactor", "Muon") else 1e-8
    assert exact_numbers[number] == pytest.approx(np.array(KERAS[number][2]), rel=near)
    assert single_numbers[number] == pytest.approx(np.array(KERAS[number][2]), rel=1e-5, abs=1e-6)
    if number in LOOPS:
        path = LOOPS[number](0.5, lambda w, t: 3 * w**3 - math.cos(t), 20)
        assert exact_numbers[number][2] == pytest.approx(path[-1], rel=1e-9)


#: class, arguments, updates: enough for a parabola, and for Rosenbrock's valley as near as given
SOLVES: list[tuple[str, dict[str, Any], float]] = [
    ("SGD", {"learning_rate": 0.001, "momentum": 0.9}, 1e-4),
    ("SGD", {"learning_rate": 0.0005, "momentum": 0.9, "nesterov": True}, 1e-3),
    ("RMSprop", {"learning_rate": 0.002}, 0.02),
    ("Adagrad", {"learning_rate": 0.5}, 0.03),
    ("Adadelta", {"learning_rate": 1.0}, 0.5),
    ("Adam", {"learning_rate": 0.02}, 1e-3),
    ("AdamW", {"learning_rate": 0.02, "weight_decay": 1e-4}, 2e-3),
    ("Adamax", {"learning_rate": 0.02}, 0.01),
    ("Nadam", {"learning_rate": 0.02}, 0.01),
    ("Lion", {"learning_rate": 0.001}, 0.01),
]


def _valleys(parabola: Any, rosenbrock: Any, t: Any) -> list[Any]:
    x, y = rosenbrock
    steep = jnp.stack([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
    return [2 * parabola * jnp.array([1.0, 10.0]), steep]


@pytest.fixture(scope="module")
def solutions() -> list[Any]:
    def table() -> list[Any]:
        def start() -> list[Variable]:
            return [Variable(np.array([1.0, -1.0]), name="parabola"), Variable(np.array([0.0, 0.5]), name="rosenbrock")]

        return [follow(getattr(optimizers, name)(**kw), start(), _valleys, 4000) for name, kw, _ in SOLVES]

    return compiled(table)()


@pytest.mark.parametrize("number", range(len(SOLVES)), ids=[row[0] for row in SOLVES])
def test_solves_parabola_and_rosenbrock(number: int, solutions: list[Any]) -> None:
    parabola, rosenbrock = solutions[number]
    assert np.abs(parabola).max() < 0.02
    assert np.abs(rosenbrock - 1).max() < SOLVES[number][2]


def _step(optimizer: Any, gradient: float = 1.0) -> float:
    variable = Variable(np.array([1.0]), name="w")
    optimizer.apply([np.array([gradient])], [variable])
    return float(variable.numpy()[0])


def test_variables_lie_in_keras_order() -> None:
    names = ["adam/iteration", "adam/learning_rate"]
    names += ["adam/dense_kernel_momentum", "adam/dense_kernel_velocity"]
    names += ["adam/dense_bias_momentum", "adam/dense_bias_velocity"]
    adam = optimizers.Adam(amsgrad=True)
    adam.build(weights())
    adam.build(weights())
    hats = ["adam/dense_kernel_velocity_hat", "adam/dense_bias_velocity_hat"]
    assert [v.path for v in adam.variables] == names + hats
    rms = optimizers.RMSprop(momentum=0.5, centered=True)
    rms.build(weights()[:1])
    slots = [v.path for v in rms.variables[2:]]
    assert slots == [f"rm_sprop/dense_kernel_{name}" for name in ("velocity", "momentum", "average_gradient")]
    nadam = optimizers.Nadam(name="mine")
    nadam.build(weights()[:1])
    assert [v.path for v in nadam.variables][-1] == "mine/u_product"
    assert adam.iterations.dtype == "int32" and not any(v.trainable for v in adam.variables)


def test_an_update_inside_a_run_is_its_result() -> None:
    variables, sgd = weights(), optimizers.SGD(0.5)
    with Run() as run:
        sgd.apply([np.ones(2), np.ones((1, 1))], variables)
    assert {v.path for v in run.updates} == {"dense/kernel", "dense/bias", "sgd/iteration"}
    assert run.updates[variables[0]].tolist() == [0.5, -2.5] and variables[0].numpy().tolist() == [1, -2]
    assert sgd.iterations.numpy() == 0


def test_eager_updates_count_and_change() -> None:
    variables, sgd = weights(), optimizers.SGD(0.5)
    sgd.apply_gradients(zip([np.ones(2), None], variables, strict=True))
    sgd.apply([np.ones(2), np.ones((1, 1))])
    assert variables[0].numpy().tolist() == [0, -3] and variables[1].numpy().tolist() == [[0]]
    assert sgd.iterations.numpy() == 2


def test_constraints_hold_after_the_update() -> None:
    variable = Variable(np.array([0.5, 3.0]), name="w")
    variable.constraint = constraints.NonNeg()
    optimizers.SGD(1.0).apply([np.array([1.0, 1.0])], [variable])
    assert variable.numpy().tolist() == [0, 2]


#: arguments -> what two gradients, 3 and 4, become
CLIPPED: list[tuple[dict[str, Any], list[float]]] = [
    ({"clipnorm": 1.0}, [1.0, 1.0]),
    ({"global_clipnorm": 1.0}, [0.6, 0.8]),
    ({"global_clipnorm": 10.0}, [3.0, 4.0]),
    ({"clipvalue": 0.5}, [0.5, 0.5]),
    ({"global_clipnorm": 1.0, "clipvalue": 0.7}, [0.6, 0.7]),
]


@pytest.mark.parametrize(("options", "expected"), CLIPPED)
def test_gradients_are_clipped(options: dict[str, Any], expected: list[float]) -> None:
    variables = [Variable(np.zeros(1), name="a"), Variable(np.zeros(1), name="b")]
    optimizers.SGD(1.0, **options).apply([np.array([3.0]), np.array([4.0])], variables)
    assert [-float(v.numpy()[0]) for v in variables] == pytest.approx(expected)


def test_weight_decay_passes_over_excluded_variables() -> None:
    variables, sgd = weights(), optimizers.SGD(0.1, weight_decay=1.0)
    sgd.exclude_from_weight_decay(var_names=["bias"])
    sgd.apply([np.zeros(2), np.zeros((1, 1))], variables)
    assert variables[0].numpy() == pytest.approx(np.array([0.9, -1.8])) and variables[1].numpy() == 0.5


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_some_variables_learn_faster_and_decay_as_before(kind: str) -> None:
    def after(rate: float, factor: float) -> list[Any]:
        settings = {"momentum": 0.9, "nesterov": True} if kind == "sgd" else {"epsilon": 0.5}
        one = optimizers.get({"class_name": kind, "config": {"learning_rate": rate, **settings}})
        one.multiply_learning_rate(factor, var_names=["bias"])
        variables = weights()
        for g in (0.5, -2.0, 1.0):
            one.apply([np.full(2, g), np.full((1, 1), g)], variables)
        return [v.numpy() for v in variables]

    plain, faster, all_faster = after(0.1, 1.0), after(0.1, 8.0), after(0.8, 1.0)
    for mine, expected in zip(faster, [plain[0], all_faster[1]], strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-5)
    variables, sgd = weights(), optimizers.SGD(0.1, weight_decay=1.0)
    sgd.multiply_learning_rate(64, [variables[0]])
    sgd.apply([np.zeros(2), np.zeros((1, 1))], variables)
    assert variables[0].numpy() == pytest.approx(np.array([0.9, -1.8]))
    with pytest.raises(InvalidValue, match=r"`factor` must be a number >= 0. Got -1"):
        sgd.multiply_learning_rate(-1)


def test_the_learning_rate_can_be_set_and_has_its_old_name() -> None:
    sgd = optimizers.SGD(0.5)
    assert sgd.learning_rate is sgd.lr and float(sgd.lr) == 0.5 and _step(sgd) == 0.5
    sgd = optimizers.SGD(0.5)
    sgd.lr = 0.25
    assert _step(sgd) == 0.75 and sgd.get_config()["learning_rate"] == 0.25
    sgd.learning_rate = schedules.InverseTimeDecay(1.0, 1, 1.0)
    assert float(sgd.learning_rate) == 0.5 and sgd.variables[0] is sgd.iterations
    with pytest.raises(InvalidType, match=r"sgd: the learning rate follows InverseTimeDecay.* Set another schedule"):
        sgd.learning_rate = 0.1


def test_a_schedule_is_followed_by_the_count_of_updates() -> None:
    sgd = optimizers.SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    variable = Variable(np.array([1.0]), name="w")
    for expected in (0.5, 0.25, 0.0):
        sgd.apply([np.ones(1)], [variable])
        assert variable.numpy() == expected


def test_state_can_be_taken_over() -> None:
    gradients = [[np.array([0.5, -1.0]) * t, np.full((1, 1), 0.1 * t)] for t in range(1, 5)]
    straight, variables = optimizers.Adam(0.1), weights()
    for pair in gradients:
        straight.apply(pair, variables)
    first, halfway = optimizers.Adam(0.1), weights()
    for pair in gradients[:2]:
        first.apply(pair, halfway)
    second = optimizers.Adam.from_config(first.get_config())
    second.build(halfway)
    for mine, other in zip(second.variables, first.variables, strict=True):
        mine.assign(other.numpy())
    for pair in gradients[2:]:
        second.apply(pair, halfway)
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(variables, halfway, strict=True))


@pytest.mark.parametrize("row", KERAS, ids=[f"{row[0]}{json.dumps(row[1])}" for row in KERAS])
def test_configurations_rebuild(row: Any) -> None:
    optimizer = getattr(optimizers, row[0])(**row[1])
    written = optimizers.serialize(optimizer)
    assert json.loads(json.dumps(written)) == written and written["module"] == "keras.optimizers"
    again = optimizers.deserialize(written)
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()


def test_configurations_hold_schedules_and_older_formulas() -> None:
    optimizer = optimizers.Adagrad(schedules.CosineDecay(0.1, 10), epsilon_outside=True)
    written = optimizer.get_config()
    assert written["learning_rate"]["module"] == "keras.optimizers.schedules" and written["epsilon_outside"] is True
    assert optimizers.Adagrad.from_config(written).get_config() == written
    assert "epsilon_outside" not in optimizers.Adagrad().get_config()


@pytest.mark.parametrize(("name", "options", "expected"), MATRICES, ids=[row[0] for row in MATRICES])
def test_rules_that_look_at_a_whole_matrix_are_those_of_keras(
    name: str, options: dict[str, Any], expected: list[float]
) -> None:
    def slope(w: Any, t: Any) -> list[Any]:
        return [w + jnp.sin((t + jnp.arange(6).reshape(2, 3)).astype(w.dtype))]

    kernel = Variable(np.arange(6).reshape(2, 3) / 3 - 0.8, name="kernel", dtype="float32")
    found = compiled(lambda: follow(getattr(optimizers, name)(**options), [kernel], slope, 20))()
    assert np.ravel(found[0]) == pytest.approx(expected, rel=2e-4)


def test_a_loss_scale_grows_and_shrinks_as_in_keras() -> None:
    """The numbers are those of Keras 3.15.1: gradients 2 and 6 are infinite."""
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1, momentum=0.5), 8.0, dynamic_growth_steps=3)
    w = Variable(np.array([1.0]), name="w")
    seen = []
    for step in range(9):
        optimizer.build([w])
        gradient = jnp.full(1, jnp.inf) if step in (2, 6) else optimizer.scale_loss(w.value)
        optimizer.apply([gradient], [w])
        seen.append((float(w.numpy()[0]), float(optimizer.dynamic_scale.numpy())))
    weights = [0.9, 0.76, 0.76, 0.614, 0.4796, 0.36444, 0.36444, 0.270416, 0.1963624]
    assert [pair[0] for pair in seen] == pytest.approx(weights, rel=1e-5)
    assert [pair[1] for pair in seen] == [8, 8, 4, 4, 4, 8, 4, 4, 4]
    assert [v.path for v in optimizer.variables] == [
        "loss_scale_optimizer/iteration", "loss_scale_optimizer/learning_rate", "loss_scale_optimizer/step_counter",
        "loss_scale_optimizer/dynamic_scale", "sgd/iteration", "sgd/learning_rate", "sgd/w_momentum",
    ]  # fmt: skip
    optimizer.learning_rate = 0.5
    assert float(optimizer.inner_optimizer.learning_rate) == 0.5
    again = optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(optimizer))))
    assert again.get_config() == optimizer.get_config()
    with pytest.raises(InvalidCall, match="belong to the `inner_optimizer`"):
        optimizers.LossScaleOptimizer("sgd", clipnorm=2.0)


def test_the_state_is_handed_out_and_taken_back() -> None:
    one, other = optimizers.Adam(0.1), optimizers.Adam(0.1)
    a, b = weights(), weights()
    gradients = [np.ones(2), np.ones((1, 1))]
    for _ in range(2):
        one.apply(gradients, a)
    other.build(b)
    other.set_weights(one.get_weights())
    for variable, value in zip(b, a, strict=True):
        variable.assign(value)
    one.apply(gradients, a)
    other.apply(gradients, b)
    for variable, value in zip(b, a, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value.numpy())
    with pytest.raises(InvalidValue, match="`weights` must be a list of 6 arrays"):
        other.set_weights([])


def test_what_keras_writes_is_read() -> None:
    idle = {"use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None, "loss_scale_factor": None}
    assert optimizers.SGD.from_config({"learning_rate": 0.5, **idle}).get_config()["learning_rate"] == 0.5
    assert optimizers.SGD.from_config({**idle, "use_ema": True}).use_ema is True


def test_names_are_found_in_any_case() -> None:
    assert type(optimizers.get("RMSPROP")) is type(optimizers.get("rmsprop")) is optimizers.RMSprop
    assert type(optimizers.get(optimizers.Adam)) is optimizers.Adam and optimizers.get(None) is None
    message = r"^optimizers: optimizer 'adm' is not known \(Adadelta, .*SGD\)\. Did you mean 'Adam'\?"
    with pytest.raises(UnknownName, match=message):
        optimizers.get("adm")


VIOLATIONS = [
    (optimizers.SGD, {"learning_rate": -1}, "SGD: `learning_rate` must be a number >= 0, or a schedule. Got -1."),
    (optimizers.SGD, {"momentum": 2}, "SGD: `momentum` must be a number >= 0 and <= 1. Got 2."),
    (optimizers.Adam, {"beta_1": 1}, "Adam: `beta_1` must be a number >= 0 and < 1. Got 1."),
    (optimizers.RMSprop, {"centered": "no"}, "RMSprop: `centered` must be True or False. Got 'no'."),
    (optimizers.Adam, {"clipnorm": 0}, "`clipnorm` must be a number > 0 or None. Got 0."),
]


@pytest.mark.parametrize(("kind", "options", "message"), VIOLATIONS)
def test_violations_say_what_is_allowed(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue) as error:
        kind(**options)
    assert message in str(error.value)


def test_unknown_arguments_are_listed() -> None:
    with pytest.raises(InvalidType, match=r"^Adam: the argument 'lr' is not known \(learning_rate, beta_1, "):
        optimizers.Adam(lr=0.1)


def test_strangers_are_refused() -> None:
    sgd = optimizers.SGD()
    sgd.build(weights())
    with pytest.raises(InvalidValue, match=r"sgd: it was not built for <Variable .*Make a new optimizer"):
        sgd.apply([np.ones(1)], [Variable(np.ones(1), name="other")])
    with pytest.raises(InvalidValue, match=r"sgd: `grads` must be one per weight, 2 here\. Got 1\."):
        sgd.apply([np.ones(2)])
    with pytest.raises(NotImplementedError, match="define rule"):
        optimizers.Optimizer().apply([np.ones(2)], weights()[:1])


def test_optax_transformations_are_optimizers() -> None:
    made = optimizers.get(optax.inject_hyperparams(optax.adam)(0.05))
    assert isinstance(made, optimizers.OptaxOptimizer) and optimizers.get(made) is made
    found = follow(made, weights(), _gradients, 20)
    ours = follow(optimizers.Adam(0.05, epsilon=1e-8), weights(), _gradients, 20)
    assert all(np.asarray(a) == pytest.approx(np.asarray(b), rel=1e-5) for a, b in zip(found, ours, strict=True))
    assert float(made.learning_rate) == pytest.approx(0.05)
    assert all(v.path.startswith("optax/") for v in made.variables)
    with pytest.raises(InvalidCall, match="cannot be written down"):
        made.get_config()
    assert repr(made).startswith("OptaxOptimizer(")


def test_optax_leaves_weights_without_gradient_and_obeys_constraints() -> None:
    variables, made = weights(), optimizers.get(optax.sgd(3.0))
    variables[0].constraint = constraints.NonNeg()
    made.apply([np.ones(2), None], variables)
    assert variables[0].numpy().tolist() == [0, 0] and variables[1].numpy() == 0.5 and made.iterations.numpy() == 1
