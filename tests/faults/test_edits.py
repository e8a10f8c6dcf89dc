"""Task files that change, break, and misbehave while a worker serves them."""

from __future__ import annotations

from pathlib import Path

from overnight.handle import JobHandle
from overnight.options import Options
from tests.faults.places import Place
from tests.waiting import until
from tests.workers import RunningWorker

VERSION = """
import time
from pathlib import Path
from overnight import task

@task
def version(wait: bool = False) -> str:
    here = Path(__file__).parent
    while wait and not (here / "gate").exists():
        (here / "waits").touch()
        time.sleep(0.01)
    return "{}"
"""

BROKEN = "def version(:\n"

WITH_A_THREAD = """
import threading
import time
from overnight import task

lock = threading.Lock()

def hold():
    while True:
        with lock:
            time.sleep(0.01)

threading.Thread(target=hold, daemon=True).start()

@task
def answer() -> int:
    with lock:
        return 42

@task
def spins() -> None:
    print("spins", flush=True)
    while True:
        time.sleep(0.001)

@task
def is_late() -> None:
    while True:
        time.sleep(0.001)
"""


def write(file: Path, text: str) -> None:
    """Replace a file as editors do: the new one is whole when it appears."""
    coming = file.with_suffix(".coming")
    coming.write_text(text)
    coming.rename(file)


def why_unserved(job: JobHandle[object], word: str) -> str:
    def said() -> str | None:
        why = job.snapshot().unserved or ""
        return why if word in why else None

    return until(said, within=10, what=f"a job that waits for {word!r}") or ""


def test_after_an_edit_the_next_attempt_runs_the_new_code_and_running_ones_the_old(place: Place) -> None:
    file = place.folder / "talks.py"
    write(file, VERSION.format("one"))
    with RunningWorker(place.home, file):
        running = place.submit_file(file, "version", wait=True)
        until((place.folder / "waits").exists, within=20)
        write(file, VERSION.format("two"))
        assert place.submit_file(file, "version").result(10) == "two"
        write(file, VERSION.format("three"))
        assert place.submit_file(file, "version").result(10) == "three"
        place.open_gate()
        assert running.result(10) == "one"


def test_an_edit_that_does_not_parse_holds_its_jobs_back_until_it_is_repaired(place: Place) -> None:
    file, other = place.folder / "talks.py", place.folder / "others.py"
    write(file, VERSION.format("one"))
    write(other, VERSION.format("other"))
    with RunningWorker(place.home, file, other):
        assert place.submit_file(file, "version").result(20) == "one"
        write(file, BROKEN)
        job = place.submit_file(file, "version")
        assert "SyntaxError" in why_unserved(job, "cannot be used")
        assert place.submit_file(other, "version").result(10) == "other"
        assert job.state == "queued"
        write(file, VERSION.format("repaired"))
        assert job.result(10) == "repaired"
        assert {job.snapshot().failures, job.snapshot().crashes} == {0}


def test_what_a_file_imports_is_looked_after_like_the_file_itself(place: Place) -> None:
    file, part = place.folder / "talks.py", place.folder / "part.py"
    write(file, "from part import word\n" + VERSION.format("{}").replace('"{}"', "word"))
    with RunningWorker(place.home, file):
        job = place.submit_file(file, "version")
        why_unserved(job, "No module named 'part'")
        write(part, "word = (")
        why_unserved(job, "SyntaxError")
        write(part, "word = 'repaired'")
        assert job.result(10) == "repaired"
        write(part, "word = 'edited'")
        assert place.submit_file(file, "version").result(10) == "edited"


def test_a_package_that_fails_beside_a_good_file_is_served_when_it_is_repaired(place: Place) -> None:
    package = place.folder / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    write(package / "tasks.py", "1 / 0")
    good = place.folder / "good.py"
    write(good, VERSION.format("good"))
    with RunningWorker(place.home, good, package / "tasks.py"):
        job = place.submit_file(package / "tasks.py", "version")
        assert place.submit_file(good, "version").result(20) == "good"
        why_unserved(job, "ZeroDivisionError")
        write(package / "tasks.py", VERSION.format("repaired"))
        assert job.result(10) == "repaired"


def test_a_file_that_starts_a_thread_gets_a_fresh_interpreter_for_each_attempt(place: Place) -> None:
    file = place.folder / "threads.py"
    write(file, WITH_A_THREAD)
    with RunningWorker(place.home, file):
        spins = place.submit_file(file, "spins", Options(grace=0.5))
        late = place.submit_file(file, "is_late", Options(grace=0.5, timeout=0.3))
        assert place.submit_file(file, "answer").result(20) == 42
        served = place.app.workers()[0].sources[str(file)]
        assert "starts threads" in (served.fresh or "")
        until(lambda: list(spins.logs()), within=20, what="its first word")
        spins.cancel()
        assert late.wait(20)
        assert spins.wait(5)
        assert (spins.state, place.outcomes(spins)) == ("cancelled", ["Cancelled"])
        assert (late.state, place.outcomes(late)) == ("failed", ["TimedOut"])
