"""What does not fit is refused at submit: the field is named, the cure is said, and it costs nothing."""

import asyncio
import io
import math
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from datetime import date
from pathlib import Path
from typing import IO, Annotated, Any, Literal, TextIO

import pytest
from pydantic import BaseModel, Field, SecretStr

from overnight.codec import Signature, read_json
from overnight.errors import BadInput, BadTask


class Box(BaseModel):
    side: Annotated[int, Field(gt=0)]
    names: dict[str, list[int]] = {}


def pack(
    folder: Path,
    top: Annotated[int, Field(gt=0, le=10)] = 3,
    /,
    size: int | list[int] | None = None,
    *,
    mode: Literal["fast", "slow"] = "fast",
    box: Box | None = None,
    ratio: float = 1.0,
    name: str = "",
    anything: Any = None,
) -> None: ...


SIGNATURE = Signature(pack, "talks.pack")


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


WRONG_CALLS = [
    ((), {}, "folder", "argument 'folder' is missing"),
    (("a", 1, None, 4), {}, None, "takes 3 arguments without a name, and 4 were given"),
    (("a",), {"size": 1, "sizes": 1}, "sizes", "argument 'sizes' does not exist"),
    (("a",), {"top": 1}, "top", "argument 'top' can only be given by its place"),
    (("a", 1, 2), {"size": 1}, "size", "argument 'size' is given twice"),
    ((5,), {}, "folder", "argument folder is not a valid path (given: 5)"),
    (("a", 0), {}, "top", "argument top should be greater than 0 (given: 0)"),
    (("a", 11), {}, "top", "argument top should be less than or equal to 10 (given: 11)"),
    (("a", "x"), {}, "top", "top should be a valid integer"),
    (("a", 1.5), {}, "top", "top should be a valid integer, got a number with a fractional part"),
    (("a",), {"size": {}}, "size", "size should be a valid integer or should be a valid list (given: {})"),
    (("a",), {"size": [1, "x"]}, "size", "argument size should be a valid integer (given: [1, 'x'])"),
    (("a",), {"mode": "medium"}, "mode", "argument mode should be 'fast' or 'slow' (given: 'medium')"),
    (("a",), {"box": {"side": -1}}, "box", "argument box.side should be greater than 0 (given: -1)"),
    (("a",), {"box": {}}, "box", "argument box.side is missing"),
    (("a",), {"box": {"side": 1, "names": {"a b": [1, "x"]}}}, "box", "box.names['a b'][1] should be"),
    (("a",), {"name": 3}, "name", "argument name should be a valid string (given: 3)"),
    (("a",), {"ratio": math.nan}, "ratio", "argument ratio is nan, not a number that JSON knows"),
    (("a",), {"ratio": math.inf}, "ratio", "argument ratio is inf, not a number that JSON knows"),
    (("a",), {"anything": {"k": [0, -math.inf]}}, "anything", "argument anything.k[1] is -inf, not a number"),
    (("a",), {"name": "x\ud800y"}, "name", "name has half a character in it, the lone surrogate '\\ud800'"),
    (("a",), {"anything": {"\udfff": 1}}, "anything", "half a character in it, the lone surrogate '\\udfff'"),
    (("\udcff",), {}, "folder", "argument folder has half a character in it"),
    (("a",), {"anything": deep(1000)}, "anything", "anything[0] is nested more than 100 levels deep"),
    (("a",), {"anything": {1: "one"}}, "anything", "anything has the key 1, and in JSON keys are texts"),
    (("a",), {"anything": [date(2026, 1, 1)]}, "anything", "anything[0] is no JSON but datetime.date"),
    (("a",), {"anything": 10**5000}, "anything", "argument anything is a number of too many digits"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "kwargs", "field", "words"), WRONG_CALLS, ids=[words for *_, words in WRONG_CALLS]
)
def test_a_wrong_call_is_refused_by_name(args: Any, kwargs: Any, field: str | None, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        SIGNATURE.pack(args, kwargs)
    assert words in str(refused.value)
    assert refused.value.message.startswith("talks.pack: ")
    assert refused.value.field == field
    assert refused.value.hint
    assert "pydantic.dev" not in str(refused.value)


def test_many_complaints_come_together_but_not_without_end() -> None:
    def function(numbers: list[int], name: str) -> None: ...

    with pytest.raises(BadInput) as refused:
        Signature(function, "f").pack((["x"] * 50, 1), {})
    assert refused.value.message.count("\n") == 5
    assert refused.value.message.endswith("and 46 more")


CURES = [
    (io.StringIO, "pass a path, and open it inside the task"),
    (threading.Lock, "make it inside the task"),
    (threading.Thread, "make it inside the task"),
    (lambda: print, "pass its name as text, and choose the function inside the task"),
    (lambda: test_an_unknown_value_is_refused_with_its_cure, "pass its name as text"),
    (lambda: (n for n in "ab"), "pass a list"),
    (lambda: sqlite3.connect(":memory:"), "pass an address, and connect inside the task"),
    (lambda: int, "pass its name as text"),
    (object, "pass a path, or what it is made from"),
    (lambda: Counter[Any], "pass"),
]


@pytest.mark.parametrize(("make", "cure"), CURES)
def test_an_unknown_value_is_refused_with_its_cure(make: Callable[[], Any], cure: str) -> None:
    value = make()
    with pytest.raises(BadInput) as refused:
        SIGNATURE.pack(("a",), {"anything": [value]})
    assert cure in str(refused.value.hint)
    assert "argument anything[0] is no JSON but " in refused.value.message
    if isinstance(value, sqlite3.Connection):
        value.close()


def test_what_looks_like_an_option_is_told_where_options_go() -> None:
    with pytest.raises(BadInput, match=r"\.with_options\(queue=\.\.\.\)"):
        SIGNATURE.pack(("a",), {"queue": "slow"})
    with pytest.raises(BadInput, match="here it is called delay"):
        SIGNATURE.pack(("a",), {"countdown": 5})


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(BadInput, match="did you mean 'ratio'"):
        SIGNATURE.pack(("a",), {"ration": 5})


def test_a_hundred_levels_are_taken_and_one_more_is_not() -> None:
    assert SIGNATURE.unpack(SIGNATURE.pack(("a",), {"anything": deep(100)}))[1]["anything"] == deep(100)
    with pytest.raises(BadInput, match="nested more than 100 levels"):
        SIGNATURE.pack(("a",), {"anything": deep(101)})


def test_brackets_in_texts_are_no_levels() -> None:
    texts = ['[{"\\' * 500, "[" * 500]
    assert SIGNATURE.unpack(SIGNATURE.pack(("a",), {"anything": texts}))[1]["anything"] == texts


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(BadInput, match="nested more than 100 levels deep"):
        SIGNATURE.pack(("a",), {"anything": loop})
    with pytest.raises(BadInput, match="nested more than 100 levels deep"):
        SIGNATURE.pack_json({"folder": "a", "anything": loop})


def test_fifty_megabytes_are_refused_and_a_path_is_asked_for() -> None:
    with pytest.raises(
        BadInput, match=r"47\.7 MiB as JSON, most of it argument 'name'; the limit is 1\.0 MiB"
    ) as refused:
        SIGNATURE.pack(("a",), {"name": "x" * 50_000_000})
    assert refused.value.field == "name"
    assert refused.value.hint == "write it to a file and pass the path"


def test_json_values_are_refused_by_name_too() -> None:
    with pytest.raises(BadInput, match="argument top should be less than or equal to 10 ") as refused:
        SIGNATURE.pack_json({"folder": "a", "top": "11"})
    assert refused.value.field == "top"
    with pytest.raises(BadInput, match="argument 'folder' is missing"):
        SIGNATURE.pack_json({})
    with pytest.raises(BadInput, match="argument 'sized' does not exist"):
        SIGNATURE.pack_json({"folder": "a", "sized": 1})
    with pytest.raises(BadInput, match="argument ratio is nan"):
        SIGNATURE.pack_json({"folder": "a", "ratio": math.nan})
    with pytest.raises(BadInput, match="argument ratio is inf"):
        SIGNATURE.pack_json({"folder": "a", "ratio": "inf"})
    with pytest.raises(BadInput, match="argument anything is nested more than 100"):
        SIGNATURE.pack_json({"folder": "a", "anything": deep(5000)})


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "[Infinity]", "'a'", '{"a": 1,}', '"\\ud800"', b'"\xff"', "[" * 100_000 + "]" * 100_000],
)
def test_what_is_no_json_is_refused_as_such(text: str | bytes) -> None:
    with pytest.raises(BadInput, match="JSON"):
        read_json(text)


