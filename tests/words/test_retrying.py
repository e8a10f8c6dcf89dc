"""When a failed attempt is worth another, and how long to wait for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.retrying import ANY_EXCEPTION, NEVER_RETRIED, Backoff, class_name, is_retried


class TalksError(Exception):
    pass


class TooLongError(TalksError, TypeError):
    pass


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first=10.0, longest=100.0)
    waits = [backoff.wait_after(failures, jitter=0.5) for failures in range(1, 7)]
    assert waits == [10, 20, 40, 80, 100, 100]


def test_jitter_spreads_a_wait_by_a_quarter_either_way() -> None:
    backoff = Backoff(first=100.0)
    assert backoff.wait_after(1, jitter=0.0) == 75
    assert backoff.wait_after(1, jitter=0.999_999) == pytest.approx(125, abs=0.01)


@given(
    st.integers(1, 10**9),
    st.floats(0, 0.999_999),
    st.floats(0, 10**6),
    st.floats(0, 10**6),
)
def test_a_wait_is_never_negative_and_never_much_longer_than_the_longest(
    failures: int, jitter: float, first: float, longest: float
) -> None:
    backoff = Backoff(first, longest)
    assert 0 <= backoff.wait_after(failures, jitter=jitter) <= longest * 1.25
    assert backoff.wait_after_crash(failures, jitter=jitter) >= 0


def test_after_a_crash_another_attempt_comes_at_once_then_soon_then_as_after_failures() -> None:
    backoff = Backoff(first=60.0, longest=120.0)
    waits = [backoff.wait_after_crash(crashes, jitter=0.5) for crashes in range(1, 7)]
    assert waits == [0, 1, 10, 60, 120, 120]


@pytest.mark.parametrize("kind", [OSError, ValueError, TalksError, json.JSONDecodeError, KeyError])
def test_what_the_world_does_wrong_is_tried_again(kind: type[Exception]) -> None:
    assert is_retried(kind, ANY_EXCEPTION)


@pytest.mark.parametrize("kind", [*NEVER_RETRIED, ModuleNotFoundError, UnboundLocalError, TooLongError])
def test_what_the_program_does_wrong_is_not(kind: type[BaseException]) -> None:
    assert not is_retried(kind, ANY_EXCEPTION)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, BaseException])
def test_what_is_no_exception_of_a_function_is_not(kind: type[BaseException]) -> None:
    assert not is_retried(kind, ANY_EXCEPTION)


def test_what_is_named_is_tried_again_and_nothing_else() -> None:
    named = (class_name(OSError), class_name(TypeError))
    assert is_retried(FileNotFoundError, named)
    assert is_retried(TypeError, named)
    assert not is_retried(ValueError, named)
    assert not is_retried(ImportError, named)


def test_the_nearest_class_that_is_named_or_never_retried_decides() -> None:
    assert is_retried(TooLongError, (class_name(TalksError),))
    assert not is_retried(TooLongError, (class_name(Exception),))
