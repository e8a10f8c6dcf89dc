"""`overnight run` and what follows it, as a program, with a real worker."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from overnight.cli.terminal import clean
from tests.cli.commands import Commands
from tests.waiting import until
from tests.workers import RunningWorker


@pytest.fixture(scope="module")
def overnight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    folder = tmp_path_factory.mktemp("cli")
    commands = Commands(folder)
    commands.make_store()
    with RunningWorker(commands.home, folder / "jobs.py"):
        until(lambda: "jobs.count" in commands.ok("tasks"), within=20, what="the worker")
        yield commands


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that `wait_for` waits for; at the end of a test it is there."""
    file = tmp_path / "gate"
    yield file
    file.touch()


def test_stdout_has_the_result_and_nothing_else(overnight: Commands) -> None:
    answer = overnight.program("run", "jobs.py:count", "--top", "5", "--text", "words")
    assert (answer.code, answer.out) == (0, "5\n")
    said = answer.err.splitlines()
    assert re.fullmatch(r"job …[0-9a-f]{8} jobs.count · Ctrl-C leaves it running", said[0])
    assert {"item 0", "item 4", "words"} <= set(said)
    assert re.fullmatch(r"✔ succeeded in \S+ → 5", said[-1])


def test_the_output_of_the_job_and_all_words_can_be_left_out(overnight: Commands) -> None:
    assert "item" not in overnight("run", "--no-logs", "jobs.py:count").err
    silent = overnight.program("run", "--progress", "none", "jobs.py:count")
    assert (silent.out, silent.err) == ("3\n", "")


def test_as_json_stdout_has_the_job(overnight: Commands) -> None:
    job = overnight.json(
        "run", "--json", "--tag", "a", "--tag", "b", "--priority", "3", "jobs.py:plain", "--a", "1"
    )
    wanted = {
        "task": "jobs.plain",
        "source": str(overnight.folder / "jobs.py"),
        "state": "succeeded",
        "done": True,
        "input": {"a": 1, "b": "x"},
        "result": {"a": 1, "b": "x"},
        "tags": ["a", "b"],
        "priority": 3,
        "attempt": 1,
        "attempts": 1,
    }
    assert {name: job[name] for name in wanted} == wanted


def test_a_job_that_fails_says_why_and_exits_with_3(overnight: Commands) -> None:
    answer = overnight("run", "jobs.py:fail", "--why", "too late")
    assert (answer.code, answer.out) == (3, "")
    assert "✘ failed: ValueError: too late" in answer.err
    assert "raise ValueError(why)\nValueError: too late" in answer.err
    asked = overnight("run", "--json", "jobs.py:fail")
    assert asked.code == 3
    assert json.loads(asked.out)["error"]["type"] == "ValueError"


@pytest.mark.parametrize("way", ["text", "file", "stdin"])
def test_arguments_come_as_json_too_and_options_win(overnight: Commands, tmp_path: Path, way: str) -> None:
    text = '{"a": 1, "b": "json"}'
    (tmp_path / "input.json").write_text(text)
    given = {"text": text, "file": str(tmp_path / "input.json"), "stdin": "-"}[way]
    out = overnight.ok("run", "--input", given, "jobs.py:plain", "--a", "2", stdin=text)
    assert json.loads(out) == {"a": 2, "b": "json"}


def test_a_job_is_found_again_by_every_form_of_its_id(overnight: Commands) -> None:
    job = overnight.submit("jobs.py:count", "--top", "2")
    assert overnight("wait", job).code == 0
    for form in (job, job[-8:], f"…{job[-8:]}", f"...{job[-8:]}", job[:-1], "@last"):
        assert overnight.ok("result", form) == "2\n", form
    assert overnight.ok("result", "-", stdin=f"{job}\n") == "2\n"
    overnight.ok("result", job, "-o", "result.json")
    assert (overnight.folder / "result.json").read_text() == "2\n"


def test_waiting_tells_by_its_exit_code_how_jobs_ended(overnight: Commands, gate: Path) -> None:
    good = overnight.submit("jobs.py:count")
    bad = overnight.submit("jobs.py:fail")
    slow = overnight.submit("jobs.py:wait_for", "--file", str(gate))
    assert overnight("wait", good).code == 0
    assert overnight("wait", good, bad).code == 3
    late = overnight("wait", slow, "--timeout", "0.1")
    assert late.code == 124
    assert "the time is up" in late.err
    first = overnight("wait", "--any", "--json", good, slow)
    assert (first.code, json.loads(first.out)["id"]) == (0, good)
    result = overnight("result", slow)
    assert result.code == 6
    assert f"overnight wait …{slow[-8:]}" in result.err
    gate.touch()
    both = overnight("wait", "--json", good, slow)
    assert both.code == 0
    assert {json.loads(line)["id"] for line in both.out.splitlines()} == {good, slow}


