"""The text of a command line becomes JSON values, as the JSON Schema of a task says.

Only what the schema is clear about is changed; the rest stays text and meets the same validation as any other
call, which knows best how to complain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from overnight.codec import read_json
from overnight.errors import BadInput

_WHOLE = re.compile(r"[+-]?\d{1,4000}")
_TRUTHS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_FORMATS = {
    "path": "PATH", "file-path": "PATH", "directory-path": "PATH", "date-time": "DATETIME", "date": "DATE",
    "time": "TIME", "duration": "DURATION", "uuid": "UUID", "uri": "URL", "email": "EMAIL",
    "base64": "BASE64", "base64url": "BASE64",
}  # fmt: skip
_TYPES = {"integer": "INTEGER", "number": "NUMBER", "boolean": "true|false", "object": "JSON"}

#: What a text is as a type that it is not; None is a value.
_NO_VALUE = object()

#: A list of choices longer than this is no longer shown, in characters.
_LONGEST_CHOICE = 60


class Shape:
    """What a value may be.

    Args:
        schema: its JSON Schema.
        definitions: what `$ref` refers to.
    """

    def __init__(self, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
        self.schema = schema
        self._definitions = definitions

    @cached_property
    def members(self) -> list[Mapping[str, Any]]:
        """What it may be, one by one; null is left out."""
        return [member for member in self._flat(self.schema) if member.get("type") != "null"]

    @cached_property
    def is_flag(self) -> bool:
        """Whether it is true or false, and nothing else."""
        return bool(self.members) and all(member.get("type") == "boolean" for member in self.members)

    @cached_property
    def is_repeated(self) -> bool:
        """Whether it is given one by one: a list, or a dictionary of any keys."""
        return any(member.get("type") == "array" for member in self.members) or self._values is not None

    @cached_property
    def fields(self) -> dict[str, Shape]:
        """The shapes of its fields by name, where it is a record; else nothing."""
        records = [member for member in self.members if member.get("properties")]
        if len(records) != 1:
            return {}
        fields: Mapping[str, Any] = records[0]["properties"]
        return {name: self._shape(schema) for name, schema in fields.items()}

    @cached_property
    def metavar(self) -> str:
        """What stands for a value of it in a list of options."""
        words = dict.fromkeys(self._word(member) for member in self.members)
        return "|".join(words) or "null"

    @cached_property
    def limits(self) -> str | None:
        """The range of a number, as "0<x<=10"."""
        for member in self.members:
            low = next((f"{member[key]}{sign}" for key, sign in _LOW if key in member), "")
            high = next((f"{sign}{member[key]}" for key, sign in _HIGH if key in member), "")
            if low or high:
                return f"{low}x{high}"
        return None

    @cached_property
    def takes_text(self) -> bool:
        """Whether any text at all may be a value of it."""
        return any(member.get("type") == "string" and "enum" not in member for member in self.members)

    @cached_property
    def items(self) -> Mapping[str, Any] | None:
        """The schema of the list that it may be, or None."""
        return next((member for member in self.members if member.get("type") == "array"), None)

    def read(self, texts: Sequence[str]) -> Any:
        """Return the value that the texts of an option stand for; where one is wanted, the last counts.

        Raises:
            BadInput: it must be JSON, and is not.
        """
        if self._values is not None and not self.takes_text:
            return self._read_dictionary(texts)
        if self.items is not None and (len(texts) > 1 or not self._takes_scalar):
            return self._read_list(texts)
        return self._read_one(texts[-1])

    # -- what it is made of --------------------------------------------------------------------------

    def _flat(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        choices = schema.get("anyOf") or schema.get("oneOf")
        if not choices:
            yield schema
            return
        for choice in choices:
            yield from self._flat(choice)

    def _shape(self, schema: Any) -> Shape:
        return Shape(schema if isinstance(schema, Mapping) else {}, self._definitions)

    @cached_property
    def _takes_scalar(self) -> bool:
        return any(member.get("type") not in {"array", "object"} for member in self.members)

    @cached_property
    def _takes_null(self) -> bool:
        return any(member.get("type") == "null" for member in self._flat(self.schema))

    @cached_property
    def _values(self) -> Shape | None:
        """The shape of a dictionary's values; None where it is no dictionary of any keys."""
        for member in self.members:
            if member.get("type") == "object" and not member.get("properties"):
                return self._shape(member.get("additionalProperties"))
        return None

    def _word(self, member: Mapping[str, Any]) -> str:
        choices = member.get("enum") or ([member["const"]] if "const" in member else [])
        if choices:
            words = "|".join(_text_of(choice) for choice in choices)
            return words if len(words) <= _LONGEST_CHOICE else "CHOICE"
        if member.get("type") == "string":
            return _FORMATS.get(member.get("format", ""), "TEXT")
        if member.get("type") == "array":
            items = self._shape(member.get("items"))
            return "JSON" if member.get("prefixItems") or items.items else items.metavar
        if member.get("type") == "object" and not member.get("properties"):
            return "KEY=VALUE"
        return _TYPES.get(member.get("type", ""), "JSON")

    # -- reading -------------------------------------------------------------------------------------

    def _read_one(self, text: str) -> Any:
        for member in self.members:
            for choice in member.get("enum", [member["const"]] if "const" in member else []):
                if text == _text_of(choice):
                    return choice
        if self._takes_null and not self.takes_text and text == "null":
            return None
        for member in self.members:
            value = self._read_as(member, text)
            if value is not _NO_VALUE:
                return value
        return text

    def _read_as(self, member: Mapping[str, Any], text: str) -> Any:
        """Return the value that a text is as one of the members, or `_NO_VALUE`."""
        match member.get("type"):
            case "integer":
                return int(text) if _WHOLE.fullmatch(text) else _NO_VALUE
            case "number":
                return _number(text)
            case "boolean":
                return _TRUTHS.get(text.lower(), _NO_VALUE)
            case "array":
                return self._read_json(text, list, "[")
            case "object":
                return self._read_json(text, dict, "{")
            case None if "enum" not in member and "const" not in member:
                return _anything(text)
        return _NO_VALUE

    def _read_json(self, text: str, kind: type, bracket: str) -> Any:
        if not text.lstrip().startswith(bracket):
            return _NO_VALUE
        try:
            value = read_json(text)
        except BadInput:
            if self.takes_text:
                return _NO_VALUE
            raise
        return value if isinstance(value, kind) else _NO_VALUE

    def _read_list(self, texts: Sequence[str]) -> Any:
        assert self.items is not None
        if self._takes_null and list(texts) == ["null"]:
            return None
        places = [self._shape(schema) for schema in self.items.get("prefixItems", ())]
        others = self._shape(self.items.get("items", {}))
        if len(texts) == 1 and (whole := _whole_list(texts[0], places, others)) is not None:
            return whole
        return [(places[at] if at < len(places) else others).read([text]) for at, text in enumerate(texts)]

    def _read_dictionary(self, texts: Sequence[str]) -> Any:
        assert self._values is not None
        if self._takes_null and list(texts) == ["null"]:
            return None
        read: dict[str, Any] = {}
        for text in texts:
            if text.lstrip().startswith("{"):
                read |= _object(text)
                continue
            key, is_there, value = text.partition("=")
            if not is_there:
                raise BadInput(f"{text!r} is no KEY=VALUE", hint="write KEY=VALUE, or a JSON object")
            read[key] = self._values.read([value])
        return read


