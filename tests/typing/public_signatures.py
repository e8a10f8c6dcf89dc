"""What type checkers say of programs that use overnight: read by mypy, never run.

A wrong call carries the error that it must get; an ignore that is not needed is an error too.
"""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any, assert_type

from overnight import App, Job, JobFailed, JobHandle, get, task
from overnight.jobs import ErrorInfo, State
from overnight.progress import Progress


@task
def transcribe(folder: Path, model: str = "small", *, top: int = 3) -> int:
    return len(model) + top


@task(attempts=3, memory="4GiB", timeout="2h", retry_on=OSError)
def report(names: list[str]) -> dict[str, float]:
    return dict.fromkeys(names, 0.0)


@task
async def fetch(address: str, /) -> bytes:
    return address.encode()


@task(queue="network")
async def fetch_all(*addresses: str, **headers: str) -> list[bytes]:
    return [address.encode() for address in (*addresses, *headers)]


# -- a direct call is the function's own -----------------------------------------------------------------

assert_type(transcribe(Path("talks")), int)
assert_type(report(["a"]), dict[str, float])
fetching: Coroutine[Any, Any, bytes] = fetch("https://example.org")
transcribe("talks")  # type: ignore[arg-type]
transcribe()  # type: ignore[call-arg]

# -- submit takes what the function takes, and the handle has its result ---------------------------------

assert_type(transcribe.submit(Path("talks")), JobHandle[int])
assert_type(transcribe.submit(Path("talks"), "large", top=5), JobHandle[int])
assert_type(transcribe.submit(folder=Path("talks"), model="large").result(timeout=5), int)
assert_type(report.submit(["a"]).result(), dict[str, float])
assert_type(fetch.submit("https://example.org").result(), bytes)
assert_type(fetch_all.submit("a", "b", agent="c").result(), list[bytes])

transcribe.submit("talks")  # type: ignore[arg-type]
transcribe.submit(Path("talks"), 3)  # type: ignore[arg-type]
transcribe.submit(Path("talks"), "large", 5)  # type: ignore[call-arg]
transcribe.submit()  # type: ignore[call-arg]
transcribe.submit(Path("talks"), colour="red")  # type: ignore[call-arg]
transcribe.submit(Path("talks"), top="many")  # type: ignore[arg-type]
fetch.submit(address="https://example.org")  # type: ignore[call-arg]
fetch_all.submit(1)  # type: ignore[arg-type]
transcribe.delay(Path("talks"))  # type: ignore[attr-defined]
transcribe.apply_async()  # type: ignore[attr-defined]

# -- other options keep the types ------------------------------------------------------------------------

slow = transcribe.with_options(queue="slow", priority=2, delay="10m")
assert_type(slow.submit(Path("talks")), JobHandle[int])
assert_type(slow(Path("talks")), int)
assert_type(fetch.with_options(app=App()).submit("a"), JobHandle[bytes])
slow.submit("talks")  # type: ignore[arg-type]
transcribe.with_options(countdown=5)  # type: ignore[call-arg]
transcribe.with_options(priority="high")  # type: ignore[arg-type]
transcribe.with_options(version=2)  # type: ignore[call-arg]


@task(retries=3)  # type: ignore[call-overload, untyped-decorator]
def unknown_option() -> None: ...


@task(attempts="three")  # type: ignore[call-overload, untyped-decorator]
def wrong_option() -> None: ...


# -- many, and later -------------------------------------------------------------------------------------

assert_type(
    transcribe.submit_many([{"folder": Path("a")}, {"folder": Path("b"), "top": 1}]), list[JobHandle[int]]
)
transcribe.submit_many([3])  # type: ignore[list-item]


async def later() -> None:
    handle = await transcribe.submit_async(Path("talks"), top=4)
    assert_type(handle, JobHandle[int])
    assert_type(await handle, int)
    assert_type(await fetch("https://example.org"), bytes)
    assert_type(await handle.wait_async(5), bool)
    assert_type(await handle.result_async(timeout=5), int)
    assert_type(await handle.cancel_async("not needed"), Job)
    async for job in handle.watch():
        assert_type(job, Job)
    await transcribe.submit_async("talks")  # type: ignore[arg-type]


# -- handles ---------------------------------------------------------------------------------------------

handle = transcribe.submit(Path("talks"))
assert_type(handle.id, str)
assert_type(handle.state, State)
assert_type(handle.progress, Progress)
assert_type(handle.error, ErrorInfo | None)
assert_type(handle.snapshot(), Job)
assert_type(handle.wait(timeout=1.5), bool)
assert_type(handle.cancel("not needed"), Job)
assert_type(handle.retry(), Job)
assert_type(handle.rerun(model="large"), JobHandle[int])
for job in handle.watch():
    assert_type(job.progress.fraction, float | None)
for line in handle.logs(attempt=1):
    assert_type(line.text, str)
handle.state = State.FAILED  # type: ignore[misc]
wrong: str = handle.result()  # type: ignore[assignment]
assert_type(get("4f9c21ab"), JobHandle[Any])

try:
    handle.result()
except JobFailed as failed:
    assert_type(failed.kind, str)
    assert_type(failed.traceback, str | None)
