"""A disk that is full, and one that cannot be written."""

from pathlib import Path

from tests.store.disks import run_on_a_disk_of_its_own

BEGIN = """
import os, subprocess
from pathlib import Path
from overnight.errors import StoreFull, StoreReadOnly
from overnight.jobs import State
from overnight.outcome import Cancelled
from overnight.store import jobs, lines, open_store, reading, saves, workers
from overnight.store.jobs import ProgressNote
from overnight.store.logs import Line
from overnight.store.verify import verify
from overnight.progress import Progress
from tests.store.given import ask, call, claim, register, running, submit, succeeded

home = Path("home").absolute()

def refused(verb, *args):
    try:
        store.write(verb, *args)
    except StoreFull as error:
        assert error.hint and str(home) in error.message
        return True
    return False

def fill(leave):
    disk = os.statvfs(".")
    with open("filler", "wb") as filler:
        filler.write(b"x" * max(disk.f_bavail * disk.f_frsize - leave, 0))

def submit_until_full():
    for n in range(10_000):
        if refused(jobs.add, [call(data=b'"' + b"x" * 5000 + b'"')]):
            return n
    raise AssertionError("it never was full")
"""


def test_a_full_disk_refuses_what_is_new_and_records_what_ends(tmp_path: Path) -> None:
    run_on_a_disk_of_its_own(
        tmp_path / "disk",
        "24m",
        BEGIN
        + """
store = open_store(home)
first, second, third, fourth = (running(store) for _ in range(4))
waiting = submit(store)
assert (home / "ballast").exists()
fill(leave=1 << 20)
accepted = submit_until_full()
assert not (home / "ballast").exists(), "the ballast was not thrown off"

# Nothing new: not by this thread, not by the writer's, not by another store on the same disk.
assert refused(jobs.add, [call()]) and refused(jobs.claim, ask()) and refused(jobs.revive, waiting)
assert isinstance(store.send(jobs.add, [call()]).exception(10), StoreFull)
other = open_store(home)
try:
    other.write(jobs.add, [call()])
    raise AssertionError("another store accepted a job")
except StoreFull:
    pass
other.close()

# Endings, saves, beats and cancels.
store.write(jobs.settle, first.job, 1, succeeded(b'"done"'))
store.send(jobs.settle, second.job, 1, Cancelled()).result(10)
store.write(saves.write, third.job, 1, 1, b"x" * 100_000)
assert store.write(workers.beat, "w1", lease_until=9e9).is_known
assert store.write(jobs.cancel, waiting).state is State.CANCELLED
assert store.write(jobs.cancel, fourth.job).cancel_requested_at
assert store.read(reading.payload, first.job, "result") == b'"done"'

# It goes on by itself when there is room, ballast and all.
os.unlink("filler")
import time
until = time.monotonic() + 10
while refused(jobs.add, [call()]):
    assert time.monotonic() < until, "it did not go on"
assert (home / "ballast").exists()
assert len(store.write(jobs.claim, ask())) == 1
states = store.read(reading.counts)
assert states[State.QUEUED] == accepted, (states, accepted)   # one more, and one claimed
assert verify(store) == [], verify(store)
store.close()
""",
    )


def test_endings_are_written_where_many_submits_fill_the_disk_in_one_batch(tmp_path: Path) -> None:
    run_on_a_disk_of_its_own(
        tmp_path / "disk",
        "24m",
        BEGIN
        + """
import threading
store = open_store(home)
claims = [running(store) for _ in range(20)]
fill(leave=1 << 20)
hold, held = threading.Event(), threading.Event()
busy = store.send(lambda tx: (held.set(), hold.wait(20)))
held.wait(20)
big = [call(data=b'"' + b"x" * 100_000 + b'"')]
submits = [store.send(jobs.add, big) for _ in range(40)]
endings = [store.send(jobs.settle, it.job, 1, succeeded(b'"' + b"x" * 10_000 + b'"')) for it in claims]
submits += [store.send(jobs.add, big) for _ in range(40)]
hold.set()
for ending in endings:
    assert ending.result(20).state is State.SUCCEEDED
refused_ones = [it for it in submits if isinstance(it.exception(20), StoreFull)]
accepted = [it for it in submits if it.exception(20) is None]
assert refused_ones and len(refused_ones) + len(accepted) == 80
assert store.read(reading.counts)[State.QUEUED] == len(accepted)
assert verify(store) == [], verify(store)
store.close()
""",
    )


