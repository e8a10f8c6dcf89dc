"""The census of the standard library counts right, and one that was interrupted equals one that was not."""

import ast
import json
import re
import symtable
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from examples.stdlib_census import (
    Count,
    Function,
    Module,
    Report,
    Totals,
    Unparsable,
    census,
    measure,
    measure_tree,
    python_files,
    sum_up,
)
from overnight.inside.values import decode, encode

# Complexity, by hand: one, and one more for every condition


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        ("pass", 1),
        ("if a: pass\nelse: pass", 2),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("if a and b or c: pass", 4),
        ("if a < b < c: pass", 2),
        ("while a: pass\nelse: pass", 2),
        ("for a in b: pass\nelse: pass", 2),
        ("with a: pass", 1),
        ("return a if b else c", 2),
        ("return not a", 1),
        ("return [a for a in b if a if c]", 4),
        ("return {a: c for a in b for c in a}", 3),
        ("try: a\nexcept OSError: b\nexcept ValueError: c\nelse: d\nfinally: e", 3),
        ("try: a\nfinally: b", 1),
        ("try: a\nexcept* OSError: b", 2),
        ("assert a", 2),
        ("match a:\n case 1: b\n case 2 | 3: c\n case _: d", 3),
        ("match a:\n case 1 if b: c\n case d if e: f\n case g: h", 4),
        ("return lambda: a if b else c", 2),
        ("def inner():\n if a: pass", 1),
        ("class Inner:\n if a: pass", 1),
    ],
)
def test_complexity_is_one_more_than_the_number_of_conditions(body: str, complexity: int) -> None:
    source = "def outer():\n" + "".join(f" {line}\n" for line in body.splitlines())
    assert functions_of(source)["outer"].complexity == complexity


def test_async_loops_count_like_loops() -> None:
    source = "async def outer():\n async for a in b:\n  async with c: pass\n return [d async for d in a]"
    assert functions_of(source)["outer"].complexity == 3


def test_a_function_inside_another_is_counted_for_itself() -> None:
    source = "def outer():\n if a: pass\n def inner():\n  while b:\n   if c: pass\n return inner"
    found = functions_of(source)
    assert {name: function.complexity for name, function in found.items()} == {"outer": 2, "outer.inner": 3}


# What a file holds

SMALL = '''\
"""A module."""
import os, os.path, xml.dom as dom
from json import loads
from . import neighbour
from .inner import thing

class Greeter:
    """A class."""

    def greet(self):
        """A method."""
        import random

        class Local: pass
        return random

    @property
    @staticmethod
    async def name():
        return (
            1
        )

def bare(): "text"; return 1
'''


def test_a_file_is_counted_by_its_modules_classes_functions_docstrings_and_imports() -> None:
    module = measure_tree(ast.parse(SMALL), "small.py")
    assert (module.classes, len(module.functions), module.documented) == (2, 3, 4)
    assert module.imports == {"os", "xml", "json", "random"}


def test_a_function_has_its_full_name_the_line_of_its_def_and_its_length() -> None:
    found = functions_of(SMALL)
    assert {name: (function.line, function.length) for name, function in found.items()} == {
        "Greeter.greet": (10, 6),
        "Greeter.name": (19, 4),
        "bare": (24, 1),
    }


def test_lines_are_counted_as_they_stand_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "crlf.py").write_bytes(b"a = 1\r\nb = 2\r\n# the last has no end")
    assert measured(tmp_path / "crlf.py").lines == 3


def test_a_comment_is_one_wherever_it_stands_and_no_text_that_looks_like_one(tmp_path: Path) -> None:
    (tmp_path / "said.py").write_text('# one\na = \'# no\'  # two\n"""\n# no\n"""\n  # three\n')
    assert measured(tmp_path / "said.py").comments == 3


def test_an_empty_file_is_a_module_without_lines(tmp_path: Path) -> None:
    (tmp_path / "empty.py").touch()
    assert measure(tmp_path / "empty.py", "empty.py") == Module("empty.py", 0, 0, [], 0, 0, set())


