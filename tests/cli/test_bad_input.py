"""Whatever is asked for that cannot be: a clear error, a hint, the right exit code, and nothing half-done."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.commands import Answer, Commands

TASKS = '''
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from overnight import task


@dataclass
class Server:
    host: str
    port: int = 80


@task
def typed(
    top: Annotated[int, Field(gt=0, le=100)],
    share: float = 0.5,
    kind: Literal["a", "b"] = "a",
    server: Server | None = None,
    words: list[str] = [],
    anything=None,
) -> int:
    """Take arguments of many types."""
    return top


@task
def returns_nan() -> float:
    """Come back."""
    return float("nan")


class Thing:
    def method(self) -> None:
        """A method."""


anonymous = lambda: None  # noqa: E731


def _private() -> None:
    """A helper."""


def takes_a_lock(lock: "threading.Lock") -> None:
    """Take what JSON cannot hold."""


number = 5
'''


@pytest.fixture
def overnight(tmp_path: Path) -> Commands:
    commands = Commands(tmp_path)
    (tmp_path / "bad.py").write_text(TASKS)
    return commands


def refused(overnight: Commands, *words: str, code: int = 2, stdin: str = "") -> Answer:
    """Run a command that must be refused: with words for people and for programs, and without a trace."""
    before = overnight.home.exists()
    answer = overnight(*words, stdin=stdin)
    assert (answer.code, answer.out) == (code, ""), answer
    assert "error: " in answer.err
    assert "Traceback" not in answer.err
    assert "hint: " in answer.err, answer
    assert before or not overnight.home.exists()
    as_json = overnight(words[0], "--json", *words[1:], stdin=stdin)
    problem = json.loads(as_json.err)
    assert (as_json.code, as_json.out) == (code, "")
    assert set(problem) >= {"type", "title", "detail", "hint", "field"}
    return answer


def test_there_is_no_such_task(overnight: Commands) -> None:
    answer = refused(overnight, "run", "bad.py:typeds", "--top", "1")
    assert "has no task 'typeds'" in answer.err
    assert "did you mean 'typed'?" in answer.err
    assert "no task 'nothing'" in refused(overnight, "run", "bad.py:nothing").err
    assert "knows a task 'nothing'" in refused(overnight, "run", "nothing").err


@pytest.mark.parametrize("target", ["nofile.py:typed", "no.module:typed", "nofile.py", "bad:typed:x"])
def test_there_is_no_such_file_or_module(overnight: Commands, target: str) -> None:
    refused(overnight, "run", target)


def test_a_file_alone_is_answered_with_its_tasks(overnight: Commands) -> None:
    answer = refused(overnight, "run", "bad.py")
    assert "overnight run bad.py:typed" in answer.err
    assert "overnight run bad.py:returns_nan" in answer.err


@pytest.mark.parametrize(
    ("words", "said", "field"),
    [
        ([], "--top is missing", "top"),
        (["--top", "x"], "argument top should be a valid integer", "top"),
        (["--top", "0"], "argument top should be greater than 0", "top"),
        (["--top", "101"], "argument top should be less than or equal to 100", "top"),
        (["--top", "1.5"], "argument top should be a valid integer", "top"),
        (["--top", "1", "--kind", "c"], "argument kind should be 'a' or 'b'", "kind"),
        (["--top", "1", "--share", "nan"], "argument share is nan", "share"),
        (["--top", "1", "--share", "1e999"], "argument share", "share"),
        (["--top", "1", "--server", "{"], "--server: this is no JSON", "server"),
        (["--top", "1", "--server", '{"port": 1}'], "argument server.host is missing", "server"),
        (["--top", "1", "--server.port", "x"], "argument server.", "server"),
        (["--top", "1", "--server", '{"host": "h", "x": 1}'], "argument server.x", "server"),
        (["--top", "1", "--words", "half \udce4"], "argument words[0] has half a character", "words"),
        (["--top", "1", "--tpo", "2"], "there is no option --tpo", None),
        (["--top"], "requires an argument", None),
        (["5"], "'5' stands alone", None),
        (["--top", "1", "--detach"], "there is no option --detach of bad.typed", None),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    overnight: Commands, words: list[str], said: str, field: str | None
) -> None:
    answer = refused(overnight, "run", "bad.py:typed", *words)
    assert said in answer.err
    assert "call it as" not in answer.err
    assert json.loads(overnight("run", "--json", "bad.py:typed", *words).err)["field"] == field


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "--input: this is no JSON"),
        ('{"top": NaN}', "--input: this is no JSON"),
        ('{"top": Infinity}', "--input: this is no JSON"),
        ("[1]", "--input [1]"),
        ("nowhere.json", "--input nowhere.json: No such file"),
        ('{"top": 1, "size": 2}', "argument 'size' does not exist"),
        ('{"top": null}', "argument top should be a valid integer"),
        ('{"top": 1, "words": ["half \\ud800"]}', "--input: this is no JSON"),
        ('{"top": 1, "anything": ' + "[" * 1000 + "]" * 1000 + "}", "more than 100 levels deep"),
        ('{"top": 1, "anything": ' + "[" * 101 + "]" * 101 + "}", "more than 100 levels deep"),
    ],
)
def test_input_that_is_no_json_of_the_task_is_refused(overnight: Commands, given: str, said: str) -> None:
    assert said in refused(overnight, "run", "--input", given, "bad.py:typed").err


def test_nul_is_a_character_as_any_other(overnight: Commands) -> None:
    job = overnight.program(
        "run",
        "--json",
        "--detach",
        "--delay",
        "1h",
        "--input",
        '{"top": 1, "words": ["a\\u0000b"]}',
        "bad.py:typed",
    )
    assert json.loads(job.out)["input"]["words"] == ["a\0b"]
    overnight.end_workers()


def test_fifty_megabytes_are_too_many(overnight: Commands) -> None:
    (overnight.folder / "large.json").write_text(json.dumps({"top": 1, "words": ["x" * 50_000_000]}))
    answer = refused(overnight, "run", "--input", "large.json", "bad.py:typed")
    assert "argument 'words'" in answer.err
    assert "the limit is 1.0 MiB" in answer.err
    assert len(answer.err) < 1000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("anonymous", "lambda"),
        ("Thing", "Thing"),
        ("Thing.method", "Thing.method"),
        ("_private", "underscore"),
        ("takes_a_lock", "threading"),
        ("number", "number"),
    ],
)
def test_what_no_worker_could_call_is_no_task(overnight: Commands, name: str, said: str) -> None:
    assert said in refused(overnight, "run", f"bad.py:{name}").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timeout", "soon"], "option timeout='soon'"),
        (["--timeout", "-1"], "option timeout='-1'"),
        (["--memory", "much"], "option memory='much'"),
        (["--attempts", "0"], "option attempts=0"),
        (["--attempts", "x"], "'x' is not a valid integer"),
        (["--at", "someday"], "option at='someday'"),
        (["--queue", ""], "option queue=''"),
        (["--progress", "loud"], "'loud' is not one of"),
    ],
)
def test_options_of_a_call_that_cannot_be_are_named(overnight: Commands, words: list[str], said: str) -> None:
    assert said in refused(overnight, "run", *words, "bad.py:typed", "--top", "1").err


# -- files that do not import ------------------------------------------------------------------------


def test_a_file_that_fails_on_import_shows_its_own_traceback(overnight: Commands) -> None:
    broken = overnight.folder / "broken.py"
    broken.write_text("def helper():\n    return 1 / 0\n\n\nhelper()\n")
    answer = overnight("run", "broken.py:anything")
    assert (answer.code, answer.out) == (2, "")
    assert f'File "{broken}", line 2, in helper' in answer.err
    assert "ZeroDivisionError" in answer.err
    assert "importlib" not in answer.err
    assert answer.err.splitlines()[-1].startswith("hint: ")
    problem = json.loads(overnight("run", "--json", "broken.py:anything").err)
    assert problem["type"] == "source-broken"
    assert "ZeroDivisionError" in problem["traceback"]
    assert not overnight.home.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", "SyntaxError"),
        ("import no_such_module_anywhere\n", "No module named 'no_such_module_anywhere'"),
        ("raise SystemExit(3)\n", "sys.exit(3)"),
        (
            "from overnight import task\n\n@task(name='a')\ndef f(): ...\n\n@task(name='a')\ndef g(): ...\n",
            "a is declared twice",
        ),
        ("from overnight import task\n\n@task(retries=3)\ndef f(): ...\n", "attempts"),
        ("from overnight import task\n\n@task\ndef f(x: type): ...\n", "x"),
        ("from overnight import task\n\nf = task(lambda: None)\n", "lambda"),
        (
            "from overnight import task\n\n@task\ndef f(): ...\n\nf.submit()\n",
            'if __name__ == "__main__":',
        ),
    ],
)
def test_a_file_that_cannot_be_served_says_why(overnight: Commands, text: str, said: str) -> None:
    (overnight.folder / "broken.py").write_text(text)
    for words in (["run", "broken.py:f"], ["run", "broken.py"]):
        answer = overnight(*words)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
    listed = overnight("tasks", "broken.py", "bad.py")
    assert listed.code == 2
    assert said in listed.out
    assert "bad.typed" in listed.out  # the other one is told all the same


def test_what_a_module_prints_is_no_part_of_the_answer(overnight: Commands) -> None:
    (overnight.folder / "loud.py").write_text("print('hello')\n\ndef f() -> None: ...\n")
    answer = overnight("tasks", "--json", "loud.py")
    assert json.loads(answer.out)[0]["tasks"][0]["name"] == "loud.f"
    assert "hello" in answer.err


# -- jobs and stores ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["show", "logs", "wait", "result", "cancel", "retry"])
def test_a_job_that_does_not_exist_names_the_store(overnight: Commands, command: str) -> None:
    assert str(overnight.home) in refused(overnight, command, "0123abcd", code=5).err
    overnight.make_store()
    answer = refused(overnight, command, "0123abcd", code=5)
    assert str(overnight.home) in answer.err
    assert "overnight ls" in answer.err
    assert overnight(command, "@last").code == 5


def test_a_worker_without_anything_to_serve_is_refused(overnight: Commands) -> None:
    for words in (["worker"], ["worker", "nofile.py"], ["worker", "--idle", "soon", "bad.py"]):
        answer = overnight(*words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith("error: ")
    assert not overnight.home.exists()


def test_a_file_that_is_no_store_is_left_as_it_is(overnight: Commands) -> None:
    overnight.home.mkdir()
    (overnight.home / "overnight.db").write_text("no database, but somebody's words" * 100)
    for words in (["ls"], ["run", "bad.py:typed", "--top", "1"], ["doctor", "--verify"]):
        answer = overnight(*words)
        assert (answer.code, answer.out) == (1, ""), answer
        assert "hint: " in answer.err
    assert (overnight.home / "overnight.db").read_text().startswith("no database")
    told = overnight.json("doctor", "--json")
    assert any("overnight.db" in finding["what"] for finding in told["unsafe"])


def test_a_database_of_others_is_left_as_it_is(overnight: Commands) -> None:
    overnight.home.mkdir()
    with sqlite3.connect(overnight.home / "overnight.db") as other:
        other.execute("create table mine (x)")
    other.close()
    answer = overnight("run", "bad.py:typed", "--top", "1")
    assert answer.code == 1
    assert "hint: " in answer.err


def test_a_store_of_the_future_is_refused_and_left_alone(overnight: Commands) -> None:
    overnight.make_store()
    overnight.in_store("update alembic_version set version_num = '0099'")
    overnight.in_store("update meta set value = '99' where name = 'oldest_code'")
    for words in (["ls"], ["run", "bad.py:typed", "--top", "1"]):
        answer = overnight(*words)
        assert (answer.code, answer.out) == (1, "")
        assert "newer overnight" in answer.err
        assert "hint: " in answer.err


def test_a_home_that_is_a_file_is_refused(overnight: Commands) -> None:
    overnight.home.write_text("a file")
    answer = overnight("run", "bad.py:typed", "--top", "1")
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert "hint: " in answer.err


def test_settings_that_cannot_be_read_name_their_origin(overnight: Commands) -> None:
    overnight.env["OVERNIGHT_SLOTS"] = "many"
    answer = refused(overnight, "ls")
    assert "OVERNIGHT_SLOTS" in answer.err
    assert "'many'" in answer.err


def test_a_result_that_json_cannot_hold_fails_the_job_and_says_so(overnight: Commands) -> None:
    answer = overnight.program("run", "bad.py:returns_nan")
    assert (answer.code, answer.out) == (3, "")
    assert "nan" in answer.err
    assert "hint: " in answer.err
    overnight.end_workers()
