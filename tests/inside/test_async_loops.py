"""Resumable loops that are asynchronous."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from overnight.errors import ResumeError
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.looping import Killed, save_is_due
from tests.inside.peer import attempt


async def letters_of(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@pytest.mark.parametrize("kind", [letters_of, list], ids=["async", "sync"])
@pytest.mark.parametrize("batch", [None, 2])
def test_an_asynchronous_loop_goes_on_behind_its_last_saved_item(kind: Any, batch: int | None) -> None:
    async def work(kill_at: str | None) -> list[str]:
        seen: list[str] = []
        async for part in track(kind("abcdef"), resume=True, batch=batch):
            if kill_at is not None and kill_at in part:
                raise Killed
            seen += part
            save_is_due()
        return seen

    with attempt() as first, pytest.raises(Killed):
        asyncio.run(work("c"))
    with attempt(first.newest):
        assert asyncio.run(work(None)) == list("cdef")


def test_the_open_item_of_an_asynchronous_outer_loop_is_known_again() -> None:
    async def work(text: str) -> list[str]:
        seen = []
        async for letter in track(letters_of(text), resume=True):
            for n in track(range(2), resume=True):
                seen.append(f"{letter}{n}")
                save_is_due()
                if seen == ["b0"]:
                    raise Killed
        return seen

    async def until_killed() -> None:
        async for letter in track(letters_of("abc"), resume=True):
            for n in track(range(2), resume=True):
                save_is_due()
                if (letter, n) == ("b", 1):
                    raise Killed

    with attempt() as first, pytest.raises(Killed):
        asyncio.run(until_killed())
    with attempt(first.newest):
        assert asyncio.run(work("abc")) == ["b1", "c0", "c1"]
    with attempt(first.newest), pytest.raises(ResumeError, match="item 2 was 'b', now 'x'"):
        asyncio.run(work("axc"))


def test_an_asynchronous_loop_that_break_left_is_over_at_once() -> None:
    async def work() -> list[str]:
        async for _ in track(letters_of("abc"), resume=True):
            break
        return [letter async for letter in track(letters_of("xy"), resume=True)]

    with attempt() as peer:
        assert asyncio.run(work()) == ["x", "y"]
        job.save()
    with attempt(peer.newest):
        assert asyncio.run(work()) == []


def test_an_asynchronous_loop_that_feeds_another_is_refused() -> None:
    async def upper() -> AsyncIterator[str]:
        async for letter in track(letters_of("ab"), "inner", resume=True):
            yield letter.upper()

    async def work() -> None:
        async for _ in track(upper(), "outer", resume=True):
            pass

    with attempt(), pytest.raises(ResumeError, match="the loop 'outer' asks for its next item"):
        asyncio.run(work())
