"""Frames: how messages travel between processes. Four bytes of length, then msgpack.

A socket that carries frames may carry descriptors beside them. The kernel never merges what two sends
brought descriptors with, so they come in the order of their frames.
"""

from __future__ import annotations

import array
import select
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any

from overnight.inside.messages import decode_down, encode

#: The longest frame: saved state of 64 MiB and a little around it.
LONGEST = 65 * 1024 * 1024

_LENGTH = struct.Struct("<I")
_CHUNK = 262144
_DESCRIPTORS_AT_ONCE = 3


class NoFrame(Exception):
    """What came is no frame: the other side is not one of ours, or has lost its mind.

    `before` are the payloads that came ahead of it.
    """

    def __init__(self, message: str, before: list[bytes]) -> None:
        super().__init__(message)
        self.before = before


def frame(payload: bytes) -> bytes:
    """Return a payload with its length in front."""
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts what comes from a socket into payloads."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._buffer = bytearray()
        self.descriptors: deque[list[int]] = deque()
        self.is_ended = False

    @property
    def is_cut(self) -> bool:
        """Whether the other side has closed in the middle of a frame."""
        return self.is_ended and bool(self._buffer)

    def read(self) -> list[bytes]:
        """Return the payloads that are complete; `is_ended` is set when the other side has closed.

        Reads once, so a blocking socket blocks once.

        Raises:
            NoFrame: a length is out of bounds.
        """
        try:
            data = self._wire.recv(_CHUNK)
        except BlockingIOError:
            return []
        except ConnectionError:  # the other side died with something unread: the same as an end
            data = b""
        return self._take(data)

    def read_with_descriptors(self) -> list[bytes]:
        """Return the payloads that are complete, and keep the descriptors that came with them."""
        room = socket.CMSG_SPACE(_DESCRIPTORS_AT_ONCE * array.array("i").itemsize)
        data, ancillary, _, _ = self._wire.recvmsg(_CHUNK, room)
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
                self.descriptors.append(list(numbers))
        return self._take(data)

    def _take(self, data: bytes) -> list[bytes]:
        if not data:
            self.is_ended = True
            return []
        buffer = self._buffer
        buffer += data
        payloads: list[bytes] = []
        at = 0
        while len(buffer) - at >= 4:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if length > LONGEST:
                raise NoFrame(f"a frame of {length} bytes", payloads)
            if len(buffer) - at - 4 < length:
                break
            payloads.append(bytes(buffer[at + 4 : at + 4 + length]))
            at += 4 + length
        del buffer[:at]
        return payloads


def send_with_descriptors(wire: socket.socket, payloads: Sequence[bytes], descriptors: Sequence[int]) -> None:
    """Send short frames at once, with the descriptors of the last one beside them."""
    data = b"".join(map(frame, payloads))
    if descriptors:
        socket.send_fds(wire, [data], list(descriptors))
    else:
        wire.sendall(data)


class Wire:
    """The child's end of its socket: the transport under its link."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._reader = FrameReader(wire)

    def fileno(self) -> int | None:
        """Return the socket's descriptor."""
        return self._wire.fileno()

    def has_come(self) -> bool:
        """Whether something waits to be read."""
        readable, _, _ = select.select([self._wire], [], [], 0)
        return bool(readable)

    def send(self, message: Any) -> None:
        """Send a message up; waits while the worker is slower than we are."""
        self._wire.sendall(frame(encode(message)))

    def receive(self) -> list[Any] | None:
        """Wait for a whole message, and return all that have come, or None when the worker is gone."""
        payloads = self._reader.read()
        while not payloads and not self._reader.is_ended:
            payloads = self._reader.read()  # a start may carry 64 MiB of saved state, in many pieces
        if not payloads:
            return None
        return [decode_down(payload) for payload in payloads]
