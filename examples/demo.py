"""The main job on real input, killed midway: run it with `make demo`.

It submits the census of the standard library as anybody would, with a store of its own in a temporary folder;
kills the process that does the work when half of it is done; looks whether the job went on where it was, and
whether result and report are those of a census that nobody disturbed; and sees to it that nothing is left
running. If any of that is not so, it says why, with exit code 1.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import psutil
from pydantic import TypeAdapter

from examples.stdlib_census import Report, census

ROOT = Path(__file__).parents[1]
OVERNIGHT = str(Path(sys.executable).with_name("overnight"))
TARGET = "examples/stdlib_census.py:census"

T = TypeVar("T")


class Disappointed(Exception):
    """Something is not as it was promised."""


def main() -> int:
    """Run the demo; return its exit code."""
    with TemporaryDirectory(prefix="overnight-demo-") as folder:
        os.environ["OVERNIGHT_HOME"] = folder  # every command below finds it there, and so does the worker
        try:
            kill_it_and_compare()
        except Disappointed as reason:
            say(f"✘ {reason}")
            return 1
        finally:
            left = end_processes_of(folder)
        if left:
            say(f"✘ these had to be killed: {', '.join(left)}")
            return 1
        say(f"✔ nothing is left running: no process has OVERNIGHT_HOME={folder} in its environment")
    return 0


def kill_it_and_compare() -> None:
    """Submit, kill, wait for the end, and hold the outcome against that of a plain call."""
    say(f"$ overnight run {TARGET}")
    run = subprocess.Popen([OVERNIGHT, "run", TARGET], cwd=ROOT, stdout=subprocess.DEVNULL)
    job_id = wait_for(submitted, run, "there was a job")
    before = wait_for(lambda: half_done(show(job_id)), run, "half of the work was done")
    pid = before["attempt_list"][-1]["detail"]["pid"]
    say(f"$ kill -9 {pid}")
    os.kill(pid, signal.SIGKILL)
    # Until the second attempt has spoken, the job shows how far the first one came: wait for another number.
    between = wait_for(lambda: started_again(show(job_id)), run, "it was started again")
    after = wait_for(lambda: moved_on(show(job_id), since=between), run, "it went on")
    run.wait()
    expect(run.returncode == 0, f"`overnight run` ended with exit code {run.returncode}")
    expect(
        after["progress"]["done"] > before["progress"]["done"] / 2,
        f"it was killed at item {before['progress']['done']:g}, and began anew",
    )
    outcomes = [attempt["outcome"] for attempt in show(job_id)["attempt_list"]]
    expect(outcomes == ["Crashed", "Succeeded"], f"its attempts ended as {outcomes}")

    say("\nNow the same function, called and not disturbed:")
    with redirect_stdout(StringIO()) as printed:
        undisturbed = TypeAdapter(Report).dump_python(census(), mode="json")
    expect(json.loads(ask("result", job_id)) == undisturbed, "the result is not that of the plain call")
    expect(ask("logs", job_id) == printed.getvalue(), "the report is not that of the plain call")
    say("✔ result and report are the same, to the last digit")


Job = dict[str, Any]


def submitted() -> str | None:
    """Return the id of the one job of the demo's store once it is there."""
    jobs = json.loads(ask("ls", "--json"))
    return str(jobs[0]["id"]) if jobs else None


def half_done(job: Job) -> Job | None:
    """Return the job if half of it is done."""
    return job if (job["progress"]["fraction"] or 0) >= 0.5 else None


def started_again(job: Job) -> Job | None:
    """Return the job if it is in its second attempt."""
    return job if job["attempt"] > 1 else None


def moved_on(job: Job, *, since: Job) -> Job | None:
    """Return the job if it says something else of its progress than it did."""
    done = job["progress"]["done"]
    return job if done is not None and done != since["progress"]["done"] else None


def show(job_id: str) -> Job:
    """Return a job with its attempts."""
    return cast(Job, json.loads(ask("show", job_id, "--json")))


def ask(*words: str) -> str:
    """Return the answer of an `overnight` command."""
    done = subprocess.run(
        [OVERNIGHT, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    expect(done.returncode == 0, f"`overnight {' '.join(words)}` ended with {done.returncode}: {done.stderr}")
    return done.stdout


def wait_for(question: Callable[[], T | None], run: "subprocess.Popen[bytes]", what: str) -> T:
    """Ask until there is an answer, as long as the job is watched."""
    while run.poll() is None:
        if (answer := question()) is not None:
            return answer
        time.sleep(0.05)
    raise Disappointed(f"`overnight run` ended (exit code {run.returncode}) before {what}")


def end_processes_of(home: str) -> list[str]:
    """Tell the worker to leave, and who watches; wait for all; return what did not go, and was killed.

    Every process of a store has the home in its environment, which it got from the `overnight run` above.
    """
    for process in processes_of(home):
        with suppress(psutil.NoSuchProcess):  # gone by itself since it was listed
            if {"worker", "run"} & set(process.cmdline()):
                process.terminate()
    _, left = psutil.wait_procs(processes_of(home), timeout=30)
    for process in left:
        with suppress(psutil.NoSuchProcess):  # as above
            process.kill()
    return [str(process.pid) for process in left]


def processes_of(home: str) -> list[psutil.Process]:
    """List the processes that carry the mark of this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("OVERNIGHT_HOME") == home:
                found.append(process)
        except psutil.Error:
            continue  # not ours to look at, or gone by now
    return found


def expect(is_so: bool, otherwise: str) -> None:
    """Go on only if something is so."""
    if not is_so:
        raise Disappointed(otherwise)


def say(text: str) -> None:
    """Print a line; on a terminal it takes the place of the bar that is just drawn there."""
    print(f"\r\x1b[K{text}" if sys.stdout.isatty() else text, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # tidies up on the way out
    sys.exit(main())