def test_a_cancelled_job_exits_with_8(overnight: Commands, gate: Path) -> None:
    job = overnight.submit("jobs.py:wait_for", "--file", str(gate))
    until(lambda: overnight.json("show", "--json", job)["state"] == "running", within=10)
    answer = overnight("cancel", "--wait", "--reason", "changed my mind", job)
    assert (answer.code, answer.out) == (0, f"…{job[-8:]} ✘ cancelled: changed my mind\n")
    assert overnight("wait", job).code == 8
    assert overnight("result", job).code == 8
    again = overnight("cancel", job)
    assert again.code == 0  # asked again, the same answer


def test_what_the_state_does_not_allow_exits_with_6(overnight: Commands) -> None:
    done = overnight.submit("jobs.py:count")
    failed = overnight.submit("jobs.py:fail")
    overnight("wait", done, failed)
    for words in (["cancel", done], ["retry", done], ["cancel", failed]):
        answer = overnight(*words)
        assert (answer.code, answer.out) == (6, ""), words
        assert answer.err.startswith("error: ")
    several = overnight("retry", done, failed)
    assert several.code == 6  # and the other was put back all the same
    assert f"…{failed[-8:]}" in several.out
    problem = json.loads(overnight("cancel", "--json", done).err)
    assert problem["type"] == "conflict"


def test_a_failed_job_is_put_back(overnight: Commands) -> None:
    job = overnight.submit("jobs.py:fail")
    assert overnight("wait", job).code == 3
    assert overnight("retry", job).code == 0
    until(lambda: overnight.json("show", "--json", job)["attempt"] == 2, within=10)
    assert overnight("wait", job).code == 3


# -- what there is to see ----------------------------------------------------------------------------


def test_logs_are_safe_for_a_terminal_unless_asked_for_raw(overnight: Commands) -> None:
    job = overnight.submit("jobs.py:paint")
    assert overnight.ok("logs", "-f", job) == "two\ncareful\n"
    assert overnight.ok("logs", "--raw", job) == "\x1b[31mred\x1b[0m\x07 one\rtwo\ncareful\n"
    assert overnight.ok("logs", "-n", "1", job) == "careful\n"
    assert re.fullmatch(r"\d\d:\d\d:\d\d careful\n", overnight.ok("logs", "--timestamps", "-n", "1", job))
    assert overnight.ok("logs", "--attempt", "2", job) == ""
    first, second = [json.loads(line) for line in overnight.ok("logs", "--json", job).splitlines()]
    assert (first["stream"], first["attempt"], first["text"]) == (
        "stdout",
        1,
        "\x1b[31mred\x1b[0m\x07 one\rtwo",
    )
    assert (second["level"], second["text"]) == (30, "careful")
    assert "\x1b" not in overnight("run", "jobs.py:paint").err


def test_following_ends_with_the_job(overnight: Commands, gate: Path) -> None:
    job = overnight.submit("jobs.py:wait_for", "--file", str(gate))
    with overnight.started("logs", "-f", job) as following:
        until(lambda: overnight.json("show", "--json", job)["state"] == "running", within=10)
        assert following.poll() is None
        gate.touch()
        assert following.wait(20) == 0


def test_show_tells_all_of_one_job(overnight: Commands) -> None:
    job = overnight.submit("jobs.py:fail", "--why", "no \x1b[2J")
    overnight("wait", job)
    shown = overnight.ok("show", job)
    assert "\x1b" not in shown
    for words in (
        job,
        "jobs.fail",
        "failed: ValueError: no",
        "1  Failed",
        "submitted",
        "settled",
        "Traceback",
    ):
        assert words in shown
    known = overnight.json("show", "--json", job)
    assert known["attempts"] == 1
    assert [attempt["outcome"] for attempt in known["attempt_list"]] == ["Failed"]
    assert [event["kind"] for event in known["events"]] == ["submitted", "claimed", "settled"]


def test_ls_lists_and_filters(overnight: Commands) -> None:
    job = overnight.submit("--queue", "special", "jobs.py:fail")
    overnight("wait", job)
    table = overnight.ok("ls", "--queue", "special").splitlines()
    assert table[0].split() == ["ID", "TASK", "STATE", "PROGRESS", "AGE"]
    assert table[1].split()[:3] == [f"…{job[-8:]}", "jobs.fail", "failed"]
    for name in ("jobs.fail", "fail"):
        listed = overnight.json("ls", "--json", "--queue", "special", "--state", "failed", "--task", name)
        assert [it["id"] for it in listed] == [job]
    assert overnight.json("ls", "--json", "--queue", "special", "--task", "jobs.count") == []
    assert overnight.json("ls", "--json", "--queue", "special", "--state", "queued") == []
    assert len(overnight.json("ls", "--json", "--limit", "2")) == 2
    nothing = overnight("ls", "--queue", "nowhere")
    assert (nothing.code, nothing.out) == (0, "")
    assert str(overnight.home) in nothing.err


