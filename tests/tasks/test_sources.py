"""Where tasks come from: one name for one file, whoever names it, and the code behind it can be loaded."""

import importlib
import json
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.errors import BadTask, NotFound, SourceBroken
from overnight.sources import FileState, Source

FUNCTION = "def work(): ...\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose modules are forgotten afterwards."""
    modules, path = dict(sys.modules), list(sys.path)
    yield tmp_path
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]
    sys.path[:] = path


def write(path: Path, text: str = FUNCTION) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def run(*args: str, cwd: Path, code: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *args], cwd=cwd, input=code, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- names -----------------------------------------------------------------------------------------------


def test_a_file_is_known_by_its_absolute_path(folder: Path) -> None:
    file = write(folder / "talks.py")
    source = Source.named("talks.py", folder)
    assert source == Source(root=str(folder), module="talks", file=str(file))
    assert source.key == str(file)
    assert Source.named(str(file), Path("/")) == Source.named("../x/../" + file.name, folder / "x") == source


def test_a_file_in_a_package_is_known_as_its_module(folder: Path) -> None:
    write(folder / "app/__init__.py", "")
    write(folder / "app/jobs/__init__.py")
    write(folder / "app/jobs/census.py")
    expected = Source(root=str(folder), module="app.jobs.census")
    assert Source.named("app/jobs/census.py", folder) == expected
    assert Source.named("census.py", folder / "app/jobs") == expected
    assert Source.named("app.jobs.census", folder) == expected
    assert expected.key == f"{folder}::app.jobs.census"
    assert Source.named("app.jobs", folder) == Source.named("app/jobs/__init__.py", folder)
    assert Source.named("app.jobs", folder) == Source(root=str(folder), module="app.jobs")


def test_a_package_without_init_is_known_by_its_dotted_name(folder: Path) -> None:
    write(folder / "app/tasks.py")
    assert Source.named("app.tasks", folder) == Source(root=str(folder), module="app.tasks")


def test_a_module_at_the_top_is_a_file(folder: Path) -> None:
    write(folder / "talks.py")
    assert Source.named("talks", folder) == Source.named("talks.py", folder)


def test_keys_are_read_back(folder: Path) -> None:
    write(folder / "app/__init__.py", "")
    for path in ("talks.py", "my-talks 2.py", "app/tasks.py"):
        write(folder / path)
        source = Source.named(path, folder)
        assert Source.parse(source.key) == source


def test_a_symlink_is_the_file_behind_it(folder: Path) -> None:
    write(folder / "talks.py")
    (folder / "link.py").symlink_to("talks.py")
    assert Source.named("link.py", folder) == Source.named("talks.py", folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nope.py", "there is no file"),
        ("a/b.py", "there is no file"),
        ("./app", "a folder is no module"),
        ("nope", "there is no module 'nope'"),
        ("app.nope", "there is no module 'app.nope'"),
        ("app.tasks.deeper", "there is no module"),
        ("app..tasks", "there is no module"),
        ("sys", "there is no module 'sys'"),
    ],
)
def test_what_is_not_there_is_not_found(folder: Path, text: str, words: str) -> None:
    write(folder / "app/__init__.py", "")
    write(folder / "app/tasks.py")
    with pytest.raises(NotFound) as missing:
        Source.named(text, folder)
    assert words in str(missing.value)
    assert "hint: " in str(missing.value)


def test_a_function_knows_its_source(folder: Path) -> None:
    write(folder / "talks.py")
    write(folder / "app/__init__.py", "")
    write(folder / "app/tasks.py")
    write(folder / "loose/tasks.py")
    sys.path.insert(0, str(folder))
    for name in ("talks", "app.tasks", "loose.tasks"):
        module = importlib.import_module(name)
        assert Source.of(module.work) == Source.named(name, folder)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["talks.py"], "{folder}/talks.py"),
        (["app/tasks.py"], "{folder}::app.tasks"),
        (["-m", "app.tasks"], "{folder}::app.tasks"),
        (["-m", "loose.tasks"], "{folder}::loose.tasks"),
        (["-m", "talks"], "{folder}/talks.py"),
    ],
)
def test_a_program_is_submitted_as_the_file_it_is(folder: Path, args: list[str], expected: str) -> None:
    program = FUNCTION + "from overnight.sources import Source\nprint(Source.of(work).key)\n"
    for path in ("talks.py", "app/tasks.py", "loose/tasks.py"):
        write(folder / path, program)
    write(folder / "app/__init__.py", "")
    assert run(*args, cwd=folder).strip() == expected.format(folder=folder)


