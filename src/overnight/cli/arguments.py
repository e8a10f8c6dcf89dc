"""The options of a task on the command line, made from its JSON Schema.

Every argument is an option of its name (`--max-size`, or `--max_size`), a list one that is repeated, a truth
value a flag, a field of a record `--server.port`. Values meet the validation of any other call.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click

from overnight.cli.values import Shape
from overnight.errors import BadInput, Refused

#: Fields of fields of fields: deeper ones are given as JSON.
_DEEPEST = 3

#: What click calls the words that belong to no option.
_REST = "rest"

#: A default longer than this is cut, in characters.
_LONGEST_DEFAULT = 60


class Argument(NamedTuple):
    """One option of a task.

    Attributes:
        path: the argument's name, and the fields that lead to the value in it.
        shape: what it may be.
        is_denial: it is the `--no-...` of a flag.
    """

    path: tuple[str, ...]
    shape: Shape
    is_denial: bool = False

    @property
    def flag(self) -> str:
        """How it is written: "--server.port"."""
        words = ".".join(self.path)
        if not words.startswith("_"):
            words = words.replace("_", "-")
        return f"--no-{words}" if self.is_denial else f"--{words}"


class Arguments:
    """The options of a task.

    Args:
        schema: The task's arguments as a JSON Schema object.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self._properties: Mapping[str, Any] = schema.get("properties", {})
        self._required = list(schema.get("required", ()))
        self._told = str(schema.get("description", ""))
        self._arguments: list[Argument] = []
        taken = set[str]()
        for name, described in self._properties.items():
            for argument in self._spread((name,), Shape(described, self._definitions)):
                if argument.flag not in taken:  # a second one of a name is left to JSON
                    taken.add(argument.flag)
                    self._arguments.append(argument)

    def read(
        self, words: Sequence[str], *, program: str, under: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the arguments that words of a command line give, by name, as JSON values.

        Args:
            words: What stands behind the target.
            program: What stands before them, for the help that `--help` prints.
            under: Values that hold where the words say nothing else.

        Raises:
            click.UsageError: there is no such option, or its value is missing.
            Refused: a value stands alone, or must be JSON and is not.
        """
        given = self._command().make_context(program, list(words)).params
        if given[_REST]:
            names = self.usage() or "and this task has none"
            raise Refused(f"{given[_REST][0]!r} stands alone", hint=f"arguments are given by name: {names}")
        values = copy.deepcopy(dict(under or {}))
        for at, argument in enumerate(self._arguments):
            texts = given[f"p{at}"]
            if texts is None or texts == ():
                continue
            name, *fields = argument.path
            if fields and name not in values:  # the other fields stay as they are by default
                values[name] = copy.deepcopy(self._properties[name].get("default"))
            given_texts = [texts] if isinstance(texts, str) else texts
            _put(values, argument.path, False if argument.is_denial else _read(argument, given_texts))
        return values

    def demand(self, values: Mapping[str, Any], *, program: str) -> None:
        """See to it that every argument without a default is there.

        Args:
            values: The arguments by name.
            program: What stands before them, for the hint.

        Raises:
            BadInput: one is missing.
        """
        missing = [name for name in self._required if name not in values]
        if missing:
            flags = ", ".join(Argument((name,), Shape({}, {})).flag for name in missing)
            raise BadInput(
                f"{flags} {'is' if len(missing) == 1 else 'are'} missing",
                field=missing[0],
                hint=f"{program} --help shows all options of the task",
            )

    def usage(self) -> str:
        """Write all options in one line, those that may be left out in brackets."""
        shown = [it for it in self._arguments if len(it.path) == 1 and not it.is_denial]
        return " ".join(map(self._usage, shown))

    def _usage(self, argument: Argument) -> str:
        words = argument.flag if argument.shape.is_flag else f"{argument.flag} {argument.shape.metavar}"
        words += " ..." if argument.shape.is_repeated else ""
        return words if argument.path[0] in self._required else f"[{words}]"

    # -- options of click ----------------------------------------------------------------------------

    def _spread(self, path: tuple[str, ...], shape: Shape) -> Iterator[Argument]:
        yield Argument(path, shape)
        if shape.is_flag:
            yield Argument(path, shape, is_denial=True)
        if len(path) <= _DEEPEST:
            for name, field in shape.fields.items():
                yield from self._spread((*path, name), field)

    def _command(self) -> click.Command:
        own = {argument.flag for argument in self._arguments}
        helps = [flag for flag in ("-h", "--help") if flag not in own and (flag != "-h" or "--h" not in own)]
        return click.Command(
            name=None,
            params=[
                *(self._option(at, argument) for at, argument in enumerate(self._arguments)),
                click.Argument([_REST], nargs=-1, type=click.UNPROCESSED, metavar=""),
            ],
            help=self._told or None,
            epilog="Options of overnight itself (--detach, --timeout, ...) stand before the target.",
            context_settings={
                "help_option_names": helps,
                "token_normalize_func": _one_spelling,
                "max_content_width": 110,
            },
        )

    def _option(self, at: int, argument: Argument) -> click.Option:
        flags = [argument.flag, f"p{at}"]
        if len(argument.path) == 1 and len(argument.path[0]) == 1 and not argument.is_denial:
            flags.insert(0, f"-{argument.path[0]}")
        if argument.is_denial:
            return click.Option(flags, is_flag=True, flag_value="no", default=None, hidden=True)
        if argument.shape.is_flag:
            # `--verbose`, and also `--verbose false`, as programs write it.
            denial = f"/ {argument._replace(is_denial=True).flag}"
            return click.Option(
                flags, is_flag=False, flag_value="true", type=str, metavar=denial, help=self._help(argument)
            )
        return click.Option(
            flags,
            multiple=True,
            type=click.UNPROCESSED,
            metavar=argument.shape.metavar,
            help=self._help(argument),
        )

    def _help(self, argument: Argument) -> str:
        schema = argument.shape.schema
        notes = [argument.shape.limits] if argument.shape.limits else []
        if argument.shape.is_repeated:
            notes.append("repeatable")
        if schema.get("default") is not None:
            default = json.dumps(schema["default"], ensure_ascii=False)
            default = default if len(default) <= _LONGEST_DEFAULT else f"{default[:_LONGEST_DEFAULT]}…"
            notes.append(f"default: {default}")
        if len(argument.path) == 1 and argument.path[0] in self._required:
            notes.append("required")
        words = str(schema.get("description", ""))
        return f"{words}  [{'; '.join(notes)}]".strip() if notes else words


def _one_spelling(word: str) -> str:
    return word.replace("_", "-")


def _read(argument: Argument, texts: Sequence[str]) -> Any:
    try:
        return argument.shape.read(texts)
    except BadInput as wrong:
        raise BadInput(f"{argument.flag}: {wrong.message}", field=argument.path[0], hint=wrong.hint) from None


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value where a path leads, making the records on its way."""
    for name in path[:-1]:
        if not isinstance(values.get(name), dict):
            values[name] = {}
        values = values[name]
    values[path[-1]] = value
