"""Texts in the words of Keras 0 and 1: `nb_words` of the reviews and of the tokenizer."""

from __future__ import annotations

from typing import Any

from kerato.datasets import imdb
from kerato.legacy.arguments import Old
from kerato.preprocessing import text

_OLDER: dict[str, str | None] = {"nb_words": "num_words"}
_REVIEWS = Old(
    ("path", "num_words", "skip_top", "maxlen", "seed", "start_char", "oov_char", "index_from"), older=_OLDER
)
_TOKENIZER = Old(("num_words", "filters", "lower", "split", "char_level"), older=_OLDER)


def load_imdb(*args: Any, **kwargs: Any) -> Any:
    """`datasets.imdb.load_data`."""
    args, kwargs = _REVIEWS.words("imdb.load_data", args, kwargs)
    return imdb.load_data(*args, **kwargs)


class Tokenizer(text.Tokenizer):
    """`preprocessing.text.Tokenizer`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        args, kwargs = _TOKENIZER.words("Tokenizer", args, kwargs)
        super().__init__(*args, **kwargs)
