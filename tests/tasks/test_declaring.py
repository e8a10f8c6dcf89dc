"""What can be a task, what cannot and why, and what a task still is: a function."""

import asyncio
import copy
import functools
import importlib
import inspect
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from overnight.errors import BadInput, BadOption, BadTask, Refused
from overnight.options import Options
from overnight.sources import Source
from overnight.tasks import Task, task


@task
def double(number: int) -> int:
    """Double a number."""
    return number * 2


@task(attempts=3, memory="1GiB", name="shop.triple")
async def triple(number: int) -> int:
    return number * 3


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@task
@logged
def decorated(number: int) -> int:
    return number


def test_a_task_is_still_the_function() -> None:
    assert double(3) == 6
    assert asyncio.run(triple(3)) == 9
    assert decorated(3) == 3
    assert double.__name__ == "double"
    assert double.__doc__ == "Double a number."
    assert inspect.signature(double) == inspect.signature(double.function)
    assert pickle.loads(pickle.dumps(double)) is double


def test_a_task_has_a_name_a_source_and_options() -> None:
    module = __name__.rpartition(".")[2]
    assert double.name.endswith(f"{module}.double")
    assert double.source == Source.of(double.function) == decorated.source
    assert double.options == Options()
    assert double.is_declared
    assert triple.name == "shop.triple"
    assert (triple.options.attempts, triple.options.memory) == (3, 1024**3)
    assert decorated.name.endswith(".decorated")


def test_other_options_make_another_task_and_leave_this_one() -> None:
    changed = triple.with_options(queue="slow", delay="10s")
    assert (changed.options.queue, changed.options.delay, changed.options.attempts) == ("slow", 10.0, 3)
    assert triple.options.queue == "default"
    assert (changed.name, changed.source, changed.function) == (triple.name, triple.source, triple.function)
    assert asyncio.run(changed(2)) == 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retries": 2}, "here it is called attempts"),
        ({"max_retries": 2}, "here it is called attempts"),
        ({"time_limit": 2}, "here it is called timeout"),
        ({"delay": 5}, "belongs to a call, not to the task"),
        ({"at": None}, "belongs to a call, not to the task"),
        ({"colour": "red"}, "there is no option 'colour'"),
        ({"attempts": 0}, "option attempts=0"),
        ({"name": "a b"}, "name='a b': expected letters"),
        ({"name": ""}, "expected letters"),
    ],
)
def test_a_wrong_option_of_a_task_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadOption, match=words):
        task(**options)(double.function)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"countdown": 2}, "here it is called delay"),
        ({"eta": 2}, "here it is called at"),
        ({"name": "x"}, "belongs to the task, not to a call"),
        ({"version": 2}, "belongs to the task, not to a call"),
        ({"colour": "red"}, "there is no option 'colour'"),
    ],
)
def test_a_wrong_option_of_a_call_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadOption, match=words):
        double.with_options(**options)


@pytest.mark.parametrize(
    ("door", "ours"),
    [
        ("delay", ".submit(...)"),
        ("send", ".submit(...)"),
        ("enqueue", ".submit(...)"),
        ("defer", ".submit(...)"),
        ("apply_async", ".with_options(...).submit(...)"),
        ("send_with_options", ".with_options(...).submit(...)"),
        ("defer_async", ".submit_async(...)"),
    ],
)
def test_the_doors_of_other_systems_name_ours(door: str, ours: str) -> None:
    assert not hasattr(double, door)
    with pytest.raises(AttributeError) as missing:
        getattr(double, door)
    assert str(missing.value) == f"a task has no .{door}(); here it is called {ours}"


def test_an_attribute_that_nobody_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        double.colour  # type: ignore[attr-defined] # noqa: B018


class Shop:
    def count(self) -> int:
        return 1

    @staticmethod
    def open() -> None: ...

    @classmethod
    def close(cls) -> None: ...


def make_local() -> Callable[[], None]:
    def local() -> None: ...

    return local


