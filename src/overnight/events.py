"""What has happened to a job: the record that timeline, checker and notifications read.

An event carries the columns of the job's life that it changed, so the life of a job is the sum of its events:
`fold(events)` equals the row, and the checker says so when it does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from overnight.jobs import LIFE, MOVES, Kind, State


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a job.

    Attributes:
        n: its number within the job, from 1 without gaps.
        attempt: the fence that was current when it happened.
        at: wall time in seconds since the epoch.
        changes: the columns of the job's life that changed, with their new values.
        detail: facts for people: the outcome's name, how an attempt was stopped, who asked.
    """

    job: str
    n: int
    attempt: int
    at: float
    kind: Kind
    changes: dict[str, Any] = {}
    detail: dict[str, Any] = {}


class IllegalHistory(Exception):
    """The events of a job do not walk the table of moves."""


#: What a job's life holds before its first event.
UNBORN: dict[str, Any] = {
    **dict.fromkeys(LIFE),
    "attempt": 0,
    "failures": 0,
    "crashes": 0,
    "interruptions": 0,
    "saved_n": 0,
}


def fold(events: Iterable[Event]) -> dict[str, Any]:
    """Return the columns of a job's life after these events.

    Raises:
        IllegalHistory: a number is missing, a move is not in the table, or the fence went back.
    """
    life = dict(UNBORN)
    for expected, event in enumerate(events, start=1):
        if event.n != expected:
            raise IllegalHistory(f"event {event.n} stands where event {expected} should")
        before = life["state"]
        fence = life["attempt"]
        life.update(event.changes)
        move = (before and State(before), State(life["state"]))
        if move not in MOVES[event.kind]:
            raise IllegalHistory(f"event {event.n} {event.kind}: no move from {before} to {life['state']}")
        rises = 1 if event.kind is Kind.CLAIMED else 0
        if life["attempt"] != fence + rises or event.attempt != life["attempt"]:
            raise IllegalHistory(
                f"event {event.n} {event.kind}: the fence went from {fence} to {event.attempt}"
            )
    return life
