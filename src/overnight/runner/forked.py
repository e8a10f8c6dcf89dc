"""A forked process, as its worker sees it: what goes down to it, and how it ends."""

from __future__ import annotations

import asyncio
import os
import socket

from overnight.inside.messages import Down, encode
from overnight.runner.frames import frame

#: As much as is read of what a child has printed that never got work, in bytes.
_CRY = 4096


class Child:
    """A forked process, as its worker sees it.

    Attributes:
        pid: its process; 0 until the zygote has told.
        wire, out, err: our ends of its socket and of its output pipes.
        code: how it ended (exit code, or minus the signal), None while it lives.
        cpu_seconds: processor time, known when it has ended.
        zygote_died: it ended together with its zygote.
    """

    def __init__(self, wire: socket.socket, out: int, err: int) -> None:
        self.wire = wire
        self.out = out
        self.err = err
        self.pid = 0
        self.code: int | None = None
        self.cpu_seconds = 0.0
        self.zygote_died = False
        os.set_blocking(err, False)
        self.born = asyncio.Event()
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._descriptor = wire.fileno()
        self._outgoing = bytearray()

    def send(self, message: Down) -> None:
        """Send a message down, as fast as the child takes it; a start may carry 64 MiB."""
        if not self.ended.is_set():
            self._outgoing += frame(encode(message))
            self._send_some()

    def _send_some(self) -> None:
        try:
            sent = self.wire.send(self._outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:  # it is gone: its ending tells the story
            sent = len(self._outgoing)
        del self._outgoing[:sent]
        if self._outgoing:
            self._loop.add_writer(self._descriptor, self._send_some)
        else:
            self._loop.remove_writer(self._descriptor)

    def end(self, code: int | None, cpu_seconds: float = 0.0) -> None:
        """Note that the process has ended."""
        self.code = code
        self.cpu_seconds = cpu_seconds
        self.born.set()
        self.ended.set()

    def cry(self) -> str:
        """Return what a child that got no work has printed."""
        try:
            return os.read(self.err, _CRY).decode(errors="replace").strip() or "it said nothing"
        except BlockingIOError:
            return "it said nothing"

    def close(self) -> None:
        """Close our ends."""
        self._loop.remove_writer(self._descriptor)
        self.wire.close()
        os.close(self.out)
        os.close(self.err)