def test_json_that_people_wrote_is_read() -> None:
    assert read_json(b' {"a": [1, 2.5, null, "\\u00e9\\u0000"]} ') == {"a": [1, 2.5, None, "é\x00"]}
    assert read_json("18446744073709551617") == 2**64 + 1


class Plain:
    pass


UNFIT = [
    (Callable[[int], str], "pass its name as text"),
    (IO[str], "open it inside the task"),
    (TextIO, "open it inside the task"),
    (io.BytesIO, "open it inside the task"),
    (type(threading.Lock()), "make it inside the task"),
    (threading.Lock, "make it inside the task"),
    (any, "or Any"),
    (threading.Event, "make it inside the task"),
    (asyncio.Queue, "make it inside the task"),
    (Iterator[int], "pass a list"),
    (Generator[int, None, None], "pass a list"),
    (AsyncIterator[int], "pass a list"),
    (Awaitable[int], "pass a list"),
    (type[int], "pass its name"),
    (sqlite3.Connection, "connect inside the task"),
    (Plain, "pass a path, or what it is made from"),
    (list[Plain], "pass a path, or what it is made from"),
    (dict[str, Plain | None], "pass a path, or what it is made from"),
    (Annotated[Plain, "told"], "pass a path, or what it is made from"),
    (bytes | str, "take one of the two"),
    (SecretStr, "read it inside the task"),
]


