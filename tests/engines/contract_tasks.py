"""The tasks of the engines' contract: small functions that do one thing each."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from overnight import GiveUp, Retry, Snooze, job, task, track


class Colour(Enum):
    """An enumeration, as arguments and results have them."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A dataclass with a place in it."""

    x: int
    y: float = 0.5


class Order(BaseModel):
    """A pydantic model with a constraint."""

    item: str
    count: int = Field(ge=1)


Pair = namedtuple("Pair", "left right")


class NoSuchUser(LookupError):
    """An error of the program's own."""


# -- calls and results -------------------------------------------------------------------------------


@task
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@task
async def add_later(a: int, b: int = 1) -> int:
    """Add two numbers after a moment."""
    await asyncio.sleep(0.001)
    return a + b


@task
def describe(  # noqa: PLR0917 -- one argument of each kind
    path: Path,
    at: datetime,
    colour: Colour,
    mode: Literal["fast", "slow"],
    point: Point,
    order: Order,
    price: Decimal,
    key: UUID,
    data: bytes,
    count: Annotated[int, Field(gt=0)],
    rows: list[dict[str, list[int]]],
    maybe: int | None = None,
) -> list[str]:
    """Say of what type each argument is, as the function sees it."""
    values = (path, at, colour, mode, point, order, price, key, data, count, rows, maybe)
    return [type(value).__name__ for value in values]


@task
def give_path(text: str) -> Path:
    return Path(text)


@task
def give_moment() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@task
def give_span() -> timedelta:
    return timedelta(days=1, microseconds=5)


@task
def give_point() -> Point:
    return Point(1, 2.5)


@task
def give_points() -> dict[str, list[Point]]:
    return {"a": [Point(1), Point(2)]}


@task
def give_order() -> Order:
    return Order(item="tea", count=2)


@task
def give_set() -> set[int]:
    return {3, 1, 2}


@task
def give_decimal() -> Decimal:
    return Decimal("1.10")


@task
def give_bytes() -> bytes:
    return b"\x00\xff"


@task
def give_tuple() -> tuple[int, str]:
    return 1, "one"


@task
def give_colour() -> Colour:
    return Colour.BLUE


@task
def give_big() -> int:
    return 2**200


@task
def give_nothing() -> None:
    return None


@task
def give_plain() -> Any:
    return {"text": "größe 💤", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}}


@task
def give_back(value: Any) -> Any:
    return value


# -- failing -----------------------------------------------------------------------------------------


@task(attempts=3, backoff="0.01s")
def fail_until(attempt: int, error: str = "OSError") -> int:
    """Fail with an error of this name until this attempt."""
    if job.attempt < attempt:
        raise getattr(__import__("builtins"), error)(f"attempt {job.attempt}")
    return job.attempt


@task(attempts=3, backoff="0.01s", retry_on=(TypeError, ConnectionError))
def fail_until_naming(attempt: int, error: str) -> int:
    """Do as `fail_until` does, where only named errors are tried again."""
    return fail_until(attempt, error)


@task(attempts=3, backoff="0.01s")
async def fail_until_later(attempt: int) -> int:
    await asyncio.sleep(0)
    return fail_until(attempt)


@task
def look_up(user: str) -> None:
    """Fail with an error of the program's own, raised from another."""
    try:
        {}[user]
    except KeyError as error:
        raise NoSuchUser(f"no user {user!r}") from error


@task(attempts=5, backoff="1h")
def ask_for_another(attempt: int, after: str) -> int:
    if job.attempt < attempt:
        raise Retry("the other side is busy", after=after)
    return job.attempt


@task(attempts=2)
def always_ask() -> None:
    raise Retry("still busy", after="0.01s")


@task
def snooze_until(attempt: int, wait: str) -> int:
    if job.attempt < attempt:
        raise Snooze(wait)
    return job.attempt


@task(attempts=5)
def give_up() -> None:
    raise GiveUp("the file is empty")


@task(at_most_once=True)
def once(ledger: Path, snooze: bool = False) -> None:
    """Fail, or ask for a later start, in the one start that there is."""
    with ledger.open("a") as lines:
        lines.write("started\n")
    if snooze:
        raise Snooze("1s")
    raise OSError("once is all")


# -- what is kept ------------------------------------------------------------------------------------


@task(attempts=3, backoff="0.01s")
def walk(ledger: Path, fail_at: list[int], items: int = 10) -> dict[str, int]:
    """Note each item, and fail once at each of some."""
    seen = job.restore({"count": 0})
    with ledger.open("a") as lines:
        for item in track(range(items), resume=True):
            job.save()  # before the item changes anything: what is saved is true of the moment between two
            if item in fail_at[job.attempt - 1 : job.attempt]:
                raise OSError(f"at item {item}")
            lines.write(f"{job.attempt} {item}\n")
            seen["count"] += 1
    return seen


@task(attempts=2, backoff="0.01s")
def keep_facts(ledger: Path) -> dict[str, Any]:
    """Note what must be the same at each attempt, and what must not."""
    mark = job.directory / "kept.txt"
    before = mark.read_text() if mark.exists() else ""
    mark.write_text(f"{before}{job.attempt};")
    with ledger.open("a") as lines:
        lines.write(f"{job.id} {job.idempotency_key} {job.directory}\n")
    if job.attempt == 1:
        raise OSError("once")
    return {"kept": before, "attempt": job.attempt, "id": job.id, "owner": job.owner}


@task
def write_log(items: int) -> None:
    for item in range(items):
        job.log.info("item %d", item)
    job.log.warning("careful: größe")


@task
def count_up(items: int) -> int:
    """Take 0.9 s or more, and say so all the time."""
    for item in range(items):
        job.progress(item + 1, items, f"item {item}")
        time.sleep(0.9 / items)
    return items


@task
def speak(words: str) -> None:
    print(words)
    print(words.upper(), file=sys.stderr)


@task(cpus=64)
def note(ledger: Path, word: str) -> None:
    """Note a word; alone in its worker, however many slots that has."""
    with ledger.open("a") as lines:
        lines.write(f"{word} {time.time()}\n")


@task(cpus=64)
def hold(gate: Path) -> None:
    """Keep all slots of a worker until a file is there."""
    until = time.monotonic() + 20
    while not gate.exists() and time.monotonic() < until:
        time.sleep(0.01)


# -- being stopped -----------------------------------------------------------------------------------


@task(grace="2s")
def linger(ledger: Path, seconds: float = 30.0) -> str:
    """Work in small pieces, and clean up when stopped."""
    try:
        for _ in track(range(int(seconds * 100))):
            time.sleep(0.01)
    finally:
        with ledger.open("a") as lines:
            lines.write("cleaned up\n")
    return "done"


@task(grace="2s")
def ask_whether_to_end(ledger: Path) -> str:
    """Look whether it should end, and then end by itself."""
    until = time.monotonic() + 30
    while not job.cancelled and time.monotonic() < until:
        time.sleep(0.01)
    ledger.write_text("saw it")
    return "ended by itself"


@task(grace="2s")
async def linger_later(ledger: Path) -> None:
    """Wait for long, and clean up when stopped."""
    try:
        for _ in range(3000):
            await asyncio.sleep(0.01)
            job.progress(message="waiting")
    finally:
        ledger.write_text("cleaned up")


def undeclared(a: int) -> int:
    """A plain function: workers can run it, though nobody wrote @task."""
    return a * 2


def counted(words: list[str]) -> Counter[str]:
    """Return what JSON holds as an object."""
    return Counter(words)
