"""Which pictures are for training, which for validation and which for testing: decided by their names and a seed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from kerato.errors import InvalidValue, invalid

TRAIN, VALIDATION, TEST = "train", "validation", "test"

PARTS: Final = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
"""Names of folders that are a part, not a class."""

SHARES: Final = (0.15, 0.15)
"""Shares for validation and test of a folder that has no parts."""

Sample = tuple[str, str, str, str]
"""(class, group, id, the part that it lies in or an empty string)"""


def checked_split(split: Any, has_parts: bool) -> tuple[float, float]:
    """Shares of (validation, test): `split`, or what None means.

    Raises:
        InvalidValue: they are no two shares, or leave nothing to train on.
    """
    if split is None:
        return (0.0, 0.0) if has_parts else SHARES
    pair = tuple(split) if isinstance(split, (tuple, list)) else ()
    fits = len(pair) == 2 and all(isinstance(share, (int, float)) for share in pair)
    if not fits or min(pair) < 0 or sum(pair) >= 1:
        raise invalid("pictures", "split", "shares of (validation, test) such as (0.15, 0.15), below 1 together", split)
    return float(pair[0]), float(pair[1])


def place(seed: int, group: str) -> float:
    """A number in [0, 1) that belongs to (seed, group) alone: it decides the part of the group's pictures."""
    digest = hashlib.blake2b(f"{seed}/{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def divide(samples: Sequence[Sample], shares: tuple[float, float], seed: int) -> list[str]:
    """The part of every sample: its own, or for those to train on, one drawn class by class for each group.

    A new sample moves no other, except in a class of so few that a part would stay empty. A class of one group is
    divided by its samples.

    Raises:
        InvalidValue: a share is asked for a part that is there already.
    """
    own = {part for _, _, _, part in samples}
    for share, part in zip(shares, (VALIDATION, TEST), strict=True):
        if share and part in own:
            raise InvalidValue(f"pictures: `split` asks for a share for {part}, and the folder has that part already.")
    groups: dict[str, set[str]] = defaultdict(set)
    for kind, group, _, part in samples:
        if part in ("", TRAIN):
            groups[kind].add(group)
    keys = [group if len(groups[kind]) > 1 else name for kind, group, name, _ in samples]
    classes: dict[str, set[str]] = defaultdict(set)
    for (kind, _, _, part), key in zip(samples, keys, strict=True):
        if part in ("", TRAIN):
            classes[kind].add(key)
    drawn = {kind: _drawn({key: place(seed, key) for key in inside}, shares) for kind, inside in classes.items()}
    return [
        drawn[kind][key] if part in ("", TRAIN) else part for (kind, _, _, part), key in zip(samples, keys, strict=True)
    ]


def _drawn(places: dict[str, float], shares: tuple[float, float]) -> dict[str, str]:
    validation, test = shares
    found = {key: TEST if at < test else VALIDATION if at < test + validation else TRAIN for key, at in places.items()}
    ordered = sorted(places, key=lambda key: places[key])
    if TRAIN not in found.values():
        found[ordered[-1]] = TRAIN
    if test and len(ordered) > 1 and TEST not in found.values():
        found[ordered[0]] = TEST
    return found
