"""Where settings come from: flag > OVERNIGHT_* > pyproject.toml [tool.overnight] > user file > default.

Every value knows its origin, so that `overnight doctor` can print it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from overnight.errors import BadOption
from overnight.units import byte_count, seconds

FOLDER = ".overnight"
_PREFIX = "OVERNIGHT_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for this process. Times in seconds, sizes in bytes.

    Attributes:
        home: the folder of the store.
        tasks: files and modules that `worker` serves when it is given none.
        slots: how many attempts a worker runs at once.
        memory_budget: what the memory limits of a worker's jobs may add up to.
        lease: after so long without a beat, others may take a worker's jobs.
        handover: so long after a worker was told to leave, what it runs is killed.
        idle: a worker that nobody asked for by name leaves after so long without work.
        crash_limit: crashes in a row that make a job poison.
        origins: where each value comes from, in words.
        project: the folder of the pyproject.toml that was read, on which relative `tasks` stand.
    """

    home: Path
    tasks: tuple[str, ...] = ()
    slots: int
    memory_budget: int
    lease: float = 30.0
    handover: float = 25.0
    idle: float = 60.0
    crash_limit: int = 3
    origins: dict[str, str] = {}
    project: Path | None = None


def _whole(value: Any) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("expected a whole number from 1")
    return number


def _names(value: Any) -> tuple[str, ...]:
    return tuple(value.split(os.pathsep)) if isinstance(value, str) else tuple(map(str, value))


_READERS: dict[str, Callable[[Any], Any]] = {
    "home": lambda value: Path(value).expanduser(),
    "tasks": _names,
    "slots": _whole,
    "memory_budget": byte_count,
    "lease": seconds,
    "handover": seconds,
    "idle": seconds,
    "crash_limit": _whole,
}


def load_settings(cwd: Path | None = None, *, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings that hold for a process in this folder.

    Args:
        cwd: the working directory; the current one by default.
        flags: values that were given on the command line or in code; None stands for not given.

    Raises:
        BadOption: a value cannot be read; the message says which, and where it comes from.
    """
    cwd = (cwd or Path.cwd()).resolve()
    project = _find_project(cwd)
    layers = [
        ("flag", {name: value for name, value in (flags or {}).items() if value is not None}),
        ("environment", _environment()),
        (str(project), _table(project)),
        (str(user_file()), _table(user_file())),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, read in _READERS.items():
        for origin, layer in layers:
            if name in layer:
                where = f"{_PREFIX}{name.upper()}" if origin == "environment" else origin
                values[name], origins[name] = _read(read, name, layer[name], where), where
                break
    if "home" not in values:
        values["home"], origins["home"] = _default_home(cwd, project)
    for name, (value, origin) in _defaults().items():
        if name not in values:
            values[name], origins[name] = value, origin
    values["home"] = (cwd / values["home"]).resolve()
    return Settings(**values, origins=origins, project=project.parent if project else None)


def user_file() -> Path:
    """Return the user's own settings file, whether it is there or not."""
    return Path(platformdirs.user_config_dir("overnight")) / "config.toml"


def _read(read: Any, name: str, value: Any, origin: str) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError) as wrong:
        raise BadOption(f"setting {name}={value!r}: {wrong}", hint=f"it comes from {origin}") from None


def _environment() -> dict[str, str]:
    names = {f"{_PREFIX}{name.upper()}": name for name in _READERS}
    return {names[key]: value for key, value in os.environ.items() if key in names and value}


def _table(path: Path | None) -> dict[str, Any]:
    if path is None or not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise BadOption(f"{path} is no TOML file: {wrong}", hint="mend or remove it") from None
    found = content.get("tool", {}).get("overnight", {}) if path.name == "pyproject.toml" else content
    if unknown := sorted(set(found) - set(_READERS)):
        known = ", ".join(sorted(_READERS))
        raise BadOption(f"{path}: there is no setting {unknown[0]!r}", hint=f"the settings are {known}")
    return dict(found)


def _find_project(cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        if (found := folder / "pyproject.toml").is_file():
            return found
    return None


def _default_home(cwd: Path, project: Path | None) -> tuple[Path, str]:
    for folder in (cwd, *cwd.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER, f"the nearest {FOLDER} folder"
    if project is not None:
        return project.parent / FOLDER, f"beside {project}"
    return Path(platformdirs.user_data_dir("overnight")), "the user's data folder"


def _defaults() -> dict[str, tuple[Any, str]]:
    return {
        "slots": (os.cpu_count() or 1, "default: one for each processor"),
        "memory_budget": (_memory_of_machine() * 8 // 10, "default: 80 % of the machine's memory"),
        "lease": (30.0, "default"),
        "handover": (25.0, "default"),
        "idle": (60.0, "default"),
        "crash_limit": (3, "default"),
        "tasks": ((), "default"),
    }


def _memory_of_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
