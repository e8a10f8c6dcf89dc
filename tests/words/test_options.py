"""Options: checked one by one, merged in order, kept with the job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from overnight.errors import BadOption
from overnight.options import CALL_OPTIONS, FOREIGN, TASK_OPTIONS, Options, merge
from overnight.retrying import Backoff


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("attempts", 3, 3),
        ("timeout", "15m", 900.0),
        ("timeout", None, None),
        ("expires", timedelta(hours=1), 3600.0),
        ("deadline", 60, 60.0),
        ("grace", "0s", 0.0),
        ("memory", "4GiB", 4 << 30),
        ("memory", None, None),
        ("cpus", 4, 4),
        ("backoff", "30s", Backoff(30.0, 3600.0)),
        ("backoff", "2h", Backoff(7200.0, 7200.0)),
        ("backoff", ("1s", "1m"), Backoff(1.0, 60.0)),
        ("backoff", Backoff(5.0, 6.0), Backoff(5.0, 6.0)),
        ("retry_on", OSError, ("builtins.OSError",)),
        ("retry_on", (OSError, KeyError), ("builtins.OSError", "builtins.KeyError")),
        ("tags", ["night", "gpu", "night"], ("night", "gpu")),
        ("queue", "gpu", "gpu"),
        ("owner", "ada", "ada"),
        ("priority", -5, -5),
        ("delay", "10s", 10.0),
        ("at", datetime(2027, 1, 1, tzinfo=UTC), 1_798_761_600.0),
        ("version", 2, 2),
        ("at_most_once", True, True),
    ],
)
def test_an_option_is_read_as_people_write_it(name: str, given: Any, kept: Any) -> None:
    assert getattr(merge(Options(), {name: given}), name) == kept


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("attempts", 0),
        ("attempts", True),
        ("attempts", 2.0),
        ("attempts", "3"),
        ("timeout", 0),
        ("timeout", "soon"),
        ("timeout", -1),
        ("deadline", "0s"),
        ("memory", "big"),
        ("memory", 0),
        ("cpus", 0),
        ("backoff", ("1s",)),
        ("backoff", "often"),
        ("retry_on", "OSError"),
        ("retry_on", [OSError, "KeyError"]),
        ("retry_on", 5),
        ("tags", "night"),
        ("tags", [""]),
        ("queue", ""),
        ("queue", "a\nb"),
        ("queue", "x" * 201),
        ("queue", None),
        ("priority", "high"),
        ("at", "tomorrow"),
        ("at_most_once", 1),
        ("version", 0),
    ],
)
def test_a_value_that_an_option_does_not_take_is_refused_with_its_name(name: str, given: Any) -> None:
    with pytest.raises(BadOption, match=f"option {name}="):
        merge(Options(), {name: given})


def test_an_unknown_option_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BadOption, match="no option 'quickly'") as raised:
        merge(Options(), {"quickly": True})
    assert "attempts" in (raised.value.hint or "")


@pytest.mark.parametrize("name", FOREIGN)
def test_the_names_of_other_systems_are_answered_with_ours(name: str) -> None:
    with pytest.raises(BadOption) as raised:
        merge(Options(), {name: 1})
    assert FOREIGN[name] in (raised.value.hint or "")
    assert name not in TASK_OPTIONS | CALL_OPTIONS


def test_one_start_ever_and_several_attempts_exclude_each_other() -> None:
    with pytest.raises(BadOption, match="one start"):
        merge(Options(), {"at_most_once": True, "attempts": 2})
    with pytest.raises(BadOption, match="one start"):
        merge(merge(Options(), {"at_most_once": True}), {"attempts": 2})


def test_what_was_merged_later_wins_and_the_rest_stays() -> None:
    task = merge(Options(), {"attempts": 3, "queue": "night"})
    call = merge(task, {"attempts": 5})
    assert (call.attempts, call.queue) == (5, "night")
    assert (task.attempts, task.queue) == (3, "night")


def test_every_option_that_can_be_given_is_checked_and_kept() -> None:
    from overnight import options  # noqa: PLC0415

    assert set(options._CHECKS) == (TASK_OPTIONS | CALL_OPTIONS) - {"name"}
    assert set(options._CHECKS) == set(Options.__struct_fields__)


def test_options_survive_being_kept_and_only_what_differs_is_written() -> None:
    given = merge(Options(), {"attempts": 3, "memory": "1GiB", "backoff": ("1s", "1m"), "tags": ["a"]})
    kept = msgspec.json.encode(given)
    assert msgspec.json.decode(kept, type=Options) == given
    assert msgspec.json.encode(Options()) == b"{}"
