"""`track` in a job: what it yields, what it shows, and where a stop comes."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from overnight.errors import Stopped
from overnight.inside import context
from overnight.inside.context import Inside, here
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.peer import Peer, attempt
from tests.waiting import until


async def each_of(items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


KINDS: list[Callable[[list[int]], Any]] = [
    list, tuple, iter, deque, set, dict.fromkeys, frozenset, bytes,
    lambda numbers: range(len(numbers)), lambda numbers: dict.fromkeys(numbers).keys(),
    lambda numbers: (number for number in numbers),
]  # fmt: skip


@pytest.mark.parametrize("make", KINDS, ids=lambda make: type(make([])).__name__)
@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize("count", [0, 1, 65, 250])
def test_every_item_comes_once_and_the_last_numbers_stay(make: Any, batch: int | None, count: int) -> None:
    numbers = list(range(count))
    total = (
        None
        if isinstance(make(numbers), Iterator) and not hasattr(make(numbers), "__length_hint__")
        else count
    )
    with attempt() as peer:
        seen = list(track(make(numbers), "counting", batch=batch))
    flat = [number for part in seen for number in part] if batch else seen
    assert flat == numbers
    assert peer.progress[-1] == (count, total, "counting")


@pytest.mark.parametrize(
    ("make", "resume"),
    [*((make, False) for make in KINDS), *((make, True) for make in KINDS if make not in (set, frozenset))],
)
def test_an_item_is_done_when_the_next_one_is_asked_for(make: Any, resume: bool) -> None:
    numbers = list(range(70))
    with attempt() as peer:
        for n, _ in enumerate(track(make(numbers), resume=resume)):
            assert shown(peer) == n


def shown(peer: Peer) -> float | None:
    """Return what the link would report now; the wire carries it ten times a second at most."""
    read = peer.link._reader
    state = read() if read else None
    return state[0] if state else None


def test_progress_goes_up_while_the_loop_runs() -> None:
    with attempt() as peer:
        for n in track(range(3), "counting"):
            until(lambda n=n: (n, 3, "counting") in peer.progress)


def test_a_loop_that_was_left_keeps_its_last_numbers() -> None:
    with attempt() as peer:
        for n in track(range(10)):
            if n == 4:
                break
    assert peer.progress[-1] == (4, 10, None)


def test_the_outermost_loop_is_shown() -> None:
    with attempt() as peer:
        for n in track(range(3), "outer"):
            for _ in track(range(5), "inner"):
                assert peer.link._reader is not None
                assert peer.link._reader() == (n, 3, "outer")
        for n in track(range(2), "second"):
            assert peer.link._reader() == (n, 2, "second")
    assert peer.progress[-1] == (2, 2, "second")


def test_what_the_function_says_wins_over_its_loops() -> None:
    with attempt() as peer:
        for _ in track(range(3), "outer"):
            job.progress(50, 60, "fitting")
    assert peer.progress[-1] == (50, 60, "fitting")


def test_a_message_alone_leaves_the_numbers_to_the_loop() -> None:
    with attempt() as peer:
        job.progress(message="reading")
        list(track(range(3), "outer"))
    assert peer.progress[-1] == (3, 3, "reading")


def test_a_total_may_be_given() -> None:
    with attempt() as peer:
        list(track(iter([]), total=9))
    assert peer.progress == [(0, 9, None)]


def test_a_resumed_loop_shows_where_it_goes_on() -> None:
    with attempt() as first:
        for n in track(range(10), resume=True):
            if n == 4:
                job.save()
                break
    with attempt(first.newest) as second:
        steps = iter(track(range(10), resume=True))
        assert next(steps) == 4
        assert shown(second) == 4


def test_a_loop_that_was_finished_before_shows_as_done() -> None:
    with attempt() as first:
        list(track(range(3), resume=True))
    with attempt(first.newest) as second:
        list(track(range(3), resume=True))
    assert second.progress == [(3, 3, None)]


def test_batches_count_items() -> None:
    with attempt() as peer:
        for n, batch in enumerate(track(range(25), batch=10)):
            assert shown(peer) == 10 * n
            batch.clear()
    assert peer.progress[-1] == (25, 25, None)


def test_a_length_that_cannot_be_told_is_no_total() -> None:
    class Odd:
        def __len__(self) -> int:
            raise RuntimeError("not loaded")

        def __iter__(self) -> Iterator[int]:
            return iter([1])

    with attempt() as peer:
        assert list(track(Odd())) == [1]
        assert next(iter(track(range(10**30)))) == 0
    assert peer.progress[-1] == (0, None, None)


def test_a_dict_that_is_changed_in_its_loop_is_still_noticed() -> None:
    changing: dict[int, int] = dict.fromkeys(range(3))  # type: ignore[arg-type]

    def work() -> None:
        for key in track(changing):
            del changing[key]

    with attempt(), pytest.raises(RuntimeError, match="changed size"):
        work()


def test_a_list_may_grow_in_its_loop() -> None:
    growing = [0]
    with attempt() as peer:
        for n in track(growing):
            if n < 99:
                growing += [n + 1]
    assert peer.progress[-1][0] == 100


def test_an_exception_of_the_items_passes_through() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("source")

    with attempt(), pytest.raises(KeyError):
        list(track(broken()))


def test_a_track_of_a_track_is_one_loop_more() -> None:
    with attempt() as peer:
        assert list(track(track("ab", "inner"), "outer")) == ["a", "b"]
    assert peer.progress[-1] == (2, 2, "outer")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 0}, "a batch holds at least 1 item"),
        ({"total": -1}, "a total is not negative"),
        ({"save_every": "soon"}, "is not a duration"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        track([], **options)


# -- stops --


@pytest.mark.parametrize("make", KINDS, ids=lambda make: type(make([])).__name__)
def test_a_stop_comes_between_two_items(make: Any) -> None:
    seen = []

    def work() -> None:
        for n in track(make(list(range(200)))):
            seen.append(n)
            if n == 3:
                peer.link.stop.ask("cancel")

    with attempt() as peer, pytest.raises(Stopped, match="cancel"):
        work()
    # A row of quick items is at most 64 long.
    assert len(seen) <= 64
    assert peer.stopping == ["asked"]


def test_a_loop_of_slow_items_is_stopped_after_the_one_that_runs() -> None:
    seen = []

    def work() -> None:
        for n in track(range(200)):
            seen.append(n)
            take_two_milliseconds()
            if n == 9:
                peer.link.stop.ask("cancel")

    with attempt() as peer, pytest.raises(Stopped):
        work()
    assert seen == list(range(10))


def take_two_milliseconds() -> None:
    """Last as long as an item does that is not quick."""
    end = time.perf_counter() + 0.002
    until(lambda: time.perf_counter() > end, every=0.0005)


def test_a_stop_that_was_asked_for_before_a_loop_comes_at_its_start() -> None:
    with attempt() as peer:
        peer.link.stop.ask("cancel")
        with pytest.raises(Stopped):
            iter(track(range(3)))


def test_a_stop_comes_in_each_thread_and_only_the_functions_own_counts() -> None:
    caught: list[str] = []

    def other(mine: Inside) -> None:
        with context.enter(mine):
            for _ in range(2):
                try:
                    list(track(range(3)))
                except Stopped as stopped:
                    caught.append(stopped.why)
            assert job.cancelled

    with attempt() as peer:
        peer.link.stop.ask("cancel")
        for _ in range(2):
            thread = threading.Thread(target=other, args=(here(),))
            thread.start()
            thread.join()
        assert caught == ["cancel", "cancel"]
        assert peer.stopping == []
        with pytest.raises(Stopped):
            job.progress(1)
        assert list(track(range(3))) == [0, 1, 2]
    assert peer.stopping == ["asked"]


# -- async --


@pytest.mark.parametrize("make", [each_of, list])
@pytest.mark.parametrize(("batch", "parts"), [(None, [0, 1, 2, 3, 4]), (2, [[0, 1], [2, 3], [4]])])
def test_async_for_goes_through_either_kind_of_items(make: Any, batch: Any, parts: list[Any]) -> None:
    async def work() -> list[Any]:
        return [part async for part in track(make(range(5)), total=5, batch=batch)]

    with attempt() as peer:
        assert asyncio.run(work()) == parts
    assert peer.progress[-1] == (5, 5, None)
    assert asyncio.run(work()) == parts


def test_async_items_in_a_plain_for_are_an_error_that_says_so() -> None:
    with pytest.raises(TypeError, match="async_generator is iterated over asynchronously: write `async for"):
        iter(track(each_of([])))


def test_an_async_loop_is_stopped_between_two_items() -> None:
    seen = []

    async def work() -> None:
        async for n in track(each_of(range(9))):
            seen.append(n)
            if n == 3:
                peer.link.stop.ask("cancel")

    with attempt() as peer, pytest.raises(Stopped):
        asyncio.run(work())
    assert seen == [0, 1, 2, 3]


def test_an_async_loop_that_was_left_keeps_its_last_numbers() -> None:
    async def work() -> None:
        async for n in track(each_of(range(9)), total=9):
            if n == 3:
                break

    with attempt() as peer:
        asyncio.run(work())
    assert peer.progress[-1] == (3, 9, None)
