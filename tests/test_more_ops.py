"""Operations of the families of `kerato.ops`: each against NumPy, SciPy or a plain loop, eagerly and as a shape."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kerato import ops
from kerato.errors import KeratoError
from kerato.graph import Tensor, evaluate

R = np.random.default_rng(0)
X, Y = R.normal(size=(2, 3, 4)).astype("float32")
P = (np.abs(X) + 0.1) / (np.abs(X) + 0.1).sum(1, keepdims=True)
I = np.array([1, 3, 0])
S = (X.T @ X + 2 * np.eye(4)).astype("float32")
PICTURES = R.random((2, 4, 6, 3)).astype("float32")
Q = R.normal(size=(2, 3, 2, 4)).astype("float32")


def softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def windows(x: Any, size: int) -> Any:
    """All windows of pictures, laid out along the channels."""
    rows, columns = x.shape[1] - size + 1, x.shape[2] - size + 1
    cells = [[x[:, i : i + size, j : j + size].reshape(len(x), -1) for j in range(columns)] for i in range(rows)]
    return np.moveaxis(np.array(cells), 2, 0)


SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SLOPES = [
    np.einsum("bhwkc,k->bhwc", windows(np.pad(PICTURES, ((0, 0), (1, 1), (1, 1), (0, 0))), 3).reshape(2, 4, 6, 9, 3), k)
    for k in (SOBEL.T.ravel(), SOBEL.ravel())
]

#: (operation, arguments, options, value); the first argument is also given as a symbolic tensor
CASES: list[tuple[str, list[Any], dict[str, Any], Any]] = [
    ("append", [X, Y], {"axis": 0}, np.append(X, Y, 0)),
    ("array_split", [X, 3], {"axis": 1}, np.array_split(X, 3, 1)),
    ("batch_normalization", [X, Y[0], P[0], 1, X[1], X[2], 0.1], {}, X[2] * (X - Y[0]) / np.sqrt(P[0] + 0.1) + X[1]),
    ("binary_crossentropy", [(X > 0).astype("float32"), P], {}, -np.where(X > 0, np.log(P), np.log(1 - P))),
    ("binary_crossentropy", [(X > 0).astype("float32"), Y], {"from_logits": True},
     -np.log(sigmoid(np.where(X > 0, Y, -Y)))),
    ("categorical_crossentropy", [np.eye(4, dtype="float32")[I], P], {}, -np.log(P[range(3), I])),
    ("cdist", [X, Y], {}, np.linalg.norm(X[:, None] - Y[None], axis=-1)),
    ("depth_to_space", [np.arange(8.0, dtype="float32").reshape(1, 1, 2, 4), 2], {},
     [[[[0], [1], [4], [5]], [[2], [3], [6], [7]]]]),
    ("divide_no_nan", [X, np.float32([0, 1, 2, 0])], {}, X * [0, 1, 0.5, 0]),
    ("dot_product_attention", [Q, Q, Q], {},
     np.einsum("bnts,bsnh->btnh", softmax(np.einsum("btnh,bsnh->bnts", Q, Q) / 2), Q)),
    ("erfc", [X], {}, None),
    ("extract_sequences", [X, 2, 2], {}, X.reshape(3, 2, 2)),
    ("fft2", [X[None], Y[None]], {}, None),
    ("glu", [X], {}, X[:, :2] * sigmoid(X[:, 2:])),
    ("hard_shrink", [X], {}, np.where(np.abs(X) > 0.5, X, 0)),
    ("hard_sigmoid", [X], {}, np.clip(X / 6 + 0.5, 0, 1)),
    ("hypot", [X, Y], {}, np.hypot(X, Y)),
    ("image.crop_images", [PICTURES, 1, 2, 1, 1], {}, PICTURES[:, 1:3, 2:5]),
    ("image.extract_patches", [PICTURES, 2], {"strides": 1}, windows(PICTURES, 2)),
    ("image.pad_images", [PICTURES, 1, 0], {"target_height": 6, "target_width": 7},
     np.pad(PICTURES, ((0, 0), (1, 1), (0, 1), (0, 0)))),
    ("image.resize", [PICTURES, (8, 12)], {"interpolation": "nearest"}, PICTURES.repeat(2, 1).repeat(2, 2)),
    ("image.resize", [PICTURES, (2, 3)], {"antialias": False}, PICTURES.reshape(2, 2, 2, 3, 2, 3).mean((2, 4))),
    ("image.affine_transform", [PICTURES, np.float32([1, 0, 1, 0, 1, 2, 0, 0])], {},
     np.pad(PICTURES[:, 2:, 1:], ((0, 0), (0, 2), (0, 1), (0, 0)))),
    ("image.rgb_to_grayscale", [PICTURES], {}, PICTURES @ np.float32([[0.2989], [0.587], [0.114]])),
    ("image.sobel_edges", [PICTURES], {}, np.stack(SLOPES, -1)),
    ("in_top_k", [I, X, 2], {}, [i in np.argsort(-x)[:2] for i, x in zip(I, X, strict=True)]),
    ("inner", [X, Y], {}, X @ Y.T),
    ("layer_normalization", [X, Y[0], Y[1]], {"epsilon": 0.1},
     Y[0] * (X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + 0.1) + Y[1]),
    ("leaky_relu", [X], {}, np.where(X > 0, X, 0.2 * X)),
    ("linalg.cholesky", [S], {}, np.linalg.cholesky(S)),
    ("linalg.det", [S], {}, np.linalg.det(S)),
    ("linalg.inv", [S], {}, np.linalg.inv(S)),
    ("linalg.norm", [X], {"axis": 1, "ord": 1}, np.abs(X).sum(1)),
    ("linalg.solve", [S, X[0]], {}, np.linalg.solve(S, X[0])),
    ("linalg.svd", [X], {"compute_uv": False}, np.linalg.svd(X, compute_uv=False)),
    ("logdet", [S], {}, np.linalg.slogdet(S)[1]),
    ("moments", [X], {"axes": [0]}, [X.mean(0), X.var(0)]),
    ("multi_hot", [np.array([[0, 2], [1, 1]]), 4], {}, [[1, 0, 1, 0], [0, 1, 0, 0]]),
    ("nanmean", [np.where(X > 0, X, np.nan)], {"axis": 0}, np.nanmean(np.where(X > 0, X, np.nan), 0)),
    ("normalize", [X], {"axis": 0, "order": 3}, X / np.linalg.norm(X, 3, axis=0)),
    ("percentile", [X, 30], {"axis": 0}, np.percentile(X, 30, axis=0)),
    ("psnr", [X, Y, 2.0], {}, 10 * np.log10(4 / np.mean((X - Y) ** 2))),
    ("rfft", [X], {}, [np.fft.rfft(X).real, np.fft.rfft(X).imag]),
    ("rms_normalization", [X, Y[0]], {"epsilon": 0.1}, Y[0] * X / np.sqrt((X**2).mean(1, keepdims=True) + 0.1)),
    ("rot90", [X], {}, np.rot90(X)),
    ("saturate_cast", [X * 300, "uint8"], {}, np.trunc(np.clip(X * 300, 0, 255))),
    ("scatter_update", [X, np.array([[0, 1], [2, 3]]), np.float32([7, 8])], {},
     np.where(X[0, 1] == X, 7, np.where(X[2, 3] == X, 8, X))),
    ("searchsorted", [np.float32([0, 1, 2]), X[0]], {}, np.searchsorted([0, 1, 2], X[0])),
    ("segment_sum", [X, np.array([0, 0, 2])], {"num_segments": 3}, [X[0] + X[1], X[0] * 0, X[2]]),
    ("selu", [X], {}, 1.0507009873554804 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(X))),
    ("slice", [X, (1, 1), (2, -1)], {}, X[1:3, 1:]),
    ("slice_update", [X, (1, 2), Y[:2, :2]], {}, np.block([[X[:1]], [X[1:, :2], Y[:2, :2]]])),
    ("soft_shrink", [X], {}, np.sign(X) * np.maximum(np.abs(X) - 0.5, 0)),
    ("sparse_categorical_crossentropy", [I, Y], {"from_logits": True}, -np.log(softmax(Y)[range(3), I])),
    ("sparsemax", [np.float32([[0.1, 0.6, 0.5, -3], [9, 0, 0, 0]])], {},
     [[0.0333333, 0.5333333, 0.4333333, 0], [1, 0, 0, 0]]),
    ("split", [X, [1, 3]], {"axis": 1}, np.split(X, [1, 3], 1)),
    ("unstack", [X], {"axis": 1}, list(X.T)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args", "options", "expected"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_operations_give_their_values_and_the_shapes_they_foretell(
    name: str, args: list[Any], options: dict[str, Any], expected: Any
) -> None:
    operation = operator.attrgetter(name)(ops)
    if name == "erfc":
        special = pytest.importorskip("scipy.special")
        expected = special.erfc(X)
    if name == "fft2":
        args, whole = [(args[0], args[1])], np.fft.fft2(args[0] + 1j * args[1])
        expected = [whole.real, whole.imag]
    found = operation(*args, **options)
    for one, wanted in zip(
        ops.leaves(found), expected if isinstance(found, (list, tuple)) else [expected], strict=True
    ):
        np.testing.assert_allclose(one, wanted, rtol=2e-4, atol=2e-5)
    first = (
        [Tensor(np.shape(part), str(part.dtype)) for part in args[0]]
        if name == "fft2"
        else [Tensor(args[0].shape, str(args[0].dtype))]
    )
    symbolic = operation(first[0] if name != "fft2" else tuple(first), *args[1:], **options)
    assert [(t.shape, t.dtype) for t in ops.leaves(symbolic)] == [(y.shape, str(y.dtype)) for y in ops.leaves(found)]


def by_all_paths(labels: list[int], probabilities: Any, blank: int) -> float:
    """`-log` of the sum over every path of classes that collapses to `labels`."""
    total = 0.0
    for path in itertools.product(range(probabilities.shape[1]), repeat=len(probabilities)):
        if [c for c, _ in itertools.groupby(path) if c != blank] == labels:
            total += float(np.prod([p[c] for p, c in zip(probabilities, path, strict=True)]))
    return -np.log(total)


@pytest.mark.slow
@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_sums_over_all_paths(blank: int) -> None:
    logits = R.normal(size=(3, 4, 3)).astype("float32")
    a, b = (1, 2) if blank == 0 else (0, 1)
    target, lengths, steps = np.array([[a, b], [a, a], [b, 0]]), np.array([2, 2, 1]), np.array([4, 4, 3])
    expected = [
        by_all_paths(list(labels[:n]), softmax(z[:t]), blank)
        for labels, n, z, t in zip(target, lengths, logits, steps, strict=True)
    ]
    np.testing.assert_allclose(ops.ctc_loss(target, logits, lengths, steps, mask_index=blank), expected, rtol=1e-4)
    none = ops.ctc_loss(target, logits, np.zeros(3, int), steps, mask_index=blank)
    np.testing.assert_allclose(none[0], by_all_paths([], softmax(logits[0]), blank), rtol=1e-4)


def test_ctc_decodes_along_the_best_path() -> None:
    best = np.array([[1, 1, 0, 1, 2, 2], [2, 0, 2, 1, 1, 1]])
    labels, scores = ops.ctc_decode(np.eye(3, dtype="float32")[best] * 5, np.array([6, 3]))
    assert labels.tolist() == [[[1, 1, 2, -1, -1, -1], [2, 2, -1, -1, -1, -1]]]
    assert scores.tolist() == [[-30], [-15]]


def test_colours_go_to_hue_and_back() -> None:
    import colorsys

    hsv = np.asarray(ops.image.rgb_to_hsv(PICTURES))
    expected = np.array([colorsys.rgb_to_hsv(*map(float, pixel)) for pixel in PICTURES.reshape(-1, 3)])
    np.testing.assert_allclose(hsv.reshape(-1, 3), expected, atol=1e-5)
    np.testing.assert_allclose(ops.image.hsv_to_rgb(hsv), PICTURES, atol=1e-5)
    first = ops.image.rgb_to_hsv(np.moveaxis(PICTURES, -1, 1), data_format="channels_first")
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), hsv)


def test_a_quadrangle_comes_to_lie_where_it_is_sent() -> None:
    corners = np.float32([[0, 0], [0, 3], [5, 0], [5, 3]])
    same = ops.image.perspective_transform(PICTURES, corners, corners)
    np.testing.assert_allclose(same, PICTURES, atol=1e-4)
    moved = ops.image.perspective_transform(PICTURES[0], corners, corners + np.float32([1, 0]))
    np.testing.assert_allclose(moved[:, 1:], PICTURES[0, :, :-1], atol=1e-4)


def test_loops_and_choices_on_arrays_and_on_pipes() -> None:
    assert int(ops.while_loop(lambda i: i < 10, lambda i: i + 3, 0)) == 12
    assert int(ops.while_loop(lambda i: i < 10, lambda i: i + 3, 0, maximum_iterations=2)) == 6
    assert float(ops.fori_loop(0, 4, lambda i, v: v * 2, 1.0)) == 16
    carry, sums = ops.scan(lambda c, x: (c + x, c + x), 0.0, jnp.arange(3.0))
    assert (float(carry), sums.tolist()) == (3, [0, 1, 3])
    assert float(ops.cond(True, lambda: 1.0, lambda: 2.0)) == 1
    assert float(ops.switch(1, [lambda x: x, lambda x: x * 5], 2.0)) == 10
    x, y = Tensor((2,), "float32"), Tensor((2,), "float32")
    chosen = ops.cond(ops.sum(x) > 0, lambda: x * 2, lambda: y)
    mapped = ops.vectorized_map(lambda part: part + y, x)
    values = evaluate([chosen, mapped], {x: jnp.float32([1, -2]), y: jnp.float32([7, 8])}).outputs
    np.testing.assert_array_equal(values[0], [7, 8])
    np.testing.assert_array_equal(values[1], [[8, 9], [5, 6]])


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: ops.scatter_update(X, [[0, 1]], [1.0], "sum"), r"scatter_update: `reduction` must be None, 'add'"),
        (lambda: ops.segment_sum(X, I), r"segment_sum: `num_segments` must be an int\. Got None"),
        (lambda: ops.image.resize(PICTURES, (2, 2), "cubic"), r"resize: `interpolation` must be .*Got 'cubic'"),
        (lambda: ops.image.resize(PICTURES[0, 0], (2, 2)), r"resize: `images` must be of 3 axes"),
        (lambda: ops.image.pad_images(PICTURES, 1), r"pad_images: give two of the margin before"),
        (lambda: ops.image.rgb_to_hsv(I), r"rgb_to_hsv: `images` must be floats\. .*Divide by 255 first"),
        (lambda: ops.binary_crossentropy(X, X[0]), r"binary_crossentropy: `target` must be of the output's shape"),
        (lambda: ops.ctc_decode(Q, I, "beam_search"), r"ctc_decode: `strategy` must be 'greedy'"),
    ],
)
def test_mistakes_get_one_sentence(act: Any, message: str) -> None:
    with pytest.raises(KeratoError, match=message):
        act()
