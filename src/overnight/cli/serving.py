"""`overnight worker`: a worker in the foreground."""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path
from typing import Any

import click

from overnight.cli.opening import settings_of
from overnight.engines.native import WorkerOptions
from overnight.engines.workers import serve
from overnight.errors import BadOption, NotFound, Refused
from overnight.settings import Settings
from overnight.sources import Source
from overnight.store import open_store
from overnight.units import byte_count, seconds

_MINUTE = 60.0


@click.command()
@click.argument("sources", nargs=-1, metavar="[FILE.py|MODULE]...")
@click.option("-q", "--queue", "queues", multiple=True, metavar="NAME", help="Serve this queue; repeatable.")
@click.option("-c", "--slots", type=click.IntRange(1), metavar="N", help="So many attempts at once.")
@click.option("--memory-budget", metavar="SIZE", help="What the memory limits of its jobs may add up to.")
@click.option("--idle", metavar="DURATION", help="Leave after so long without work.")
@click.option("--all-files", is_flag=True, help="Serve every file that a waiting job comes from, too.")
@click.pass_context
def worker(
    ctx: click.Context,
    sources: tuple[str, ...],
    *,
    queues: tuple[str, ...],
    slots: int | None,
    memory_budget: str | None,
    idle: str | None,
    all_files: bool,
) -> None:
    """Work on the jobs of files and modules, until SIGTERM or Ctrl-C.

    Without arguments it serves the `tasks` of [tool.overnight] in pyproject.toml. On SIGTERM it hands its
    jobs over and leaves within 25 seconds (OVERNIGHT_HANDOVER); on a second one it leaves at once.
    """
    settings = settings_of(ctx)
    given = _sources(sources, settings)
    if not given and not all_files:
        raise Refused(
            "there is nothing to serve",
            hint='name files or modules, or set tasks = ["FILE.py"] in [tool.overnight] of pyproject.toml',
        )
    options = WorkerOptions(
        slots=slots or settings.slots,
        memory_budget=_read("--memory-budget", byte_count, memory_budget) or settings.memory_budget,
        queues=frozenset(queues) or None,
        lease=settings.lease,
        handover=settings.handover,
        idle=_read("--idle", seconds, idle),
        all_files=all_files,
    )
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a child that dies meanwhile must not end us
    _log_to_stderr()
    log = logging.getLogger("overnight.worker")
    store = open_store(settings.home, crash_limit=settings.crash_limit)
    try:
        served = ", ".join(source.words for source in given) or "every file with waiting jobs"
        log.info("serves %s from %s, %d at once", served, settings.home, options.slots)
        serve(store, given, options)
        log.info("has left")
    finally:
        store.close()


COMMANDS = {"worker": worker}


def _sources(words: tuple[str, ...], settings: Settings) -> list[Source]:
    folder = Path.cwd() if words else settings.project or Path.cwd()
    try:
        return [Source.named(text, folder) for text in words or settings.tasks]
    except NotFound as wrong:
        raise Refused(wrong.message, hint=wrong.hint) from None


def _read(flag: str, read: Any, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as wrong:
        raise BadOption(f"{flag}: {wrong}") from None


class _OnceAMinute(logging.Filter):
    """Lets the same warning through once a minute: a disk that is full for hours must not fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be written."""
        if record.levelno != logging.WARNING:
            return True
        now, text = time.monotonic(), record.getMessage()
        self._said = {it: at for it, at in self._said.items() if now - at < _MINUTE}
        return self._said.setdefault(text, now) == now


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OnceAMinute())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("overnight")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
