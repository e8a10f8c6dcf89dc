"""The saved state of a job: all restored values and all positions, in one snapshot.

What is saved is true of one moment between two items, so values and positions always fit each other, and a
function that was killed goes on as if only the time since the last save had not been.
"""

from __future__ import annotations

import math
import time
from typing import TypeVar

import msgspec

from overnight.errors import ResumeError, SaveRefused
from overnight.inside.link import Link
from overnight.inside.positions import Loop, SavedScope, Stack
from overnight.inside.restoring import Value
from overnight.units import format_size

T = TypeVar("T")

#: What a job may keep, in bytes.
LIMIT = 64 * 1024**2

#: The first saves come sooner than the rest, in seconds: short jobs lose little too.
_FIRST_GAPS = (0.1, 0.2, 0.4)

#: The end of an inner loop, or of a batch, is saved at once, but not more often than this, in seconds.
_SHORTEST_GAP = 0.05

#: Below this, in seconds, a save is cheap enough for the end of every outermost loop.
_CHEAP = 0.001

#: A save that took t is not repeated before so many t: saving costs 5 % at most.
_REST = 20

_encode = msgspec.msgpack.Encoder().encode


class Pace:
    """When the next save is due. Times are steady seconds."""

    def __init__(self) -> None:
        self._made = 0
        self._cost = 0.0
        self._last = -math.inf

    def note(self, began: float, ended: float) -> None:
        """Count a save that took from `began` to `ended`."""
        self._made += 1
        self._cost = ended - began
        self._last = ended

    def gap(self, save_every: float) -> float:
        """Return how long to wait until the next save is due."""
        usual = min(_FIRST_GAPS[self._made], save_every) if self._made < len(_FIRST_GAPS) else save_every
        return max(usual, _REST * self._cost)

    def allows(self, now: float, *, is_outermost: bool = False) -> bool:
        """Whether a save may be made that is welcome, but not due; rather after an outermost loop."""
        if is_outermost and self._cost < _CHEAP:
            return True
        return now - self._last >= max(_SHORTEST_GAP, _REST * self._cost)


class SavedState:
    """What a running function keeps across attempts."""

    def __init__(self, link: Link, data: bytes | None = None, n: int = 0) -> None:
        """Begin with what an earlier attempt saved.

        Args:
            link: the line to the worker, which stores what is saved.
            data: the newest save of this job, or None.
            n: its number; ours go on from there.
        """
        self._link = link
        self._n = n
        self._n_sent = 0
        self._newest = data or _NOTHING_SAVED
        self._pace = Pace()
        self._due_at = math.inf
        self._loops: Stack | None = None

    @property
    def _stack(self) -> Stack:
        """The open loops; read from the data when the function first asks, so that it hears what is wrong."""
        if self._loops is None:
            self._loops = Stack(_decode(self._newest))
        return self._loops

    def open(self, name: str | None, save_every: float) -> Loop | None:
        """Open a resumable loop; None if it was finished in an earlier attempt.

        Raises:
            ResumeError: it would not stand on top of the stack of open loops.
        """
        with self._link.stop.mask():
            loop = self._stack.open(name)
        self._call(self._pace.gap(save_every))
        return loop

    def between(self, loop: Loop, save_every: float, count: int = 1, *, is_welcome: bool = False) -> None:
        """Note that an item of a loop is done, or `count` of a batch; save if that is due; obey a stop.

        With `is_welcome`, save even if it is not due, though not too often.

        Raises:
            Stopped: a stop was asked for; all that was done is saved.
            ResumeError: a loop opened under the item is still open.
            SaveRefused: a restored value holds something that cannot be saved.
        """
        with self._link.stop.mask():  # position and what belongs to it must move together
            self._stack.step(loop, count)
        if self._link.attention or (is_welcome and self._pace.allows(time.monotonic())):
            self._keep(save_every)

    def finish(self, loop: Loop, save_every: float) -> None:
        """Note that a loop has come to its end, and save that.

        Raises:
            Stopped, ResumeError, SaveRefused: as `between`.
        """
        with self._link.stop.mask():
            self._stack.finish(loop)
        is_outermost = self._stack.is_empty
        if self._link.attention or self._pace.allows(time.monotonic(), is_outermost=is_outermost):
            self._keep(save_every)

    def restore(self, default: T, name: str | None) -> T:
        """Return `default`, filled with what was saved of it; from now on it is saved.

        Raises:
            SaveRefused: it is nothing that can be filled in place, or it holds what cannot be saved.
            ResumeError: what was saved does not fit it.
        """
        place = self._stack.place("job.restore()")
        label, saved = place.next_value(name)
        words = (
            f"restore({name!r})" if name else "restore()" + (f" number {label[1] + 1}" if label[1] else "")
        )
        place.hold(label, Value(words, default, saved.data if saved else None))
        return default

    def save(self) -> None:
        """Save now; return when it is durable.

        Raises:
            Stopped: a stop was asked for.
            SaveRefused: a restored value holds something that cannot be saved.
            Fenced: another attempt speaks for this job.
        """
        self._stack.settle()
        self._stack.check_speaker("job.save()")
        self._send()
        if self._n_sent:
            self._link.wait_until_durable(self._n_sent)
        self._link.stop.check(saving_point=True)

    def leave(self) -> None:
        """Save what may be saved of a function that raised: where it was, unless there are values.

        Values may be half changed by the item that failed. Then the newest save holds, which is of a moment
        between two items; without values, the positions alone are always true.
        """
        if self._loops is not None and not self._loops.root.has_live_values():
            self._send()

    def _keep(self, save_every: float) -> None:
        self._link.attention = False
        self._due_at = math.inf
        self._send()
        self._call(self._pace.gap(save_every))
        self._link.stop.check(saving_point=True)

    def _send(self) -> None:
        began = time.monotonic()
        with self._link.stop.mask():
            data = self._snapshot()
            if data != self._newest:
                self._n += 1
                self._n_sent = self._n
                self._newest = data
                self._link.save(self._n, data)
        self._pace.note(began, time.monotonic())

    def _snapshot(self) -> bytes:
        data = _encode([_VERSION, self._stack.root.to_save()])
        if len(data) > LIMIT:
            raise SaveRefused(
                f"saved state is {format_size(len(data))}, and may be {format_size(LIMIT)}",
                hint="keep large things in files in job.directory, and their names in saved state",
            )
        return data

    def _call(self, after: float) -> None:
        """Let the link call for attention, unless it will do so earlier anyway."""
        due = time.monotonic() + after
        if due < self._due_at:
            self._due_at = due
            self._link.call_for_attention(after)


#: Of the layout of what is saved.
_VERSION = 1

_NOTHING_SAVED = _encode([_VERSION, SavedScope()])

_decoder = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])
_scope_decoder = msgspec.msgpack.Decoder(SavedScope)


def _decode(data: bytes) -> SavedScope:
    try:
        version, scope = _decoder.decode(data)
        if version == _VERSION:
            return _scope_decoder.decode(scope)
        problem = f"it was written by another version of overnight (layout {version}, ours is {_VERSION})"
    except msgspec.DecodeError as error:
        problem = f"it is damaged: {error}"
    raise ResumeError(f"the saved state of this job cannot be read: {problem}", hint="start a new job")
