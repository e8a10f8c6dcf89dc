"""Saved values come back equal, and as what they were; what cannot be saved is named by its place."""

import enum
import math
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, PrivateAttr

from overnight.errors import SaveRefused
from overnight.inside.values import decode, encode, encode_at


class Colour(enum.Enum):
    RED = 1
    GREEN = (2, "two")


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    YES = "yes"


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass
class Order:
    id: int
    lines: list["Line"] = field(default_factory=list)
    total: Decimal = field(init=False, default=Decimal(0))


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    price: Decimal


class Model(BaseModel):
    name: str
    tags: set[str] = set()
    inner: "Model | None" = None
    _seen: int = PrivateAttr(default=0)


def there_and_back(value: Any) -> Any:
    return decode(encode(value))


def order(**changes: Any) -> Order:
    made = Order(1, [Line("a", Decimal("1.10"))])
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "x", b"y"]},
        {1: "int", 2.5: "float", None: "none", False: "bool", b"b": "bytes", "s": "str"},
        {(1, "a"): {"tuple": "key"}, frozenset({1}): 2, date(2024, 1, 1): 3, Level.LOW: 4},
        (1, [2, (3, ())]),
        {1, "a", (2, 3)},
        [frozenset({frozenset()}), set()],
        2**64,
        [-(2**63) - 1, 2**63, 10**4000],
        {2**70: "long key", "plain": 2**70},
        "\udc80 is no Unicode",
        {"\udcff": Path("\udce9t\udce9")},
        bytearray(b"abc"),
        complex(1, -2),
        [math.inf, -math.inf, -0.0],
        Decimal("1.10"),
        UUID(int=7),
        datetime.fromisoformat("2024-02-29T12:30:01.000005"),
        datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
        datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
        date(1, 1, 1),
        time(23, 59, 59, 1, fold=1),
        time(1, tzinfo=UTC),
        timedelta(days=-1, microseconds=3),
        Path("/a/b"),
        PurePosixPath("a"),
        PureWindowsPath("c:/x"),
        [Colour.RED, Colour.GREEN, Level.LOW, Word.YES],
        Right.READ | Right.WRITE,
        Point(1, 2),
        Counter("aab"),
        OrderedDict(b=1, a=2),
        defaultdict(list, {"a": [1]}),
        defaultdict(Order, {"a": Order(1)}),
        defaultdict(None, {"a": 1}),
        deque([1, (2,)], maxlen=2),
        order(),
        {"orders": [order(total=Decimal(3))]},
        Model(name="a", tags={"x"}, inner=Model(name="b")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_equal_and_as_what_it_was(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(value, (set, dict))


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from(Colour)
    | st.builds(Line, st.text(), st.decimals(allow_nan=False))
)
fixed = scalars | st.tuples(scalars, scalars) | st.frozensets(scalars, max_size=3)
things = st.recursive(
    fixed,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(fixed, inner, max_size=4)
        | st.sets(fixed, max_size=4)
        | st.lists(inner, max_size=3).map(deque)
        | st.builds(Order, st.integers(), st.lists(inner, max_size=2))
    ),
    max_leaves=12,
)


@given(things)
def test_whatever_nests_comes_back_equal(value: Any) -> None:
    assert there_and_back(value) == value


def test_zones_keep_their_names() -> None:
    back = there_and_back(datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Paris")))
    assert back.tzinfo.key == "Europe/Paris"


def test_orders_and_limits_of_containers_stay() -> None:
    assert list(there_and_back(OrderedDict(b=1, a=2))) == ["b", "a"]
    assert there_and_back(deque([1], maxlen=3)).maxlen == 3
    assert there_and_back(defaultdict(list))["new"] == []


def test_attributes_beside_the_fields_come_back_too() -> None:
    assert there_and_back(order(note="urgent")).note == "urgent"
    model = Model(name="a")
    model._seen = 3
    back = there_and_back(model)
    assert (back._seen, back.model_fields_set) == (3, {"name"})


def test_a_class_of_which_fields_came_and_went_takes_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(slots=True)
    class Changed:
        id: int
        colour: str = "red"
        sizes: list[int] = field(default_factory=list)

    data = encode([order()])
    Changed.__qualname__, Changed.__module__ = "Order", __name__
    monkeypatch.setitem(globals(), "Order", Changed)
    assert decode(data) == [Changed(1, "red", [])]


def test_reading_runs_no_code_of_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(order())

    def refuse(self: Any, *args: Any) -> None:
        raise AssertionError("called")

    monkeypatch.setattr(Order, "__init__", refuse)
    monkeypatch.setattr(Order, "__setattr__", refuse)
    assert decode(data).id == 1


@pytest.mark.parametrize("name", ["builtins:eval", "os:system", "subprocess:Popen", "builtins:object"])
def test_reading_makes_nothing_of_a_class_that_is_no_dataclass(name: str) -> None:
    import msgspec  # noqa: PLC0415

    for code in (20, 21, 22, 23, 7):
        forged = msgspec.msgpack.encode(msgspec.msgpack.Ext(code, msgspec.msgpack.encode([name, {}])))
        with pytest.raises(TypeError, match="is not the class that it was"):
            decode(forged)


class Odd(dict[str, int]):
    pass


def local_class() -> Any:
    @dataclass
    class Local:
        x: int

    return Local(1)


itself: dict[str, Any] = {}
itself["again"] = [itself]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"users": [0, 1, 2, order(lock=threading.Lock())]},
            "['users'][3].lock: a threading.Lock cannot be saved",
        ),
        ({"a": {"b": (1, {2: open})}}, "['a']['b'][1][2]: a builtin_function_or_method cannot be saved"),
        ({"f": [lambda: 0]}, "['f'][0]: a function cannot be saved"),
        ([{object}], "[0], in the set: a type cannot be saved"),
        ({object(): 1}, ": an object cannot be saved"),
        (Model.model_construct(name=iter([])), ".name: a list_iterator cannot be saved"),
        ({"odd": Odd()}, f"['odd']: a {__name__}.Odd cannot be saved"),
        ([local_class()], "its class is defined inside a function"),
        ({"d": defaultdict(lambda: 0)}, "['d']: a defaultdict is saved only if its values are made by list"),
        (itself, "nests deeper than 100 levels, or contains itself"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_cannot_be_saved_is_named_by_its_place(value: Any, words: str) -> None:
    with pytest.raises(SaveRefused) as refused:
        encode_at("restore('seen')", value)
    assert str(refused.value).startswith("restore('seen')")
    assert words in refused.value.message
    assert refused.value.hint is not None


def test_ninety_levels_are_not_too_deep() -> None:
    value: list[Any] = []
    for _ in range(90):
        value = [value]
    assert there_and_back(value) == value
