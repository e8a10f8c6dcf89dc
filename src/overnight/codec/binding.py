"""The call of a function as values by name, and back."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any, NoReturn, get_args, get_origin

from overnight.errors import BadInput
from overnight.options import CALL_OPTIONS, FOREIGN

#: A description of the call in a hint is cut here.
_LONGEST = 300


class Parameters:
    """What a function can be called with.

    By name, `*args` is one list under its own name and `**kwargs` one object under its own.

    Args:
        function: A plain function.
        name: What messages call it.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        signature = inspect.signature(function)
        self._name = name
        #: How it is called, for hints.
        self.usage = f"call it as {function.__name__}{_as_written(signature)}"[:_LONGEST]
        self.result: Any = signature.return_annotation
        self.by_name: dict[str, Parameter] = dict(signature.parameters)
        self._positional: list[str] = []
        self._nameless: set[str] = set()
        self._args: str | None = None
        self._kwargs: str | None = None
        for parameter in self.by_name.values():
            match parameter.kind:
                case Parameter.POSITIONAL_ONLY:
                    self._positional.append(parameter.name)
                    self._nameless.add(parameter.name)
                case Parameter.POSITIONAL_OR_KEYWORD:
                    self._positional.append(parameter.name)
                case Parameter.VAR_POSITIONAL:
                    self._args = parameter.name
                case Parameter.VAR_KEYWORD:
                    self._kwargs = parameter.name
        self.gathering = [name for name in (self._args, self._kwargs) if name is not None]
        self.required = [
            name
            for name, parameter in self.by_name.items()
            if parameter.default is Parameter.empty and name not in self.gathering
        ]
        self.defaults = {
            name: parameter.default
            for name, parameter in self.by_name.items()
            if parameter.default is not Parameter.empty
        }

    def types(self, resolve: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Return the type of each argument as it is kept by name, from what its annotation resolves to."""
        types = {}
        for name, parameter in self.by_name.items():
            kind = resolve(parameter)
            if name in self.gathering:
                is_unpacked = get_origin(kind) is typing.Unpack
                if name == self._kwargs:
                    kind = get_args(kind)[0] if is_unpacked else dict[str, _or_any(kind)]  # type: ignore[misc]
                else:
                    kind = list[Any] if is_unpacked else list[_or_any(kind)]  # type: ignore[misc]
            elif parameter.default is None and kind is not Parameter.empty:
                kind = kind | None  # `x: int = None` means it, whatever type checkers say
            types[name] = kind
        return types

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a call by name.

        Raises:
            BadInput: an argument is missing, surplus, or given twice.
        """
        values = dict(zip(self._positional, args, strict=False))
        if len(args) > len(self._positional):
            if self._args is None:
                self._refuse(
                    f"takes {len(self._positional)} arguments without a name, and {len(args)} were given"
                )
            values[self._args] = list(args[len(self._positional) :])
        rest = {}
        for name, value in kwargs.items():
            if name not in self.by_name or name in self._nameless or name in self.gathering:
                rest[name] = value
            elif name in values:
                self._refuse(f"argument {name!r} is given twice", name)
            else:
                values[name] = value
        if rest:
            if self._kwargs is None:
                self._refuse_surplus(next(iter(rest)))
            values[self._kwargs] = rest
        self._demand(values)
        return values

    def accept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values that were given by name.

        Raises:
            BadInput: an argument is missing or surplus.
        """
        for name in values:
            if name not in self.by_name:
                self._refuse_surplus(name)
        self._demand(values)
        return {
            name: it for name, it in values.items() if name not in self.gathering or it not in ([], {}, ())
        }

    def unbind(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return positional and named arguments for a call; what is not there has the function's default."""
        args = [values.get(name, self.defaults.get(name)) for name in self._positional]
        kwargs = {
            name: value
            for name, value in values.items()
            if name not in self._positional and name not in self.gathering
        }
        if self._args is not None:
            args.extend(values.get(self._args, ()))
        if self._kwargs is not None:
            kwargs.update(values.get(self._kwargs, {}))
        return args, kwargs

    def _demand(self, values: Mapping[str, Any]) -> None:
        missing = [name for name in self.required if name not in values]
        if missing:
            names = ", ".join(map(repr, missing))
            self._refuse(
                f"argument {names} is missing" if len(missing) == 1 else f"arguments {names} are missing",
                missing[0],
            )

    def _refuse_surplus(self, name: str) -> NoReturn:
        if name in CALL_OPTIONS:
            cure = f"options of a call go into .with_options({name}=...).submit(...)"
        elif name in FOREIGN:
            cure = f"options of a call go into .with_options(...); here it is called {FOREIGN[name]}"
        else:
            near = difflib.get_close_matches(name, self.by_name, n=1)
            cure = f"did you mean {near[0]!r}? {self.usage}" if near else self.usage
        reason = "can only be given by its place" if name in self._nameless else "does not exist"
        self._refuse(f"argument {name!r} {reason}", name, cure)

    def _refuse(self, what: str, field: str | None = None, cure: str | None = None) -> NoReturn:
        raise BadInput(f"{self._name}: {what}", field=field, hint=cure or self.usage)


def _or_any(kind: Any) -> Any:
    return Any if kind is Parameter.empty else kind


class _Words(str):
    """Text whose repr is the text: an annotation that is text is shown as it stands in the file."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _as_written(signature: inspect.Signature) -> inspect.Signature:
    def bare(annotation: Any) -> Any:
        return _Words(annotation) if isinstance(annotation, str) else annotation

    parameters = [it.replace(annotation=bare(it.annotation)) for it in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=bare(signature.return_annotation))
