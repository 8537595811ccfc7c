"""The one message form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerato import errors


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((2, 3), "uint8"), "uint8 array of shape (2, 3)"),
        ("relu", "'relu'"),
        (None, "None"),
        (list(range(100)), "[0, 1, 2,"),
    ],
)
def test_values_are_shown_in_a_few_words(value: object, text: str) -> None:
    assert errors.show(value).startswith(text)
    assert len(errors.show(value)) <= 80


def test_the_form_names_owner_parameter_rule_value_and_remedy() -> None:
    error = errors.invalid("Dense", "units", "an int >= 1", 0, "Take more.")
    assert str(error) == "Dense: `units` must be an int >= 1. Got 0. Take more."
    assert isinstance(error, ValueError)


def test_unknown_names_come_with_the_known_and_the_nearest() -> None:
    error = errors.unknown("ops", "the operation", "Sofmax", ["softmax", "tanh"])
    assert str(error) == "ops: the operation 'Sofmax' is not known (softmax, tanh). Did you mean 'softmax'?"
    assert isinstance(error, (ValueError, AttributeError))
    assert "100 names" in str(errors.unknown("ops", "the operation", "x", [f"name{i}" for i in range(100)]))


@settings(deadline=None)
@given(st.text(max_size=20), st.lists(st.text(min_size=1, max_size=10), max_size=5))
def test_suggestions_are_known_names_or_nothing(word: str, known: list[str]) -> None:
    found = errors.suggest(word, known)
    assert found == "" or found in [f"Did you mean {name!r}?" for name in known]


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.InvalidValue, ValueError),
        (errors.InvalidType, TypeError),
        (errors.InvalidCall, RuntimeError),
        (errors.UnknownName, AttributeError),
        (errors.UnknownName, ValueError),
        (errors.BadFile, OSError),
        (errors.MissingExtra, ImportError),
    ],
)
def test_every_error_is_ours_and_python_s(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, errors.KeratoError)
    assert issubclass(kind, builtin)
    assert str(kind("one sentence.")) == "one sentence."


def test_a_missing_extra_says_what_to_install() -> None:
    with pytest.raises(ImportError, match=r'^reading films needs the package nosuch\. .*"kerato\[video\]"$'):
        errors.require("nosuch.part", "video", "reading films")
    assert errors.require("json", "video", "anything").loads("1") == 1


@pytest.mark.parametrize(("count", "text"), [(0, "0 pictures"), (1, "1 picture"), (1234, "1,234 pictures")])
def test_counts_have_their_plural(count: int, text: str) -> None:
    assert errors.plural(count, "picture") == text
    assert errors.plural(2, "class", many="classes") == "2 classes"
