"""The disk under the store: full, not to be written, and with garbage where the store was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.places import Place
from tests.store.disks import run_on_a_disk_of_its_own
from tests.workers import is_dead, nothing_is_left

ON_A_SMALL_DISK = """
import os, subprocess, sys
from pathlib import Path
from overnight.errors import StoreFull, StoreReadOnly
from tests.faults.places import Place
from overnight.store.verify import verify
from tests.waiting import until

disk = Path.cwd()
place = Place(disk.parent, home=disk / "home")

def is_refused():
    try:
        place.submit("notes", 0)
    except StoreFull as error:
        assert error.hint and str(place.home) in error.message
        return True
    return False

running, counting = place.submit(), place.submit("counts", 3000)
waiting = place.submit("notes", 7)
with place.worker(lease="2s", slots=2) as worker:
    place.started(running)
    place.started(counting)
    room = os.statvfs(disk)
    with open("filler", "wb") as filler:
        filler.write(b"x" * (room.f_bavail * room.f_frsize - 100_000))
    until(is_refused, within=10, every=0, what="the first refusal")
    assert not (place.home / "ballast").exists()

    # What runs goes on, saves and ends; what waits is not begun.
    place.open_gate()
    assert running.result(10) == 1
    assert counting.result(20) == list(range(3000))
    until(lambda: "claims stop" in worker.log.read_text(), within=10, what="words about the claims")
    assert is_refused() and waiting.state == "queued"
    assert worker.log.read_text().count("claims stop") == 1
    assert len(place.app.workers()) == 1 and worker.process.poll() is None

    os.unlink("filler")
    assert waiting.result(10) == 7
    assert not is_refused()
    assert (place.home / "ballast").exists()
assert place.outcomes(running) == place.outcomes(counting) == ["Succeeded"]
assert place.app.workers() == []
assert verify(place.app.store) == []
place.app.close()

# Now it cannot be written at all.
os.chdir("/")
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
call = ["run", "tests.faults.fault_tasks:notes", "--place", "/", "--n", "1"]
for words in (["worker", "tests.faults.fault_tasks"], call):
    said = subprocess.run(
        [sys.executable, "-m", "overnight", "--home", str(place.home), *words],
        capture_output=True, text=True, timeout=20, cwd=os.environ["PYTHONPATH"],
    )
    assert said.returncode == 1, said
    assert said.stderr.startswith("error: ") and "cannot be written" in said.stderr, said
    assert "hint: " in said.stderr and "Traceback" not in said.stderr, said
"""


def test_a_full_disk_ends_nothing_and_starts_nothing_until_there_is_room(tmp_path: Path) -> None:
    run_on_a_disk_of_its_own(tmp_path / "disk", "24m", ON_A_SMALL_DISK)


def overwrite(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(os.urandom(database.stat().st_size))


def replace(database: Path) -> None:
    coming = database.with_suffix(".coming")
    coming.write_bytes(os.urandom(100_000))
    coming.rename(database)


def remove(database: Path) -> None:
    database.unlink()


@pytest.mark.parametrize("spoil", [overwrite, replace, remove])
def test_a_worker_whose_store_is_spoilt_says_so_and_ends(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    place = Place(tmp_path)
    job = place.submit()
    with place.worker() as worker:
        first = place.started(job)
        spoil(place.home / "overnight.db")
        assert worker.process.wait(15) == 1
        assert is_dead(first.pid)
    said = worker.log.read_text()
    assert "error: " in said
    assert "hint: " in said
    assert "Traceback" not in said, said
    nothing_is_left(place.home)
    place.app.close()
