"""The command line.

A command is imported when it is called, so that `overnight --help` costs little more than Python itself and
click (50 ms). Click alone: a task's options are made of its schema while the program runs, and typer keeps a
copy of click of its own that does not mix with other commands.
"""

from __future__ import annotations

import io
import signal
import sys
from importlib import import_module
from typing import Any, NamedTuple

import click


class _Entry(NamedTuple):
    """Where a command lives, and its line in the list of commands."""

    module: str
    line: str


#: By sections, in the order of `overnight --help`.
COMMANDS: dict[str, dict[str, _Entry]] = {
    "Work": {
        "run": _Entry("running", "Run a task as a durable job, and watch it."),
        "worker": _Entry("serving", "Work on the jobs of files and modules, in the foreground."),
        "tasks": _Entry("catalogue", "List tasks: of files, or those that are known."),
    },
    "Look": {
        "ls": _Entry("listing", "List jobs, the newest first."),
        "show": _Entry("showing", "Show one job: how it stands, its attempts, what has happened."),
        "logs": _Entry("logs", "Print what a job has printed and logged."),
        "wait": _Entry("waiting", "Wait for jobs, silently; the exit code says how they ended."),
        "result": _Entry("waiting", "Print the result of a job as JSON."),
    },
    "Steer": {
        "cancel": _Entry("changing", "Cancel jobs."),
        "retry": _Entry("changing", "Put failed or cancelled jobs back into their queue."),
    },
    "Tools": {
        "doctor": _Entry("doctor", "Say what is in use, where settings come from, and what is unsafe."),
        "version": _Entry("versions", "Print the version."),
    },
}

_PLACES = {name: entry for section in COMMANDS.values() for name, entry in section.items()}


class _Program(click.Group):
    """The group of all commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature, as below
        """Name all commands."""
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in _PLACES:
            return None
        module = import_module(f"overnight.cli.{_PLACES[cmd_name].module}")
        command: click.Command = module.COMMANDS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called, or say which was meant."""
        name = args[0]
        if name in _PLACES or name.startswith("-"):
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        from overnight.errors import Refused

        if ":" in name or name.endswith(".py"):
            raise Refused(f"there is no command {name!r}", hint=f"to run a task: overnight run {name}")
        near = get_close_matches(name, _PLACES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(_PLACES)}"
        raise Refused(f"there is no command {name!r}", hint=hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.line) for name, entry in section.items()])


def _print_version(ctx: click.Context, _param: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"overnight {version('overnight')}")
        ctx.exit()


@click.command(
    cls=_Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 error, 2 bad usage, 3 job failed, 5 not found, 6 conflict, "
    "8 job cancelled, 124 waited in vain, 130 or 143 interrupted.",
)
@click.option("--home", metavar="DIR", help="The folder of the store, instead of the one that settings name.")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def program(ctx: click.Context, home: str | None) -> None:
    """Long-running Python tasks: start it, log off, find it done."""
    ctx.obj = home
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command that the process was started with, and end the process."""
    from overnight.cli.endings import finish

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a sign that the terminal lacks is no error
    finish(answer(sys.argv[1:]))


def answer(words: list[str]) -> int:
    """Run a command; return its exit code."""
    from overnight.cli.endings import Terminated, complain

    def terminate(_number: int, _frame: Any) -> None:
        raise Terminated

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `overnight ls | head` ends without a word
    signal.signal(signal.SIGTERM, terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup a closed terminal means nothing
        signal.signal(signal.SIGHUP, terminate)
    try:
        code = program.main(words, prog_name="overnight", standalone_mode=False)
    except BaseException as error:
        return complain(error, as_json="--json" in words)
    return int(code or 0)
