"""Settings come from five places, and each value knows from which."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.errors import BadOption
from overnight.settings import load_settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a pyproject.toml, and a user without settings of his own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "project" / "deep" / "down").mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").write_text(
        '[tool.overnight]\nslots = 3\ntasks = ["app.tasks"]\n'
    )
    return tmp_path / "project"


def test_the_nearest_layer_wins_and_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_settings(project)
    assert (found.slots, found.origins["slots"]) == (3, str(project / "pyproject.toml"))
    monkeypatch.setenv("OVERNIGHT_SLOTS", "5")
    found = load_settings(project)
    assert (found.slots, found.origins["slots"]) == (5, "OVERNIGHT_SLOTS")
    found = load_settings(project, flags={"slots": 7, "lease": None})
    assert (found.slots, found.origins["slots"]) == (7, "flag")
    assert (found.lease, found.origins["lease"]) == (30.0, "default")


def test_the_users_file_stands_behind_the_project(project: Path, tmp_path: Path) -> None:
    own = tmp_path / "config" / "overnight" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text('slots = 9\nmemory_budget = "2GiB"\n')
    found = load_settings(project)
    assert found.slots == 3
    assert (found.memory_budget, found.origins["memory_budget"]) == (2 * 1024**3, str(own))


def test_home_is_beside_the_project_unless_a_folder_is_nearer(project: Path) -> None:
    deep = project / "deep" / "down"
    assert load_settings(deep).home == project / ".overnight"
    (project / "deep" / ".overnight").mkdir()
    assert load_settings(deep).home == project / "deep" / ".overnight"


def test_home_outside_of_projects_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = load_settings(tmp_path)
    assert found.home == tmp_path / "data" / "overnight"
    assert found.origins["home"] == "the user's data folder"


def test_a_relative_home_is_made_absolute(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERNIGHT_HOME", "jobs")
    assert load_settings(project).home == project / "jobs"


def test_tasks_are_a_list_or_a_path_like_text(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(project).tasks == ("app.tasks",)
    monkeypatch.setenv("OVERNIGHT_TASKS", "a.py:b.py")
    assert load_settings(project).tasks == ("a.py", "b.py")


@pytest.mark.parametrize(
    ("name", "value"), [("SLOTS", "many"), ("SLOTS", "0"), ("LEASE", "-3s"), ("MEMORY_BUDGET", "lots")]
)
def test_a_value_that_cannot_be_read_is_named_with_its_place(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"OVERNIGHT_{name}", value)
    with pytest.raises(BadOption) as refused:
        load_settings(project)
    assert repr(value) in refused.value.message
    assert f"OVERNIGHT_{name}" in (refused.value.hint or "")


def test_an_unknown_setting_is_refused_with_those_that_exist(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.overnight]\nslot = 3\n")
    with pytest.raises(BadOption) as refused:
        load_settings(project)
    assert "'slot'" in refused.value.message
    assert "slots" in (refused.value.hint or "")


def test_a_file_that_is_no_toml_is_named(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.overnight\n")
    with pytest.raises(BadOption, match=r"pyproject\.toml is no TOML file"):
        load_settings(project)
