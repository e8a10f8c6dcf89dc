"""The child: a process that runs one attempt, from its start message to its last word.

It never returns and never runs what its zygote would run at exit: when the function has ended and its
outcome is sent, the process is over, whatever threads or hooks the function left behind.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import msgspec

from overnight.errors import BadTask, NotFound, SourceBroken
from overnight.inside import context
from overnight.inside import logging as job_logging
from overnight.inside.context import Inside
from overnight.inside.link import Link, move_away
from overnight.inside.messages import Ready, Start
from overnight.options import Options
from overnight.runner import limits
from overnight.runner.birth import CUT_OFF
from overnight.runner.calling import call
from overnight.runner.frames import Wire
from overnight.runner.processes import adopt_orphans, die_with_parent, find_mark, overwrite_mark
from overnight.runner.raising import refused
from overnight.runner.rehearsal import rehearse
from overnight.sources import Source
from overnight.tasks import Task, find_task, tasks_of

#: The exit code of what was ended by SIGTERM, as shells have it.
_TERMINATED = 128 + signal.SIGTERM

_read_options = msgspec.json.Decoder(Options)


class _Prepared:
    """What a process has made ready once, for itself or for all children that it forks.

    A page of memory that a child writes to is copied first, at 2-4 µs: what the zygote has done already
    costs its children nothing.
    """

    tasks: dict[str, Task[..., Any, Any]]
    threads: limits.ThreadLimits
    link: Link | None = None


_prepared = _Prepared()


def prepare(source: Source) -> dict[str, Task[..., Any, Any]]:
    """Import a source and make ready what every child needs; return its tasks.

    Raises:
        SourceBroken: it fails to import.
    """
    _prepared.tasks = tasks_of(source)
    _prepared.threads = limits.ThreadLimits()
    _prepared.threads.bound_later_ones()
    find_mark()
    job_logging.install()
    signal.signal(signal.SIGTERM, _terminate)
    return _prepared.tasks


def _forget() -> None:
    """Let a process that the function forks die by SIGTERM as others do: no stop is raised there."""
    _prepared.link = None


os.register_at_fork(after_in_child=_forget)


def prepare_streams() -> None:
    """Have what is printed go out line by line, and never fail for a character; show where a crash was.

    Done while the streams are still what the interpreter found: it asks a stream that was a file for its
    position, and a child's streams are pipes.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    faulthandler.enable()


def launch(descriptors: list[int], source: str, parent: int) -> NoReturn:
    """Replace this process by a fresh interpreter that imports the source itself."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    numbers = ",".join(map(str, descriptors))
    command = [sys.executable, "-P", "-m", "overnight.runner.child", numbers, str(parent), source]
    os.execv(sys.executable, command)


def main() -> None:
    """Be a child that was launched, not forked: descriptors, parent and source stand in the arguments."""
    numbers, parent, key = sys.argv[1:4]
    prepare_streams()
    live([int(number) for number in numbers.split(",")], Source.parse(key), int(parent), is_fresh=True)


def live(descriptors: list[int], source: Source, parent: int, *, is_fresh: bool = False) -> NoReturn:
    """Wait for work, do it, and end.

    Args:
        descriptors: the socket to the worker, and the pipes for stdout and stderr.
        source: what the task comes from; imported already unless this process is fresh.
        parent: the zygote, with which this process dies.
        is_fresh: whether this process has still to import the source.
    """
    code = 1
    try:
        os.setsid()
        die_with_parent(parent)
        adopt_orphans()
        wire = Wire(_take_over(descriptors))
        failure = _import(source) if is_fresh else None
        wire.send(Ready())
        if not is_fresh and not wire.has_come():
            rehearse(1)  # nobody waits for us yet
        messages = wire.receive()
        if messages:
            start, *others = messages
            _run(start, others, source, wire, failure)
            code = 0
    except BaseException:
        # Nothing of the function's reaches this place: it is our own defect, and belongs in the job's log.
        logging.getLogger("overnight").exception("the process of the attempt failed")
    finally:
        _leave(code)


def _take_over(descriptors: list[int]) -> socket.socket:
    wire, out, err = descriptors
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    return socket.socket(fileno=move_away(wire))


def _import(source: Source) -> SourceBroken | None:
    try:
        prepare(source)
    except SourceBroken as broken:
        _prepared.tasks = {}
        return broken
    return None


def _leave(code: int) -> NoReturn:
    _flush()
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A function may leave anything here, a closed file or None: then there is nothing left to lose.
        with contextlib.suppress(Exception):
            stream.flush()


def _run(
    start: Start, others: Sequence[Any], source: Source, wire: Wire, failure: SourceBroken | None
) -> None:
    overwrite_mark(start.mark)
    limits.reseed()
    options = _read_options.decode(start.options)
    link = Link(wire)
    inside = Inside.of(start, options.owner, link)
    context.enter_process(inside)
    _prepared.link = link
    link.obey(others)  # a stop may have come right behind the start
    try:
        if failure is not None:
            raise failure
        task = _prepared.tasks.get(start.task) or find_task(source, start.task)
    except (NotFound, BadTask, SourceBroken) as error:
        link.close(refused(error))
        return
    _prepared.threads.set(options.cpus)
    if options.memory is not None:
        limits.limit_memory(options.memory)
    last = call(task, start, options, inside)
    if signal.getsignal(signal.SIGTERM) is not _terminate:
        last = msgspec.structs.replace(last, takes_signals=True)
    link.stop.end()
    _flush()
    try:
        link.close(last)
    except OSError:  # somebody has closed it under us; the exit code is all that can be said
        _leave(CUT_OFF)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """Answer SIGTERM: stop the coroutine that runs, or else whatever runs, by an exception."""
    link = _prepared.link
    if link is None:
        os._exit(_TERMINATED)  # no function runs here: a zygote, or a child without work
    # A coroutine's own cancellation is the gentler way, unless its loop does not come to it.
    if link.on_stop is not None and link.stop.raised is None and not link.stop.is_over:
        link.stop.asked = link.stop.asked or "terminated"
        if link.on_stop("terminated"):
            return
    link.stop.signalled("terminated")


if __name__ == "__main__":
    main()
