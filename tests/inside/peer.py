"""The worker's end of a line, for tests: real frames over a real socket, and no worker behind them."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from overnight.inside import context
from overnight.inside.context import Inside
from overnight.inside.link import Link
from overnight.inside.messages import Logged, Progressed, Save, Saved, Start, Stopping, decode_up, encode
from overnight.runner.frames import FrameReader, Wire, frame
from tests.waiting import until


class Peer:
    """Hears what one attempt says, keeps it, and acknowledges saves."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.heard: list[Any] = []
        self.acknowledges = acknowledges
        self._last_save: int | None = None
        self._ours, theirs = socket.socketpair()
        self._theirs = theirs
        self.link = Link(Wire(theirs))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def all_of(self, kind: type) -> list[Any]:
        return [message for message in list(self.heard) if isinstance(message, kind)]

    @property
    def saves(self) -> list[Save]:
        return self.all_of(Save)

    @property
    def newest(self) -> tuple[bytes | None, int]:
        return (self.saves[-1].data, self.saves[-1].n) if self.saves else (None, 0)

    @property
    def progress(self) -> list[tuple[float | None, float | None, str | None]]:
        return [(said.done, said.total, said.message) for said in self.all_of(Progressed)]

    @property
    def logged(self) -> list[Logged]:
        return self.all_of(Logged)

    @property
    def stopping(self) -> list[str]:
        return [said.how for said in self.all_of(Stopping)]

    def say(self, message: Any) -> None:
        self._ours.sendall(frame(encode(message)))

    def wait_for(self, kind: type, count: int = 1) -> list[Any]:
        until(lambda: len(self.all_of(kind)) >= count, what=f"{count} of {kind.__name__}")
        return self.all_of(kind)

    def close(self) -> None:
        """End the attempt's side of the line, and hear it to its end."""
        self.link.close()
        self.hang_up()

    def go_away_after(self, saves: int) -> None:
        """Be gone, as a worker that is killed, when so many saves were heard."""
        self._last_save = saves

    def hang_up(self) -> None:
        """Cut the line as a killed process does; what was said before is heard."""
        self.link.abandon()
        self.drain()
        self._theirs.close()
        self._ours.close()

    def drain(self) -> None:
        """Hear all that was said, and nothing after it."""
        if self._thread.is_alive():
            self._theirs.shutdown(socket.SHUT_WR)
            self._thread.join()

    def _listen(self) -> None:
        reader = FrameReader(self._ours)
        while not reader.is_ended:
            for payload in reader.read():
                message = decode_up(payload)
                self.heard.append(message)
                if isinstance(message, Save) and self.acknowledges:
                    self.say(Saved(message.n))
            if self._last_save is not None and len(self.saves) >= self._last_save:
                self._ours.shutdown(socket.SHUT_RDWR)


def start_message(
    directory: Path, saved: bytes | None = None, saved_n: int = 0, *, job: str = "a-job", attempt: int = 1
) -> Start:
    return Start(
        job=job,
        attempt=attempt,
        task="module.task",
        options=json.dumps({}).encode(),
        input=b"{}",
        saved=saved,
        saved_n=saved_n,
        directory=str(directory),
        mark="",
    )


@contextmanager
def attempt(
    saved: tuple[bytes | None, int] = (None, 0),
    *,
    acknowledges: bool = True,
    directory: Path = Path("unused"),
) -> Iterator[Peer]:
    """Run a block inside an attempt of a job that had saved so much."""
    peer = Peer(acknowledges=acknowledges)
    inside = Inside.of(start_message(directory, *saved), "ada", peer.link)
    with context.enter(inside):
        try:
            yield peer
        finally:
            peer.close()
