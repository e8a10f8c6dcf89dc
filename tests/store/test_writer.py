"""Group commit: what comes together is committed together, and each verb stands alone in it."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from overnight.errors import Conflict, StoreCorrupt
from overnight.store import Store, jobs, reading, saves, workers
from overnight.store.logs import Line
from overnight.store.transaction import Transaction
from overnight.store.writer import urgent
from tests.store.given import call, register, running, submit
from tests.waiting import until


class Held:
    """Holds the writer's thread in a verb until the block is left, so that what is sent gathers behind it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._go, self._in = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        self._future = self._store.send(lambda _: self._wait())
        assert self._in.wait(10)

    def __exit__(self, *_: object) -> None:
        self._go.set()
        self._future.result(timeout=10)

    def _wait(self) -> None:
        self._in.set()
        assert self._go.wait(30)


def commits(store: Store) -> int:
    """Return a number that every commit of any process raises."""

    def version(tx: Transaction) -> int:
        return int(tx._connection.execute("PRAGMA data_version").fetchall()[0][0])

    return store.read(version)


def test_what_a_verb_returns_is_durable_when_it_is_told(store: Store) -> None:
    assert store.read(reading.find, submit(store)).id
    [job] = store.send(jobs.add, [call()]).result(timeout=10)
    assert store.read(reading.find, job).id == job


def test_what_gathers_is_committed_at_once(store: Store) -> None:
    submit(store)
    with Held(store):
        before = commits(store)
        futures = [store.send(jobs.add, [call()]) for _ in range(20)]
    for future in futures:
        future.result(timeout=10)
    assert 1 <= commits(store) - before <= 5
    assert len(store.read(reading.jobs, limit=99)) == 21


def test_one_verb_that_fails_is_undone_and_the_others_are_not(store: Store) -> None:
    def add_and_fail(tx: Transaction) -> None:
        jobs.add(tx, [call("talks.never")])
        raise LookupError("not that one")

    def break_a_rule(tx: Transaction) -> None:
        jobs.add(tx, [call("talks.never")])
        jobs.add(tx, [call(data=None)])  # type: ignore[arg-type]

    finished = submit(store)
    store.write(jobs.cancel, finished)
    with Held(store):
        sent: list[Future[Any]] = [
            store.send(jobs.add, [call()]),
            store.send(add_and_fail),
            store.send(jobs.revive, submit_later(store)),
            store.send(break_a_rule),
            store.send(jobs.add, [call()]),
        ]
    errors = [future.exception(timeout=10) for future in sent]
    assert [type(error).__name__ for error in errors] == [
        "NoneType",
        "LookupError",
        "NotFound",
        "IntegrityError",
        "NoneType",
    ]
    assert store.read(reading.jobs, task="talks.never") == []
    assert len(store.read(reading.jobs)) == 3


def submit_later(store: Store) -> str:
    return "01890000-0000-7000-8000-000000000000"


def test_a_verb_that_fails_alone_is_undone(store: Store) -> None:
    def add_and_fail(tx: Transaction) -> None:
        jobs.add(tx, [call()])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(add_and_fail)
    assert store.read(reading.jobs) == []
    assert submit(store)


def test_what_is_urgent_goes_before_what_was_sent_before(store: Store) -> None:
    order: list[str] = []

    def note(tx: Transaction, name: str) -> None:
        order.append(name)

    @urgent
    def note_urgently(tx: Transaction, name: str) -> None:
        order.append(name)

    with Held(store):
        sent = [store.send(note, "a"), store.send(note, "b"), store.send(note_urgently, "beat")]
    for future in sent:
        future.result(timeout=10)
    assert order == ["beat", "a", "b"]


def test_beats_saves_and_endings_are_urgent(store: Store) -> None:
    verbs = (
        jobs.settle, jobs.cancel, saves.write,
        workers.register, workers.beat, workers.leave, workers.leave_if_idle,
    )  # fmt: skip
    assert all(verb.is_urgent for verb in verbs)  # type: ignore[attr-defined]
    assert not any(hasattr(verb, "is_urgent") for verb in (jobs.add, jobs.claim, jobs.note_progress))


