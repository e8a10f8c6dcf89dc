"""A loop that goes on knows whether its items are still the same."""

from pathlib import Path
from typing import Any

import pytest

from overnight.errors import ResumeError
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.looping import Killed, run_until, save_is_due
from tests.inside.peer import attempt


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
