"""How far along: fraction, time left, and a rate that is measured and not guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.progress import WINDOW, Meter, Progress


@pytest.mark.parametrize(
    ("done", "total", "fraction"),
    [
        (0, 10, 0.0),
        (812, 1640, 812 / 1640),
        (12, 10, 1.0),
        (-1, 10, 0.0),
        (0, 0, 1.0),
        (5, None, None),
        (None, 10, None),
        (None, None, None),
    ],
)
def test_the_fraction_is_known_where_the_total_is(
    done: float | None, total: float | None, fraction: float | None
) -> None:
    assert Progress(done=done, total=total).fraction == fraction


def test_the_time_left_follows_from_the_rate() -> None:
    assert Progress(done=40, total=100, rate=12.0).eta == 5.0
    assert Progress(done=120, total=100, rate=12.0).eta == 0.0
    assert Progress(done=40, total=100).eta is None
    assert Progress(done=40, total=100, rate=0.0).eta is None
    assert Progress(done=40, rate=12.0).eta is None


def test_its_json_has_every_field_always() -> None:
    assert Progress(done=1, total=2, message="half", rate=0.5, basis="last 30s").to_json() == {
        "done": 1,
        "total": 2,
        "fraction": 0.5,
        "message": "half",
        "rate": 0.5,
        "eta": 2.0,
        "basis": "last 30s",
    }
    assert set(Progress().to_json().values()) == {None}


def measured(*samples: tuple[float, float]) -> Meter:
    meter = Meter()
    for at, done in samples:
        meter.note(done, at=at)
    return meter


def test_a_rate_is_measured_over_what_was_seen() -> None:
    rate, basis = measured((0, 0), (5, 10), (10, 20)).rate()
    assert (rate, basis) == (2.0, "last 10s")


def test_one_sample_or_too_short_a_time_is_no_rate() -> None:
    assert Meter().rate() == measured((0, 5)).rate() == measured((0, 0), (0.1, 9)).rate() == (None, None)


def test_a_loop_that_goes_on_at_an_item_has_not_done_those_before_it() -> None:
    assert measured((100, 812), (110, 832)).rate()[0] == 2.0


def test_a_rate_looks_back_so_far_and_no_further() -> None:
    slow = [(at, at) for at in range(100)]
    fast = [(100 + at, 100 + 10 * at) for at in range(41)]
    rate, basis = measured(*slow, *fast).rate()
    assert rate == 10.0
    assert basis == f"last {WINDOW:.0f}s"


def test_a_count_that_goes_down_begins_anew() -> None:
    assert measured((0, 0), (10, 1000), (11, 0), (21, 50)).rate()[0] == 5.0


def test_however_often_progress_is_noted_little_is_kept_and_the_rate_is_the_same() -> None:
    meter = measured(*((at / 1000, at / 100) for at in range(60_000)))
    assert len(meter._samples) < 100
    assert meter.rate()[0] == pytest.approx(10.0, rel=0.01)


@given(st.lists(st.tuples(st.floats(0.001, 10), st.floats(0, 100)), min_size=1, max_size=200))
def test_a_rate_of_work_that_goes_forward_is_never_negative(moves: list[tuple[float, float]]) -> None:
    meter, at, done = Meter(), 0.0, 0.0
    for time, more in moves:
        at, done = at + time, done + more
        meter.note(done, at=at)
        rate, basis = meter.rate()
        assert (rate is None) == (basis is None)
        assert rate is None or rate >= 0
