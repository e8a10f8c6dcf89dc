"""Resumable loops that do not stand on one stack are refused, with the cure."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from overnight.errors import ResumeError
from overnight.inside.context import Inside
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.looping import inside, save_is_due
from tests.inside.peer import attempt


@pytest.mark.parametrize("items", [{1, 2}, frozenset({1})])
def test_a_set_is_refused_with_the_cure(items: Any) -> None:
    with pytest.raises(ResumeError, match="no order") as refused:
        track(items, resume=True)
    assert "sorted(items)" in str(refused.value)


def test_two_resumable_loops_in_a_zip_are_refused_with_the_cure() -> None:
    with attempt(), pytest.raises(ResumeError, match=r"as in zip") as refused:
        for _ in zip(track("abc", "a", resume=True), track("abc", "b", resume=True), strict=True):
            pass
    assert "zip(a, b)" in str(refused.value)


def test_a_resumable_loop_beside_a_plain_one_in_a_zip_is_fine() -> None:
    with attempt():
        pairs = list(zip(track("ab", resume=True), track("cd"), strict=True))
    assert pairs == [("a", "c"), ("b", "d")]


def test_a_resumable_loop_that_feeds_another_is_refused_with_the_cure() -> None:
    with attempt():
        source = (letter.upper() for letter in track("abc", "inner", resume=True))
        with pytest.raises(ResumeError, match="the loop 'outer' asks for its next item") as refused:
            list(track(source, "outer", resume=True))
    assert "plain track" in str(refused.value)


def test_a_resumable_loop_over_a_running_one_is_refused() -> None:
    with attempt():
        inner = iter(track("abc", "inner", resume=True))
        next(inner)
        with pytest.raises(ResumeError, match="the loop 'inner' is asked for its next item"):
            list(track(inner, "outer", resume=True))


def test_a_resumable_loop_over_a_plain_one_is_fine() -> None:
    with attempt() as peer:
        assert list(track(track("abc", "inner"), "outer", resume=True)) == ["a", "b", "c"]
    assert peer.progress[-1] == (3, 3, "outer")


def test_a_value_that_the_items_of_a_loop_restore_is_refused() -> None:
    def pages() -> Iterator[int]:
        job.restore({"page": 0})
        yield 1

    with (
        attempt(),
        pytest.raises(ResumeError, match=r"job.restore\(\) is begun while resumable loop number 1"),
    ):
        list(track(pages(), resume=True))


def test_a_loop_whose_outer_loop_has_gone_on_is_refused() -> None:
    with attempt():
        outer = iter(track("ab", "outer", resume=True))
        next(outer)
        inner = iter(track("ab", "inner", resume=True))
        next(inner)
        with pytest.raises(ResumeError, match="while the loop 'inner' is open under it"):
            next(outer)


def test_an_inner_loop_is_of_no_use_after_the_outer_one_was_left() -> None:
    with attempt():
        for _ in track("ab", "outer", resume=True):
            inner = iter(track("abc", "inner", resume=True))
            next(inner)
            break
        assert list(track("xy", resume=True)) == ["x", "y"]
        save_is_due()
        with pytest.raises(ResumeError, match="after the loop around it went on"):
            next(inner)


@pytest.mark.parametrize("call", ["track", "restore", "save"])
def test_another_thread_is_refused_while_a_loop_is_open(call: str) -> None:
    calls = {
        "track": lambda: list(track("xy", resume=True)),
        "restore": lambda: job.restore({}),
        "save": job.save,
    }
    caught: list[BaseException] = []

    def other(mine: Inside) -> None:
        from overnight.inside import context  # noqa: PLC0415

        with context.enter(mine):
            try:
                calls[call]()
            except ResumeError as error:
                caught.append(error)

    with attempt():
        for _ in track("a", "letters", resume=True):
            thread = threading.Thread(target=other, args=(inside(),))
            thread.start()
            thread.join()
    assert "the loop 'letters' is open in another" in str(caught[0])


def test_another_asyncio_task_is_refused_while_a_loop_is_open() -> None:
    async def go_through(letters: str, other: asyncio.Event, mine: asyncio.Event) -> None:
        async for _ in track(letters, letters, resume=True):
            mine.set()
            await other.wait()

    async def both() -> None:
        one, two = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(go_through("ab", two, one))
            group.create_task(go_through("xy", one, two))

    with attempt(), pytest.raises(ExceptionGroup) as refused:
        asyncio.run(both())
    assert refused.group_contains(ResumeError, match="the loop 'ab' is open in another")
