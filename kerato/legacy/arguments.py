"""How an older call is read: the mechanism behind the tables of old arguments.

A row (`Old`) says how Keras 2.0.5 read the arguments of one class, and which words of Keras 0 and 1 it still
understood. `Old.words` gives a call today's names and values, `Old.meaning` also what 2.0.5 took for granted.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from kerato.errors import InvalidType

Arguments = dict[str, Any]
Call = tuple[tuple[Any, ...], Arguments]


@dataclass(frozen=True)
class Old:
    """How 2.0.5 read the arguments of one class.

    Args:
        order: the names of positional arguments; needed where their order was another one or there are defaults.
        names: a name in 2.0.5 -> today's.
        older: a name in Keras 0 or 1 -> today's, understood with a warning; None for what is no longer needed.
        joined: an argument of `order` -> the older names of its parts, one number each: `nb_row`, `nb_col`.
        then: the names of positional arguments after such parts.
        values: an argument, by today's name -> old value -> today's.
        defaults: values of arguments (under today's names) that a call leaves out.
        rewrite: what remains, a function of the arguments under today's names.
    """

    order: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    older: Mapping[str, str | None] = field(default_factory=dict)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    then: tuple[str, ...] = ()
    values: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    rewrite: Callable[[Arguments], Arguments] = dict

    def words(self, owner: str, args: tuple[Any, ...], kwargs: Arguments) -> Call:
        """The call of `owner` in today's names and values; what it leaves out is left out still.

        Raises:
            InvalidType: an argument is given twice.
        """
        args, kwargs, told = self._whole(args, kwargs)
        if len(args) <= len(self.order):  # positional arguments that remain are too many: today's class says so
            pairs = [*zip(self.order, args, strict=False), *kwargs.items()]
            args = ()
        else:
            pairs = list(kwargs.items())
        found: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for old, value in pairs:
            name = self.names.get(old, self.older.get(old, old))
            if old in self.older:
                told.append((old, name or ""))
            if name is None:
                continue
            if name in sources:
                raise _twice(owner, sources[name], old, name)
            sources[name] = old
            found[name] = _looked_up(self.values.get(name, {}), value)
        warn_of(owner, told)
        return args, found

    def meaning(self, owner: str, args: tuple[Any, ...], kwargs: Arguments) -> Call:
        """The call of `owner` in today's words, with everything that 2.0.5 understood by it."""
        args, found = self.words(owner, args, kwargs)
        missing = {} if args else {name: value for name, value in self.defaults.items() if name not in found}
        return args, self.rewrite({**found, **missing})

    def _whole(self, args: tuple[Any, ...], kwargs: Arguments) -> tuple[tuple[Any, ...], Arguments, list[Any]]:
        """The call with arguments that came in parts put together, and what to say of it."""
        for name, parts in self.joined.items():
            at = self.order.index(name)
            sizes = args[at : at + len(parts)]
            named = {part: kwargs[part] for part in parts[len(sizes) :] if part in kwargs}
            if len(sizes) + len(named) == len(parts) and (named or all(isinstance(size, int) for size in sizes)):
                rest = dict(zip(self.then, args[at + len(parts) :], strict=False))
                kwargs = {key: value for key, value in kwargs.items() if key not in named}
                whole = {name: (*sizes, *named.values())}
                return args[:at], {**rest, **whole, **kwargs}, [(", ".join(parts), name)]
        return args, kwargs, []


def _looked_up(table: Mapping[Any, Any], value: Any) -> Any:
    return table.get(value, value) if isinstance(value, (str, int)) else value


def _twice(owner: str, one: str, other: str, name: str) -> InvalidType:
    if one == other:
        return InvalidType(f"{owner}: `{name}` is given twice, by position and by name.")
    old = other if one == name else one
    return InvalidType(f"{owner}: `{old}` is an older name of `{name}`, and both are given. Keep `{name}`.")


def callers() -> Iterator[FrameType]:
    """The frames of the user's code, the innermost first: neither Kerato's nor the standard library's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        room = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if room != "kerato" and room not in sys.stdlib_module_names:
            yield frame
        frame = frame.f_back


def warn_of(owner: str, words: Iterable[tuple[str, str]]) -> None:
    """Say once per line of the user's code which old words it uses, as pairs (old, today's)."""
    listed = ", ".join(f"`{old}` is {f'`{new}`' if new else 'no longer needed'}" for old, new in words)
    frame = next(callers(), None)
    if listed and frame is not None:
        module = str(frame.f_globals.get("__name__", "__main__"))
        registry = frame.f_globals.setdefault("__warningregistry__", {})
        place = (frame.f_code.co_filename, frame.f_lineno)
        warnings.warn_explicit(f"{owner}: {listed} today.", UserWarning, *place, module, registry)
