"""What pydantic found wrong, in words for the person who called."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from overnight.codec.plain import Step, say_place

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60

_CLASS = re.compile(r" for <class '[^']*'>")

#: The kind of error that `fitting` raises for what is not plain JSON; its context holds place and hint.
NOT_PLAIN = "not_plain"

#: Where pydantic's words would not say it.
_OWN_WORDS = {"missing": "is missing", "missing_argument": "is missing", "extra_forbidden": "does not exist"}

#: So many complaints are written out; the rest is counted.
_MOST = 5


class Complaint(NamedTuple):
    """What is wrong with arguments, a line each; the first that is, by name; the cure, where one is known."""

    message: str
    field: str
    hint: str | None


def complain(wrong: ValidationError, values: Any) -> Complaint:
    """Say what is wrong with arguments.

    Args:
        wrong: What pydantic says of `(arguments,)`.
        values: The arguments by name, as they were given.
    """
    told: dict[tuple[Step, ...], list[str]] = {}
    given: dict[tuple[Step, ...], str] = {}
    hint = None
    for error in wrong.errors(include_url=False):
        context = error.get("ctx", {}) if error["type"] == NOT_PLAIN else {}
        hint = hint or context.get("hint")
        place = (*_place_in(values, error["loc"][1:]), *context.get("place", ()))
        if error["type"] == "missing" and place[-1:] != error["loc"][-1:]:
            place = (*place, error["loc"][-1])  # what is missing cannot be found in the value
        reasons = told.setdefault(place, [])
        reason = _OWN_WORDS.get(error["type"]) or _reason(error["msg"])
        if reason not in reasons:
            reasons.append(reason)
        if error["type"] not in {NOT_PLAIN, "missing"}:
            given[place] = f" (given: {_short.repr(error['input'])})"
    lines = [
        f"argument {say_place(place)} {' or '.join(reasons)}{given.get(place, '')}"
        for place, reasons in told.items()
    ]
    if len(lines) > _MOST:
        lines[_MOST:] = [f"and {len(lines) - _MOST} more"]
    return Complaint("\n".join(lines), str(next(iter(told))[0]), hint)


def _reason(message: str) -> str:
    """Write a message as the end of a sentence: "should be greater than 0"."""
    message = _CLASS.sub("", message)
    for start in ("Input ", "Value error, ", "Assertion failed, "):
        if message.startswith(start):
            rest = message.removeprefix(start)
            return rest if start == "Input " else f"is refused: {rest}"
    return f"is wrong: {message[:1].lower()}{message[1:]}"


def _place_in(values: Any, location: tuple[int | str, ...]) -> tuple[Step, ...]:
    """Return the steps that are in the value: pydantic's also name the members of unions that were tried."""
    place: list[Step] = []
    for step in location:
        inner = _step_into(values, step)
        if inner is not None or not place:
            place.append(step)
            values = inner[0] if inner else None
    return tuple(place)


def _step_into(value: Any, step: Step) -> tuple[Any] | None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == step or (not isinstance(key, str) and str(key) == step):
                return (item,)
        return None
    if isinstance(step, int):
        items = list(value) if isinstance(value, (list, tuple, set, frozenset)) else []
        return (items[step],) if step < len(items) else None
    return (getattr(value, step),) if step.isidentifier() and hasattr(value, step) else None
