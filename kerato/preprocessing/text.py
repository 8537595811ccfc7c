"""Texts as words, and words as numbers."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerato.errors import InvalidCall, unknown

Array = NDArray[Any]
Analyzer = Callable[[str], list[str]]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

_MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text: what stands between `split` and the characters of `filters`, in small letters."""
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate({ord(sign): split for sign in filters}).split(split) if word]


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """`hashing_trick` with Python's `hash`: other numbers in every process."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """Each word as a number in 1..n-1 by its hash; two words may get the same one.

    Args:
        text: the text.
        n: the numbers there are, 0 included.
        hash_function: of a word; `'md5'` gives the same numbers in every process, None is Python's `hash`.
        filters: as in `text_to_word_sequence`.
        lower: as in `text_to_word_sequence`.
        split: as in `text_to_word_sequence`.
        analyzer: gives the words of a text instead.

    Raises:
        UnknownName: `hash_function` is another text.
    """
    if isinstance(hash_function, str) and hash_function != "md5":
        raise unknown("hashing_trick", "the hash function", hash_function, ["md5"])
    number = _md5 if hash_function == "md5" else hash_function or hash
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [number(word) % (n - 1) + 1 for word in words]  # type: ignore[operator]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode()).hexdigest(), 16)


class Tokenizer:
    """Numbers the words of texts by their frequency, 1 the most frequent one, and writes texts in numbers.

    Args:
        num_words: only numbers below this one are written.
        filters: as in `text_to_word_sequence`.
        lower: as in `text_to_word_sequence`.
        split: as in `text_to_word_sequence`.
        char_level: every character is a word.
        oov_token: stands for words without a number; it has number 1 then. None leaves them out.
        analyzer: gives the words of a text instead.
        document_count: texts seen before.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Analyzer | None = None,
        document_count: int = 0,
    ) -> None:
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: collections.OrderedDict[str, int] = collections.OrderedDict()
        self.word_docs: collections.Counter[str] = collections.Counter()
        self.index_docs: collections.Counter[int] = collections.Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: str | Sequence[str]) -> Sequence[str]:
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [word.lower() for word in text] if isinstance(text, list) else str(text).lower()
        if self.analyzer is not None:
            return self.analyzer(str(text))
        return text_to_word_sequence(str(text), self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[str | Sequence[str]]) -> None:
        """Count the words of texts, each a str or a list of words, and number them anew."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            self.word_docs.update(set(words))
        ranked = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: number for number, word in enumerate([*first, *ranked], 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Sequence[Sequence[int]]) -> None:
        """Count texts that are numbers already, for `tfidf`."""
        self.document_count += len(sequences)
        for numbers in sequences:
            self.index_docs.update(set(numbers))

    def _written(self, number: int | None) -> int | None:
        """The number that stands for a word's; None leaves it out."""
        if number is None or (self.num_words and number >= self.num_words):
            return None if self.oov_token is None else self.word_index.get(self.oov_token)
        return number

    def texts_to_sequences(self, texts: Iterable[str | Sequence[str]]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[str | Sequence[str]]) -> Iterator[list[int]]:
        """`texts_to_sequences`, one after the other."""
        for text in texts:
            found = (self._written(self.word_index.get(word)) for word in self._words(text))
            yield [number for number in found if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """The words of numbers, joined by spaces."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Sequence[int]]) -> Iterator[str]:
        """`sequences_to_texts`, one after the other."""
        for numbers in sequences:
            found = (self._written(number if number in self.index_word else None) for number in numbers)
            yield " ".join(self.index_word[number] for number in found if number is not None)

    def texts_to_matrix(self, texts: Iterable[str | Sequence[str]], mode: str = "binary") -> Array:
        """Each text as a row, (n, num_words): see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> Array:
        """Each list of numbers as a row (num_words,): which words, how many, which share, or `tfidf`.

        Raises:
            UnknownName: another mode than `binary`, `count`, `freq`, `tfidf`.
            InvalidCall: no texts were counted, and `num_words` or the mode need it.
        """
        if mode not in _MODES:
            raise unknown("Tokenizer", "the mode", mode, _MODES)
        size = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not size or (mode == "tfidf" and not self.document_count):
            raise InvalidCall("Tokenizer: no words are counted yet. Call fit_on_texts first, or give num_words.")
        rows = np.zeros((len(sequences), size))
        for row, numbers in zip(rows, sequences, strict=True):
            for number, count in collections.Counter(n for n in numbers if n < size).items():
                row[number] = self._cell(mode, number, count, len(numbers))
        return rows

    def _cell(self, mode: str, number: int, count: int, length: int) -> float:
        if mode == "tfidf":
            return float((1 + np.log(count)) * np.log(1 + self.document_count / (1 + self.index_docs.get(number, 0))))
        return {"binary": 1.0, "count": float(count), "freq": count / length}[mode]

    def get_config(self) -> dict[str, Any]:
        """The arguments and, as JSON, what was counted."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        counted = {name: json.dumps(getattr(self, name)) for name in _COUNTED}
        return {**{name: getattr(self, name) for name in names}, **counted}

    def to_json(self, **options: Any) -> str:
        """`get_config` as JSON, for `tokenizer_from_json`; the options are those of `json.dumps`."""
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **options)


_COUNTED = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `Tokenizer.to_json` wrote."""
    config = json.loads(json_string)["config"]
    counted = {name: json.loads(config.pop(name)) for name in _COUNTED}
    made = Tokenizer(**config)
    made.word_counts.update(counted["word_counts"])
    made.word_docs.update(counted["word_docs"])
    made.word_index = counted["word_index"]
    made.index_docs.update({int(number): count for number, count in counted["index_docs"].items()})
    made.index_word = {int(number): word for number, word in counted["index_word"].items()}
    return made