def yields() -> Iterator[int]:
    yield 1


async def yields_too() -> AsyncIterator[int]:
    yield 1


NO_TASKS = [
    (lambda: 1, "a lambda has no name", "write it with def"),
    (make_local(), "make_local.<locals>.local is made inside another function", "move it to the top"),
    (Shop.count, "Shop.count is a method", "beside the class"),
    (Shop().count, "Shop.count is a method", "beside the class"),
    (Shop.open, "Shop.open is a method", "beside the class"),
    (Shop.close, "Shop.close is a method", "beside the class"),
    (staticmethod(Shop.open), "is a method", "beside the class"),
    (Shop, "class Shop is no function", "write a function that makes a Shop"),
    (print, "print is no function written in Python", "write a function that calls it"),
    (functools.partial(make_local), "is no function written in Python but partial", "write a function"),
    (yields, "yields yields, and a job has one result", "return a list, or write a file"),
    (yields_too, "yields_too yields", "return a list, or write a file"),
    (double, "double is a task already", "leave one @task out"),
    ("transcribe", "'transcribe' is no function", "@task(name=...)"),
    (3, "3 is no function", "write a function"),
]


@pytest.mark.parametrize(("function", "words", "cure"), NO_TASKS, ids=[words for _, words, _ in NO_TASKS])
def test_what_no_worker_could_find_is_refused_with_the_cure(function: Any, words: str, cure: str) -> None:
    for declare in (task, task(attempts=2)):
        with pytest.raises(BadTask) as refused:
            declare(function)
        assert words in refused.value.message
        assert cure in str(refused.value.hint)


def test_a_type_that_json_cannot_hold_is_refused_at_decoration(tmp_path: Path) -> None:
    with pytest.raises(BadTask, match="argument 'lock': _thread"):
        task_in(tmp_path, "import _thread\n@task\ndef work(lock: _thread.LockType): ...\n")


def test_decoration_loads_no_pydantic(tmp_path: Path) -> None:
    (tmp_path / "talks.py").write_text(
        "from __future__ import annotations\nfrom pathlib import Path\nfrom overnight.tasks import task\n"
        "@task\ndef work(folder: Path, when: Later | None = None) -> dict[str, int]: ...\n"
        "class Later: ...\n"
        "import sys; print('pydantic' in sys.modules)\n"
    )
    assert run(tmp_path, "talks.py") == "False\n"


# -- one name, one function ------------------------------------------------------------------------------


def run(folder: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, *args], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def task_in(folder: Path, text: str) -> Any:
    """Run a file's text as its module would be, and return what it defines."""
    file = folder / "talks.py"
    file.write_text(text)
    names: dict[str, Any] = {"__name__": "talks", "__file__": str(file), "task": task}
    exec(compile(text, str(file), "exec"), names)
    return names


TWO_WITH_ONE_NAME = [
    "@task\ndef work(): ...\n\n@task\ndef work(a: int): ...\n",
    "@task(name='work')\ndef one(): ...\n\n@task(name='work')\ndef two(): ...\n",
    "@task\ndef work(): ...\n\n@task(name='talks.work')\nasync def other(): ...\n",
]


@pytest.mark.parametrize("text", TWO_WITH_ONE_NAME)
def test_a_name_used_twice_is_refused_and_both_places_are_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadTask, match="is declared twice") as refused:
        task_in(tmp_path, text)
    assert f"{tmp_path}/talks.py:1 and {tmp_path}/talks.py:4" in refused.value.message


def test_one_name_in_two_files_is_fine(tmp_path: Path) -> None:
    text = "@task(name='shop.work')\ndef work(): ...\n"
    for name in "ab":
        (tmp_path / name).mkdir()
    first, second = task_in(tmp_path / "a", text)["work"], task_in(tmp_path / "b", text)["work"]
    assert first.name == second.name
    assert first.source != second.source


