"""A job on the screen: one live line on a terminal, few plain lines elsewhere."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from overnight.cli.bars import JobLine, LiveView
from overnight.cli.narrating import Sentence
from overnight.cli.views import PlainView, SilentView
from overnight.cli.watching import view_of
from overnight.jobs import Job, State
from overnight.options import Options
from overnight.progress import Progress
from overnight.store.lines import Line

RUNNING = Job(
    id="01a20d8f-0171-72e0-956f-3265df930b34",
    task="talks.transcribe",
    source="/x/talks.py",
    state=State.RUNNING,
    options=Options(),
    created_at=1000.0,
    due_at=1000.0,
    started_at=1000.0,
    attempt=1,
)


def job(done: float | None = None, total: float | None = None, **changes: Any) -> Job:
    known = {name: changes.pop(name) for name in ("rate", "message") if name in changes}
    return msgspec.structs.replace(RUNNING, progress=Progress(done=done, total=total, **known), **changes)


def drawn(job: Job, width: int = 100) -> str:
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with screen.capture() as captured:
        screen.print(JobLine(job, now=1075.0), end="")
    return captured.get()


# -- the live line -----------------------------------------------------------------------------------


def test_the_line_shows_count_bar_rate_and_time_left() -> None:
    line = drawn(job(812, 1640, rate=3.1, message="talk 812"))
    assert line.startswith(" 812/1640 ━")
    assert line.index("  3.1/s") == len(" 812/1640 ") + 40  # the bar has its width, however much is done
    assert "  3.1/s  ~4 min left  talk 812" in line


def test_without_a_total_the_line_shows_what_is_known() -> None:
    assert drawn(job(812)).startswith("812 ━")
    assert "1m 15s" in drawn(job(812))
    assert drawn(job()).startswith("running ━")


@pytest.mark.parametrize("width", [12, 20, 40, 60, 80, 120])
def test_the_line_never_takes_more_than_one_line(width: int) -> None:
    for shown in (
        job(812, 1640, rate=3.1, message="words " * 40),
        job(3),
        job(),
        job(state=State.QUEUED, unserved="no worker serves it; start one: overnight worker /x/talks.py"),
    ):
        text = drawn(shown, width)
        assert len(text) <= width
        assert "\n" not in text


def test_a_cancel_that_was_asked_for_is_seen() -> None:
    assert "cancelling" in drawn(job(1, 2, cancel_requested_at=1001.0))


def test_a_job_that_waits_says_for_what() -> None:
    text = drawn(job(state=State.QUEUED, unserved="no worker serves it; start one: overnight worker x.py"))
    assert "queued: no worker serves it" in text


def test_a_message_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in drawn(job(1, 2, message="\x1b[2Jgone\x1b]0;title\x07"))


def test_lines_stay_above_and_the_bar_goes_away_at_the_end() -> None:
    file = io.StringIO()
    screen = Console(file=file, width=80, force_terminal=True, color_system=None)
    with LiveView(screen) as view:
        view.show(job(1, 2))
        view.print([Line(at=0, stream="stdout", text="item 1"), Line(at=0, stream="stdout", text="item 2")])
        view.say(Sentence("good", "✔ succeeded in 1s → 2"))
    written = file.getvalue()
    assert written.index("item 1\n") < written.index("item 2\n") < written.index("✔ succeeded")
    assert written.endswith("\x1b[2K")  # the line is wiped


# -- plain lines -------------------------------------------------------------------------------------


def test_progress_is_told_for_every_tenth_of_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView() as view:
        for done in range(101):
            view.show(job(done, 100))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("…df930b34 running")
    assert [line.split()[2] for line in lines[1:]] == [f"{done}/100" for done in range(0, 101, 10)]


def test_a_state_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView() as view:
        view.show(job(state=State.QUEUED, attempt=0))
        view.show(job(state=State.QUEUED, attempt=0))
        view.show(job())
        view.show(job())
        view.show(job(state=State.QUEUED))
        view.show(job(attempt=2))
        view.show(job(attempt=2, state=State.SUCCEEDED))
    told = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["…df930b34 queued", "…df930b34 running", "…df930b34 running, attempt 2"]


def test_a_pipe_gets_plain_lines_and_nobody_gets_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(view_of("auto", io.StringIO()), PlainView)
    assert isinstance(view_of("tty", io.StringIO()), PlainView)
    with view_of("none", io.StringIO()) as view:
        assert isinstance(view, SilentView)
        view.show(job(1, 2))
        view.say(Sentence("bad", "✘ failed"))
        view.print([Line(at=0, stream="stdout", text="item")])
    assert capsys.readouterr() == ("", "")
