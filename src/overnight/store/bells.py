"""Bells wake those who wait: a datagram socket for each, in a folder beside the store.

A bell says only that it is worth looking. One that is lost, late or rung twice is harmless, because behind
every bell there is a slow poll.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType

_WORK, _JOB = "work", "job"

#: A socket's path may have 107 bytes (103 on macOS); paths through this are short, whatever home is called.
_DESCRIPTORS = "/proc/self/fd"
_HAS_DESCRIPTORS = Path(_DESCRIPTORS).exists()
_LONGEST_PATH = 100

_numbers = count(1)


class Bell:
    """The listening end. Whoever rings wakes `wait`, and makes `fileno` readable until `drain`."""

    def __init__(self, bound: socket.socket, path: Path | None) -> None:
        self._socket = bound
        self._path = path
        self._owner = os.getpid()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._socket.fileno()

    def wait(self, timeout: float | None) -> bool:
        """Wait until somebody rings, at most so many seconds; say whether somebody did."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(None if timeout is None else max(timeout, 0.0) * 1000):
            return False
        self.drain()
        return True

    def drain(self) -> None:
        """Forget all rings so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        if self._path is None or os.getpid() != self._owner:
            return  # a forked process closes its copy; the bell is not its own
        self._path.unlink(missing_ok=True)
        if self._path.parent.parent.name == _JOB:
            with contextlib.suppress(OSError):  # others listen for the same job
                self._path.parent.rmdir()

    def __enter__(self) -> Bell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bells:
    """The bells of one store."""

    def __init__(self, home: Path) -> None:
        self._work = home / "bells" / _WORK
        self._job = home / "bells" / _JOB
        self._ringer: socket.socket | None = None

    def listen_work(self, worker: str) -> Bell:
        """Listen for work that was submitted, and for orders to this worker."""
        return self._listen(self._work, worker)

    def listen_job(self, job: str) -> Bell:
        """Listen for changes of a job's state."""
        return self._listen(self._job / job, f"{os.getpid()}-{next(_numbers)}")

    def ring_work(self) -> None:
        """Wake every worker."""
        self._ring_all(self._work)

    def ring_worker(self, worker: str) -> None:
        """Wake one worker."""
        with contextlib.suppress(OSError), _folder(self._work) as (_, folder):
            self._ring(folder, worker, self._work)

    def ring_job(self, job: str) -> None:
        """Wake everybody who waits for this job."""
        if os.access(f"{self._job}/{job}", os.F_OK):  # 2 µs; nobody waits for most jobs
            self._ring_all(self._job / job)

    def close(self) -> None:
        """Close the socket that rings; the next ring opens another."""
        ringer, self._ringer = self._ringer, None
        if ringer is not None:
            ringer.close()

    def _listen(self, place: Path, name: str) -> Bell:
        bound = _socket()
        while True:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with _folder(place) as (_, folder):
                    if len(os.fsencode(f"{folder}/{name}")) > _LONGEST_PATH:
                        return Bell(bound, None)  # nobody can ring it; the poll behind it serves
                    (place / name).unlink(missing_ok=True)
                    bound.bind(f"{folder}/{name}")
                    return Bell(bound, place / name)
            except FileNotFoundError:
                continue  # the last listener has just taken the folder away with it

    def _ring_all(self, place: Path) -> None:
        # Nobody has listened there yet, or listens any more; the poll behind the bell serves in any case.
        with (
            contextlib.suppress(OSError),
            _folder(place) as (descriptor, folder),
            os.scandir(descriptor) as bells,
        ):
            for bell in bells:
                self._ring(folder, bell.name, place)

    def _ring(self, folder: str, name: str, place: Path) -> None:
        ringer = self._ringer
        if ringer is None:
            ringer = self._ringer = _socket()
        try:
            ringer.sendto(b"!", f"{folder}/{name}")
        except BlockingIOError:
            return  # it has been rung so often that its socket is full
        except ConnectionRefusedError:
            (place / name).unlink(missing_ok=True)  # its listener died
        except OSError:
            return  # gone meanwhile, or a path too long to ring: the poll behind the bell serves


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


@contextlib.contextmanager
def _folder(place: Path) -> Iterator[tuple[int, str]]:
    """Give a descriptor of a folder and a short path to it, for as long as they are needed."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor, f"{_DESCRIPTORS}/{descriptor}" if _HAS_DESCRIPTORS else str(place)
    finally:
        os.close(descriptor)
