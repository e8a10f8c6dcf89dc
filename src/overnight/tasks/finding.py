"""Tasks are found again by their names, as workers and faces ask for them."""

from __future__ import annotations

import types
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from overnight.codec import encode
from overnight.errors import BadTask, NotFound
from overnight.jobs import Call, Job
from overnight.sources import Source
from overnight.tasks.calling import Task
from overnight.tasks.declaring import declared_in, make_task


def tasks_of(source: Source) -> dict[str, Task[Any, Any, Any]]:
    """Return the tasks of a source by name: the declared ones, and its plain public functions.

    Raises:
        SourceBroken: it cannot be imported.
    """
    module = source.load()
    found: dict[str, Task[Any, Any, Any]] = {}
    for name, member in vars(module).items():
        if isinstance(member, types.FunctionType) and member.__module__ == module.__name__:
            if name.startswith("_") or name != member.__name__:
                continue
            try:
                plain = make_task(member, is_declared=False)
            except BadTask:
                continue  # a helper of the file; asked for by its name, it says why it cannot be a task
            found[plain.name] = plain
    return found | dict(declared_in(source))


def find_task(source: Source, name: str) -> Task[Any, Any, Any]:
    """Return a task of a source.

    Args:
        source: The file or module.
        name: Its name, or the name of the function alone.

    Raises:
        NotFound: there is none of this name; it says which there are.
        BadTask: the function of this name cannot be a task.
        SourceBroken: the source cannot be imported.
    """
    tasks = tasks_of(source)
    if name in tasks:
        return tasks[name]
    short = [it for it in tasks.values() if name in {it.function.__name__, it.name.rpartition(".")[2]}]
    if len(short) == 1:
        return short[0]
    member = getattr(source.load(), name.removeprefix(f"{source.module}."), None)
    if isinstance(member, Task):  # imported from another source, where it belongs
        return member
    if isinstance(member, types.FunctionType) and member.__name__.startswith("_"):
        raise BadTask(
            f"{name} begins with an underscore: it is private to its file", hint="rename it, or write @task"
        )
    if callable(member):
        return make_task(member, is_declared=False)
    near = get_close_matches(name, [it.function.__name__ for it in tasks.values()], n=1)
    names = ", ".join(sorted(tasks)) or "none: it has no public functions"
    hint = f"did you mean {near[0]!r}?" if near else f"its tasks are {names}"
    raise NotFound(f"{source.words} has no task {name!r}", hint=hint)


def call_again(job: Job, changed: Mapping[str, Any]) -> Call:
    """Return the call of a job, with some of its arguments changed.

    Args:
        job: A job that was read with its input.
        changed: Python values by name. Where there are none, the source is not loaded.

    Raises:
        BadInput: they do not fit the task's signature.
        NotFound: the source has no such task any more.
        SourceBroken: the source cannot be imported.
    """
    data = encode(job.input, is_sorted=True)
    if changed:
        data = find_task(Source.parse(job.source), job.task).signature.pack_changed(data, changed)
    return Call(task=job.task, source=job.source, options=job.options, input=data)
