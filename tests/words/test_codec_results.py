"""A result is kept as its annotation says, or as what it is; what JSON cannot hold is refused."""

import json
import math
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, field_serializer

from overnight.codec import Signature, digest
from overnight.errors import ResultRefused


class Score(NamedTuple):
    name: str
    points: float


@dataclass
class Report:
    path: Path
    scores: list[Score]
    raw: bytes = b"\xff"


class Model(BaseModel):
    at: datetime


def returning(annotation: Any) -> Signature:
    def function(): ...

    function.__annotations__["return"] = annotation
    return Signature(function, "talks.count")


def unannotated() -> Signature:
    def function(): ...

    return Signature(function, "talks.count")


TYPED = [
    (int, 3),
    (None, None),
    (Path, Path("/srv/a")),
    (Report, Report(Path("/a"), [Score("x", 1.5)])),
    (list[Report] | None, [Report(Path("/a"), [])]),
    (dict[int, Decimal], {3: Decimal("1.10")}),
    (tuple[str, date], ("a", date(2026, 1, 1))),
    (set[int], {1, 2}),
    (bytes, b"\x00\xff"),
    (Model, Model(at=datetime(2026, 1, 1, tzinfo=UTC))),
    (Counter[str], Counter("aab")),
    (Any, {"a": [1, None]}),
    (float, 0.1),
    (str, "nul \x00 and ☃"),
]


@pytest.mark.parametrize(("annotation", "value"), TYPED, ids=lambda it: str(it)[:40])
def test_a_result_comes_back_as_its_annotation_says(annotation: Any, value: Any) -> None:
    signature = returning(annotation)
    back = signature.unpack_result(signature.pack_result(value))
    assert back == value
    assert type(back) is type(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_result_without_annotation_comes_back_as_it_was(value: Any) -> None:
    signature = unannotated()
    assert signature.unpack_result(signature.pack_result(value)) == value


def test_a_result_without_annotation_is_kept_as_what_it_looks_like() -> None:
    value = {
        date(2026, 1, 1): Report(Path("/a"), [Score("x", 1)]),
        "set": {1},
        "model": Model(at=datetime(2026, 1, 1, tzinfo=UTC)),
    }
    assert json.loads(unannotated().pack_result(value)) == {
        "2026-01-01": {"path": "/a", "scores": [["x", 1]], "raw": "_w=="},
        "set": [1],
        "model": {"at": "2026-01-01T00:00:00Z"},
    }


def test_the_keys_of_a_result_stay_in_order() -> None:
    table = {"z": 3, "a": 2, "m": 1}
    for signature in (unannotated(), returning(dict[str, int])):
        assert list(signature.unpack_result(signature.pack_result(table))) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("annotation", "value"), [(int, "many"), (Report, {"other": 1}), (str, None), (NoReturn, 1)]
)
def test_a_function_that_returns_something_else_than_it_says_has_done_its_work(
    annotation: Any, value: Any
) -> None:
    signature = returning(annotation)
    assert signature.unpack_result(signature.pack_result(value)) == value


class Shape(BaseModel):
    name: str


class Circle(Shape):
    radius: float


def test_a_result_of_a_narrower_class_loses_nothing_of_what_it_is() -> None:
    data = returning(list[Shape]).pack_result([Circle(name="c", radius=2)])
    assert json.loads(data) == [{"name": "c", "radius": 2.0}]


def test_an_annotation_that_only_type_checkers_know_does_no_harm() -> None:
    signature = returning("pandas.DataFrame")
    signature.check()
    assert signature.unpack_result(signature.pack_result([1])) == [1]


class Scalar:
    """As numpy's and torch's: an array of no dimensions."""

    shape = ()

    def item(self) -> float:
        return 2.5


@pytest.mark.parametrize(
    "signature", [unannotated(), returning(float), returning(Any), returning(list[float])]
)
def test_scalars_of_arrays_become_numbers(signature: Signature) -> None:
    assert signature.pack_result([Scalar()]) == b"[2.5]"


REFUSED = [
    (math.nan, "its result is nan, not a number that JSON knows"),
    ({"rows": [1, {"mean": math.inf}]}, "its result at rows[1].mean is inf, not a number"),
    ("\ud800", "its result has half a character in it, the lone surrogate '\\ud800'"),
    ({"a": ["\udfff"]}, "its result at a[0] has half a character"),
    ({"made": [threading.Lock()]}, "its result at made[0] is no JSON but _thread.lock"),
    (Report(Path("/a"), [threading.Lock()]), "its result at scores[0] is no JSON but _thread.lock"),  # type: ignore[list-item]
    (object(), "its result is no JSON but object"),
    ((n for n in "ab"), "its result is an iterator, not JSON"),
    (iter([1]), "its result is an iterator, not JSON"),
    (print, "its result is no JSON but builtin_function_or_method"),
    ("x" * 17_000_000, "its result takes 16.2 MiB as JSON; the limit is 16.0 MiB"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "words"), REFUSED, ids=[words for _, words in REFUSED])
@pytest.mark.parametrize("annotation", [Any, "missing", float, dict[str, Any]])
def test_a_result_that_json_cannot_hold_is_refused_with_its_place(
    value: Any, words: str, annotation: Any
) -> None:
    with pytest.raises(ResultRefused) as refused:
        returning(annotation).pack_result(value)
    assert words in str(refused.value)
    assert refused.value.message.startswith("talks.count: ")
    assert refused.value.hint


def test_a_result_that_is_nested_too_deep_is_refused_whatever_it_is_made_of() -> None:
    chain: dict[str, Any] = {}
    for _ in range(1000):
        chain = {"next": chain}
    loop: list[Any] = []
    loop.append(loop)
    for value in (chain, loop):
        with pytest.raises(ResultRefused, match="nested more than 100 levels deep"):
            unannotated().pack_result(value)


def test_a_value_whose_own_serializer_raises_is_refused() -> None:
    class Hostile(BaseModel):
        a: int = 1

        @field_serializer("a")
        def refuse(self, a: int) -> int:
            raise OSError(f"the disk {a} is gone")

    with pytest.raises(ResultRefused, match=r"cannot be written as JSON: .*the disk 1 is gone"):
        unannotated().pack_result({"a": Hostile()})


def test_bytes_are_named_by_a_digest() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb924"
