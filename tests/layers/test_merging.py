"""Masks of merged inputs, the functions of merge layers, and what Softmax does with a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import layers
from kerato.layers import Input
from kerato.models import Model

A, B = np.float32([[1, -2, 3]]), np.float32([[4, 5, -6]])

#: two sequences of three steps, of which the zeros are masked
FIRST, SECOND = np.float32([[[1], [0], [-3], [0]]]), np.float32([[[0], [2], [-1], [0]]])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (layers.add, [[5, 3, -3]]),
        (layers.subtract, [[-3, -7, 9]]),
        (layers.multiply, [[4, -10, -18]]),
        (layers.average, [[2.5, 1.5, -1.5]]),
        (layers.maximum, [[4, 5, 3]]),
        (layers.minimum, [[1, -2, -6]]),
        (layers.concatenate, [[1, -2, 3, 4, 5, -6]]),
        (layers.dot, [[4 - 10 - 18]]),
    ],
)
def test_functions_are_their_layers(function: Any, expected: Any) -> None:
    assert np.asarray(function([A, B])).tolist() == expected
    x, y = Input((3,)), Input((3,))
    joined = function([x, y], name="joined")
    assert joined.node.owner.name == "joined"
    assert Model([x, y], joined).predict([A, B]).tolist() == expected


def test_one_tensor_in_a_list_is_merged_too() -> None:
    assert layers.Add()([A]).tolist() == A.tolist()
    assert layers.Concatenate()([A]).tolist() == A.tolist()


def masked(layer: Any, both: bool = True) -> tuple[list[float], Any]:
    """The merged sequence and its mask, where the first input, or both, are masked."""
    seen: list[Any] = []

    class Look(layers.Layer):
        def call(self, x: Any, mask: Any = None) -> Any:
            seen.append(mask)
            return x

    x, y = Input((4, 1)), Input((4, 1))
    masking = layers.Masking()
    model = Model([x, y], Look()(layer([masking(x), masking(y) if both else y])))
    seen.clear()
    found = np.asarray(model([FIRST, SECOND])).ravel().tolist()
    return found, None if seen[-1] is None else np.asarray(seen[-1])[0].tolist()


@pytest.mark.parametrize(
    ("layer", "values"),
    [
        (layers.Add(), [1, 2, -4, 0]),
        (layers.Average(), [0.5, 1, -2, 0]),
        (layers.Subtract(), [1, -2, -2, 0]),
        (layers.Multiply(), [1, 2, 3, 0]),
        (layers.Maximum(), [1, 2, -1, 0]),
        (layers.Minimum(), [1, 2, -3, 0]),
    ],
    ids=lambda item: type(item).__name__,
)
def test_a_step_counts_that_counts_in_one_input(layer: Any, values: list[float]) -> None:
    assert masked(layer) == (values, [True, True, True, False])
    assert masked(layer, both=False)[1] is None


def test_a_masked_entry_gives_way_in_products_and_extremes() -> None:
    assert masked(layers.Multiply(), both=False)[0] == [0, 2, 3, 0]
    assert masked(layers.Maximum(), both=False)[0] == [1, 2, -1, 0]
    assert masked(layers.Minimum(), both=False)[0] == [0, 2, -3, 0]


def test_joined_masks_take_inputs_without_one_as_counting() -> None:
    assert masked(layers.Concatenate(axis=1), both=False)[1] == [True, False, True, False, True, True, True, True]
    assert masked(layers.Concatenate())[1] == [True, True, True, False]
    assert masked(layers.Dot(1))[1] is None


def test_softmax_leaves_masked_entries_out() -> None:
    x = np.float32([[0, 1, 5], [1, 2, 3]])
    found = np.asarray(layers.Softmax()(x, mask=np.array([[True, True, False], [False] * 3])))
    np.testing.assert_allclose(found[0], [1 / (1 + np.e), np.e / (1 + np.e), 0], rtol=1e-6)
    assert (found[1] == 0).all()
    steps = np.asarray(layers.Softmax()(np.zeros((1, 2, 2), "float32"), mask=np.array([[True, False]])))
    assert steps.tolist() == [[[0.5, 0.5], [0, 0]]]
