"""One saved state per job: when it is written, what is in it, and what it costs."""

import gc
import time
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from overnight.errors import Fenced, ResumeError, SaveRefused, Stopped
from overnight.inside.context import here
from overnight.inside.job import job
from overnight.inside.saving import LIMIT, Pace
from overnight.inside.tracking import track
from tests.inside.peer import attempt
from tests.waiting import until


class Killed(BaseException):
    pass


@dataclass
class Totals:
    files: int = 0
    names: list[str] = field(default_factory=list)


class Model(BaseModel):
    files: int = 0
    names: set[str] = set()


@dataclass(frozen=True)
class Frozen:
    x: int = 0


class Interrupting(BaseModel):
    """Is in the middle of being written when a signal comes that ends the job."""

    def __getstate__(self) -> dict[Any, Any]:
        inside = here()
        assert inside is not None
        inside.link.stop.signalled("cancel")
        return super().__getstate__()


class FrozenModel(BaseModel, frozen=True):
    x: int = 0


# -- restored values --


def fill(value: Any) -> None:
    """Change a value in place, whatever it is."""
    match value:
        case Totals() | Model():
            value.files += 3
            value.names = type(value.names)(["a", "b"])
        case dict():
            value["b"] = 2
            value["a"] = 1
        case list() | deque():
            value.extend([1, 2])
        case set():
            value.update({"x", "y"})
        case bytearray():
            value += b"xyz"


@pytest.mark.parametrize(
    "make",
    [
        dict, list, set, bytearray, Counter, OrderedDict, Totals, Model,
        lambda: defaultdict(list), lambda: defaultdict(lambda: 7), lambda: deque(maxlen=5),
    ],
    ids=lambda make: make().__class__.__name__,
)  # fmt: skip
def test_a_restored_value_is_the_live_one_and_holds_what_was_saved(make: Any) -> None:
    with attempt() as first:
        value = job.restore(make())
        fill(value)
        job.save()
    with attempt(first.newest):
        default = make()
        back = job.restore(default)
        assert back is default
        assert back == value
        assert repr(back) == repr(value) or isinstance(back, (set, defaultdict, Model))


def test_what_a_default_holds_gives_way_to_what_was_saved() -> None:
    with attempt() as first:
        value = job.restore({"first": 1, "second": 2})
        del value["first"]
        job.save()
    with attempt(first.newest):
        assert job.restore({"first": 1, "second": 2}) == {"second": 2}


def test_order_tells_values_apart_and_so_do_names() -> None:
    with attempt() as first:
        for value, name in ((["one"], None), (["two"], None), (["three"], "named"), (["four"], "named")):
            job.restore([], name).extend(value)
        job.save()
    with attempt(first.newest):
        assert job.restore([], "named") == ["three"]
        assert [job.restore([]), job.restore([])] == [["one"], ["two"]]
        assert job.restore([], "named") == ["four"]


def test_a_value_restored_in_an_item_belongs_to_that_item() -> None:
    def work(kill_at: tuple[str, int] | None) -> list[dict[str, int]]:
        seen = []
        for letter in track("ab", resume=True):
            value = job.restore({})
            for n in track(range(3), resume=True):
                if (letter, n) == kill_at:
                    raise Killed
                value[letter] = n
                job.save()
            seen.append(value)
        return seen

    with attempt() as first, pytest.raises(Killed):
        work(("b", 2))
    with attempt(first.newest):
        assert work(None) == [{"b": 2}]


@pytest.mark.parametrize(
    ("default", "cure"),
    [
        (0, "put it in a dict"),
        ("", "put it in a dict"),
        ((), "put it in a dict"),
        (frozenset(), "put it in a dict"),
        (None, "put it in a dict"),
        (Frozen(), "use a dict"),
        (FrozenModel(), "use a dict"),
        (type("Odd", (dict,), {})(), "use the plain dict"),
        (iter([]), "use a dict, list, set"),
    ],
)
def test_what_cannot_be_changed_in_place_is_refused_with_the_cure(default: Any, cure: str) -> None:
    for _ in range(2):  # outside of a job as inside
        with pytest.raises(SaveRefused, match=r"job\.restore\(\) cannot follow a") as refused:
            job.restore(default)
        assert cure in str(refused.value)
        with attempt(), pytest.raises(SaveRefused):
            job.restore(default)


def test_what_cannot_be_saved_is_refused_as_soon_as_it_is_restored() -> None:
    with attempt(), pytest.raises(SaveRefused, match=r"restore\('seen'\)\['f'\]: a function cannot be saved"):
        job.restore({"f": print_nothing}, "seen")


def print_nothing() -> None:
    pass


def test_a_value_that_cannot_be_saved_any_more_is_named_at_the_save() -> None:
    with attempt():
        job.restore([])
        seen = job.restore({})
        seen["users"] = [1, object()]
        with pytest.raises(
            SaveRefused, match=r"restore\(\) number 2\['users'\]\[1\]: an object cannot be saved"
        ):
            job.save()