def test_a_file_may_be_run_again_as_it_is_and_as_it_was_edited(tmp_path: Path) -> None:
    text = "@task\ndef work(): ...\n"
    task_in(tmp_path, text)
    task_in(tmp_path, text)
    assert task_in(tmp_path, "\n\n\n" + text)["work"].function.__code__.co_firstlineno == 4
    assert task_in(
        tmp_path, text.replace("def work", "def renamed").replace("@task", "@task(name='talks.work')")
    )
    swapped = "@task\ndef other(): ...\n\n" + text
    assert task_in(tmp_path, swapped)["work"].name == "talks.work"


def test_a_module_may_be_reloaded_after_an_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = "from overnight.tasks import task\n@task\ndef work(): return 1\n"
    file = tmp_path / "reloaded_talks.py"
    file.write_text(text)
    module = importlib.import_module("reloaded_talks")
    try:
        assert importlib.reload(module).work() == 1
        file.write_text("# one line more\n" + text.replace("return 1", "return 2"))
        assert importlib.reload(module).work() == 2
    finally:
        del sys.modules["reloaded_talks"]


# -- submitting while importing --------------------------------------------------------------------------

SUBMITS = "from overnight.tasks import task\n@task\ndef work(): ...\nwork.submit()\n"


def test_a_submit_during_an_import_names_the_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eager_talks.py").write_text(SUBMITS)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Refused, match=r'if __name__ == "__main__":'):
        importlib.import_module("eager_talks")


def test_a_source_that_submits_while_a_worker_loads_it_is_broken_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "eager.py").write_text(SUBMITS)
    told = run(
        tmp_path,
        "-c",
        "from overnight.sources import Source; from pathlib import Path\n"
        "try: Source.named('eager.py', Path.cwd()).load()\n"
        "except Exception as broken: print(broken.traceback)",
    )
    assert "eager.work is submitted while" in told
    assert 'if __name__ == "__main__":' in told
    assert "work.submit()" in told


def test_a_task_of_another_module_cannot_be_submitted_during_a_load_either(tmp_path: Path) -> None:
    (tmp_path / "talks.py").write_text(SUBMITS.replace("work.submit()", ""))
    (tmp_path / "eager.py").write_text("from talks import work\nwork.submit()\n")
    told = run(
        tmp_path,
        "-c",
        "from overnight.sources import Source; from pathlib import Path\n"
        "try: Source.named('eager.py', Path.cwd()).load()\n"
        "except Exception as broken: print(broken.message)",
    )
    assert "talks.work is submitted while" in told


def test_a_submit_in_a_spawned_child_of_an_unguarded_program_names_the_guard(tmp_path: Path) -> None:
    (tmp_path / "talks.py").write_text(
        "import multiprocessing\nfrom overnight.tasks import task\n@task\ndef work(): ...\n"
        "if __name__ == '__mp_main__':\n"
        "    try: work.submit()\n"
        "    except Exception as error: print(error, flush=True)\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=print, args=('ran',))\n"
        "    child.start(); child.join()\n"
    )
    told = run(tmp_path, "talks.py")
    assert "talks.work is submitted while" in told
    assert told.endswith("ran\n")


def test_bad_arguments_are_refused_before_anything_else() -> None:
    with pytest.raises(BadInput, match="argument number should be a valid integer"):
        double.submit("x")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"call 1: .*argument 'number' is missing") as refused:
        double.submit_many([{"number": 1}, {}])
    assert refused.value.field == "number"


def test_without_an_application_a_submit_says_how_tasks_are_imported(tmp_path: Path) -> None:
    (tmp_path / "talks.py").write_text(
        "from overnight.tasks import task\n@task\ndef work(): ...\n"
        "try: work.submit()\nexcept Exception as error: print(error)\n"
    )
    assert "from overnight import task" in run(tmp_path, "talks.py")


def test_a_task_with_other_options_does_not_pass_for_the_one_of_that_name() -> None:
    changed = double.with_options(queue="slow")
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(changed)
    assert isinstance(copy.copy(changed), Task)
