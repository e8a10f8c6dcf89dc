"""A census of the Python standard library: every file parsed, every function measured, the extremes reported.

    overnight run examples/stdlib_census.py:census      # a job: log off, or kill it; it goes on
    python examples/stdlib_census.py                    # the same function, called; a bar in the terminal

Nothing below knows whether it runs as a job. Two lines make it one that goes on where it was killed:
`job.restore(...)` holds what was counted, and `track(..., resume=True)` knows what was read.
"""

import ast
import os
import platform
import sysconfig
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from textwrap import shorten

from overnight import job, task, track

Row = tuple[str | int | float, ...]

NOT_ITS_OWN = {"site-packages", "dist-packages", "__pycache__"}
MCCABES_LIMIT = 10  # "a reasonable, but not magical, upper limit", as he put it


# What is counted


@dataclass(frozen=True)
class Function:
    """A function or method, with its length in lines and its cyclomatic complexity."""

    file: str
    line: int
    name: str
    length: int
    complexity: int


@dataclass(frozen=True)
class Module:
    """What one file holds; `imports` are the top names that it imports, its own package's apart."""

    file: str
    lines: int
    comments: int
    functions: list[Function]
    classes: int
    documented: int
    imports: set[str]


@dataclass(frozen=True)
class Unparsable:
    """A file that is no Python of this version, and why; some are there to test the library's parsers."""

    file: str
    reason: str


@dataclass
class Count:
    """Sums over some files: the whole library, or one package of it."""

    files: int = 0
    lines: int = 0
    comments: int = 0
    functions: int = 0
    classes: int = 0
    documented: int = 0
    complexity: int = 0
    above_limit: int = 0

    def add(self, module: Module) -> None:
        """Add one file."""
        complexities = [function.complexity for function in module.functions]
        self.files += 1
        self.lines += module.lines
        self.comments += module.comments
        self.functions += len(complexities)
        self.classes += module.classes
        self.documented += module.documented
        self.complexity += sum(complexities)
        self.above_limit += sum(complexity > MCCABES_LIMIT for complexity in complexities)

    @property
    def docstring_share(self) -> float:
        """The part of all modules, classes and functions that has a docstring."""
        return self.documented / max(self.files + self.functions + self.classes, 1)


@dataclass
class Totals:
    """The state of a census between two files: small, because it is saved twice a second."""

    whole: Count = field(default_factory=Count)
    packages: dict[str, Count] = field(default_factory=dict)
    importers: dict[str, int] = field(default_factory=dict)
    longest: list[Function] = field(default_factory=list)
    most_complex: list[Function] = field(default_factory=list)
    unparsable: list[Unparsable] = field(default_factory=list)

    def add(self, found: Module | Unparsable, top: int) -> None:
        """Add what one file holds, and of the functions keep the `top` ones."""
        if isinstance(found, Unparsable):
            self.unparsable.append(found)
            return
        self.whole.add(found)
        package = found.file.partition("/")[0].removesuffix(".py")
        self.packages.setdefault(package, Count()).add(found)
        for name in found.imports:
            self.importers[name] = self.importers.get(name, 0) + 1
        self.longest = sorted([*self.longest, *found.functions], key=by_length)[:top]
        self.most_complex = sorted([*self.most_complex, *found.functions], key=by_complexity)[:top]


@dataclass(frozen=True)
class Report:
    """The result of a census; each list begins with the greatest, and equals follow by name."""

    python: str
    folder: Path
    whole: Count
    packages: list[tuple[str, Count]]
    imported: list[tuple[str, int]]
    longest: list[Function]
    most_complex: list[Function]
    unparsable: list[Unparsable]


def by_length(function: Function) -> tuple[int, str, int]:
    """Order functions by length, the longest first."""
    return -function.length, function.file, function.line


def by_complexity(function: Function) -> tuple[int, str, int]:
    """Order functions by complexity, the most complex first."""
    return -function.complexity, function.file, function.line


# The task


@task
def census(folder: Path | None = None, top: int = 10) -> Report:
    """Measure every Python file below a folder.

    Args:
        folder: Where to look; by default the standard library of this Python, its tests included.
        top: How many rows each table has.
    """
    root = folder or Path(sysconfig.get_path("stdlib"))
    files = python_files(root)
    totals = job.restore(Totals())
    for file in track(files, "parsing", resume=True):
        totals.add(measure(root / file, file), top)
    report = sum_up(totals, root, top)
    show(report)
    return report


def python_files(root: Path) -> list[str]:
    """List the Python files below a folder by their paths in it, in the same order at every start."""
    files = []
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_ITS_OWN]
        inside = Path(place).relative_to(root)
        files += [(inside / name).as_posix() for name in names if name.endswith(".py")]
    return sorted(files)


def sum_up(totals: Totals, folder: Path, top: int) -> Report:
    """Put totals into the order of a report."""
    packages = sorted(totals.packages.items(), key=lambda item: (-item[1].lines, item[0]))
    imported = sorted(totals.importers.items(), key=lambda item: (-item[1], item[0]))
    return Report(
        python=platform.python_version(),
        folder=folder,
        whole=totals.whole,
        packages=packages[:top],
        imported=imported[:top],
        longest=totals.longest,
        most_complex=totals.most_complex,
        unparsable=totals.unparsable,
    )


# How a file is measured

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.ClassDef | FunctionNode
DECISIONS = frozenset(
    {ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert, ast.comprehension}
)


