"""What a worker and a zygote say to each other: load a source, fork a child, a child has ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

#: The exit code of a child that could not say its last word, since its line to the worker was closed in it.
CUT_OFF = 122


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A message: a short array that begins with its own name."""


class Fork(_Message, frozen=True):
    """Fork a child; its socket, stdout and stderr come as descriptors beside this frame."""

    ticket: int


class Bury(_Message, frozen=True):
    """Nothing of this child's group is left: its number may be given to others."""

    pid: int


class Loaded(_Message, frozen=True):
    """The source is imported.

    Attributes:
        tasks: the schema and words of each task that it declares or could run, by name.
        files: path, modification time in ns and size of each file that was imported.
        fresh: why children must be processes of their own instead of forks, or None.
        version: a hash of those files, as it is recorded with every attempt.
    """

    tasks: dict[str, dict[str, Any]]
    files: Sequence[tuple[str, int, int]]
    fresh: str | None
    version: str


class Broken(_Message, frozen=True):
    """The source fails to import; `files` are those that were read until then."""

    traceback: str
    files: Sequence[tuple[str, int, int]]


class Forked(_Message, frozen=True):
    """The child for this ticket is process `pid`."""

    ticket: int
    pid: int


class Ended(_Message, frozen=True):
    """A child has ended: `code` is its exit code, or minus the signal. It stays a zombie until `Bury`."""

    pid: int
    code: int
    cpu_seconds: float


Order = Fork | Bury
Word = Loaded | Broken | Forked | Ended

_encoder = msgspec.msgpack.Encoder()
_order = msgspec.msgpack.Decoder(Order)
_word = msgspec.msgpack.Decoder(Word)


def encode(message: Order | Word) -> bytes:
    """Write a message as msgpack."""
    return _encoder.encode(message)


def decode_order(data: bytes) -> Any:
    """Read what a worker asks of a zygote."""
    return _order.decode(data)


def decode_word(data: bytes) -> Any:
    """Read what a zygote tells its worker."""
    return _word.decode(data)
