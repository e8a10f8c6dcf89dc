"""`overnight tasks`: what can be run, from where, and what stands in the way."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from overnight.cli.arguments import Arguments
from overnight.cli.endings import Exit
from overnight.cli.opening import has_store, json_option, live_workers, open_app, settings_of
from overnight.cli.terminal import clean, draw, put_json, say
from overnight.errors import BadTask, NotFound, Refused, SourceBroken
from overnight.sources import Source
from overnight.store.workers import WorkerRow
from overnight.tasks import tasks_of


class KnownSource(msgspec.Struct, frozen=True, kw_only=True):
    """A file or module with tasks, as it is known here.

    Attributes:
        key: the source's key.
        tasks: by name: schema, doc, is_declared.
        broken: why it cannot be imported, with the traceback of its author.
        fresh: why its attempts run in fresh interpreters.
        workers: how many live workers serve it.
    """

    key: str
    tasks: Mapping[str, Mapping[str, Any]] = {}
    broken: str | None = None
    fresh: str | None = None
    workers: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        tasks = [{"name": name, **described} for name, described in sorted(self.tasks.items())]
        return {
            "source": self.key,
            "workers": self.workers,
            "broken": self.broken,
            "fresh": self.fresh,
            "tasks": tasks,
        }

    def draw(self, *, with_plain: bool) -> Group:
        """Draw it for a terminal."""
        served = f" · {self.workers} worker{'s' if self.workers > 1 else ''}" if self.workers else ""
        parts: list[Any] = [Text(f"{self.key}{served}", style="bold")]
        if self.broken is not None:
            parts.append(_indented("cannot be imported:", style="red"))
            parts.append(Padding(Text(clean(self.broken).rstrip()), (0, 0, 0, 4)))
        if self.fresh is not None:
            parts.append(_indented(f"a fresh interpreter for each attempt: {self.fresh}", style="yellow"))
        has_declared = any(it.get("is_declared", True) for it in self.tasks.values())
        for name, described in sorted(self.tasks.items()):
            if with_plain or not has_declared or described.get("is_declared", True):
                parts += _draw_task(name, described)
        if not self.tasks and self.broken is None:
            parts.append(_indented("no tasks: no function at its top level can be one"))
        return Group(*parts)


def _draw_task(name: str, described: Mapping[str, Any]) -> list[Any]:
    usage = Arguments(described["schema"]).usage()
    line = Text("  ").append(name, style="cyan").append(f"  {usage}" if usage else "")
    summary = clean(str(described.get("doc") or "")).strip().partition("\n\n")[0]
    return [line, _indented(f"  {' '.join(summary.split())}", style="dim")] if summary else [line]


def _indented(words: str, *, style: str = "") -> Text:
    return Text(f"  {clean(words)}", style=style)


@click.command()
@click.argument("sources", nargs=-1, metavar="[FILE.py|MODULE]...")
@click.option("--all", "with_plain", is_flag=True, help="Plain functions, too, where tasks are declared.")
@json_option("Print a JSON list of sources, each with its tasks and their schemas.")
@click.pass_context
def tasks(ctx: click.Context, sources: tuple[str, ...], *, with_plain: bool, as_json: bool) -> int:
    """List tasks: of the files and modules given, else those that live workers serve and settings name.

    A file that cannot be imported says why, and so does one whose attempts need fresh interpreters. Exit
    code 2 if one of the given files is broken.
    """
    settings = settings_of(ctx)
    if sources:
        known = [_import(words, Path.cwd()) for words in sources]
    else:
        served = _served(ctx) if has_store(settings) else []
        keys = {it.key for it in served}
        named = [_import(words, settings.project or Path.cwd()) for words in settings.tasks]
        known = served + [it for it in named if it.key not in keys]
    if as_json:
        put_json([it.to_json() for it in known])
    elif not known:
        say("no task is known here; name a file: overnight tasks FILE.py")
    else:
        for it in known:
            draw(it.draw(with_plain=with_plain))
    return Exit.USAGE if sources and any(it.broken for it in known) else Exit.OK


COMMANDS = {"tasks": tasks}


def _import(words: str, folder: Path) -> KnownSource:
    try:
        source = Source.named(words, folder)
    except NotFound as wrong:
        raise Refused(wrong.message, hint=wrong.hint) from None
    described = {}
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what a module prints is no part of the answer
            found = tasks_of(source)
        for name, task in found.items():
            with contextlib.suppress(BadTask):  # a plain function whose arguments JSON cannot hold
                doc = inspect.getdoc(task.function) or ""
                described[name] = {
                    "schema": task.signature.schema,
                    "doc": doc,
                    "is_declared": task.is_declared,
                }
    except SourceBroken as wrong:
        return KnownSource(key=source.key, broken=f"{wrong.traceback}{wrong.message}")
    return KnownSource(key=source.key, tasks=described)


def _served(ctx: click.Context) -> list[KnownSource]:
    with open_app(ctx) as app:
        return _by_source(live_workers(app))


def _by_source(workers: Iterable[WorkerRow]) -> list[KnownSource]:
    known: dict[str, KnownSource] = {}
    for worker in workers:
        for key, served in worker.sources.items():
            count = known[key].workers + 1 if key in known else 1
            known[key] = KnownSource(
                key=key, tasks=served.tasks, broken=served.broken, fresh=served.fresh, workers=count
            )
    return [known[key] for key in sorted(known)]