@pytest.mark.parametrize("args", [["-"], ["-c", None]])
def test_a_function_that_was_typed_in_has_no_source(folder: Path, args: list[str | None]) -> None:
    code = (
        f"{FUNCTION}from overnight.sources import Source\n"
        "try: Source.of(work)\nexcept Exception as error: print(type(error).__name__, error)\n"
    )
    told = run(*(code if arg is None else arg for arg in args), cwd=folder, code=code)
    assert told.startswith("BadTask work comes from a REPL or a notebook")
    assert "hint: write it into a file" in told


def test_a_function_typed_after_a_file_was_run_has_no_source_either(folder: Path) -> None:
    names = {"__name__": "__main__", "__file__": str(write(folder / "talks.py"))}
    exec(compile(FUNCTION, "<stdin>", "single"), names)
    with pytest.raises(BadTask, match="REPL"):
        Source.of(names["work"])  # type: ignore[arg-type]


def test_a_function_of_a_module_without_a_file_has_no_source() -> None:
    names = {"__name__": "made_up"}
    exec(compile(FUNCTION, "made_up.py", "exec"), names)
    with pytest.raises(BadTask, match="module 'made_up', which has no file"):
        Source.of(names["work"])  # type: ignore[arg-type]


# -- loading ---------------------------------------------------------------------------------------------


def test_a_loaded_file_is_an_ordinary_module(folder: Path) -> None:
    write(folder / "neighbour.py", "WORD = 'here'\n")
    write(
        folder / "talks.py",
        "from __future__ import annotations\n"
        "import dataclasses, pickle, typing, neighbour\n"
        "@dataclasses.dataclass\n"
        "class Talk:\n    title: str\n    next: Talk | None = None\n"
        "copy = pickle.loads(pickle.dumps(Talk('a')))\n"
        "hints = typing.get_type_hints(Talk)\n",
    )
    module = Source.named("talks.py", folder).load()
    assert sys.modules["talks"] is module
    assert module.__name__ == "talks"
    assert module.__file__ == str(folder / "talks.py")
    assert sys.path[0] == str(folder)
    assert module.copy == module.Talk("a")
    assert Source.named("talks.py", folder).load() is module
    assert importlib.import_module("talks") is module


def test_a_package_is_loaded_with_its_relative_imports(folder: Path) -> None:
    write(folder / "app/__init__.py", "")
    write(folder / "app/words.py", "WORD = 'here'\n")
    write(folder / "app/tasks.py", "from .words import WORD\n")
    assert Source.named("app/tasks.py", folder).load().WORD == "here"
    assert sys.path[0] == str(folder)


@pytest.mark.parametrize(
    ("file", "module"), [("my-talks.py", "my_talks"), ("2nd try.py", "_2nd_try"), ("class.py", "class")]
)
def test_a_file_whose_name_is_no_identifier_is_loaded(folder: Path, file: str, module: str) -> None:
    write(folder / file, "import pickle\nclass Talk: pass\nback = pickle.loads(pickle.dumps(Talk))\n")
    source = Source.named(file, folder)
    assert source.module == module
    assert source.load().back is source.load().Talk


def test_a_file_with_the_name_of_a_module_of_python_does_not_take_its_place(folder: Path) -> None:
    write(folder / "queue.py")
    write(folder / "json.py")
    for name, known in (("queue.py", queue), ("json.py", json)):
        source = Source.named(name, folder)
        module = source.load()
        assert module.work
        assert module is source.load()
        assert Source.of(module.work) == source
        assert sys.modules[known.__name__] is known


def test_two_files_of_one_name_are_two_modules(folder: Path) -> None:
    write(folder / "a/talks.py", FUNCTION + "HERE = 'a'")
    write(folder / "b/talks.py", FUNCTION + "HERE = 'b'")
    sources = [Source.named(f"{name}/talks.py", folder) for name in "ab"]
    assert [source.load().HERE for source in sources] == ["a", "b"]
    assert [Source.of(source.load().work) for source in sources] == sources


def test_an_edited_file_is_read_even_within_the_second_and_of_the_same_size(folder: Path) -> None:
    source = Source.named(write(folder / "talks.py", "N = 1\n").name, folder)
    assert source.load().N == 1
    write(folder / "talks.py", "N = 2\n")
    del sys.modules["talks"]
    assert source.load().N == 2


