"""The application is one door: the default one is made of the settings, others of what they are given."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import overnight
from overnight import App, app
from overnight.errors import NotFound
from tests.engines import contract_tasks


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """The default application, on a home of this test's own."""
    monkeypatch.setenv("OVERNIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(app, "_default", None)
    return app.default_app()


def test_the_default_application_is_made_once_of_the_settings(default: App, tmp_path: Path) -> None:
    assert app.default_app() is default
    assert default.settings.home == tmp_path / "home"
    default.close()


def test_a_submit_that_nobody_serves_says_so_once(default: App, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "overnight"):
        first = contract_tasks.add.submit(1, 2)
        contract_tasks.add.submit(3, 4)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert first.id[-8:] in said[0]
    assert "overnight worker" in said[0]
    default.close()


def test_get_takes_the_id_its_end_and_its_beginning(default: App) -> None:
    handle = contract_tasks.add.submit(1, 2)
    assert overnight.get(handle.id).id == handle.id
    assert overnight.get(handle.id[-8:]).id == handle.id
    assert default.get(f"…{handle.id[-8:]}").id == handle.id
    default.close()


def test_a_job_that_does_not_exist_is_not_found_and_the_store_is_named(default: App, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as missing:
        overnight.get("00000000-0000-7000-8000-000000000000")
    assert str(tmp_path / "home") in missing.value.message
    default.close()


def test_an_application_that_was_closed_opens_again(default: App) -> None:
    handle = contract_tasks.add.submit(1, 2)
    default.close()
    assert handle.snapshot().id == handle.id
    default.close()
