"""Every method of explaining against its formula, written out in float64 loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import see_reference as reference

import kerato
from kerato import layers, random, see

N, SIDE = 2, 6
TARGETS = np.array([0, 2])


@pytest.fixture(scope="module")
def model() -> Any:
    kerato.set_random_seed(3)
    net = kerato.Sequential(
        [
            layers.Input((SIDE, SIDE, 2)),
            layers.Conv2D(3, 3, padding="same", activation="relu", name="first"),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="last"),
            layers.Flatten(),
            layers.Dense(5, activation="tanh"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    draws = np.random.default_rng(0)
    net.set_weights([(0.4 * draws.normal(size=w.shape)).astype("float32") for w in net.get_weights()])
    return net


@pytest.fixture(scope="module")
def net(model: Any) -> reference.Net:
    return reference.Net(model.get_weights())


X = np.random.default_rng(1).random((N, SIDE, SIDE, 2)).astype("float32")


def raw(model: Any, method: str, **options: Any) -> Any:
    return see.explain(model, X, TARGETS, method, trust=False, **options).raw


def pairs() -> list[tuple[Any, int]]:
    return [(x.astype("float64"), int(t)) for x, t in zip(X, TARGETS, strict=True)]


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=1e-5)
    assert np.abs(np.asarray(wanted)).max() > 1e-3, "a map of zeros proves nothing"


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_pp", "layer_cam"])
def test_methods_of_a_layer(model: Any, net: reference.Net, method: str) -> None:
    wanted = []
    for x, target in pairs():
        a = net.last(x)
        g = reference.differences(lambda value, t=target: net.tail(value, t), a)
        wanted.append(getattr(reference, method)(a, g))
    close(raw(model, method), wanted)


def test_activation_is_the_mean_of_the_channels(model: Any, net: reference.Net) -> None:
    close(raw(model, "activation", layer="first"), [net.first(x).mean(-1) for x, _ in pairs()])


def test_methods_of_the_picture(model: Any, net: reference.Net) -> None:
    slopes = [reference.differences(lambda p, t=t: net.score(p, t), x) for x, t in pairs()]
    close(slopes, [net.back(x, t, guided=False) for x, t in pairs()])
    close(raw(model, "saliency"), [np.abs(g).max(-1) for g in slopes])
    close(raw(model, "gradient_x_input"), [(x * g).sum(-1) for (x, _), g in zip(pairs(), slopes, strict=True)])


def test_guided_backprop_stops_negative_derivatives_at_every_relu(model: Any, net: reference.Net) -> None:
    wanted = [np.abs(net.back(x, t, guided=True)).max(-1) for x, t in pairs()]
    close(raw(model, "guided_backprop"), wanted)
    assert np.abs(np.subtract(wanted, raw(model, "saliency"))).max() > 1e-2


def test_smooth_grad_is_the_mean_over_noisy_copies(model: Any, net: reference.Net) -> None:
    total = np.zeros(X.shape)
    spread = X.max((1, 2, 3), keepdims=True) - X.min((1, 2, 3), keepdims=True)
    for i in range(3):
        noise = np.asarray(random.normal_from(random.fold(random.key(0), i), X.shape), "float64")
        assert abs(noise.std() - 1) < 0.3
        noisy = X + 0.2 * spread * noise
        total += np.abs([net.back(x, t, guided=False) for x, (_, t) in zip(noisy, pairs(), strict=True)])
    close(raw(model, "smooth_grad", samples=3, noise=0.2), (total / 3).max(-1))


def test_integrated_gradients(model: Any, net: reference.Net) -> None:
    close(
        raw(model, "integrated_gradients", steps=4), [reference.integrated_gradients(net, x, t, 4) for x, t in pairs()]
    )


def test_integrated_gradients_sum_to_the_difference_of_the_output(model: Any, net: reference.Net) -> None:
    found = raw(model, "integrated_gradients").sum((1, 2))
    wanted = [net.score(x, t) - net.score(0 * x, t) for x, t in pairs()]
    np.testing.assert_allclose(found, wanted, rtol=0.01)


@pytest.mark.parametrize(("size", "stride", "value"), [(2, 2, None), (4, 3, 0.0)])
def test_occlusion(model: Any, net: reference.Net, size: int, stride: int, value: float | None) -> None:
    fill = 0.5 if value is None else value
    wanted = [reference.occlusion(net, x, t, size, stride, fill) for x, t in pairs()]
    close(raw(model, "occlusion", size=size, stride=stride, value=value), wanted)


def test_scores_are_those_before_softmax(model: Any, net: reference.Net) -> None:
    found = see.explain(model, X, TARGETS, "saliency", trust=False)
    close(found.scores, [net.score(x, t) for x, t in pairs()])
    assert found.maps.max() == 1
    assert found.maps.min() >= 0


def test_what_does_not_fit_is_said(model: Any) -> None:
    with pytest.raises(ValueError, match=r"method 'grad_can' is not known.*'grad_cam'"):
        see.explain(model, X, method="grad_can")
    with pytest.raises(ValueError, match="saliency has no option 'steps'"):
        see.explain(model, X, method="saliency", steps=3)
    with pytest.raises(ValueError, match=r"layer 'lost' is not known.*'last'"):
        see.explain(model, X, layer="lost")
    with pytest.raises(ValueError, match="`target` must be an int from 0 to 2"):
        see.explain(model, X, 3)
    with pytest.raises(ValueError, match=r"takes inputs of shape \(None, 6, 6, 2\)"):
        see.explain(model, X[:, :5])
    with pytest.raises(ValueError, match=r"gives .*, no map"):
        see.explain(model, X, layer=model.layers[-1])
    with pytest.raises(ValueError, match="attention_rollout needs attention"):
        see.explain(model, X, method="attention_rollout")
    with pytest.raises(TypeError, match="`model` must be a model"):
        see.explain(3, X)
