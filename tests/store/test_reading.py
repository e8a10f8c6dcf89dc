"""What is asked of a store."""

import pytest

from overnight.clock import SetClock
from overnight.errors import NotFound
from overnight.jobs import State
from overnight.store import Store, jobs, reading, serving, workers
from tests.store.given import SOURCE, TASK, call, claim, failed, register, running, submit

# -- which job is meant ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        lambda job: job,
        lambda job: job[-8:],
        lambda job: job[-4:],
        lambda job: job[-12:],
        lambda job: "…" + job[-8:],
        lambda job: job[-8:].upper(),
        lambda job: job[:35],
        lambda job: f"http://127.0.0.1:8686/jobs/{job}",
        lambda job: f"http://127.0.0.1:8686/jobs/{job[-8:]}/",
        lambda job: f" {job}\n",
    ],
)
def test_a_job_is_found_by_what_people_write(store: Store, written: object) -> None:
    ids = store.write(jobs.add, [call() for _ in range(20)])
    for job in ids:
        text = written(job)  # type: ignore[operator]
        others = [other for other in ids if other != job and other.endswith(text.strip().lower())]
        if not others:  # four digits of twenty jobs are the same once in 350 runs
            assert store.read(reading.resolve, text) == job


@pytest.mark.parametrize(
    "written", ["4f9", "", "zzzzzzzz", "%%%%%%%%", "' or 1=1 --", "01890000-0000", "ffff"]
)
def test_what_names_no_job_is_said_so_with_the_store(store: Store, written: str) -> None:
    with pytest.raises(NotFound, match=str(store.home)):
        store.read(reading.resolve, written)


def test_what_may_be_several_jobs_names_some_of_them(store: Store) -> None:
    ids = store.write(jobs.add, [call() for _ in range(9)])
    with pytest.raises(NotFound, match="several jobs") as raised:
        store.read(reading.resolve, ids[0][:6])
    assert ids[0] in str(raised.value)
    assert "more digits" in str(raised.value)


# -- lists -------------------------------------------------------------------------------------------


def test_the_newest_jobs_come_first_page_by_page(store: Store, clock: SetClock) -> None:
    ids = []
    for n in range(7):
        ids.append(submit(store))
        clock.advance(n % 2)  # some were created at the same moment
    pages, before = [], None
    while page := store.read(reading.jobs, limit=3, before=before):
        pages.append([job.id for job in page])
        before = (page[-1].created_at, page[-1].id)
    assert [job for page in pages for job in page] == ids[::-1]
    assert [len(page) for page in pages] == [3, 3, 1]


def test_lists_are_filtered_by_state_task_and_queue(store: Store) -> None:
    claimed = running(store)
    other = submit(store, "talks.zip", queue="night")
    assert [job.id for job in store.read(reading.jobs, state=State.RUNNING)] == [claimed.job]
    assert [job.id for job in store.read(reading.jobs, task="talks.zip")] == [other]
    assert [job.id for job in store.read(reading.jobs, queue="night", state=State.QUEUED)] == [other]
    assert store.read(reading.jobs, queue="night", state=State.RUNNING) == []
    assert store.read(reading.jobs, limit=0) == []


def test_a_list_reads_no_payloads(store: Store) -> None:
    submit(store)
    [job] = store.read(reading.jobs)
    assert job.input is None


def test_jobs_are_counted_by_state_up_to_a_limit(store: Store) -> None:
    store.write(jobs.add, [call() for _ in range(5)])
    register(store)
    claim(store)
    assert store.read(reading.counts) == {
        State.QUEUED: 4,
        State.RUNNING: 1,
        State.SUCCEEDED: 0,
        State.FAILED: 0,
        State.CANCELLED: 0,
    }
    assert store.read(reading.counts, most=3)[State.QUEUED] == 3


