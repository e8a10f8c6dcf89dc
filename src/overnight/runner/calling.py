"""Calling a task's function, and saying how that ended: the same in a child and inline."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from overnight.errors import OvernightError, Refused, ResultRefused, Stopped
from overnight.inside.context import Inside
from overnight.inside.link import Link
from overnight.inside.messages import Logged, Raised, Returned, Start
from overnight.inside.stopping import HANDOVER, StopSign
from overnight.options import Options
from overnight.runner import limits
from overnight.runner.leaving import leave
from overnight.runner.raising import refused, tell
from overnight.tasks import Task


def call(task: Task[..., Any, Any], start: Start, options: Options, inside: Inside) -> Returned | Raised:
    """Call the function of an attempt; whatever it does, the answer says how it ended."""
    stop = inside.link.stop
    try:
        try:
            positional, named = task.signature.unpack(start.input)
        except (Refused, ValueError) as error:
            return refused(error)
        value = _run(task, positional, named, inside.link)
        stop.end()
        # Tasks that run by the thousand mostly return nothing, and the codec's way touches 80 pages.
        data = b"null" if value is None else _pack(task, value, Path(start.directory))
    except BaseException as error:
        stop.end()
        if isinstance(error, MemoryError) and options.memory is not None:
            limits.lift_memory_limit()
        told = tell(error, options, task.name_of)
        if told.memory:
            told = msgspec.structs.replace(told, peak=limits.peak_memory())
        _save_position(inside)
        # An exception that a stop caused on its way out, in some `finally`, is the stop's doing.
        return msgspec.structs.replace(told, stopped=told.stopped or stop.raised)
    return Returned(data, stop.raised)


def _pack(task: Task[..., Any, Any], value: Any, directory: Path) -> bytes:
    try:
        return task.signature.pack_result(value)
    except ResultRefused as error:
        file = leave(value, directory)
        if file is None:
            raise
        raise ResultRefused(error.message, hint=f"{error.hint}; this one was left in {file}") from None


def _save_position(inside: Inside) -> None:
    """Keep where the function was when it raised, so that another attempt goes on from there."""
    try:
        inside.leave()
    except (OvernightError, MemoryError) as error:
        # What ended the function is the news; the save before this one still stands.
        inside.link.post(Logged(time.time(), "log", logging.WARNING, "overnight", f"not saved: {error}"))


def _run(task: Task[..., Any, Any], positional: list[Any], named: dict[str, Any], link: Link) -> Any:
    if not inspect.iscoroutinefunction(task.function):
        return task.function(*positional, **named)

    async def run() -> Any:
        loop, this = asyncio.get_running_loop(), asyncio.current_task()
        if this is not None:
            link.on_stop = _canceller(loop, this, link.stop)
        link.watch_for_stop()
        return await task.function(*positional, **named)

    try:
        return _run_coroutine(run)
    except asyncio.CancelledError:
        if link.stop.raised is not None:
            raise Stopped(link.stop.raised) from None
        raise


def _canceller(
    loop: asyncio.AbstractEventLoop, running: asyncio.Task[Any], stop: StopSign
) -> Callable[[str], bool]:
    """Return what a stop does to a coroutine: it is raised at its next await, once.

    Asked again before the loop has come to that, it answers False: something holds the loop up.
    """
    is_asked = False

    def cancel(how: str) -> bool:
        nonlocal is_asked
        if stop.raised is not None or stop.is_over or stop.asked == HANDOVER:
            return True  # a hand-over is obeyed at a saving point only, as everywhere
        if is_asked:
            return False
        is_asked = True
        loop.call_soon_threadsafe(deliver, how)
        return True

    def deliver(how: str) -> None:
        if stop.raised is None and not stop.is_over:
            stop.take(how)
            running.cancel()

    return cancel


def _run_coroutine(run: Callable[[], Any]) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run())
    # Inline, in a notebook or an asynchronous test: a loop runs in this thread already.
    here = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(here.run, asyncio.run, run()).result()