def test_a_file_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes("# coding: latin-1\ndef größe(): pass\n".encode("latin-1"))
    assert [function.name for function in measured(tmp_path / "latin.py").functions] == ["größe"]


def test_invalid_escapes_are_no_news(tmp_path: Path) -> None:
    """A warning would be an error here."""
    (tmp_path / "escape.py").write_text(r"a = '\d'" "\n")
    assert measured(tmp_path / "escape.py").lines == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"print 'two'\n", "print"),
        (b"def f():\nreturn\n", "expected an indented block"),
        (b"# coding: no-such-thing\n", "unknown encoding: no-such-thing"),
        (b"a = '\xff'\n", "utf-8"),
        (b"a = 1\0\n", "null byte"),
        (b"(" * 250 + b")" * 250, "too many nested parentheses"),
        (b"-" * 100_000 + b"1\n", ""),
    ],
)
def test_what_does_not_parse_is_counted_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "odd.py").write_bytes(content)
    found = measure(tmp_path / "odd.py", "odd.py")
    assert isinstance(found, Unparsable)
    assert found.reason
    assert reason in found.reason


def test_a_link_to_nowhere_is_counted_as_what_does_not_parse(tmp_path: Path) -> None:
    (tmp_path / "dead.py").symlink_to(tmp_path / "nowhere.py")
    assert isinstance(measure(tmp_path / "dead.py", "dead.py"), Unparsable)


