"""Loops that are killed, for tests."""

from typing import Any

from overnight.inside.context import Inside, here
from overnight.inside.tracking import track
from tests.inside.peer import attempt

Saved = tuple[bytes | None, int]
NOTHING: Saved = (None, 0)


class Killed(BaseException):
    pass


def inside() -> Inside:
    found = here()
    assert found is not None
    return found


def save_is_due() -> None:
    inside().link.attention = True


def run_until(items: Any, item: Any, saved: Saved = NOTHING, **options: Any) -> tuple[list[Any], Saved]:
    """Go through a loop that saves after every item, and is killed when it comes to one."""
    seen: list[Any] = []
    with attempt(saved) as peer:
        try:
            for each in track(items, resume=True, **options):
                if each == item:
                    raise Killed
                seen.append(each)
                save_is_due()
        except Killed:
            pass
    return seen, peer.newest if peer.saves else saved
