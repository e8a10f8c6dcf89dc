"""Outside of a job: bars in the terminal, and plain loops where there is none."""

import asyncio
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import pytest

from overnight.inside import outside
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.waiting import until


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def a_terminal() -> Iterator[Terminal]:
    """Let errors go to a terminal. (Not a fixture: pytest sets the stream anew before the test itself.)"""
    with redirect_stderr(Terminal()) as stream:
        yield stream
        until(lambda: outside.terminal._thread is None, what="the drawing thread to end")


def test_a_loop_is_drawn_as_a_bar() -> None:
    with a_terminal() as terminal:
        assert list(track(range(3), "counting", unit="file")) == [0, 1, 2]
        last = terminal.getvalue().rstrip("\n").split("\r")[-1]
        assert last.startswith("counting: 100%")
        assert "3/3" in last
        assert "file/s" in last


def test_a_bar_moves_while_the_loop_runs() -> None:
    with a_terminal() as terminal:
        for n in track(range(3)):
            until(lambda n=n: f"{n}/3" in terminal.getvalue())


@pytest.mark.parametrize("items", [list, iter])
def test_a_bar_of_a_loop_that_was_left_keeps_its_numbers(items: Any) -> None:
    with a_terminal() as terminal:
        for n in track(items(range(5))):
            if n == 2:
                break
        assert "2/5" in terminal.getvalue().split("\r")[-1]


def test_loops_in_loops_are_drawn_below_each_other_if_they_last() -> None:
    with a_terminal() as terminal:
        for n in track(range(2), "outer"):
            for _ in track(range(2), "quick"):
                pass
            if n:
                for _ in track(range(2), "slow"):
                    until(lambda: "slow: " in terminal.getvalue())
        assert "quick" not in terminal.getvalue()
        assert "outer: 100%" in terminal.getvalue()


def test_batches_and_asynchronous_loops_are_drawn_too() -> None:
    with a_terminal() as terminal:

        async def work() -> list[list[int]]:
            return [batch async for batch in track(range(5), "async", batch=2)]

        assert list(track(range(5), "batches", batch=2)) == asyncio.run(work()) == [[0, 1], [2, 3], [4]]
        assert "batches: 100%" in terminal.getvalue()
        assert "async: 100%" in terminal.getvalue()


def test_a_resumable_loop_is_a_bar_like_any_other() -> None:
    with a_terminal() as terminal:
        assert list(track("ab", resume=True)) == ["a", "b"]
        assert "2/2" in terminal.getvalue()


def test_progress_is_drawn_as_a_bar_of_its_own() -> None:
    with a_terminal() as terminal:
        job.progress(1, 4, "reading")
        until(lambda: job.progress(2, 4, "reading") or "2/4" in terminal.getvalue())
        job.progress(4, 4)
        last = terminal.getvalue().rstrip("\n").split("\r")[-1]
        assert last.startswith("reading: 100%")
        assert terminal.getvalue().endswith("\n")


def test_without_a_terminal_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    items = [1, 2, 3]
    assert type(iter(track(items))) is type(iter(items))
    assert list(track(items, batch=2)) == [[1, 2], [3]]
    job.progress(1, 2)
    assert stream.getvalue() == ""


def test_without_any_stderr_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert list(track("ab")) == ["a", "b"]