_LOW = (("exclusiveMinimum", "<"), ("minimum", "<="))
_HIGH = (("exclusiveMaximum", "<"), ("maximum", "<="))


def _text_of(choice: Any) -> str:
    if isinstance(choice, str):
        return choice
    return "null" if choice is None else str(choice).lower() if isinstance(choice, bool) else str(choice)


def _number(text: str) -> Any:
    """Return the number that a text is; `_NO_VALUE` where a float would not hold it exactly."""
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        number = float(text)
        is_exact = Decimal(repr(number)) == Decimal(text)
    except (ValueError, InvalidOperation):
        return _NO_VALUE
    return number if is_exact and number - number == 0 else _NO_VALUE


def _anything(text: str) -> Any:
    """Return what JSON makes of a text, and the text where it is none."""
    try:
        return read_json(text)
    except BadInput:
        return text


def _object(text: str) -> dict[str, Any]:
    value = read_json(text)
    if not isinstance(value, dict):
        raise BadInput(f"{text!r} is no JSON object")
    return value


def _whole_list(text: str, places: Sequence[Shape], others: Shape) -> list[Any] | None:
    """Return the list that one text is; None where it is an item of the list."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = read_json(text)
    except BadInput:
        if others.takes_text and not places:
            return None
        raise
    if not isinstance(value, list):
        return None
    if places:
        return value if len(value) == len(places) else None
    if others.takes_text:
        return value if all(isinstance(item, str) for item in value) else None
    if others.items is not None:
        return value if all(isinstance(item, list) for item in value) else None
    return value
