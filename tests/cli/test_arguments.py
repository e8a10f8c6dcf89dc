"""The options of a task on the command line are those of its signature."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from overnight.cli.arguments import Arguments
from overnight.codec import Signature
from overnight.errors import BadInput, Refused


@dataclass
class Limits:
    low: int = 1
    high: int = 9


@dataclass
class Server:
    host: str
    port: int = 80
    limits: Limits = field(default_factory=Limits)


def arguments_of(function: Callable[..., Any]) -> Arguments:
    return Arguments(Signature(function, function.__name__).schema)


def read(function: Callable[..., Any], line: str = "", **under: Any) -> dict[str, Any]:
    return arguments_of(function).read(line.split(), program="overnight run x.py:f", under=under)


def talks(folder: Path, max_size: int = 5, keep: bool = False, *names: str, n: int = 0) -> None:
    """Write texts.

    Args:
        folder: Where the recordings are.
        max_size: The longest, in minutes.
    """


def served(server: Server = Server("localhost")) -> None: ...  # noqa: B008


def test_every_argument_is_an_option_of_its_name() -> None:
    assert read(talks, "--folder a/b --max-size 7") == {"folder": "a/b", "max_size": 7}
    assert read(talks, "--max_size=7") == {"max_size": 7}
    assert read(talks, "--n -3 -n4") == {"n": 4}


def test_nothing_is_filled_in_that_was_not_given() -> None:
    assert read(talks) == {}


def test_a_truth_value_is_a_flag_and_may_be_written_out() -> None:
    assert read(talks, "--keep") == {"keep": True}
    assert read(talks, "--no-keep") == {"keep": False}
    assert read(talks, "--keep false --folder x") == {"keep": False, "folder": "x"}
    assert read(talks, "--keep --folder x") == {"keep": True, "folder": "x"}
    assert read(talks, "--keep=yes") == {"keep": True}


def test_arguments_without_names_are_a_list() -> None:
    assert read(talks, "--names a --names b") == {"names": ["a", "b"]}


def test_a_field_of_a_record_is_changed_and_the_others_stay() -> None:
    assert read(served, "--server.port 81") == {
        "server": {"host": "localhost", "port": 81, "limits": {"low": 1, "high": 9}}
    }
    assert read(served, "--server.limits.high 10")["server"]["limits"] == {"low": 1, "high": 10}


def test_a_record_given_whole_is_taken_as_it_is() -> None:
    assert read(served, '--server {"host":"h"} --server.port 81') == {"server": {"host": "h", "port": 81}}


def test_options_win_over_the_values_under_them_field_by_field() -> None:
    under = {"server": {"host": "h", "port": 82}}
    assert read(served, "--server.port 81", **under) == {"server": {"host": "h", "port": 81}}
    assert under == {"server": {"host": "h", "port": 82}}
    assert read(talks, "--max-size 7", folder="x", max_size=1) == {"folder": "x", "max_size": 7}


def test_an_unknown_option_names_the_one_that_was_meant() -> None:
    with pytest.raises(click.NoSuchOption) as refused:
        read(talks, "--foldr x")
    assert refused.value.option_name == "--foldr"
    assert refused.value.possibilities == ["--folder"]


def test_a_value_that_stands_alone_is_refused_with_the_names() -> None:
    with pytest.raises(Refused) as refused:
        read(talks, "recordings")
    assert "--folder PATH" in str(refused.value.hint)


def test_an_option_without_its_value_is_refused() -> None:
    with pytest.raises(click.UsageError, match="--folder"):
        read(talks, "--folder")


def test_json_that_is_none_names_its_option() -> None:
    with pytest.raises(BadInput, match="--server") as refused:
        read(served, "--server {")
    assert refused.value.field == "server"


def test_a_missing_argument_is_named_as_its_option() -> None:
    with pytest.raises(BadInput, match="--folder is missing") as refused:
        arguments_of(talks).demand({"max_size": 1}, program="overnight run x.py:talks")
    assert refused.value.field == "folder"
    assert "overnight run x.py:talks --help" in str(refused.value.hint)
    arguments_of(talks).demand({"folder": "x"}, program="")


def test_help_shows_types_defaults_and_the_words_of_the_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as left:
        read(talks, "--help")
    assert left.value.exit_code == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "Usage: overnight run x.py:f [OPTIONS]" in lines
    assert "Write texts." in lines
    assert "--folder PATH Where the recordings are. [required]" in lines
    assert "--max-size INTEGER The longest, in minutes. [default: 5]" in lines
    assert "--keep / --no-keep [default: false]" in lines
    assert "--names TEXT [repeatable]" in lines


def test_arguments_of_any_name_win_over_options_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    def odd(
        help: str = "",  # noqa: A002 - the point of it
        h: int = 0,
        json: str = "",
        _hidden: int = 0,
        no_x: int = 0,
        x: bool = False,
    ) -> None: ...

    assert read(odd, "--help me -h 3 --json text --_hidden 4") == {
        "help": "me",
        "h": 3,
        "json": "text",
        "_hidden": 4,
    }
    assert read(odd, "--no-x 5 --x false") == {"no_x": 5, "x": False}


def test_a_task_without_arguments_takes_none() -> None:
    def bare() -> None: ...

    assert read(bare) == {}
    with pytest.raises(Refused):
        read(bare, "7")


def test_a_line_of_usage_puts_into_brackets_what_may_be_left_out() -> None:
    assert arguments_of(talks).usage() == (
        "--folder PATH [--max-size INTEGER] [--keep] [--names TEXT ...] [--n INTEGER]"
    )
