"""The text of a command line becomes JSON values: what the schema is clear about, and nothing else."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from overnight.cli.values import Shape
from overnight.codec import Signature
from overnight.errors import BadInput


class Colour(Enum):
    RED = "red"
    TWO = 2


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Server:
    host: str
    port: int = 80


class Node(BaseModel):
    name: str
    inner: list["Node"] = []


def shape_of(annotation: Any) -> Shape:
    def function(x):  # type: ignore[no-untyped-def]
        return x

    function.__annotations__["x"] = annotation
    schema = Signature(function, "function").schema
    return Shape(schema["properties"]["x"], schema.get("$defs", {}))


@pytest.mark.parametrize(
    ("annotation", "texts", "value"),
    [
        (int, ["7"], 7),
        (int, ["-7"], -7),
        (int, ["7", "8"], 8),
        (int, ["seven"], "seven"),
        (float, ["0.5"], 0.5),
        (float, ["1e3"], 1000.0),
        (float, ["nan"], "nan"),
        (float, ["1e999"], "1e999"),
        (bool, ["true"], True),
        (bool, ["no"], False),
        (bool, ["perhaps"], "perhaps"),
        (str, ["7"], "7"),
        (str, ["null"], "null"),
        (str, ["[1]"], "[1]"),
        (str | None, ["null"], "null"),
        (int | None, ["null"], None),
        (int | None, ["3"], 3),
        (int | str, ["3"], 3),
        (int | str, ["three"], "three"),
        (Decimal, ["0.1"], 0.1),
        (Decimal, ["0.1234567890123456789012345"], "0.1234567890123456789012345"),
        (Path, ["a/b"], "a/b"),
        (date, ["2026-12-24"], "2026-12-24"),
        (timedelta, ["PT1H"], "PT1H"),
        (UUID, ["12345678-1234-5678-1234-567812345678"], "12345678-1234-5678-1234-567812345678"),
        (Colour, ["red"], "red"),
        (Colour, ["2"], 2),
        (Level, ["2"], 2),
        (Literal["a", 3, True, None], ["3"], 3),
        (Literal["a", 3, True, None], ["true"], True),
        (Literal["a", 3, True, None], ["null"], None),
        (Literal["a", 3], ["b"], "b"),
        (list[int], ["1", "2"], [1, 2]),
        (list[int], ["[1, 2]"], [1, 2]),
        (list[int], ["1"], [1]),
        (list[int] | None, ["null"], None),
        (list[int] | None, ["1"], [1]),
        (list[str], ["[1]"], ["[1]"]),
        (list[str], ['["a", "b"]'], ["a", "b"]),
        (list[str], ["[0-9]+"], ["[0-9]+"]),
        (set[str], ["a", "b"], ["a", "b"]),
        (list[list[int]], ["[1, 2]", "[3]"], [[1, 2], [3]]),
        (list[list[int]], ["[1, 2]"], [[1, 2]]),
        (list[list[int]], ["[[1], [2]]"], [[1], [2]]),
        (tuple[int, str], ["1", "2"], [1, "2"]),
        (tuple[int, str], ['[1, "2"]'], [1, "2"]),
        (str | list[str], ["a"], "a"),
        (str | list[str], ["a", "b"], ["a", "b"]),
        (dict[str, int], ["a=1", "b=2"], {"a": 1, "b": 2}),
        (dict[str, int], ['{"a": 1}', "b=2"], {"a": 1, "b": 2}),
        (dict[str, str], ["a=b=c"], {"a": "b=c"}),
        (dict[str, list[int]], ["a=[1, 2]", "b=3"], {"a": [1, 2], "b": [3]}),
        (dict, ["a=1", "b=x"], {"a": 1, "b": "x"}),
        (Server, ['{"host": "h"}'], {"host": "h"}),
        (Server | None, ["null"], None),
        (list[Server], ['{"host": "h"}', '{"host": "i"}'], [{"host": "h"}, {"host": "i"}]),
        (Node, ['{"name": "n", "inner": []}'], {"name": "n", "inner": []}),
        (Any, ["5"], 5),
        (Any, ['{"a": [1]}'], {"a": [1]}),
        (Any, ["plain words"], "plain words"),
        (Any, ["NaN"], "NaN"),
        (Any, ["null"], None),
        (object, ["[1"], "[1"),
    ],
)
def test_texts_become_the_value_that_the_type_wants(annotation: Any, texts: list[str], value: Any) -> None:
    read = shape_of(annotation).read(texts)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (list[int], "[1,"),
        (list[float], "[NaN]"),
        (dict[str, int], "a"),
        (dict[str, int], "{"),
        (Server, '{"host": '),
        (list[int], "[" * 1000 + "]" * 1000),
    ],
)
def test_what_must_be_json_and_is_not_is_refused(annotation: Any, text: str) -> None:
    with pytest.raises(BadInput) as refused:
        shape_of(annotation).read([text])
    assert refused.value.hint


@pytest.mark.parametrize(
    ("annotation", "word"),
    [
        (int, "INTEGER"),
        (int | None, "INTEGER"),
        (float | str, "NUMBER|TEXT"),
        (Path, "PATH"),
        (list[Path], "PATH"),
        (Literal["a", 3], "a|3"),
        (Colour, "red|2"),
        (bool, "true|false"),
        (list[list[int]], "JSON"),
        (dict[str, int], "KEY=VALUE"),
        (Server, "JSON"),
        (Any, "JSON"),
        (bytes, "BASE64"),
        (None, "null"),
        (Literal[tuple(f"choice-{n}" for n in range(20))], "CHOICE"),
    ],
)
def test_a_word_stands_for_the_values(annotation: Any, word: str) -> None:
    assert shape_of(annotation).metavar == word


def test_the_range_of_a_number_is_written_around_it() -> None:
    assert shape_of(Annotated[int, Field(gt=0, le=10)]).limits == "0<x<=10"
    assert shape_of(Annotated[float, Field(ge=0.5)]).limits == "0.5<=x"
    assert shape_of(int).limits is None


def test_a_record_has_fields_and_a_choice_of_records_has_none() -> None:
    assert list(shape_of(Server | None).fields) == ["host", "port"]
    assert shape_of(Server | Node).fields == {}
    assert shape_of(dict[str, int]).fields == {}
