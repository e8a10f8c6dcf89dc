"""One attempt, from its claim to its outcome: the worker's side.

    start ─▶ listen (progress, output, saves) ─▶ the child's last word, or its end ─▶ reap ─▶ verdict

Between them stand the ways to end it early: cancel, timeout, deadline, memory, hand-over.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from overnight.inside.messages import (
    Logged,
    Progressed,
    Raised,
    Ready,
    Returned,
    Save,
    Saved,
    Start,
    Stopping,
    decode_up,
)
from overnight.jobs import Claim
from overnight.outcome import Outcome
from overnight.progress import Meter, Progress
from overnight.runner.birth import CUT_OFF
from overnight.runner.forked import Child
from overnight.runner.frames import FrameReader, NoFrame
from overnight.runner.keeping import Keeping, SaveWriter
from overnight.runner.nursery import IMPORT_LIMIT
from overnight.runner.output import Stream
from overnight.runner.sampling import Sampler
from overnight.runner.stopping import Ending
from overnight.runner.verdict import Seen, verdict
from overnight.store.logs import Line

#: What a job prints is read from then on, in seconds: one that is shorter has its pipes read at its end,
#: which spares it a tenth of the supervisor's time.
_SHORT = 0.02

#: A child leaves at once when it has said its last word; what is left of it after so long is killed.
_LEAVING = 2.0

#: After the processes are dead, their pipes are read for this long at most.
_LAST_READ = 1.0

LineWriter = Callable[[Sequence[Line]], None]

_encode_options = msgspec.json.Encoder().encode


class Attempt:
    """One attempt that runs in a child.

    Attributes:
        claim: the right under which it runs.
        progress: how far along it is, by its own words.
        is_fresh: whether `progress` has changed since somebody took it.
        has_spoken: whether it has printed or logged anything.
        is_ready: whether its process was ready for work; else nothing of the task's has run.
        sampler: what its processes use.
    """

    def __init__(
        self,
        claim: Claim,
        child: Child,
        *,
        directory: str,
        write_save: SaveWriter,
        write_lines: LineWriter,
        on_last_word: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self.claim = claim
        self.child = child
        self.progress = Progress()
        self.is_fresh = False
        self.has_spoken = False
        self.is_ready = False
        self.sampler = Sampler(child.pid, claim.options.memory)
        self._directory = directory
        self._write_lines = write_lines
        self._on_last_word = on_last_word
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(child.wire)
        self._wire = child.wire.fileno()  # by number: looked up by the socket, asyncio formats it each time
        self._streams = [Stream("stdout", child.out), Stream("stderr", child.err)]
        self._meter = Meter()
        self._last: Returned | Raised | None = None
        self._nonsense: str | None = None
        self._is_cut_off = False
        self._ending = Ending(child, claim.options.grace)
        self._keeping = Keeping(
            write_save,
            on_saved=lambda n: child.send(Saved(n)),
            on_fenced=lambda: self._ending.kill_soon("fenced"),
        )
        self._began = time.monotonic()
        self._timers: list[asyncio.TimerHandle] = []

    # -- the way through -----------------------------------------------------------------------------

    async def run(self, mark: str, *, bury_orphans: Callable[[], Awaitable[None]]) -> None:
        """Start the function, and return when nothing of it is left and all that it said is read.

        Args:
            mark: what its processes carry in their environment.
            bury_orphans: ends what a dead child has left behind.
        """
        self._listen()
        self._set_deadline()
        claim = self.claim
        self.child.send(
            Start(
                job=claim.job,
                attempt=claim.attempt,
                task=claim.task,
                options=_encode_options(claim.options),
                input=claim.input,
                saved=claim.saved,
                saved_n=claim.saved_n,
                directory=self._directory,
                mark=mark,
            )
        )
        await self.child.ended.wait()
        for timer in self._timers:
            timer.cancel()
        await self._ending.finish()
        await bury_orphans()  # before the last read: what they hold open would never end
        await self._read_to_the_end()
        await self._keeping.finish()
        for descriptor in (self._wire, self.child.out, self.child.err):
            self._loop.remove_reader(descriptor)

    def outcome(self, *, guard_killed: bool) -> Outcome:
        """Name what the attempt came to, now that it has ended."""
        child = self.child
        return verdict(
            Seen(
                options=self.claim.options,
                last=self._last,
                code=child.code,
                stop=self._ending.why,
                stopped_by=self._ending.by,
                guard_killed=guard_killed and child.code == -signal.SIGKILL,
                zygote_died=child.zygote_died,
                was_ready=self.is_ready,
                nonsense=self._nonsense or self._half_a_message(),
                cut_off=self._is_cut_off or child.code == CUT_OFF,
                peak=self.sampler.peak,
                took=self.took,
            )
        )

    @property
    def took(self) -> float:
        """How long it has run, in seconds of steady time: the wall clock may have jumped meanwhile."""
        return time.monotonic() - self._began

    @property
    def cpu_seconds(self) -> float:
        """Processor time that the attempt has used."""
        return max(self.child.cpu_seconds, self.sampler.cpu_seconds)

    def sample(self) -> None:
        """Look at what the processes use; too much memory ends the attempt."""
        if not self.child.ended.is_set():
            self.sampler.look()
            if self.sampler.is_over:
                self.stop("memory")

    def stop(self, why: str) -> None:
        """End the attempt: ask, then tell, then kill; a hand-over only asks."""
        self._ending.begin(why)

    async def kill(self) -> None:
        """End the attempt at once."""
        await self._ending.kill()

    def _begin(self) -> None:
        """Count the time of the attempt from here, where its process is ready; it may have had to import."""
        self.is_ready = True
        timeout = self.claim.options.timeout
        if timeout is not None:
            self._timers.append(self._loop.call_later(timeout, self.stop, "timeout"))

    def _give_up(self) -> None:
        """End a process that has not become ready in all this time."""
        if not self.is_ready:
            self._ending.kill_soon()

    def _set_deadline(self) -> None:
        if self.claim.deadline_at is not None:
            left = max(self.claim.deadline_at - self._now(), 0.0)
            self._timers.append(self._loop.call_later(left, self.stop, "deadline"))

    # -- listening -----------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._loop.add_reader(self._wire, self._hear)
        self._timers.append(self._loop.call_later(_SHORT, self._listen_to_streams))

    def _listen_to_streams(self) -> None:
        if not self.is_ready:
            self._timers.append(self._loop.call_later(IMPORT_LIMIT, self._give_up))
        for stream in self._streams:
            self._loop.add_reader(stream.descriptor, self._read_stream, stream)

    def _hear(self) -> None:
        nonsense = None
        try:
            payloads = self._reader.read()
        except NoFrame as error:
            payloads, nonsense = error.before, str(error)
        try:
            for payload in payloads:
                self._obey(decode_up(payload))
        except msgspec.DecodeError as error:
            nonsense = str(error)
        if nonsense is not None:
            self._nonsense = nonsense
            self._ending.bury()
        elif self._reader.is_ended and self._last is None:
            self._timers.append(self._loop.call_later(_LEAVING, self._be_cut_off))
        if nonsense is not None or self._reader.is_ended:
            self._loop.remove_reader(self._wire)

    def _be_cut_off(self) -> None:
        """End a process that has closed its line and lives on: nobody would ever hear what it comes to."""
        self._is_cut_off = True
        self._ending.bury()

    def _half_a_message(self) -> str | None:
        """Say what is wrong with the end of the line, unless a signal has cut it."""
        is_cut = self._reader.is_cut and self.child.code is not None and self.child.code >= 0
        return "half a message" if is_cut else None

    def _obey(self, message: Any) -> None:
        match message:
            case Progressed():
                self._note_progress(message)
            case Logged(at, stream, level, logger, text):
                for printed in self._streams:
                    if not printed.is_ended:
                        self._read_stream(printed)  # what was printed before it stands before it
                line = Line(at=at, stream=stream, text=text, level=level, logger=logger)
                self._write([line])
            case Save(n, data):
                self._keeping.keep(n, data)
            case Stopping(how):
                self._ending.by = how
            case Returned() | Raised():
                self._last = message
                self._ending.is_answered = True
                self._timers.append(self._loop.call_later(_LEAVING, self._ending.bury))
                self._on_last_word()
            case Ready():
                self._begin()

    def _note_progress(self, said: Progressed) -> None:
        if said.done is not None:
            self._meter.note(said.done, at=time.monotonic())
        rate, basis = self._meter.rate()
        self.progress = Progress(
            done=said.done, total=said.total, message=said.message, rate=rate, basis=basis
        )
        self.is_fresh = True

    def _write(self, lines: Sequence[Line]) -> None:
        self.has_spoken = True
        self._write_lines(lines)

    def _read_stream(self, stream: Stream) -> None:
        lines = stream.read(at=self._now())
        if lines:
            self._write(lines)
        if stream.is_ended:
            self._loop.remove_reader(stream.descriptor)

    async def _read_to_the_end(self) -> None:
        """Read what the dead have left in their pipes."""
        until = time.monotonic() + _LAST_READ
        while not self._all_read() and time.monotonic() < until:
            if not self._reader.is_ended and self._nonsense is None:
                self._hear()
            for stream in self._streams:
                if not stream.is_ended:
                    self._read_stream(stream)
            if not self._all_read():
                await asyncio.sleep(0.001)
        for stream in self._streams:
            if rest := stream.rest(at=self._now()):
                self._write(rest)

    def _all_read(self) -> bool:
        spoken = self._reader.is_ended or self._nonsense is not None
        return spoken and all(stream.is_ended for stream in self._streams)
