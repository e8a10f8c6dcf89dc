"""The tree of exceptions is drawn at the head of its file, and says its cures."""

import inspect
import re

import pytest

from overnight import errors
from overnight.errors import (
    BadInput,
    GiveUp,
    JobCancelled,
    JobFailed,
    OvernightError,
    Retry,
    Snooze,
    SourceBroken,
    Stopped,
    StoreFull,
    describe,
    hint_of,
)


def test_the_picture_at_the_head_of_the_file_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│ ├└─]*)([A-Z]\w+)(?:  |$)", line):
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            drawn[match[2]] = above[depth - 1] if depth else "OvernightError"
    tree = {
        name: kind.__bases__[0].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, OvernightError) and kind is not OvernightError
    }
    assert {name: parent for name, parent in drawn.items() if name != "OvernightError"} == tree


def test_an_error_says_what_happened_and_what_to_do_about_it() -> None:
    error = StoreFull("the disk is full", hint="make room")
    assert str(error) == "the disk is full\nhint: make room"
    assert (error.message, error.hint, hint_of(error)) == ("the disk is full", "make room", "make room")
    assert str(StoreFull("the disk is full")) == "the disk is full"
    assert hint_of(ValueError("x")) is None


def test_errors_are_caught_by_the_names_that_python_has_for_them() -> None:
    assert issubclass(BadInput, ValueError)
    assert issubclass(errors.NotFound, LookupError)
    assert issubclass(errors.SaveRefused, TypeError)
    assert BadInput("no", field="folder").field == "folder"
    assert SourceBroken("no", traceback="Traceback …").traceback == "Traceback …"


def test_a_failed_job_brings_the_traceback_of_its_task() -> None:
    error = JobFailed("no such file", job_id="j1", kind="Failed", type="OSError", traceback="Traceback …")
    assert str(error) == "no such file\n\nTraceback …"
    assert (error.job_id, error.kind, error.type) == ("j1", "Failed", "OSError")
    assert issubclass(JobCancelled, JobFailed)
    assert str(JobFailed("killed", job_id="j1", kind="Crashed")) == "killed"


def test_what_a_task_raises_to_steer_its_job_is_no_error_of_ours() -> None:
    for kind in (Retry, Snooze, GiveUp):
        assert issubclass(kind, Exception)
        assert not issubclass(kind, OvernightError)
    assert (Retry(after="30s").after, Retry().after, Snooze("10m").wait) == (30.0, None, 600.0)
    with pytest.raises(ValueError, match="duration"):
        Snooze("later")


def test_a_stop_is_not_eaten_by_except_exception() -> None:
    assert not issubclass(Stopped, Exception)
    assert Stopped("cancel").why == "cancel"
    assert "cancel" in str(Stopped("cancel"))


def test_an_exception_whose_words_fail_is_described_by_its_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert describe(Mute()) == "<Mute whose str() raised RuntimeError>"
    assert describe(ValueError("bad")) == "bad"
    assert describe(KeyError()) == "KeyError"
