"""Annotations as pydantic needs them, so that nothing changes on its way through JSON.

Where an annotation promises nothing (`Any`, a bare `dict`), only plain JSON is taken: a date in it would come
out as text, without a word.
"""

from __future__ import annotations

import collections.abc
import sys
import types
import typing
from collections.abc import Hashable
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

import typing_extensions
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from overnight.codec.annotations import is_anything, is_union
from overnight.codec.complaints import NOT_PLAIN
from overnight.codec.plain import Flaw, to_plain


def _check_plain(value: Any) -> Any:
    try:
        return to_plain(value)
    except Flaw as flaw:
        told = {"what": flaw.what, "place": flaw.place, "hint": flaw.hint}
        raise PydanticCustomError(NOT_PLAIN, "Input {what}", told) from None


#: Whatever JSON can hold, and nothing else.
PlainJson = Annotated[Any, AfterValidator(_check_plain)]

#: What a class without parameters holds.
_BARE: dict[Any, Any] = {
    list: list[PlainJson],
    dict: dict[str, PlainJson],
    tuple: tuple[PlainJson, ...],
    set: set[PlainJson],
    frozenset: frozenset[PlainJson],
    collections.abc.Sequence: collections.abc.Sequence[PlainJson],
    collections.abc.Mapping: collections.abc.Mapping[str, PlainJson],
    collections.abc.MutableSequence: list[PlainJson],
    collections.abc.MutableMapping: dict[str, PlainJson],
}

#: What can only be walked through comes as a list.
_WALKED = (collections.abc.Iterable, collections.abc.Collection, collections.abc.Container)


def fit(annotation: Any) -> Any:
    """Return an annotation of the same meaning that pydantic reads and writes faithfully."""
    if is_anything(annotation):
        return PlainJson
    if isinstance(annotation, typing.TypeVar):
        return Union[tuple(map(fit, annotation.__constraints__ or (annotation.__bound__,)))]  # noqa: UP007
    if isinstance(annotation, typing.NewType):
        return fit(annotation.__supertype__)
    origin, members = get_origin(annotation), get_args(annotation)
    kind = origin or annotation
    if kind in _WALKED:
        return list[fit(members[0])] if members else list[PlainJson]  # type: ignore[misc] # made at run time
    if not members:
        return _BARE.get(kind) or _of_this_version(annotation)
    if origin is typing.Literal:
        return _literal(annotation, members)
    if origin is Annotated:
        return Annotated[(fit(members[0]), *members[1:])]
    if is_union(annotation):
        return Union[tuple(map(fit, members))]  # noqa: UP007
    fitting = tuple(member if member is Ellipsis else fit(member) for member in members)
    if isinstance(annotation, types.GenericAlias):
        return types.GenericAlias(kind, fitting)
    rebuild = getattr(annotation, "copy_with", None)
    return rebuild(fitting) if rebuild else annotation


def _literal(annotation: Any, members: tuple[Any, ...]) -> Any:
    """Return a literal whose members of enumerations are known by their values, as everywhere in JSON."""
    by_value = {member.value: member for member in members if isinstance(member, Enum)}
    if not by_value:
        return annotation

    def to_member(value: Any) -> Any:
        return by_value.get(value, value) if isinstance(value, Hashable) else value

    return Annotated[annotation, BeforeValidator(to_member)]


def _of_this_version(kind: Any) -> Any:
    """Return a TypedDict as pydantic can read it: before Python 3.12 it takes none of `typing`'s own."""
    if sys.version_info >= (3, 12) or not typing.is_typeddict(kind) or type(kind).__module__ != "typing":
        return kind
    fields = {}
    for name, annotation in typing.get_type_hints(kind, include_extras=True).items():
        is_said = get_origin(annotation) in {typing.Required, typing.NotRequired}
        field = get_args(annotation)[0] if is_said else annotation
        is_required = get_origin(annotation) is typing.Required if is_said else name in kind.__required_keys__
        fitting = fit(field)
        fields[name] = typing.Required[fitting] if is_required else typing.NotRequired[fitting]
    made: Any = typing_extensions.TypedDict
    return made(kind.__name__, fields)
