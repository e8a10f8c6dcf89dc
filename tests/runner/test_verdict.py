"""Everything that can be seen of an attempt has one name."""

from __future__ import annotations

import signal

import msgspec
import pytest

from overnight.inside.messages import Raised, Returned
from overnight.options import Options
from overnight.outcome import (
    Cancelled,
    Crashed,
    Failed,
    Interrupted,
    Lost,
    OutOfMemory,
    Snoozed,
    Succeeded,
    TimedOut,
    name_of,
)
from overnight.runner.verdict import Seen, verdict

RAISED = Raised(type="ValueError", message="no", traceback="Traceback...")
DEAF = Returned(b"1", takes_signals=True)
BY_STOP = Raised(type="Stopped", message="", traceback="", stopped="cancel", retried=False)


def seen(**what: object) -> Seen:
    return Seen(options=Options(), **what)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"last": Returned(b"1")}, Succeeded),
        # A result that was returned wins over a cancel that came later ...
        ({"last": Returned(b"1"), "stop": "cancel", "stopped_by": "terminated"}, Succeeded),
        # ... but not one that was returned after the stop had been raised in the function.
        ({"last": Returned(b"1", "cancel"), "stop": "cancel", "stopped_by": "asked"}, Cancelled),
        ({"last": Returned(b"1", "timeout"), "stop": "timeout", "stopped_by": "terminated"}, TimedOut),
        ({"last": Returned(b"1", "handover"), "stop": "handover", "stopped_by": "asked"}, Succeeded),
        # A function that handles SIGTERM itself has heard it, though it did not tell.
        ({"last": DEAF, "stop": "cancel", "stopped_by": "terminated"}, Cancelled),
        ({"last": DEAF, "stop": "timeout", "stopped_by": "terminated"}, TimedOut),
        ({"last": DEAF, "stop": "cancel"}, Succeeded),
        ({"last": DEAF, "stop": "handover", "stopped_by": "terminated"}, Succeeded),
        ({"last": DEAF}, Succeeded),
        # An unannounced SIGTERM that the function outran.
        ({"last": Returned(b"1", "terminated")}, Succeeded),
        ({"last": RAISED}, Failed),
        ({"last": BY_STOP, "stop": "cancel", "stopped_by": "asked"}, Cancelled),
        ({"last": BY_STOP, "stop": "timeout"}, TimedOut),
        ({"last": BY_STOP, "stop": "deadline"}, TimedOut),
        ({"last": BY_STOP, "stop": "memory"}, OutOfMemory),
        ({"last": BY_STOP, "stop": "handover"}, Interrupted),
        ({"last": BY_STOP}, Interrupted),
        ({"last": msgspec.structs.replace(RAISED, snooze=5.0)}, Snoozed),
        ({"last": msgspec.structs.replace(RAISED, memory=True)}, OutOfMemory),
        ({"code": -signal.SIGKILL}, Crashed),
        ({"code": -signal.SIGSEGV}, Crashed),
        ({"code": 0}, Crashed),
        ({"code": 3}, Crashed),
        ({"code": None}, Crashed),
        ({"code": -9, "stop": "cancel", "stopped_by": "killed"}, Cancelled),
        ({"code": -9, "stop": "timeout", "stopped_by": "killed"}, TimedOut),
        ({"code": -9, "guard_killed": True}, Lost),
        ({"code": -9, "zygote_died": True}, Interrupted),
        ({"code": -9, "nonsense": "a frame of 4 GiB"}, Crashed),
        # A complete result that a dying process left behind still counts.
        ({"code": -9, "last": Returned(b"1"), "zygote_died": True}, Succeeded),
    ],
)
def test_what_was_seen_has_a_name(what: dict[str, object], expected: type) -> None:
    assert name_of(verdict(seen(**what))) == expected.__name__


def test_a_process_that_was_never_ready_has_started_nothing() -> None:
    expected = Interrupted("killed", announced=False, was_started=False)
    assert verdict(seen(code=1, was_ready=False)) == expected
    assert verdict(seen(code=-9, was_ready=False, zygote_died=True)) == expected
    handed_over = seen(code=-9, was_ready=False, stop="handover", stopped_by="killed")
    assert verdict(handed_over) == Interrupted("killed", was_started=False)


def test_an_interruption_says_whether_the_worker_announced_it() -> None:
    assert verdict(seen(last=BY_STOP, stopped_by="terminated")) == Interrupted("terminated", announced=False)
    assert verdict(seen(last=BY_STOP, stop="handover", stopped_by="asked")) == Interrupted("asked")


def test_whoever_closes_or_soils_the_line_has_crashed() -> None:
    closed = verdict(seen(code=-9, cut_off=True))
    assert isinstance(closed, Crashed)
    assert "closed its line" in closed.error.message
    soiled = verdict(seen(code=-9, nonsense="a frame of 4 GiB"))
    assert isinstance(soiled, Crashed)
    assert "a frame of 4 GiB" in soiled.error.message


def test_memory_is_told_by_whoever_saw_more_of_it() -> None:
    last = msgspec.structs.replace(RAISED, memory=True, peak=900)
    for peak in (0, 500, 1000):
        told = verdict(Seen(options=Options(memory=1000), last=last, peak=peak))
        assert isinstance(told, OutOfMemory)
        assert told.error.detail == {"peak": max(peak, 900), "limit": 1000}


def test_a_kill_near_the_limit_was_most_likely_the_kernels() -> None:
    options = Options(memory=1000)
    near = verdict(Seen(options=options, code=-9, peak=950))
    far = verdict(Seen(options=options, code=-9, peak=500))
    assert isinstance(near, OutOfMemory)
    assert near.error.detail == {"peak": 950, "limit": 1000, "certainty": "probable"}
    assert isinstance(far, Crashed)


def test_errors_say_what_happened_and_what_to_do() -> None:
    crashed = verdict(Seen(options=Options(), code=-signal.SIGSEGV))
    assert isinstance(crashed, Crashed)
    assert crashed.error.message == "process killed by SIGSEGV"
    assert crashed.error.detail == {"signal": "SIGSEGV"}
    assert crashed.error.hint is not None
    left = verdict(Seen(options=Options(), code=3))
    assert isinstance(left, Crashed)
    assert "exit code 3" in left.error.message
    late = verdict(Seen(options=Options(timeout=2, grace=3), stop="timeout", stopped_by="killed"))
    assert isinstance(late, TimedOut)
    assert "timeout of 2s; it was killed after 3s" in late.error.message
    failed = verdict(Seen(options=Options(), last=RAISED))
    assert isinstance(failed, Failed)
    assert (failed.error.type, failed.error.message, failed.error.traceback) == (
        "ValueError",
        "no",
        "Traceback...",
    )
