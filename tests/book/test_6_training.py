"""Book chapter 6: initial weights, and preparing data with statistics of the training set only."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerato import backend as K
from kerato import initializers, layers
from kerato.layers import Input
from kerato.models import Sequential
from kerato.preprocessing.arrays import PCA, Center, Scale, Standardize, Whiten

ROOT = Path(__file__).parents[2]
GENERATOR = np.random.default_rng(0)
TRAIN = GENERATOR.normal(3, 2, (200, 6)) @ GENERATOR.normal(size=(6, 6))
TEST = GENERATOR.normal(-5, 9, (50, 6))
PICTURES = GENERATOR.integers(0, 256, (30, 4, 5, 3)).astype("uint8")


def test_row_6_1_01_zeros_keep_hidden_units_identical() -> None:
    x, y = GENERATOR.normal(size=(64, 4)), GENERATOR.integers(0, 2, 64)

    def hidden(initializer: str) -> Any:
        first = layers.Dense(5, activation="sigmoid", kernel_initializer=initializer)
        last = layers.Dense(1, activation="sigmoid", kernel_initializer=initializer)
        model = Sequential([Input((4,)), first, last])
        model.compile("adam", "binary_crossentropy")
        model.fit(x, y, epochs=5, verbose=0)
        return first.kernel.numpy()

    assert np.ptp(hidden("zeros"), axis=1).max() == 0
    assert np.abs(hidden("zeros")).max() > 0
    assert np.ptp(hidden("glorot_uniform"), axis=1).min() > 0.1


def variances(activation: str, initializer: Any, count: int = 10, width: int = 400) -> np.ndarray[Any, Any]:
    """The mean square of what each of several equal layers gives for normal inputs."""
    x = y = Input((width,))
    values = []
    for _ in range(count):
        y = layers.Dense(width, activation=activation, kernel_initializer=initializer)(y)
        values.append(K.mean(K.square(y)))
    return np.array(K.function([x], values)([np.random.default_rng(1).normal(size=(100, width))]), float)


@pytest.mark.parametrize(
    ("activation", "initializer", "low", "high"),
    [
        pytest.param("relu", "he_normal", 0.5, 2, id="he"),
        pytest.param("relu", "he_uniform", 0.5, 2, id="he_uniform"),
        pytest.param("linear", "glorot_normal", 0.5, 2, id="glorot"),
        pytest.param("linear", "lecun_uniform", 0.5, 2, id="lecun"),
    ],
)
def test_row_6_1_02_calibrated_weights_keep_the_size_of_signals(
    activation: str, initializer: str, low: float, high: float
) -> None:
    found = variances(activation, initializer)
    assert low < found.min() <= found.max() < high


def test_row_6_1_02_small_noise_dies_out_and_tanh_with_glorot_does_not() -> None:
    small = variances("tanh", initializers.RandomNormal(stddev=0.01))
    assert small[-1] < 1e-10
    glorot = variances("tanh", "glorot_normal")
    assert 0.05 < glorot[-1] < glorot[0] < 1


def test_row_6_1_02_sparse_weights_connect_each_unit_to_a_few() -> None:
    kernel = initializers.Sparse(connections=10, stddev=0.5, seed=1)((300, 200), "float32")
    assert ((kernel != 0).sum(0) == 10).all()
    assert kernel[kernel != 0].std() == pytest.approx(0.5, rel=0.05)
    assert len({tuple(np.flatnonzero(column)) for column in kernel.T}) == 200
    few = initializers.get("sparse")((4, 3))
    assert (few != 0).all()
    layer = layers.Dense(3, kernel_initializer=initializers.Sparse(2), bias_initializer=initializers.Constant(0.01))
    layer.build((None, 8))
    assert ((layer.kernel.numpy() != 0).sum(0) == 2).all()
    np.testing.assert_allclose(layer.bias.numpy(), 0.01)


def test_row_6_1_03_batch_normalisation_mends_badly_chosen_weights() -> None:
    x = np.random.default_rng(2).normal(5, 3, (256, 50)).astype("float32")
    bad = {"kernel_initializer": initializers.RandomNormal(stddev=0.01), "use_bias": False}
    norm = layers.BatchNormalization(momentum=0.0)
    model = Sequential([Input((50,)), layers.Dense(20, **bad), norm])
    found = np.asarray(model(x, training=True))
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(found.var(0), (v := (x @ model.get_weights()[0]).var(0)) / (v + 1e-3), rtol=1e-3)
    np.testing.assert_allclose(np.asarray(model(x)), found, atol=1e-3)  # the moving statistics are those of the batch


@pytest.mark.parametrize(
    ("per", "axes"),
    [
        pytest.param("feature", 0, id="row_6_2_01-feature"),
        pytest.param("channel", (0, 1, 2), id="row_6_2_01-channel"),
        pytest.param("scalar", None, id="row_6_2_01-scalar"),
    ],
)
def test_means_are_subtracted(per: str, axes: Any) -> None:
    found = Center(per).fit_transform(PICTURES.astype("float64"))
    np.testing.assert_allclose(found.mean(axes), 0, atol=1e-6)
    np.testing.assert_allclose(found, PICTURES - PICTURES.mean(axes, keepdims=True), atol=1e-9)
    assert Center(per).fit_transform(PICTURES).dtype == "float32"


def test_row_6_2_02_deviations_become_1_and_ranges_exact() -> None:
    found = Standardize().fit_transform(TRAIN)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(0), 1, rtol=1e-9)
    scaled = Scale().fit_transform(TRAIN)
    np.testing.assert_allclose([scaled.min(0), scaled.max(0)], [[-1] * 6, [1] * 6], atol=1e-12)
    whole = Scale(0, 1, per="scalar").fit(PICTURES)
    np.testing.assert_allclose(whole.transform(PICTURES), (PICTURES - 0.0) / 255, atol=1e-6)
    np.testing.assert_allclose(Standardize().fit_transform(np.full((4, 2), 1e9 + 0.1)), 0)
    for made in (Center(), Standardize("channel"), Scale(0, 3)):
        np.testing.assert_allclose(made.fit(TRAIN).inverse(made.transform(TEST)), TEST, rtol=1e-9)


def test_row_6_2_03_components_are_uncorrelated_and_keep_the_variance_they_say() -> None:
    eigenvalues = np.linalg.eigvalsh(np.cov(TRAIN.T, bias=True))[::-1]
    pca = PCA().fit(TRAIN)
    covariance = np.cov(pca.transform(TRAIN).T, bias=True)
    np.testing.assert_allclose(covariance, np.diag(eigenvalues), atol=1e-9 * eigenvalues[0])
    np.testing.assert_allclose(pca.inverse(pca.transform(TEST)), TEST, rtol=1e-9)
    two = PCA(2).fit(TRAIN)
    assert two.transform(TEST).shape == (50, 2)
    assert two.kept == pytest.approx(eigenvalues[:2].sum() / eigenvalues.sum())
    share = PCA(0.9).fit(TRAIN)
    count = len(share.variances)
    assert share.kept >= 0.9 > eigenvalues[: count - 1].sum() / eigenvalues.sum()
    assert PCA(5).fit(PICTURES).transform(PICTURES).shape == (30, 5)
    assert PCA(5).fit(PICTURES).inverse(np.zeros((1, 5))).shape == (1, 4, 5, 3)


def test_row_6_2_04_whitened_data_has_the_identity_as_covariance() -> None:
    for zca in (False, True):
        white = Whiten(epsilon=0, zca=zca).fit(TRAIN)
        found = white.transform(TRAIN)
        np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(6), atol=1e-9)
        np.testing.assert_allclose(white.inverse(white.transform(TEST)), TEST, rtol=1e-8)
    # ZCA is the symmetric root: of all whitenings, the nearest to the data.
    values, vectors = np.linalg.eigh(np.cov(TRAIN.T, bias=True))
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    np.testing.assert_allclose(found, (TRAIN - TRAIN.mean(0)) @ root, atol=1e-9)
    assert Whiten(zca=True).fit_transform(PICTURES).shape == PICTURES.shape


@pytest.mark.parametrize("made", [Center(), Standardize(), Scale(), PCA(3), Whiten()], ids=lambda m: type(m).__name__)
def test_row_6_2_05_statistics_are_the_training_set_s(made: Any) -> None:
    made.fit(TRAIN)
    together = made.transform(np.concatenate([TEST, TRAIN]))
    np.testing.assert_allclose(together[:50], made.transform(TEST), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(made.transform(TEST[:1]), together[:1], rtol=1e-9, atol=1e-12)
    assert np.abs(made.transform(TEST).mean(0)).max() > 0.1
    assert type(made).from_config(made.get_config()).get_config() == made.get_config()
    with pytest.raises(ValueError, match=r"samples must be of shape \(6,\), as in fit\. Got \(5,\)"):
        made.transform(TEST[:, :5])
    with pytest.raises(RuntimeError, match=r"there are no statistics yet\. Call fit\(x_train\) first"):
        type(made)().transform(TEST)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scale(1, 0), r"`high` must be above `low`"),
        (lambda: Center("row"), r"`per` must be one of"),
        (lambda: PCA(0), r"`components` must be an int >= 1"),
        (lambda: PCA(7).fit(TRAIN), r"`components` must be at most 6"),
        (lambda: Center().fit(TRAIN[:1]), r"at least two samples"),
        (lambda: Center().fit([[1, np.nan], [0, 1]]), r"`x` must be finite numbers"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("example", ["6_1_initialisation", "6_2_preprocessing"])
def test_the_examples_run(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / f"{example}.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) > 5
