"""Activations: values of Keras 3.15.1, shapes of arguments, names."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import compiled

from kerato import activations
from kerato.errors import UnknownName
from kerato.graph import Tensor, evaluate

X = [-3.0, -1.0, 0.0, 1.0, 3.0]

#: activation, arguments, Keras 3.15.1's values at X (float32)
KERAS: list[tuple[str, dict[str, Any], list[float]]] = [
    ("linear", {}, [-3.0, -1.0, 0.0, 1.0, 3.0]),
    ("relu", {}, [0.0, 0.0, 0.0, 1.0, 3.0]),
    ("leaky_relu", {}, [-0.6, -0.2, 0.0, 1.0, 3.0]),
    ("relu6", {}, [0.0, 0.0, 0.0, 1.0, 3.0]),
    ("elu", {}, [-0.950213, -0.6321205, 0.0, 1.0, 3.0]),
    ("celu", {}, [-0.950213, -0.6321205, 0.0, 1.0, 3.0]),
    ("selu", {}, [-1.670569, -1.111331, 0.0, 1.050701, 3.152103]),
    ("softplus", {}, [0.04858735, 0.3132617, 0.6931472, 1.313262, 3.048587]),
    ("softsign", {}, [-0.75, -0.5, 0.0, 0.5, 0.75]),
    ("tanh", {}, [-0.9950547, -0.7615942, 0.0, 0.7615942, 0.9950547]),
    ("hard_tanh", {}, [-1.0, -1.0, 0.0, 1.0, 1.0]),
    ("sigmoid", {}, [0.04742587, 0.2689414, 0.5, 0.7310586, 0.9525741]),
    ("log_sigmoid", {}, [-3.048587, -1.313262, -0.6931472, -0.3132617, -0.04858735]),
    ("hard_sigmoid", {}, [0.0, 0.3333333, 0.5, 0.6666667, 1.0]),
    ("exponential", {}, [0.04978707, 0.3678795, 1.0, 2.718282, 20.08554]),
    ("softmax", {}, [0.002055492, 0.01518815, 0.04128566, 0.1122261, 0.8292446]),
    ("log_softmax", {}, [-6.18724, -4.18724, -3.18724, -2.18724, -0.1872401]),
    ("gelu", {}, [-0.004049696, -0.1586553, 0.0, 0.8413447, 2.99595]),
    ("silu", {}, [-0.1422776, -0.2689414, 0.0, 0.7310586, 2.857722]),
    ("hard_silu", {}, [0.0, -0.3333333, 0.0, 0.6666667, 3.0]),
    ("mish", {}, [-0.1456475, -0.3034014, 0.0, 0.8650985, 2.986536]),
    ("hard_shrink", {}, [-3.0, -1.0, 0.0, 1.0, 3.0]),
    ("hard_shrink", {"threshold": 2.0}, [-3.0, 0.0, 0.0, 0.0, 3.0]),
    ("soft_shrink", {}, [-2.5, -0.5, 0.0, 0.5, 2.5]),
    ("tanh_shrink", {}, [-2.004945, -0.2384058, 0.0, 0.2384058, 2.004945]),
    ("sparse_plus", {}, [0.0, 0.0, 0.25, 1.0, 3.0]),
    ("sparse_sigmoid", {}, [0.0, 0.0, 0.5, 1.0, 1.0]),
    ("squareplus", {}, [0.3027756, 0.618034, 1.0, 1.618034, 3.302776]),
    ("relu", {"negative_slope": 0.1}, [-0.3, -0.1, 0.0, 1.0, 3.0]),
    ("relu", {"max_value": 2.0}, [0.0, 0.0, 0.0, 1.0, 2.0]),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}, [-0.35, -0.15, -0.05, 1.0, 2.0]),
    ("leaky_relu", {"negative_slope": 0.3}, [-0.9, -0.3, 0.0, 1.0, 3.0]),
    ("elu", {"alpha": 0.5}, [-0.4751065, -0.3160603, 0.0, 1.0, 3.0]),
    ("celu", {"alpha": 0.5}, [-0.4987606, -0.4323324, 0.0, 1.0, 3.0]),
    ("gelu", {"approximate": True}, [-0.003637344, -0.158808, 0.0, 0.841192, 2.996363]),
]


@pytest.fixture(scope="module")
def numbers() -> list[Any]:
    def table(x: Any) -> list[Any]:
        return [getattr(activations, name)(x, **options) for name, options, _ in KERAS]

    with jax.numpy_dtype_promotion("strict"):
        return compiled(table)(np.array(X, "float32"))


@pytest.mark.parametrize("number", range(len(KERAS)), ids=[f"{row[0]}{row[1]}" for row in KERAS])
def test_value_is_keras_number(number: int, numbers: list[Any]) -> None:
    assert np.asarray(numbers[number]) == pytest.approx(np.array(KERAS[number][2]), rel=1e-5, abs=3e-7)


def test_the_old_hard_sigmoid_has_its_own_name() -> None:
    x = np.array(X, "float32")
    assert np.asarray(activations.hard_sigmoid_02(x)) == pytest.approx(np.array([0, 0.3, 0.5, 0.7, 1]))
    assert activations.serialize(activations.get("hard_sigmoid_02")) == "hard_sigmoid_02"


def test_lenet_5_s_tanh_is_1_at_1() -> None:
    x = np.array([-1, 0, 1], "float32")
    assert np.asarray(activations.scaled_tanh(x)) == pytest.approx(x, abs=1e-4)
    assert np.asarray(activations.scaled_tanh(x * 50)) == pytest.approx(1.7159 * x)


def test_every_activation_takes_symbolic_tensors() -> None:
    x = Tensor((None, 5), "float32")
    made = {name: activations.get(name)(x) for name in activations.FAMILY.members}
    assert all(y.shape == (None, 5) for y in made.values())
    values = compiled(lambda a: evaluate(list(made.values()), {x: a}).outputs)(np.array([X], "float32"))
    for name, value in zip(made, values, strict=True):
        expected = next((row[2] for row in KERAS if row[0] == name and not row[1]), None)
        assert expected is None or np.asarray(value)[0] == pytest.approx(np.array(expected), rel=1e-5, abs=3e-7)


def test_large_values_stay_finite() -> None:
    x = jnp.array([[-1000.0, 1000.0, 0.0]])
    assert activations.softmax(x).tolist() == [[0, 1, 0]] and activations.sigmoid(x).tolist() == [[0, 1, 0.5]]
    assert np.isfinite(activations.log_softmax(x)).all() and np.isfinite(activations.softplus(x)).all()


def test_names_and_none() -> None:
    assert activations.get(None) is activations.linear and activations.get("swish") is activations.silu
    assert activations.get(np.tanh) is np.tanh
    for name in [*activations.FAMILY.members, *activations.FAMILY.aliases]:
        function = activations.get(name)
        assert activations.deserialize(activations.serialize(function)) is function
    with pytest.raises(UnknownName, match=r"^activations: activation 'rleu' is not known .* Did you mean 'relu'\?"):
        activations.get("rleu")
