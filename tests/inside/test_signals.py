"""A stop that a signal raises at any moment, between any two instructions, loses nothing."""

import gc
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from overnight.errors import Stopped
from overnight.inside.context import here
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.peer import attempt

#: The alarm clock is ours, so the time limit of the tests must do without it.
pytestmark = pytest.mark.timeout(method="thread")

ITEMS, PARTS = 60, 50


@contextmanager
def stop_at_some_moment(within: float) -> Iterator[None]:
    """Stop the job that runs by a signal, as a worker does that has asked in vain."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        inside = here()
        if inside is not None:
            inside.link.stop.signalled("cancel")

    before = signal.signal(signal.SIGALRM, terminate)
    gc.disable()  # what a handler raises while a callback of the collector runs is lost, as in a `__del__`
    try:
        signal.setitimer(signal.ITIMER_REAL, within)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.enable()
        signal.signal(signal.SIGALRM, before)


def run_until_done(work: Callable[[], object], saves_when_stopped: bool, chance: random.Random) -> int:
    """Run attempt after attempt, each stopped at some moment, until one is not; return how many it took."""
    saved: tuple[bytes | None, int] = (None, 0)
    for attempts in range(1, 2000):
        with attempt(saved) as peer:
            inside = here()
            assert inside is not None
            try:
                # Longer and longer, so that the last one comes to its end.
                with stop_at_some_moment(chance.uniform(0.00005, 0.001 * attempts**0.5)):
                    work()
                inside.link.stop.end()
                return attempts
            except Stopped:
                inside.link.stop.end()
                if saves_when_stopped:
                    inside.leave()
        if peer.saves:
            saved = peer.newest
    raise AssertionError("it does not come to its end")


@pytest.mark.parametrize("seed", range(5))
def test_positions_lose_no_item(seed: int) -> None:
    chance = random.Random(seed)
    done: Counter[tuple[int, int]] = Counter()
    ended: Counter[int] = Counter()

    def work() -> None:
        inside = here()
        assert inside is not None
        for item in track(range(ITEMS), resume=True):
            for part in track(iter(range(PARTS)), resume=True):
                done[item, part] += 1
                inside.link.attention = chance.random() < 0.1
            ended[item] += 1

    attempts = run_until_done(work, True, chance)
    assert set(done) == {(item, part) for item in range(ITEMS) for part in range(PARTS)}
    assert set(ended) == set(range(ITEMS))
    # What is done again is the item that was interrupted, one for each stop.
    assert done.total() <= ITEMS * PARTS + attempts
    assert attempts > 1


@pytest.mark.parametrize("seed", range(5))
def test_values_count_every_item_once(seed: int) -> None:
    chance = random.Random(seed)
    last: dict[str, int] = {}

    def work() -> None:
        inside = here()
        assert inside is not None
        counts = job.restore({"parts": 0, "items": 0})
        for _ in track(range(ITEMS), resume=True):
            mine = job.restore([])
            for part in track(range(PARTS), resume=True):
                mine.append(part)
                counts["parts"] += 1
                inside.link.attention = chance.random() < 0.2
            assert mine == list(range(PARTS))
        last.update(counts)

    attempts = run_until_done(work, False, chance)
    assert last["parts"] == ITEMS * PARTS
    assert attempts > 1
