"""Saved values as bytes and back: each comes back equal, and as what it was.

They are written as msgpack; what msgpack does not know goes into an extension that carries its parts.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.msgpack import Decoder, Encoder, Ext

from overnight.errors import SaveRefused
from overnight.inside.kinds import BY_CODE, LONG, PAIRS, TEXT, Unsavable, kind_of

#: A value that nests deeper than this contains itself, or nobody can read it.
_DEEPEST = 100

#: What msgpack writes as it is; containers of nothing else go to C in one piece, at some 30 ns an element.
_AS_IS: frozenset[type] = frozenset({str, int, float, bool, type(None), bytes})

_write = Encoder().encode


def encode(value: Any) -> bytes:
    """Write a value.

    Raises:
        Unsavable: something in it cannot be written.
    """
    try:
        return _write(_Packer(_AS_IS).pack(value))
    except (OverflowError, UnicodeEncodeError):
        # Somewhere is a whole number beyond 64 bits, or text that is not Unicode: look at each of them.
        return _write(_Packer(_AS_IS - {int, str}).pack(value))


def encode_at(place: str, value: Any) -> bytes:
    """Write a value; a refusal says where in it the trouble is.

    Args:
        place: where the value itself is: "restore('seen')".
        value: the value.

    Raises:
        SaveRefused: something in it cannot be written.
    """
    try:
        return encode(value)
    except _TooDeep as error:
        raise SaveRefused(f"{place}: {error.reason}", hint=_CURE) from None
    except Unsavable as error:
        raise SaveRefused(f"{place}{_way_to_fault(value)}: {error.reason}", hint=_CURE) from None


def decode(data: Any) -> Any:
    """Read a value back.

    Raises:
        Exception: the bytes are no value, or a class that they name is not there any more.
    """
    return _decoder.decode(data)


class _TooDeep(Unsavable):
    """A value nests too deeply."""


class _Packer:
    """Turns a value into what msgpack can write, and leaves as it is what can stay so."""

    def __init__(self, as_is: frozenset[type]) -> None:
        self._as_is = as_is
        self._depth = 0

    def pack(self, value: Any) -> Any:
        """Return the value, or a copy in which extensions stand for what msgpack does not know.

        Raises:
            Unsavable: something in it cannot be written.
        """
        cls = type(value)
        if cls in self._as_is:
            return value
        if cls is list:
            return self._pack_list(value)
        if cls is dict:
            return self._pack_dict(value)
        if cls is int:
            return value if -(2**63) <= value < 2**64 else Ext(LONG.code, _write(LONG.apart(value)))
        if cls is str:
            return value if _is_unicode(value) else Ext(TEXT.code, _write(TEXT.apart(value)))
        kind = kind_of(cls)
        return Ext(kind.code, _write(self.pack(kind.apart(value))))

    def _pack_list(self, value: list[Any]) -> list[Any]:
        if self._as_is.issuperset(map(type, value)):
            return value
        self._descend()
        packed = [self.pack(each) for each in value]
        self._depth -= 1
        return packed

    def _pack_dict(self, value: dict[Any, Any]) -> Any:
        if not self._as_is.issuperset(map(type, value)):
            return Ext(PAIRS.code, _write(self.pack(PAIRS.apart(value))))
        if self._as_is.issuperset(map(type, value.values())):
            return value
        self._descend()
        packed = {key: self.pack(each) for key, each in value.items()}
        self._depth -= 1
        return packed

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeep(f"a value nests deeper than {_DEEPEST} levels, or contains itself")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _revive(code: int, data: memoryview) -> Any:
    return BY_CODE[code].together(_decoder.decode(data))


_decoder = Decoder(ext_hook=_revive)


def _way_to_fault(value: Any) -> str:
    """Return the way from a value to what in it cannot be written: "['users'][3].lock"."""
    for step, part in _parts(value):
        try:
            encode(part)
        except Unsavable:
            return step + _way_to_fault(part)
    return ""


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield f"[{key!r}]", part
            yield f", the key {key!r}", key
    elif isinstance(value, (list, tuple, deque)):
        for index, part in enumerate(value):
            yield f"[{index}]", part
    elif isinstance(value, (set, frozenset)):
        for part in value:
            yield ", in the set", part
    elif dataclasses.is_dataclass(value) or hasattr(value, "__pydantic_fields__"):
        for name, part in vars(value).items() if hasattr(value, "__dict__") else _slots(value):
            yield f".{name}", part


def _slots(value: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(value):
        yield field.name, getattr(value, field.name, None)


_CURE = (
    "saved state takes what JSON knows, and sets, tuples, bytes, dates, Decimal, UUID, Enum, Path, arrays, "
    "dataclasses and pydantic models; make the rest anew from these, or keep it in a file in job.directory"
)
