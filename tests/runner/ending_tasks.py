"""Tasks that end in every way there is."""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import io
import logging
import multiprocessing
import os
import random
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

from overnight import job, task, track

HOUR = 3600


def note_pid(ledger: Path, pid: int | None = None) -> None:
    """Add the number of a process to a file, in one write."""
    with ledger.open("ab", buffering=0) as file:
        file.write(f"{pid or os.getpid()}\n".encode())


@task
def give(value: Any) -> Any:
    return value


@task
def doze(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


# -- without a word ----------------------------------------------------------------------------------


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


@task
def terminate_itself(ledger: Path) -> None:
    """Send SIGTERM to all of its own group, as careless programs do at their end."""
    note_pid(ledger)
    os.killpg(0, signal.SIGTERM)
    time.sleep(10)


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


# -- output ------------------------------------------------------------------------------------------


@task(attempts=2, backoff="0.01s")
def talk(times: int = 3) -> None:
    """Print to both streams at each attempt, and fail at the first."""
    for number in range(times):
        print(f"out {job.attempt} {number}")
        print(f"err {job.attempt} {number}", file=sys.stderr)
        time.sleep(0.05)
    print("no newline at the end", end="")
    if job.attempt == 1:
        raise OSError("once more")


@task
def flood(lines: int) -> None:
    for number in range(lines):
        print(f"line {number:06}")


@task
def write_strangely(ledger: Path) -> None:
    """Print past Python's streams, and what is no text."""
    os.write(1, b"from C\n")
    os.write(1, bytes(range(1, 10)) + bytes(range(11, 256)) + b"\n")
    os.write(1, b"x" * 1_000_000 + b"\n")
    subprocess.run([sys.executable, "-c", "print('from a program')"], check=True)
    subprocess.run(["sh", "-c", "echo to stderr >&2"], check=True)
    print("half \ud800 a sign")
    os.write(1, b"windows\r\n\n")
    os.write(1, b"\xc3")  # half of a letter, and the rest in a later write
    time.sleep(0.05)
    os.write(1, b"\xa4\n")


@task
def close_streams() -> str:
    """Close what it prints to, and go on."""
    print("before")
    sys.stdout.close()
    os.close(2)
    return "went on"


@task(at_most_once=True)
def speak_and_die() -> None:
    print("the last line")
    os.write(1, b"and a half")
    os.kill(os.getpid(), signal.SIGKILL)


@task
def log_strangely() -> str:
    """Log and report what is hard to carry."""
    job.log.info("half \ud800 a sign")
    job.progress(1, 10**30, "half \ud800 a sign")
    job.log.warning("x" * 1_000_000)
    logging.getLogger("half \ud800 a name").warning("said")
    for _ in track(range(3), "half \ud800 a name", total=Fraction(6, 2)):
        pass
    return "went on"


# -- being stopped -----------------------------------------------------------------------------------


@task(grace="1s")
def sleep(ledger: Path) -> None:
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="1s")
def loop(ledger: Path) -> None:
    note_pid(ledger)
    while True:
        pass


@task(grace="1s")
def loop_in_c(ledger: Path) -> None:
    """Keep the interpreter's lock in C, where no signal is seen."""
    note_pid(ledger)
    sum(range(10**13))


@task(grace="1s")
def match_for_ever(ledger: Path) -> None:
    """Do what people do by mistake."""
    note_pid(ledger)
    re.fullmatch("(a+)+b", "a" * 60)


@task(grace="1s")
def hash_for_ever(ledger: Path) -> None:
    """Work in C without the interpreter's lock."""
    note_pid(ledger)
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 2**31 - 1)


@task(grace="1s")
async def sleep_later(ledger: Path) -> None:
    import asyncio  # noqa: PLC0415 -- as a task may

    note_pid(ledger)
    await asyncio.sleep(HOUR)


@task(grace="1s")
async def block_the_loop(ledger: Path) -> None:
    """Hold up the event loop, as a coroutine should not."""
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="1s")
def wait_for_thread(ledger: Path) -> None:
    """Wait in the main thread for another that never ends."""
    note_pid(ledger)
    thread = threading.Thread(target=time.sleep, args=(HOUR,), daemon=True)
    thread.start()
    thread.join()


