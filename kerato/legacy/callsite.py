"""Who is calling: the user's code that a call came from, the dialect it speaks, and warnings shown at its line.

A file speaks the dialect of the package that it asked last: `keras` and `kerato.keras` are 2.0.5's, `tensorflow.keras`
means today's and knows older words, as it did in version 2. A file that asks none of them speaks today's. The mark is a
name among the file's globals, so two files of one process may speak differently.
"""

from __future__ import annotations

from typing import Any

from kerato import config
from kerato.errors import unknown
from kerato.legacy.arguments import Arguments, Call, callers
from kerato.legacy.tables import NAMES, TABLE, translate

#: the name among a file's globals that says which dialect it speaks
MARK = "__dialect__"

#: words of `TABLE` that are words of today too, with another meaning
_TODAYS = {"clipnorm"}


def _as_said(owner: str, args: tuple[Any, ...], kwargs: Arguments) -> Call:
    return args, kwargs


def _older_words(owner: str, args: tuple[Any, ...], kwargs: Arguments) -> Call:
    """Today's meaning of a call in which older words may stand, such as `lr`."""
    row = TABLE.get(owner)
    if owner in NAMES:  # hard_sigmoid was as in 2.0.5
        return translate(owner, args, kwargs)
    if row is None:
        return args, kwargs
    names = {old: new for old, new in {**row.older, **row.names}.items() if new and old not in _TODAYS}
    renamed = {names.get(name, name): value for name, value in kwargs.items()}
    if "decay" in renamed and not args:
        renamed = row.rewrite({"learning_rate": row.defaults["learning_rate"], **renamed})
    return args, renamed


#: dialect -> how it reads a call
DIALECTS: dict[str, config.Dialect] = {"keras2": translate, "keras3": _as_said, "tf.keras": _older_words}


def check(dialect: str | None) -> None:
    """Refuse a dialect that is none.

    Raises:
        UnknownName: `dialect` is not in `DIALECTS`.
    """
    if dialect is not None and dialect not in DIALECTS:
        raise unknown("legacy", "the dialect", dialect, DIALECTS)


def speak(dialect: str) -> None:
    """From now on the calling file speaks `dialect`."""
    config.begin_dialect(as_the_caller_means)
    frame = next(callers(), None)
    if frame is not None:
        frame.f_globals[MARK] = dialect


def as_the_caller_means(owner: str, args: tuple[Any, ...], kwargs: Arguments) -> Call:
    """The arguments given to `owner`, read as the calling file's dialect says."""
    frame = next(callers(), None)
    dialect = frame.f_globals.get(MARK) if frame is not None else None
    return DIALECTS.get(str(dialect), _as_said)(owner, args, kwargs)
