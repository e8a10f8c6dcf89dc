"""JSON itself: canonical bytes, and what it cannot hold, with the place where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from enum import Enum
from hashlib import sha256
from math import isfinite
from typing import Any

import msgspec

from overnight.codec.annotations import cure_for, name_of_type
from overnight.errors import BadInput

#: The most that the arguments of one call may take as JSON, in bytes.
ARGUMENTS_LIMIT = 1024**2

#: The most that a result may take as JSON, in bytes.
RESULT_LIMIT = 16 * 1024**2

#: How many lists and objects may stand in one another: far from where C encoders recurse too deep.
DEPTH_LIMIT = 100

#: A step into a value: the key of an object, or the position in a list.
Step = str | int

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_TO_BRACKETS = bytes.maketrans(b"[{]}", b"(())")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"')


class Flaw(ValueError):
    """What JSON cannot hold: what is wrong with it ("is no JSON but a lock"), the way to it, and the cure."""

    def __init__(self, what: str, place: tuple[Step, ...], hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.hint = hint


def digest(data: bytes) -> str:
    """Name bytes by the first 32 hex digits of their SHA-256."""
    return sha256(data).hexdigest()[:32]


def read_json(text: str | bytes) -> Any:
    """Read JSON that people wrote: a request's body, a file, an option.

    Raises:
        BadInput: it is no JSON (NaN and Infinity are none), or nested too deep.
    """
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        raise BadInput(f"the JSON is nested more than {DEPTH_LIMIT} levels deep", hint=_DEEP_HINT) from None
    except (msgspec.DecodeError, UnicodeError) as wrong:
        hint = "numbers are finite, names and texts stand in double quotes"
        raise BadInput(f"this is no JSON: {wrong}", hint=hint) from None
    return value


def encode(value: object, *, depth: int = DEPTH_LIMIT, is_sorted: bool = False) -> bytes:
    """Write a JSON value as bytes: no blanks, UTF-8.

    Args:
        value: Lists, dictionaries with text keys, texts, numbers, booleans, None.
        depth: How many lists and objects may stand in one another.
        is_sorted: Keys in order, so that equal values are equal bytes; else as they come.

    Raises:
        Flaw: it is not JSON, and where.
    """
    try:
        data = _write(value, is_sorted=is_sorted).encode()
        if not _is_deeper(data, depth):
            return data
    except (ValueError, TypeError, RecursionError):
        pass  # the encoder knows that something is wrong, not where: the walk below does
    to_plain(value, depth=depth)
    raise Flaw("cannot be written as JSON", (), cure_for(type(value)))


def sort_key(value: object) -> str:
    """Write a JSON value in the one form by which a set is sorted."""
    return _write(value, is_sorted=True)


def _write(value: object, *, is_sorted: bool) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=is_sorted, separators=(",", ":"))


def _is_deeper(data: bytes, depth: int) -> bool:
    """Say whether JSON is nested deeper, without recursion: peel the innermost brackets, layer by layer."""
    if data.count(b"[") + data.count(b"{") <= depth:
        return False
    brackets = _TEXTS.sub(b"", data).translate(_TO_BRACKETS, _NOT_BRACKETS)
    for _ in range(depth):
        brackets = brackets.replace(b"()", b"")
    return bool(brackets)


def to_plain(value: Any, place: tuple[Step, ...] = (), *, depth: int = DEPTH_LIMIT) -> Any:
    """Return a value of no declared type as plain JSON; only what comes back as it was is taken.

    Tuples become lists, and scalars of arrays (numpy, torch) their Python numbers.

    Raises:
        Flaw: something in it is not JSON, and where.
    """
    match value:
        case None | bool():
            return value
        case Enum() if not isinstance(value, str | int | float):
            raise Flaw(f"is no JSON but {name_of_type(type(value))}", place, "pass its value")
        case str():
            return _text(value, place)
        case int():
            return _whole(value, place)
        case float():
            if not isfinite(value):
                raise Flaw(f"is {value}, not a number that JSON knows", place, _NAN_HINT)
            return float(value)
        case list() | tuple():
            _check_depth(place, depth)
            return [to_plain(item, (*place, at), depth=depth) for at, item in enumerate(value)]
        case dict():
            _check_depth(place, depth)
            return {
                _key(key, place): to_plain(item, (*place, str(key)), depth=depth)
                for key, item in value.items()
            }
    if is_scalar(value):
        return to_plain(value.item(), place, depth=depth)
    raise Flaw(f"is no JSON but {name_of_type(type(value))}", place, cure_for(type(value)))


def is_scalar(value: Any) -> bool:
    """Say whether this is a single number or truth value of numpy, torch or one of their kin."""
    return getattr(value, "shape", None) == () and callable(getattr(value, "item", None))


def _check_depth(place: tuple[Step, ...], depth: int) -> None:
    if len(place) >= depth:
        raise Flaw(f"is nested more than {DEPTH_LIMIT} levels deep", place[:1], _DEEP_HINT)


def _text(value: str, place: tuple[Step, ...]) -> str:
    text = str.__str__(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as wrong:
            what = f"has half a character in it, the lone surrogate {text[wrong.start : wrong.end]!a}"
            raise Flaw(what, place, _SURROGATE_HINT) from None
    return text


def _whole(value: int, place: tuple[Step, ...]) -> int:
    number = int(value)
    # 12,900 bits are at most 3,884 digits; Python writes and reads back 4,300.
    if number.bit_length() > 12_900:
        try:
            str(number)
        except ValueError:
            raise Flaw("is a number of too many digits", place, "pass it as text") from None
    return number


def _key(key: object, place: tuple[Step, ...]) -> str:
    if not isinstance(key, str):
        hint = f"annotate it, for instance as dict[{name_of_type(type(key))}, ...], or use texts as keys"
        raise Flaw(f"has the key {key!r}, and in JSON keys are texts", place, hint)
    return _text(key, place)


def say_place(place: Iterable[Step]) -> str:
    """Write the way to a value as Python would: `names[2].age`."""
    words = ""
    for step in place:
        if isinstance(step, int):
            words += f"[{step}]"
        elif _IDENTIFIER.fullmatch(step):
            words += f".{step}" if words else step
        else:
            words += f"[{step!r}]"
    return words


_DEEP_HINT = "flatten it, or write it to a file and pass the path"
_NAN_HINT = "leave it out, or pass None where a number is missing"
_SURROGATE_HINT = (
    "text that came from undecodable bytes: pass the bytes, or decode them with errors='replace'"
)