@task(grace="1s")
def swallow(ledger: Path) -> None:
    """Be deaf to everything."""
    note_pid(ledger)
    while True:
        try:
            time.sleep(HOUR)
        except BaseException:
            print("swallowed", flush=True)


@task(grace="1s")
def swallow_once(ledger: Path) -> None:
    """Take the first stop for something else."""
    note_pid(ledger)
    try:
        for _ in track(range(10**6)):
            time.sleep(0.01)
    except BaseException:
        print("swallowed")
    time.sleep(HOUR)


@task(grace="1s")
def ignore_signals(ledger: Path) -> None:
    """Have SIGTERM ignored, as some libraries do."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="2s")
def handle_signals(ledger: Path, how: str) -> str:
    """Take SIGTERM for itself, as libraries do that save their own state."""
    told: list[int] = []

    def note(number: int, _frame: object) -> None:
        told.append(number)

    def leave(_number: int, _frame: object) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, note if how == "return" else leave)
    note_pid(ledger)
    while not told:
        time.sleep(0.01)
    return "half of it"


@task(grace="1s")
def flood_for_ever(ledger: Path) -> None:
    """Keep everybody busy."""
    note_pid(ledger)
    while True:
        print("x" * 200)


@task(grace="3s")
def clean_up_slowly(ledger: Path) -> None:
    """Take a while to end decently."""
    note_pid(ledger)
    try:
        time.sleep(HOUR)
    finally:
        time.sleep(0.6)
        print("cleaned up")


@task(grace="2s")
def return_after_stop(ledger: Path) -> str:
    """Swallow the stop, and return as if nothing had been."""
    note_pid(ledger)
    try:
        time.sleep(HOUR)
    except BaseException as stop:
        print(f"swallowed {type(stop).__name__}")
    return "too late"


@task(grace="1s")
def raise_after_stop(ledger: Path) -> None:
    """Fail while cleaning up."""
    note_pid(ledger)
    try:
        time.sleep(HOUR)
    finally:
        raise ValueError("failed while cleaning up")


@task(grace="2s")
def return_in_time(ledger: Path, gate: Path) -> str:
    """Return as soon as somebody lets it; sees no stop before that."""
    note_pid(ledger)
    while not gate.exists():
        pass
    return "in time"


@task(grace="1s")
def run_program(ledger: Path) -> None:
    """Wait for a program."""
    note_pid(ledger)
    script = f"echo $$ >> {ledger}; exec sleep {HOUR}"
    subprocess.run(["sh", "-c", script], check=True)


@task(grace="1s")
def scatter(ledger: Path) -> None:
    """Start processes that try to get away: sessions of their own, forked twice, deaf to SIGTERM."""
    note_pid(ledger)
    deaf = "import os, signal, sys, time; signal.signal(15, signal.SIG_IGN); "
    noted = f"open({str(ledger)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep({HOUR})"
    subprocess.Popen([sys.executable, "-c", deaf + noted], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note_pid(ledger)
            time.sleep(HOUR)
        os._exit(0)
    time.sleep(HOUR)


def note_and_sleep(ledger: Path) -> None:
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="1s")
def use_pool(ledger: Path) -> None:
    """Have a pool of processes do the work."""
    note_pid(ledger)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(note_and_sleep, [ledger] * 2)


@task(grace="1s")
def track_slowly(ledger: Path) -> None:
    """Look for a stop often enough to be asked."""
    note_pid(ledger)
    for _ in track(range(10**6)):
        time.sleep(0.01)


# -- limits ------------------------------------------------------------------------------------------

MIB = 1 << 20


@task(memory="96MiB", grace="1s")
def hoard(ledger: Path) -> None:
    """Take memory until there is none."""
    hoarded = []
    try:
        while True:
            hoarded.append(bytearray(4 * MIB))
            time.sleep(0.005)
    finally:
        with ledger.open("a") as lines:
            lines.write(f"finally with {len(hoarded) * 4} MiB\n")


@task(memory="96MiB", grace="1s")
def hoard_in_programs(ledger: Path) -> None:
    """Have several programs take memory, each less than the limit."""
    note_pid(ledger)
    script = f"import time; taken = bytearray({60 * MIB}); time.sleep({HOUR})"
    programs = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    for program in programs:
        note_pid(ledger, program.pid)
    for program in programs:
        program.wait()


@task(memory="96MiB", grace="1s")
def hoard_shared(ledger: Path) -> None:
    """Take memory that counts as nobody's data."""
    import mmap  # noqa: PLC0415 -- as a task may

    note_pid(ledger)
    shared = mmap.mmap(-1, 200 * MIB)
    for _ in range(199):
        shared.write(b"x" * MIB)
    time.sleep(HOUR)