@pytest.mark.parametrize(("annotation", "cure"), UNFIT, ids=lambda it: str(it)[:40])
@pytest.mark.parametrize("is_text", [False, True])
def test_a_type_that_json_cannot_hold_is_refused_at_decoration(
    annotation: Any, cure: str, is_text: bool
) -> None:
    def function(value): ...

    function.__annotations__["value"] = "Unfit" if is_text else annotation
    globals()["Unfit"] = annotation
    with pytest.raises(BadTask, match="argument 'value'") as refused:
        Signature(function, "f").check()
    assert cure in str(refused.value.hint)


@pytest.mark.parametrize("annotation", [Plain, Callable[[], int], Iterator[int], IO[bytes]])
def test_a_result_that_json_cannot_hold_is_refused_at_decoration(annotation: Any) -> None:
    def function(): ...

    function.__annotations__["return"] = annotation
    with pytest.raises(BadTask, match="its result"):
        Signature(function, "f").check()


def test_a_frame_is_refused_by_the_name_of_its_library() -> None:
    frame = type("DataFrame", (), {"__module__": "pandas.core.frame"})

    def function(frame: frame) -> None: ...

    with pytest.raises(BadTask, match=r"pandas\.DataFrame cannot be written as JSON") as refused:
        Signature(function, "f").check()
    assert refused.value.hint == "write it to a file and pass its path"


def test_a_field_as_default_is_told_to_go_into_the_annotation() -> None:
    def function(top: int = Field(3, gt=0)) -> None: ...

    with pytest.raises(BadTask, match="Annotated"):
        Signature(function, "f").check()
