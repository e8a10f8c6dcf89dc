"""What an annotation promises, and which can never be JSON.

This is the part that runs at decoration: it looks at classes and asks no pydantic, whose import alone costs
40 to 70 ms. What it cannot judge is left to the first use of the task.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import io
import sys
import types
import typing
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Annotated, Any, TypeVar, get_args, get_origin

_ITERATORS = (collections.abc.Iterator, collections.abc.AsyncIterable, collections.abc.Awaitable)
_CALLABLES = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_CALLABLE: Any = collections.abc.Callable
_HANDLES = (io.IOBase, typing.IO)

_FUNCTION = "pass its name as text, and choose the function inside the task"
_FILE = "pass a path, and open it inside the task"
_ITERATOR = "pass a list, or a path to read from inside the task"
_MADE_INSIDE = "make it inside the task"
_DATA = "write it to a file and pass its path"
_CONNECTION = "pass an address, and connect inside the task"
_SECRET = "arguments can be read by everybody who sees the job: pass its name, and read it inside the task"
_OTHER = "pass a path, or what it is made from: numbers, texts, lists, a dataclass, a pydantic model"

#: Cures by the package that a class comes from.
_CURES = {
    package: cure
    for cure, packages in {
        _MADE_INSIDE: "_thread threading multiprocessing _multiprocessing queue _queue asyncio concurrent",
        _DATA: "pandas polars pyarrow numpy xarray dask vaex scipy PIL torch tensorflow keras jax "
        "jaxlib sklearn",
        _CONNECTION: "sqlite3 _sqlite3 pysqlite3 sqlalchemy psycopg psycopg2 asyncpg pymongo redis socket "
        "_socket ssl httpx requests aiohttp",
    }.items()
    for package in packages.split()
}


def name_of_type(kind: Any) -> str:
    """Write a class as people know it: "int", "pandas.DataFrame"."""
    if not isinstance(kind, type) or isinstance(kind, types.GenericAlias):
        return str(kind).replace("typing.", "").replace("collections.abc.", "")
    root = kind.__module__.partition(".")[0]
    return kind.__qualname__ if root in {"builtins", "__main__"} else f"{root}.{kind.__qualname__}"


def cure_for(kind: type) -> str:
    """Say what to pass instead of a value of this class."""
    if issubclass(kind, (*_CALLABLES, partial)) or kind is _CALLABLE:
        return _FUNCTION
    if issubclass(kind, _HANDLES):
        return _FILE
    if issubclass(kind, type):
        return "pass its name as text"
    for ancestor in kind.__mro__:
        cure = _CURES.get(ancestor.__module__.partition(".")[0])
        if cure is not None:
            return cure
    return _ITERATOR if issubclass(kind, _ITERATORS) else _OTHER


def objection_to(annotation: Any) -> tuple[str, str] | None:
    """Say why values of this annotation can never be JSON, and the cure; None where they can, or might.

    Args:
        annotation: A resolved annotation; one that is still text, or a name nobody knows yet, is not judged.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        return objection_to(get_args(annotation)[0])
    if origin is typing.Literal:
        return None
    if isinstance(
        annotation, _CALLABLES
    ):  # `any` for Any; and until Python 3.13 threading.Lock is a function
        package = (annotation.__module__ or "").partition(".")[0]
        return f"{annotation.__qualname__} is no type", _CURES.get(package, "name a class there, or Any")
    if is_union(annotation):
        members = get_args(annotation)
        if str in members and bytes in members:
            return "in JSON, text and bytes look the same", "take one of the two"
    elif isinstance(origin or annotation, type):
        kind = origin or annotation
        if kind.__module__ == "pydantic.types" and kind.__name__.startswith("Secret"):
            return "it would be written down as stars", _SECRET
        if not _may_be_json(kind):
            return f"{name_of_type(annotation)} cannot be written as JSON", cure_for(kind)
    for member in get_args(annotation):
        objection = objection_to(member)
        if objection is not None:
            return objection
    return None


def is_union(annotation: Any) -> bool:
    """Say whether an annotation is a union, in either spelling."""
    return get_origin(annotation) in {typing.Union, types.UnionType}


def _may_be_json(kind: type) -> bool:
    if (
        kind is object
        or hasattr(kind, "__get_pydantic_core_schema__")
        or hasattr(kind, "__pydantic_core_schema__")
    ):
        return True
    if dataclasses.is_dataclass(kind) or issubclass(
        kind, (Enum, str, int, float, bytes, list, tuple, dict, set)
    ):
        return True
    if cure_for(kind) is not _OTHER:
        return False
    package = kind.__module__.partition(".")[0]
    return package in sys.stdlib_module_names or package == "pydantic_core"  # pydantic will say, at first use


class Unresolved(Exception):
    """An annotation names something that does not exist when the program runs."""

    def __init__(self, text: str, missing: str) -> None:
        super().__init__(f"annotation {text!r}: {missing}")


def resolve(annotation: Any, function: Callable[..., Any]) -> Any:
    """Return an annotation of a function with its texts and forward references replaced by what they name.

    Raises:
        Unresolved: it names something that does not exist (yet).
    """
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        names = inspect.unwrap(function).__globals__
        return typing.get_type_hints(holder, globalns=names, include_extras=True)["it"]
    except (NameError, AttributeError, TypeError, SyntaxError) as wrong:
        raise Unresolved(str(annotation), str(wrong)) from None


def is_anything(annotation: Any) -> bool:
    """Say whether an annotation promises nothing about its values."""
    if isinstance(annotation, TypeVar):
        return annotation.__bound__ is None and not annotation.__constraints__
    if isinstance(annotation, typing.ParamSpecArgs | typing.ParamSpecKwargs):
        return True
    return annotation in (inspect.Parameter.empty, Any, object)