def test_nesting_deeper_than_a_recursive_walk_could_go_is_measured(tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text("def deep(): return " + " + ".join(["a"] * 1_500) + "\n")
    assert [function.complexity for function in measured(tmp_path / "deep.py").functions] == [1]


def test_installed_packages_and_caches_are_not_the_library(tmp_path: Path) -> None:
    for name in (
        "b.py",
        "a/z.py",
        "a/b.txt",
        "site-packages/c.py",
        "a/dist-packages/d.py",
        "__pycache__/e.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert python_files(tmp_path) == ["a/z.py", "b.py"]


# Cut in two and resumed

names = st.text("abc", min_size=1, max_size=2)
files = st.builds("{}/{}.py".format, names, names)
small = st.integers(0, 5)
functions = st.builds(
    Function, file=files, line=st.integers(1, 9), name=names, length=st.integers(1, 9), complexity=small
)
modules = st.builds(
    Module,
    file=files,
    lines=small,
    comments=small,
    functions=st.lists(functions, max_size=4),
    classes=small,
    documented=small,
    imports=st.sets(names, max_size=3),
)
found = st.lists(st.one_of(modules, st.builds(Unparsable, file=files, reason=names)), max_size=12)


@given(found=found, cut=st.integers(0, 12), top=st.integers(1, 4))
def test_a_census_resumed_from_its_saved_totals_equals_the_whole(
    found: list[Module | Unparsable], cut: int, top: int
) -> None:
    resumed: Totals = decode(encode(counted(found[:cut], top)))  # as job.restore writes and reads it
    for one in found[cut:]:
        resumed.add(one, top)
    assert sum_up(resumed, Path("lib"), top) == sum_up(counted(found, top), Path("lib"), top)


@given(found=found, top=st.integers(1, 4))
def test_tables_have_the_greatest_first_and_no_more_rows_than_asked_for(
    found: list[Module | Unparsable], top: int
) -> None:
    report = sum_up(counted(found, top), Path("lib"), top)
    of_all = [function for one in found if isinstance(one, Module) for function in one.functions]
    assert [one.length for one in report.longest] == sorted((one.length for one in of_all), reverse=True)[
        :top
    ]
    assert [one.complexity for one in report.most_complex] == sorted(
        (one.complexity for one in of_all), reverse=True
    )[:top]
    assert [number for _, number in report.imported] == sorted(
        (number for _, number in report.imported), reverse=True
    )
    assert max(len(report.packages), len(report.imported)) <= top


@given(found=found)
def test_the_packages_sum_up_to_the_whole(found: list[Module | Unparsable]) -> None:
    totals = counted(found, top=1)
    parts = list(totals.packages.values())
    assert totals.whole == Count(
        files=sum(part.files for part in parts),
        lines=sum(part.lines for part in parts),
        comments=sum(part.comments for part in parts),
        functions=sum(part.functions for part in parts),
        classes=sum(part.classes for part in parts),
        documented=sum(part.documented for part in parts),
        complexity=sum(part.complexity for part in parts),
        above_limit=sum(part.above_limit for part in parts),
    )


# A real folder, counted another way

FOLDER = Path(json.__file__).parent


def test_the_json_package_is_counted_as_its_symbols_lines_and_tokens_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
    kinds = [kind for source in sources.values() for kind in definitions_by_symtable(source)]

    report = census(FOLDER)

    assert report.whole.files == len(sources) >= 5
    assert report.whole.lines == sum(len(source.splitlines()) for source in sources.values())
    assert report.whole.functions == kinds.count("function") > 0
    assert report.whole.classes == kinds.count("class") > 0
    assert report.whole.documented == sum(map(docstrings_by_tokens, sources.values())) > 0
    assert dict(report.imported) == importers_by_lines(sources)
    assert {name for name, _ in report.packages} == {name.removesuffix(".py") for name in sources}
    assert report.unparsable == []
    assert "The most complex functions" in capsys.readouterr().out


def test_a_report_survives_being_written_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    report = census(FOLDER, top=3)
    adapter = TypeAdapter(Report)
    assert adapter.validate_json(adapter.dump_json(report)) == report


def test_the_tables_are_the_same_text_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    census(FOLDER, top=3)
    first = capsys.readouterr().out
    census(FOLDER, top=3)
    assert capsys.readouterr().out == first
    assert not [line for line in first.splitlines() if line != line.rstrip()]


def functions_of(source: str) -> dict[str, Function]:
    module = measure_tree(ast.parse(dedent(source)), "small.py")
    return {function.name: function for function in module.functions}


def measured(path: Path) -> Module:
    module = measure(path, path.name)
    assert isinstance(module, Module), module
    return module


def counted(found: list[Module | Unparsable], top: int) -> Totals:
    totals = Totals()
    for one in found:
        totals.add(one, top)
    return totals


def definitions_by_symtable(source: str) -> Iterator[str]:
    """List the kinds of all that the compiler's symbol tables have a name for: functions and classes."""
    waiting = [symtable.symtable(source, "<source>", "exec")]
    for table in waiting:
        waiting += table.get_children()
        if table.get_name() not in {"top", "lambda", "genexpr", "listcomp", "setcomp", "dictcomp"}:
            yield str(table.get_type())


def docstrings_by_tokens(source: str) -> int:
    """Count the strings that open the file, or the block of a `def` or `class`."""
    lines = iter(source.splitlines(keepends=True))
    tokens = [
        token
        for token in tokenize.generate_tokens(lambda: next(lines, ""))
        if token.type not in {tokenize.COMMENT, tokenize.NL}
    ]
    starts = [0, *(at + 1 for at, token in enumerate(tokens) if token.type == tokenize.NEWLINE)]
    number = tokens[0].type == tokenize.STRING
    for head, body in pairwise(starts):
        words = {token.string for token in tokens[head : head + 3]}
        opens = tokens[body].type == tokenize.INDENT and words & {"def", "class"}
        number += bool(opens) and tokens[body + 1].type == tokenize.STRING
    return number


def importers_by_lines(sources: dict[str, str]) -> dict[str, int]:
    """Count by lines that begin with `import` or `from` how many files import each module."""
    importers: dict[str, int] = {}
    for source in sources.values():
        for name in set(re.findall(r"^\s*(?:import|from) (\w+)", source, re.MULTILINE)):
            importers[name] = importers.get(name, 0) + 1
    return importers
