"""Window arithmetic: the book's table, laws over drawn windows, and what a person reads when a window is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerato.errors import InvalidValue, UnknownName
from kerato.kernels import output_length, output_lengths, transpose_length, transpose_lengths
from kerato.kernels.windows import padding_amount, span, transpose_windows, windows

small = st.integers(1, 7)


@pytest.mark.parametrize(
    "length, window, stride, padding, dilation, expected",
    [
        (9, 3, 1, "valid", 1, 7),
        (28, 3, 1, "valid", 1, 26),
        (32, 3, 1, "same", 1, 32),
        (10, 3, 2, "valid", 1, 4),
        (10, 3, 2, "same", 1, 5),
        (10, 3, 1, "valid", 2, 6),
        (7, 2, 2, "same", 1, 4),
        (10, 3, 2, "causal", 1, 5),
        (5, 3, 1, (2, 1), 1, 6),
    ],
)
def test_the_books_lengths(length, window, stride, padding, dilation, expected):
    assert output_length(length, window, stride, padding, dilation) == expected
    pads = [padding] if isinstance(padding, tuple) else padding
    assert output_lengths((length,), window, stride, pads, dilation) == (expected,)


@pytest.mark.parametrize(
    "padding, output_padding, expected",
    [("valid", None, 11), ("same", None, 10), ("valid", 0, 11), ("valid", 1, 12), ("same", 0, 9), ("same", 1, 10)],
)
def test_transposed_lengths(padding, output_padding, expected):
    """Keras 3: 'same' with an output padding gives (n - 1) * stride + window % 2 + output_padding."""
    assert transpose_length(5, 3, 2, padding, output_padding) == expected
    assert transpose_lengths((5, 5), 3, 2, padding, output_padding) == (expected, expected)


def test_a_window_shorter_than_its_stride_leaves_the_rest_of_the_stride():
    assert transpose_length(5, 2, 3, "valid") == 15
    assert transpose_length(5, 2, 3, "same") == 15


@given(st.integers(1, 40), small, small, small)
def test_valid_is_the_last_window_that_fits(length, window, stride, dilation):
    count = output_length(length, window, stride, "valid", dilation)
    reach = span(window, dilation)
    assert (count - 1) * stride + reach <= length or count == 0
    assert count * stride + reach > length


@given(st.integers(1, 40), small, small, small)
def test_same_pads_as_little_as_it_can_and_less_before(length, window, stride, dilation):
    assert output_length(length, window, stride, "same", dilation) == -(-length // stride)
    low, high = padding_amount(length, window, stride, "same", dilation)
    assert low <= high <= low + 1
    if high:
        assert output_length(length, window, stride, (low, high - 1), dilation) < -(-length // stride)


@given(st.integers(1, 40), small, small, small)
def test_causal_sees_nothing_of_the_future(length, window, stride, dilation):
    low, high = padding_amount(length, window, stride, "causal", dilation)
    assert (low, high) == (span(window, dilation) - 1, 0)


@given(st.integers(1, 20), small, small, st.sampled_from(["valid", "same"]), small)
def test_a_transposed_convolution_is_the_way_back(length, window, stride, padding, dilation):
    grown = transpose_windows("test", (length,), window, stride, padding, None, dilation)
    assert grown.output == (length,)
    assert grown.lengths == transpose_lengths((length,), window, stride, padding, None, dilation)
    if padding == "same":
        assert grown.lengths == (length * stride,)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((8, 8), (3, 3, 3), 1, "valid"), "`window` must be an int >= 1, or 2 of them. Got (3, 3, 3)."),
        (((8, 8), 3, 0, "valid"), "`strides` must be an int >= 1, or 2 of them. Got 0."),
        (((8, 8), 3, 1, "valid", 1.5), "`dilation` must be an int >= 1, or 2 of them. Got 1.5."),
        (((8, 8), 3, 1, [(1, 1)]), "`padding` must be one of valid, same, or 2 pairs (low, high). Got [(1, 1)]."),
        (((8, 8), 3, 1, 2), "`padding` must be one of valid, same, or 2 pairs (low, high). Got 2."),
        (((8, 8), 11, 1, "valid"), "`window` must be no longer than the padded input (8, 8). Got (11, 11). Use"),
    ],
)
def test_wrong_windows_are_named(arguments, message):
    with pytest.raises(InvalidValue) as caught:
        windows("Conv2D", *arguments)
    assert str(caught.value).startswith(f"Conv2D: {message}")


def test_unknown_padding_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r"padding 'sam' is not known .* Did you mean 'same'"):
        windows("Conv2D", (8, 8), 3, 1, "sam")
    with pytest.raises(UnknownName, match="causal"):
        windows("Conv2D", (8, 8), 3, 1, "causal")