def measure(path: Path, file: str) -> Module | Unparsable:
    """Parse one file and count what it holds; `file` is the name under which that is reported."""
    try:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a test is not news
            tree = ast.parse(source, file)
            tokens = tokenize.tokenize(BytesIO(source).readline)
            comments = sum(token.type == tokenize.COMMENT for token in tokens)
    except (OSError, SyntaxError, ValueError, tokenize.TokenError, RecursionError, MemoryError) as error:
        # A link to nowhere; another version's grammar; bytes that do not fit the encoding, or are null;
        # nesting that is too deep for the parser (which calls that a lack of memory).
        return Unparsable(file, getattr(error, "msg", "") or str(error) or type(error).__name__)
    return measure_tree(tree, file, lines=len(source.splitlines()), comments=comments)


def measure_tree(tree: ast.Module, file: str, *, lines: int = 0, comments: int = 0) -> Module:
    """Count what the syntax tree of a file holds, and put it beside what its text holds."""
    functions: list[Function] = []
    imports: set[str] = set()
    scopes: list[tuple[str, ast.Module | Definition]] = [("", tree)]
    documented = 0
    for prefix, scope in scopes:  # grows by the scopes that are found in it
        documented += ast.get_docstring(scope, clean=False) is not None
        complexity = 1
        for node in own_nodes(scope):
            complexity += decisions(node)
            if isinstance(node, Definition):
                scopes.append((f"{prefix}{node.name}.", node))
            elif isinstance(node, ast.Import):
                imports |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imports.add(node.module.partition(".")[0])
        if isinstance(scope, FunctionNode):
            length = (scope.end_lineno or scope.lineno) - scope.lineno + 1
            functions.append(Function(file, scope.lineno, prefix.removesuffix("."), length, complexity))
    classes = len(scopes) - len(functions) - 1
    return Module(file, lines, comments, functions, classes, documented, imports)


def own_nodes(scope: ast.Module | Definition) -> Iterator[ast.AST]:
    """Walk what belongs to a scope itself: the functions and classes in it, but not what is in those.

    No recursion: some tests of the library nest deeper than Python's stack.
    """
    waiting: list[ast.AST] = list(scope.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Definition):
            waiting.extend(ast.iter_child_nodes(node))


def decisions(node: ast.AST) -> int:
    """Count the conditions that one node tests.

    Their number plus one is the cyclomatic complexity. "Count conditions instead of predicates": each part of
    a compound one counts (T. J. McCabe, "A Complexity Measure", IEEE Transactions on Software Engineering
    SE-2 (4), 1976, pages 308-320). In Python's terms: one each for `if` (also as an expression, and in a
    comprehension), `for`, `while`, `except`, `assert`, `and`, `or`, a `case` that may not match, a guard;
    none for `else`, `finally` and `with`. A lambda belongs to the function around it.
    """
    kind = type(node)
    if kind in DECISIONS:
        return 1 + len(node.ifs) if isinstance(node, ast.comprehension) else 1
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.match_case):
        always_matches = isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None
        return (not always_matches) + (node.guard is not None)
    return 0


# How it is shown


def show(report: Report) -> None:
    """Print a report; in a job this goes to its log."""
    whole, functions = report.whole, max(report.whole.functions, 1)
    print(
        f"\nPython {report.python}: {whole.files:,} files, {whole.lines:,} lines, "
        f"{whole.comments:,} comments, {whole.classes:,} classes, {whole.functions:,} functions.\n"
        f"{whole.docstring_share:.1%} of the modules, classes and functions have a docstring. The functions' "
        f"complexity\nis {whole.complexity / functions:.2f} on average; "
        f"{whole.above_limit / functions:.1%} of them are above McCabe's limit of {MCCABES_LIMIT}."
    )
    function = ["function", "where", "lines", "complexity"]
    package = ["package", "files", "lines", "comments", "functions", "classes", "documented"]
    show_table("The largest packages", package, map(package_row, report.packages))
    show_table("The most imported modules", ["module", "files that import it"], report.imported)
    show_table("The longest functions", function, map(function_row, report.longest))
    show_table("The most complex functions", function, map(function_row, report.most_complex))
    show_table("Files that do not parse", ["file", "why"], map(unparsable_row, report.unparsable))


def package_row(package: tuple[str, Count]) -> Row:
    """Make a package a row of a table."""
    name, count = package
    numbers = (count.files, count.lines, count.comments, count.functions, count.classes)
    return name, *numbers, count.docstring_share


def function_row(function: Function) -> Row:
    """Make a function a row of a table."""
    return function.name, f"{function.file}:{function.line}", function.length, function.complexity


def unparsable_row(found: Unparsable) -> Row:
    """Make a file that does not parse a row of a table."""
    return found.file, shorten(found.reason, 60)


def show_table(title: str, columns: list[str], rows: Iterable[Row]) -> None:
    """Print rows under a title, texts to the left and numbers to the right; without rows, nothing."""
    rows = list(rows)
    if not rows:
        return
    sides = ["<" if isinstance(cell, str) else ">" for cell in rows[0]]
    table = [columns, *(list(map(as_text, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print(f"\n{title}\n{'─' * (sum(widths) + 2 * len(widths) - 2)}")
    for row in table:
        cells = zip(row, sides, widths, strict=True)
        print("  ".join(f"{cell:{side}{width}}" for cell, side, width in cells).rstrip())


def as_text(cell: str | int | float) -> str:
    """Write a number with its thousands, a share in percent."""
    if isinstance(cell, float):
        return f"{cell:.0%}"
    return cell if isinstance(cell, str) else f"{cell:,}"


if __name__ == "__main__":
    census()
