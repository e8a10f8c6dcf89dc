"""Sizes and durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.units import byte_count, format_duration, format_size, seconds


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", 90.0),
        ("15m", 900.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("2d", 172_800.0),
        ("1w", 604_800.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("10", 10.0),
        ("0.5", 0.5),
        (7, 7.0),
        (0, 0.0),
        (2.5, 2.5),
        (timedelta(minutes=2), 120.0),
    ],
)
def test_a_duration_is_read_as_people_write_it(written: object, meant: float) -> None:
    assert seconds(written) == meant  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "5 parsecs",
        "1h later",
        "m",
        "-5s",
        "-1",
        -1,
        -0.5,
        float("nan"),
        float("inf"),
        "inf",
        True,
    ],
)
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("512MiB", 512 << 20),
        ("4GiB", 4 << 30),
        ("4gib", 4 << 30),
        ("4 GiB", 4 << 30),
        ("1.5GB", 1_500_000_000),
        ("2k", 2048),
        ("3m", 3 << 20),
        ("1g", 1 << 30),
        ("1t", 1 << 40),
        ("100", 100),
        ("100b", 100),
        (4096, 4096),
    ],
)
def test_a_size_is_read_as_people_write_it(written: str | int, meant: int) -> None:
    assert byte_count(written) == meant


@pytest.mark.parametrize("written", ["", "big", "4 pages", "-1", "0", 0, -5, True, "1e9", "4GiB4"])
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="size"):
        byte_count(written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (300 * 1024, "300 KiB"),
        (1 << 30, "1.0 GiB"),
        (5 << 40, "5.0 TiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_a_size_is_written_for_people(count: int, written: str) -> None:
    assert format_size(count) == written


@pytest.mark.parametrize(
    ("duration", "written"),
    [
        (0.25, "0.25s"),
        (3.14159, "3.1s"),
        (42.4, "42s"),
        (59.7, "1m 00s"),
        (75, "1m 15s"),
        (9000, "2h 30m"),
        (90_000, "1d 1h"),
    ],
)
def test_a_duration_is_written_for_people(duration: float, written: str) -> None:
    assert format_duration(duration) == written


@given(st.integers(1, 10**6), st.sampled_from(["s", "m", "h", "d", "w"]))
def test_a_whole_number_of_a_unit_means_that_many_of_it(number: int, unit: str) -> None:
    assert seconds(f"{number}{unit}") == number * seconds(f"1{unit}")
