"""Tasks that end in every way there is."""

from __future__ import annotations

import ctypes
import io
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from overnight import job, task
from tests.runner.simple_tasks import note_pid


@task(at_most_once=True)
def die(how: str) -> None:
    """End the process in some way of which the function knows nothing."""
    match how:
        case "SIGKILL" | "SIGABRT" | "SIGILL" | "SIGHUP" | "SIGTERM":
            os.kill(os.getpid(), getattr(signal, how))
            time.sleep(10)
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "exit 0":
            os._exit(0)
        case "exit 3":
            os._exit(3)
        case "exit 3 with words":
            print("last words", flush=True)
            os._exit(3)
        case "thread":
            threading.Thread(target=os._exit, args=(4,)).start()
            time.sleep(10)
        case "zygote":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(10)


@task
def crash(ledger: Path) -> None:
    """Die at each start."""
    note_pid(ledger)
    os.kill(os.getpid(), signal.SIGKILL)


@task
def crash_after_saving(ledger: Path, times: int) -> int:
    """Die at each of the first starts, each time a step further."""
    state = job.restore({"step": 0})
    state["step"] += 1
    job.save()
    note_pid(ledger)
    if state["step"] <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return state["step"]


@task
def crash_with_much_saved(size: int) -> list[int]:
    """Die once with much saved, and go on with it."""
    state = job.restore({"text": "", "starts": 0})
    state["starts"] += 1
    if state["starts"] == 1:
        state["text"] = "x" * size
        job.save()
        os.kill(os.getpid(), signal.SIGKILL)
    return [state["starts"], len(state["text"])]


@task
def terminate_itself(ledger: Path) -> None:
    """Send SIGTERM to all of its own group, as careless programs do at their end."""
    note_pid(ledger)
    os.killpg(0, signal.SIGTERM)
    time.sleep(10)


@task(at_most_once=True)
def speak_and_die() -> None:
    print("the last line")
    os.write(1, b"and a half")
    os.kill(os.getpid(), signal.SIGKILL)


# -- with words --------------------------------------------------------------------------------------


class Unpicklable(Exception):
    """An exception that holds what cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


class Unspeakable(Exception):
    """An exception whose words are a trap."""

    def __init__(self, trap: BaseException) -> None:
        super().__init__()
        self.trap = trap

    def __str__(self) -> str:
        raise self.trap


class Hinting(Exception):
    """An exception with an attribute that is called as one of ours."""

    hint = 5


class HidingHint(Exception):
    """An exception that cannot be asked anything."""

    @property
    def hint(self) -> str:
        raise RuntimeError("do not ask")


def recurse(depth: int) -> int:
    return recurse(depth + 1) + 1


@task(attempts=3)
def fail(how: str) -> None:  # noqa: C901 -- one line for each way
    """Raise in some way."""
    match how:
        case "unpicklable":
            raise Unpicklable
        case "str raises":
            raise Unspeakable(ValueError("trap"))
        case "str exits":
            raise Unspeakable(SystemExit(5))
        case "no words":
            raise ValueError
        case "hint":
            raise Hinting("has a number as hint")
        case "hiding hint":
            raise HidingHint("has no hint to give")
        case "group":
            raise ExceptionGroup("two at once", [ValueError("one"), KeyError("two")])
        case "chained":
            try:
                raise KeyError("the cause")
            except KeyError as error:
                raise ValueError("the effect") from error
        case "recursion":
            recurse(0)
        case "long":
            raise ValueError("x" * 10_000_000)
        case "surrogates":
            raise ValueError("half \ud800 a sign and \x00")
        case "sys.exit":
            sys.exit("bye")
        case "sys.exit 0":
            sys.exit(0)
        case "interrupt":
            raise KeyboardInterrupt
        case "generator exit":
            raise GeneratorExit
        case "local class":

            class Local(Exception):
                """Nobody can import it."""

            raise Local("made here")


@task
def return_what(kind: str) -> Any:
    """Return what JSON cannot hold."""
    match kind:
        case "huge":
            return "x" * (17 << 20)
        case "object":
            return object()
        case "lock":
            return {"deep": [threading.Lock()]}
        case "nan":
            return {"rows": [1.0, float("nan")]}
        case "infinity":
            return float("inf")
        case "surrogates":
            return ["half \ud800"]
        case "cycle":
            cycle: list[Any] = []
            cycle.append(cycle)
            return cycle
        case "deep":
            deep: list[Any] = []
            for _ in range(100_000):
                deep = [deep]
            return deep
        case "generator":
            return (number for number in range(3))
        case "function":
            return recurse


# -- all the rest ------------------------------------------------------------------------------------


@task
def give_text(size: int) -> str:
    return "x" * size


@task
def measure(text: str) -> int:
    return len(text)


@task(at_most_once=True)
def fork_and_forget(then: str) -> str:
    """Fork, and let the copy run into code that is not its own."""
    pid = os.fork()
    if pid == 0:
        job.log.info("from the copy")
        if then == "raise":
            raise ValueError("in the copy")
        if then == "exit":
            sys.exit(3)
        return "from the copy"
    os.waitpid(pid, 0)
    time.sleep(0.05)
    return "from the job"


@task
def replace_streams(how: str) -> str:
    """Leave streams behind that are none."""
    streams: dict[str, Any] = {"none": None, "odd": object(), "text": io.StringIO()}
    sys.stdout = sys.stderr = streams[how]
    job.log.warning("said")
    return "went on"
