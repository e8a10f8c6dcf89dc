"""The kinds of value that can be saved beside plain JSON, each taken apart and put together again.

Classes are named, never pickled. Reading finds a class by its name, checks that it is of the kind that was
saved, and puts the parts in place without running its code.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo


class Unsavable(Exception):
    """A value cannot be written; `reason` says what and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Kind(NamedTuple):
    """How one kind of value is written: `apart` gives savable parts, `together` makes the value of them."""

    code: int
    apart: Callable[[Any], Any]
    together: Callable[[Any], Any]


def kind_of(cls: type) -> Kind:
    """Return how values of exactly this class are written.

    Raises:
        Unsavable: they cannot be.
    """
    if (known := _known.get(cls)) is not None:
        return known
    for is_one, kind in _FAMILIES:
        if is_one(cls):
            _known[cls] = kind
            return kind
    raise Unsavable(f"{a(cls)} cannot be saved")


def a(cls: type) -> str:
    """Name a class in a sentence: "a threading.Lock", "an int"."""
    name = f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")
    name = _KNOWN_AS.get(name, name)
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


_KNOWN_AS = {"_thread.lock": "threading.Lock", "_thread.RLock": "threading.RLock"}


# -- classes by name ---------------------------------------------------------------------------------


def _name_of(cls: type) -> str:
    name = f"{cls.__module__}:{cls.__qualname__}"
    if "<locals>" in name:
        raise Unsavable(f"{a(cls)} cannot be saved: its class is defined inside a function")
    try:
        is_found = _find(name) is cls
    except (ImportError, AttributeError):
        is_found = False
    if not is_found:
        raise Unsavable(f"{a(cls)} cannot be saved: its class is not found by that name")
    return name


def _find(name: str) -> Any:
    module, _, qualname = name.partition(":")
    # A class that a function imports for itself may not be there yet when its values are read.
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _class_named(name: str, is_one: Callable[[type], bool]) -> Any:
    cls = _find(name)
    if not isinstance(cls, type) or not is_one(cls):
        raise TypeError(f"{name} is not the class that it was")
    return cls


# -- times -------------------------------------------------------------------------------------------


def _zone(zone: tzinfo | None, offset: timedelta | None) -> str | float | None:
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    return None if offset is None else offset.total_seconds()


def _zone_again(zone: str | float | None) -> tzinfo | None:
    if zone is None:
        return None
    return ZoneInfo(zone) if isinstance(zone, str) else timezone(timedelta(seconds=zone))


def _time_apart(value: datetime | time) -> list[Any]:
    naive = value.replace(tzinfo=None, fold=0)
    return [naive.isoformat(), value.fold, _zone(value.tzinfo, value.utcoffset())]


def _time_together(cls: type[datetime] | type[time], parts: list[Any]) -> datetime | time:
    text, fold, zone = parts
    return cls.fromisoformat(text).replace(tzinfo=_zone_again(zone), fold=fold)


# -- classes of the user's ---------------------------------------------------------------------------


def _is_enum(cls: type) -> bool:
    return issubclass(cls, Enum)


def _enum_apart(member: Enum) -> list[Any]:
    cls = type(member)
    if member.name in cls.__members__:
        return [_name_of(cls), member.name, None]
    return [_name_of(cls), None, member.value]  # flags that have no name together


def _enum_together(parts: list[Any]) -> Any:
    cls = _class_named(parts[0], _is_enum)
    return cls(parts[2]) if parts[1] is None else cls[parts[1]]


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_make")


def is_record(cls: type) -> bool:
    """Whether a class is a dataclass whose values are all in its attributes."""
    return dataclasses.is_dataclass(cls) and cls.__new__ is object.__new__


def record_state(value: Any) -> dict[str, Any]:
    """Return all attributes of a dataclass, those that are not fields included."""
    state = dict(getattr(value, "__dict__", {}))
    for field in dataclasses.fields(value):
        if hasattr(value, field.name):
            state[field.name] = getattr(value, field.name)
    return state


def set_record_state(value: Any, state: dict[str, Any]) -> None:
    """Set attributes of a dataclass; frozen ones too, and without its own code."""
    has_more = hasattr(value, "__dict__")
    fields = {field.name for field in dataclasses.fields(value)}
    for name, part in state.items():
        if has_more or name in fields:
            object.__setattr__(value, name, part)


def _record_together(parts: list[Any]) -> Any:
    cls = _class_named(parts[0], is_record)
    value = object.__new__(cls)
    for field in dataclasses.fields(cls):  # fields that the class got since then
        if field.default is not dataclasses.MISSING:
            object.__setattr__(value, field.name, field.default)
        elif field.default_factory is not dataclasses.MISSING:
            object.__setattr__(value, field.name, field.default_factory())
    set_record_state(value, parts[1])
    return value


def is_model(cls: type) -> bool:
    """Whether a class is a pydantic model."""
    # Not imported here: it costs 50 ms, and a program that has not loaded it has no models.
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def model_state(value: Any) -> list[Any]:
    """Return fields, extras, names of the fields that were set, and private attributes of a model."""
    state = value.__getstate__()
    return [
        {name: part for name, part in state["__dict__"].items() if name in type(value).model_fields},
        state["__pydantic_extra__"],
        sorted(state["__pydantic_fields_set__"]),
        state["__pydantic_private__"],
    ]