def test_lines_are_dropped_where_the_disk_is_full_and_a_line_says_so(tmp_path: Path) -> None:
    run_on_a_disk_of_its_own(
        tmp_path / "disk",
        "24m",
        BEGIN
        + """
import random
store = open_store(home)
claimed = running(store)
fill(leave=1 << 20)
noise = lambda: "".join(chr(random.randrange(32, 9000)) for _ in range(20_000))
for _ in range(60):
    store.logs.append(claimed.job, 1, [Line(at=1.0, stream="stdout", text=noise())])
    store.logs.flush()
kept = len(store.logs.lines(claimed.job))
assert 1 <= kept < 60
store.write(jobs.settle, claimed.job, 1, succeeded())
os.unlink("filler")
import time
until = time.monotonic() + 10
while refused(jobs.add, [call()]):
    assert time.monotonic() < until
store.logs.append(claimed.job, 1, [Line(at=1.0, stream="stdout", text="calm again")])
store.logs.flush()
*_, told, last = [line.text for line in store.logs.lines(claimed.job)]
assert f"{60 - kept} lines" in told and "dropped" in told, told
assert last == "calm again"
store.close()
""",
    )


def test_a_store_cannot_be_made_on_a_full_disk(tmp_path: Path) -> None:
    run_on_a_disk_of_its_own(
        tmp_path / "disk",
        "4m",
        BEGIN
        + """
fill(leave=8192)
try:
    open_store(home)
    raise AssertionError("it was made")
except StoreFull as error:
    assert error.hint
assert not (home / "overnight.db").exists()
os.unlink("filler")
store = open_store(home)
assert submit(store)
store.close()
""",
    )


def test_a_disk_that_cannot_be_written_is_refused_but_for_reading(tmp_path: Path) -> None:
    run_on_a_disk_of_its_own(
        tmp_path / "disk",
        "24m",
        BEGIN
        + """
def remount(how):
    os.chdir("/")
    subprocess.run(["mount", "-o", f"remount,{how}", home.parent], check=True)

store = open_store(home)
job = submit(store)
store.logs.append(job, 1, [Line(at=1.0, stream="stdout", text="hello")])
store.close()
remount("ro")
for create in (True, False):
    try:
        open_store(home, create=create)
        raise AssertionError("it was opened")
    except StoreReadOnly as error:
        assert error.hint and str(home) in error.message
try:
    open_store(home.parent / "another")
    raise AssertionError("it was made")
except StoreReadOnly as error:
    assert "Read-only" in error.message and error.hint
store = open_store(home, read_only=True)
assert store.read(reading.find, job, with_payload=True).input
assert [line.text for line in store.logs.lines(job)] == ["hello"]
try:
    store.write(jobs.add, [call()])
    raise AssertionError("it was written")
except StoreReadOnly as error:
    assert error.hint
store.close()
remount("rw")
open_store(home).close()
""",
    )


def test_a_disk_that_becomes_unwritable_while_it_is_used_is_said_so_and_is_still_read(tmp_path: Path) -> None:
    run_on_a_disk_of_its_own(
        tmp_path / "disk",
        "24m",
        BEGIN
        + """
store = open_store(home)
job = submit(store)
store.close()                       # a file that is open for writing keeps a disk from being remounted
os.chdir("/")
store.read(reading.find, job)
store.close()
subprocess.run(["mount", "-o", "remount,ro", home.parent], check=True)
try:
    store.write(jobs.add, [call()])
    raise AssertionError("it was written")
except StoreReadOnly as error:
    assert error.hint
try:
    store.send(jobs.add, [call()]).result(10)
    raise AssertionError("it was written")
except StoreReadOnly as error:
    assert error.hint
store.close()
""",
    )
