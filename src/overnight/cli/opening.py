"""What the commands share: the store that they open, the jobs that their arguments name, `--json`."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from overnight.app import App
from overnight.clock import boot_id
from overnight.errors import NotFound, OvernightError
from overnight.settings import Settings, load_settings
from overnight.store.opening import NAME
from overnight.store.workers import WorkerRow

F = TypeVar("F", bound=Callable[..., Any])


def json_option(words: str) -> Callable[[F], F]:
    """Make the option `--json`, with what it prints."""
    return click.option("--json", "as_json", is_flag=True, help=words)


def settings_of(ctx: click.Context) -> Settings:
    """Read the settings that hold for this command; `--home` wins."""
    return load_settings(flags={"home": ctx.find_root().obj})


def program_of(ctx: click.Context) -> str:
    """Return how this program is called again for the same store, for hints."""
    home = ctx.find_root().obj
    return "overnight" if home is None else f"overnight --home {shlex.quote(str(home))}"


@contextmanager
def open_app(ctx: click.Context, *, makes_store: bool = False) -> Iterator[App]:
    """Open the application of this command, and close it at its end.

    Args:
        ctx: the command's.
        makes_store: make the store if it is not there; who only looks makes none.

    Raises:
        NotFound: there is no store.
    """
    log = logging.getLogger("overnight")  # what it would say, the commands say themselves
    log.propagate = False
    log.addHandler(logging.NullHandler())
    settings = settings_of(ctx)
    if not makes_store and not has_store(settings):
        raise no_store(settings)
    app = App(settings=settings)
    try:
        yield app
    finally:
        app.close()


def live_workers(app: App) -> list[WorkerRow]:
    """Return the workers whose lease holds."""
    clock = app.store.clock
    return [row for row in app.workers() if row.is_alive(boot=boot_id(), steady=clock.steady())]


def has_store(settings: Settings) -> bool:
    """Whether the home has a store in it."""
    return (settings.home / NAME).exists()


def no_store(settings: Settings) -> NotFound:
    """Return the error for a home without a store."""
    origin = settings.origins.get("home", "default")
    return NotFound(
        f"there is no store in {settings.home}, the home that is in use ({origin})",
        hint="`overnight run` makes it; another one is named with: overnight --home DIR ...",
    )


def find_jobs(app: App, texts: Sequence[str]) -> list[str]:
    """Return the full ids of the jobs that texts name, each once.

    Args:
        app: where they are looked for.
        texts: full ids, their last digits with or without "…", beginnings, "@last"; "-" stands for the words
            of stdin.

    Raises:
        NotFound: one of them names no job.
    """
    found: dict[str, None] = {}
    for text in texts:
        for word in sys.stdin.read().split() if text == "-" else [text]:
            found[_find_job(app, word)] = None
    return list(found)


def find_job(app: App, text: str) -> str:
    """Return the full id of the one job that a text names."""
    ids = find_jobs(app, [text])
    if len(ids) != 1:
        raise click.UsageError(f"one job is expected, and {len(ids)} were named")
    return ids[0]


def _find_job(app: App, word: str) -> str:
    if word == "@last":
        newest = app.jobs(limit=1)
        if not newest:
            raise NotFound(f"there is no job in {app.settings.home} yet")
        return newest[0].id
    return app.get(word.lstrip("….")).id


def each(ids: Sequence[str], act: Callable[[str], int | None], *, as_json: bool) -> int:
    """Do something for each of several jobs, whatever becomes of the others; return the worst exit code.

    Args:
        ids: full ids.
        act: what is done; it may return an exit code.
        as_json: how errors are said.
    """
    from overnight.cli.endings import complain

    code = 0
    for job_id in ids:
        try:
            new = act(job_id) or 0
        except OvernightError as error:
            new = complain(error, as_json=as_json)
        code = code or new
    return code
