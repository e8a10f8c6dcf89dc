"""Whatever happens to jobs, in whatever order: their events add up to their rows, and no invariant breaks."""

from itertools import count
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overnight.clock import SetClock
from overnight.errors import Conflict, Fenced
from overnight.events import fold
from overnight.jobs import LIFE, Job, State
from overnight.outcome import (
    Cancelled,
    Crashed,
    Failed,
    Interrupted,
    Lost,
    Outcome,
    OutOfMemory,
    Snoozed,
    Succeeded,
    TimedOut,
)
from overnight.progress import Progress
from overnight.store import Store, events, jobs, reading, saves
from overnight.store.jobs import ProgressNote
from overnight.store.verify import verify
from tests.store.given import SOURCE, TASK, ask, call, error, register, succeeded

OUTCOMES: list[Outcome] = [
    succeeded(),
    Failed(error()),
    Failed(error(), retried=False),
    Failed(error(), after=5.0),
    TimedOut(error("TimedOut")),
    TimedOut(error("TimedOut"), deadline=True),
    OutOfMemory(error("OutOfMemory", detail={"peak": 2, "limit": 1})),
    Crashed(error("Crashed")),
    Lost(error("Lost")),
    Cancelled("killed"),
    Interrupted(),
    Snoozed(20.0),
]

options = st.fixed_dictionaries(
    {},
    optional={
        "attempts": st.integers(1, 3),
        "delay": st.sampled_from([0.0, 30.0]),
        "expires": st.sampled_from([10.0, 100.0]),
        "deadline": st.sampled_from([50.0, 500.0]),
        "at_most_once": st.booleans(),
        "priority": st.integers(-1, 1),
        "memory": st.sampled_from([1 << 20, 1 << 40]),
        "cpus": st.integers(1, 3),
    },
)
which = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("add"), options),
    st.tuples(st.just("claim"), st.integers(1, 3)),
    st.tuples(st.just("settle"), which, st.sampled_from(OUTCOMES), st.integers(0, 1)),
    st.tuples(st.just("save"), which, st.integers(1, 5), st.integers(0, 1)),
    st.tuples(st.just("progress"), which),
    st.tuples(st.just("cancel"), which),
    st.tuples(st.just("revive"), which),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 15.0, 120.0])),
    st.tuples(st.just("expire")),
    st.tuples(st.just("sleep")),
)
_examples = count(1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(steps, min_size=5, max_size=40))
def test_the_events_of_jobs_add_up_to_their_rows(
    store: Store, clock: SetClock, walk: list[tuple[Any, ...]]
) -> None:
    walker = Walker(store, clock)
    for name, *args in walk:
        getattr(walker, name)(*args)
    for job in walker.ids:
        history = store.read(events.of, job)
        found = store.read(reading.find, job)
        assert fold(history) == life_of(found)
        assert found.n_event == len(history)
    assert verify(store) == []


class Walker:
    """Takes steps; those that the state of a job does not allow are refused and change nothing."""

    def __init__(self, store: Store, clock: SetClock) -> None:
        number = next(_examples)
        self.store = store
        self.clock = clock
        self.queue = f"q{number}"
        self.worker = register(store, f"w{number}")
        self.ids = store.write(jobs.add, [call(queue=self.queue)])

    def add(self, chosen: dict[str, Any]) -> None:
        if chosen.get("at_most_once"):
            chosen = {**chosen, "attempts": 1}
        self.ids += self.store.write(jobs.add, [call(queue=self.queue, **chosen)])

    def claim(self, slots: int) -> None:
        wanted = ask(self.worker, (TASK, SOURCE), slots=slots, queues=frozenset({self.queue}), memory=1 << 30)
        for claimed in self.store.write(jobs.claim, wanted):
            assert self.store.read(reading.find, claimed.job).state is State.RUNNING

    def settle(self, place: int, outcome: Outcome, late: int) -> None:
        self._of_attempt(place, late, jobs.settle, outcome)

    def save(self, place: int, n: int, late: int) -> None:
        self._of_attempt(place, late, saves.write, n, b"{}")

    def progress(self, place: int) -> None:
        it = self._look(place)
        self.store.write(jobs.note_progress, [ProgressNote(it.id, it.attempt, Progress(done=1.0))])

    def cancel(self, place: int) -> None:
        self._by_hand(place, jobs.cancel)

    def revive(self, place: int) -> None:
        self._by_hand(place, jobs.revive)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def expire(self) -> None:
        self.store.write(jobs.expire)

    def sleep(self) -> None:
        self.store.write(jobs.note_sleep, self.worker, 42.0)

    def _look(self, place: int) -> Job:
        return self.store.read(reading.find, self.ids[place % len(self.ids)])

    def _by_hand(self, place: int, verb: Any) -> None:
        before = self._look(place)
        try:
            self.store.write(verb, before.id)
        except Conflict:
            assert self._look(place) == before

    def _of_attempt(self, place: int, late: int, verb: Any, *args: Any) -> None:
        """Write for the newest attempt of a job, or for the one before."""
        before = self._look(place)
        fence = before.attempt - late
        try:
            self.store.write(verb, before.id, fence, *args)
        except Fenced:
            assert self._look(place) == before
        else:
            assert before.state is State.RUNNING
            assert fence == before.attempt


def life_of(found: Job) -> dict[str, Any]:
    """Return the columns of a job's life as plain values, as its events carry them."""
    life = {name: getattr(found, name) for name in LIFE}
    life["state"] = found.state.value
    life["error"] = None if found.error is None else msgspec.to_builtins(found.error)
    return life


def test_a_result_is_never_lost_to_an_outcome_that_comes_later(store: Store) -> None:
    register(store)
    [job] = store.write(jobs.add, [call()])
    [claimed] = store.write(jobs.claim, ask())
    store.write(jobs.settle, job, claimed.attempt, succeeded())
    for outcome in OUTCOMES:
        try:
            store.write(jobs.settle, job, claimed.attempt, outcome)
            raise AssertionError("it was settled twice")
        except Fenced:
            continue
    assert isinstance(OUTCOMES[0], Succeeded)
    assert store.read(reading.payload, job, "result") == b"42"