def test_tasks_that_workers_serve_are_listed_and_run_by_name(overnight: Commands) -> None:
    listed = overnight.ok("tasks")
    assert f"{overnight.folder / 'jobs.py'} · 1 worker" in listed
    assert "jobs.count  [--top INTEGER] [--text TEXT]" in listed
    assert "Count to the top." in listed
    assert "jobs.plain" not in listed
    assert "jobs.plain  --a INTEGER [--b TEXT]" in overnight.ok("tasks", "--all")
    assert overnight.ok("run", "count", "--top", "1") == "1\n"
    assert overnight.ok("run", "jobs.count", "--top", "1") == "1\n"
    answer = overnight("run", "cuont")
    assert answer.code == 2
    assert "did you mean count?" in answer.err


def test_doctor_says_what_is_in_use(overnight: Commands) -> None:
    told = overnight.json("doctor", "--json")
    assert told["settings"]["home"] == {"value": str(overnight.home), "origin": "OVERNIGHT_HOME"}
    assert told["settings"]["lease"]["origin"] == "OVERNIGHT_LEASE"
    assert told["sqlite"]["version"].startswith("3.")
    assert told["home"]["permissions"]["overnight.db"] == "0o600"
    assert [len(worker["sources"]) for worker in told["workers"]] == [1]
    text = overnight.ok("doctor")
    assert str(overnight.home) in text
    assert "OVERNIGHT_HOME" in text
    assert "every invariant holds" in overnight.ok("doctor", "--verify")


# -- on a terminal -----------------------------------------------------------------------------------


def test_on_a_terminal_a_bar_is_drawn_and_ctrl_c_leaves_the_job_running(
    overnight: Commands, gate: Path
) -> None:
    with_bar = overnight.on_terminal("run", "jobs.py:wait_for", "--file", str(gate))
    with_bar.expect("60/100 ")
    with_bar.expect("━")
    with_bar.type("\x03")
    assert with_bar.end() == 130
    job = overnight.json("ls", "--json", "--limit", "1")[0]
    assert job["state"] == "running"
    assert f"still running; come back: overnight wait …{job['id'][-8:]}" in with_bar.shown
    assert "\x1b[?25h" in with_bar.shown  # the cursor is back
    gate.touch()
    assert overnight("wait", job["id"]).code == 0


def test_on_a_terminal_a_short_result_is_said_once(overnight: Commands) -> None:
    shown = overnight.on_terminal("run", "jobs.py:count", "--top", "7")
    assert shown.end() == 0
    assert "item 6" in shown.shown
    assert re.search(r"✔ succeeded in \S+ → 7", shown.shown)
    assert clean(shown.shown).rstrip().endswith("→ 7")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watching_and_not_the_job(overnight: Commands, gate: Path, number: int) -> None:
    with overnight.started("run", "jobs.py:wait_for", "--file", str(gate)) as watching:
        assert watching.stderr is not None
        read_to("60/100", watching.stderr)
        watching.send_signal(number)
        assert watching.wait(20) == 143
        assert "come back: overnight wait …" in watching.stderr.read()
    job = overnight.json("ls", "--json", "--limit", "1")[0]
    assert job["state"] == "running"
    gate.touch()
    assert overnight("wait", job["id"]).code == 0


def test_a_killed_process_is_told_with_where_the_job_went_on(overnight: Commands, gate: Path) -> None:
    with overnight.started("run", "jobs.py:wait_for", "--file", str(gate), "--items", "600") as watching:
        assert watching.stderr is not None
        assert watching.stdout is not None
        read_to("60/600", watching.stderr)
        os.kill(process_at_work(overnight.home), signal.SIGKILL)
        gate.touch()
        told = read_to("killed", watching.stderr)
        assert re.fullmatch(r"↻ process killed by SIGKILL; went on at item \d+ of 600\n", told)
        assert watching.wait(20) == 0
        assert watching.stdout.read() == "600\n"


def read_to(words: str, lines: IO[str]) -> str:
    for line in lines:
        if words in line:
            return line
    raise AssertionError(f"{words!r} was not said")


def process_at_work(home: Path) -> int:
    """The child of a worker of this home that has used the most of a processor."""
    used: dict[int, float] = {}
    for process in psutil.process_iter():
        try:
            parent = process.parent()
            words = " ".join(parent.cmdline()) if parent else ""
            if "overnight.runner.zygote" in words and str(home.parent) in words:
                used[process.pid] = sum(process.cpu_times()[:2])
        except psutil.Error:
            continue  # it ended while we looked
    return max(used, key=lambda pid: used[pid])
