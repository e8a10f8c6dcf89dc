"""What is asked all the time costs SQLite the same, however many jobs there are: counted in its own steps."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from overnight.store import Store, jobs, lanes, reading, serving, sqlite, workers
from overnight.store.transaction import Statement, Transaction
from tests.store.given import TASK, ask, call, register, submit

FEW, MANY = 10, 2000


def steps(store: Store, verb: Callable[..., Any], *args: Any) -> int:
    """Return the steps of SQLite's machine that a verb takes, by the ten."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 10
        return 0

    def counting(tx: Transaction) -> None:
        tx._connection.set_progress_handler(count, 10)  # type: ignore[attr-defined]
        verb(tx, *args)
        tx._connection.set_progress_handler(None, 0)  # type: ignore[attr-defined]

    store.read(counting)
    return counted


@pytest.mark.parametrize(
    "in_the_way",
    [
        {"delay": 86400.0, "priority": 7},
        {"task": "talks.unserved"},
        {"queue": "another"},
        {"source": "/home/ada/another.py"},
        {"expires": 0.0},
        {},
    ],
    ids=["due tomorrow", "not served", "another queue", "another source", "expired", "behind"],
)
def test_a_claim_steps_over_nothing_one_by_one(store: Store, in_the_way: dict[str, Any]) -> None:
    register(store)
    wanted = ask(slots=2, queues=frozenset({"default"}))
    submit(store)
    store.write(jobs.add, [call(**in_the_way) for _ in range(FEW)])
    with_few = steps(store, lanes.pick, wanted)
    store.write(jobs.add, [call(**in_the_way) for _ in range(MANY)])
    with_many = steps(store, lanes.pick, wanted)
    # An expired job costs a look at its entry in the index, until upkeep has failed it.
    per_job = 10 if "expires" in in_the_way else 0
    assert with_many <= with_few + 100 + per_job * MANY


@pytest.mark.parametrize(
    "verb",
    [reading.next_due, reading.has_expired, reading.queued_files, workers.all_workers, reading.counts],
    ids=lambda verb: verb.__name__,
)
def test_what_workers_ask_all_the_time_does_not_count_the_jobs(
    store: Store, verb: Callable[..., Any]
) -> None:
    most = {"most": FEW} if verb is reading.counts else {}

    def asked(tx: Transaction) -> None:
        verb(tx, **most)

    store.write(jobs.add, [call(delay=60.0, expires=90.0) for _ in range(FEW)])
    with_few = steps(store, asked)
    store.write(jobs.add, [call(delay=60.0, expires=90.0) for _ in range(MANY)])
    assert steps(store, asked) <= with_few + 100


def test_a_page_of_the_list_does_not_sort_all_jobs(store: Store) -> None:
    def page(tx: Transaction) -> None:
        reading.jobs(tx, limit=5)
        reading.jobs(tx, limit=5, task=TASK)
        reading.jobs(tx, limit=5, before=(tx.now - 1, "f"))

    store.write(jobs.add, [call() for _ in range(FEW)])
    with_few = steps(store, page)
    store.write(jobs.add, [call() for _ in range(MANY)])
    assert steps(store, page) <= with_few + 500


@pytest.mark.parametrize(
    "module", [jobs, lanes, reading, workers, serving], ids=lambda module: module.__name__
)
def test_no_statement_reads_a_whole_table_of_jobs(store: Store, module: Any) -> None:
    def plan(tx: Transaction, statement: Statement) -> list[str]:
        sql = statement.text(sqlite.DIALECT)
        names = dict.fromkeys(_names(sql), 1)
        rows = tx._connection.execute(f"EXPLAIN QUERY PLAN {sql}", names).fetchall()
        return [row["detail"] for row in rows]

    for name, statement in vars(module).items():
        if isinstance(statement, Statement):
            details = store.read(plan, statement)
            assert not [line for line in details if line.startswith("SCAN job") and "INDEX" not in line], name


def _names(sql: str) -> list[str]:
    return re.findall(r":(\w+)", sql)
