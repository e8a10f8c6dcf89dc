"""The records of `logging` in a job: each goes up once, with its level and its logger.

Handlers that write to the job's stdout or stderr send their text as a record instead. Where a program has
configured nothing, ours serves until it does. Everything else about logging stays as the program wants it.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from overnight.inside.context import Inside, here
from overnight.inside.messages import Logged

#: What `job.log` is.
log = logging.getLogger("overnight.job")

#: On a record that has gone up already.
_SENT = "_overnight_sent"

#: A longer text is cut, in characters: a frame must fit on the wire.
_LONGEST = 256 * 1024

_streams: list[tuple[Any, str]] = []


def install() -> None:
    """Let logging send records to the worker, in this process and those forked from it, while a job runs."""
    _streams[:] = [(sys.stdout, "stdout"), (sys.stderr, "stderr")]
    write = logging.StreamHandler.emit

    def emit(handler: Any, record: logging.LogRecord) -> None:
        stream = _stream_of(handler)
        inside = here()
        if stream is None or inside is None:  # in a fork of the job, text is all that can be said
            write(handler, record)
        else:
            _send(handler, record, inside, stream)

    logging.StreamHandler.emit = emit  # type: ignore[method-assign, assignment]
    logging.lastResort = _Sender()


def job_log() -> logging.Logger:
    """Return the logger of a job: whatever a program configured, it is heard, from INFO upward."""
    log.disabled = False  # dictConfig disables all loggers that it does not name
    if log.level == logging.NOTSET and here() is not None:
        log.setLevel(logging.INFO)
    return log


class _Sender(logging.Handler):
    """Serves where no handler is configured."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, or write it where there is nobody to send it to."""
        if (inside := here()) is not None:
            _send(self, record, inside, "log")
        else:
            sys.stderr.write(self.format(record) + "\n")


def _stream_of(handler: Any) -> str | None:
    """Return which of the job's streams a handler writes to; RichHandler keeps its own in its console."""
    target = getattr(handler, "stream", None)
    if target is None:
        target = getattr(getattr(handler, "console", None), "file", None)
    for stream, name in _streams:
        if target is stream:
            return name
    return None


def _send(handler: logging.Handler, record: logging.LogRecord, inside: Inside, stream: str) -> None:
    if hasattr(record, _SENT):
        return
    try:
        text = handler.format(record)
    except Exception:  # as every handler does: a record that cannot be formatted must not end the job
        handler.handleError(record)
        return
    setattr(record, _SENT, True)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… ({len(text) - _LONGEST} more characters)"
    inside.link.post(Logged(record.created, stream, record.levelno, record.name, text))


def _tap(record: logging.LogRecord) -> bool:
    """Send a record of `job.log`, unless a handler that sees it writes to the job's streams.

    As a filter of the logger it sees each record, and is no handler: a program without any is still one.
    """
    if (inside := here()) is not None and not _is_written(record):
        _send(_plain, record, inside, "log")
    return True


def _is_written(record: logging.LogRecord) -> bool:
    logger: logging.Logger | None = log
    while logger is not None:
        for handler in logger.handlers:
            if record.levelno >= handler.level and _stream_of(handler) is not None:
                return True
        logger = logger.parent if logger.propagate else None
    return False


_plain = _Sender()
log.addFilter(_tap)
