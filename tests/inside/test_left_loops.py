"""Resumable loops that `break`, an exception or a stop leaves."""

from contextlib import suppress

import pytest

from overnight.errors import Stopped
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.looping import Saved, inside, run_until, save_is_due
from tests.inside.peer import Peer, attempt

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
