"""Arguments, written once: in the signature of `__init__`.

A subclass of `Configurable` only declares its parameters and, in `checks`, which rule each must obey.
Attributes, conversion, error messages, `get_config` and `from_config` follow from that. Classes outside
the package may set their attributes by hand, as Keras users do; their arguments are still recorded for
`get_config`.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from kerato import config
from kerato.errors import InvalidType, invalid, sentence, suggest, unknown


@dataclass(frozen=True)
class Rule:
    """What an argument must be, in words, and the function that accepts or converts it.

    `convert(value, owner)` returns the value to store and raises ValueError or TypeError when it does not fit;
    the message is made from `text`.
    """

    text: str
    convert: Callable[[Any, Any], Any]

    def __call__(self, owner: Any, name: str, value: Any) -> Any:
        try:
            return self.convert(value, owner)
        except (ValueError, TypeError) as error:
            if type(error).__module__.startswith("kerato."):
                raise
            raise invalid(title(owner), name, self.text, value) from None


def title(owner: Any) -> str:
    """How an object is called in messages: `dense_1 (Dense)`, or the class name while it has no name of its own."""
    kind = owner if isinstance(owner, type) else type(owner)
    name = getattr(owner, "__dict__", {}).get("name")
    return f"{name} ({kind.__name__})" if isinstance(name, str) else kind.__name__


def _integer(value: Any) -> int:
    # operator.index refuses 2.0; scripts of 2016 divide with `/` and pass whole floats, which are accepted.
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return operator.index(value)


def _above(limit: float, value: Any) -> Any:
    if value < limit:
        raise ValueError
    return value


def integer(at_least: int) -> Rule:
    """An int, not below `at_least`."""
    return Rule(f"an int >= {at_least}", lambda value, _: _above(at_least, _integer(value)))


def _number(value: Any) -> float:
    if isinstance(value, (bool, str)):
        raise TypeError
    return float(value)


def number(at_least: float = float("-inf"), below: float | None = None, most: float | None = None) -> Rule:
    """A float in a range; `below` is excluded, `most` included."""
    bounds = [f">= {at_least:g}"] if at_least > float("-inf") else []
    bounds += [f"< {below:g}"] if below is not None else []
    bounds += [f"<= {most:g}"] if most is not None else []

    def convert(value: Any, _: Any) -> float:
        result = _above(at_least, _number(value))
        if (below is not None and result >= below) or (most is not None and result > most) or result != result:
            raise ValueError
        return float(result)

    return Rule(sentence("a number", " and ".join(bounds)), convert)


def one_of(*names: Any) -> Rule:
    """One of a few fixed values."""

    def convert(value: Any, _: Any) -> Any:
        if value not in names:
            raise ValueError
        return value

    return Rule("one of " + ", ".join(map(repr, names)), convert)


def optional(rule: Rule) -> Rule:
    """`rule`, or None."""
    return Rule(f"{rule.text} or None", lambda value, owner: None if value is None else rule.convert(value, owner))


def _flag(value: Any, _: Any) -> bool:
    if value not in (True, False):
        raise ValueError
    return bool(value)


flag = Rule("True or False", _flag)
positive_int = integer(1)
fraction = number(0, most=1)


def _shape(value: Any, _: Any) -> tuple[int | None, ...]:
    items = (value,) if value is None or isinstance(value, int) else tuple(value)
    return tuple(None if item is None else _above(-1, _integer(item)) for item in items)


shape = Rule("a tuple of ints (None for an unknown size)", _shape)


def per_axis(at_least: int = 1) -> Rule:
    """An int for all spatial axes, or one per axis; the owner's `rank` says how many."""

    def convert(value: Any, owner: Any) -> tuple[int, ...]:
        items = tuple(value) if isinstance(value, Iterable) else (value,) * owner.rank
        if len(items) != owner.rank:
            raise ValueError
        return tuple(_above(at_least, _integer(item)) for item in items)

    return Rule(f"an int >= {at_least}, or one per spatial axis", convert)


class Configurable:
    """Base of everything that is described by its arguments: layers, losses, optimizers, initializers, ...

    `checks` maps a parameter to its `Rule`; rules of base classes hold too. A key that begins with `*` holds for
    all parameters with that ending (`"*_initializer"`).
    """

    checks: ClassVar[dict[str, Rule]] = {}

    if TYPE_CHECKING:  # arguments become attributes without being written down again

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            cls.__init__ = _recorded(cls, cls.__init__)  # type: ignore[method-assign]

    @classmethod
    def _rule(cls, name: str) -> Rule | None:
        for kind in cls.__mro__:
            checks = kind.__dict__.get("checks", {})
            if name in checks:
                return checks[name]
            for pattern, rule in checks.items():
                if pattern.startswith("*") and name.endswith(pattern[1:]):
                    return rule
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this object with `from_config`, every default written out."""
        given = self.__dict__.get("_arguments", {})
        return {name: serialize(self.__dict__.get(name, value)) for name, value in given.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An object with the arguments of `config`, as `get_config` gave them."""
        return cls(**config)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({inner})"