def test_a_module_that_was_imported_from_elsewhere_is_not_taken_for_the_source(folder: Path) -> None:
    for name in "ab":
        write(folder / name / "app/__init__.py", "")
        write(folder / name / "app/tasks.py")
    Source.named("app.tasks", folder / "a").load()
    with pytest.raises(SourceBroken, match="not under"):
        Source.named("app.tasks", folder / "b").load()


BROKEN = [
    ("def oops(:\n", "SyntaxError", 'talks.py", line 1'),
    ("import nowhere_to_be_found\n", "ModuleNotFoundError", "import nowhere_to_be_found"),
    ("def inner():\n    return 1 / 0\n\ninner()\n", "ZeroDivisionError", "line 2, in inner"),
    ("import helper\n", "ValueError", 'helper.py", line 1'),
    ("raise SystemExit(3)\n", "sys.exit(3)", "SystemExit: 3"),
    (
        "class Odd(Exception):\n    def __str__(self): raise OSError\nraise Odd\n",
        "whose str() raised OSError",
        "line 3",
    ),
]


@pytest.mark.parametrize(("text", "message", "traceback"), BROKEN)
@pytest.mark.parametrize("name", ["talks.py", "app/talks.py"])
def test_a_broken_source_says_where_in_its_own_words(
    folder: Path, text: str, message: str, traceback: str, name: str
) -> None:
    write(folder / "app/__init__.py", "")
    write(folder / "helper.py", "raise ValueError('bad data')\n")
    write(folder / name, text)
    source = Source.named(name, folder)
    with pytest.raises(SourceBroken) as broken:
        source.load()
    assert message in broken.value.message
    assert broken.value.message.startswith(f"{source.words} cannot be imported: ")
    assert traceback in broken.value.traceback
    assert "sources.py" not in broken.value.traceback
    assert "importlib" not in broken.value.traceback
    assert "talks" not in sys.modules, "a half-made module is not kept"


def test_a_mended_source_loads(folder: Path) -> None:
    file = write(folder / "talks.py", "1 / 0\n")
    source = Source.named("talks.py", folder)
    with pytest.raises(SourceBroken):
        source.load()
    write(file)
    assert source.load().work


def test_a_file_that_is_gone_is_broken(folder: Path) -> None:
    with pytest.raises(SourceBroken, match="FileNotFoundError"):
        Source.parse(str(folder / "gone.py")).load()
    with pytest.raises(SourceBroken, match="ModuleNotFoundError"):
        Source.parse(f"{folder}::gone.tasks").load()


def test_ctrl_c_while_a_source_is_loaded_is_passed_on(folder: Path) -> None:
    write(folder / "talks.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        Source.named("talks.py", folder).load()


# -- change ----------------------------------------------------------------------------------------------


def test_the_files_of_a_source_are_its_own_and_its_neighbours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "neighbour.py")
    write(folder / "other.py")
    write(folder / ".venv/lib/site-packages/library.py")
    monkeypatch.syspath_prepend(folder / ".venv/lib/site-packages")
    write(folder / "talks.py", "import json, library, neighbour\n")
    source = Source.named("talks.py", folder)
    source.load()
    files = source.files()
    assert [Path(file.path).name for file in files] == ["neighbour.py", "talks.py"]
    found = (folder / "talks.py").stat()
    assert files[1] == FileState(str(folder / "talks.py"), found.st_mtime_ns, found.st_size)


def test_a_change_and_a_loss_are_seen(folder: Path) -> None:
    write(folder / "neighbour.py")
    write(folder / "talks.py", "import neighbour\n")
    source = Source.named("talks.py", folder)
    source.load()
    before = source.files()
    write(folder / "neighbour.py", "def work(): return 1\n")
    changed = source.files()
    assert before[0] != changed[0]
    assert before[1] == changed[1]
    (folder / "neighbour.py").unlink()
    assert source.files()[0].size == -1


def test_the_files_of_a_package_are_those_under_its_root(folder: Path) -> None:
    write(folder / "app/__init__.py", "")
    write(folder / "app/models.py")
    write(folder / "app/tasks.py", "from app import models\n")
    source = Source.named("app.tasks", folder)
    source.load()
    assert [Path(file.path).name for file in source.files()] == ["__init__.py", "models.py", "tasks.py"]
