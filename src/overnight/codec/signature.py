"""What a function takes and gives: its call as JSON and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from inspect import Parameter
from typing import TYPE_CHECKING, Any, NoReturn

from overnight.codec.annotations import Unresolved, is_anything, objection_to, resolve
from overnight.codec.binding import Parameters
from overnight.codec.docstrings import arguments_of, summary_of
from overnight.codec.plain import ARGUMENTS_LIMIT, RESULT_LIMIT, Flaw, say_place, sort_key
from overnight.errors import BadInput, BadTask, ResultRefused, describe
from overnight.units import format_size

if TYPE_CHECKING:
    from overnight.codec.adapters import ArgumentsAdapter, ResultAdapter


class Signature:
    """A function's arguments and result as JSON; what needs pydantic is built at the first use.

    Args:
        function: A plain function.
        name: What messages call it.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function = function
        self._name = name

    # -- what there is to know -----------------------------------------------------------------------

    @cached_property
    def _parameters(self) -> Parameters:
        return Parameters(self._function, self._name)

    @cached_property
    def _arguments(self) -> ArgumentsAdapter:
        # Start-up time: a program that only declares tasks does not pay for pydantic.
        from overnight.codec.adapters import SCHEMA_ERRORS, ArgumentsAdapter  # noqa: PLC0415

        try:
            types = self._parameters.types(self._type_of)
        except Unresolved as wrong:
            hint = "import what it names where the module runs, not only under TYPE_CHECKING"
            raise BadTask(f"{self._name}: {wrong}", hint=hint) from None
        told = arguments_of(self._function.__doc__)
        try:
            return ArgumentsAdapter(self._name, self._parameters.usage, types, told)
        except SCHEMA_ERRORS as wrong:
            reason = describe(wrong).partition("\n")[0]
            hint = (
                "take what JSON can hold: numbers, texts, lists, paths, dates, dataclasses, pydantic models"
            )
            message = f"{self._name}: its arguments cannot be written as JSON: {reason}"
            raise BadTask(message, hint=hint) from wrong

    @cached_property
    def _result(self) -> ResultAdapter:
        from overnight.codec.adapters import SCHEMA_ERRORS, ResultAdapter  # noqa: PLC0415 - as above

        try:
            annotation = resolve(self._parameters.result, self._function)
            return ResultAdapter(None if is_anything(annotation) else annotation)
        except (Unresolved, *SCHEMA_ERRORS):
            return ResultAdapter(None)  # a type for the type checker alone: results are kept as what they are

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        """The defaults that JSON can hold: they are kept with the job; others are left to the function."""
        held = {}
        for name, default in self._parameters.defaults.items():
            try:
                self._arguments.encode(self._arguments.write(self._arguments.check({name: default})))
            except BadInput:
                continue  # a sentinel, or a default that its own annotation refuses
            held[name] = default
        return held

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The arguments as a JSON Schema object, with what the docstring says of them.

        Raises:
            BadTask: an argument is of a type that JSON cannot hold.
        """
        properties = {name: dict(described) for name, described in self._arguments.properties.items()}
        for name, default in self._arguments.write(self._arguments.check(self._defaults)).items():
            properties[name]["default"] = default
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if summary := summary_of(self._function.__doc__):
            schema["description"] = summary
        if self._parameters.required:
            schema["required"] = list(self._parameters.required)
        if self._arguments.definitions:
            schema["$defs"] = self._arguments.definitions
        return schema

    def prepare(self) -> None:
        """Build everything now, so that processes forked later need not.

        Raises:
            BadTask: an argument is of a type that JSON cannot hold.
        """
        _ = self.schema, self._result

    # -- what can never be JSON ----------------------------------------------------------------------

    def check(self) -> None:
        """Refuse what can never work, without pydantic: for the moment of decoration.

        Raises:
            BadTask: an argument or the result is of a type that JSON cannot hold.
        """
        try:
            parameters = self._parameters
        except NameError:
            return  # Python 3.14 evaluates annotations at once; what stands below is judged at first use
        for parameter in parameters.by_name.values():
            if type(parameter.default).__name__ == "FieldInfo":
                cure = f"write {parameter.name}: Annotated[..., Field(...)] = the default"
                self._refuse_type(
                    f"argument {parameter.name!r}", "a direct call would get the Field itself", cure
                )
            try:
                self._type_of(parameter)
            except Unresolved:
                continue  # it stands further down in the file: judged at first use
        try:
            objection = objection_to(resolve(parameters.result, self._function))
        except Unresolved:
            return
        if objection is not None:
            self._refuse_type("its result", *objection)

    def _type_of(self, parameter: Parameter) -> Any:
        annotation = resolve(parameter.annotation, self._function)
        objection = objection_to(annotation)
        if objection is not None:
            self._refuse_type(f"argument {parameter.name!r}", *objection)
        return annotation

    def _refuse_type(self, what: str, reason: str, cure: str) -> NoReturn:
        raise BadTask(f"{self._name}: {what}: {reason}", hint=cure)

    # -- the call ------------------------------------------------------------------------------------

    def pack(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """Return the arguments of a call as canonical JSON, checked; relative paths become absolute.

        Raises:
            BadInput: they do not fit the signature; it names the first that does not.
        """
        return self._pack(self._parameters.bind(args, kwargs))

    def pack_values(self, values: Mapping[str, Any]) -> bytes:
        """Do as `pack` does, with Python values by name."""
        return self._pack(self._parameters.accept(values))

    def pack_json(self, values: Mapping[str, Any]) -> bytes:
        """Do as `pack` does, with values as JSON or text holds them: of a command line, a form, a request."""
        given = self._parameters.accept(values)
        return self._pack(self._arguments.read(self._arguments.encode(given), given))

    def pack_changed(self, data: bytes, changed: Mapping[str, Any]) -> bytes:
        """Return the arguments of an earlier call, some of them changed to these Python values."""
        return self.pack_values({**self._arguments.read(data), **changed})

    def unpack(self, data: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a call, typed, as the function wants them.

        Raises:
            BadInput: the function has changed since, and does not take them any more.
        """
        values = self._parameters.accept(self._arguments.read(data))
        return self._parameters.unbind({**self._defaults, **values})

    def _pack(self, values: Mapping[str, Any]) -> bytes:
        left_out = self._parameters.defaults.keys() - self._defaults.keys()
        given = {**self._defaults, **values}
        for name in left_out & values.keys():
            if values[name] is self._parameters.defaults[name]:
                del given[name]  # the sentinel itself: the function has its own
        checked = self._arguments.check(given)
        written = self._arguments.write(checked)
        data = self._arguments.encode(written)
        if len(data) > ARGUMENTS_LIMIT:
            largest = max(written, key=lambda name: len(sort_key(written[name])))
            raise BadInput(
                f"{self._name}: the arguments take {format_size(len(data))} as JSON, "
                f"most of it argument {largest!r}; the limit is {format_size(ARGUMENTS_LIMIT)}",
                field=largest,
                hint="write it to a file and pass the path",
            )
        self._arguments.verify(checked, data)
        return data

    # -- the result ----------------------------------------------------------------------------------

    def pack_result(self, value: Any) -> bytes:
        """Return a result as JSON: by the function's annotation, else as what it is.

        Raises:
            ResultRefused: JSON cannot hold it, or it is too large; the message names the place.
        """
        if isinstance(value, Iterator):
            raise self._refused(
                "is an iterator, not JSON", (), "return a list, or write a file and return its path"
            )
        try:
            data = self._result.encode(value)
        except Flaw as flaw:
            raise self._refused(flaw.what, flaw.place, flaw.hint) from None
        except MemoryError:
            raise
        except Exception as wrong:
            # Values have serializers of their own, which may raise anything: either way there is no result.
            raise self._refused(f"cannot be written as JSON: {describe(wrong)}", (), _RESULT_CURE) from wrong
        if len(data) > RESULT_LIMIT:
            what = f"takes {format_size(len(data))} as JSON; the limit is {format_size(RESULT_LIMIT)}"
            raise self._refused(what, (), _RESULT_CURE)
        return data

    def unpack_result(self, data: bytes) -> Any:
        """Return the result that JSON holds, typed by the function's annotation where it fits."""
        return self._result.read(data)

    def _refused(self, what: str, place: Sequence[str | int], hint: str) -> ResultRefused:
        at = f" at {say_place(place)}" if place else ""
        return ResultRefused(f"{self._name}: its result{at} {what}", hint=hint)


_RESULT_CURE = "write it to a file in job.directory and return the path"
