"""The target of `run`: a function of a file or a module, or the name of a known task."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

from overnight.errors import NotFound, Refused, SourceBroken
from overnight.settings import Settings
from overnight.sources import Source
from overnight.store.workers import WorkerRow
from overnight.tasks import Task, find_task, tasks_of

#: (task, key of its source)
Known = tuple[str, str]


def find_target(
    text: str, settings: Settings, workers: Callable[[], Iterable[WorkerRow]]
) -> Task[Any, Any, Any]:
    """Return the task that a target names; its source is imported.

    Args:
        text: "FILE.py:function", "package.module:function", or the name of a task, as short as it is unique.
        settings: whose `tasks` are known, too.
        workers: returns the live ones, whose tasks are known; asked only where it matters.

    Raises:
        Refused: there is no such file, module or task, or there are several.
        SourceBroken: the source cannot be imported.
    """
    place, colon, name = text.rpartition(":")
    # What a module prints while it is imported goes to stderr: stdout is for the answer.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            if colon:
                return find_task(Source.named(place, Path.cwd()), name)
            if text.endswith(".py"):
                raise _file_alone(text, Source.named(text, Path.cwd()))
            return _find_by_name(text, settings, workers())
        except NotFound as wrong:
            raise Refused(wrong.message, hint=wrong.hint) from None


def _file_alone(text: str, source: Source) -> Refused:
    tasks = sorted(tasks_of(source).values(), key=lambda it: it.name)
    if not tasks:
        return Refused(f"{text} has no task: no function at its top level can be one")
    shown = [task for task in tasks if task.is_declared] or tasks
    lines = _lines(f"overnight run {text}:{task.function.__name__}" for task in shown)
    return Refused(f"{text} is a file: say which of its functions is to run", hint=lines)


def _lines(words: Iterable[str]) -> str:
    """Write alternatives below each other, in line with the first, which stands behind "hint: "."""
    return "\n      ".join(words)


# -- by name -----------------------------------------------------------------------------------------


def _find_by_name(text: str, settings: Settings, workers: Iterable[WorkerRow]) -> Task[Any, Any, Any]:
    known = {
        (name, key) for worker in workers for key, served in worker.sources.items() for name in served.tasks
    }
    broken: SourceBroken | None = None
    for words in settings.tasks:
        try:
            source = Source.named(words, settings.project or Path.cwd())
            known |= {(name, source.key) for name in tasks_of(source)}
        except SourceBroken as error:
            broken = error
    name, key = _pick(text, known, broken)
    return find_task(Source.parse(key), name)


def _pick(text: str, known: set[Known], broken: SourceBroken | None) -> Known:
    name, _, mark = text.partition("~")
    found = [it for it in known if name in {it[0], short_name(it[0])} and mark in {"", mark_of(it[1])}]
    exact = [it for it in found if it[0] == name] or found
    if len(exact) == 1:
        return exact[0]
    if exact:
        lines = _lines(f"{task}~{mark_of(key)}  is that of {key}" for task, key in sorted(exact))
        raise Refused(f"{len(exact)} tasks are called {text!r}", hint=lines)
    if broken is not None:
        raise broken
    names = {task for task, _ in known}
    near = get_close_matches(name, names | set(map(short_name, names)), n=1)
    hint = (
        f"did you mean {near[0]}?" if near else "FILE.py:function and package.module:function name any task"
    )
    raise Refused(f"no live worker and no setting knows a task {text!r}", hint=hint)


def short_name(task: str) -> str:
    """Return the short form of a task's name."""
    return task.rpartition(".")[2]


def mark_of(key: str) -> str:
    """Return what tells tasks of one name apart: 8 hex digits of their source."""
    return sha256(key.encode()).hexdigest()[:8]
