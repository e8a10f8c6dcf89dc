"""What `track(..., resume=True)` promises: where loops go on, and loops in loops."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.looping import Killed, run_until, save_is_due
from tests.inside.peer import attempt

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
