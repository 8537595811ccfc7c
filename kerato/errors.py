"""What a person reads when something is wrong: one sentence form, made in one place.

Every message says who speaks, what was expected, what came and what to do:

    Dense: `units` must be an int >= 1. Got 0.
    fit: the learning rate schedule 'cosin' is not known (constant, cosine). Did you mean 'cosine'?

All of Kerato's own exceptions are `KeratoError`s and at the same time the built-in class that Python
users expect (`ValueError`, `TypeError`, ...), so that `except ValueError` written for Keras still works.
Nothing here imports the rest of the package.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any


class KeratoError(Exception):
    """Root of every error that Kerato raises on purpose; the command line prints it without a traceback."""


class InvalidValue(KeratoError, ValueError):
    """An argument, a setting or a picture has a value or a shape that cannot work."""


class InvalidType(KeratoError, TypeError):
    """An argument is of a kind that cannot work."""


class InvalidCall(KeratoError, RuntimeError):
    """Something was asked for too early or in the wrong order (an uncompiled model, an unbuilt layer)."""


class UnknownName(KeratoError, AttributeError, ValueError):
    """A name that Kerato does not have, with the nearest ones that it has."""


class UnknownModule(KeratoError, ImportError):
    """A module, or a name imported from one, that Kerato does not have."""


class BadFile(KeratoError, OSError):
    """A file or folder is missing, unreadable, damaged or of another kind than its name says."""


class MissingExtra(KeratoError, ImportError):
    """An optional package is not installed; the message is the line that installs it."""


def show(value: object) -> str:
    """`value` in a few words: arrays by dtype and shape, long texts and containers cut to 80 characters."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{dtype} array of shape {tuple(shape)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def suggest(word: object, known: Iterable[str]) -> str:
    """`Did you mean 'relu'?` when a known name is near `word`, else an empty string."""
    names = [str(name) for name in known]
    folded = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(str(word).lower(), folded, n=1, cutoff=0.6)
    return f"Did you mean {folded[near[0]]!r}?" if near else ""


def sentence(*parts: str) -> str:
    """Join the non-empty parts of a message with single spaces."""
    return " ".join(part for part in parts if part)


def invalid(owner: str, name: str, rule: str, value: object, remedy: str = "") -> InvalidValue:
    """`<owner>: `<name>` must be <rule>. Got <value>. <remedy>` as an exception to raise."""
    return InvalidValue(sentence(f"{owner}: `{name}` must be {rule}. Got {show(value)}.", remedy))


def unknown(owner: str, kind: str, word: object, known: Iterable[str]) -> UnknownName:
    """`<owner>: <kind> '<word>' is not known (<names>). Did you mean ...?` as an exception to raise."""
    names = [name for name in known if isinstance(name, str)]
    listed = ", ".join(sorted(names, key=str.lower)) if len(names) <= 40 else f"{len(names)} names"
    return UnknownName(sentence(f"{owner}: {kind} {show(word)} is not known ({listed}).", suggest(word, names)))


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or say which line installs it.

    `require("av", "video", "reading films")` fails with
    ``reading films needs the package av. Install it with: pip install "kerato[video]"``.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtra(
            f'{purpose} needs the package {module.split(".")[0]}. Install it with: pip install "kerato[{extra}]"'
        ) from None


def plural(count: int, noun: str, **forms: Any) -> str:
    """`1 picture`, `3 pictures`; `many=` gives an irregular plural."""
    return f"{count:,} {noun if count == 1 else forms.get('many', noun + 's')}"