def set_model_state(value: Any, state: list[Any]) -> None:
    """Set all that `model_state` returned; fields that the class got since then have their defaults."""
    fields, extra, were_set, private = state
    known = type(value).model_fields
    missing = {
        name: field.get_default(call_default_factory=True)
        for name, field in known.items()
        if name not in fields and not field.is_required()
    }
    found = {**fields, **missing}
    value.__setstate__(
        {
            "__dict__": {name: found[name] for name in known if name in found},
            "__pydantic_extra__": extra,
            "__pydantic_fields_set__": set(were_set),
            "__pydantic_private__": private,
        }
    )


def _model_together(parts: list[Any]) -> Any:
    name, *state = parts
    cls = _class_named(name, is_model)
    value = cls.__new__(cls)
    set_model_state(value, state)
    return value


# -- numpy -------------------------------------------------------------------------------------------


def _is_numpy(cls: type) -> bool:
    # Not a dependency: a program that has not loaded it has no arrays.
    numpy = sys.modules.get("numpy")
    return numpy is not None and (cls is numpy.ndarray or issubclass(cls, numpy.generic))


def _numpy_apart(value: Any) -> list[Any]:
    if value.dtype.hasobject:
        raise Unsavable("an array of Python objects cannot be saved: use a list")
    file = io.BytesIO()
    sys.modules["numpy"].save(file, value, allow_pickle=False)
    return [file.getvalue(), value.ndim == 0]


def _numpy_together(parts: list[Any]) -> Any:
    array = importlib.import_module("numpy").load(io.BytesIO(parts[0]), allow_pickle=False)
    return array[()] if parts[1] else array


# -- the table ---------------------------------------------------------------------------------------


def _makes_defaults(cls: type) -> bool:
    return cls in _DEFAULTS or is_record(cls) or is_model(cls)


_DEFAULTS = (dict, list, set, int, float, str, bool, bytes, tuple, Counter, OrderedDict, defaultdict, deque)


def _default_dict_apart(value: defaultdict[Any, Any]) -> list[Any]:
    factory = value.default_factory
    if factory is not None and not (isinstance(factory, type) and _makes_defaults(factory)):
        raise Unsavable("a defaultdict is saved only if its values are made by list, int and the like")
    return [None if factory is None else _name_of(factory), dict(value)]


def _default_dict_together(parts: list[Any]) -> defaultdict[Any, Any]:
    factory = None if parts[0] is None else _class_named(parts[0], _makes_defaults)
    return defaultdict(factory, parts[1])


_PATHS = {cls.__name__: cls for cls in (PosixPath, WindowsPath, PurePosixPath, PureWindowsPath)}


def _path_together(parts: list[str]) -> PurePath:
    cls: type[PurePath] = _PATHS[parts[0]]
    return Path(parts[1]) if issubclass(cls, Path) else cls(parts[1])


_PATH = Kind(17, lambda value: [type(value).__name__, str(value)], _path_together)

_EXACT: dict[type, Kind] = {
    tuple: Kind(2, list, tuple),
    set: Kind(3, list, set),
    frozenset: Kind(4, list, frozenset),
    Counter: Kind(5, dict, Counter),
    OrderedDict: Kind(6, dict, OrderedDict),
    defaultdict: Kind(7, _default_dict_apart, _default_dict_together),
    deque: Kind(8, lambda value: [list(value), value.maxlen], lambda parts: deque(*parts)),
    bytearray: Kind(9, bytes, bytearray),
    complex: Kind(10, lambda value: [value.real, value.imag], lambda parts: complex(*parts)),
    Decimal: Kind(11, str, Decimal),
    UUID: Kind(12, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    datetime: Kind(13, _time_apart, lambda parts: _time_together(datetime, parts)),
    date: Kind(14, date.isoformat, date.fromisoformat),
    time: Kind(15, _time_apart, lambda parts: _time_together(time, parts)),
    timedelta: Kind(
        16,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: timedelta(*parts),
    ),
    **dict.fromkeys(_PATHS.values(), _PATH),
}

_FAMILIES: list[tuple[Callable[[type], bool], Kind]] = [
    (_is_enum, Kind(20, _enum_apart, _enum_together)),
    (
        _is_named_tuple,
        Kind(
            21,
            lambda value: [_name_of(type(value)), list(value)],
            lambda parts: _class_named(parts[0], _is_named_tuple)._make(parts[1]),
        ),
    ),
    (is_record, Kind(22, lambda value: [_name_of(type(value)), record_state(value)], _record_together)),
    (is_model, Kind(23, lambda value: [_name_of(type(value)), *model_state(value)], _model_together)),
    (_is_numpy, Kind(24, _numpy_apart, _numpy_together)),
]

_known = dict(_EXACT)

#: A dict whose keys are more than text and numbers.
PAIRS = Kind(1, lambda value: [[key, each] for key, each in value.items()], dict)

#: A whole number that does not fit into 64 bits.
LONG = Kind(
    25,
    lambda value: value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True),
    lambda data: int.from_bytes(data, "little", signed=True),
)

#: Text that is not Unicode: file names in no encoding, as Python spells them.
TEXT = Kind(
    26,
    lambda value: value.encode("utf-8", "surrogatepass"),
    lambda data: data.decode("utf-8", "surrogatepass"),
)

BY_CODE = {
    kind.code: kind for kind in (*_EXACT.values(), *(kind for _, kind in _FAMILIES), PAIRS, LONG, TEXT)
}
