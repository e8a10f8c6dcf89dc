"""The checker finds what must not be: each invariant is broken by hand, and found."""

from collections.abc import Callable

import pytest

from overnight.clock import SetClock
from overnight.outcome import Cancelled
from overnight.store import Store, jobs, saves, sqlite
from overnight.store.verify import Violation, verify
from tests.store.given import claim, failed, running, submit, succeeded


@pytest.fixture
def job(store: Store, clock: SetClock) -> str:
    """Give a job that has failed once and runs again, beside others in every state."""
    ended = running(store)
    store.write(jobs.settle, ended.job, 1, succeeded())
    cancelled = running(store)
    store.write(jobs.cancel, cancelled.job)
    store.write(jobs.settle, cancelled.job, 1, Cancelled())
    it = running(store, attempts=3)
    store.write(saves.write, it.job, 1, 2, b"{}")
    store.write(jobs.settle, it.job, 1, failed())
    clock.advance(60)
    claim(store)
    submit(store, delay=60.0)
    return it.job


def break_by_hand(store: Store, *statements: str) -> None:
    connection = sqlite.connect(store.path)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_a_store_that_nobody_touched_is_found_in_order(store: Store, job: str) -> None:
    assert verify(store) == []


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [
        ("I4", "DELETE FROM event WHERE job = '{job}' AND n = 3"),
        ("I4", "UPDATE event SET kind = 'expired' WHERE job = '{job}' AND n = 3"),
        ("I4", "UPDATE event SET attempt = 1 WHERE job = '{job}' AND n = 4"),
        ("fold", "UPDATE job SET due_at = due_at + 1 WHERE id = '{job}'"),
        ("fold", "UPDATE job SET failures = 0 WHERE id = '{job}'"),
        ("fold", "UPDATE job SET n_event = 9 WHERE id = '{job}'"),
        ("I6", "DELETE FROM attempt WHERE job = '{job}' AND n = 1"),
        ("I6", "UPDATE job SET attempt = 3 WHERE id = '{job}'"),
        ("I7", "UPDATE attempt SET outcome = NULL WHERE job = '{job}' AND n = 1"),
        ("I7", "UPDATE attempt SET outcome = 'Lost' WHERE job = '{job}' AND n = 2"),
        ("I7", "UPDATE job SET worker = NULL WHERE id = '{job}'"),
        ("I8", "UPDATE saved_state SET attempt = 3 WHERE job = '{job}'"),
        ("I10", "UPDATE job SET failures = 4 WHERE id = '{job}'"),
        ("I10", """UPDATE job SET options = '{{"at_most_once": true}}' WHERE id = '{job}'"""),
        ("I11", "INSERT INTO payload VALUES ('{job}', 'result', X'31')"),
        ("I11", "DELETE FROM payload WHERE what = 'result'"),
        ("I11", "UPDATE payload SET data = X'3433' WHERE what = 'result'"),
        ("I12", "DELETE FROM worker"),
        ("I13", "UPDATE event SET kind = 'cancel_requested' WHERE job = '{job}' AND n = 2"),
        ("I15", "UPDATE job SET saved_n = 3 WHERE id = '{job}'"),
        ("I15", "UPDATE job SET saved_n = 1 WHERE id = '{job}'; DELETE FROM saved_state"),
    ],
)
def test_what_was_broken_is_found(store: Store, job: str, invariant: str, statement: str) -> None:
    break_by_hand(store, *statement.format(job=job).split("; "))
    found = verify(store)
    assert invariant in {violation.invariant for violation in found}
    assert all(violation.job and violation.message for violation in found)


def test_twenty_one_crashes_are_one_too_many(store: Store, job: str) -> None:
    crashes = "WITH RECURSIVE c(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM c WHERE n < 30) "
    insert = (
        f"INSERT INTO attempt (job, n, worker, started_at, outcome) {crashes} SELECT '{job}', n, 'w', 1, "
    )
    break_by_hand(store, insert + "'Crashed' FROM c")
    assert [it for it in verify(store) if it.invariant == "I10" and "28 times" in it.message]


def test_a_damaged_file_is_found(store: Store, job: str) -> None:
    other = "replace(sql, '(task, id)', '(source, id)')"
    break_by_hand(
        store,
        "PRAGMA writable_schema=ON",
        f"UPDATE sqlite_master SET sql = {other} WHERE name = 'by_task'",
    )
    store.close()
    found = verify(store)
    assert [it for it in found if it.invariant == "I20" and it.job is None]


def test_it_can_be_checked_while_it_is_used(store: Store, job: str) -> None:
    found: list[Violation] = []
    check: Callable[[], list[Violation]] = lambda: verify(store)  # noqa: E731
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(2) as pool:
        checks = [pool.submit(check) for _ in range(10)]
        for _ in range(100):
            ended = running(store)
            store.write(jobs.settle, ended.job, 1, succeeded())
        for done in checks:
            found += done.result(timeout=30)
    assert found == []
