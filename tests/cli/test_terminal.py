"""Colours by the conventions of terminals; the text of others never steers one."""

import io
import json

import pytest
from rich.console import Console

from overnight.cli.catalogue import KnownSource
from overnight.cli.terminal import clean, clean_line, has_colours, is_live, json_text

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "on_terminal", "in_pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colours_are_where_they_are_wanted(
    env: dict[str, str], on_terminal: bool, in_pipe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert has_colours(Screen()) is on_terminal
    assert has_colours(io.StringIO()) is in_pipe


def test_a_dumb_terminal_gets_no_moving_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert is_live(Screen())
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live(Screen())


def test_json_on_a_terminal_is_the_same_json() -> None:
    value = {"text": "größe \x9b2J \x7f", "half": "\ud800"}
    text = json_text(value)
    assert "\x9b" not in text
    assert json.loads(text) == value
    text.encode()


def drawn(known: KnownSource, *, with_plain: bool = False) -> str:
    screen = Console(file=io.StringIO(), width=200)
    with screen.capture() as captured:
        screen.print(known.draw(with_plain=with_plain))
    return captured.get()


def test_a_source_says_what_stands_in_its_way() -> None:
    broken = drawn(KnownSource(key="/x/talks.py", broken="Traceback\nValueError: \x1b[2Jno"))
    assert "cannot be imported" in broken
    assert "ValueError: no" in broken
    fresh = drawn(KnownSource(key="/x/talks.py", fresh="importing it starts threads", workers=2))
    assert "/x/talks.py · 2 workers" in fresh
    assert "a fresh interpreter for each attempt: importing it starts threads" in fresh
    assert "no tasks" in drawn(KnownSource(key="/x/talks.py"))


def test_plain_functions_are_shown_where_nothing_is_declared_or_all_is_wanted() -> None:
    declared = {"schema": SCHEMA, "doc": "Do it.\n\nAt length.", "is_declared": True}
    plain = {"schema": SCHEMA, "doc": "", "is_declared": False}
    both = KnownSource(key="/x/a.py", tasks={"a.task": declared, "a.plain": plain})
    assert "a.task  --x INTEGER" in drawn(both)
    assert "Do it." in drawn(both)
    assert "At length" not in drawn(both)
    assert "a.plain" not in drawn(both)
    assert "a.plain" in drawn(both, with_plain=True)
    assert "a.plain" in drawn(KnownSource(key="/x/a.py", tasks={"a.plain": plain}))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;no end", ""),
        ("\x9b31mred", "red"),
        ("\x1bPdevice\x1b\\x", "x"),
        ("\x1b(Bx", "x"),
        ("bell\x07 back\x08 nul\x00", "bell back nul"),
        ("right\u202eleft", "rightleft"),
        ("half \ud800", "half ?"),
        ("größe → 5", "größe → 5"),
    ],
)
def test_nothing_is_left_that_steers_a_terminal(text: str, left: str) -> None:
    assert clean(text) == left


def test_of_a_line_that_was_drawn_over_the_last_is_left() -> None:
    assert clean_line("10%\r20%\r30%") == "30%"
    assert clean_line("30%\r") == "30%"
    assert clean_line("words\r\n".rstrip("\n")) == "words"
