"""Restored values: live things that a function changes in place, and what was saved of them."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from hashlib import blake2b
from typing import Any

import msgspec

from overnight.errors import ResumeError, SaveRefused
from overnight.inside.kinds import (
    a,
    is_model,
    is_record,
    model_state,
    record_state,
    set_model_state,
    set_record_state,
)
from overnight.inside.values import decode, encode_at

_DICTS = (dict, Counter, defaultdict, OrderedDict)
_SEQUENCES = (list, bytearray)
_GROUPS = (set, deque)


class Value:
    """A live value that a function restored.

    A save that says nothing new must be known as such, or a job that crashes at the same place for ever
    would seem to move on. Sets are written in an order that changes from process to process; so a value
    that is still what was read is written as the bytes that it was read from.
    """

    def __init__(self, place: str, live: Any, saved: msgspec.Raw | None) -> None:
        """Fill `live` with what was `saved`, if anything was; `place` names it in messages.

        Raises:
            SaveRefused: it could not be saved.
            ResumeError: what was saved does not fit it.
        """
        check(live)
        if saved is not None:
            _fill(live, _read(place, saved), place)
        self._place = place
        self._live = live
        data = encode_at(place, _content(live))
        is_new = saved is None or bytes(saved) == data
        self._saved = None if is_new else saved
        self._unchanged = None if is_new else _digest(data)

    def write(self) -> msgspec.Raw:
        """Return the value as it is now.

        Raises:
            SaveRefused: something was put into it that cannot be saved.
        """
        data = encode_at(self._place, _content(self._live))
        if self._saved is not None:
            if _digest(data) == self._unchanged:
                return self._saved
            self._saved = self._unchanged = None
        return msgspec.Raw(data)


def check(default: Any) -> None:
    """Demand that a value can be filled in place.

    Raises:
        SaveRefused: a new value would be bound to the name instead, and we would never see it.
    """
    cls = type(default)
    if cls in (*_DICTS, *_SEQUENCES, *_GROUPS):
        return
    if is_record(cls) and not cls.__dataclass_params__.frozen:
        return
    if is_model(cls) and not cls.model_config.get("frozen"):
        return
    raise SaveRefused(f"job.restore() cannot follow {a(cls)}: {_why(default)}", hint=_cure(default))


def _why(default: Any) -> str:
    if hasattr(default, "dtype") or hasattr(default, "columns"):
        return "what is computed from it is another one, bound to the same name"
    if isinstance(default, (dict, list, set, deque)):
        return "it is of a class of its own, which may keep more than what it contains"
    return "it does not change, and a new one that is bound to the name would not be seen"


def _cure(default: Any) -> str:
    if hasattr(default, "columns"):
        return "write the frame into job.directory, and keep its path in a dict"
    if isinstance(default, (dict, list, set, deque)):
        return "use the plain dict, list, set or deque, or a dataclass"
    if hasattr(default, "dtype"):
        return "put it in a dict: state = job.restore({'values': array}), then state['values'] = ..."
    if isinstance(default, (int, float, str, tuple, frozenset, bytes, type(None))):
        return "put it in a dict: state = job.restore({'value': ...}), then state['value'] = ..."
    return "use a dict, list, set, Counter, deque, dataclass or pydantic model"


def _read(place: str, saved: msgspec.Raw) -> Any:
    try:
        return decode(saved)
    except Exception as error:
        raise ResumeError(
            f"{place} cannot be read back: {error}",
            hint="a class in it was moved or changed; put it back, or start the work anew with a new job",
        ) from error


def _fill(live: Any, saved: Any, place: str) -> None:
    cls = type(live)
    if type(saved) is not type(_content(live)):
        raise ResumeError(
            f"{place} was saved as {a(type(saved))}, and is now asked for as {a(cls)}",
            hint="give each restored value a name of its own, or start the work anew with a new job",
        )
    if cls in _DICTS:
        live.clear()
        live.update(saved)
    elif cls in _SEQUENCES:
        live[:] = saved
    elif cls is set:
        live.clear()
        live.update(saved)
    elif cls is deque:
        live.clear()
        live.extend(saved)
    elif is_record(cls):
        set_record_state(live, record_state(saved))
    else:
        set_model_state(live, model_state(saved))


def _content(live: Any) -> Any:
    """Return what is saved of a value: what makes the values of a defaultdict may be any function."""
    return dict(live) if type(live) is defaultdict else live


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
