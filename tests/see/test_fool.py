"""Attacks: limits are kept, DeepFool is the loop of its paper, a curve compiles once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import toy_nets

import kerato
from kerato import layers, see
from kerato.see.lens import lens_of

pytestmark = pytest.mark.slow

EPSILON = 0.05


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    return toy_nets.digits()


@pytest.fixture(scope="module")
def model() -> Any:
    return toy_nets.digit_net()


@pytest.mark.parametrize("method", ["fgsm", "pgd"])
def test_changes_stay_within_epsilon_and_bounds(model: Any, digits: tuple[Any, Any], method: str) -> None:
    x, y = digits
    target = int(y[0] + 1) % 10
    found = see.fool(model, target, x[0], method, EPSILON)
    change = np.abs(found.values - x[0])
    assert change.max() == pytest.approx(EPSILON, abs=1e-5)
    assert found.largest == pytest.approx(change.max(), abs=1e-6)
    assert found.distance == pytest.approx(np.sqrt((change**2).sum()), rel=1e-4)
    assert 0 <= found.values.min() <= found.values.max() <= 1
    assert found.probability > model.predict(x[:1], verbose=0)[0, target]


def test_fgsm_is_one_step_along_the_signs_of_the_gradient(model: Any, digits: tuple[Any, Any]) -> None:
    x = digits[0][:1]

    def logp(p: Any) -> Any:
        return np.log(model.predict(p.astype("float32"), verbose=0)[:, 3])

    steps = 1e-2 * np.eye(64).reshape(64, *x.shape[1:])
    slope = (logp(x + steps) - logp(x - steps)).reshape(x.shape[1:]) / 2e-2
    wanted = np.clip(x[0] + EPSILON * np.sign(slope), 0, 1)
    found = see.fool(model, 3, x[0], "fgsm", EPSILON).values
    clear = np.abs(slope) > 0.05 * np.abs(slope).max()
    np.testing.assert_allclose(found[clear], wanted[clear], atol=1e-6)
    assert clear.mean() > 0.5


def test_deepfool_is_its_loop(digits: tuple[Any, Any]) -> None:
    """On a linear net the way over the border is a formula; on each picture the nearest border is found."""
    draws = np.random.default_rng(0)
    w, b = draws.normal(size=(4, 3)), draws.normal(size=3)
    net = kerato.Sequential([layers.Input((2, 2, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    net.set_weights([w, b])
    x = draws.uniform(0.4, 0.6, (2, 2, 1))
    scores = x.ravel() @ w + b
    for target in {0, 1, 2} - {int(scores.argmax())}:
        p, found = x.ravel().copy(), see.fool(net, target, x, "deepfool", bounds=(-9.0, 9.0))
        while (p @ w + b).argmax() != target:
            f = p @ w + b
            k = f.argmax()
            slope = w[:, target] - w[:, k]
            p += 1.02 * (abs(f[target] - f[k]) + 1e-4) / (slope @ slope) * slope
        np.testing.assert_allclose(found.values.ravel(), p, atol=1e-5)
        assert found.fooled
        assert found.distance < 1


def test_a_robustness_curve_is_compiled_once_and_falls(model: Any, digits: tuple[Any, Any]) -> None:
    x, y = digits[0][:70], digits[1][:70]
    programs = lens_of(model, "see")._programs
    before = set(programs)
    curve = see.robustness(model, x, y, (0.01, 0.03, 0.1, 0.3), steps=5)
    attacks = [programs[key] for key in set(programs) - before if key[0] == "attack"]
    assert len(attacks) == 1
    assert curve.epsilons == (0, 0.01, 0.03, 0.1, 0.3)
    answers = model.predict(x, verbose=0).argmax(1)
    assert curve.accuracy[0] == pytest.approx((answers == y).mean())
    assert (np.diff(curve.accuracy) <= 0).all()
    assert curve.accuracy[-1] < 0.2
    assert 0.01 < curve.halving() < 0.3
    assert curve.counts.sum() == (answers == y).sum()
    assert (curve.success[:, 0] == 0).all()
    kept = sum(n * (1 - share) for n, share in zip(curve.counts, curve.success[:, 3], strict=True))
    assert kept / 70 == pytest.approx(curve.accuracy[3])
    assert curve.as_json()["halving"] == curve.halving()


def test_what_does_not_fit_is_said(model: Any, digits: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="`target_class` must be a number below 10"):
        see.fool(model, 10)
    with pytest.raises(ValueError, match=r"method 'fgms' is not known.*'fgsm'"):
        see.fool(model, 1, method="fgms")
    with pytest.raises(ValueError, match="`epsilon` must be a share"):
        see.fool(model, 1, method="pgd", epsilon=2.0)
    with pytest.raises(ValueError, match="one label per picture and growing epsilons"):
        see.robustness(model, digits[0][:3], digits[1][:2])


def test_every_public_name_is_an_object_whatever_was_imported_before() -> None:
    import types

    for name in see.__all__:
        assert not isinstance(getattr(see, name), types.ModuleType), name