@task(memory="256MiB")
def use_some(size: int) -> int:
    """Take memory below the limit, and give it back."""
    taken = bytearray(size)
    time.sleep(0.6)
    return len(taken)


@task
def wait_for(gate: Path) -> str:
    until = time.monotonic() + 20
    while not gate.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return "untouched"


@task
def threads_allowed() -> dict[str, str | None]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: os.environ.get(name) for name in names}


@task
def draw() -> list[float]:
    return [random.random(), random.Random().random()]


@task
def note_time(ledger: Path, seconds: float) -> None:
    """Note when it ran."""
    began = time.monotonic()
    time.sleep(seconds)
    with ledger.open("a") as lines:
        lines.write(f"{began} {time.monotonic()}\n")


@task
def make_a_mess() -> None:
    """Change everything in the process that can be changed."""
    os.environ["LEFT_BEHIND"] = "1"
    os.chdir("/")
    os.umask(0)
    sys.path.insert(0, "/left/behind")
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    globals()["HOUR"] = 1
    sys.setrecursionlimit(5000)


@task
def describe_process() -> dict[str, Any]:
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        "environment": "LEFT_BEHIND" in os.environ,
        "cwd": str(Path.cwd()),
        "umask": umask,
        "path": "/left/behind" in sys.path,
        "SIGUSR1": signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL,
        "SIGTERM": callable(signal.getsignal(signal.SIGTERM)),
        "hour": HOUR,
        "recursion": sys.getrecursionlimit(),
        "session": os.getsid(0) == os.getpid(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "pid": os.getpid(),
    }


@task
def use_pool_of_kind(kind: str) -> list[Any]:
    """Have processes of every kind do the work, and leave those behind that the library leaves."""
    context = multiprocessing.get_context(kind)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return [sum(pool.map(abs, range(-10, 0))), sorted(pool.map(recall_job, range(2)))]


def recall_job(_number: int) -> str:
    """Say what a process that the function has started knows of the job."""
    return str(job.id)


@task
def ask() -> str:
    return input("what is your name? ")


# -- what is left behind -----------------------------------------------------------------------------


@task(grace="1s")
def leave_threads_and_hooks(ledger: Path) -> str:
    note_pid(ledger)
    threading.Thread(target=time.sleep, args=(HOUR,)).start()
    atexit.register(time.sleep, HOUR)
    return "kept"


@task(grace="1s")
def leave_processes(ledger: Path, count: int) -> str:
    """Fork many times, some into sessions of their own, and return."""
    for number in range(count):
        if os.fork() == 0:
            if number % 2:
                os.setsid()
            note_pid(ledger)
            time.sleep(HOUR)
            os._exit(0)
    while len(ledger.read_text().splitlines() if ledger.exists() else []) < count:
        time.sleep(0.01)
    return "kept"


@task(at_most_once=True)
def write_into_our_socket() -> None:
    for number in range(3, 1000):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, b"GET / HTTP/1.1\r\n\r\n")
        except OSError:
            continue  # nobody has that number
    time.sleep(HOUR)


@task(at_most_once=True)
def write_files_as_a_daemon(folder: Path) -> None:
    """Close all descriptors, open files in their place, and go on as if nothing had been."""
    job.log.info("the line is in use")
    os.closerange(3, 1000)
    files = [(folder / str(number)).open("w") for number in range(20)]
    for _ in range(3):
        try:
            job.progress(1, 2)
            job.log.info("said")
        except OSError as error:
            print(type(error).__name__)
        time.sleep(0.15)
    for file in files:
        file.write("mine\n")
        file.close()


@task(at_most_once=True, grace="1s")
def close_all_descriptors(then: str) -> str:
    """Do as a daemon does at its start."""
    os.closerange(3, 1000)
    if then == "report":
        job.progress(1, 2)
    elif then == "sleep":
        time.sleep(HOUR)
    return "returned"
