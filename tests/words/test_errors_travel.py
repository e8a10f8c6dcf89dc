"""Errors go through process pools whole: what they know arrives on the other side."""

from __future__ import annotations

import pickle

import pytest

from overnight.errors import BadInput, JobCancelled, JobFailed, NotFound, OvernightError, SourceBroken


@pytest.mark.parametrize(
    "error",
    [
        NotFound("there is no job", hint="look again"),
        BadInput("argument a is missing", field="a", hint="give it"),
        SourceBroken("it fails", traceback="Traceback...", hint="mend it"),
        JobFailed("it failed", job_id="1", kind="Failed", type="ValueError", traceback="Traceback..."),
        JobCancelled("it was cancelled", job_id="1", kind="Cancelled"),
    ],
)
def test_an_error_is_the_same_after_pickling(error: OvernightError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