def test_the_next_moment_at_which_a_job_is_due_is_known(store: Store, clock: SetClock) -> None:
    assert store.read(reading.next_due) is None
    claimed = running(store, attempts=2)
    submit(store)
    assert store.read(reading.next_due) is None
    submit(store, delay=60.0)
    submit(store, delay=30.0)
    assert store.read(reading.next_due) == clock.now() + 30
    store.write(jobs.settle, claimed.job, 1, failed(), jitter=0.5)
    assert store.read(reading.next_due) == clock.now() + 10
    clock.advance(30)
    assert store.read(reading.next_due) == clock.now() + 30


def test_the_sources_of_all_jobs_that_wait_are_known(store: Store) -> None:
    submit(store)
    submit(store, queue="night", delay=60.0)
    submit(store, "app.mail", source="/srv::app.tasks")
    store.write(jobs.cancel, submit(store, source="/home/ada/gone.py"))
    assert sorted(store.read(reading.queued_files)) == [SOURCE, "/srv::app.tasks"]


# -- who works on it ---------------------------------------------------------------------------------


def why(store: Store, **options: object) -> str | None:
    job = submit(store, **options)  # type: ignore[arg-type]
    found = store.read(reading.find, job, with_payload=True)
    assert found.unserved == store.read(reading.unserved, found) == store.read(reading.jobs)[0].unserved
    return found.unserved


def test_a_job_that_nobody_serves_says_what_to_start(store: Store) -> None:
    assert why(store) == f"no worker serves it; start one: overnight worker {SOURCE}"
    assert why(store, source="/home/a b/t.py") == (
        "no worker serves it; start one: overnight worker '/home/a b/t.py'"
    )
    assert why(store, source="/srv::app.tasks") == (
        "no worker serves it; start one: overnight worker app.tasks"
    )


def test_a_job_that_somebody_serves_gives_no_reason(store: Store) -> None:
    register(store)
    assert why(store) is None
    assert store.read(serving.attendants, SOURCE)


def test_a_queue_that_nobody_serves_is_named(store: Store) -> None:
    register(store, queues=("default",))
    assert why(store, queue="gpu") == (
        f"no worker serves the queue 'gpu'; start one: overnight worker {SOURCE} --queue gpu"
    )
    assert store.read(serving.attendants, SOURCE, queue="default")
    assert not store.read(serving.attendants, SOURCE, queue="gpu")


def test_a_broken_source_is_the_reason_in_its_own_words(store: Store) -> None:
    register(store, broken="Traceback …\nModuleNotFoundError: No module named 'whisper'\n")
    assert why(store) == "its source cannot be used: ModuleNotFoundError: No module named 'whisper'"
    assert store.read(serving.attendants, SOURCE)


def test_a_task_that_was_taken_out_of_its_file_is_the_reason(store: Store) -> None:
    register(store, tasks=["talks.other"])
    assert why(store) == f"{SOURCE} has no task {TASK!r} any more"


def test_more_memory_than_any_worker_has_is_the_reason(store: Store) -> None:
    register(store)
    reason = why(store, memory=8 << 30)
    assert reason is not None
    assert "8.0 GiB" in reason
    assert "1.0 GiB" in reason


@pytest.mark.parametrize(
    "fields",
    [{"lease": -1.0}, {"boot": "another boot"}, {"leaving": True}, {"queues": ()}],
    ids=["lease over", "before the reboot", "leaving", "inline"],
)
def test_a_worker_that_takes_no_work_serves_nobody(store: Store, fields: dict[str, object]) -> None:
    register(store, **fields)  # type: ignore[arg-type]
    assert not store.read(serving.attendants, SOURCE)
    assert why(store) == f"no worker serves it; start one: overnight worker {SOURCE}"


def test_a_job_that_runs_or_has_ended_waits_for_nobody(store: Store) -> None:
    claimed = running(store)
    store.write(workers.beat, "w1", lease_until=0.0)
    assert store.read(reading.find, claimed.job, with_payload=True).unserved is None
