"""Functions become tasks: what can, under which name, and the list of those that did."""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, Unpack, overload

from overnight.errors import BadOption, BadTask
from overnight.options import CALL_OPTIONS, TASK_OPTIONS, Options, TaskOptions, merge
from overnight.sources import Source
from overnight.tasks.calling import Task

P = ParamSpec("P")
R = TypeVar("R")


class _Declare(Protocol):
    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...


@overload
def task(function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, Coroutine[Any, Any, R], R]: ...
@overload
def task(function: Callable[P, R], /) -> Task[P, R, R]: ...
@overload
def task(**options: Unpack[TaskOptions]) -> _Declare: ...
def task(function: Callable[..., Any] | None = None, /, **options: Unpack[TaskOptions]) -> Any:
    """Declare a function a task, with or without options.

    Raises:
        BadTask: no worker could find it by its name, or call it with JSON, or its name is taken.
        BadOption: there is no such option, or it does not take that value.
    """
    for option in options.keys() & (CALL_OPTIONS - TASK_OPTIONS):
        raise BadOption(
            f"option {option!r} belongs to a call, not to the task",
            hint=f"write .with_options({option}=...).submit(...) where it is called",
        )
    name = options.get("name")
    checked = merge(Options(), {option: value for option, value in options.items() if option != "name"})

    def declare(function: Callable[P, Any]) -> Task[P, Any, Any]:
        declared = make_task(function, name=name, options=checked, is_declared=True)
        _register(declared)
        return declared

    return declare if function is None else declare(function)


def make_task(
    function: Callable[P, Any],
    *,
    is_declared: bool,
    name: str | None = None,
    options: Options = Options(),  # noqa: B008 - frozen
) -> Task[P, Any, Any]:
    """Make a task of a function.

    Raises:
        BadTask: a worker could not find it by its name, or not call it.
        BadOption: the name is none.
    """
    check_function(function)
    source = Source.of(function)
    if name is None:
        name = f"{source.module}.{function.__name__}"
    elif not _NAME.fullmatch(str(name)):
        raise BadOption(f"name={name!r}: expected letters, digits, '_', '-' and '.', at most 200 in all")
    made: Task[P, Any, Any] = Task(
        function, name=name, source=source, options=options, is_declared=is_declared
    )
    made.signature.check()
    return made


_NAME = re.compile(r"[\w.-]{1,200}")


def check_function(function: Any) -> None:
    """Refuse what a worker could not find by its name, or could not call."""
    name = getattr(function, "__qualname__", None) or repr(function)
    if isinstance(function, Task):
        raise BadTask(f"{function.name} is a task already", hint="leave one @task out")
    if isinstance(function, type):
        raise BadTask(
            f"class {name} is no function", hint=f"write a function that makes a {name} and uses it"
        )
    if isinstance(function, (types.MethodType, staticmethod, classmethod)):
        raise BadTask(f"{name} is a method", hint=_METHOD)
    if not isinstance(function, types.FunctionType):
        raise BadTask(
            f"{name} is no function written in Python but {type(function).__name__}",
            hint="write a function that calls it; options go by their names: @task(name=...)",
        )
    if function.__name__ == "<lambda>":
        raise BadTask("a lambda has no name that a worker could find", hint="write it with def, in a file")
    if "<locals>" in name:
        raise BadTask(
            f"{name} is made inside another function, where no worker can find it",
            hint="move it to the top of its file; a decorator between wants functools.wraps",
        )
    if "." in name:
        raise BadTask(f"{name} is a method", hint=_METHOD)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise BadTask(
            f"{name} yields, and a job has one result",
            hint="return a list, or write a file and return its path; track() shows progress",
        )


_METHOD = "write a function beside the class; what the object holds comes as arguments"


#: By the key of the source, then by name.
_declared: dict[str, dict[str, Task[Any, Any, Any]]] = {}


def _register(declared: Task[Any, Any, Any]) -> None:
    siblings = _declared.setdefault(declared.source.key, {})
    known = siblings.get(declared.name)
    if known is not None and _are_two(known.function, declared.function):
        raise BadTask(
            f"{declared.name} is declared twice: {_place(known.function)} and {_place(declared.function)}",
            hint="rename one of them, or give it a name of its own: @task(name=...)",
        )
    siblings[declared.name] = declared


def _are_two(first: Callable[..., Any], second: Callable[..., Any]) -> bool:
    """Say whether two functions stand in their file side by side; else one is the other's newer text."""
    if _place(first) == _place(second):
        return False
    try:
        written = ast.parse(Path(inspect.unwrap(second).__code__.co_filename).read_bytes())
    except (OSError, SyntaxError):
        return False  # the file is gone or half edited: what runs now is the newer one
    places = {
        (node.name, min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]))
        for node in ast.walk(written)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return {(it.__name__, _line(it)) for it in (first, second)} <= places


def _line(function: Callable[..., Any]) -> int:
    line: int = inspect.unwrap(function).__code__.co_firstlineno
    return line


def _place(function: Callable[..., Any]) -> str:
    return f"{inspect.unwrap(function).__code__.co_filename}:{_line(function)}"


def declared_in(source: Source) -> Mapping[str, Task[Any, Any, Any]]:
    """Return the tasks of a source that were declared so far, by name."""
    return _declared.get(source.key, {})
