"""What `track(..., resume=True)` promises: positions, nesting, and what is refused."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from overnight.errors import ResumeError, Stopped
from overnight.inside.context import Inside, here
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.peer import Peer, attempt

Saved = tuple[bytes | None, int]
NOTHING: Saved = (None, 0)


class Killed(BaseException):
    pass


def inside() -> Inside:
    found = here()
    assert found is not None
    return found


def save_is_due() -> None:
    inside().link.attention = True


def run_until(items: Any, item: Any, saved: Saved = NOTHING, **options: Any) -> tuple[list[Any], Saved]:
    """Go through a loop that saves after every item, and is killed when it comes to one."""
    seen: list[Any] = []
    with attempt(saved) as peer:
        try:
            for each in track(items, resume=True, **options):
                if each == item:
                    raise Killed
                seen.append(each)
                save_is_due()
        except Killed:
            pass
    return seen, peer.newest if peer.saves else saved


# -- where a loop goes on --


@pytest.mark.parametrize(
    "items",
    [list, tuple, iter, deque, dict.fromkeys, "".join, lambda letters: (letter for letter in letters)],
    ids=["list", "tuple", "iterator", "deque", "dict", "str", "generator"],
)
def test_a_killed_loop_goes_on_behind_its_last_saved_item(items: Any) -> None:
    letters = list("abcdefgh")
    first, saved = run_until(items(letters), "d")
    second, _ = run_until(items(letters), None, saved)
    assert (first, second) == (list("abc"), list("defgh"))


def test_a_range_is_entered_in_its_middle_at_once() -> None:
    huge = range(10**15)
    _, saved = run_until(huge, 3)
    second, _ = run_until(huge, 6, saved)
    assert second == [3, 4, 5]


def test_a_sequence_of_the_users_own_is_entered_by_index() -> None:
    class Rows(Sequence[str]):
        def __init__(self) -> None:
            self.asked: list[Any] = []

        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: Any) -> Any:
            self.asked.append(index)
            return "abcdef"[index]

    _, saved = run_until(Rows(), "e")
    rows = Rows()
    assert run_until(rows, None, saved)[0] == ["e", "f"]
    assert set(rows.asked) == {3, 4, 5}


def test_a_finished_loop_is_passed_over_without_asking_its_items() -> None:
    _, saved = run_until("abc", None)

    def never() -> Iterator[str]:
        raise AssertionError("asked for an item")
        yield ""

    assert run_until(never(), None, saved)[0] == []


def test_a_list_that_grows_while_it_is_worked_off_is_worked_off_to_its_end() -> None:
    def work(kill_at: int | None) -> list[int]:
        queue = job.restore([1], "queue")
        done = job.restore([], "done")
        for n in track(queue, resume=True):
            if n == kill_at:
                raise Killed
            if n < 20:
                queue += [2 * n, 2 * n + 1]
            done.append(n)
            save_is_due()
        return done

    with attempt() as first, pytest.raises(Killed):
        work(13)
    with attempt(first.newest):
        done = work(None)
    assert sorted(done) == list(range(1, 40))


def test_batches_are_lists_and_a_loop_of_them_goes_on_behind_the_last_saved_one() -> None:
    first, saved = run_until(range(10), [6, 7, 8], batch=3)
    second, _ = run_until(range(10), None, saved, batch=3)
    assert first == [[0, 1, 2], [3, 4, 5]]
    assert second == [[6, 7, 8], [9]]


def test_batches_may_have_another_size_at_the_next_start() -> None:
    _, saved = run_until(range(10), [6, 7, 8], batch=3)
    assert run_until(range(10), None, saved, batch=2)[0] == [[6, 7], [8, 9]]


def test_a_batch_that_the_function_changes_still_counts_as_it_was() -> None:
    def work() -> None:
        for batch in track(range(10), resume=True, batch=4):
            if batch[0] == 4:
                raise Killed
            batch.clear()
            save_is_due()

    with attempt() as first, pytest.raises(Killed):
        work()
    assert run_until(range(10), None, first.newest, batch=4)[0] == [[4, 5, 6, 7], [8, 9]]


def test_each_run_through_the_same_track_is_a_loop_of_its_own() -> None:
    with attempt() as first:
        letters = track("ab", resume=True)
        assert [list(letters), list(letters)] == [["a", "b"], ["a", "b"]]
        job.save()
    with attempt(first.newest):
        letters = track("ab", resume=True)
        assert [list(letters), list(letters), list(letters)] == [[], [], ["a", "b"]]


def test_names_tell_loops_apart_when_their_order_changes() -> None:
    _, saved = run_until("abc", "c", name="letters")
    with attempt(saved):
        assert list(track(range(3), "numbers", resume=True)) == [0, 1, 2]
        assert list(track("abc", "letters", resume=True)) == ["c"]


def test_many_finished_loops_take_no_room() -> None:
    with attempt() as peer:
        for _ in range(300):
            assert list(track("ab", resume=True)) == ["a", "b"]
        job.save()
    assert len(peer.saves[-1].data) < 50


# -- loops in loops --


def test_an_inner_loop_goes_on_inside_the_item_of_the_outer_one() -> None:
    def work(kill_at: tuple[str, int] | None) -> list[tuple[str, int]]:
        seen = []
        for letter in track("abc", resume=True):
            for n in track(range(3), resume=True):
                if (letter, n) == kill_at:
                    raise Killed
                seen.append((letter, n))
                save_is_due()
        return seen

    with attempt() as first, pytest.raises(Killed):
        work(("b", 1))
    with attempt(first.newest) as second, pytest.raises(Killed):
        work(("c", 0))
    with attempt(second.newest):
        assert work(None) == [("c", 0), ("c", 1), ("c", 2)]


def test_what_an_item_saved_is_forgotten_with_it_even_if_nobody_asked_for_it() -> None:
    def work(*, asks: bool) -> list[int]:
        seen = []
        for letter in track("ab", resume=True):
            if letter == "b" or asks:
                seen += list(track(range(3), resume=True))
                job.save()
                if asks:
                    raise Killed
        return seen

    with attempt() as first, pytest.raises(Killed):
        work(asks=True)
    with attempt(first.newest):
        assert work(asks=False) == [0, 1, 2]


def test_an_early_save_keeps_what_the_function_has_not_come_by_yet() -> None:
    def work(kill_at: str) -> tuple[list[str], dict[str, int]]:
        list(track("ab", resume=True))
        if kill_at == "early":
            job.save()
            raise Killed
        value = job.restore({"kept": 0})
        seen = []
        for letter in track("cdef", resume=True):
            seen.append(letter)
            if letter == kill_at:
                raise Killed
            value["kept"] += 1
            save_is_due()
        return seen, value

    with attempt() as first, pytest.raises(Killed):
        work("e")
    with attempt(first.newest) as second, pytest.raises(Killed):
        work("early")
    with attempt(second.newest if second.saves else first.newest):
        assert work("nowhere") == (["e", "f"], {"kept": 4})


# -- loops that are left --


def left_by(how: str) -> Saved:
    """Leave a loop at item "c", then do something, and return what was saved."""
    with attempt() as peer:
        try:
            for letter in track("abcd", resume=True):
                if letter == "c":
                    if how == "break":
                        break
                    raise ValueError(letter)
        except ValueError:
            if how == "raise, and save in except":
                job.save()
        if how in ("break", "raise, and save after"):
            job.save()
    return peer.newest


@pytest.mark.parametrize("how", ["break", "raise, and save after"])
def test_a_loop_that_was_left_is_over_when_the_function_calls_us_again(how: str) -> None:
    assert run_until("abcd", None, left_by(how))[0] == []


def test_a_loop_that_an_exception_left_is_open_while_that_is_handled() -> None:
    saved = left_by("raise, and save in except")
    assert run_until("abcd", None, saved)[0] == ["c", "d"]


def test_a_save_in_a_finally_does_not_end_the_loop_that_failed() -> None:
    def work() -> None:
        try:
            for letter in track("abcd", resume=True):
                if letter == "c":
                    raise ValueError(letter)
        finally:
            job.save()

    with attempt() as peer, pytest.raises(ValueError, match="c"):
        work()
    assert run_until("abcd", None, peer.newest)[0] == ["c", "d"]


def test_a_loop_inside_an_except_block_that_break_leaves_is_over() -> None:
    with attempt() as peer:
        try:
            raise ValueError
        except ValueError:
            for _ in track("abcd", resume=True):
                break
            job.save()
    assert run_until("abcd", None, peer.newest)[0] == []


def test_a_function_that_raised_goes_on_at_the_item_that_failed() -> None:
    with attempt() as peer:
        with suppress(ValueError):
            for letter in track("abcd", resume=True):
                if letter == "c":
                    raise ValueError(letter)
        inside().leave()
    assert run_until("abcd", None, peer.newest)[0] == ["c", "d"]


def test_a_function_that_raised_with_values_goes_on_from_its_last_save() -> None:
    def work(*, fails: bool) -> tuple[list[str], list[str]]:
        kept: list[str] = job.restore([])
        seen = []
        for letter in track("abcd", resume=True):
            seen.append(letter)
            kept.append(letter)
            if fails and letter == "c":
                raise ValueError(letter)
            if letter == "a":
                save_is_due()
        return seen, kept

    with attempt() as first:
        with pytest.raises(ValueError, match="c"):
            work(fails=True)
        inside().leave()
    with attempt(first.newest):
        assert work(fails=False) == (["b", "c", "d"], ["a", "b", "c", "d"])


def test_a_function_that_keeps_nothing_saves_nothing_when_it_raises() -> None:
    with attempt() as peer:
        inside().leave()
    assert peer.saves == []


# -- what is refused --


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


# -- the same items --


def test_items_that_have_changed_are_noticed() -> None:
    _, saved = run_until(["w.py", "x.py", "z.py"], "z.py")
    with pytest.raises(ResumeError, match=r"item 2 was 'x\.py', now 'y\.py'") as noticed:
        run_until(["w.py", "y.py", "z.py"], None, saved)
    assert "sorted" in str(noticed.value)


@pytest.mark.parametrize("kind", [list, iter])
def test_items_that_have_become_fewer_are_noticed(kind: Any) -> None:
    _, saved = run_until(kind(range(10)), 7)
    with pytest.raises(ResumeError, match="7 were done, now there are only 3"):
        run_until(kind(range(3)), None, saved)


@pytest.mark.parametrize("kind", [list, iter])
def test_the_open_item_of_an_outer_loop_is_known_again(kind: Any) -> None:
    def work(items: Any) -> None:
        for _ in track(items, resume=True):
            for _ in track(range(3), resume=True):
                save_is_due()
            raise Killed

    with attempt() as first, pytest.raises(Killed):
        work(kind("ab"))
    with attempt(first.newest), pytest.raises(ResumeError, match="item 1 was 'a', now 'x'"):
        work(kind("xb"))
    with attempt(first.newest), pytest.raises(ResumeError, match="item 1 was 'a', now there is none"):
        work(kind(""))
    with attempt(first.newest), pytest.raises(Killed):
        work(kind("ab"))


def test_items_that_the_function_changes_are_not_compared() -> None:
    def rows() -> list[dict[str, Any]]:
        return [{"n": n} for n in range(4)]

    def work() -> None:
        for row in track(rows(), resume=True):
            if row["n"] == 2:
                raise Killed
            row["done"] = True
            save_is_due()

    with attempt() as first, pytest.raises(Killed):
        work()
    assert run_until(rows(), None, first.newest)[0] == [{"n": 2}, {"n": 3}]


@pytest.mark.parametrize("item", [Path("a/b"), ("a", 1), 2.5, b"x", None, True], ids=repr)
def test_items_of_many_kinds_are_known_again(item: Any) -> None:
    _, saved = run_until([item, "end"], "end")
    assert run_until([item, "end"], None, saved)[0] == ["end"]
    with pytest.raises(ResumeError, match="item 1 was"):
        run_until(["other", "end"], None, saved)


def test_damaged_state_is_refused_when_the_function_asks_for_it() -> None:
    with attempt((b"no msgpack \xc1", 3)), pytest.raises(ResumeError, match="damaged"):
        list(track("ab", resume=True))


def test_state_of_another_layout_is_refused() -> None:
    with attempt((b"\x92\x63\x93\x90\x90\x90", 3)), pytest.raises(ResumeError, match="layout 99, ours is 1"):
        job.restore({})


# -- asynchronous loops --


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


# -- stops --


def ask(peer: Peer, why: str) -> None:
    peer.link.stop.ask(why)
    peer.link.attention = True


@pytest.mark.parametrize("why", ["cancel", "handover"])
def test_a_stop_comes_between_two_items_with_all_that_was_done_saved(why: str) -> None:
    seen = []

    def work() -> None:
        for letter in track("abcd", resume=True):
            seen.append(letter)
            if letter == "b":
                ask(peer, why)

    with attempt() as peer, pytest.raises(Stopped):
        work()
    assert peer.stopping == ["asked"]
    assert seen + run_until("abcd", None, peer.newest)[0] == list("abcd")


def test_a_handover_waits_for_a_saving_point() -> None:
    with attempt() as peer:
        ask(peer, "handover")
        assert list(track("abc")) == ["a", "b", "c"]
        job.progress(3)
        with pytest.raises(Stopped, match="handover"):
            job.save()


def test_a_stop_is_raised_once_so_that_the_functions_own_end_is_not_cut() -> None:
    with attempt() as peer:
        ask(peer, "cancel")
        with pytest.raises(Stopped):
            list(track("abc", resume=True))
        assert list(track("abc", resume=True)) == ["a", "b", "c"]
    assert peer.stopping == ["asked"]
