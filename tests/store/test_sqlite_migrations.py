"""Older stores are brought up to date, all at once or not at all, and nothing says two different things."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from overnight.errors import StoreVersion
from overnight.store import open_store, reading
from overnight.store.migrations.running import configuration
from overnight.store.opening import NAME
from overnight.store.schema import APPLICATION_ID, SCHEMA
from tests.store.given import submit


def tables(path: Path) -> dict[str, str]:
    """Return what the file says that it consists of, without how that is laid out."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: re.sub(r"\s+", " ", sql).replace('"', "") for name, sql in rows}


def older(home: Path) -> Path:
    """Make the store that was before the first release: nothing but a name."""
    open_store(home).close()
    (home / NAME).unlink()
    with closing(sqlite3.connect(home / NAME)) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.execute("PRAGMA journal_mode=WAL")
    return home


def test_the_newest_revision_is_the_schema_of_the_code() -> None:
    script = ScriptDirectory.from_config(configuration())
    assert script.get_current_head() == f"{SCHEMA:04}"
    assert len(list(script.walk_revisions())) == SCHEMA


def test_a_migrated_store_is_the_same_as_a_new_one(tmp_path: Path) -> None:
    store = open_store(older(tmp_path / "older"))
    assert store.read(reading.find, submit(store)).id
    store.close()
    open_store(tmp_path / "new").close()
    assert tables(tmp_path / "older" / NAME) == tables(tmp_path / "new" / NAME)


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = older(tmp_path / "older")
    script = ScriptDirectory.from_config(configuration())
    first = script.get_revision(f"{SCHEMA:04}")
    assert first is not None
    whole = first.module.upgrade

    def upgrade_and_fail() -> None:
        whole()
        raise RuntimeError("the power went")

    monkeypatch.setattr(first.module, "upgrade", upgrade_and_fail)
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _: script)
    with pytest.raises(RuntimeError, match="power"):
        open_store(home)
    assert set(tables(home / NAME)) == {"alembic_version"}


def test_an_older_store_is_not_read_before_it_is_up_to_date(tmp_path: Path) -> None:
    home = older(tmp_path / "older")
    with pytest.raises(StoreVersion, match="older overnight"):
        open_store(home, read_only=True)
    open_store(home).close()
    open_store(home, read_only=True).close()