def _recorded(cls: type[Configurable], init: Callable[..., None]) -> Callable[..., None]:
    """`init` of `cls`, preceded by binding, checking and storing its arguments."""
    signature = inspect.signature(init)
    ours = cls.__module__.partition(".")[0] == "kerato"

    @functools.wraps(init)
    def wrapper(self: Configurable, *args: Any, **kwargs: Any) -> None:
        outermost = "_arguments" not in self.__dict__
        if ours and "_read" not in self.__dict__:  # the first of our classes on the way up reads the dialect
            self.__dict__["_read"] = True
            known = type(self).__module__.partition(".")[0] == "kerato"
            args, kwargs = config.in_dialect((type(self) if known else cls).__name__, args, kwargs)
        arguments = _bind(cls, signature, self, args, kwargs)
        if ours:
            for name, value in arguments.items():
                rule = cls._rule(name)
                arguments[name] = value if rule is None else rule(self, name, value)
                if not isinstance(getattr(cls, name, None), property):
                    setattr(self, name, arguments[name])
        recorded = self.__dict__.setdefault("_arguments", {})
        if outermost or ours:
            recorded.update({name: value for name, value in arguments.items() if name not in recorded})
        init(self, *args, **kwargs)

    return wrapper


def _bind(
    cls: type[Configurable], signature: inspect.Signature, self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Parameter -> value with defaults applied, without `self` and without what `**kwargs` passes on."""
    try:
        bound = signature.bind(self, *args, **kwargs)
    except TypeError as error:
        raise _misfit(type(self), cls, kwargs, error) from None
    bound.apply_defaults()
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    passed_on = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name: value for name, value in list(bound.arguments.items())[1:] if kinds[name] not in passed_on}


def parameters(cls: type[Any]) -> list[str]:
    """The names of all arguments that `cls(...)` takes, those of its bases included where it passes them on."""
    names: list[str] = []
    for kind in cls.__mro__:
        init = kind.__dict__.get("__init__")
        if init is None or kind is object:
            continue
        items = list(inspect.signature(init).parameters.values())[1:]
        names += [p.name for p in items if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in names]
        if not any(p.kind is p.VAR_KEYWORD for p in items):
            break
    return names


def _misfit(cls: type[Any], base: type[Any], kwargs: dict[str, Any], error: TypeError) -> InvalidType:
    known = list(dict.fromkeys([*parameters(cls), *parameters(base)]))
    for word in kwargs:
        if word not in known:
            hint = suggest(word, known)
            return InvalidType(
                sentence(f"{cls.__name__}: the argument {word!r} is not known ({', '.join(known)}).", hint)
            )
    return InvalidType(f"{cls.__name__}: {error}. It takes ({', '.join(known)}).")


def serialize(value: Any) -> Any:
    """`value` as plain data: objects as `{"module", "class_name", "config", "registered_name"}`, functions by name."""
    if isinstance(value, Configurable):
        return {
            "module": public_module(type(value)),
            "class_name": type(value).__name__,
            "config": value.get_config(),
            "registered_name": None,
        }
    if isinstance(value, (list, tuple)):
        return type(value)(serialize(item) for item in value)
    if isinstance(value, dict):
        return {key: serialize(item) for key, item in value.items()}
    if callable(value) and hasattr(value, "__name__") and not isinstance(value, type):
        return value.__name__
    return value


def snake_case(name: str) -> str:
    """`Conv2DTranspose` -> `conv2d_transpose`, as Keras makes names from classes."""
    spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()


def public_module(kind: type[Any]) -> str:
    """Where Keras users find the class: `keras.layers` for what lives in `kerato.layers.core`."""
    parts = kind.__module__.split(".")
    return getattr(kind, "keras_module", ".".join(["keras", *parts[1:2]])) if parts[0] == "kerato" else kind.__module__


class Family:
    """A family of named things (activations, losses, ...): looked up by name, configuration, object or function."""

    def __init__(self, owner: str, kind: str, members: dict[str, Any], aliases: dict[str, str] | None = None) -> None:
        self.owner, self.kind, self.members, self.aliases = owner, kind, members, aliases or {}

    def get(self, identifier: Any) -> Any:
        """The member that a name, a configuration, a class, an object or a function stands for; None stays None.

        Raises:
            UnknownName: no member has that name; the message lists the names and the nearest one.
        """
        if isinstance(identifier, dict) and "class_name" in identifier:
            member = self._named(identifier["class_name"])
            configurable = isinstance(member, type) and issubclass(member, Configurable)
            return member.from_config(identifier.get("config") or {}) if configurable else member
        if isinstance(identifier, str):
            identifier = self._named(identifier)
        if isinstance(identifier, type):
            return identifier()
        if identifier is None or callable(identifier) or isinstance(identifier, Configurable):
            return identifier
        raise unknown(self.owner, self.kind, identifier, self.members)

    def _named(self, name: str) -> Any:
        name = config.in_dialect(self.owner, (), {"name": name})[1]["name"]
        if not isinstance(name, str):  # what an older name meant is no member of today's family
            return name
        member = self.members.get(self.aliases.get(name, name))
        if member is None:
            folded = {key.lower(): value for key, value in self.members.items()}
            member = folded.get(name.lower())
        if member is None:
            raise unknown(self.owner, self.kind, name, [*self.members, *self.aliases])
        return member

    @property
    def rule(self) -> Rule:
        """The rule for arguments that take a member of this family."""
        return Rule(f"a {self.kind}'s name, a function or None", lambda value, _: self.get(value))
