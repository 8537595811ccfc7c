"""`kerato.preprocessing.sequence` and `.text`: expected values are what Keras 3.15.1 gives for the same calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerato import keras
from kerato.errors import InvalidCall, InvalidValue, UnknownName
from kerato.preprocessing.sequence import TimeseriesGenerator, make_sampling_table, skipgrams
from kerato.preprocessing.text import Tokenizer, hashing_trick, one_hot, text_to_word_sequence, tokenizer_from_json
from kerato.utils import pad_sequences

SEQUENCES = [[1, 2, 3, 4], [], [5], [6, 7]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 2, 3, 4], [0, 0, 0, 0], [0, 0, 0, 5], [0, 0, 6, 7]]),
        ({"maxlen": 3}, [[2, 3, 4], [0, 0, 0], [0, 0, 5], [0, 6, 7]]),
        ({"maxlen": 3, "truncating": "post"}, [[1, 2, 3], [0, 0, 0], [0, 0, 5], [0, 6, 7]]),
        ({"padding": "post", "value": -1}, [[1, 2, 3, 4], [-1, -1, -1, -1], [5, -1, -1, -1], [6, 7, -1, -1]]),
        ({"maxlen": 5, "padding": "post"}, [[1, 2, 3, 4, 0], [0] * 5, [5, 0, 0, 0, 0], [6, 7, 0, 0, 0]]),
    ],
)
def test_padding(options: dict[str, Any], expected: list[list[int]]) -> None:
    padded = pad_sequences(SEQUENCES, **options)
    assert padded.tolist() == expected and padded.dtype == np.int32


def test_padding_of_other_things() -> None:
    assert pad_sequences([np.ones((2, 3)), np.zeros((1, 3))], 3, "float32")[:, :, 0].tolist() == [[0, 1, 1], [0, 0, 0]]
    assert pad_sequences([["a"], ["b", "c"]], dtype=object, value="-").tolist() == [["-", "a"], ["b", "c"]]
    assert pad_sequences(np.array([[1], [2]], object)).tolist() == [[1], [2]]
    assert pad_sequences([[], []]).shape == (2, 0) and pad_sequences([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([[1]], {"padding": "left"}, "pad_sequences: `padding` must be 'pre' or 'post'. Got 'left'"),
        ([[1]], {"truncating": "left"}, "`truncating` must be"),
        ([1, 2], {}, "`sequences` must be a list of lists or arrays"),
        (7, {}, "`sequences` must be"),
        ([[1]], {"maxlen": 0}, "`maxlen` must be an int >= 1"),
        ([[1]], {"value": "x"}, "Give dtype=object for texts"),
        ([[[1, 2]], [[1, 2, 3]]], {}, "sequence 1 holds"),
    ],
)
def test_padding_refuses(sequences: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        pad_sequences(sequences, **options)


def test_the_sampling_table() -> None:
    table = make_sampling_table(5, 1e-3)
    rank = np.array([1, 1, 2, 3, 4])
    frequency = 1 / (rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank))
    assert np.allclose(table, np.sqrt(1e-3 / frequency)) and make_sampling_table(3, 100.0).tolist() == [1, 1, 1]
    assert make_sampling_table(0).shape == (0,)


def test_pairs_of_near_words() -> None:
    near = [[1, 2], [1, 3], [2, 1], [2, 3], [3, 1], [3, 2]]
    assert skipgrams([1, 0, 2, 3], 10, 3, 0, shuffle=False) == (near, [1] * 6)
    assert skipgrams([1, 0, 2, 3], 10, 1, 0, shuffle=False) == ([[2, 3], [3, 2]], [1, 1])
    couples, labels = skipgrams([1, 2, 3], 10, negative_samples=1.5, categorical=True, seed=4)
    assert len(couples) == 15 and labels.count([1, 0]) == 9
    assert sorted(c for c, label in zip(couples, labels, strict=True) if label == [0, 1]) == near
    assert all(1 <= other < 10 for _, other in couples)
    assert skipgrams([1, 2, 3], 10, sampling_table=np.zeros(10)) == ([], [])


def test_windows_of_a_series() -> None:
    series = TimeseriesGenerator(np.arange(30).reshape(15, 2), np.arange(15), 4, 2, 2, 1, reverse=True, batch_size=3)
    (first, y), (last, _) = series[0], series[len(series) - 1]
    assert len(series) == 2 and y.tolist() == [5, 7, 9]
    assert first[0].tolist() == [[6, 7], [2, 3]] and last[-1].tolist() == [[22, 23], [18, 19]]
    drawn, _ = TimeseriesGenerator(list(range(9)), list(range(9)), 3, shuffle=True, batch_size=50)[0]
    assert drawn.shape == (50, 3) and {*drawn[:, 0].tolist()} <= {*range(6)}
    with pytest.raises(InvalidValue, match="`targets` must be as long as the data, 3"):
        TimeseriesGenerator([1, 2, 3], [1], 1)
    with pytest.raises(InvalidValue, match="`length` must be"):
        TimeseriesGenerator([1, 2, 3], [1, 2, 3], 3)
    with pytest.raises(InvalidValue, match="`stride` must be an int >= 1"):
        TimeseriesGenerator([1, 2, 3], [1, 2, 3], 1, stride=0)


TEXTS = ["The cat sat, on the mat!", "A dog; a cat", "the end."]


def test_words_and_their_hashes() -> None:
    assert text_to_word_sequence(TEXTS[0]) == ["the", "cat", "sat", "on", "the", "mat"]
    assert text_to_word_sequence("A-b_C", filters="-", lower=False, split="|") == ["A", "b_C"]
    assert hashing_trick(TEXTS[0], 20, "md5") == [17, 4, 13, 16, 17, 9]
    assert one_hot("a b", 9) == [hash("a") % 8 + 1, hash("b") % 8 + 1]
    assert hashing_trick("a b", 9, len, analyzer=lambda text: [text]) == [4]
    with pytest.raises(UnknownName, match="the hash function 'sha1'"):
        hashing_trick("a", 9, "sha1")


def fitted(**options: Any) -> Tokenizer:
    tokenizer = Tokenizer(**options)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer_from_json(tokenizer.to_json())


@pytest.mark.parametrize(
    ("options", "numbers", "words"),
    [
        ({}, [[1, 2, 4, 5, 1, 6], [3, 7, 3, 2], [1, 8], [1]], "the cat sat on the mat"),
        ({"num_words": 4}, [[1, 2, 1], [3, 3, 2], [1], [1]], "the cat the"),
        ({"num_words": 4, "oov_token": "?"}, [[2, 3, 1, 1, 2, 1], [1, 1, 1, 3], [2, 1], [2, 1]], "the cat ? ? the ?"),
    ],
)
def test_texts_in_numbers(options: dict[str, Any], numbers: list[list[int]], words: str) -> None:
    tokenizer = fitted(**options)
    assert tokenizer.texts_to_sequences([*TEXTS, "the zebra"]) == numbers
    assert tokenizer.sequences_to_texts(numbers)[0] == words
    assert tokenizer.texts_to_sequences([["The", "Cat"]]) == [numbers[0][:2]]


def test_texts_as_rows() -> None:
    tokenizer = fitted(num_words=4)
    assert tokenizer.texts_to_matrix(TEXTS).tolist() == [[0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 0]]
    assert tokenizer.texts_to_matrix(TEXTS[:1], "count").tolist() == [[0, 2, 1, 0]]
    assert np.allclose(tokenizer.texts_to_matrix(TEXTS[:1], "freq"), [[0, 2 / 3, 1 / 3, 0]])
    weight = np.log(1 + 3 / (1 + 2))
    assert np.allclose(tokenizer.texts_to_matrix(TEXTS[:1], "tfidf"), [[0, (1 + np.log(2)) * weight, weight, 0]])
    assert fitted().texts_to_matrix(["end"]).shape == (1, 9)
    with pytest.raises(UnknownName, match="the mode 'binry'"):
        tokenizer.texts_to_matrix(TEXTS, "binry")
    with pytest.raises(InvalidCall, match="Call fit_on_texts first"):
        Tokenizer().texts_to_matrix(TEXTS)
    with pytest.raises(InvalidCall, match="Call fit_on_texts first"):
        Tokenizer(5).sequences_to_matrix([[1]], "tfidf")
    counted = Tokenizer(5)
    counted.fit_on_sequences([[1, 2], [2]])
    assert (counted.document_count, counted.index_docs) == (2, {1: 1, 2: 2})


def test_characters_and_own_words() -> None:
    signs = fitted(char_level=True)
    assert signs.texts_to_sequences(["Eh"]) == [[signs.word_index["e"], signs.word_index["h"]]]
    own = Tokenizer(analyzer=lambda text: text.split("t"), lower=False)
    own.fit_on_texts(["atbta"])
    assert own.word_index == {"a": 1, "b": 2}


def test_the_older_word() -> None:
    with pytest.warns(UserWarning, match="`nb_words` is `num_words` today"):
        assert keras.preprocessing.text.Tokenizer(nb_words=3).num_words == 3
    assert keras.preprocessing.sequence.pad_sequences([[1]], maxlen=2).tolist() == [[0, 1]]
