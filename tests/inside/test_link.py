"""The line between a function and its worker, from the function's end."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from overnight.errors import Fenced, Stopped, StoreFull
from overnight.inside.link import Link
from overnight.inside.messages import Logged, Progressed, Returned, Save, Stop, Stopping
from tests.inside.peer import Peer
from tests.waiting import until


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


class Inline:
    """A line that calls what it says, as the inline engine's does."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[Any] = []
        self.failure = failure

    def fileno(self) -> int | None:
        return None

    def receive(self) -> list[Any] | None:
        return []

    def send(self, message: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)


def line(text: str) -> Logged:
    return Logged(1.0, "log", 20, "app", text)


def test_what_is_posted_comes_in_order(peer: Peer) -> None:
    for n in range(500):
        peer.link.post(line(str(n)))
    peer.link.close(line("last"))
    peer.drain()
    assert [said.text for said in peer.logged] == [*map(str, range(500)), "last"]


def test_after_its_end_a_line_is_silent(peer: Peer) -> None:
    peer.link.close(line("last"))
    peer.link.post(line("too late"))
    peer.link.save(1, b"too late")
    peer.link.call_for_attention(0)
    peer.drain()
    assert [said.text for said in peer.logged] == ["last"]
    assert peer.saves == []


def test_a_save_waits_until_it_is_durable(peer: Peer) -> None:
    peer.link.save(3, b"x")
    peer.link.wait_until_durable(3)
    assert peer.saves == [Save(3, b"x")]
    peer.link.wait_until_durable(2)


def test_a_later_save_makes_an_earlier_one_durable() -> None:
    peer = Peer(acknowledges=False)
    peer.link.save(1, b"x")
    peer.wait_for(Save)
    peer.acknowledges = True
    peer.link.save(2, b"y")
    peer.link.wait_until_durable(1)
    peer.close()


def test_who_waits_for_a_worker_that_dies_is_fenced() -> None:
    peer = Peer(acknowledges=False)
    peer.go_away_after(1)
    peer.link.save(1, b"x")
    with pytest.raises(Fenced):
        peer.link.wait_until_durable(1)
    peer.close()


def test_a_signal_may_end_the_wait_for_a_save_and_the_line_goes_on() -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped("cancel")

    peer = Peer(acknowledges=False)
    before = signal.signal(signal.SIGUSR1, stop)
    try:
        for n in range(1, 20):
            peer.link.save(n, b"x")
            timer = threading.Timer(
                0.002, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1)
            )
            timer.start()
            with pytest.raises(Stopped):
                peer.link.wait_until_durable(n)
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    peer.acknowledges = True
    peer.link.save(20, b"x")
    peer.link.wait_until_durable(20)
    peer.close()


def test_an_older_save_that_still_waits_gives_way_to_a_newer_one() -> None:
    line = Inline()
    link = Link(line)
    link._thread = threading.current_thread()  # nobody talks before the end
    for n in range(1, 6):
        link.save(n, bytes(n))
    link._thread = None
    link.close()
    assert line.sent == [Save(5, bytes(5))]


def test_progress_goes_up_ten_times_a_second_at_most_however_much_is_logged(peer: Peer) -> None:
    began = time.monotonic()
    peer.link.report(lambda: (time.monotonic() - began, None, None))
    until(lambda: peer.link.post(line("noise")) or time.monotonic() - began > 0.5, every=0.001)
    lasted = time.monotonic() - began
    assert 2 <= len(peer.all_of(Progressed)) <= lasted / 0.1 + 1


def test_progress_that_did_not_change_is_said_once(peer: Peer) -> None:
    peer.link.report(lambda: (1, 2, None))
    peer.wait_for(Progressed)
    peer.link.close()
    peer.drain()
    assert len(peer.all_of(Progressed)) == 1


def test_attention_is_called_for_after_the_time(peer: Peer) -> None:
    peer.link.call_for_attention(0.02)
    assert peer.link.attention is False
    until(lambda: peer.link.attention)


def test_a_stop_sets_the_sign_and_calls_for_attention(peer: Peer) -> None:
    called = threading.Event()
    peer.link.on_stop = lambda _: called.set()
    peer.link.watch_for_stop()
    peer.say(Stop("timeout"))
    until(lambda: peer.link.attention)
    assert called.wait(5)
    with pytest.raises(Stopped, match="timeout"):
        peer.link.stop.check()
    peer.link.stop.check()
    assert peer.wait_for(Stopping) == [Stopping("asked")]


def test_what_an_inline_line_took_is_durable() -> None:
    inline = Inline()
    link = Link(inline)
    link.save(1, b"x")
    link.wait_until_durable(1)
    link.close()
    assert inline.sent == [Save(1, b"x")]


def test_who_saves_on_a_line_that_fails_hears_why() -> None:
    link = Link(Inline(StoreFull("no room")))
    link.save(1, b"x")
    with pytest.raises(Fenced) as refused:
        link.wait_until_durable(1)
    assert isinstance(refused.value.__cause__, StoreFull)
    link.close()


def test_an_abandoned_line_says_nothing(peer: Peer) -> None:
    peer.link.abandon()
    peer.link.post(line("from a fork"))
    peer.link.save(1, b"x")
    peer.link.report(lambda: (1, 2, None))
    peer.link.close(Returned(b"1"))  # a fork that came to the end of the function as well
    peer.drain()
    assert peer.heard == []


def test_a_closed_line_leaves_no_descriptor_open() -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for _ in range(20):
        link = Link(Inline())
        link.post(line("x"))
        link.close()
        link.close()
    assert count() <= before
