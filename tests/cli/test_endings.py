"""Every ending has its exit code, and every error says what to do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from overnight.cli import COMMANDS, program
from overnight.cli.endings import Exit, Terminated, code_of, complain
from overnight.errors import (
    BadInput,
    BadTask,
    Conflict,
    JobCancelled,
    JobFailed,
    NotFound,
    OvernightError,
    SourceBroken,
    StoreFull,
)
from tests.cli.commands import Commands

FAILED = JobFailed("it failed", job_id="1", kind="Failed", traceback="Traceback …")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OvernightError("x"), 1),
        (StoreFull("x"), 1),
        (RuntimeError("x"), 1),
        (click.UsageError("x"), 2),
        (BadInput("x"), 2),
        (BadTask("x"), 2),
        (SourceBroken("x"), 2),
        (FAILED, 3),
        (NotFound("x"), 5),
        (Conflict("x"), 6),
        (JobCancelled("x", job_id="1", kind="Cancelled"), 8),
        (TimeoutError("x"), 124),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_an_error_is_said_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert complain(BadInput("x is missing", hint="give it")) == Exit.USAGE
    assert capsys.readouterr() == ("", "error: x is missing\nhint: give it\n")


def test_the_traceback_of_others_stands_before_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    complain(SourceBroken("talks.py cannot be imported", traceback="Traceback: of its author\n"))
    assert capsys.readouterr().err == "Traceback: of its author\nerror: talks.py cannot be imported\n"


def test_for_programs_an_error_is_a_problem_object(capsys: pytest.CaptureFixture[str]) -> None:
    complain(BadInput("x is missing", field="x", hint="give it"), as_json=True)
    assert json.loads(capsys.readouterr().err) == {
        "type": "bad-input",
        "title": "The arguments do not fit the task's signature; `field` names the first that does not",
        "detail": "x is missing",
        "hint": "give it",
        "field": "x",
    }
    complain(FAILED, as_json=True)
    problem = json.loads(capsys.readouterr().err)
    assert (problem["type"], problem["traceback"]) == ("job-failed", "Traceback …")


def test_a_defect_of_ours_is_one_line_and_asks_to_be_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("odd")
    assert complain(caught.value) == Exit.ERROR
    said = capsys.readouterr().err
    assert said.startswith("error: unexpected RuntimeError: odd\nhint: ")
    assert "Traceback" not in said
    monkeypatch.setenv("OVERNIGHT_DEBUG", "1")
    complain(caught.value)
    assert 'raise RuntimeError("odd")' in capsys.readouterr().err


def test_what_an_error_quotes_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain(BadInput("given: \x1b[2J"))
    assert "\x1b" not in capsys.readouterr().err


# -- the program -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rnu"], "did you mean run?"),
        (["frobnicate"], "the commands are run, worker,"),
        (["talks.py:transcribe"], "to run a task: overnight run talks.py:transcribe"),
        (["--hom", "x"], "did you mean --home?"),
        (["ls", "--stat", "failed"], "did you mean --state or --task?"),
        (["ls", "--state", "asleep"], "overnight ls --help"),
        (["show"], "overnight show --help"),
    ],
)
def test_a_slip_of_the_hand_is_answered_with_what_was_meant(
    words: list[str], hint: str, tmp_path: Path
) -> None:
    said = Commands(tmp_path)(*words)
    assert said.code == 2
    assert hint in said.err


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    listed = {name: entry.line for section in COMMANDS.values() for name, entry in section.items()}
    with click.Context(program) as ctx:
        own = {name: program.get_command(ctx, name) for name in program.list_commands(ctx)}
    assert listed.keys() == own.keys()
    for name, command in own.items():
        assert command is not None
        first = re.split(r"[.;,:](?:\s|$)", str(command.help))[0]
        assert listed[name].startswith(first), name


def test_every_command_but_worker_speaks_json() -> None:
    with click.Context(program) as ctx:
        for name in program.list_commands(ctx):
            command = program.get_command(ctx, name)
            assert command is not None
            flags = {flag for parameter in command.params for flag in parameter.opts}
            assert ("--json" in flags) == (name != "worker"), name


def test_help_is_there_at_once() -> None:
    """Without the database, pydantic and rich, which take half a second together."""
    code = (
        "import sys; sys.argv = ['overnight', '--help']\n"
        "from overnight.cli import main\n"
        "try: main()\n"
        "finally: print(*{'sqlalchemy', 'pydantic', 'rich', 'msgspec', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert "overnight --help" not in done.stderr
    assert done.stdout.startswith("Usage: overnight")
    assert done.stdout.splitlines()[-1] == ""


def test_a_pipe_that_is_closed_early_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "overnight", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=30,
        cwd=tmp_path,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (-13, b"")