def test_a_value_of_another_kind_than_was_saved_is_refused() -> None:
    with attempt() as first:
        job.restore({"a": 1}, "seen")
        job.save()
    with (
        attempt(first.newest),
        pytest.raises(
            ResumeError, match=r"restore\('seen'\) was saved as a dict, and is now asked for as a list"
        ),
    ):
        job.restore([], "seen")


def test_a_value_whose_class_is_gone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with attempt() as first:
        job.restore([Totals()])
        job.save()
    monkeypatch.delitem(globals(), "Totals")
    with (
        attempt(first.newest),
        pytest.raises(ResumeError, match=r"restore\(\) cannot be read back: .*Totals"),
    ):
        job.restore([])


def test_state_beyond_the_limit_is_refused() -> None:
    with attempt():
        value = job.restore({})
        value["large"] = bytes(LIMIT)
        with pytest.raises(SaveRefused, match=r"saved state is 64\.0 MiB, and may be 64") as refused:
            job.save()
    assert "job.directory" in str(refused.value)


# -- when it is written --


def test_a_save_returns_when_it_is_durable() -> None:
    with attempt() as peer:
        job.restore([1])
        job.save()
        assert len(peer.saves) == 1


def test_a_save_that_nobody_acknowledges_ends_when_the_worker_is_gone() -> None:
    with attempt(acknowledges=False) as peer:
        job.restore([1])
        peer.go_away_after(1)
        with pytest.raises(Fenced):
            job.save()


def test_a_loop_does_not_wait_for_the_worker() -> None:
    with attempt(acknowledges=False) as peer:
        assert list(track("abc", resume=True, save_every=0)) == ["a", "b", "c"]
    assert peer.saves


def test_numbers_of_saves_grow_from_attempt_to_attempt() -> None:
    with attempt((None, 7)) as first:
        value = job.restore([])
        for n in range(3):
            value.append(n)
            job.save()
    assert [save.n for save in first.saves] == [8, 9, 10]


def test_a_save_that_says_nothing_new_is_not_sent() -> None:
    with attempt() as peer:
        value = job.restore({"a": 1})
        job.save()
        job.save()
        value["a"] = 2
        job.save()
    assert len(peer.saves) == 2


def test_a_job_that_keeps_nothing_sends_nothing() -> None:
    with attempt() as peer:
        job.save()
        list(track("abc"))
        job.save()
    assert peer.saves == []


def test_an_attempt_that_does_not_move_on_sends_nothing_though_its_sets_are_in_another_order() -> None:
    numbers = [0, 8, 16, 24, 32]

    def work(order: list[int]) -> None:
        seen = job.restore(set())
        seen.update(order)
        for n in track(range(3), resume=True):
            if n == 1:
                job.save()
                raise Killed

    with attempt() as first, pytest.raises(Killed):
        work(numbers)
    with attempt(first.newest) as second, pytest.raises(Killed):
        work(numbers[::-1])
    assert second.saves == []


def test_positions_come_as_often_as_asked_for_and_the_end_at_once() -> None:
    with attempt() as peer:
        for _ in track(range(10**9), resume=True, save_every=0.02):
            if len(peer.saves) >= 5:
                break
    with attempt() as peer:
        assert list(track("ab", resume=True, save_every=3600)) == ["a", "b"]
        until(lambda: peer.saves)


def test_each_batch_is_saved_that_takes_its_time() -> None:
    with attempt() as peer:
        batches = iter(track(range(6), resume=True, batch=3, save_every=3600))
        next(batches)
        last = time.monotonic() + 0.06
        until(lambda: time.monotonic() > last, what="the batch to take its time")
        next(batches)
        until(lambda: peer.saves)


def test_the_first_saves_come_sooner_than_the_rest() -> None:
    pace = Pace()
    gaps = []
    for _ in range(5):
        gaps.append(pace.gap(0.5))
        pace.note(began=10.0, ended=10.0)
    assert gaps == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert Pace().gap(0.05) == 0.05


def test_a_dear_save_is_not_repeated_before_twenty_times_its_cost() -> None:
    pace = Pace()
    pace.note(began=10.0, ended=10.25)
    assert pace.gap(0.5) == 5.0
    assert not pace.allows(15.2, is_outermost=True)
    assert pace.allows(15.3)


def test_an_inner_loop_that_ends_is_saved_twenty_times_a_second_at_most() -> None:
    pace = Pace()
    pace.note(began=10.0, ended=10.0001)
    assert not pace.allows(10.04)
    assert pace.allows(10.04, is_outermost=True)
    assert pace.allows(10.06)


# -- stops --


def test_a_stop_that_comes_while_state_is_written_waits_until_it_is() -> None:
    with attempt() as peer:
        value = job.restore({})
        value["model"] = Interrupting()
        with pytest.raises(Stopped, match="cancel"):
            job.save()
    assert peer.stopping == ["terminated"]
    assert len(peer.saves) == 1


def test_what_was_restored_is_not_kept_alive_by_a_loop_that_is_over() -> None:
    class Item:
        pass

    with attempt():
        for item in track([Item(), Item()], resume=True):
            last = item
        del item, last
        gc.collect()
        assert not [thing for thing in gc.get_objects() if type(thing) is Item]
