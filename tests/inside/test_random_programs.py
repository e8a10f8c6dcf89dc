"""Nested loops that are killed at any place end with what an undisturbed run ends with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from overnight.inside.context import here
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.peer import attempt


class Killed(BaseException):
    pass


class Oops(Exception):
    pass


@dataclass(frozen=True)
class Leaf:
    """A loop whose items count themselves: each must count once."""

    items: int
    name: str | None
    batch: int | None
    ends: tuple[str, int] | None  # by "break" or "raise", at an item


@dataclass(frozen=True)
class Nest:
    """A loop whose items run other loops, and collect what these did in a value of the item's own."""

    items: int
    name: str | None
    body: tuple["Leaf | Nest", ...]
    ends: tuple[str, int] | None


@dataclass
class Run:
    """One attempt at a program; `tick` is called wherever a process may be killed, or a save fall due."""

    tick: Callable[[], None]
    counts: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def program(self, parts: tuple[Leaf | Nest, ...]) -> dict[str, Any]:
        totals: dict[str, Any] = job.restore({"counts": {}, "collected": {}})
        for n, part in enumerate(parts):
            self.part(part, (n,), totals, [])
            self.tick()
        return totals

    def part(self, part: Leaf | Nest, path: tuple[Any, ...], totals: dict[str, Any], mine: list[Any]) -> None:
        try:
            if isinstance(part, Leaf):
                self.leaf(part, path, totals, mine)
            else:
                self.nest(part, path, totals)
        except Oops:
            pass

    def leaf(self, leaf: Leaf, path: tuple[Any, ...], totals: dict[str, Any], mine: list[Any]) -> None:
        for items in steps(leaf, path):
            self.tick()
            for item in items:
                totals["counts"][item] = totals["counts"].get(item, 0) + 1
                mine.append(item)
            self.tick()
            if end(leaf, items):
                break

    def nest(self, nest: Nest, path: tuple[Any, ...], totals: dict[str, Any]) -> None:
        for items in steps(nest, path):
            self.tick()
            mine: list[Any] = job.restore([])
            for n, part in enumerate(nest.body):
                self.part(part, (*items[0], n), totals, mine)
                self.tick()
            totals["collected"][items[0]] = list(mine)
            if end(nest, items):
                break


def steps(part: Leaf | Nest, path: tuple[Any, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """Return the items of a loop, each in a list, as batches are."""
    things = [(*path, n) for n in range(part.items)]
    if isinstance(part, Leaf) and part.batch:
        return iter(track(things, part.name, resume=True, batch=part.batch))
    return ([item] for item in track(iter(things) if part.items % 2 else things, part.name, resume=True))


def end(part: Leaf | Nest, items: list[tuple[Any, ...]]) -> bool:
    if part.ends is None or part.ends[1] != items[-1][-1]:
        return False
    if part.ends[0] == "raise":
        raise Oops
    return True


names = st.sampled_from([None, None, "a", "b"])
ends = st.none() | st.tuples(st.sampled_from(["break", "raise"]), st.integers(0, 3))
leaves = st.builds(Leaf, st.integers(0, 4), names, st.sampled_from([None, None, 1, 2]), ends)
parts = st.recursive(
    leaves,
    lambda inner: st.builds(Nest, st.integers(0, 3), names, st.lists(inner, max_size=3).map(tuple), ends),
    max_leaves=6,
)


def undisturbed(program: tuple[Leaf | Nest, ...]) -> dict[str, Any]:
    return Run(lambda: None).program(program)


def killed_again_and_again(
    program: tuple[Leaf | Nest, ...], kills: list[int], dues: list[bool], lag: int, *, raises: bool
) -> dict[str, Any]:
    saved: tuple[bytes | None, int] = (None, 0)
    due = cycle(dues)
    for kill in [*kills, 10**9]:
        left = kill

        def tick() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            inside = here()
            assert inside is not None
            inside.link.attention = next(due)

        with attempt(saved) as peer:
            try:
                return Run(tick).program(program)
            except Killed:
                if raises:
                    here().leave()  # type: ignore[union-attr]
        # A save that was sent just before the end may not have become durable.
        kept = peer.saves[: -lag or None]
        if kept:
            saved = (kept[-1].data, kept[-1].n)
    raise AssertionError("the last attempt is not killed")


@given(
    program=st.lists(parts, min_size=1, max_size=3).map(tuple),
    kills=st.lists(st.integers(0, 25), max_size=6),
    dues=st.lists(st.booleans(), min_size=1, max_size=7),
    lag=st.integers(0, 1),
    raises=st.booleans(),
)
def test_a_program_that_is_killed_ends_with_what_an_undisturbed_one_ends_with(
    program: tuple[Leaf | Nest, ...], kills: list[int], dues: list[bool], lag: int, raises: bool
) -> None:
    assert killed_again_and_again(program, kills, dues, lag, raises=raises) == undisturbed(program)


@given(program=st.lists(parts, min_size=1, max_size=3).map(tuple))
def test_a_finished_program_that_runs_again_does_nothing_again(program: tuple[Leaf | Nest, ...]) -> None:
    with attempt() as first:
        totals = Run(lambda: None).program(program)
        job.save()
    with attempt(first.newest) as second:
        again = Run(lambda: None).program(program)
        job.save()
    assert again == totals
    assert second.saves == []
