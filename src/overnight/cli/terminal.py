"""What a terminal may be sent: no control characters of others, and colours only where they are wanted."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

#: Commands to the terminal: CSI, OSC and the other strings, and two-byte ones.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
#: All other controls but tab and newline, and the marks that let text run from right to left.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_IN_JSON = re.compile("[\x7f-\x9f]")


def clean(text: str) -> str:
    """Return text that does nothing to a terminal but appear on it; newlines and tabs stay."""
    text = _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def clean_line(text: str) -> str:
    """Return one line as a terminal would have shown it in the end: what a bar drew over is left out."""
    return clean(text.rstrip("\r").rpartition("\r")[2])


def has_colours(stream: TextIO) -> bool:
    """Whether a stream is to be written in colours: by NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return is_live(stream) and os.environ.get("CLICOLOR") != "0"


def is_live(stream: TextIO) -> bool:
    """Whether a stream is a terminal on which the cursor can be moved."""
    return stream.isatty() and os.environ.get("TERM", "") not in {"dumb", "unknown"}


def console(stream: TextIO) -> Console:
    """Return rich's console for a stream; where it is no terminal, lines are as long as they are."""
    from rich.console import Console  # 40 ms, paid where something is drawn

    is_terminal = is_live(stream)
    return Console(
        file=stream,
        force_terminal=is_terminal,
        no_color=not has_colours(stream),
        color_system="auto" if is_terminal or not has_colours(stream) else "standard",
        width=None if is_terminal else 10_000,
        highlight=False,
        markup=False,
        emoji=False,
    )


def draw(*drawings: RenderableType) -> None:
    """Draw tables and styled text to stdout, without the blanks that fill up their lines."""
    screen = console(sys.stdout)
    with screen.capture() as drawn:
        for drawing in drawings:
            screen.print(drawing, soft_wrap=True)
    put("\n".join(line.rstrip() for line in drawn.get().rstrip("\n").split("\n")))


def put(text: str) -> None:
    """Write a line of the answer to stdout."""
    print(text, flush=True)


def put_json(value: Any) -> None:
    """Write a JSON value to stdout: on a terminal indented, else on one line."""
    put(json_text(value, indent=2 if sys.stdout.isatty() else None))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Write a JSON value as text that may go to a terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    text = _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def say(text: str) -> None:
    """Write a line for people to stderr; a terminal that is gone is no error."""
    with suppress(OSError):  # after SIGHUP nobody is there to read it, and the work goes on all the same
        print(clean(text), file=sys.stderr, flush=True)


def width() -> int:
    """Return how many columns the terminal has."""
    return shutil.get_terminal_size().columns
