"""Bells: whoever listens is woken, across processes; whoever does not costs nobody anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from overnight.store import Store, jobs, open_store, workers
from tests.store.given import claim, failed, register, running, submit, succeeded
from tests.waiting import until

RING = "from pathlib import Path; from overnight.store.bells import Bells; import sys; "


def test_a_submit_wakes_every_worker(store: Store) -> None:
    with store.bells.listen_work("w1") as one, store.bells.listen_work("w2") as two:
        submit(store)
        assert one.wait(5)
        assert two.wait(5)


def test_a_settle_wakes_those_who_wait_for_that_job_and_nobody_else(store: Store) -> None:
    claimed, other = running(store), running(store)
    with (
        store.bells.listen_job(claimed.job) as one,
        store.bells.listen_job(claimed.job) as two,
        store.bells.listen_job(other.job) as another,
    ):
        store.write(jobs.settle, claimed.job, 1, succeeded())
        assert one.wait(5)
        assert two.wait(5)
        assert not another.wait(0)


def test_a_job_that_goes_back_to_the_queue_wakes_the_workers(store: Store) -> None:
    claimed = running(store, attempts=2)
    with store.bells.listen_work("w1") as bell:
        store.write(jobs.settle, claimed.job, 1, failed())
        assert bell.wait(5)
        claim_again = store.write(jobs.claim_one, claimed.job, "w1")
        assert claim_again is not None
        store.write(jobs.settle, claimed.job, 2, failed())
        assert not bell.wait(0)
        store.write(jobs.revive, claimed.job)
        assert bell.wait(5)


def test_a_cancel_wakes_the_worker_that_runs_the_job(store: Store) -> None:
    register(store, "w1")
    submit(store)
    with store.bells.listen_work("w1") as mine, store.bells.listen_work("w2") as other:
        claimed = claim(store)
        store.write(jobs.cancel, claimed.job)
        assert mine.wait(5)
        assert not other.wait(0)


def test_nobody_is_woken_by_what_was_not_committed(store: Store) -> None:
    def add_and_fail(tx: object) -> None:
        jobs.add(tx, [])  # type: ignore[arg-type]
        raise RuntimeError("no")

    with store.bells.listen_work("w1") as bell:
        for write in (store.write, lambda verb: store.send(verb).result()):
            with pytest.raises(RuntimeError, match="no"):
                write(add_and_fail)
        assert not bell.wait(0)


def test_a_bell_rung_from_another_process_is_heard(store: Store) -> None:
    with store.bells.listen_job("j1") as bell:
        code = RING + "Bells(Path(sys.argv[1])).ring_job('j1')"
        subprocess.run([sys.executable, "-c", code, str(store.home)], check=True, timeout=30)
        assert bell.wait(5)


def test_a_bell_that_was_rung_while_nobody_waited_is_heard_once(store: Store) -> None:
    with store.bells.listen_work("w1") as bell:
        for _ in range(1000):
            store.bells.ring_work()
        assert bell.wait(5)
        assert not bell.wait(0)


def test_ringing_where_nobody_listens_does_nothing(store: Store) -> None:
    store.bells.ring_work()
    store.bells.ring_worker("w1")
    store.bells.ring_job("j1")


def test_the_socket_of_a_listener_that_died_is_cleared_away(store: Store) -> None:
    code = RING + "import os; bell = Bells(Path(sys.argv[1])).listen_work('w1'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(store.home)], check=True, timeout=30)
    assert [path.name for path in (store.home / "bells" / "work").iterdir()] == ["w1"]
    store.bells.ring_work()
    assert list((store.home / "bells" / "work").iterdir()) == []


def test_the_last_who_stops_waiting_for_a_job_leaves_nothing_behind(store: Store) -> None:
    one, two = store.bells.listen_job("j1"), store.bells.listen_job("j1")
    one.close()
    store.bells.ring_job("j1")
    assert two.wait(5)
    two.close()
    assert list((store.home / "bells" / "job").iterdir()) == []


def test_bells_ring_however_long_the_path_of_the_home_is(tmp_path: Path) -> None:
    """The path of a socket may have 107 bytes."""
    home = tmp_path / ("h" * 100) / ("m" * 100)
    store = open_store(home)
    with store.bells.listen_work("w1") as bell:
        submit(store)
        assert bell.wait(5)
    store.close()


def test_a_bell_can_be_waited_for_with_others(store: Store) -> None:
    import select  # noqa: PLC0415

    with store.bells.listen_work("w1") as bell:
        assert select.select([bell], [], [], 0)[0] == []
        store.bells.ring_worker("w1")
        assert until(lambda: select.select([bell], [], [], 0)[0]) == [bell]
        bell.drain()
        assert select.select([bell], [], [], 0)[0] == []


def test_a_worker_may_listen_again_under_its_name(store: Store) -> None:
    store.bells.listen_work("w1").close()
    with store.bells.listen_work("w1") as bell:
        store.bells.ring_worker("w1")
        assert bell.wait(5)
    store.write(workers.leave, "w1")
