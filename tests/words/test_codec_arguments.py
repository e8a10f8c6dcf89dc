"""What is accepted at submit is what the function gets, and equal calls are equal bytes."""

import enum
import ipaddress
import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Unpack,
)
from uuid import UUID

import annotated_types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, Json, computed_field

from overnight.codec import Signature
from overnight.errors import BadInput, BadTask


class Colour(enum.Enum):
    RED = "red"
    GREEN = 2


class Level(enum.IntEnum):
    LOW = 1


class Mood(enum.StrEnum):
    CALM = "calm"


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


@dataclass(frozen=True)
class Crop:
    box: tuple[int, int]
    source: Path
    tags: set[str] = field(default_factory=set)
    raw: bytes = b""


class Account(BaseModel):
    name: str
    since: datetime
    home: Path
    friends: list["Account"] = []


class Shape(BaseModel):
    name: str = "shape"


class Circle(Shape):
    radius: float


@dataclass
class Named:
    name: str


@dataclass
class Aged(Named):
    age: int


class Told(BaseModel):
    """A model with all that makes writing differ from reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    folder: Path = Field(alias="dir")
    words: Json[list[str]] = []

    @computed_field
    def count(self) -> int:
        return len(self.words)


UserId = NewType("UserId", int)
Number = TypeVar("Number", int, float)


def signature_of(annotation: Any) -> Signature:
    def function(value): ...

    function.__annotations__["value"] = annotation
    return Signature(function, "talks.function")


NOON = datetime(2026, 7, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - people pass such times too

FAITHFUL = [
    (int, 2**70),
    (float, 1e300),
    (float, 0.1 + 0.2),
    (bool, True),
    (str, "naïve ☃ \U0001f600 with \x00 inside"),
    (bytes, b"\x00\xff\xfe"),
    (None, None),
    (Path, Path("/srv/talks/a b.wav")),
    (datetime, NOON),
    (datetime, NOON.replace(tzinfo=UTC)),
    (datetime, NOON.replace(tzinfo=timezone(timedelta(hours=-5, minutes=-30)))),
    (date, date(2024, 2, 29)),
    (time, time(23, 59, 59, 1)),
    (timedelta, timedelta(days=-3, microseconds=7)),
    (Decimal, Decimal("0.10000000000000000000000001")),
    (UUID, UUID("018f0000-0000-7000-8000-000000000000")),
    (complex, 1 + 2j),
    (re.Pattern, re.compile("a+")),
    (ipaddress.IPv4Address, ipaddress.IPv4Address("127.0.0.1")),
    (Colour, Colour.GREEN),
    (Level, Level.LOW),
    (Mood, Mood.CALM),
    (Literal["a", 1, None], 1),
    (Literal[Colour.RED], Colour.RED),
    (Optional[int], None),  # noqa: UP045 - the older spelling is another object
    (int | str, "5"),
    (int | str, 5),
    (list[int] | dict[str, int], {"a": 1}),
    (Point | None, Point(1.5, -2.0)),
    (Movie, {"title": "M"}),
    (list[Movie], [{"title": "M", "year": 1931}]),
    (Crop, Crop((1, 2), Path("/a"), {"b", "a"}, b"\xff")),
    (dict[str, Crop], {"one": Crop((1, 2), Path("/a"))}),
    (Circle | Shape, Circle(radius=2)),
    (list[Shape | Circle], [Shape(), Circle(radius=2)]),
    (Told, Told.model_validate({"dir": "/a", "words": '["b"]'})),
    (Account, Account(name="Ada", since=NOON, home=Path("/home/ada"), friends=[])),
    (list[int], [1, 2, 3]),
    (list, [1, "a", None, [{}]]),
    (dict, {"a": [1.5, {"b": None}]}),
    (tuple[int, str], (1, "a")),
    (tuple[Path, ...], (Path("/a"), Path("/b"))),
    (set[str], {"b", "a", "c"}),
    (frozenset[int], frozenset({3, 1, 2})),
    (set[tuple[int, str]], {(1, "a"), (0, "b")}),
    (deque[int], deque([1, 2])),
    (dict[int, float], {1: 0.5, -2: 1.0}),
    (dict[date, list[Decimal]], {date(2026, 1, 1): [Decimal("1.10")]}),
    (defaultdict[str, list[int]], defaultdict(list, {"a": [1]})),
    (Counter[str], Counter("abracadabra")),
    (Sequence[int], [1, 2]),
    (Mapping[str, int], {"a": 1}),
    (Iterable[int], [1, 2]),
    (Collection[Path], [Path("/a")]),
    (UserId, 7),
    (Number, 2.5),
    (Annotated[int, Field(gt=0), annotated_types.Lt(10)], 9),
    (HttpUrl, HttpUrl("https://example.org/a?b=c")),
    (Any, {"a": [1, 2.5, "x", None, True]}),
    (object, [1]),
]


@pytest.mark.parametrize(("annotation", "value"), FAITHFUL, ids=lambda it: str(it)[:40])
def test_an_argument_comes_back_as_it_was(annotation: Any, value: Any) -> None:
    signature = signature_of(annotation)
    args, kwargs = signature.unpack(signature.pack([value], {}))
    assert (args, kwargs) == ([value], {})
    assert type(args[0]) is type(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_an_argument_without_annotation_takes_any_json(value: Any) -> None:
    signature = signature_of(Any)
    data = signature.pack([value], {})
    assert signature.unpack(data) == ([value], {})
    assert signature.pack_json({"value": json.loads(json.dumps(value))}) == data


def everything(a, b, /, c: int, d: int = 4, *rest: int, e: Path, f: str = "f", **more: float) -> None: ...


def test_every_kind_of_parameter_comes_back_in_its_place() -> None:
    signature = Signature(everything, "talks.everything")
    data = signature.pack((1, 2, 3, 5, 6, 7), {"e": "/e", "a": 0.5, "x": 1})
    assert json.loads(data) == {
        "a": 1, "b": 2, "c": 3, "d": 5, "e": "/e", "f": "f", "more": {"a": 0.5, "x": 1.0}, "rest": [6, 7],
    }  # fmt: skip
    assert signature.unpack(data) == ([1, 2, 3, 5, 6, 7], {"e": Path("/e"), "f": "f", "a": 0.5, "x": 1.0})


def test_keywords_of_a_typed_dict_are_checked_one_by_one() -> None:
    def function(**options: Unpack[Movie]) -> None: ...

    signature = Signature(function, "talks.function")
    assert signature.unpack(signature.pack((), {"title": "M"})) == ([], {"title": "M"})
    with pytest.raises(BadInput, match=r"argument options\.year should be a valid integer"):
        signature.pack((), {"title": "M", "year": "soon"})


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1,), {}), ((), {"a": 1}), ((1, 2.0), {}), ((), {"b": 2, "a": 1}), ((True + 0,), {"b": 2})],
)
def test_equal_calls_are_equal_bytes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    def function(a: int, b: float = 2.0) -> None: ...

    assert Signature(function, "f").pack(args, kwargs) == b'{"a":1,"b":2.0}'


def test_sets_are_written_in_order_however_deep() -> None:
    signature = signature_of(dict[str, list[Crop]])
    words = [f"word{n}" for n in range(50)]
    data = signature.pack([{"a": [Crop((1, 2), Path("/a"), set(words))]}], {})
    assert json.loads(data)["value"]["a"][0]["tags"] == sorted(words)


def test_relative_paths_become_absolute_where_they_are_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def function(
        folder: Path, crops: list[Crop], names: dict[str, Path | None], account: Account | None = None
    ): ...

    monkeypatch.chdir(tmp_path)
    crop = Crop((1, 2), Path("crop.png"))
    account = Account(name="Ada", since=NOON, home=Path("ada"))
    signature = Signature(function, "f")
    data = signature.pack((Path("talks"), [crop], {"a": Path("../b")}), {"account": account})
    monkeypatch.chdir("/")
    (folder, crops, names, told), _ = signature.unpack(data)
    assert folder == tmp_path / "talks"
    assert crops[0].source == tmp_path / "crop.png"
    assert names["a"] == tmp_path / "../b"
    assert told.home == tmp_path / "ada"
    assert (crop.source, account.home) == (Path("crop.png"), Path("ada")), (
        "the caller's own objects are as they were"
    )


def test_relative_paths_of_a_command_line_become_absolute_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert json.loads(signature_of(Path).pack_json({"value": "talks"})) == {"value": str(tmp_path / "talks")}


def test_paths_are_made_absolute_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "a"
    told = Told.model_validate({"dir": "a"})
    for annotation, value, expected in [
        (Counter[Path], Counter({Path("a"): 3}), Counter({here: 3})),
        (defaultdict[Path, list[Path]], {Path("a"): [Path("a")]}, {here: [here]}),
        (deque[Path], deque([Path("a")]), deque([here])),
        (frozenset[Path], {Path("a")}, {here}),
        (tuple[Path, int], (Path("a"), 1), (here, 1)),
        (Told, told, Told.model_validate({"dir": here})),
    ]:
        signature = signature_of(annotation)
        assert signature.unpack(signature.pack([value], {}))[0] == [expected]
    assert told.folder == Path("a")


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (Shape, Circle(radius=1), "argument value is of class tests.Circle"),
        (dict[str, list[Shape]], {"a": [Shape(), Circle(radius=1)]}, r"argument value\.a\[1\] is of class"),
        (Named, Aged("Ada", 36), "argument value is of class tests.Aged"),
    ],
)
def test_an_object_that_would_lose_a_part_of_it_is_refused(annotation: Any, value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        signature_of(annotation).pack([value], {})


def test_defaults_are_kept_with_the_job_and_never_shared() -> None:
    def function(names: list[str] = [], level: Colour = Colour.RED) -> None: ...  # noqa: B006 - the point of the test

    signature = Signature(function, "f")
    data = signature.pack((), {})
    assert data == b'{"level":"red","names":[]}'
    (names, _), _ = signature.unpack(data)
    names.append("changed")
    assert signature.pack((), {}) == data
    assert signature.unpack(data)[0] == [[], Colour.RED]


def test_a_default_that_is_no_json_is_left_to_the_function() -> None:
    missing = object()

    def function(a: int = missing, b: float = float("nan"), c: str = None) -> None: ...  # noqa: RUF013

    signature = Signature(function, "f")
    assert signature.pack((missing,), {}) == signature.pack((), {}) == b'{"c":null}'
    args, _ = signature.unpack(b'{"c":null}')
    assert args[0] is missing
    assert args[2] is None


def test_words_and_json_are_read_by_the_types() -> None:
    def function(
        n: int, when: date, data: bytes, crop: Crop, colour: Colour, *, on: bool = False
    ) -> None: ...

    signature = Signature(function, "f")
    values = {
        "n": "20", "when": "2026-07-01", "data": "_w==", "on": "yes", "colour": 2,
        "crop": {"box": [1, 2], "source": "/a", "tags": ["b", "a"]},
    }  # fmt: skip
    args, kwargs = signature.unpack(signature.pack_json(values))
    assert args == [20, date(2026, 7, 1), b"\xff", Crop((1, 2), Path("/a"), {"a", "b"}), Colour.GREEN]
    assert kwargs == {"on": True}


def test_an_earlier_call_can_be_changed() -> None:
    def function(folder: Path, top: int = 3) -> None: ...

    signature = Signature(function, "f")
    data = signature.pack((Path("/a"),), {})
    assert signature.pack_changed(data, {"top": 4}) == signature.pack((Path("/a"), 4), {})
    with pytest.raises(BadInput, match="'tip' does not exist"):
        signature.pack_changed(data, {"tip": 4})


def test_arguments_that_the_function_takes_no_more_are_refused_when_read() -> None:
    def function(folder: Path) -> None: ...

    with pytest.raises(BadInput, match="argument old does not exist"):
        Signature(function, "f").unpack(b'{"folder":"/a","old":1}')
    with pytest.raises(BadInput, match="'folder' is missing"):
        Signature(function, "f").unpack(b"{}")


def test_an_argument_that_came_later_has_its_default() -> None:
    def function(folder: Path, top: int = 3) -> None: ...

    assert Signature(function, "f").unpack(b'{"folder":"/a"}') == ([Path("/a"), 3], {})


def test_the_schema_says_types_defaults_and_what_the_docstring_says() -> None:
    def function(folder: Path, top: Annotated[int, Field(gt=0)] = 3, *, colour: Colour = Colour.RED) -> int:
        """Count things.

        More of it.

        Args:
            folder: Where they are,
                all of them.
            top (int): How many.

        Returns:
            The count.
        """

    assert Signature(function, "f").schema == {
        "type": "object",
        "description": "Count things.",
        "properties": {
            "folder": {"type": "string", "format": "path", "description": "Where they are, all of them."},
            "top": {"type": "integer", "exclusiveMinimum": 0, "default": 3, "description": "How many."},
            "colour": {"$ref": "#/$defs/Colour", "default": "red"},
        },
        "required": ["folder"],
        "additionalProperties": False,
        "$defs": {"Colour": {"enum": ["red", 2], "title": "Colour"}},
    }


def test_defaults_inside_types_do_no_harm_to_the_schema() -> None:
    @dataclass
    class Odd:
        raw: bytes = b"\xff"
        ratio: float = float("nan")
        marker: Any = object()  # noqa: RUF009 - what people write

    def function(odd: Odd | None = None) -> None: ...

    fields = Signature(function, "f").schema["$defs"]["Odd"]["properties"]
    assert fields["raw"]["default"] == "_w=="
    assert fields["ratio"]["default"] is None
    assert "default" not in fields["marker"]


def test_forward_references_are_resolved_when_they_are_needed() -> None:
    def function(node: "Later") -> "list[Later]": ...  # noqa: F821

    signature = Signature(function, "f")
    signature.check()
    with pytest.raises(BadTask, match="Later"):
        signature.pack((1,), {})
    globals()["Later"] = Point
    try:
        again = Signature(function, "f")
        assert again.unpack(again.pack((Point(1.0),), {})) == ([Point(1.0, 0.0)], {})
    finally:
        del globals()["Later"]


def test_a_type_that_pydantic_cannot_write_is_refused_at_first_use() -> None:
    @dataclass
    class Holder:
        callback: Callable[[], None]

    def function(holders: list[Holder]) -> None: ...

    with pytest.raises(BadTask, match="its arguments cannot be written as JSON"):
        Signature(function, "f").pack(([],), {})
