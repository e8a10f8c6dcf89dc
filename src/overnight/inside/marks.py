"""Marks: how a loop that goes on knows that its items are still the same ones.

Beside its position a resumable loop saves the mark of one item. Only items that a function cannot have
changed meanwhile are marked; the others count as the same.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from itertools import chain, islice
from pathlib import PurePath
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec

from overnight.errors import ResumeError
from overnight.inside.kinds import Unsavable, a
from overnight.inside.values import encode

T = TypeVar("T")

#: What cannot change, or would not be the same item if it did; tuples of them are looked into.
_FIXED = (
    str, int, float, bool, type(None), bytes, complex,
    date, datetime, time, timedelta, Decimal, UUID, Enum, PurePath,
)  # fmt: skip

_END: Any = object()


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """What an item looked like: its index, a digest, and words for people."""

    index: int
    digest: bytes
    words: str


def mark_of(item: Any, index: int) -> Mark | None:
    """Return the mark of an item, or None if its looks say nothing."""
    if not _is_fixed(item):
        return None
    try:
        data = encode(item)
    except Unsavable:
        return None
    return Mark(index, blake2b(data, digest_size=8).digest(), _words(item))


def skip(items: Iterable[Any], count: int, mark: Mark | None) -> Iterator[Any]:
    """Return an iterator over what comes behind the first `count` items.

    A sequence is entered in the middle, in no time; other iterables are run through.

    Raises:
        ResumeError: the items are not those that bore the mark.
    """
    if isinstance(items, Sequence) and not isinstance(items, deque):  # a deque is slow in its middle
        _check_count(len(items), count)
        if mark is not None:
            _check(mark, items[mark.index] if mark.index < len(items) else _END)
        return _enter(items, count)
    iterator = iter(items)
    before = count if mark is None else mark.index
    numbers = itertools.count()
    deque(zip(islice(iterator, before), numbers, strict=False), maxlen=0)  # in C: 15 ns an item, not 50
    passed = next(numbers)
    if passed < before:
        _check_count(passed, count)
    if mark is None:
        return iterator
    marked = next(iterator, _END)
    _check(mark, marked)
    return iterator if mark.index < count else chain([marked], iterator)


async def skip_async(items: AsyncIterator[T], count: int, mark: Mark | None) -> list[T]:
    """Let an asynchronous iterator run through its first `count` items; return what was looked at beyond.

    Raises:
        ResumeError: the items are not those that bore the mark.
    """
    for index in range(count):
        item = await anext(items, _END)
        _check_passed(item, index, count, mark)
    if mark is None or mark.index < count:
        return []
    marked = await anext(items, _END)
    _check(mark, marked)
    return [marked]


def _check_passed(item: Any, index: int, count: int, mark: Mark | None) -> None:
    if item is _END:
        _check_count(index, count)
    if mark is not None and mark.index == index:
        _check(mark, item)


def _enter(items: Sequence[T], count: int) -> Iterator[T]:
    iterator = iter(items)
    if count == 0:
        return iterator
    if type(items) in (list, tuple, range, str, bytes):
        # Their iterators go to any place at once, and a list may still grow while it is worked off.
        cast(Any, iterator).__setstate__(count)
        return iterator
    return (items[index] for index in _indexes(items, count))


def _indexes(items: Sequence[Any], start: int) -> Iterator[int]:
    while start < len(items):
        yield start
        start += 1


def _is_fixed(item: Any) -> bool:
    if isinstance(item, tuple):
        return all(map(_is_fixed, item))
    return isinstance(item, _FIXED)


def _words(item: Any) -> str:
    try:
        text = repr(item[:60] if isinstance(item, (str, bytes)) else item)
    except Exception:  # a huge number, or a class of the user's: the words are for people, and may be fewer
        return a(type(item))
    return text if len(text) <= 60 else text[:57] + "..."


def _check_count(found: int, done: int) -> None:
    if found < done:
        raise ResumeError(
            f"the items are not the same any more: {done} were done, now there are only {found}", hint=_CURE
        )


def _check(mark: Mark, item: Any) -> None:
    now = "there is none" if item is _END else f"{_words(item)}"
    seen = None if item is _END else mark_of(item, mark.index)
    if seen is None or seen.digest != mark.digest:
        raise ResumeError(
            f"the items are not the same any more: item {mark.index + 1} was {mark.words}, now {now}",
            hint=_CURE,
        )


_CURE = (
    "give track(...) the same items in the same order at every start, for instance sorted(...), "
    "or start the work anew with a new job"
)
