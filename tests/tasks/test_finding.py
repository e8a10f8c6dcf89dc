"""Tasks are found by the names that people and jobs have for them."""

from pathlib import Path

import pytest

from overnight.errors import BadInput, BadTask, NotFound, SourceBroken
from overnight.jobs import Job, State
from overnight.options import Options
from overnight.sources import Source
from overnight.tasks import call_again, find_task, tasks_of
from tests.tasks.test_sources import folder, write

__all__ = ["folder"]

TALKS = """
from pathlib import Path
from os.path import join
from threading import Lock
from neighbour import shared, plain_neighbour
from overnight.tasks import task

@task(attempts=3)
def transcribe(folder: Path, model: str = "small") -> int: ...

@task(name="nightly")
def clean() -> None: ...

def count(folder: Path) -> int: ...

def _private(): ...
def yields(): yield
def locked(lock: Lock): ...
alias = count
"""
NEIGHBOUR = """
from overnight.tasks import task

@task
def shared(): ...
def plain_neighbour(): ...
"""


@pytest.fixture
def source(folder: Path) -> Source:
    write(folder / "talks.py", TALKS)
    write(folder / "neighbour.py", NEIGHBOUR)
    return Source.named("talks.py", folder)


def test_the_tasks_of_a_file_are_the_declared_and_the_plain_public_ones(source: Source) -> None:
    tasks = tasks_of(source)
    assert {name: it.is_declared for name, it in tasks.items()} == {
        "talks.transcribe": True,
        "nightly": True,
        "talks.count": False,
    }
    assert tasks["talks.transcribe"].options.attempts == 3
    assert all(it.source == source for it in tasks.values())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("talks.transcribe", "talks.transcribe"),
        ("transcribe", "talks.transcribe"),
        ("nightly", "nightly"),
        ("clean", "nightly"),
        ("count", "talks.count"),
        ("talks.count", "talks.count"),
        ("alias", "talks.count"),
        ("shared", "neighbour.shared"),
        ("plain_neighbour", "neighbour.plain_neighbour"),
    ],
)
def test_a_task_is_found_by_its_name_or_that_of_its_function(source: Source, name: str, found: str) -> None:
    assert find_task(source, name).name == found


def test_a_task_that_was_imported_belongs_to_its_own_file(source: Source) -> None:
    assert find_task(source, "shared").source == Source.named("neighbour.py", Path(source.root))
    assert find_task(source, "plain_neighbour").source == find_task(source, "shared").source


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("yields", "return a list, or write a file"),
        ("locked", "make it inside the task"),
        ("_private", "begins with an underscore"),
        ("Path", "class Path is no function"),
    ],
)
def test_a_function_that_cannot_be_a_task_says_why_when_it_is_asked_for(
    source: Source, name: str, words: str
) -> None:
    with pytest.raises(BadTask, match=words):
        find_task(source, name)


def test_a_name_that_is_not_there_is_told_what_is(source: Source) -> None:
    with pytest.raises(NotFound, match="did you mean 'transcribe'"):
        find_task(source, "transcrib")
    with pytest.raises(NotFound, match=r"its tasks are nightly, talks\.count, talks\.transcribe"):
        find_task(source, "zzz")
    with pytest.raises(NotFound, match="has no task 'TALKS'"):
        find_task(source, "TALKS")


def test_a_file_without_functions_says_so(folder: Path) -> None:
    write(folder / "empty.py", "N = 1\n")
    with pytest.raises(NotFound, match="no public functions"):
        find_task(Source.named("empty.py", folder), "work")


def test_a_broken_source_is_told_as_such(folder: Path) -> None:
    write(folder / "talks.py", "1 / 0\n")
    with pytest.raises(SourceBroken):
        find_task(Source.named("talks.py", folder), "work")


def job_of(source: str) -> Job:
    return Job(
        id="018f0000-0000-7000-8000-000000000000",
        task="talks.transcribe",
        source=source,
        state=State.FAILED,
        options=Options(attempts=3),
        created_at=1.0,
        due_at=1.0,
        input={"model": "small", "folder": "/a"},
    )


def test_a_call_can_be_made_again_with_something_changed(source: Source) -> None:
    call = call_again(job_of(source.key), {"model": "large"})
    assert call.input == b'{"folder":"/a","model":"large"}'
    assert (call.task, call.source, call.options) == ("talks.transcribe", source.key, Options(attempts=3))
    with pytest.raises(BadInput, match="argument 'models' does not exist"):
        call_again(job_of(source.key), {"models": "large"})


def test_a_call_that_is_made_again_as_it_was_does_not_need_its_source(source: Source) -> None:
    job = job_of("/nowhere/talks.py")
    assert call_again(job, {}).input == find_task(source, "transcribe").signature.pack(("/a",), {})
