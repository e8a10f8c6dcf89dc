"""The zygote: a process that has only imported a source, and forks children that run its tasks.

A fork takes 1-3 ms where a fresh interpreter with pandas takes half a second. Forking is safe only while
nothing but this one thread runs here: a lock that another thread held would stay locked in every child for
ever (20 of 20 tries). A source that starts threads when it is imported therefore gets a *launcher*: the
zygote replaces itself by a process that imports nothing and starts a fresh interpreter for every child.

The standard library's forkserver will not do: its children keep it alive, and neither dies with its parent.
"""

from __future__ import annotations

import gc
import inspect
import os
import select
import socket
import sys
import threading
from hashlib import sha256
from typing import Any, NoReturn

from overnight.errors import BadTask, SourceBroken
from overnight.runner import child
from overnight.runner.birth import Broken, Bury, Ended, Fork, Forked, Loaded, Word, decode_order, encode
from overnight.runner.frames import FrameReader, frame
from overnight.runner.processes import cpu_seconds, die_with_parent
from overnight.runner.rehearsal import TIMES, rehearse
from overnight.sources import FileState, Source
from overnight.tasks import Task

#: OpenBLAS starts its threads when numpy is imported, unless it is told to have one. It survives a fork,
#: and `cpus=` sets the number again in every child.
_ONE_THREAD = "OPENBLAS_NUM_THREADS"


class Nest:
    """A zygote's life: children are forked when the worker asks, and reported when they end."""

    def __init__(self, wire: socket.socket, source: Source, *, launches: bool) -> None:
        self._wire = wire
        self._source = source
        self._launches = launches
        self._reader = FrameReader(wire)
        self._poll = select.poll()
        self._pids: dict[int, int] = {}

    def tell(self, word: Word) -> None:
        """Send a word to the worker; without one there is nothing left to do here."""
        try:
            self._wire.sendall(frame(encode(word)))
        except ConnectionError:  # it has sent us home, or is dead
            raise SystemExit from None

    def live(self) -> None:
        """Serve until the worker closes the socket."""
        self._poll.register(self._wire, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._wire.fileno():
                    self._notice_end(descriptor)
                elif not self._take_orders():
                    return

    def _take_orders(self) -> bool:
        for payload in self._reader.read_with_descriptors():
            order = decode_order(payload)
            if isinstance(order, Fork):
                self._fork(order.ticket, self._reader.descriptors.popleft())
            elif isinstance(order, Bury):
                os.waitpid(order.pid, 0)
        return not self._reader.is_ended

    def _fork(self, ticket: int, descriptors: list[int]) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(descriptors, parent)
        for descriptor in descriptors:
            os.close(descriptor)
        ending = os.pidfd_open(pid)
        self._pids[ending] = pid
        self._poll.register(ending, select.POLLIN)
        self.tell(Forked(ticket, pid))

    def _become_child(self, descriptors: list[int], parent: int) -> NoReturn:
        self._wire.close()
        for ending in self._pids:
            os.close(ending)
        if self._launches:
            child.launch(descriptors, self._source.key, parent)
        child.live(descriptors, self._source, parent)

    def _notice_end(self, ending: int) -> None:
        pid = self._pids.pop(ending)
        self._poll.unregister(ending)
        os.close(ending)
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        if found is None:
            return
        code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        self.tell(Ended(pid, code, cpu_seconds(pid)))


def why_not_to_fork() -> str | None:
    """Say what makes this process unsafe to fork from, or None."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        return f"importing it starts threads ({', '.join(others[:3])})"
    if len(os.listdir("/proc/self/task")) > 1:
        return "importing it starts threads of a native library"
    return None


def load(source: Source) -> Loaded:
    """Import a source and describe it.

    Raises:
        SourceBroken: it fails to import.
    """
    own = source.own_file()  # as it is before it is read: an edit meanwhile must not be missed
    given = os.environ.get(_ONE_THREAD)
    os.environ[_ONE_THREAD] = "1"
    try:
        source.load()
    finally:
        if given is None:
            del os.environ[_ONE_THREAD]
        else:
            os.environ[_ONE_THREAD] = given
    tasks = {
        name: described for name, task in child.prepare(source).items() if (described := _describe(task))
    }
    files = [own if own is not None and it.path == own.path else it for it in source.files()]
    return Loaded(tasks, files, why_not_to_fork(), _version(files))


def _describe(task: Task[..., Any, Any]) -> dict[str, Any] | None:
    """Say what a task takes; None for a plain function that cannot be one after all."""
    try:
        task.signature.prepare()  # in every child it would cost 2 ms again
        schema = task.signature.schema
    except BadTask:
        if task.is_declared:
            raise
        return None
    doc = inspect.getdoc(task.function) or ""
    return {"schema": schema, "doc": doc, "is_declared": task.is_declared}


def _version(files: list[FileState]) -> str:
    """Name the state of a source's files; recorded with every attempt."""
    return sha256(repr(files).encode()).hexdigest()[:16]


def main() -> None:
    """Be the zygote of one source: socket, parent, source and way stand in the arguments."""
    descriptor, parent, key, way = sys.argv[1:5]
    die_with_parent(int(parent))
    if way == "import":
        os.setsid()
    child.prepare_streams()
    wire = socket.socket(fileno=int(descriptor))
    source = Source.parse(key)
    nest = Nest(wire, source, launches=way == "launch")
    if way == "import":
        try:
            loaded = load(source)
        except SourceBroken as broken:
            cause = broken.__cause__ or broken
            nest.tell(Broken(broken.traceback, source.files_to_mend(cause)))
            return
        except BadTask as bad:
            nest.tell(Broken(str(bad), source.files()))
            return
        nest.tell(loaded)
        if loaded.fresh is not None:
            _become_launcher(wire, parent, key)
        rehearse(TIMES)
        gc.collect()
        gc.freeze()  # what is loaded now is shared with every child; a collection there must not copy it
    nest.live()


def _become_launcher(wire: socket.socket, parent: str, key: str) -> NoReturn:
    os.set_inheritable(wire.fileno(), True)
    interpreter = [sys.executable, "-P", "-m", "overnight.runner.zygote"]
    os.execv(sys.executable, [*interpreter, str(wire.fileno()), parent, key, "launch"])


if __name__ == "__main__":
    main()
