"""What a Google-style docstring says of a function and its arguments."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"(Args|Arguments|Parameters):\s*$")
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)")


def summary_of(docstring: str | None) -> str:
    """Return the first paragraph as one line."""
    return " ".join(inspect.cleandoc(docstring or "").partition("\n\n")[0].split())


def arguments_of(docstring: str | None) -> dict[str, str]:
    """Return what the `Args:` section says, by argument."""
    lines = iter(inspect.cleandoc(docstring or "").splitlines())
    if not any(_SECTION.match(line) for line in lines):
        return {}
    told: dict[str, list[str]] = {}
    indent = None
    name = None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth == 0:
            break  # the next section
        if indent is None and line.strip():
            indent = depth
        entry = _ENTRY.match(line.strip()) if depth == indent else None
        if entry:
            name = entry[1]
            told[name] = [entry[2]]
        elif name is not None:
            told[name].append(line.strip())
    return {name: " ".join(" ".join(lines).split()) for name, lines in told.items()}
