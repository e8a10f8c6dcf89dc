"""What a running function and its worker say to each other.

On a worker they travel as frames between two processes; inline they are calls within one. Unknown or
misshapen messages do not decode, so a function that writes into our socket is caught, not obeyed.
"""

from __future__ import annotations

from typing import Any

import msgspec


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True, tag_field="says"):
    """A message: a short array that begins with its own name."""


# -- from the function up ----------------------------------------------------------------------------


class Ready(_Message, frozen=True):
    """A process forked ahead waits for work."""


class Progressed(_Message, frozen=True):
    """How far along the function says it is; the newest wins."""

    done: float | None
    total: float | None
    message: str | None


class Logged(_Message, frozen=True):
    """A record of `logging`, or text that a handler wrote to one of the job's streams.

    `at` is wall time in seconds; `level` is logging's number.
    """

    at: float
    stream: str
    level: int
    logger: str
    text: str


class Save(_Message, frozen=True):
    """The saved state, number `n` of this job, complete."""

    n: int
    data: bytes


class Stopping(_Message, frozen=True):
    """The function has been told to stop and is unwinding; `how` is "asked" or "terminated"."""

    how: str


class Returned(_Message, frozen=True):
    """The function returned; `data` is its result as JSON.

    `stopped` names the stop that had been raised in it before, if it swallowed one. With `takes_signals` it
    has a handler for SIGTERM of its own, so it may have taken one without our noticing.
    """

    data: bytes
    stopped: str | None = None
    takes_signals: bool = False


class Raised(_Message, frozen=True):
    """The function raised.

    Attributes:
        retried: whether another attempt is worth it, by the task's `retry_on`.
        after: seconds until another attempt, where the task said so itself.
        snooze: seconds until the next start, where the task asked for that and did not fail.
        memory: it ran out of memory; `peak`, the most that its process had, in bytes.
        stopped: the exception is our own stop, and this is its reason.
        takes_signals: as in `Returned`.
    """

    type: str
    message: str
    traceback: str
    hint: str | None = None
    retried: bool = True
    after: float | None = None
    snooze: float | None = None
    memory: bool = False
    peak: int = 0
    stopped: str | None = None
    takes_signals: bool = False


# -- from the worker down ----------------------------------------------------------------------------


class Start(_Message, frozen=True):
    """Run this attempt.

    `input` is JSON, `saved` the saved state that an earlier attempt left and `saved_n` its number;
    `options` are those of the job, as JSON.
    """

    job: str
    attempt: int
    task: str
    options: bytes
    input: bytes
    saved: bytes | None
    saved_n: int
    directory: str
    mark: str


class Stop(_Message, frozen=True):
    """End the attempt; `why` is cancel, timeout, deadline, memory or handover."""

    why: str


class Saved(_Message, frozen=True):
    """Saved state number `n` is durable."""

    n: int


Up = Ready | Progressed | Logged | Save | Stopping | Returned | Raised
Down = Start | Stop | Saved

_encoder = msgspec.msgpack.Encoder()
_up = msgspec.msgpack.Decoder(Up)
_down = msgspec.msgpack.Decoder(Down)


def encode(message: Up | Down) -> bytes:
    """Write a message as msgpack."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        texts = {
            name: speakable(value)
            for name in message.__struct_fields__
            if isinstance(value := getattr(message, name), str)
        }
        return _encoder.encode(msgspec.structs.replace(message, **texts))


def speakable(text: str) -> str:
    """Return text that can be sent: lone surrogates are legal in a str and in no encoding."""
    return text.encode("utf-8", "backslashreplace").decode()


def decode_up(data: bytes | memoryview) -> Any:
    """Read a message from the function.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _up.decode(data)


def decode_down(data: bytes | memoryview) -> Any:
    """Read a message from the worker.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _down.decode(data)
