"""Pydantic's part: the arguments of a function as one schema, and its result as another.

Imported at the first use of a task, never at decoration: pydantic takes 40 to 70 ms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typing_extensions
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, from_json, to_jsonable_python

from overnight.codec.annotations import cure_for, name_of_type
from overnight.codec.complaints import complain
from overnight.codec.fitting import fit
from overnight.codec.plain import DEPTH_LIMIT, Flaw, encode, is_scalar, say_place, to_plain
from overnight.codec.values import absolute, find_narrowed, ordered, place_of
from overnight.errors import BadInput, describe

#: What pydantic raises when it cannot make a schema of a type.
SCHEMA_ERRORS = (PydanticUserError, NameError, TypeError)

_CONFIG = ConfigDict(
    extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants"
)


class _JsonSchema(GenerateJsonSchema):
    """JSON Schema without the titles that pydantic makes of names: "Max Size" says what "max_size" said."""

    #: A default that JSON cannot hold is left out without a warning: nobody could do anything about it.
    ignored_warning_kinds: Any = frozenset({"skipped-choice", "non-serializable-default"})

    def encode_default(self, dft: Any) -> Any:
        """Write a default inside a type as our JSON has it."""
        return to_jsonable_python(dft, bytes_mode="base64", inf_nan_mode="null")

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own signature
        return False


class _Adapter:
    """One value of a type.

    It travels in a tuple of one: only so does pydantic take our configuration for types that may carry
    their own (dataclasses, TypedDicts).
    """

    def __init__(self, annotation: Any) -> None:
        self._adapter: TypeAdapter[tuple[Any]] = TypeAdapter(tuple[annotation], config=_CONFIG)
        described = self._adapter.json_schema(schema_generator=_JsonSchema)
        self.schema: dict[str, Any] = described["prefixItems"][0]
        self.definitions: dict[str, Any] = described.get("$defs", {})
        words = json.dumps(described)
        self._has_paths = '-path"' in words or '"path"' in words
        self._has_sets = '"uniqueItems"' in words

    def check(self, value: Any) -> Any:
        """Return a Python value as its type says, relative paths made absolute."""
        checked = self._adapter.validate_python((value,))[0]
        return absolute(checked) if self._has_paths else checked

    def read(self, data: bytes) -> Any:
        """Return the value that JSON holds."""
        return self._adapter.validate_json(b"[" + data + b"]")[0]

    def write(self, value: Any, *, is_strict: bool) -> Any:
        """Return a value as what JSON knows; strict refuses what is not of the type."""
        warnings: Any = "error" if is_strict else "none"
        # By alias and without computed fields: so it can be read again.
        written = self._adapter.dump_python(
            (value,), mode="json", warnings=warnings, by_alias=True, round_trip=True
        )[0]
        return ordered(value, written) if self._has_sets else written

    @property
    def has_objects(self) -> bool:
        """Whether there are dataclasses, models or typed dictionaries in it."""
        return any("properties" in described for described in self.definitions.values())


class ArgumentsAdapter:
    """The arguments of a function by name; none is required here, that is the binding's business.

    Args:
        name: What messages call the function, and `hint` how it is called.
        types: The type of each argument.
        told: What the docstring says of them.
    """

    def __init__(self, name: str, hint: str, types: Mapping[str, Any], told: Mapping[str, str]) -> None:
        self._name = name
        self._hint = hint
        fields = {argument: fit(kind) for argument, kind in types.items()}
        for argument in fields.keys() & told.keys():
            fields[argument] = Annotated[fields[argument], Field(description=told[argument])]
        self._adapter = _Adapter(typing_extensions.TypedDict("Arguments", fields, total=False))  # type: ignore[operator]
        self.definitions = self._adapter.definitions
        # Pydantic keeps the object itself among the definitions.
        itself = self.definitions.pop(self._adapter.schema.get("$ref", "").rpartition("/")[2], None)
        self.properties: dict[str, Any] = (itself or self._adapter.schema).get("properties", {})
        self._has_objects = self._adapter.has_objects

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return Python values as their types say.

        Raises:
            BadInput: they are not of their types.
        """
        try:
            checked: dict[str, Any] = self._adapter.check(values)
        except ValidationError as wrong:
            raise self._complaint(wrong, values) from None
        return checked

    def read(self, data: bytes, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the values that JSON holds, typed.

        Raises:
            BadInput: they are not of their types; `given` is what it shows of them.
        """
        try:
            values: dict[str, Any] = self._adapter.read(data)
        except ValidationError as wrong:
            raise self._complaint(wrong, from_json(data) if given is None else given) from None
        return values

    def write(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return checked values as what JSON knows.

        Raises:
            BadInput: a value inside them is not JSON.
        """
        try:
            written: dict[str, Any] = self._adapter.write(values, is_strict=False)
        except (PydanticSerializationError, ValueError, TypeError) as wrong:
            raise self._unwritten(values, wrong) from None
        return written

    def _unwritten(self, values: dict[str, Any], wrong: Exception) -> BadInput:
        """Name the argument that alone cannot be written."""
        for argument, value in values.items():
            try:
                self._adapter.write({argument: value}, is_strict=False)
            except (PydanticSerializationError, ValueError, TypeError) as alone:
                message = f"{self._name}: argument {argument} cannot be written as JSON: {describe(alone)}"
                return BadInput(message, field=argument, hint=cure_for(type(value)))
        return BadInput(f"{self._name}: the arguments cannot be written as JSON: {describe(wrong)}")

    def encode(self, written: Mapping[str, Any]) -> bytes:
        """Write JSON values by name as canonical JSON.

        Raises:
            BadInput: JSON cannot hold one of them.
        """
        try:
            return encode(written, depth=DEPTH_LIMIT + 1, is_sorted=True)
        except Flaw as flaw:
            message = f"{self._name}: argument {say_place(flaw.place)} {flaw.what}"
            raise BadInput(message, field=str(flaw.place[0]), hint=flaw.hint) from None

    def verify(self, checked: dict[str, Any], data: bytes) -> None:
        """Make sure that what was accepted can be read where the job runs, and is the same there.

        Raises:
            BadInput: it cannot, or is not.
        """
        back = self.read(data, checked)
        narrowed = find_narrowed(checked, back) if self._has_objects else None
        if narrowed is not None:
            place, value = narrowed
            kind = name_of_type(type(value))
            raise BadInput(
                f"{self._name}: argument {say_place(place)} is of class {kind}, and would arrive as another",
                field=str(place[0]),
                hint=f"name {kind} in the annotation",
            )

    def _complaint(self, wrong: ValidationError, values: Any) -> BadInput:
        told = complain(wrong, values)
        return BadInput(f"{self._name}: {told.message}", field=told.field, hint=told.hint or self._hint)


class ResultAdapter:
    """What a function returns: by its annotation where that holds, else as what it is.

    A function that returns something else than it says has still done its work; hours of it, perhaps.

    Args:
        annotation: What it says, None where it says nothing.
    """

    def __init__(self, annotation: Any) -> None:
        self._adapter = None if annotation is None else _Adapter(fit(annotation))
        self._has_objects = self._adapter is not None and self._adapter.has_objects

    def encode(self, value: Any) -> bytes:
        """Write a result as JSON, keys in the order of the function.

        Raises:
            Flaw: JSON cannot hold it.
        """
        if self._adapter is not None:
            try:
                checked = self._adapter.check(value)
                data = encode(self._adapter.write(checked, is_strict=True))
                if not self._has_objects or find_narrowed(checked, self._adapter.read(data)) is None:
                    return data
            except (ValidationError, PydanticSerializationError):
                pass  # not what the annotation says: it is kept as what it is
        return encode(_as_it_is(value))

    def read(self, data: bytes) -> Any:
        """Return the result that JSON holds, typed where the annotation fits it."""
        if self._adapter is not None:
            try:
                return self._adapter.read(data)
            except ValidationError:
                pass  # it was kept as what it is
        return from_json(data)


class _Unknown(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def _as_it_is(value: Any) -> Any:
    """Return a value as what JSON knows: dates, paths, sets, dataclasses become what they look like."""
    try:
        return to_jsonable_python(value, bytes_mode="base64", inf_nan_mode="constants", fallback=_scalar)
    except _Unknown as unknown:
        kind = type(unknown.value)
        raise Flaw(
            f"is no JSON but {name_of_type(kind)}", place_of(value, unknown.value), cure_for(kind)
        ) from None
    except PydanticSerializationError:
        raise  # from a serializer of the value's own; it is a ValueError too
    except ValueError:
        to_plain(value)  # nested too deep, most likely: this names the place
        raise


def _scalar(value: Any) -> Any:
    if is_scalar(value):
        return value.item()
    raise _Unknown(value)
