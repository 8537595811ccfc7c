"""Pickles of arrays, read without being unpickled: CIFAR's batches of bytes, and arrays of lists of ints.

Their opcodes are admitted by name, the names that an array needs lead to stand-ins made here, and nothing else in
them can be called.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Iterator
from typing import Any

# What such pickles consist of, whichever Python wrote them. Opcodes that make other objects are not here.
MARKS = {"PROTO", "FRAME", "STOP", "MARK", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"}
ATOMS = {"NONE", "NEWTRUE", "NEWFALSE", "INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2"}
TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
HOLDERS = {"EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
FILLERS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS"}
NAMES = {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}  # resolved by _Reader.find_class alone
OPCODES = MARKS | ATOMS | TEXTS | BYTES | HOLDERS | FILLERS | NAMES

_BY_CODE = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}

WORDS = 2**25  # in one array of lists; the largest read here has 6 million

#: ints one after the other, BININT1, BININT2 and BININT: nearly all of a list's bytes, and nothing to refuse in them
_INTS = re.compile(rb"(?:K.|M..|J.{4})+", re.DOTALL)


class Stand:
    """Stands for an array while its pickle is read: keeps what the pickle says of it, computes nothing."""

    __slots__ = ("body", "fortran", "kind", "shape")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, kind, self.fortran, self.body = state
        self.kind = kind.name if isinstance(kind, _Kind) else None


class _Kind:
    """Stands for a dtype: keeps its name."""

    __slots__ = ("name",)

    def __init__(self, name: object, *_: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        pass


def _stand(*_: object) -> Stand:
    return Stand()


def _latin(text: str, _: str) -> bytes:
    return text.encode("latin-1")


class _Reader(pickle.Unpickler):
    """Resolves the names of NumPy's array pickles to stand-ins, and no other name."""

    def find_class(self, module: str, name: str) -> object:
        stand_ins = {"_reconstruct": _stand, "ndarray": Stand, "dtype": _Kind, "encode": _latin}
        if module.split(".")[0] not in ("numpy", "_codecs") or name not in stand_ins:
            raise pickle.UnpicklingError(f"it names {module}.{name}; only arrays of bytes and lists are read")
        return stand_ins[name]


def content_of(raw: bytes, kind: str) -> Any:
    """What a pickle holds, with a `Stand` for every array; `kind` says what it should be.

    Raises:
        ValueError, pickle.UnpicklingError: it asks for more than such a pickle needs, or breaks off.
    """
    for count, (opcode, argument) in enumerate(_opcodes(raw)):
        if opcode.name not in OPCODES:
            raise ValueError(f"it asks for {opcode.name}, which no {kind} needs")
        # A slot far beyond the last one makes the unpickler take memory for all slots between.
        if opcode.name.endswith("PUT") and int(argument or 0) > count:
            raise ValueError("its memory slots are not in order")
    return _Reader(io.BytesIO(raw), encoding="bytes").load()


def _opcodes(raw: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, Any]]:
    """The opcodes with their arguments, less the runs of ints, of which there are millions."""
    stream = io.BytesIO(raw)
    while True:
        if ints := _INTS.match(raw, stream.tell()):
            stream.seek(ints.end())
        opcode = _BY_CODE.get(stream.read(1))
        if opcode is None:
            raise ValueError(f"its byte {stream.tell():,} is no opcode of a pickle")
        yield opcode, None if opcode.arg is None else opcode.arg.reader(stream)
        if opcode.name == "STOP":
            return


def lists_of(raw: bytes, count: int) -> list[list[int]]:
    """The `count` lists of ints, each in 0..2**31 - 1, in the pickle of an array of such lists.

    Raises:
        ValueError, pickle.UnpicklingError: the bytes are anything but that.
    """
    found = content_of(raw, "array of lists")
    if not isinstance(found, Stand) or found.kind not in ("O8", b"O8", "O4", b"O4"):
        raise ValueError("it holds no array of objects")
    lists: Any = found.body
    if found.shape != (count,) or type(lists) is not list or {*map(type, lists)} - {list} or len(lists) != count:
        raise ValueError(f"it does not hold {count:,} lists")
    if sum(map(len, lists)) > WORDS:  # a list that is named again and again takes few bytes
        raise ValueError(f"its lists hold more than {WORDS:,} numbers")
    for numbers in lists:
        if {*map(type, numbers)} - {int} or not 0 <= min(numbers, default=0) <= max(numbers, default=0) < 2**31:
            raise ValueError("a list holds something else than numbers in 0..2147483647")
    return lists
