"""What can be wrong with the file of a store: each has its own clear error, and the file stays as it was."""

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from overnight.errors import NotFound, StoreBusy, StoreCorrupt, StoreError, StoreReadOnly, StoreVersion
from overnight.store import Store, jobs, open_store, reading, sqlite
from overnight.store.location import refuse_network
from overnight.store.opening import NAME
from overnight.store.schema import SCHEMA
from tests.store.given import call, submit


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home whose store holds a few jobs and is closed."""
    home = tmp_path / "home"
    store = open_store(home)
    store.write(jobs.add, [call() for _ in range(200)])
    store.close()
    return home


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refuses(home: Path, error: type[StoreError], match: str) -> None:
    before = digest(home / NAME)
    with pytest.raises(error, match=match) as raised:
        open_store(home)
    assert raised.value.hint
    assert str(home / NAME) in raised.value.message
    assert digest(home / NAME) == before


# -- making ------------------------------------------------------------------------------------------


def test_a_new_store_is_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = open_store(tmp_path / "deep" / "home")
        submit(store)
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.home.iterdir() if path.is_file()}
    assert set(modes) >= {NAME, f"{NAME}-wal", "logs.db", "ballast"}
    assert {mode & 0o077 for mode in modes.values()} == {0}
    assert stat.S_IMODE(store.home.stat().st_mode) == 0o700
    store.close()


def test_every_commit_is_synced(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")

    def pragmas(tx: object) -> list[object]:
        connection = tx._connection  # type: ignore[attr-defined]
        names = ("synchronous", "journal_mode", "foreign_keys", "mmap_size")
        return [connection.execute(f"PRAGMA {name}").fetchall()[0][0] for name in names]

    assert store.write(pragmas) == [2, "wal", 1, 0]
    store.close()


def test_processes_that_make_the_same_store_at_once_all_get_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from overnight.store import open_store, jobs;"
        "from tests.store.given import submit;"
        "store = open_store(Path(sys.argv[1])); submit(store); store.close()"
    )
    home = tmp_path / "home"
    programs = [subprocess.Popen([sys.executable, "-c", code, str(home)]) for _ in range(6)]
    assert [program.wait(timeout=50) for program in programs] == [0] * 6
    store = open_store(home)
    assert len(store.read(reading.jobs)) == 6
    assert not list(home.glob("*.coming*"))
    store.close()


def test_a_store_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / f"{NAME}.coming").write_bytes(b"half")
    (home / f"{NAME}.coming-journal").write_bytes(b"half")
    store = open_store(home)
    submit(store)
    store.close()
    assert not list(home.glob("*.coming*"))


def test_a_store_that_is_not_there_is_not_made_when_it_must_not_be(tmp_path: Path) -> None:
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(NotFound, match="no store in") as raised:
            open_store(tmp_path / "home", **options)
        assert raised.value.hint
    assert not (tmp_path / "home").exists()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match="home"):
        open_store(tmp_path / "home")


# -- damage ------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused(home: Path) -> None:
    (home / NAME).write_bytes(b"Dear diary, " * 500)
    refuses(home, StoreCorrupt, "no database")


def test_an_empty_file_is_refused(home: Path) -> None:
    (home / NAME).write_bytes(b"")
    refuses(home, StoreCorrupt, "empty")


def test_the_database_of_another_program_is_refused(home: Path) -> None:
    (home / NAME).unlink()
    with sqlite3.connect(home / NAME) as connection:
        connection.execute("CREATE TABLE diary (day, text)")
    connection.close()
    refuses(home, StoreCorrupt, "some other program")


def test_a_damaged_header_is_refused(home: Path) -> None:
    data = bytearray((home / NAME).read_bytes())
    data[:8] = b"\xff" * 8
    (home / NAME).write_bytes(data)
    refuses(home, StoreCorrupt, "damaged")


def test_a_file_that_was_cut_off_is_refused(home: Path) -> None:
    data = (home / NAME).read_bytes()
    (home / NAME).write_bytes(data[: len(data) // 2])
    refuses(home, StoreCorrupt, "damaged")


def read_all(home: Path) -> None:
    store = open_store(home)
    try:
        store.read(reading.jobs)
    finally:
        store.close()


def test_damage_in_the_middle_is_an_error_where_it_is_met(home: Path) -> None:
    data = bytearray((home / NAME).read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 512] = b"\xff" * 512
    (home / NAME).write_bytes(data)
    before = digest(home / NAME)
    with pytest.raises(StoreCorrupt) as raised:
        read_all(home)
    assert raised.value.hint
    assert digest(home / NAME) == before


def test_a_file_that_is_gone_while_its_wal_is_still_there_is_not_made_anew(home: Path) -> None:
    (home / NAME).rename(home / "elsewhere.db")
    (home / f"{NAME}-wal").write_bytes(b"x" * 4096)
    with pytest.raises(StoreCorrupt, match="still there"):
        open_store(home)
    assert not (home / NAME).exists()


def test_a_file_with_two_names_is_refused(home: Path) -> None:
    os.link(home / NAME, home / "copy.db")
    refuses(home, StoreError, "hard link")


# -- other versions ----------------------------------------------------------------------------------


def change(home: Path, *statements: str) -> None:
    with sqlite3.connect(home / NAME) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_store_of_the_future_is_refused(home: Path) -> None:
    change(
        home,
        f"UPDATE alembic_version SET version_num = '{SCHEMA + 7:04}'",
        f"UPDATE meta SET value = '{SCHEMA + 1}' WHERE name = 'oldest_code'",
    )
    refuses(home, StoreVersion, f"its schema is {SCHEMA + 7}")


def test_a_store_of_the_next_version_is_used_if_it_says_that_this_one_may(home: Path) -> None:
    change(home, f"UPDATE alembic_version SET version_num = '{SCHEMA + 1:04}'")
    store = open_store(home)
    assert submit(store)
    store.close()


# -- disks -------------------------------------------------------------------------------------------


def mount(device: int, kind: str, options: str = "rw") -> str:
    return f"36 35 {os.major(device)}:{os.minor(device)} / /mnt rw shared:1 - {kind} source {options}\n"


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "fuse", "ceph", "virtiofs"])
def test_a_disk_of_another_machine_is_refused(tmp_path: Path, kind: str) -> None:
    mounts = "1 0 0:1 / / rw - ext4 /dev/root rw\n" + mount(tmp_path.stat().st_dev, kind)
    with pytest.raises(StoreError, match=f"lies on a {kind} file system") as raised:
        refuse_network(tmp_path / "not" / "made" / "yet", mounts=mounts)
    assert "OVERNIGHT_HOME" in str(raised.value)


def test_the_disk_of_windows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="drvfs"):
        refuse_network(tmp_path, mounts=mount(tmp_path.stat().st_dev, "9p", "rw,aname=drvfs;path=C:"))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "9p"])
def test_a_disk_of_this_machine_is_taken(tmp_path: Path, kind: str) -> None:
    refuse_network(tmp_path, mounts=mount(tmp_path.stat().st_dev, kind))
    refuse_network(tmp_path)
    refuse_network(tmp_path, mounts="nonsense\n")


# -- somebody else -----------------------------------------------------------------------------------


def test_who_holds_the_lock_for_too_long_makes_the_others_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sqlite.begin.__kwdefaults__, "patience", 0.2)  # type: ignore[arg-type]
    store = open_store(tmp_path / "home")
    job = submit(store)
    stranger = sqlite.driver.connect(store.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="write lock") as raised:
        submit(store)
    assert raised.value.hint
    sent = [store.send(jobs.add, [call()]) for _ in range(3)]
    assert {type(future.exception(timeout=10)) for future in sent} == {StoreBusy}
    assert store.read(reading.find, job).id == job
    stranger.execute("ROLLBACK")
    assert submit(store)
    assert len(store.read(reading.jobs)) == 2
    stranger.close()
    store.close()


def test_who_holds_the_lock_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")
    submit(store)
    stranger = sqlite.driver.connect(store.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    sent = store.send(jobs.add, [call()])
    with pytest.raises(TimeoutError):
        sent.result(timeout=0.1)
    stranger.execute("ROLLBACK")
    assert sent.result(timeout=5)
    stranger.close()
    store.close()


# -- reading only ------------------------------------------------------------------------------------


def test_a_store_may_be_opened_for_reading_only(home: Path) -> None:
    store = open_store(home, read_only=True)
    assert len(store.read(reading.jobs)) == 50
    with pytest.raises(StoreReadOnly):
        submit(store)
    assert store.logs.lines("j1") == []
    store.close()


def test_reading_only_sees_what_is_written_meanwhile(home: Path) -> None:
    writing, watching = open_store(home), open_store(home, read_only=True)
    job = submit(writing)
    assert watching.read(reading.find, job).id == job
    writing.close()
    watching.close()


def test_a_second_store_on_the_same_files_keeps_the_locks_of_the_first(home: Path) -> None:
    """Who opens and closes a file by itself drops all locks that its process has on it."""
    first = open_store(home)
    submit(first)
    Store.close(open_store(home))
    stranger = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)\n"
        "c.execute('PRAGMA journal_mode=DELETE')"
    )
    done = subprocess.run(
        [sys.executable, "-c", stranger, str(first.path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "locked" in done.stderr
    assert submit(first)
    first.close()
