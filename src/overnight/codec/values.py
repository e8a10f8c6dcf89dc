"""Checked Python values on their way to JSON: relative paths and unordered sets mean the same everywhere."""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from pathlib import Path
from typing import Any

from overnight.codec.plain import Step, sort_key

_LEAVES = frozenset({str, int, float, bool, type(None), bytes})


def absolute(value: Any) -> Any:
    """Return a value with the relative paths in it made absolute, from the current directory."""
    if type(value) in _LEAVES:
        return value
    match value:
        case Path():
            return value if value.is_absolute() else value.absolute()
        case deque():
            return deque(map(absolute, value), value.maxlen)
        case tuple():
            items = map(absolute, value)
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        case list() | set() | frozenset():
            return type(value)(map(absolute, value))
        case dict():
            changed = copy.copy(value)  # a defaultdict keeps its factory
            changed.clear()
            for key, item in value.items():  # not update(): a Counter would count the pairs
                changed[absolute(key)] = absolute(item)
            return changed
    fields = _fields_of(value)
    if not fields:
        return value
    changed = copy.copy(value)
    for name in fields:
        # The caller's own object stays as it is; the copy may be frozen, and is not known to anybody yet.
        object.__setattr__(changed, name, absolute(getattr(value, name)))
    return changed


def ordered(value: Any, written: Any) -> Any:
    """Return what a value was written as, with its sets sorted.

    Args:
        value: The value in Python.
        written: The same as JSON, in which a set is a list in the order of hashes, which differs by process.
    """
    match value, written:
        case (set() | frozenset(), list()):
            return sorted(map(ordered, value, written), key=sort_key)
        case (list() | tuple() | deque(), list()):
            return list(map(ordered, value, written))
        case (dict(), dict()) if len(value) == len(written):
            return {
                key: ordered(item, written[key]) for item, key in zip(value.values(), written, strict=True)
            }
        case (_, dict()):
            fields = _fields_of(value)
            return {
                key: ordered(getattr(value, key), it) if key in fields else it for key, it in written.items()
            }
    return written


def _fields_of(value: Any) -> list[str]:
    """Name the fields of a dataclass or a pydantic model that are set; of anything else, none."""
    if isinstance(value, type):
        return []
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]
    return list(getattr(type(value), "model_fields", ()))


def find_narrowed(value: Any, back: Any) -> tuple[tuple[Step, ...], Any] | None:
    """Find an object that comes back from JSON as another class: of a Circle only what a Shape has.

    Returns:
        The way to it, and the object; None where all objects come back as what they are.
    """
    if type(value) in _LEAVES:
        return None
    match value, back:
        case (list() | tuple() | deque(), list() | tuple() | deque()):
            pairs: Any = ((at, one, other) for at, (one, other) in enumerate(zip(value, back, strict=False)))
        case (dict(), dict()):
            pairs = ((str(key), item, back.get(key)) for key, item in value.items())
        case _:
            fields = _fields_of(value)
            if fields and type(value) is not type(back):
                return (), value
            pairs = ((name, getattr(value, name), getattr(back, name, None)) for name in fields)
    for step, one, other in pairs:
        found = find_narrowed(one, other)
        if found is not None:
            return (step, *found[0]), found[1]
    return None


def place_of(value: Any, part: Any) -> tuple[Step, ...]:
    """Return the steps that lead from a value to a part of it; none where they cannot be told."""
    if isinstance(value, dict):
        inner: list[tuple[Step, Any]] = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        inner = list(enumerate(value))
    else:
        inner = [(name, getattr(value, name)) for name in _fields_of(value)]
    for step, item in inner:
        if item is part:
            return (step,)
        rest = place_of(item, part)
        if rest:
            return (step, *rest)
    return ()
