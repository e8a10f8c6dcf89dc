"""Long-running Python tasks that survive: start it, log off, get told when it is done.

The public names are handed out when they are first asked for (PEP 562): who only declares tasks does not pay
for the database (SQLAlchemy alone takes 170 ms), and `import overnight` itself loads no library at all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overnight.app import App as App
    from overnight.app import get as get
    from overnight.errors import GiveUp as GiveUp
    from overnight.errors import JobFailed as JobFailed
    from overnight.errors import Retry as Retry
    from overnight.errors import Snooze as Snooze
    from overnight.handle import JobHandle as JobHandle
    from overnight.handle import Keeper
    from overnight.inside.job import job as job
    from overnight.inside.tracking import track as track
    from overnight.jobs import Job as Job
    from overnight.tasks import task as task

__all__ = ["App", "GiveUp", "Job", "JobFailed", "JobHandle", "Retry", "Snooze", "get", "job", "task", "track"]

_HOMES = {
    "App": "overnight.app",
    "GiveUp": "overnight.errors",
    "Job": "overnight.jobs",
    "JobFailed": "overnight.errors",
    "JobHandle": "overnight.handle",
    "Retry": "overnight.errors",
    "Snooze": "overnight.errors",
    "get": "overnight.app",
    "job": "overnight.inside.job",
    "task": "overnight.tasks",
    "track": "overnight.inside.tracking",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name])
    if name == "task":
        home.offer_keeper(_default_app)
    value = getattr(home, name)
    globals()[name] = value  # the next look finds it without us
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _default_app() -> Keeper:
    from overnight.app import default_app  # the database is loaded when something is submitted

    return default_app()