def test_threads_that_write_at_once_all_get_their_own_answer(store: Store) -> None:
    def add(n: int) -> tuple[int, str]:
        return n, submit(store, f"talks.t{n}")

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(add, range(200)))
    assert len({job for _, job in added}) == 200
    for n, job in added:
        assert store.read(reading.find, job).task == f"talks.t{n}"


def test_a_verb_that_was_called_off_before_its_turn_is_not_run(store: Store) -> None:
    with Held(store):
        future = store.send(jobs.add, [call()])
        assert future.cancel()
    submit(store)
    assert len(store.read(reading.jobs)) == 1


def test_what_was_sent_is_written_before_the_store_is_closed(store: Store) -> None:
    sent = [store.send(jobs.add, [call()]) for _ in range(50)]
    store.close()
    assert all(future.done() for future in sent)
    assert len(store.read(reading.jobs, limit=99)) == 50


def test_a_closed_store_opens_again_when_it_is_used(store: Store) -> None:
    store.close()
    job = submit(store)
    store.close()
    store.close()
    assert store.read(reading.find, job).id == job
    assert store.send(jobs.cancel, job).result(timeout=10).id == job


def test_time_stands_still_within_a_transaction(store: Store) -> None:
    from overnight.clock import SetClock  # noqa: PLC0415

    clock = store.clock
    assert isinstance(clock, SetClock)

    def look_twice(tx: Transaction) -> tuple[float, float]:
        first = tx.now
        clock.advance(5)
        return first, tx.now

    first, second = store.write(look_twice)
    assert first == second < clock.now()


def test_what_is_called_after_a_commit_is_called_once_and_sees_it(store: Store) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(len(store.read(reading.jobs)))

    def add(tx: Transaction) -> None:
        jobs.add(tx, [call()])
        tx.after_commit(look)
        tx.after_commit(look)

    store.write(add)
    store.send(add).result(timeout=10)
    until(lambda: seen == [1, 2])


def test_a_reader_sees_one_moment(store: Store) -> None:
    submit(store)

    def count_twice(tx: Transaction) -> tuple[int, int]:
        first = len(reading.jobs(tx))
        submit(store)
        return first, len(reading.jobs(tx))

    assert store.read(count_twice) == (1, 1)
    assert len(store.read(reading.jobs)) == 2


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match="readonly"):
        store.read(jobs.add, [call()])


def test_an_error_of_a_verb_comes_through_unchanged(store: Store) -> None:
    claimed = running(store)
    with pytest.raises(Conflict):
        store.send(jobs.revive, claimed.job).result(timeout=10)
    register(store, "w2")
    assert claim_of_nothing(store) == []


def claim_of_nothing(store: Store) -> list[Any]:
    from tests.store.given import ask  # noqa: PLC0415

    return store.write(jobs.claim, ask("w2"))


def test_a_store_may_be_closed_while_others_use_it(store: Store) -> None:
    is_over = threading.Event()

    def use() -> int:
        used = 0
        while not is_over.is_set():
            store.send(jobs.add, [call()]).result(timeout=10)
            store.logs.append("j1", 1, [Line(at=1.0, stream="stdout", text="x")])
            store.logs.flushed().result(timeout=10)
            used += 1
        return used

    with ThreadPoolExecutor(3) as pool:
        users = [pool.submit(use) for _ in range(3)]
        for _ in range(30):
            store.close()
        is_over.set()
        used = sum(user.result(timeout=30) for user in users)
    assert len(store.read(reading.jobs, limit=10_000)) == used
    assert len(store.logs.lines("j1", limit=10_000)) == used


def test_after_the_file_was_moved_nothing_is_accepted_that_would_be_lost(store: Store) -> None:
    submit(store)
    aside = store.path.rename(store.home / "aside.db")
    for write in (store.write, lambda *args: store.send(*args).result(10)):
        with pytest.raises(StoreCorrupt, match="moved or deleted"):
            write(jobs.add, [call()])
    aside.rename(store.path)
    submit(store)
