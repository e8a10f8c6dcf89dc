"""What a job's processes print: bytes from pipes become lines with their time."""

from __future__ import annotations

import os

from overnight.store.logs import Line

#: A line longer than this is cut; the rest is a line of its own.
LONGEST_LINE = 65536

_CHUNK = 262144


class Stream:
    """One of the job's output streams, read as it comes."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor
        self.is_ended = False
        self._partial = b""
        self._partial_at = 0.0
        os.set_blocking(descriptor, False)

    def read(self, *, at: float) -> list[Line]:
        """Return the lines that are complete now; `at` is wall time in seconds."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return []
        if not data:
            self.is_ended = True
            return self.rest(at=at)
        *whole, partial = (self._partial + data).split(b"\n")
        lines = [self._line(piece, at) for text in whole for piece in _cut(text)]
        while len(partial) > LONGEST_LINE:
            lines.append(self._line(partial[:LONGEST_LINE], at))
            partial = partial[LONGEST_LINE:]
        self._partial = partial
        return lines

    def rest(self, *, at: float) -> list[Line]:
        """Return what was printed without a newline at its end."""
        partial, self._partial = self._partial, b""
        return [self._line(partial, at)] if partial else []

    def close(self) -> None:
        """Close the pipe: whoever still prints there gets an error."""
        os.close(self.descriptor)

    def _line(self, text: bytes, at: float) -> Line:
        return Line(at=at, stream=self.name, text=text.decode("utf-8", "replace"))


def _cut(text: bytes) -> list[bytes]:
    if len(text) <= LONGEST_LINE:
        return [text]
    return [text[start : start + LONGEST_LINE] for start in range(0, len(text), LONGEST_LINE)]
