"""Both engines, each on a home of its own, for the whole run: the suite asks the same of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from overnight import App
from overnight.jobs import Job
from overnight.settings import load_settings
from tests.engines import contract_tasks
from tests.workers import RunningWorker

#: No job of the suite takes longer, in seconds.
PATIENCE = 20


class Engine(NamedTuple):
    """An application whose jobs are run, and how."""

    name: str
    app: App

    def submit(self, task: Any, *args: Any, **kwargs: Any) -> Any:
        """Submit a call here."""
        return task.with_options(app=self.app).submit(*args, **kwargs)

    def ended(self, handle: Any) -> Job:
        """Wait for the end of a job, and return it as it stands then."""
        assert handle.wait(PATIENCE), f"not ended: {handle.snapshot()}"
        return handle.snapshot()


def _inline(home: Path) -> Iterator[Engine]:
    app = App(engine="inline", settings=load_settings(flags={"home": home}))
    yield Engine("inline", app)
    app.close()


def _native(home: Path) -> Iterator[Engine]:
    app = App(settings=load_settings(flags={"home": home}))
    with RunningWorker(home, contract_tasks.__name__):
        yield Engine("native", app)
    app.close()


_ENGINES = {"inline": _inline, "native": _native}


@pytest.fixture(scope="session", params=_ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    yield from _ENGINES[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """For what only a worker can do."""
    yield from _native(tmp_path_factory.mktemp("only-native"))


@pytest.fixture(scope="session")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """For what is different without a worker."""
    yield from _inline(tmp_path_factory.mktemp("only-inline"))
