"""Whether the versions of the installed packages go together, as their own requirements say."""

from __future__ import annotations

import importlib.metadata
import operator
import re
from collections.abc import Callable, Iterable

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*\(?([^;()]*)\)?\s*(?:;\s*(.*))?$")
_LIMIT = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*([0-9][0-9.]*)\s*$")
_NUMBERS = re.compile(r"^[0-9.]*")
_EXTRA = re.compile(r"""extra\s*==\s*["'][\w.-]+["']$""")
_HOLDS: dict[str, Callable[[list[int], list[int]], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}


def installed(package: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def numbers(version: str) -> list[int]:
    """`0.10.2` as [0, 10, 2], less zeros at the end; what follows the numbers (`rc1`, `.dev3`) does not count."""
    found = [int(part) for part in _NUMBERS.findall(version)[0].split(".") if part]
    while found and found[-1] == 0:
        found.pop()
    return found


def misfits(packages: Iterable[str]) -> list[str]:
    """What each of these packages requires of others and does not find, as `numpy 1.26.4 (jax needs >=2.0)`.

    Optional requirements count where the package is there. Those that hold for some systems only are left to pip.
    """
    found: dict[str, list[str]] = {}
    for package in packages:
        for name, limits, optional in _requirements(package):
            version = installed(name)
            if version is None and optional:
                continue
            if version is None or not all(_holds(version, limit) for limit in limits):
                why = f"{package} needs {','.join(limits) or 'it'}"
                found.setdefault(f"{name} {version or 'is missing'}", []).append(why)
    return [f"{what} ({', '.join(whys)})" for what, whys in found.items()]


def _requirements(package: str) -> Iterable[tuple[str, list[str], bool]]:
    if installed(package) is None:
        return
    for text in importlib.metadata.requires(package) or []:
        name, limits, marker = _REQUIREMENT.match(text).groups()  # type: ignore[union-attr]
        optional = marker is not None and _EXTRA.match(marker.strip()) is not None
        mine = package == "kerato" or not optional
        if mine and (optional or marker is None) and name != package:
            yield name, sorted(filter(None, map(str.strip, limits.split(",")))), optional


def _holds(version: str, limit: str) -> bool:
    said = _LIMIT.match(limit)
    return said is None or _HOLDS[said[1]](numbers(version), numbers(said[2]))
