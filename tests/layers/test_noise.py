"""What layers that draw numbers draw: distributions, shapes of masks, seeds, and how activations are learned."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kerato import layers, random
from kerato.graph import evaluate
from kerato.layers import Input
from kerato.models import Sequential

DRAWING = [
    layers.Dropout(0.3),
    layers.GaussianNoise(0.3),
    layers.GaussianDropout(0.3),
    layers.AlphaDropout(0.3),
    layers.RReLU(),
    layers.SpatialDropout2D(0.3),
]


def drawn(layer: Any, x: Any, seed: int = 0) -> np.ndarray[Any, Any]:
    """What a layer makes of `x` in training."""
    given = Input(batch_shape=x.shape)
    return np.asarray(evaluate([layer(given)], {given: jnp.asarray(x)}, training=True, key=random.key(seed)).outputs[0])


ONES = np.ones((200, 500), "float32")


def test_gaussian_noise_is_normal_and_added() -> None:
    noise = drawn(layers.GaussianNoise(2.0), 7 * ONES) - 7
    assert noise.mean() == pytest.approx(0, abs=0.03)
    assert noise.std() == pytest.approx(2, rel=0.01)
    inside = [(np.abs(noise) < 2 * k).mean() for k in (1, 2, 3)]
    assert inside == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.005)


def test_gaussian_dropout_multiplies_by_noise_of_mean_1() -> None:
    factors = drawn(layers.GaussianDropout(0.2), 4 * ONES) / 4
    assert factors.mean() == pytest.approx(1, abs=0.01)
    assert factors.std() == pytest.approx(np.sqrt(0.2 / 0.8), rel=0.01)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(0).normal(size=ONES.shape).astype("float32")
    found = drawn(layers.AlphaDropout(0.25), x)
    assert (found.mean(), found.var()) == (pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.02))
    values, counts = np.unique(np.round(found, 4), return_counts=True)
    limit = -1.0507009873554805 * 1.6732632423543772
    a = (0.75 * (1 + 0.25 * limit**2)) ** -0.5
    assert values[counts.argmax()] == pytest.approx(a * limit - a * limit * 0.25, abs=1e-4)
    assert counts.max() / found.size == pytest.approx(0.25, abs=0.01)


def test_alpha_dropout_s_mask_may_be_shared() -> None:
    found = drawn(layers.AlphaDropout(0.5, noise_shape=(None, 1)), np.ones((50, 6), "float32"))
    assert (found == found[:, :1]).all()
    assert len(np.unique(found)) == 2


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (layers.SpatialDropout1D(0.5), (4, 7, 20), 1),
        (layers.SpatialDropout2D(0.5), (4, 3, 5, 20), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first"), (4, 20, 3, 5), (2, 3)),
        (layers.SpatialDropout3D(0.5), (4, 2, 3, 2, 20), (1, 2, 3)),
        (layers.SpatialDropout3D(0.5, data_format="channels_first"), (4, 20, 2, 3, 2), (2, 3, 4)),
    ],
)
def test_spatial_dropout_drops_whole_maps(layer: Any, shape: tuple[int, ...], axes: Any) -> None:
    found = drawn(layer, np.ones(shape, "float32"))
    assert (found.min(axes) == found.max(axes)).all()
    assert set(np.unique(found)) == {0, 2}
    assert len({tuple(sample) for sample in found.min(axes)}) == 4


def test_rrelu_draws_slopes_of_its_interval_and_tests_with_their_mean() -> None:
    layer = layers.RReLU()
    slopes = drawn(layer, -ONES) * -1
    assert 1 / 8 <= slopes.min() < 0.126
    assert 0.332 < slopes.max() <= np.float32(1 / 3)
    assert slopes.mean() == pytest.approx(11 / 48, rel=0.01)
    assert slopes.std() == pytest.approx((1 / 3 - 1 / 8) / np.sqrt(12), rel=0.01)
    assert (drawn(layer, ONES) == 1).all()
    np.testing.assert_allclose(layer(-ONES), -11 / 48, rtol=1e-6)


@pytest.mark.parametrize("layer", DRAWING, ids=lambda layer: type(layer).__name__)
def test_draws_follow_key_seed_and_place(layer: Any) -> None:
    x = -np.ones((3, 4, 4, 8), "float32")

    def made(seed: int | None, key: int) -> Any:
        return drawn(type(layer).from_config({**layer.get_config(), "name": "it", "seed": seed}), x, key)

    first, again, other = made(None, 1), made(None, 1), made(None, 2)
    assert (first == again).all()
    assert (first != other).any()
    assert (made(3, 1) == made(3, 1)).all()
    assert (made(3, 1) != made(4, 1)).any()
    given = Input(batch_shape=x.shape)
    pair = evaluate([layer(given), layer(given)], {given: jnp.asarray(x)}, training=True, key=random.key(0)).outputs
    assert (np.asarray(pair[0]) != np.asarray(pair[1])).any()
    assert (np.asarray(layer(x)) == np.asarray(layer(x))).all()


def test_prelu_learns_its_slopes() -> None:
    layer = layers.PReLU(shared_axes=1)
    model = Sequential([Input((5, 2)), layer])
    model.compile("sgd", "mse")
    x = -np.ones((4, 5, 2), "float32")
    model.fit(x, 0.5 * x, epochs=2, verbose=0)
    assert layer.alpha.shape == (1, 2)
    # error alpha - 0.5; the mean over 2 values: alpha += 0.01 * (0.5 - alpha)
    np.testing.assert_allclose(layer.alpha.numpy(), 0.5 * (1 - 0.99**2), rtol=1e-5)


def test_activity_is_penalised_per_sample() -> None:
    model = Sequential([Input((2,)), layers.ActivityRegularization(l1=0.1, l2=0.01)])
    model.compile("sgd", "mse")
    x = np.float32([[1, -2], [3, 0]])
    assert model.evaluate(x, x, verbose=0) == pytest.approx((0.1 * 6 + 0.01 * 14) / 2)


def test_einsum_dense_draws_by_the_fans_of_its_equation() -> None:
    layer = layers.EinsumDense("abc,cde->abde", (None, 8, 25), kernel_initializer="he_normal")
    layer.build((None, 4, 50))
    assert layer.kernel.numpy().std() == pytest.approx(np.sqrt(2 / 50), rel=0.03)
    assert layer.bias is None
    assert layer(np.ones((2, 4, 50), "float32")).shape == (2, 4, 8, 25)
