"""Draws the picture of the states from the table of moves.

python -m tests.house.drawing       brings docs/states.md up to date
"""

import re
from pathlib import Path

from overnight.jobs import MOVES, Kind, State

PAGE = Path(__file__).parents[2] / "docs" / "states.md"

_PICTURE = re.compile(r"```mermaid\n.*?```", re.DOTALL)


def picture() -> str:
    """Return the states and the moves between them as a mermaid diagram."""
    arrows: dict[tuple[State | None, State], list[Kind]] = {}
    for kind, moves in MOVES.items():
        for was, to in moves:
            arrows.setdefault((was, to), []).append(kind)
    order = [None, *State]
    lines = ["stateDiagram-v2"]
    for was, to in sorted(arrows, key=lambda move: (order.index(move[0]), order.index(move[1]))):
        kinds = ", ".join(kind.replace("_", " ") for kind in arrows[was, to])
        lines.append(f"    {was or '[*]'} --> {to}: {kinds}")
    lines += [f"    {state} --> [*]" for state in State if state.is_final]
    return "\n".join(["```mermaid", *lines, "```"])


def drawn(page: str) -> str:
    """Return a page with its picture drawn anew."""
    return _PICTURE.sub(lambda _: picture(), page, count=1)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
